"""The loop of pool-based active learning, with its state on disk."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError, WorkspaceLockedError
from nanonet.seeds import generator
from nanonet.training.active.candidates import Candidates
from nanonet.training.active.goal import Goal, finds
from nanonet.training.active.oracle import Answer, Answers, Oracle
from nanonet.training.active.strategy import Records, Strategy
from nanonet.training.record import write_json

log = logging.getLogger(__name__)
STATE, SCHEMA = "state.json", 1


@dataclass(frozen=True)
class Progress:
    """Where a loop stands.

    Args:
        rounds: batches that were proposed, the initial one not counted.
        simulations: candidates asked in them; the initial ones not counted.
        finds: names of the finds among them, in the order of asking.
        needed: for each of these finds, the simulations asked by the end of the round that brought it.
        pending: names that have no answer yet.
        failed: names that cannot be had.
        open: candidates that were not asked.
    """

    rounds: int
    simulations: int
    finds: tuple[str, ...]
    needed: tuple[int, ...]
    pending: tuple[str, ...]
    failed: tuple[str, ...]
    open: int


class Loop:
    """Ask an initial batch at random; then learn, choose a batch, ask it, and so on.

    With a folder its state is written, whole or not at all, before the oracle is asked and after it
    has answered; so it can be stopped anywhere, and the same loop on the same folder goes on. What
    a round chooses follows from the state and the seed alone. No candidate is proposed twice.

    Args:
        candidates: the pool.
        oracle: who answers.
        strategy: who chooses.
        goal: what a find is.
        known: records known from the beginning, or ``None``.
        initial: size of the first batch, drawn at random and not counted.
        batch: size of the others; may change while the loop goes on, as the strategy may.
        seed: of the first batch and of the draws.
        folder: of the state; ``None`` keeps it in memory only.

    Raises:
        ConfigError: a batch below 1, no candidates, nothing to begin with, or a folder of another loop.
        DataError: the state on disk was altered.
    """

    def __init__(
        self,
        candidates: Candidates,
        oracle: Oracle,
        strategy: Strategy,
        goal: Goal,
        *,
        known: Records | None = None,
        initial: int = 10,
        batch: int = 4,
        seed: int = 0,
        folder: Path | None = None,
    ) -> None:
        if batch < 1 or initial < 0 or not len(candidates):
            raise ConfigError(
                f"a loop needs candidates, a batch of at least 1 and an initial batch of at least 0; got "
                f"{len(candidates)}, {batch!r} and {initial!r}"
            )
        if not initial and strategy.model is not None and known is None:
            raise ConfigError("a loop needs something to learn from: known records, or an initial batch")
        self.candidates, self.oracle, self.strategy, self.goal, self.known = candidates, oracle, strategy, goal, known
        self.initial, self.batch, self.seed, self.folder = int(initial), int(batch), int(seed), folder
        self._row = {name: row for row, name in enumerate(candidates.names)}
        self._round: dict[str, int] = {}
        self._answers: Answers = {}
        if folder is not None:
            self._read(folder / STATE)

    # -- state ------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        return {"initial": self.initial, "seed": self.seed}

    def _read(self, file: Path) -> None:
        if not file.is_file():
            return
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            schema, settings = content["schema"], content["settings"]
            asked = {str(name): int(number) for name, number in content["asked"].items()}
            answers = {str(name): Answer(**values) for name, values in content["answers"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{file} is not the state of a loop ({error!r}); restore it, or give another folder"
            ) from error
        if schema != SCHEMA:
            raise DataError(f"{file} has the schema {schema!r}, this version reads {SCHEMA}; use the version it is of")
        if settings != self._settings():
            raise ConfigError(f"{file} is of a loop with {settings}, not with {self._settings()}; give another folder")
        strange = [name for name in asked if name not in self._row] + [name for name in answers if name not in asked]
        if strange:
            raise ConfigError(f"{file} asked for {strange[0]!r}, which is no candidate here; give another folder")
        self._round, self._answers = asked, answers

    def _write(self) -> None:
        if self.folder is not None:
            content = {
                "schema": SCHEMA,
                "settings": self._settings(),
                "asked": self._round,
                "answers": {name: answer.to_json() for name, answer in self._answers.items()},
            }
            write_json(self.folder / STATE, content)

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """The folder for ourselves; the system lets go of it when the process ends, however it ends."""
        if self.folder is None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as opened:
            try:
                import fcntl
            except ImportError:  # no such locks on this system
                yield
                return
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise WorkspaceLockedError(f"another process runs the loop in {self.folder}; wait for it") from error
            yield

    # -- what is known ----------------------------------------------------------------------------

    def _pending(self) -> list[str]:
        return [name for name in self._round if name not in self._answers]

    def _open(self) -> NDArray[np.intp]:
        return np.array([row for name, row in self._row.items() if name not in self._round], dtype=np.intp)

    def answered(self) -> tuple[list[str], Records]:
        """Names and records of the answers that have a target, in the order of asking."""
        names = [name for name in self._round if name in self._answers and self._answers[name].target is not None]
        rows = [self._row[name] for name in names]
        inputs = _updated(self.candidates.inputs.take(np.array(rows, dtype=int)), [self._answers[n] for n in names])
        targets = np.array([self._answers[name].target for name in names], dtype=float)
        return names, Records(inputs, targets, tuple(self.candidates.groups[row] for row in rows))

    def progress(self) -> Progress:
        """Where the loop stands now."""
        names, records = self.answered()
        found = finds(self.goal, records.inputs, records.targets) if names else np.zeros(0, dtype=bool)
        finders = [name for name, find in zip(names, found, strict=True) if find and self._round[name] > 0]
        sizes = np.bincount([number for number in self._round.values() if number > 0] or [0])
        spent = np.cumsum(np.where(np.arange(len(sizes)) > 0, sizes, 0))
        return Progress(
            rounds=max(self._round.values(), default=0),
            simulations=sum(number > 0 for number in self._round.values()),
            finds=tuple(finders),
            needed=tuple(int(spent[self._round[name]]) for name in finders),
            pending=tuple(self._pending()),
            failed=tuple(name for name, answer in self._answers.items() if answer.failed),
            open=len(self.candidates) - len(self._round),
        )

    # -- work -------------------------------------------------------------------------------------

    def _collect(self) -> None:
        pending = self._pending()
        if not pending:
            return
        rows = [self._row[name] for name in pending]
        answers = self.oracle.label(self.candidates.take(np.array(rows, dtype=int)))
        new = {name: answers[name] for name in pending if name in answers}
        if new:
            self._answers = {**self._answers, **new}
            self._write()

    def _propose(self) -> None:
        rows = self._open()
        number = max(self._round.values(), default=-1) + 1
        if number == 0 and self.initial:
            chosen = generator(self.seed, "initial").permutation(len(rows))[: self.initial]
        else:
            number = max(number, 1)
            pool = self.candidates.take(rows)
            belief = self.strategy.believe(self.known, self.answered()[1], pool.inputs, self.goal)
            chosen = self.strategy.acquisition.choose(belief, self.batch, generator(self.seed, "round", number))
        self._round = {**self._round, **{self.candidates.names[rows[row]]: number for row in chosen}}
        self._write()

    def collect(self) -> Progress:
        """Ask for what is pending and take in the answers; proposes nothing."""
        with self._held():
            self._collect()
        return self.progress()

    def run(
        self, *, finds_wanted: int | None = None, simulations: int | None = None, rounds: int | None = None
    ) -> Progress:
        """Take in answers, propose a batch, ask it, and so on, until there is nothing to do now.

        That is when answers are pending, enough was found or asked, or no candidate is open.

        Args:
            finds_wanted: stop at so many finds.
            simulations: propose no batch once so many were asked.
            rounds: propose at most so many batches in this call.

        Raises:
            WorkspaceLockedError: another process is at it.
        """
        proposed = 0
        with self._held():
            while True:
                self._collect()
                now = self.progress()
                if (
                    now.pending
                    or not now.open
                    or (finds_wanted is not None and len(now.finds) >= finds_wanted)
                    or (simulations is not None and now.simulations >= simulations)
                    or (rounds is not None and proposed >= rounds)
                ):
                    return now
                self._propose()
                proposed += 1


def _updated(inputs: Table, answers: list[Answer]) -> Table:
    """Inputs with what the answers know better."""
    better: dict[str, dict[int, float]] = {}
    for row, answer in enumerate(answers):
        for column, value in answer.inputs.items():
            better.setdefault(column, {})[row] = value
    columns = {name: np.array(column) for name, column in inputs.items()}
    for column, values in better.items():
        if column not in columns:
            raise DataError(f"an answer knows the input {column!r}; candidates have {', '.join(columns)}")
        columns[column][list(values)] = list(values.values())
    return Table(columns)

"""The contract of oracles, which know the truth at a price; a table, a function, an average."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nanonet.data.dataset import Dataset
from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError, InputError
from nanonet.training.active.candidates import Candidates, content_name
from nanonet.training.record import write_json


@dataclass(frozen=True)
class Answer:
    """What an oracle says of a candidate.

    Args:
        target: the value, finite; ``None`` if it could not be had, and then ``failed`` says why.
        error: its standard error, at least 0, or ``None`` if it is not known.
        inputs: inputs of the candidate that are better known now (the constituents' own values).
        failed: why there is no value; such a candidate is not asked again.

    Raises:
        InputError: neither or both of a target and a reason, or numbers outside these limits.
    """

    target: float | None
    error: float | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)
    failed: str = ""

    def __post_init__(self) -> None:
        if (self.target is None) == (not self.failed):
            raise InputError(f"an answer has a target or a reason why not, got {self.target!r} and {self.failed!r}")
        for name, value in (("target", self.target), ("error", self.error), *self.inputs.items()):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"the {name} of an answer must be a finite number, got {value!r}")
        if self.error is not None and self.error < 0:
            raise InputError(f"the standard error of an answer is at least 0, got {self.error!r}")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


#: Answers by the name of the candidate; one that is missing is pending.
Answers = dict[str, Answer]


@runtime_checkable
class Oracle(Protocol):
    """Gives targets, at once or later.

    Asked again for a candidate that it was asked for before, by this object or by an earlier one
    with the same folder, it does not work again: it gives the same answer, or it is still pending.
    """

    def label(self, candidates: Candidates) -> Answers:
        """Answers of those candidates that are known by now; the others are asked for, and pending.

        Raises:
            DataError: what was given as an answer is none.
        """


class Lookup:
    """A table of what is known already, for virtual experiments.

    Args:
        dataset: its records are the candidates, by their names; targets of one number each.

    Raises:
        InputError: targets that are curves.
    """

    def __init__(self, dataset: Dataset) -> None:
        if dataset.targets.ndim != 1:
            raise InputError(f"a look-up needs targets of one number each, got shape {dataset.targets.shape}")
        noise = [None] * len(dataset) if dataset.noise is None else dataset.noise.tolist()
        self._answers = {
            name: Answer(target, error)
            for name, target, error in zip(dataset.names, dataset.targets.tolist(), noise, strict=True)
        }

    def label(self, candidates: Candidates) -> Answers:
        """All of them."""
        unknown = [name for name in candidates.names if name not in self._answers]
        if unknown:
            raise DataError(f"the table has no record {unknown[0]!r}; its {len(self._answers)} records are the pool")
        return {name: self._answers[name] for name in candidates.names}


class Function:
    """A function that works at once, its answers kept in a file as each one comes.

    Args:
        function: inputs of one candidate -> target, or an :class:`Answer`.
        folder: where ``answers.json`` is kept.
    """

    def __init__(self, function: Callable[[Mapping[str, Any]], float | Answer], folder: str | Path) -> None:
        self.function, self.file = function, Path(folder) / "answers.json"

    def label(self, candidates: Candidates) -> Answers:
        """Work for those that have no answer yet."""
        kept = read_answers(self.file)
        for name, inputs in zip(candidates.names, candidates.inputs.rows(), strict=True):
            if name in kept:
                continue
            value = self.function(inputs)
            kept[name] = value if isinstance(value, Answer) else Answer(float(value))
            write_json(self.file, {key: answer.to_json() for key, answer in kept.items()})
        return {name: kept[name] for name in candidates.names}


class Averaged:
    """Several structures of each candidate, and of its constituents, asked of another oracle.

    A simulation depends on its initial structure; the mean over k of them has the standard error
    s / sqrt(k). The validation of Xu and Luo (2024, Fig. 7) takes k = 3 for each blend and for each
    of its constituents. A constituent that several candidates share is asked once.

    Args:
        of: the oracle that answers for one structure; a candidate ``c`` is asked as ``c#0``, ``c#1``, ...
        structures: k, at least 2.
        constituents: name of an input -> the inputs of the constituent whose target it is: column ->
            the column of the candidate that is copied there, or a number. For a blend:
            ``{tc1: {smiles2: smiles1, tc2: tc1, fraction: 0.5}, tc2: {smiles1: smiles2, ...}}``.

    Raises:
        ConfigError: fewer than 2 structures.
    """

    def __init__(
        self, of: Oracle, structures: int = 3, constituents: Mapping[str, Mapping[str, str | float]] | None = None
    ) -> None:
        if isinstance(structures, bool) or not isinstance(structures, int) or structures < 2:
            raise ConfigError(f"an average needs at least 2 structures, got {structures!r}")
        self.of, self.structures = of, structures
        self.constituents = {str(name): dict(change) for name, change in (constituents or {}).items()}

    def label(self, candidates: Candidates) -> Answers:
        """Averages of those whose structures, and whose constituents' structures, all have answers."""
        rows = candidates.inputs.rows()
        asked: dict[str, Mapping[str, Any]] = dict(zip(candidates.names, rows, strict=True))
        parts: dict[str, dict[str, str]] = {name: {} for name in candidates.names}
        for name, row in zip(candidates.names, rows, strict=True):
            for column, change in self.constituents.items():
                inputs = _changed(row, change)
                parts[name][column] = content_name(inputs)
                asked.setdefault(parts[name][column], inputs)
        names = tuple(f"{name}#{number}" for name in asked for number in range(self.structures))
        inputs_of = [inputs for inputs in asked.values() for _ in range(self.structures)]
        singles = self.of.label(Candidates(names, Table.from_rows(inputs_of, candidates.inputs)))
        means = {name: self._mean(name, singles) for name in asked}
        answers: Answers = {}
        for name in candidates.names:
            own, of_parts = means[name], {column: means[part] for column, part in parts[name].items()}
            if own is None or any(part is None for part in of_parts.values()):
                continue
            failed = [part.failed for part in of_parts.values() if part and part.failed]
            if own.failed or failed:
                answers[name] = Answer(None, failed=own.failed or f"a constituent: {failed[0]}")
                continue
            better = {column: part.target for column, part in of_parts.items() if part and part.target is not None}
            answers[name] = Answer(own.target, own.error, better)
        return answers

    def _mean(self, name: str, singles: Answers) -> Answer | None:
        found = [singles.get(f"{name}#{number}") for number in range(self.structures)]
        given = [answer for answer in found if answer is not None]
        if len(given) < len(found):
            return None
        values = [answer.target for answer in given if answer.target is not None]
        if len(values) < 2:
            reasons = [answer.failed for answer in given if answer.failed]
            return Answer(None, failed=f"{len(values)} of {self.structures} structures have a value: {reasons[0]}")
        return Answer(float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values))))


def _changed(row: Mapping[str, Any], change: Mapping[str, str | float]) -> dict[str, Any]:
    made = dict(row)
    for column, source in change.items():
        if column not in row or (isinstance(source, str) and source not in row):
            raise ConfigError(f"a constituent copies {source!r} to {column!r}; a candidate has {', '.join(row)}")
        made[column] = row[source] if isinstance(source, str) else source
    return made


def read_answers(file: Path) -> Answers:
    """Answers that were kept in a file; none if there is no file.

    Raises:
        DataError: it was altered.
    """
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): Answer(**values) for name, values in content.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{file} does not hold answers ({error}); restore it, or delete it to ask again") from error

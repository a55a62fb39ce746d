"""The virtual experiment: active learning replayed on answers that are known, strategy against strategy."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError, DataError, MissingDependencyError
from nanonet.parts import describe
from nanonet.seeds import derive
from nanonet.statistics import Estimate, paired_difference
from nanonet.training.active.candidates import Candidates
from nanonet.training.active.draw import progress_curves
from nanonet.training.active.goal import Goal, finds
from nanonet.training.active.kept import kept
from nanonet.training.active.loop import Loop
from nanonet.training.active.oracle import Lookup
from nanonet.training.active.strategy import Records, Strategy
from nanonet.training.crossval import digest
from nanonet.training.record import markdown, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is replayed.

    Args:
        candidates: the pool, all of whose answers are known to the data set.
        dataset: the data set.
        known: records known from the beginning, or ``None``.
        goal: what a find is.
        initial, batch: sizes of the first batch, which is not counted, and of the others.
        needed: number of finds to reach.
        repeats: with as many first batches, the same ones for each strategy.
        seed: of the first batches.

    Raises:
        DataError: the pool has not so many finds, or not even with an unlucky first batch.
    """

    candidates: Candidates
    dataset: Dataset
    known: Records | None
    goal: Goal
    initial: int
    batch: int
    needed: int
    repeats: int
    seed: int

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.needed < 1:
            raise ConfigError(f"repeats and needed must be at least 1, got {self.repeats!r} and {self.needed!r}")
        there = int(finds(self.goal, self.candidates.inputs, self.targets()).sum())
        if there - min(self.initial, there) < self.needed:
            raise DataError(
                f"the pool of {len(self.candidates)} has {there} finds, some of them perhaps among the first "
                f"{self.initial}; {self.needed} are too many to ask for"
            )

    def targets(self) -> FloatArray:
        """Targets of the pool."""
        row = {name: number for number, name in enumerate(self.dataset.names)}
        return self.dataset.targets[[row[name] for name in self.candidates.names]]

    def start(self, repeat: int) -> int:
        """Seed of a repeat, the same for each strategy."""
        return derive(self.seed, "repeat", repeat)


def run_once(plan: Plan, strategy: Strategy, repeat: int) -> dict[str, Any]:
    """One repeat of one strategy.

    Returns:
        ``needed``: for the k-th find, k = 1 ..., the simulations asked by the end of the round that brought it;
        ``order``: names in the order of asking; ``seconds``.
    """
    began = time.perf_counter()
    loop = Loop(
        plan.candidates,
        Lookup(plan.dataset),
        strategy,
        plan.goal,
        known=plan.known,
        initial=plan.initial,
        batch=plan.batch,
        seed=plan.start(repeat),
    )
    progress = loop.run(finds_wanted=plan.needed)
    names, _ = loop.answered()
    return {
        "needed": list(progress.needed[: plan.needed]),
        "order": names,
        "seconds": time.perf_counter() - began,
    }


def replay(
    plan: Plan,
    strategies: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    name: str,
    reference: str,
    command: str = "",
) -> Path:
    """Replay every strategy and write table.md, table.csv, results.json and finds.png; returns the folder.

    Each repeat of each strategy is a file of its own below ``results``, so that what was
    interrupted goes on.

    Args:
        plan: the experiment.
        strategies: descriptions by name, see :meth:`Strategy.from_config`.
        folder: for results, tables and figure.
        name: heading.
        reference: the strategy that all are compared with, repeat by repeat.
        command: what was typed.

    Raises:
        ConfigError: no strategies, or an unknown reference.
    """
    if reference not in strategies:
        raise ConfigError(f"reference names {reference!r}; the strategies are {', '.join(strategies) or 'none'}")
    data = digest(_identity(plan), plan.dataset.digest())
    curves: dict[str, list[list[int]]] = {}
    seconds: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for label, description in strategies.items():
        own = folder / "results" / f"{label}-{digest(dict(description), data)[:8]}"
        strategy = Strategy.from_config(description, plan.seed)
        made: list[dict[str, Any]] = []
        try:
            for repeat in range(plan.repeats):
                made.append(_kept(own / f"{repeat:03d}.json", plan, strategy, repeat))
                log.info("%s, repeat %d of %d: %d", label, repeat + 1, plan.repeats, made[-1]["needed"][-1])
        except MissingDependencyError as error:
            log.warning("%s is left out: %s", label, error)
            left_out[label] = str(error)
            continue
        curves[label] = [result["needed"] for result in made]
        seconds[label] = float(np.mean([result["seconds"] for result in made]))
    if reference not in curves:
        raise ConfigError(f"no result for the reference {reference}: {left_out.get(reference)}")
    _report(folder, plan, curves, seconds, left_out, name=name, reference=reference, command=command)
    log.info("table and figure in %s", folder)
    return folder


def _identity(plan: Plan) -> dict[str, Any]:
    return {
        "pool": list(plan.candidates.names),
        "known": None
        if plan.known is None
        else [plan.known.inputs.digest(), plan.known.targets.tolist(), *plan.known.groups],
        "goal": describe(plan.goal),
        "sizes": [plan.initial, plan.batch, plan.needed, plan.seed],
    }


def _kept(file: Path, plan: Plan, strategy: Strategy, repeat: int) -> dict[str, Any]:
    """The result in the file, or a new one that is written there."""
    return kept(file, lambda: run_once(plan, strategy, repeat), "needed", plan.needed, "finds")


def _report(
    folder: Path,
    plan: Plan,
    curves: Mapping[str, Sequence[Sequence[int]]],
    seconds: Mapping[str, float],
    left_out: Mapping[str, str],
    *,
    name: str,
    reference: str,
    command: str,
) -> None:
    arrays = {label: np.array(values, dtype=float) for label, values in curves.items()}
    last = {label: values[:, -1] for label, values in arrays.items()}
    repeats = np.array([str(number) for number in range(plan.repeats)])
    differences: dict[str, Estimate] = {
        label: paired_difference(values, last[reference], repeats) for label, values in last.items()
    }
    steps = sorted({min(k, plan.needed) for k in (1, 5, 10, 15, plan.needed)})
    header = (
        "strategy",
        *(f"{k} find{'s' * (k > 1)}" for k in steps),
        f"minus {reference} at {plan.needed}",
        "s per repeat",
    )
    table: list[tuple[str, ...]] = [header]
    for label, values in arrays.items():
        cells = (f"{_mean_and_spread(values[:, k - 1])}" for k in steps)
        difference = "-" if label == reference else differences[label].text()
        table.append((label, *cells, difference, f"{seconds[label]:.2g}"))
    there = int(finds(plan.goal, plan.candidates.inputs, plan.targets()).sum())
    known = "nothing else known" if plan.known is None else f"{len(plan.known)} records known from the beginning"
    told = (
        f"Simulations needed for so many finds: mean +- standard deviation over {plan.repeats} repeats, which differ "
        f"in their {plan.initial} first candidates (drawn at random, the same for each strategy, not counted); "
        f"{plan.batch} at a time; a find counts at the end of its round. Pool of {len(plan.candidates)} with {there} "
        f"finds; {known}."
    )
    legend = (
        "The difference is paired, repeat by repeat, with its 95 % bootstrap interval over repeats. Repeats share one "
        "pool: intervals say nothing of another one."
    )
    lines = [
        f"# {name}",
        "",
        told,
        "",
        markdown(table),
        "",
        legend,
        *[f"\nLeft out: {label} ({reason})." for label, reason in left_out.items()],
        *(["", f"    {command}"] if command else []),
        "",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text("\n".join(lines), encoding="utf-8")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(table)
    write_json(
        folder / "results.json",
        {
            "needed": {
                label: {"mean": values.mean(axis=0), "std": values.std(axis=0, ddof=1 if len(values) > 1 else 0)}
                for label, values in arrays.items()
            },
            "repeats": {label: values[:, -1] for label, values in arrays.items()},
            "difference": differences,
            "reference": reference,
            "seconds": seconds,
            "left_out": left_out,
        },
    )
    progress_curves(folder / "finds.png", arrays, share=there / len(plan.candidates))


def _mean_and_spread(values: FloatArray) -> str:
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return f"{values.mean():.1f} +- {spread:.1f}"

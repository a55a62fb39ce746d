"""A campaign of active learning from a configuration: a replay, or a loop with an oracle."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.data.dataset import Dataset
from nanonet.data.problem import Problem
from nanonet.data.split import Split
from nanonet.data.where import Where
from nanonet.errors import ConfigError
from nanonet.metrics.base import Metric
from nanonet.parts import build
from nanonet.training.active.by_error import ErrorPlan, replay_by_error
from nanonet.training.active.candidates import Candidates
from nanonet.training.active.goal import Goal
from nanonet.training.active.loop import Loop, Progress
from nanonet.training.active.oracle import Oracle
from nanonet.training.active.order import Order
from nanonet.training.active.replay import Plan, replay
from nanonet.training.active.strategy import Records, Strategy
from nanonet.training.run import build_data, check_keys

log = logging.getLogger(__name__)
KEYS = {
    "name", "seed", "dataset", "goal", "pool", "known", "candidates", "initial", "batch", "replay", "model",
    "acquisition", "learns", "source", "oracle", "sequence", "stop", "folder",
}  # fmt: skip
REPLAY = {"strategies", "reference", "repeats", "needed"}
BY_ERROR = {"strategies", "reference", "split", "metric", "simulations", "compared"}


def run(config: Mapping[str, Any], *, command: str = "") -> Path:
    """Do what the configuration says; returns the folder with the result.

    With ``replay`` it is a virtual experiment on the records that ``pool`` picks: with a goal finds are
    counted, without one (``goal: null``) the error on held-out groups is measured. Else it is a loop:
    candidates come from the table ``candidates`` (or are the records that ``pool`` picks), the oracle
    answers at once or later, and the same command goes on.

    Args:
        config: plain values; keys :data:`KEYS`.
        command: what was typed.

    Raises:
        ConfigError: a key is unknown or missing, or a part does not fit.
        DataError: no usable records, or an answer that is none.
    """
    check_keys(config, KEYS)
    problem, dataset = build_data(config)
    folder = Path(config["folder"]) / str(config["name"])
    if config["goal"] is None:
        return _by_error(config, dataset, folder, command)
    goal = build(config["goal"], where="goal")
    if not isinstance(goal, Goal):
        raise ConfigError(f"goal must name a goal, got {type(goal).__name__}")
    known = None if config["known"] is None else _records(dataset, _where(config["known"], "known", dataset))
    if config["replay"] is None:
        return _loop(config, problem, dataset, goal, known, folder)
    task = dict(config["replay"])
    if set(task) != REPLAY:
        raise ConfigError(f"replay has the keys {', '.join(sorted(REPLAY))}, got {', '.join(task)}")
    plan = Plan(
        candidates=_pool(config, dataset),
        dataset=dataset,
        known=known,
        goal=goal,
        initial=int(config["initial"]),
        batch=int(config["batch"]),
        needed=int(task["needed"]),
        repeats=int(task["repeats"]),
        seed=int(config["seed"]),
    )
    return replay(
        plan, task["strategies"], folder, name=str(config["name"]), reference=str(task["reference"]), command=command
    )


def _by_error(config: Mapping[str, Any], dataset: Dataset, folder: Path, command: str) -> Path:
    if config["replay"] is None:
        raise ConfigError("a loop needs a goal, and goal is null; name one, or describe a replay by error")
    task = dict(config["replay"])
    if set(task) != BY_ERROR:
        raise ConfigError(
            f"a replay without a goal has the keys {', '.join(sorted(BY_ERROR))}, got {', '.join(task) or 'none'}"
        )
    for key in ("known", "candidates"):
        if config[key] is not None:
            raise ConfigError(f"a replay by error learns from what it asks of its pool alone; {key} must be null")
    if config["pool"] is not None:
        dataset = dataset.take(_where(config["pool"], "pool", dataset))
    seed = int(config["seed"])
    split: Split = _part(task["split"], "replay.split", Split)
    plan = ErrorPlan(
        dataset=dataset,
        folds=tuple(split.split(dataset, seed)),
        model=config["model"],
        metric=_part(task["metric"], "replay.metric", Metric),
        order=_part(config["sequence"], "sequence", Order),
        initial=int(config["initial"]),
        batch=int(config["batch"]),
        simulations=None if task["simulations"] is None else int(task["simulations"]),
        compared=tuple(int(size) for size in task["compared"]),
        seed=seed,
    )
    names = {"name": str(config["name"]), "reference": str(task["reference"])}
    return replay_by_error(plan, task["strategies"], folder, **names, command=command)


def _part(config: Any, where: str, kind: type) -> Any:
    made = build(config, where=where)
    if not isinstance(made, kind):
        raise ConfigError(f"{where} must name a {kind.__name__.lower()}, got {type(made).__name__}")
    return made


def _where(config: Mapping[str, Any], key: str, dataset: Dataset) -> np.ndarray:
    """Whether each record fulfils all conditions of a list."""
    conditions = config if isinstance(config, list) else [config]
    rows = np.ones(len(dataset), dtype=bool)
    for number, condition in enumerate(conditions):
        made = build(condition, where=f"{key}[{number}]")
        if not isinstance(made, Where):
            raise ConfigError(f"{key} must name conditions, got {type(made).__name__}")
        rows &= made.rows(dataset)
    if not rows.any():
        raise ConfigError(f"{key} picks none of the {len(dataset)} records")
    return rows


def _records(dataset: Dataset, rows: np.ndarray) -> Records:
    chosen = dataset.take(rows)
    if chosen.targets.ndim != 1:
        raise ConfigError(f"active learning is for targets of one number, got shape {chosen.targets.shape}")
    return Records(chosen.inputs, chosen.targets, tuple(chosen.groups.tolist()))


def _pool(config: Mapping[str, Any], dataset: Dataset) -> Candidates:
    everything = Candidates.of_dataset(dataset)
    return everything if config["pool"] is None else everything.take(_where(config["pool"], "pool", dataset))


def _loop(
    config: Mapping[str, Any], problem: Problem, dataset: Dataset, goal: Goal, known: Records | None, folder: Path
) -> Path:
    stop = dict(config["stop"])
    if set(stop) != {"finds", "simulations", "rounds"}:
        raise ConfigError(f"stop has the keys finds, simulations and rounds, got {', '.join(stop) or 'none'}")
    if config["candidates"] is None:
        candidates = _pool(config, dataset)
    else:
        candidates = Candidates.of_table(problem.parse(Path(str(config["candidates"])), {})[0])
    oracle = build(config["oracle"], where="oracle")
    if not isinstance(oracle, Oracle):
        raise ConfigError(f"oracle must name an oracle, got {type(oracle).__name__}")
    keys = ("acquisition", "model", "learns", "source")
    strategy = Strategy.from_config({key: config[key] for key in keys}, int(config["seed"]))
    loop = Loop(
        candidates,
        oracle,
        strategy,
        goal,
        known=known,
        initial=int(config["initial"]),
        batch=int(config["batch"]),
        seed=int(config["seed"]),
        folder=folder,
    )
    progress = loop.run(finds_wanted=stop["finds"], simulations=stop["simulations"], rounds=stop["rounds"])
    write_answers(folder / "answers.csv", loop)
    log.info("%s", sentence(progress))
    return folder


def sentence(progress: Progress) -> str:
    """Where a loop stands, in words."""
    text = (
        f"{progress.simulations} candidates asked in {progress.rounds} rounds, {len(progress.finds)} finds; "
        f"{progress.open} not asked"
    )
    if progress.failed:
        text += f"; {len(progress.failed)} failed"
    if progress.pending:
        shown = ", ".join(progress.pending[:5]) + (" ..." if len(progress.pending) > 5 else "")
        text += f"; {len(progress.pending)} wait for answers ({shown}): give them, and run the same command again"
    return text


def write_answers(file: Path, loop: Loop) -> None:
    """A table of all answers: name, inputs, target, threshold and whether it is a find."""
    names, records = loop.answered()
    if not names:
        return
    threshold = loop.goal.threshold(records.inputs)
    rows = records.inputs.rows()
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(("candidate", *records.inputs, "target", "threshold", "find"))
        for name, row, target, least in zip(names, rows, records.targets.tolist(), threshold.tolist(), strict=True):
            writer.writerow((name, *row.values(), target, least, int(target > least)))

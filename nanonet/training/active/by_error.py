"""The virtual experiment for targets of any shape: how the error on held-out groups falls, strategy by strategy."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.data.split import Fold
from nanonet.errors import ConfigError, DataError, MissingDependencyError
from nanonet.metrics.base import Metric
from nanonet.parts import describe
from nanonet.seeds import derive, generator
from nanonet.surrogate import Surrogate
from nanonet.training.active.error_report import Curves, report
from nanonet.training.active.kept import kept
from nanonet.training.active.order import Order
from nanonet.training.active.strategy import Records, Strategy
from nanonet.training.crossval import digest

log = logging.getLogger(__name__)
#: Raise when results of the same configuration would mean something else.
FORMAT = 2


@dataclass(frozen=True, eq=False)
class ErrorPlan:
    """What is replayed.

    The training part of a fold is the pool, and the rest of the data set judges. Of records of the
    same thing (the label ``replica``) the pool has the first one only: a second one is no new candidate.

    Args:
        dataset: all records.
        folds: one repeat each.
        model: description of the features, representation and regressor that learn from what was asked;
            the same for all strategies.
        metric: the error.
        order: of the pool; the first ``initial`` candidates in it begin, and the acquisition
            :class:`nanonet.acquisition.InOrder` goes on with it.
        initial: candidates known at the beginning, the same for all strategies, at least 2.
        batch: candidates asked per round.
        simulations: where to stop, the initial ones counted; the smallest pool if ``None``.
        compared: numbers of simulations at which strategies are compared with the reference.
        seed: of models and draws.

    Raises:
        ConfigError: a number is too small, or a comparison is outside what is replayed.
        DataError: a pool is too small.
    """

    dataset: Dataset
    folds: tuple[Fold, ...]
    model: Mapping[str, Any]
    metric: Metric
    order: Order
    initial: int
    batch: int
    simulations: int | None
    compared: tuple[int, ...]
    seed: int

    def __post_init__(self) -> None:
        if self.initial < 2 or self.batch < 1 or not self.folds:
            raise ConfigError(
                "a replay needs folds, at least 2 initial candidates and a batch of at least 1, got "
                f"{len(self.folds)}, {self.initial!r} and {self.batch!r}"
            )
        smallest = min(len(self.pool(fold)) for fold in self.folds)
        last = smallest if self.simulations is None else self.simulations
        if not self.initial < last <= smallest:
            raise DataError(
                f"a replay from {self.initial} to {last} simulations needs a pool of as many; the smallest of the "
                f"{len(self.folds)} has {smallest}"
            )
        strange = [size for size in self.compared if not self.initial < size <= last]
        if strange or not self.compared:
            raise ConfigError(
                f"strategies are compared at numbers above {self.initial} (initial) and at most {last}, got "
                f"{', '.join(map(str, strange)) or 'none'}"
            )
        object.__setattr__(self, "simulations", last)

    def pool(self, fold: Fold) -> NDArray[np.intp]:
        """Rows of the candidates of a fold, in the plan's order."""
        again = {row for rows in self.dataset.replicas().values() for row in rows}
        same = self.dataset.labels.get("replica", self.dataset.groups)
        wanted, seen, rows = set(fold.train.tolist()), set(), []
        for row in self.order.rows(self.dataset).tolist():
            if row not in wanted or (row in again and same[row] in seen):
                continue
            seen.add(same[row])
            rows.append(row)
        return np.array(rows, dtype=np.intp)

    def sizes(self) -> list[int]:
        """Numbers of simulations at which the error is measured."""
        last = int(self.simulations or 0)
        return [*range(self.initial, last, self.batch), last]

    def records(self, rows: Any) -> Records:
        """Some records, in the order of the data set, on which a fit may depend and a strategy has no influence."""
        chosen = self.dataset.take(np.sort(np.asarray(rows, dtype=int)))
        return Records(chosen.inputs, chosen.targets, tuple(chosen.groups.tolist()))

    def key(self) -> str:
        """Names all that decides a result, but the strategy and the fold."""
        settings = [self.initial, self.batch, self.simulations, self.seed]
        order = [self.dataset.names[row] for row in self.order.rows(self.dataset)]
        return digest(FORMAT, self.dataset.digest(), dict(self.model), describe(self.metric), order, settings)


def run_once(plan: ErrorPlan, fold: Fold, description: Mapping[str, Any]) -> dict[str, Any]:
    """One repeat of one strategy.

    Returns:
        ``sizes``: numbers of simulations; ``errors``: the metric on the held-out records, after learning from so
        many; ``order``: names in the order of asking; ``seconds``.
    """
    began = time.perf_counter()
    seed = derive(plan.seed, fold.name)
    strategy = Strategy.from_config({**description, "model": plan.model}, seed)
    held_out = plan.dataset.take(fold.test)
    pool = plan.pool(fold)
    asked, rest = pool[: plan.initial], pool[plan.initial :]
    sizes, errors = plan.sizes(), []

    def learn() -> tuple[Records, Surrogate]:
        records = plan.records(asked)
        model = strategy.learn(None, records, None)
        errors.append(plan.metric.estimate(held_out, model.predict(held_out.inputs)).value)
        return records, model

    records, model = learn()
    for number, size in enumerate(sizes[1:], start=1):
        belief = strategy.belief(model, records, plan.dataset.inputs.take(rest), None)
        rows = strategy.acquisition.choose(belief, size - len(asked), generator(seed, "round", number))
        asked, rest = np.concatenate([asked, rest[rows]]), np.delete(rest, rows)
        records, model = learn()
    return {
        "sizes": sizes,
        "errors": errors,
        "order": [plan.dataset.names[row] for row in asked],
        "seconds": time.perf_counter() - began,
    }


def replay_by_error(
    plan: ErrorPlan,
    strategies: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    name: str,
    reference: str,
    command: str = "",
) -> Path:
    """Replay every strategy and write table.md, table.csv, results.json and error.png; returns the folder.

    Each repeat of each strategy is a file of its own below ``results``, named by its content, so
    that what was interrupted goes on, and more repeats add to those there are.

    Args:
        plan: the experiment.
        strategies: name to ``acquisition``; they all learn with the plan's model.
        folder: for results, tables and figure.
        name: heading.
        reference: the strategy that all are compared with, repeat by repeat.
        command: what was typed.

    Raises:
        ConfigError: no strategies, one of them has other keys, or an unknown reference.
        MissingDependencyError: a package that the model needs.
    """
    if reference not in strategies:
        raise ConfigError(f"reference names {reference!r}; the strategies are {', '.join(strategies) or 'none'}")
    for label, description in strategies.items():
        if set(description) != {"acquisition"}:
            raise ConfigError(
                f"a strategy of a replay by error has the key acquisition and no other, {label} has "
                f"{', '.join(description) or 'none'}; the model is that of the campaign"
            )
    key, sizes = plan.key(), plan.sizes()
    errors: dict[str, FloatArray] = {}
    seconds: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for label, description in strategies.items():
        own = folder / "results" / f"{label}-{digest(dict(description), key)[:8]}"
        made: list[dict[str, Any]] = []
        try:
            for number, fold in enumerate(plan.folds, start=1):
                parts = digest(fold.train.tolist(), fold.test.tolist())[:8]
                work = partial(run_once, plan, fold, description)
                made.append(kept(own / f"{fold.name}-{parts}.json", work, "errors", len(sizes), "errors"))
                last = made[-1]["errors"][-1]
                log.info("%s, repeat %d of %d: %.4g after %d", label, number, len(plan.folds), last, sizes[-1])
        except MissingDependencyError as error:
            if label == reference:
                raise
            log.warning("%s is left out: %s", label, error)
            left_out[label] = str(error)
            continue
        errors[label] = np.array([result["errors"] for result in made], dtype=float)
        seconds[label] = float(np.mean([result["seconds"] for result in made]))
    curves = Curves(np.array(sizes, dtype=float), errors, reference, plan.metric)
    pools = [len(plan.pool(fold)) for fold in plan.folds]
    told = (
        f"{plan.metric.name} [{plan.metric.unit}] of held-out records against the number of simulations learned from: "
        f"mean over {len(pools)} repeats, which differ in what is held out (in the first, {len(plan.folds[0].test)} of "
        f"{len(plan.dataset)} records). All strategies begin with the same {plan.initial} candidates, ask "
        f"{plan.batch} a round and learn with the same model; the smallest pool has {min(pools)} candidates."
    )
    report(folder, curves, plan.compared, name=name, told=told, seconds=seconds, left_out=left_out, command=command)
    log.info("table and figure in %s", folder)
    return folder

"""Screening: predict, score and rank every candidate of a pool, in bounded memory and for every problem."""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.band import Band
from nanonet.checkpoint import Checkpoint
from nanonet.data.pool import Pool, Pooled
from nanonet.data.problem import Prediction
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError
from nanonet.inference import Predictor
from nanonet.regressors.bounded import Bounded

#: Candidates that are predicted at a time: few, so that their features stay in a processor's cache; many, where
#: the model works on the parts of mixtures and has no features of theirs.
CHUNK, CHUNK_OF_PARTS = 2048, 16384
#: What a curve is ranked by.
REDUCE: dict[str, Callable[[FloatArray], FloatArray]] = {
    "max": lambda curves: curves.max(axis=1),
    "min": lambda curves: curves.min(axis=1),
    "mean": lambda curves: curves.mean(axis=1),
}
#: Names of the scores.
SCORES = ("value", "gain", "probability", "improvement")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Goal:
    """What makes a candidate good.

    With y the prediction, t its threshold, u the scale of the model's band (:class:`nanonet.band.Scale`)
    and s the standard deviation of a normal distribution that has the calibrated band's width at its level:

    ===============  ==========================================================================
    ``value``        y
    ``gain``         y - t
    ``probability``  of exceeding t, Phi(z), z = (u(y) - u(t)) / s
    ``improvement``  s (z Phi(z) + phi(z)), the mean of max(0, u - u(t)) over that distribution
    ===============  ==========================================================================

    Args:
        score: one of these.
        exceed: columns of the pool; t is the largest of them.
        threshold: t as a number, the same for all; where both are given, t is the largest.
        reduce: of a curve: its ``max``, ``min`` or ``mean`` is y, and has no band.

    Raises:
        ConfigError: no such score or reduction, or a score without a threshold.
    """

    score: str = "probability"
    exceed: tuple[str, ...] = ()
    threshold: float | None = None
    reduce: str | None = None

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            raise ConfigError(f"a score is one of {', '.join(SCORES)}, got {self.score!r}")
        if self.reduce is not None and self.reduce not in REDUCE:
            raise ConfigError(f"a curve is reduced by one of {', '.join(REDUCE)}, got {self.reduce!r}")
        if self.score != "value" and not self.exceed and self.threshold is None:
            raise ConfigError(f"the score {self.score} needs a threshold: name columns of the pool, or a number")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ConfigError(f"a threshold must be a finite number, got {self.threshold!r}")

    @property
    def needs_band(self) -> bool:
        """Whether the score is of a distribution."""
        return self.score in {"probability", "improvement"}

    def thresholds(self, table: Table) -> FloatArray:
        """The threshold t of each row; NaN where a column has none, and for the plain value."""
        known = [table[name] for name in self.exceed]
        for name, column in zip(self.exceed, known, strict=True):
            if column.dtype.kind != "f":
                raise InputError(f"the threshold {name!r} must hold numbers, got text such as {column[0]!r}")
        if self.threshold is not None:
            known.append(np.full(table.n_rows, self.threshold))
        return np.max(known, axis=0) if known else np.full(table.n_rows, np.nan)

    def values(self, targets: FloatArray) -> FloatArray:
        """The number y of each prediction (n,) or (n, length)."""
        if targets.ndim == 1:
            return targets
        if self.reduce is None:
            raise ConfigError(f"the target is a curve of {targets.shape[1]} values; say reduce: {', '.join(REDUCE)}")
        return REDUCE[self.reduce](targets)

    def scores(
        self, values: FloatArray, thresholds: FloatArray, spread: FloatArray | float, band: Band | None
    ) -> FloatArray:
        """The score of each candidate.

        Args:
            values: y, shape (n,).
            thresholds: t, shape (n,).
            spread: of the members in code space, shape (n,) or one for all.
            band: of the model; only its distribution is used.
        """
        if self.score == "value":
            return values
        if self.score == "gain" or band is None:
            return values - thresholds
        sigma = band.half_width(np.broadcast_to(spread, values.shape))[:, 0] / _normal_quantile(0.5 + band.level / 2)
        # A width of 0 says that the model is sure; a tiny one says the same without dividing by it.
        sigma = np.maximum(sigma, 1e-12)
        z = (band.scale.to(values) - band.scale.to(thresholds)) / sigma
        if self.score == "probability":
            return _phi(z)
        return sigma * (z * _phi(z) + np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi))


@dataclass(frozen=True, eq=False)
class Screened:
    """The best candidates of a pool, the best first.

    Args:
        prediction: inputs, values, band and domain of the k that were kept.
        number: their rows in the pool.
        thresholds, scores: of each; thresholds are NaN where there are none.
        goal: what they were ranked by.
        seen: how many candidates there were.
        unscored: how many of them had no threshold (a missing constituent).
        outside: how many could have entered but lie outside the training region, where those were not wanted.
        above: how many are predicted above their threshold, outside the training region or not.
        spreads: for how many the spread was computed; the others could not be among the best.
        seconds: of wall time.
    """

    prediction: Prediction
    number: NDArray[np.int64]
    thresholds: FloatArray
    scores: FloatArray
    goal: Goal
    seen: int
    unscored: int
    outside: int
    above: int
    spreads: int
    seconds: float

    def __len__(self) -> int:
        return len(self.number)

    def rows(self) -> list[dict[str, Any]]:
        """One mapping per candidate: rank, row in the pool, inputs, value, band, threshold, score, domain."""
        own = self.prediction
        curves = own.targets.ndim == 2
        values = self.goal.values(own.targets)
        made = []
        for place, inputs in enumerate(own.inputs.rows()):
            band = {}
            if not curves and own.low is not None and own.high is not None:
                band = {f"{own.target}_low": float(own.low[place]), f"{own.target}_high": float(own.high[place])}
            limit = self.thresholds[place]
            made.append(
                {
                    "rank": place + 1,
                    "candidate": int(self.number[place]),
                    **inputs,
                    f"{own.target}_{self.goal.reduce}" if curves else own.target: float(values[place]),
                    **band,
                    **({} if np.isnan(limit) else {"threshold": float(limit)}),
                    **({} if self.goal.score == "value" else {self.goal.score: float(self.scores[place])}),
                    "in_domain": not own.outside[place],
                }
            )
        return made

    def notes(self) -> list[str]:
        """What was done, in a few lines."""
        inside = sum(not reason for reason in self.prediction.outside)
        limit = "" if self.goal.score == "value" else f"{self.above} are predicted above their threshold; "
        counts = f"{limit}{len(self)} kept, {inside} of them in the training region"
        said = [f"{self.seen} candidates in {self.seconds:.1f} s, ranked by {self.goal.score}; {counts}"]
        if self.unscored:
            said.append(f"{self.unscored} candidates have no threshold and were not ranked")
        if self.outside:
            said.append(f"{self.outside} could have entered but lie outside the training region")
        return said

    def write(self, file: Path) -> None:
        """Write :meth:`rows` as CSV."""
        rows = self.rows()
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)


class _Best:
    """The k best of what was offered so far; of equals the one with the lower number."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.scores: FloatArray = np.zeros(0)
        self.number: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.table: Table | None = None

    @property
    def bar(self) -> float:
        """The score that a candidate has to pass."""
        return float(self.scores[-1]) if len(self.scores) == self.size else -np.inf

    def offer(self, scores: FloatArray, number: NDArray[np.int64], table: Table) -> None:
        """Merge candidates; their rows of ``table`` are kept as long as they are among the best."""
        scores = np.concatenate([self.scores, scores])
        numbers = np.concatenate([self.number, number])
        # Sorted by score, then by number, which a stable sort of sorted numbers gives.
        order = np.lexsort((numbers, -scores))[: self.size]
        whole = table if self.table is None else _joined([self.table, table])
        self.scores, self.number = scores[order], numbers[order]
        self.table = whole.take(order)


def screen(
    predictor: Predictor,
    pool: Pool,
    goal: Goal,
    *,
    top: int = 1000,
    chunk: int | None = None,
    inside: bool = False,
    progress: Progress | None = None,
) -> Screened:
    """Rank a pool; only the best ``top`` candidates and one chunk are in memory.

    The mean of every candidate is computed. Where the regressor knows its largest spread
    (:class:`nanonet.regressors.bounded.Bounded`), the spread is computed only for those whose score
    could pass the present bar with some spread between 0 and the largest: the ranking is the same.
    The best are predicted anew at the end, so that their numbers are those of ``predict``.

    Args:
        predictor: a loaded checkpoint.
        pool: candidates.
        goal: what makes one good.
        top: how many to keep.
        chunk: how many to predict at a time; ``None`` for as many as suit the model.
        inside: keep only candidates inside the training region.
        progress: called with the number done and the number of all after each chunk.

    Raises:
        ConfigError: sizes below 1, a score of a distribution for a model without a band or for a curve.
        InputError: the pool lacks a column, or a candidate is not physical.
    """
    if chunk is None:
        chunk = CHUNK_OF_PARTS if predictor.checkpoint.surrogate.by_parts else CHUNK
    if top < 1 or chunk < 1:
        raise ConfigError(f"top and chunk must be at least 1, got {top!r} and {chunk!r}")
    checkpoint = predictor.checkpoint
    surrogate, band = checkpoint.surrogate, checkpoint.band
    if goal.needs_band and (band is None or not surrogate.scalar):
        why = "has no calibrated band" if band is None else "predicts curves"
        raise ConfigError(f"the model {checkpoint.name} {why}; take the score value or gain")
    begin, best, done = time.perf_counter(), _Best(top), 0
    unscored = outside = above = spreads = 0
    for table in pool.chunks(chunk):
        limits = goal.thresholds(table)
        scores, over, computed = _chunk(checkpoint, goal, table, limits, best.bar)
        spreads, above = spreads + computed, above + over
        unscored += 0 if goal.score == "value" else int(np.isnan(limits).sum())
        good = np.flatnonzero(scores > best.bar)
        if inside and len(good):
            rows = table.take(good)
            reasons = checkpoint.outside(rows)
            kept = np.array([not reason for reason in reasons], dtype=bool)
            outside += int((~kept).sum())
            good = good[kept]
        if len(good):
            best.offer(scores[good], done + good, table.take(good))
        done += table.n_rows
        if progress is not None:
            progress(done, len(pool))
    if best.table is None:
        raise InputError(
            f"none of {done} candidates could be ranked: {unscored} have no threshold, {outside} lie outside the "
            "training region; check the columns of the pool, or keep candidates outside"
        )
    # Anew, in one piece: a product of other sizes may differ in the last digits.
    prediction = predictor.evaluate(best.table)
    _, spread = surrogate.predict_with_spread(best.table) if goal.needs_band else (None, 0.0)
    limits = goal.thresholds(best.table)
    scores = goal.scores(goal.values(prediction.targets), limits, spread, band)
    order = np.lexsort((best.number, -scores))
    return Screened(
        prediction=_taken(prediction, order),
        number=best.number[order],
        thresholds=limits[order],
        scores=scores[order],
        goal=goal,
        seen=done,
        unscored=unscored,
        outside=outside,
        above=above,
        spreads=spreads,
        seconds=time.perf_counter() - begin,
    )


def _chunk(
    checkpoint: Checkpoint, goal: Goal, table: Table, limits: FloatArray, bar: float
) -> tuple[FloatArray, int, int]:
    """Scores of a chunk (-inf where they cannot pass the bar, NaN without threshold), values above theirs, spreads."""
    surrogate, band = checkpoint.surrogate, checkpoint.band
    if not goal.needs_band:
        values = goal.values(surrogate.predict(table))
        return goal.scores(values, limits, 0.0, band), int((values > limits).sum()), 0
    regressor = surrogate.regressor
    largest = regressor.largest_spread() if isinstance(regressor, Bounded) else math.inf
    if not math.isfinite(largest):
        values, spread = surrogate.predict_with_spread(table)
        return goal.scores(values, limits, spread, band), int((values > limits).sum()), table.n_rows
    values = surrogate.predict(table)
    # Both scores rise or fall with the spread, so that one of its ends bounds them.
    bound = np.maximum(goal.scores(values, limits, 0.0, band), goal.scores(values, limits, largest, band))
    scores = np.where(np.isnan(bound), np.nan, -np.inf)
    near = np.flatnonzero(bound > bar)
    if len(near):
        _, spread = surrogate.predict_with_spread(table.take(near))
        scores[near] = goal.scores(values[near], limits[near], spread, band)
    return scores, int((values > limits).sum()), len(near)


def pool_of(problem: Any) -> Pool:
    """The candidates of a problem.

    Raises:
        ConfigError: it does not offer any; a file can.
    """
    if not isinstance(problem, Pooled):
        raise ConfigError(f"the problem {problem.name} has no pool of its own; name a CSV file of candidates")
    return problem.pool()


def _taken(prediction: Prediction, order: NDArray[np.int64]) -> Prediction:
    return replace(
        prediction,
        inputs=prediction.inputs.take(order),
        targets=prediction.targets[order],
        low=None if prediction.low is None else prediction.low[order],
        high=None if prediction.high is None else prediction.high[order],
        outside=tuple(prediction.outside[row] for row in order),
    )


def _joined(tables: Sequence[Table]) -> Table:
    return Table({name: np.concatenate([table[name] for table in tables]) for name in tables[0]})


def _normal_quantile(p: float) -> float:
    return statistics.NormalDist().inv_cdf(p)


def _phi(z: FloatArray) -> FloatArray:
    """The normal distribution function, to 2e-16: the base install has no SciPy."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in z.tolist()])

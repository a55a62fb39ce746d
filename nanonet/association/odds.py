"""Odds ratios of two factors: marginal, conditional, common to all strata, and of a fitted model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import frozen_array
from nanonet.association.loglinear import Fit, survival
from nanonet.association.table import ContingencyTable
from nanonet.errors import ConfigError, MissingDependencyError

#: Added to each cell of a 2 x 2 table that has an empty one (Haldane 1956, Anscombe 1956).
CORRECTION = 0.5


@dataclass(frozen=True)
class OddsRatio:
    """theta = n11 n22 / (n12 n21) [1] of the levels (a1, a2) of one factor and (b1, b2) of another.

    1 means no association. The interval is Woolf's: log theta -/+ z sqrt(sum 1 / n); it does not
    know of other comparisons beside it.

    Args:
        pair: the two factors.
        contrast: the levels that are compared, ``a2 / a1, b2 / b1``.
        where: what the other factors are, ``all`` (marginal), or how strata were put together.
        value, low, high: NaN where a margin of the 2 x 2 table is empty.
        n: records in it.
        corrected: 0.5 was added to each cell, as one of them is empty.
    """

    pair: tuple[str, str]
    contrast: str
    where: str
    value: float
    low: float
    high: float
    n: float
    corrected: bool = False

    @property
    def defined(self) -> bool:
        """Whether the table has records on both sides of both factors."""
        return bool(np.isfinite(self.value))

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.defined and not self.low <= 1.0 <= self.high

    def text(self, digits: int = 3) -> str:
        """``2.87 (1.07 to 7.68)``, with a star where 0.5 was added to each cell."""
        if not self.defined:
            return "not defined"
        star = "*" if self.corrected else ""
        if not np.isfinite(self.low):
            return f"{self.value:.{digits}g}{star}"
        return f"{self.value:.{digits}g}{star} ({self.low:.{digits}g} to {self.high:.{digits}g})"


def odds_ratio(counts: ArrayLike, level: float = 0.95) -> tuple[float, float, float, bool]:
    """theta, its interval, and whether 0.5 was added to each cell, of a 2 x 2 table.

    Raises:
        InputError: no 2 x 2 table of finite numbers.
        ConfigError: ``level`` is not between 0 and 1.
    """
    from scipy.stats import norm

    if not 0 < level < 1:
        raise ConfigError(f"the level of an interval lies between 0 and 1, got {level!r}")
    cells = frozen_array(counts, name="counts of a 2 x 2 table", ndim=2, shape=(2, 2))
    if min(cells.sum(axis=0).min(), cells.sum(axis=1).min()) <= 0:
        return float("nan"), float("nan"), float("nan"), False
    empty = bool(cells.min() == 0)
    cells = cells + CORRECTION if empty else cells
    log = float(np.log(cells[0, 0] * cells[1, 1] / (cells[0, 1] * cells[1, 0])))
    half = float(norm.ppf(0.5 + level / 2) * np.sqrt((1.0 / cells).sum()))
    return float(np.exp(log)), float(np.exp(log - half)), float(np.exp(log + half)), empty


def _contrasts(table: ContingencyTable, pair: tuple[str, str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each level against the first one, for both factors."""
    first, second = (table.levels[axis] for axis in table.axes(pair))
    for a in range(1, len(first)):
        for b in range(1, len(second)):
            yield f"{first[a]} / {first[0]}, {second[b]} / {second[0]}", (a, b)


def marginal(table: ContingencyTable, level: float = 0.95) -> list[OddsRatio]:
    """Of each two factors, whatever the others are."""
    made = []
    for pair in combinations(table.factors, 2):
        counts = table.margin(*pair)
        for contrast, (a, b) in _contrasts(table, pair):
            four = counts[np.ix_([0, a], [0, b])]
            value, low, high, corrected = odds_ratio(four, level)
            made.append(OddsRatio(pair, contrast, "all", value, low, high, int(four.sum()), corrected))
    return made


def conditional(table: ContingencyTable, level: float = 0.95) -> list[OddsRatio]:
    """Of each two factors, for each combination of levels of the others."""
    made = []
    for pair in combinations(table.factors, 2) if len(table.factors) > 2 else ():
        for contrast, (a, b) in _contrasts(table, pair):
            for where, counts in table.strata(*pair):
                four = counts[np.ix_([0, a], [0, b])]
                value, low, high, corrected = odds_ratio(four, level)
                made.append(OddsRatio(pair, contrast, where, value, low, high, int(four.sum()), corrected))
    return made


@dataclass(frozen=True)
class Common:
    """One odds ratio for all strata of the other factors, and whether there is one.

    theta = sum_k (n11k n22k / nk) / sum_k (n12k n21k / nk) (Mantel and Haenszel 1959), with the
    interval of Robins, Breslow and Greenland (1986).

    Args:
        ratio: theta; ``where`` names the factors that were held.
        p_none: of the Mantel-Haenszel test that theta = 1, without continuity correction.
        p_equal: of the Breslow-Day test that the strata have the same odds ratio, with Tarone's
            correction; NaN for fewer than two strata that can say something.
    """

    ratio: OddsRatio
    p_none: float
    p_equal: float


def common(table: ContingencyTable, level: float = 0.95) -> list[Common]:
    """Mantel-Haenszel odds ratio of each two factors, the others held (statsmodels)."""
    try:
        from statsmodels.stats.contingency_tables import StratifiedTable
    except ImportError as error:
        raise MissingDependencyError(
            "common odds ratios need statsmodels, which is not installed: pip install 'nanonet[chem]'"
        ) from error
    made = []
    for pair in combinations(table.factors, 2) if len(table.factors) > 2 else ():
        held = "held: " + ", ".join(factor for factor in table.factors if factor not in pair)
        for contrast, (a, b) in _contrasts(table, pair):
            fours = [counts[np.ix_([0, a], [0, b])].astype(float) for _, counts in table.strata(*pair)]
            # A stratum with an empty margin says nothing about the association.
            telling = [four for four in fours if four.sum(axis=0).min() > 0 and four.sum(axis=1).min() > 0]
            n = int(sum(four.sum() for four in telling))
            above, below = (sum(f[0, k] * f[1, 1 - k] / f.sum() for f in telling) for k in (0, 1))
            if not telling or above == 0 or below == 0:
                nothing = OddsRatio(pair, contrast, held, float("nan"), float("nan"), float("nan"), n)
                made.append(Common(nothing, float("nan"), float("nan")))
                continue
            strata = StratifiedTable(telling)
            low, high = strata.oddsratio_pooled_confint(1.0 - level)
            ratio = OddsRatio(pair, contrast, held, float(strata.oddsratio_pooled), float(low), float(high), n)
            none = strata.test_null_odds(correction=False).pvalue
            equal = _equal(telling, ratio.value) if len(telling) > 1 else float("nan")
            made.append(Common(ratio, float(none), equal))
    return made


def _equal(strata: list[np.ndarray], theta: float) -> float:
    """Breslow-Day test with Tarone's correction that all strata have the odds ratio theta: its p.

    e is the expected n11 of a stratum under theta with its margins: the root of
    e (n - r - c + e) = theta (r - e) (c - e) between its bounds.
    """
    statistic, difference, variances = 0.0, 0.0, 0.0
    for four in strata:
        row, column, n = four[0].sum(), four[:, 0].sum(), four.sum()
        roots = np.roots([1.0 - theta, n - row - column + theta * (row + column), -theta * row * column])
        inside = [r.real for r in roots if max(0.0, row + column - n) <= r.real <= min(row, column)]
        expected = inside[0]
        cells = np.array([expected, row - expected, column - expected, n - row - column + expected])
        variance = 1.0 / (1.0 / np.maximum(cells, 1e-12)).sum()
        statistic += (four[0, 0] - expected) ** 2 / variance
        difference += four[0, 0] - expected
        variances += variance
    return survival(statistic - difference**2 / variances, len(strata) - 1)


def fitted(fit: Fit) -> list[OddsRatio]:
    """Conditional odds ratios of a model's expected counts, without interval.

    The strata of a pair agree where the model has no term of it and a third factor, and are then
    given once.
    """
    table, made = fit.table, []
    for pair in combinations(table.factors, 2):
        kept = table.axes(pair)
        others = [axis for axis in range(fit.fitted.ndim) if axis not in kept]
        mu = np.moveaxis(fit.fitted, (*others, *kept), range(fit.fitted.ndim))
        mu = mu.reshape(-1, *mu.shape[len(others) :])
        labels = [where for where, _ in table.strata(*pair)]
        for contrast, (a, b) in _contrasts(table, pair):
            found = []
            for where, cells in zip(labels, mu, strict=True):
                four = cells[np.ix_([0, a], [0, b])]
                value = float(four[0, 0] * four[1, 1] / (four[0, 1] * four[1, 0])) if four.min() > 0 else float("nan")
                found.append(OddsRatio(pair, contrast, where or "all", value, float("nan"), float("nan"), four.sum()))
            values = np.array([own.value for own in found])
            if np.isfinite(values).all() and np.ptp(np.log(values)) < 1e-6:
                whole = float(sum(own.n for own in found))
                first = found[0]
                found = [OddsRatio(pair, contrast, "every stratum", first.value, first.low, first.high, whole)]
            made += found
    return made

"""Statistics of few, correlated blocks: their noise taken as a first-order autoregression, AR(1).

Block k and block k + j of a stationary run have a correlation of rho^j, rho from 0 to 0.9. Beyond that
the run holds too few independent stretches to say anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nanonet.arrays import FloatArray

#: Correlations of neighbouring blocks that are considered.
RHO = np.linspace(0.0, 0.9, 37)
#: Fewest blocks that a standard error is made of.
LEAST_BLOCKS = 4


def slope_score(y: FloatArray) -> float:
    """How much a straight line through the blocks rises, as a standard normal variable.

    For each rho the line is fitted by generalised least squares; the two-sided probability of Student's
    t with n - 2 degrees of freedom is averaged over rho with its restricted likelihood as the weight,
    which is how little a short series says about its own correlation. The score is the normal
    deviate of that probability, with the sign of the slope.

    Args:
        y: at least 4 block means that do not all lie on a line, shape (n,).
    """
    from scipy.stats import norm, t

    n = y.size
    table = _lines(n)
    b = _whiten(np.broadcast_to(y, (RHO.size, n)))
    line = np.einsum("rij,rkj,rk->ri", table.inverse, table.design, b)
    rest = ((b - np.einsum("rkj,rj->rk", table.design, line)) ** 2).sum(axis=1)
    error = np.sqrt(rest / (n - 2) * table.inverse[:, 1, 1])
    tails = 2.0 * t.sf(np.abs(line[:, 1]) / error, n - 2)
    log_weight = table.log_weight - 0.5 * (n - 2) * np.log(rest)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    tail = float(np.clip(weight @ tails, 1e-300, 1.0))
    return float(np.copysign(norm.isf(0.5 * tail), weight @ line[:, 1]))


def _whiten(rows: FloatArray) -> FloatArray:
    """Turn AR(1) noise of each of ``RHO`` into independent noise of variance 1 - rho^2, shape (n_rho, n)."""
    rho = RHO[:, None]
    return np.concatenate([rows[:, :1] * np.sqrt(1.0 - rho**2), rows[:, 1:] - rho * rows[:, :-1]], axis=1)


class _Lines(NamedTuple):
    """A straight line under AR(1) noise, for each of ``RHO``."""

    design: FloatArray  # whitened constant and slope, shape (n_rho, n, 2)
    inverse: FloatArray  # of the normal matrix, shape (n_rho, 2, 2)
    log_weight: FloatArray  # the part of the restricted likelihood that the data do not touch


@lru_cache(maxsize=64)
def _lines(n: int) -> _Lines:
    columns = (np.ones(n), np.linspace(-1.0, 1.0, n))
    design = np.stack([_whiten(np.broadcast_to(column, (RHO.size, n))) for column in columns], axis=2)
    normal = np.einsum("rki,rkj->rij", design, design)
    log_weight = 0.5 * np.log(1.0 - RHO**2) - 0.5 * np.linalg.slogdet(normal)[1]
    return _Lines(design, np.linalg.inv(normal), log_weight)


class _Expected(NamedTuple):
    """What AR(1) noise of variance 1 does to the means of n blocks, for each of ``RHO``."""

    lag_1: FloatArray  # lag-1 autocorrelation of the deviations from the means
    squares: FloatArray  # sum of their squares
    result: FloatArray  # variance of the mean, or of the difference of the two halves' means
    freedom: FloatArray  # degrees of freedom of the sum of squares


def _parts(n: int, halves: bool) -> tuple[slice, ...]:
    return (slice(0, n // 2), slice(n // 2, n)) if halves else (slice(0, n),)


@lru_cache(maxsize=64)
def _expected(n: int, halves: bool) -> _Expected:
    contrast, project = np.zeros(n), np.eye(n)
    for sign, part in zip((1.0, -1.0), _parts(n, halves), strict=False):
        size = part.stop - part.start
        contrast[part] = sign / size
        project[part, part] -= 1.0 / size
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    rows = []
    for rho in RHO:
        noise = rho**lag
        rest = project @ noise @ project
        trace = np.trace(rest)
        rows.append((np.trace(rest, 1) / trace, trace, contrast @ noise @ contrast, trace**2 / (rest * rest).sum()))
    return _Expected(*np.array(rows).T)


def _variance(curves: FloatArray, *, halves: bool) -> tuple[FloatArray, float]:
    """Variance of the mean of the blocks, or of the difference of the two halves' means, and its freedom."""
    deviation = np.concatenate([curves[part] - curves[part].mean(axis=0) for part in _parts(len(curves), halves)])
    squares = (deviation**2).sum(axis=0)
    table = _expected(len(curves), halves)
    total = float(squares.sum())
    observed = float((deviation[1:] * deviation[:-1]).sum()) / total if total > 0 else 0.0
    # the pooled lag-1 autocorrelation of a short series is far below rho: look up the rho that gives it
    at = np.interp(observed, table.lag_1, np.arange(RHO.size))
    sums, result, freedom = (
        float(np.interp(at, np.arange(RHO.size), column)) for column in (table.squares, table.result, table.freedom)
    )
    return squares / sums * result, freedom


def halves_variance(curves: FloatArray) -> tuple[FloatArray, float]:
    """Variance of the difference between the means of the first and second half of the blocks, per bin.

    The variance of a block comes from the deviations from each half's own mean, so that a true
    difference does not hide itself; the correlation rho is one number for all bins, matched to the
    pooled lag-1 autocorrelation of these deviations with its expectation for short series.

    Args:
        curves: one curve per block, shape (n_blocks, n_bins), at least 4 blocks.

    Returns:
        The variance per bin, and the degrees of freedom that stand behind each.
    """
    return _variance(curves, halves=True)


def mean_variance(curves: FloatArray) -> tuple[FloatArray, float]:
    """Square of :func:`mean_error`, and the degrees of freedom that stand behind it."""
    return _variance(curves, halves=False)


def mean_error(curves: FloatArray) -> FloatArray:
    """Standard error of the mean of curves of equal weight, correlation included, per bin.

    As :func:`halves_variance`, with deviations from the mean of all blocks. For curves of many bins
    it is right to 5 % from 20 blocks on where neighbours correlate by up to 0.7; joining blocks is
    20 to 35 % too low there, and needs some 200 blocks to be as good.

    Args:
        curves: one curve per block, shape (n_blocks, n_bins), at least 4 blocks.
    """
    return np.sqrt(mean_variance(curves)[0])

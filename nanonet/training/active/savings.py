"""How many simulations one strategy saves against another at equal error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.seeds import generator
from nanonet.statistics import NOT_DEFINED, Estimate, paired_difference

#: Resamples of the bootstrap over repeats.
RESAMPLES = 1000


@dataclass(frozen=True)
class Saving:
    """Simulations that a strategy needs for the error that the reference has at some number of them.

    Args:
        size: that number.
        needed: simulations of the strategy, with its interval.
        reference: simulations of the reference itself, read off in the same way.
        saved: 1 - needed / reference, a share; negative if the strategy needs more.
        missed: share of the resamples in which the strategy does not reach that error; there the
            largest number counts, so that it is a lower bound of ``needed``, and an upper one of ``saved``.
        bound: whether the strategy does not reach that error in the mean over all repeats, so that the values of
            ``needed`` and ``saved`` are such bounds.

    Where the reference's own error has not fallen since the beginning, by its 95 % interval, there is
    nothing to save, and none of the numbers is defined: along a flat curve a level is reached by luck.
    """

    size: int
    needed: Estimate
    reference: Estimate
    saved: Estimate
    missed: float
    bound: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def falling(values: FloatArray) -> FloatArray:
    """The sequence without a rise that is nearest to ``values`` (least squares), shape (n,).

    Pool adjacent violators: neighbours that rise are replaced by their mean (Ayer et al. 1955). An error
    measured on few records wavers; the number at which it falls below a level would otherwise be that of its
    luckiest moment.
    """
    blocks: list[tuple[float, int]] = []
    for value in np.asarray(values, dtype=float).tolist():
        mean, count = value, 1
        while blocks and blocks[-1][0] < mean:
            before, n = blocks.pop()
            mean, count = (before * n + mean * count) / (n + count), n + count
        blocks.append((mean, count))
    return np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])


def crossing(sizes: FloatArray, fallen: FloatArray, level: float) -> float:
    """Number of simulations at which a falling curve has come down to a level; NaN if it never does.

    Straight lines between the points. Where the curve stays on the level for a while it is the
    middle of that stretch, so that of two equal curves neither is ahead.
    """
    if fallen[-1] > level:
        return float("nan")
    # Both of the curve turned round: the first place at or below the level, and the last at or above it.
    below = int(np.argmax(fallen <= level))
    first = float(sizes[0]) if below == 0 else _between(sizes, fallen, below, level)
    above = np.flatnonzero(fallen >= level)
    if not above.size:
        return float(sizes[0])
    last = int(above[-1])
    end = float(sizes[last]) if last == len(sizes) - 1 else _between(sizes, fallen, last + 1, level)
    return 0.5 * (first + end)


def _between(sizes: FloatArray, fallen: FloatArray, right: int, level: float) -> float:
    """Where the line between two neighbours has the value ``level``."""
    high, low = fallen[right - 1], fallen[right]
    share = (high - level) / (high - low)
    return float(sizes[right - 1] + share * (sizes[right] - sizes[right - 1]))


def saving(
    sizes: FloatArray, errors: FloatArray, reference: FloatArray, size: int, resamples: int = RESAMPLES
) -> Saving:
    """Compare the mean error curves of a strategy and of the reference, paired over repeats.

    Both means are made falling (:func:`falling`); the level is that of the reference at ``size``; and
    the numbers at which both come down to it are compared. The intervals are a bootstrap over
    repeats, which takes the same repeats for both.

    Args:
        sizes: numbers of simulations, rising, shape (k,).
        errors: of the strategy, smaller is better, shape (repeats, k).
        reference: of the reference, same repeats.
        size: one of the sizes, or a number between them; whether the reference has learned anything is asked at
            the nearest of them.
        resamples: of the bootstrap.
    """

    def compared(rows: Any) -> tuple[float, float]:
        own, other = falling(errors[rows].mean(axis=0)), falling(reference[rows].mean(axis=0))
        level = float(np.interp(size, sizes, other))
        return crossing(sizes, own, level), crossing(sizes, other, level)

    repeats = len(errors)
    place = int(np.argmin(np.abs(np.asarray(sizes) - size)))
    names = np.array([f"{number:06d}" for number in range(repeats)])
    if not paired_difference(reference[:, 0], reference[:, place], names).low > 0:
        return Saving(int(size), NOT_DEFINED, NOT_DEFINED, NOT_DEFINED, float("nan"))
    value = compared(np.arange(repeats))
    random = generator(0, "savings")
    draws = np.array([compared(random.integers(0, repeats, repeats)) for _ in range(resamples)])
    missed = float(np.isnan(draws[:, 0]).mean())

    def of(here: float, drawn: FloatArray) -> Estimate:
        low, high = np.percentile(drawn, [2.5, 97.5]) if repeats > 1 else (here, here)
        return Estimate(float(here), float(low), float(high), repeats, repeats)

    largest = float(sizes[-1])
    needed, drawn = np.nan_to_num(value[0], nan=largest), np.nan_to_num(draws[:, 0], nan=largest)
    return Saving(
        size=int(size),
        needed=of(needed, drawn),
        reference=of(value[1], draws[:, 1]),
        saved=of(1.0 - needed / value[1], 1.0 - drawn / draws[:, 1]),
        missed=missed,
        bound=bool(np.isnan(value[0])),
    )

"""How wide an error band must be, learned from held-out records."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.band import Band, Scale
from nanonet.statistics import Estimate, estimate, spearman

log = logging.getLogger(__name__)
#: Fewest groups that a calibration is made of.
LEAST_GROUPS = 3
#: Bins over which the profile of widths is smoothed; neighbouring bins of a curve err alike.
SMOOTHING = 5
#: Candidates for the offset s0, in units of the root-mean-square spread.
OFFSETS = (0.1, 0.3, 1.0, 3.0, 10.0)


def _two_axes(values: FloatArray) -> FloatArray:
    return values[:, None] if values.ndim == 1 else values


def calibrate(
    predicted: FloatArray,
    truth: FloatArray,
    spread: FloatArray,
    groups: NDArray[np.str_],
    scale: Scale,
    level: float = 0.9,
    curve: bool = True,
) -> Band | None:
    """The band u(y) -/+ w_j sqrt(s0^2 + s^2) that holds ``level`` of the held-out values.

    With errors e_ij = |u(y'_ij) - u(y_ij)|: s0 is the candidate for which the size of a record's
    errors varies least in units of its sigma_i = sqrt(s0^2 + s_i^2); the profile a_j is the
    smoothed root mean square of e_ij / sigma_i over records; w_j = c a_j, where c is the quantile
    ``level`` of e_ij / (a_j sigma_i) over the bins that count: on a logarithmic scale those where
    the true value reaches the floor.

    Args:
        predicted: of held-out records, shape (n,) or (n, length); rows with NaN are left out.
        truth: of the same; NaN where one of several numbers is not known.
        spread: of the members in code space, shape (n,).
        groups: of the records.
        scale: on which errors are alike.
        level: share of values inside.
        curve: whether bins are places of a curve, of which neighbours err alike: the profile is smoothed, and c is one
            number. For several numbers at once nothing is smoothed, and each has a c of its own.

    Returns:
        ``None`` with fewer than 3 groups: too few to say anything.
    """
    predicted, truth = _two_axes(predicted), _two_axes(truth)
    known = np.isfinite(predicted).all(axis=1)
    if len(set(np.asarray(groups)[known].tolist())) < LEAST_GROUPS:
        log.warning("no calibrated band: %d held-out groups, at least %d are needed", known.sum(), LEAST_GROUPS)
        return None
    predicted, truth, spread = predicted[known], truth[known], np.asarray(spread, dtype=float)[known]
    errors = np.abs(scale.to(predicted) - scale.to(truth))
    size = np.sqrt(np.nanmean(errors**2, axis=1)) + 1e-12
    typical = float(np.sqrt((spread**2).mean()))
    offsets = [factor * typical for factor in OFFSETS] if typical > 0 else [1.0]
    offset = min(offsets, key=lambda s0: float(np.var(np.log(size / np.sqrt(s0**2 + spread**2)))))
    sigma = np.sqrt(offset**2 + spread**2)[:, None]
    # A number that is known for no held-out record gets the mean width.
    known_bins = np.isfinite(errors).any(axis=0)
    square = np.full(errors.shape[1], np.nanmean((errors / sigma) ** 2))
    square[known_bins] = np.nanmean(((errors / sigma) ** 2)[:, known_bins], axis=0)
    profile = np.sqrt(_smooth(square) if curve else square)
    # Bins that are never wrong, inside the core, still get a sliver of the mean width.
    profile = np.maximum(profile, 1e-2 * np.sqrt((profile**2).mean()) + 1e-12)
    counts = _counting(truth, scale)
    relative = errors / (sigma * profile)
    together = float(np.quantile(relative[counts], level)) if counts.any() else 1.0
    factor = np.full(len(profile), together)
    if not curve:
        # Errors of different quantities have different distributions: each number has its own quantile.
        for place in np.flatnonzero(counts.any(axis=0)):
            factor[place] = np.quantile(relative[counts[:, place], place], level)
    return Band(scale=scale, width=factor * profile, offset=offset, level=level)


def _counting(truth: FloatArray, scale: Scale) -> NDArray[np.bool_]:
    """Which true values a band has to hold: those that are known and, on a logarithmic scale, reach the floor."""
    return np.asarray(np.isfinite(truth) & (truth >= scale.floor if scale.log else True))


def _smooth(values: FloatArray) -> FloatArray:
    if len(values) < SMOOTHING:
        return values
    padded = np.pad(values, SMOOTHING // 2, mode="edge")
    return np.convolve(padded, np.ones(SMOOTHING) / SMOOTHING, mode="valid")


@dataclass(frozen=True, eq=False)
class Coverage:
    """How a calibrated band does on groups that it was not calibrated on.

    ``inside`` is the share of values in the band [%], ``width`` its mean full width on the scale
    u, ``constant_inside`` and ``constant_width`` those of a band with one width for all records,
    and ``rank`` the Spearman correlation between spread and size of the error.
    """

    level: float
    inside: Estimate
    width: float
    constant_inside: Estimate
    constant_width: float
    rank: float
    #: Of each record with a prediction: share of its values in the band [%], mean half width of the band, and root
    #: mean square error, the last two on the scale u; the band is that without the record's group.
    records: tuple[FloatArray, FloatArray, FloatArray]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "level": self.level,
            "inside": self.inside.to_json(),
            "width": self.width,
            "constant_inside": self.constant_inside.to_json(),
            "constant_width": self.constant_width,
            "rank": None if np.isnan(self.rank) else self.rank,
        }


def coverage(
    predicted: FloatArray,
    truth: FloatArray,
    spread: FloatArray,
    groups: NDArray[np.str_],
    scale: Scale,
    level: float = 0.9,
    curve: bool = True,
) -> Coverage | None:
    """Calibrate without one group and look at it, group after group; arguments as :func:`calibrate`.

    Returns:
        ``None`` with fewer than 4 groups.
    """
    predicted, truth, groups = _two_axes(predicted), _two_axes(truth), np.asarray(groups)
    known = np.isfinite(predicted).all(axis=1)
    predicted, truth, spread, groups = predicted[known], truth[known], np.asarray(spread)[known], groups[known]
    names = np.unique(groups)
    if len(names) <= LEAST_GROUPS:
        return None
    # A band of one width for all records is the same method with spreads that are all equal.
    found: dict[str, tuple[FloatArray, FloatArray]] = {}
    for key, used in (("own", spread), ("constant", np.ones(len(spread)))):
        inside, width = np.full(len(truth), np.nan), np.full(len(truth), np.nan)
        for name in names:
            out = groups == name
            band = calibrate(predicted[~out], truth[~out], used[~out], groups[~out], scale, level, curve)
            if band is None:
                continue
            low, high = band.around(predicted[out], used[out])
            counts = _counting(truth[out], scale)
            hit = ((truth[out] >= low) & (truth[out] <= high) & counts).sum(axis=1)
            total = counts.sum(axis=1)
            inside[out] = np.divide(100.0 * hit, total, out=np.full(len(hit), np.nan), where=total > 0)
            width[out] = 2.0 * band.half_width(used[out]).mean(axis=1)
        found[key] = (inside, width)
    size = np.sqrt(np.nanmean((scale.to(predicted) - scale.to(truth)) ** 2, axis=1))
    return Coverage(
        level=level,
        inside=estimate(found["own"][0], groups),
        width=float(np.nanmean(found["own"][1])),
        constant_inside=estimate(found["constant"][0], groups),
        constant_width=float(np.nanmean(found["constant"][1])),
        rank=spearman(spread, size),
        records=(found["own"][0], found["own"][1] / 2.0, size),
    )

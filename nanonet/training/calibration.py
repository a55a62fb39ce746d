"""How wide an error band must be, learned from held-out records."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, of_rows, two_axes
from nanonet.band import Band, Scale
from nanonet.statistics import Estimate, estimate, of_set, spearman

log = logging.getLogger(__name__)
#: Fewest groups that a calibration is made of.
LEAST_GROUPS = 3
#: Bins over which the profile of widths is smoothed; neighbouring bins of a curve err alike.
SMOOTHING = 5
#: Values per record, and at least, from which the width at a place is read off.
NEIGHBOURS, LEAST_VALUES = 3, 30
#: Bins in front of the first value that counts within which a band closes.
CLOSING = 2
#: Candidates for the offset s0, in units of the root-mean-square spread.
OFFSETS = (0.1, 0.3, 1.0, 3.0, 10.0)


def calibrate(
    predicted: FloatArray,
    truth: FloatArray,
    spread: FloatArray,
    groups: NDArray[np.str_],
    scale: Scale,
    level: float = 0.9,
    curve: bool = True,
    places: FloatArray | None = None,
) -> Band | None:
    """The band u(y) -/+ w_j sqrt(s0^2 + s^2) that holds ``level`` of the held-out values.

    With errors e_ij = |u(y'_ij) - u(y_ij)|: s0 is the candidate for which the size of a record's
    errors varies least in units of its sigma_i = sqrt(s0^2 + s_i^2); the profile a_j is the
    smoothed root mean square of e_ij / sigma_i over records; w_j = c a_j, where c is the quantile
    ``level`` of e_ij / (a_j sigma_i) over the bins that count: on a logarithmic scale those where
    the true value reaches the floor.

    With a spread s_ij at each bin sigma_ij = sqrt(s0^2 + s_ij^2) takes the place of sigma_i, and s0 is the candidate
    under which normal errors of standard deviations in proportion to sigma_ij are likeliest.

    With ``places`` p_ij the widths belong to them: w(p) is the quantile of e_ij / sigma_i among the values that count
    next to p, three per record, smoothed along p. The quantile is ``level`` (n + 1) / n with n groups, as in split
    conformal prediction (Lei et al. 2018), for with few groups that of the known errors is too small for the next one.
    In front of the first place where any value counts the band closes within two bins.

    Args:
        predicted: of held-out records, shape (n,) or (n, length); rows with NaN are left out.
        truth: of the same; NaN where one of several numbers is not known.
        spread: of the members, shape (n,), or at each bin (n, length).
        groups: of the records.
        scale: on which errors are alike.
        level: share of values inside.
        curve: whether bins are places of a curve, of which neighbours err alike: the profile is smoothed, and c is one
            number. For several numbers at once nothing is smoothed, and each has a c of its own.
        places: where the bins of each record lie on a scale that is common to all, of the shape of ``truth``
            (:func:`nanonet.data.problem.places`); ``None`` where bin j is bin j.

    Returns:
        ``None`` with fewer than 3 groups: too few to say anything.
    """
    predicted, truth = two_axes(predicted), two_axes(truth)
    known = np.isfinite(predicted).all(axis=1)
    if len(set(np.asarray(groups)[known].tolist())) < LEAST_GROUPS:
        found = len(set(np.asarray(groups)[known].tolist()))
        log.warning("no calibrated band: %d held-out groups, at least %d are needed", found, LEAST_GROUPS)
        return None
    predicted, truth, spread = predicted[known], truth[known], np.asarray(spread, dtype=float)[known]
    errors = np.abs(scale.to(predicted) - scale.to(truth))
    size = np.sqrt(np.nanmean(errors**2, axis=1)) + 1e-12
    typical = float(np.sqrt((spread**2).mean()))
    offsets = [factor * typical for factor in OFFSETS] if typical > 0 else [1.0]
    counts = _counting(truth, scale)

    def misfit(s0: float) -> float:
        sigma = np.sqrt(s0**2 + spread**2)
        if spread.ndim == 1:
            return float(np.var(np.log(size / sigma)))
        # minus the logarithm of the likelihood, the common factor at its best
        return float(np.log(sigma[counts]).mean() + 0.5 * np.log(((errors / sigma)[counts] ** 2).mean() + 1e-24))

    offset = min(offsets, key=misfit)
    sigma = two_axes(np.sqrt(offset**2 + spread**2))
    if places is not None:
        count = len(set(np.asarray(groups)[known].tolist()))
        grid, width = _by_place(
            errors / sigma, np.asarray(places)[known], counts, min(1.0, level * (count + 1) / count)
        )
        return Band(scale=scale, width=width, offset=offset, level=level, grid=grid)
    # A number that is known for no held-out record gets the mean width.
    known_bins = np.isfinite(errors).any(axis=0)
    square = np.full(errors.shape[1], np.nanmean((errors / sigma) ** 2))
    square[known_bins] = np.nanmean(((errors / sigma) ** 2)[:, known_bins], axis=0)
    profile = np.sqrt(_smooth(square) if curve else square)
    # Bins that are never wrong, inside the core, still get a sliver of the mean width.
    profile = np.maximum(profile, 1e-2 * np.sqrt((profile**2).mean()) + 1e-12)
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


def _by_place(
    relative: FloatArray, places: FloatArray, counts: NDArray[np.bool_], level: float
) -> tuple[FloatArray, FloatArray]:
    """Places on an even grid, and the quantile of the relative errors next to each; see :func:`calibrate`."""
    step = float(np.median(np.diff(places, axis=1)))
    where = places[counts]
    low, high = (where.min(), where.max()) if where.size else (0.0, 0.0)
    grid = low + step * np.arange(int(np.ceil((high - low) / step)) + 2)
    if not where.size:
        return grid, np.ones(len(grid))
    order = np.argsort(where, kind="stable")
    where, errors = where[order], relative[counts][order]
    size = min(len(errors), max(LEAST_VALUES, NEIGHBOURS * len(places)))
    # The window of a fixed number of values whose middle is nearest.
    begin = np.clip(np.searchsorted(where, grid) - size // 2, 0, len(errors) - size)
    windows = np.lib.stride_tricks.sliding_window_view(errors, size)[begin]
    width = _smooth(np.quantile(windows, level, axis=1))
    sliver = 1e-2 * float(np.sqrt((width**2).mean())) + 1e-12
    if places.min() < low:
        # Deeper in the core of an RDF no value of any record counts: all are as good as 0, and so is the band.
        grid = np.insert(grid, 0, low - CLOSING * step)
        width = np.insert(width, 0, 0.0)
    return grid, np.maximum(width, sliver)


def _smooth(values: FloatArray) -> FloatArray:
    if len(values) < SMOOTHING:
        return values
    padded = np.pad(values, SMOOTHING // 2, mode="edge")
    return np.convolve(padded, np.ones(SMOOTHING) / SMOOTHING, mode="valid")


@dataclass(frozen=True, eq=False)
class Share:
    """What a band holds of some values, and how wide it is there.

    ``inside`` is the share of values in the band [%], ``width`` its mean full width on the scale u over the values that
    count, ``constant_inside`` and ``constant_width`` those of a band with one width for all records.
    """

    inside: Estimate
    width: float
    constant_inside: Estimate
    constant_width: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``None`` where nothing is defined."""
        widths = {"width": self.width, "constant_width": self.constant_width}
        return {
            "inside": self.inside.to_json(),
            "constant_inside": self.constant_inside.to_json(),
            **{name: None if np.isnan(value) else value for name, value in widths.items()},
        }


@dataclass(frozen=True, eq=False)
class Coverage(Share):
    """How a calibrated band does on groups that it was not calibrated on: on all values that count, and by region.

    ``rank`` is the Spearman correlation between spread and size of the error over records, not defined where the
    spreads are all alike; ``regions`` has the parts of a curve that the problem names, each with the values that count
    there.
    """

    level: float
    rank: Estimate
    #: Of each record with a prediction: share of its values in the band [%], mean half width of the band, and root
    #: mean square error, the last two on the scale u; the band is that without the record's group.
    records: tuple[FloatArray, FloatArray, FloatArray]
    regions: Mapping[str, Share] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "level": self.level,
            **super().to_json(),
            "rank": self.rank.to_json(),
            "regions": {name: share.to_json() for name, share in self.regions.items()},
        }


def coverage(
    predicted: FloatArray,
    truth: FloatArray,
    spread: FloatArray,
    groups: NDArray[np.str_],
    scale: Scale,
    level: float = 0.9,
    curve: bool = True,
    regions: Mapping[str, NDArray[np.bool_]] | None = None,
    places: FloatArray | None = None,
) -> Coverage | None:
    """Calibrate without one group and look at it, group after group.

    Args:
        predicted: of held-out records, as the next six for :func:`calibrate`.
        truth: of the same.
        spread: of the members.
        groups: of the records.
        scale: on which errors are alike.
        level: share of values inside.
        curve: whether bins are places of a curve.
        regions: name of a part of the curves to which values belong to it, of the shape of ``truth``.
        places: where the bins lie.

    Returns:
        ``None`` with fewer than 4 groups.
    """
    predicted, truth, groups = two_axes(predicted), two_axes(truth), np.asarray(groups)
    known = np.isfinite(predicted).all(axis=1)
    predicted, truth, spread, groups = predicted[known], truth[known], np.asarray(spread)[known], groups[known]
    if len(np.unique(groups)) <= LEAST_GROUPS:
        return None
    counts = _counting(truth, scale)
    lie = None if places is None else np.asarray(places)[known]
    # A band of one width for all records is the same method with spreads that are all equal.
    own, constant = (
        _left_out(predicted, truth, used, groups, scale, level, curve, lie) for used in (spread, np.ones(len(spread)))
    )

    def share(values: NDArray[np.bool_]) -> Share:
        inside, width = _means(own, values)
        constant_inside, constant_width = _means(constant, values)
        return Share(
            inside=estimate(100.0 * inside, groups),
            width=2.0 * _mean(width),
            constant_inside=estimate(100.0 * constant_inside, groups),
            constant_width=2.0 * _mean(constant_width),
        )

    size = np.sqrt(np.nanmean((scale.to(predicted) - scale.to(truth)) ** 2, axis=1))
    whole = share(counts)
    parts = {name: np.reshape(mask, (len(mask), -1))[known] for name, mask in (regions or {}).items()}
    return Coverage(
        inside=whole.inside,
        width=whole.width,
        constant_inside=whole.constant_inside,
        constant_width=whole.constant_width,
        level=level,
        rank=of_set(lambda rows: spearman(of_rows(spread)[rows], size[rows]), groups),
        records=(100.0 * _means(own, counts)[0], own[1].mean(axis=1), size),
        regions={name: share(counts & mask) for name, mask in parts.items()},
    )


def share_of_each(truth: FloatArray, ends: tuple[FloatArray, FloatArray], scale: Scale) -> FloatArray:
    """Of each record the share of true values between the ends of a band that knows nothing of them [%], shape (n,).

    Args:
        truth: of the records, one number or one row each.
        ends: lower and upper, of the same shape.
        scale: of the band; on a logarithmic one values below its floor do not count.
    """
    true, low, high = (two_axes(np.asarray(values, dtype=float)) for values in (truth, *ends))
    inside = np.asarray((true >= low) & (true <= high), dtype=float)
    return np.asarray(100.0 * _means((inside, inside), _counting(true, scale))[0])


def _left_out(
    predicted: FloatArray,
    truth: FloatArray,
    spread: FloatArray,
    groups: NDArray[np.str_],
    scale: Scale,
    level: float,
    curve: bool,
    places: FloatArray | None,
) -> tuple[FloatArray, FloatArray]:
    """Whether each value lies in the band that was made without its group (1, 0), and half of the band's width.

    Both of shape (n, length), NaN where no such band can be made.
    """
    hit, half = np.full(truth.shape, np.nan), np.full(truth.shape, np.nan)
    for name in np.unique(groups):
        out = groups == name
        here, there = (None, None) if places is None else (places[out], places[~out])
        band = calibrate(predicted[~out], truth[~out], spread[~out], groups[~out], scale, level, curve, there)
        if band is not None:
            low, high = band.around(predicted[out], spread[out], here)
            hit[out] = (truth[out] >= low) & (truth[out] <= high)
            half[out] = band.half_width(spread[out], here)
    return hit, half


def _means(found: tuple[FloatArray, FloatArray], values: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Means over some values of each record, NaN where it has none."""
    count = values.sum(axis=1)
    inside, width = (
        np.divide(np.where(values, own, 0.0).sum(axis=1), count, out=np.full(len(own), np.nan), where=count > 0)
        for own in found
    )
    return inside, width


def _mean(values: FloatArray) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")

"""Means over groups with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.seeds import generator

#: Resamples of the bootstrap.
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean over groups with its 95 % bootstrap interval, and over how many groups it is.

    ``n_groups`` counts the groups where the quantity is defined, ``n_asked`` all of them.
    """

    value: float
    low: float
    high: float
    n_groups: int
    n_asked: int

    def to_json(self) -> dict[str, float | None]:
        """Plain values; ``None`` where nothing is defined."""
        return {key: None if np.isnan(value) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Estimate:
        """From what :meth:`to_json` gave."""
        known: dict[str, Any] = {key: float("nan") if value is None else value for key, value in values.items()}
        return cls(**known)

    def text(self, digits: int = 3) -> str:
        """``0.123 (0.1 to 0.15)``, with a note where it is not defined for all groups."""
        if self.n_groups == 0:
            return "not defined"
        interval = "" if self.n_groups == 1 else f" ({self.low:.{digits}g} to {self.high:.{digits}g})"
        note = "" if self.n_groups == self.n_asked else f" [{self.n_groups} of {self.n_asked}]"
        return f"{self.value:.{digits}g}{interval}{note}"


def group_means(values: FloatArray, groups: NDArray[np.str_]) -> FloatArray:
    """Mean of the defined values of each group, in the order of the names; NaN where none is."""
    _, inverse = np.unique(groups, return_inverse=True)
    defined = np.isfinite(values)
    total = np.bincount(inverse, weights=np.where(defined, values, 0.0))
    count = np.bincount(inverse, weights=defined.astype(float))
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def estimate(values: FloatArray, groups: NDArray[np.str_], seed: int = 0) -> Estimate:
    """Mean over groups of the mean over their records; groups are what is resampled.

    Args:
        values: one per record, NaN where not defined.
        groups: name of the group of each record.
        seed: of the resampling.
    """
    means = group_means(np.asarray(values, dtype=float), groups)
    known = means[np.isfinite(means)]
    if not known.size:
        return Estimate(np.nan, np.nan, np.nan, 0, len(means))
    draws = generator(seed, "bootstrap").integers(0, known.size, (RESAMPLES, known.size))
    low, high = np.percentile(known[draws].mean(axis=1), [2.5, 97.5])
    return Estimate(float(known.mean()), float(low), float(high), int(known.size), len(means))


def paired_difference(values: FloatArray, reference: FloatArray, groups: NDArray[np.str_], seed: int = 0) -> Estimate:
    """Mean over groups of (value - reference), record by record: is one better than the other?"""
    return estimate(np.asarray(values) - np.asarray(reference), groups, seed)

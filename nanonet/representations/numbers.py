"""Several numbers at once, of which some may not be known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.errors import InputError
from nanonet.representations.base import as_codes, as_targets, load_state, not_fitted, save_state


class Numbers:
    """Standard scores of each number, c = (y - mean) / deviation, shape (n, k), over the records where it is known.

    NaN among the targets says that a number is not known, and stays NaN in the code. A number that does not vary
    gets deviation 1.
    """

    tolerance: float = 1e-9
    requires_fit: bool = True
    lowest: float = -math.inf
    gaps: ClassVar[bool] = True

    def __init__(self) -> None:
        self._mean: FloatArray | None = None
        self._deviation: FloatArray = np.ones(0)

    def _known(self) -> FloatArray:
        if self._mean is None:
            raise not_fitted(self)
        return self._mean

    def fit(self, targets: ArrayLike) -> Self:
        """Learn mean and deviation of each number. Returns itself.

        Raises:
            InputError: a number that is not known for any record.
        """
        values = as_targets(targets, n_bins=None, lowest=self.lowest, gaps=True)
        unknown = np.flatnonzero(np.isnan(values).all(axis=0))
        if unknown.size:
            raise InputError(
                f"number {unknown[0]} of the targets is NaN in all {len(values)} records, expected to be known in one; "
                "leave it out"
            )
        mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        # A spread below rounding is no spread.
        varies = deviation > 1e-12 * np.maximum(1.0, np.nanmax(np.abs(values), axis=0))
        self._mean, self._deviation = mean, np.where(varies, deviation, 1.0)
        return self

    def encode(self, targets: ArrayLike) -> FloatArray:
        """Standard scores; NaN where the number is."""
        mean = self._known()
        values = as_targets(targets, n_bins=len(mean), lowest=self.lowest, gaps=True)
        return (values - mean) / self._deviation

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Numbers of standard scores."""
        mean = self._known()
        return as_codes(codes, shape=mean.shape) * self._deviation + mean

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}

    def save(self, folder: Path) -> None:
        """Write mean and deviation."""
        save_state(self, folder, {"mean": self._known(), "deviation": self._deviation})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("mean", "deviation"))
        part = cls(**config)
        part._mean, part._deviation = state["mean"], state["deviation"]
        return part

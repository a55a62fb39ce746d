"""Errors of a whole set of records, in which each record counts once."""

from __future__ import annotations

from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.metrics.base import OfSet


class PooledAbsolute(OfSet):
    """Mean over all records of |y' - y|, in the target's unit: one number of the whole set.

    A polymer with thousands of records counts as often; the mean over groups beside it
    (:class:`nanonet.metrics.general.AbsoluteError`) says how a new polymer fares.

    Args:
        unit: of the target.
        over: see :class:`nanonet.metrics.base.OfSet`.
    """

    name, smaller_is_better = "pooled_mae", True

    def __init__(self, unit: str = "1", over: str = "all") -> None:
        super().__init__(over)
        self.unit = unit

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"unit": self.unit, **super().get_config()}

    def statistic(self, true: FloatArray, predicted: FloatArray) -> float:
        """Mean absolute difference."""
        return float(np.abs(predicted - true).mean())

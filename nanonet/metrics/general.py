"""Metrics for numbers and curves of any problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError


def _per_record(values: FloatArray) -> FloatArray:
    """Mean over everything but the first axis."""
    return values.reshape(len(values), -1).mean(axis=1)


class RootMeanSquare:
    """sqrt(mean over the curve of (y' - y)^2), in the target's unit; |y' - y| for a number."""

    smaller_is_better = True

    def __init__(self, unit: str = "1") -> None:
        self.name, self.unit = "rmse", unit

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """Root mean square error of each record."""
        return np.sqrt(_per_record((predicted - truth.targets) ** 2))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"unit": self.unit}


class AbsoluteError:
    """Mean over the curve of |y' - y|, in the target's unit."""

    smaller_is_better = True

    def __init__(self, unit: str = "1") -> None:
        self.name, self.unit = "mae", unit

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """Mean absolute error of each record."""
        return _per_record(np.abs(predicted - truth.targets))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"unit": self.unit}


class LogError:
    """sqrt(mean over the curve of (log10 max(y', f) - log10 max(y, f))^2) [decades].

    Args:
        floor: f, positive; what lies below counts as f on both sides.

    Raises:
        ConfigError: the floor is not positive.
    """

    smaller_is_better = True
    unit = "decades"

    def __init__(self, floor: float = 0.01) -> None:
        if not floor > 0:
            raise ConfigError(f"the floor must be positive, got {floor!r}")
        self.name, self.floor = "log_error", float(floor)

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """Root mean square difference of the logarithms of each record."""
        difference = np.log10(np.maximum(predicted, self.floor)) - np.log10(np.maximum(truth.targets, self.floor))
        return np.sqrt(_per_record(difference**2))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"floor": self.floor}

"""Metrics for numbers and curves of any problem."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.data.where import Where
from nanonet.errors import ConfigError
from nanonet.metrics.base import Folds, Metric, OfSet, PerRecord
from nanonet.parts import describe
from nanonet.statistics import NOT_DEFINED, Estimate, spearman


def _per_record(values: FloatArray) -> FloatArray:
    """Mean over everything but the first axis."""
    return values.reshape(len(values), -1).mean(axis=1)


class RootMeanSquare(PerRecord):
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


class AbsoluteError(PerRecord):
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


class LogError(PerRecord):
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


class Pooled(OfSet):
    """sqrt(mean over all records of (y' - y)^2), in the target's unit: one number of the whole set.

    Args:
        unit: of the target.
        over: see :class:`nanonet.metrics.base.OfSet`.
    """

    name, smaller_is_better = "pooled_rmse", True

    def __init__(self, unit: str = "1", over: str = "all") -> None:
        super().__init__(over)
        self.unit = unit

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"unit": self.unit, **super().get_config()}

    def statistic(self, true: FloatArray, predicted: FloatArray) -> float:
        """Root mean square difference."""
        return float(np.sqrt(((predicted - true) ** 2).mean()))


class Determination(OfSet):
    """r^2 = 1 - sum (y' - y)^2 / sum (y - mean y)^2 over the records of a set; 1 is perfect.

    The mean of the set itself scores 0, and a prediction can be worse than that.
    """

    name, unit, smaller_is_better = "r2", "1", False

    def statistic(self, true: FloatArray, predicted: FloatArray) -> float:
        """Coefficient of determination; NaN where the truth does not vary."""
        total = float(((true - true.mean(axis=0)) ** 2).sum())
        return 1.0 - float(((predicted - true) ** 2).sum()) / total if total > 0 else float("nan")


class RankCorrelation(OfSet):
    """Spearman's rank correlation between prediction and truth over the records of a set."""

    name, unit, smaller_is_better = "spearman", "1", False

    def statistic(self, true: FloatArray, predicted: FloatArray) -> float:
        """Correlation of the ranks; NaN where one of the two does not vary."""
        return spearman(true.ravel(), predicted.ravel())


class Subset:
    """Another metric, of a part of the records: an overall number must not hide how it is there.

    Args:
        of: the metric.
        where: which records count.
    """

    def __init__(self, of: Metric, where: Where) -> None:
        self.of, self.where = of, where
        self.name, self.unit, self.smaller_is_better = of.name, of.unit, of.smaller_is_better

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"of": describe(self.of), "where": describe(self.where)}

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """As the metric, NaN for the other records."""
        rows = self.where.rows(truth)
        made = np.full(len(truth), np.nan)
        if rows.any():
            made[rows] = self.of.values(truth.take(rows), predicted[rows])
        return made

    def estimate(self, truth: Dataset, predicted: FloatArray, folds: Folds = None) -> Estimate:
        """The metric of those records; not defined where there are none."""
        rows = self.where.rows(truth)
        if not rows.any():
            return NOT_DEFINED
        return self.of.estimate(truth.take(rows), predicted[rows], None if folds is None else folds[rows])

    def difference(self, truth: Dataset, predicted: FloatArray, reference: FloatArray, folds: Folds = None) -> Estimate:
        """The difference for those records."""
        rows = self.where.rows(truth)
        if not rows.any():
            return NOT_DEFINED
        kept = None if folds is None else folds[rows]
        return self.of.difference(truth.take(rows), predicted[rows], reference[rows], kept)


class OfNumber:
    """Another metric, of one of several numbers that are predicted at once, where that is known.

    Args:
        of: the metric.
        number: label of the number, as in the target's axis.
    """

    def __init__(self, of: Metric, number: str) -> None:
        self.of, self.number = of, str(number)
        self.name, self.unit, self.smaller_is_better = of.name, of.unit, of.smaller_is_better

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"of": describe(self.of), "number": self.number}

    def _one(self, truth: Dataset, *predicted: FloatArray) -> tuple[NDArray[np.int64], Dataset, list[FloatArray]]:
        """The rows where it is known, their records, and the predictions for them."""
        rows, records = truth.number(self.number)
        labels = () if truth.axis is None else truth.axis.labels
        return rows, records, [own[rows, labels.index(self.number)] for own in predicted]

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """As the metric, NaN where the number is not known."""
        rows, records, (own,) = self._one(truth, predicted)
        made = np.full(len(truth), np.nan)
        if len(rows):
            made[rows] = self.of.values(records, own)
        return made

    def estimate(self, truth: Dataset, predicted: FloatArray, folds: Folds = None) -> Estimate:
        """The metric of the records where it is known; not defined where there are none."""
        rows, records, (own,) = self._one(truth, predicted)
        return self.of.estimate(records, own, None if folds is None else folds[rows]) if len(rows) else NOT_DEFINED

    def difference(self, truth: Dataset, predicted: FloatArray, reference: FloatArray, folds: Folds = None) -> Estimate:
        """The difference for those records."""
        rows, records, (own, other) = self._one(truth, predicted, reference)
        kept = None if folds is None else folds[rows]
        return self.of.difference(records, own, other, kept) if len(rows) else NOT_DEFINED

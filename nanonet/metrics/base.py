"""The contract of metrics, and the two kinds there are."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.errors import InputError
from nanonet.statistics import Estimate, estimate, of_set, paired_difference

#: Name of the fold of each record, or nothing where there is only one.
Folds = NDArray[np.str_] | None


@runtime_checkable
class Metric(Protocol):
    """How far predictions are from the truth, as one number with an interval."""

    #: Short name, a key in tables and files.
    name: str
    #: Unit, as printed.
    unit: str
    #: Whether a smaller number is a better prediction.
    smaller_is_better: bool

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """What each record contributes, shape (n,), NaN where it is not defined.

        Args:
            truth: n records; their noise may decide what counts as structure.
            predicted: of the shape of ``truth.targets``, in the same unit, finite.
        """

    def estimate(self, truth: Dataset, predicted: FloatArray, folds: Folds = None) -> Estimate:
        """The metric of all records, with a 95 % interval."""

    def difference(self, truth: Dataset, predicted: FloatArray, reference: FloatArray, folds: Folds = None) -> Estimate:
        """The metric of one prediction minus that of another for the same records."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this metric."""


class PerRecord:
    """One number per record, of which the mean over groups is reported.

    The mean is taken over the records of a group first, then over the groups, so that a
    composition with many replicas does not count more than another.
    """

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """See :class:`Metric`."""
        raise NotImplementedError

    def estimate(self, truth: Dataset, predicted: FloatArray, folds: Folds = None) -> Estimate:
        """Mean over groups; folds make no difference."""
        return estimate(self.values(truth, predicted), truth.groups)

    def difference(self, truth: Dataset, predicted: FloatArray, reference: FloatArray, folds: Folds = None) -> Estimate:
        """Mean over groups of the difference, record by record."""
        return paired_difference(self.values(truth, predicted), self.values(truth, reference), truth.groups)


class OfSet:
    """One number of a whole set of records of numbers, such as r^2.

    Args:
        over: ``all``: the records of all folds are one set, and the interval is a bootstrap over
            groups; ``folds``: the mean of the numbers of the folds, with a bootstrap over folds.
            The first is what a reader expects of cross-validation, the second of repeated splits.

    Raises:
        InputError: ``over`` is something else.
    """

    def __init__(self, over: str = "all") -> None:
        if over not in ("all", "folds"):
            raise InputError(f"over is 'all' or 'folds', got {over!r}")
        self.over = over

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"over": self.over}

    def statistic(self, true: FloatArray, predicted: FloatArray) -> float:
        """The number of a set, of arrays of equal shape."""
        raise NotImplementedError

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """|y' - y| of each record, for want of a share in the number (mean over a curve)."""
        return np.abs(predicted - truth.targets).reshape(len(predicted), -1).mean(axis=1)

    def estimate(self, truth: Dataset, predicted: FloatArray, folds: Folds = None) -> Estimate:
        """The number of all records, or its mean over folds."""
        return self._estimate(truth, folds, lambda rows: self.statistic(truth.targets[rows], predicted[rows]))

    def difference(self, truth: Dataset, predicted: FloatArray, reference: FloatArray, folds: Folds = None) -> Estimate:
        """The difference of the two numbers, both of the same resampled records."""
        true = truth.targets
        return self._estimate(
            truth,
            folds,
            lambda rows: self.statistic(true[rows], predicted[rows]) - self.statistic(true[rows], reference[rows]),
        )

    def _estimate(self, truth: Dataset, folds: Folds, number: Any) -> Estimate:
        if self.over == "all" or folds is None:
            return of_set(number, truth.groups)
        names = np.unique(folds)
        return estimate(np.array([number(np.flatnonzero(folds == name)) for name in names]), names)

"""Whether predictions follow an input in one direction, as physics demands."""

from __future__ import annotations

from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError, DataError
from nanonet.metrics.base import Folds, PerRecord
from nanonet.statistics import Estimate, estimate

#: A smaller change of the prediction is a rounding error.
ROUNDING = 1e-9


class Falling(PerRecord):
    """Share of curves whose prediction falls somewhere while an input rises [%].

    A curve is all records that agree in every other input, at two values of the input or more; other records do not
    count. Repeats at one value are averaged, and predictions of different folds are different curves. The mean is
    taken over the curves of a group (each as often as it has records), then over the groups.

    Args:
        along: the input, a column of numbers.

    Raises:
        ConfigError: no name.
    """

    name, unit, smaller_is_better = "falling", "%", True

    def __init__(self, along: str) -> None:
        if not along:
            raise ConfigError("along must name an input, got an empty text")
        self.along = str(along)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"along": self.along}

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """100 for a record of a curve that falls, 0 for one of a curve that does not, NaN for one of no curve."""
        return self._values(truth, predicted, None)

    def estimate(self, truth: Dataset, predicted: FloatArray, folds: Folds = None) -> Estimate:
        """Mean over groups."""
        return estimate(self._values(truth, predicted, folds), truth.groups)

    def _values(self, truth: Dataset, predicted: FloatArray, folds: Folds) -> FloatArray:
        inputs = dict(truth.inputs.items())
        if self.along not in inputs or inputs[self.along].dtype.kind != "f":
            raise DataError(f"there is no input {self.along!r} of numbers; the inputs are {', '.join(inputs)}")
        x = inputs.pop(self.along)
        curve = np.zeros(len(truth), dtype=np.int64)
        for column in (*inputs.values(), *([] if folds is None else [folds])):
            _, code = np.unique(column, return_inverse=True)
            _, curve = np.unique(curve * (int(code.max(initial=0)) + 1) + code, return_inverse=True)
        # One point per curve and value of x.
        points, where = np.unique(np.column_stack([curve, x]), axis=0, return_inverse=True)
        where = where.ravel()
        mean = np.bincount(where, predicted) / np.bincount(where)
        same = points[1:, 0] == points[:-1, 0]
        falls = same & (np.diff(mean) < -ROUNDING)
        count = int(curve.max(initial=-1)) + 1
        of_curve = points[1:, 0].astype(int)
        several, falling = (np.bincount(of_curve, found, minlength=count) > 0 for found in (same, falls))
        made = np.where(several, 100.0 * falling, np.nan)
        return np.asarray(made[curve])

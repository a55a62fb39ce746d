"""The contract of metrics."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset


@runtime_checkable
class Metric(Protocol):
    """One number per record, of which the mean over groups is reported.

    The mean is taken over the records of a group first, then over the groups, so that a
    composition with many replicas does not count more than another.
    """

    #: Short name, a key in tables and files.
    name: str
    #: Unit, as printed.
    unit: str
    #: Whether a smaller number is a better prediction.
    smaller_is_better: bool

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """The metric of each record, shape (n,), NaN where it is not defined.

        Args:
            truth: n records; their noise may decide what counts as structure.
            predicted: of the shape of ``truth.targets``, in the same unit.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this metric."""

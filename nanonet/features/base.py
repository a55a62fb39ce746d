"""The contract of features."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from nanonet.arrays import FloatArray
from nanonet.data.table import Table


@runtime_checkable
class Features(Protocol):
    """inputs -> x, one row of finite numbers per record.

    Row i of x depends on row i of the inputs only, so the order of the rows does not matter.
    What is learned from data (ranges for scaling) is learned in :meth:`fit`, from the training
    part.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the p columns of x."""

    def fit(self, inputs: Table) -> Self:
        """Learn from the inputs of the training part; returns itself."""

    def transform(self, inputs: Table) -> FloatArray:
        """x, shape (n, p).

        Raises:
            NotFittedError: before :meth:`fit`.
            InputError: a column is missing or not of the expected type.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that build unfitted features like these."""

    def save(self, folder: Path) -> None:
        """Write what was learned into an existing folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""

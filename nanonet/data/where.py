"""A condition that picks records of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError, DataError


class Where:
    """Records whose column or label has a certain value, or lies in a range.

    Args:
        column: an input column or a label.
        equal: the text or number that it must equal.
        inside: or texts or numbers, one of which it must equal.
        low, high: or a range, both ends included; either may be left open. Numbers only.
        invert: take the others.

    Raises:
        ConfigError: none or more than one of the three kinds of condition.
    """

    def __init__(
        self,
        column: str,
        equal: str | float | None = None,
        inside: Sequence[str | float] | None = None,
        low: float | None = None,
        high: float | None = None,
        invert: bool = False,
    ) -> None:
        kinds = [equal is not None, inside is not None, low is not None or high is not None]
        if sum(kinds) != 1:
            raise ConfigError(
                f"a condition on {column!r} needs one of equal, inside, or low and high; "
                f"got equal={equal!r}, inside={inside!r}, low={low!r}, high={high!r}"
            )
        self.column, self.equal, self.low, self.high = str(column), equal, low, high
        self.inside = None if inside is None else list(inside)
        self.invert = bool(invert)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "column": self.column,
            "equal": self.equal,
            "inside": self.inside,
            "low": self.low,
            "high": self.high,
            "invert": self.invert,
        }

    def rows(self, dataset: Dataset) -> NDArray[np.bool_]:
        """Whether each record is meant, shape (n,).

        Raises:
            DataError: there is no such column or label, or it is text where a range is asked for.
        """
        values: NDArray[Any]
        if self.column in dataset.labels:
            values = np.asarray(dataset.labels[self.column])
        elif self.column in dataset.inputs:
            values = dataset.inputs[self.column]
        else:
            known = ", ".join([*dataset.labels, *dataset.inputs])
            raise DataError(f"there is no column or label {self.column!r}; there are {known}")
        if self.low is not None or self.high is not None:
            if values.dtype.kind == "U":
                try:
                    values = values.astype(float)
                except ValueError as error:
                    raise DataError(
                        f"{self.column!r} holds text, which lies in no range; use equal or inside"
                    ) from error
            found = np.ones(len(values), dtype=bool)
            if self.low is not None:
                found &= np.greater_equal(values, self.low)
            if self.high is not None:
                found &= np.less_equal(values, self.high)
        else:
            wanted = self.inside if self.inside is not None else [self.equal]
            if values.dtype.kind == "U":
                found = np.isin(values, [str(value) for value in wanted])
            else:
                try:
                    found = np.isin(values, [float(value) for value in wanted])  # type: ignore[arg-type]
                except ValueError as error:
                    raise DataError(f"{self.column!r} holds numbers, none of which is {wanted!r}") from error
        return ~found if self.invert else found

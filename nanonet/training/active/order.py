"""In which order the records of a data set would have been simulated without a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.data.csvfile import read_columns, require
from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError, DataError, InputError

#: Two numbers are the same if they differ by less than this part of the larger one.
SAME = 1e-5


@runtime_checkable
class Order(Protocol):
    """An order of records."""

    def rows(self, dataset: Dataset) -> NDArray[np.intp]:
        """Rows of the records that take part, the first one first."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this order."""


class AsRead:
    """All records, as the problem reads them."""

    def rows(self, dataset: Dataset) -> NDArray[np.intp]:
        """0, 1, 2, ..."""
        return np.arange(len(dataset), dtype=np.intp)

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


class Listed:
    """The order of a table of inputs, such as the points of a design.

    A record belongs to the first row whose numbers are its own, within a part in 100,000. Records
    that no row names take no part: they were not of that design.

    Args:
        path: CSV file.
        columns: inputs to compare, which are columns of the file; the density of a record, which is
            measured, is none of them.

    Raises:
        ConfigError: no columns.
    """

    def __init__(self, path: str, columns: Sequence[str]) -> None:
        self.path, self.columns = str(path), [str(name) for name in columns]
        if not self.columns:
            raise ConfigError("an order needs at least one column to tell records by, got none")

    def rows(self, dataset: Dataset) -> NDArray[np.intp]:
        """Rows in the order of the table; of several records of one line all, as they are read.

        Raises:
            DataError: no such file, a column is missing or not of numbers, or no record is in it.
        """
        file = Path(self.path).expanduser()
        try:
            table = read_columns(file)
        except InputError as error:
            raise DataError(str(error)) from error
        require(table, self.columns, file)
        missing = [
            name for name in self.columns if name not in dataset.inputs or dataset.inputs[name].dtype.kind != "f"
        ]
        if missing:
            raise DataError(
                f"{', '.join(missing)} is no numeric input of the records; there are {', '.join(dataset.inputs)}"
            )
        try:
            listed = np.array([table[name] for name in self.columns], dtype=float).T
        except (TypeError, ValueError) as error:
            raise DataError(f"{file}: {', '.join(self.columns)} must hold numbers ({error})") from error
        own = np.stack([dataset.inputs[name] for name in self.columns], axis=1)
        place = np.full(len(own), len(listed))
        for row, values in enumerate(own):
            same = (np.abs(listed - values) <= SAME * np.maximum(np.abs(listed), np.abs(values))).all(axis=1)
            if same.any():
                place[row] = int(same.argmax())
        known = np.flatnonzero(place < len(listed))
        if not known.size:
            raise DataError(f"none of the {len(own)} records is in {file}; compared were {', '.join(self.columns)}")
        return known[np.argsort(place[known], kind="stable")]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"path": self.path, "columns": self.columns}

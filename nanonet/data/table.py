"""Inputs of a problem: named columns of equal length, numbers or text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.errors import InputError


class Table(Mapping[str, NDArray]):
    """Named columns; row i of each belongs to record i.

    Numbers become float64, anything else text. Columns are read-only.

    Args:
        columns: name to one-dimensional values, all of the same length.

    Raises:
        InputError: no columns, an axis too many, or lengths that differ.

    >>> table = Table({"D": [2, 3], "polymer": ["PEO", "PS"]})
    >>> len(table.rows()), table["D"].tolist()
    (2, [2.0, 3.0])
    """

    __slots__ = ("_columns", "n_rows")

    def __init__(self, columns: Mapping[str, Any]) -> None:
        if not columns:
            raise InputError("a table needs at least one column, got none")
        made: dict[str, NDArray] = {}
        for name, values in columns.items():
            array = np.array(values)
            numeric = array.dtype.kind in "fiu"
            array = array.astype(np.float64 if numeric else str)
            if array.ndim != 1:
                raise InputError(f"column {name!r} must have one axis, got shape {array.shape}")
            array.flags.writeable = False
            made[str(name)] = array
        lengths = {name: len(array) for name, array in made.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"columns must have the same length, got {lengths}")
        self._columns = made
        self.n_rows = next(iter(lengths.values()))

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> Table:
        """From one mapping per row."""
        return cls({name: [row[name] for row in rows] for name in names})

    def __getitem__(self, name: str) -> NDArray:
        if name not in self._columns:
            raise InputError(f"there is no column {name!r}; the columns are {', '.join(self._columns)}")
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Table({self.n_rows} rows of {', '.join(self._columns)})"

    def take(self, index: Any) -> Table:
        """The rows that ``index`` (numbers or booleans) selects."""
        return Table({name: column[index] for name, column in self._columns.items()})

    def rows(self) -> list[dict[str, Any]]:
        """One mapping per row, of Python values."""
        names = list(self._columns)
        values = (column.tolist() for column in self._columns.values())
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]

    def digest(self) -> str:
        """SHA-256 of names and values."""
        hasher = hashlib.sha256()
        for name, column in self._columns.items():
            text = column.dtype.kind == "U"
            hasher.update(name.encode())
            hasher.update("\0".join(column.tolist()).encode() if text else column.tobytes())
        return hasher.hexdigest()

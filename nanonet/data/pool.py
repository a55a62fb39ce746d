"""Candidates that nobody has labelled yet: all pairs of components, or the rows of a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import frozen_array
from nanonet.data.problem import Problem
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError


@runtime_checkable
class Pool(Protocol):
    """Many candidates in a fixed order, handed out in chunks so that memory does not grow with them.

    A chunk has the inputs of its problem as columns, and may have more: thresholds, identifiers.
    """

    #: Columns whose largest value a candidate is asked to exceed, if nobody says otherwise.
    exceed: tuple[str, ...]

    def __len__(self) -> int:
        """Number of candidates."""

    def chunks(self, size: int) -> Iterator[Table]:
        """All candidates in their order, at most ``size`` rows at a time."""


@runtime_checkable
class Pooled(Protocol):
    """A problem (:class:`nanonet.data.problem.Problem`) that can say which candidates there are."""

    def pool(self) -> Pool:
        """The candidates that its users would screen.

        Raises:
            DataError: they follow from data that are missing or damaged.
        """


class Pairs:
    """Every two different components, once, at every share: the rows of n (n - 1) / 2 x len(shares) mixtures.

    Row r is share r mod k of pair r div k; pairs are ordered (0, 1), (0, 2), ..., (1, 2), ...
    A column ``tc`` of the components becomes the columns ``tc1`` and ``tc2`` of the pairs.

    Args:
        components: named columns of at least two rows, each different.
        shares: of component 1, in the column called ``share``.
        share: its name.
        exceed: see :class:`Pool`.

    Raises:
        ConfigError: fewer than two components or no share, one twice, one outside 0 to 1, or
            ``exceed`` names no column.
    """

    def __init__(
        self, components: Table, shares: Sequence[float], share: str = "fraction", exceed: Sequence[str] = ()
    ) -> None:
        self.components, self.share, self.exceed = components, str(share), tuple(exceed)
        self.shares = frozen_array(shares, name="shares", ndim=1)
        if self.components.n_rows < 2 or not self.shares.size:
            raise ConfigError(
                f"pairs need at least 2 components and 1 share, got {components.n_rows} and {self.shares.size}"
            )
        if len(set(self.shares.tolist())) != self.shares.size or self.shares.min() < 0 or self.shares.max() > 1:
            raise ConfigError(f"shares must be different numbers from 0 to 1, got {self.shares.tolist()}")
        rows = list(zip(*(column.tolist() for column in components.values()), strict=True))
        if len(set(rows)) != len(rows):
            raise ConfigError(f"components must be different, got {len(rows) - len(set(rows))} twice")
        names = [*(f"{name}{number}" for number in (1, 2) for name in components), self.share]
        if not set(self.exceed) <= set(names):
            raise ConfigError(f"exceed names {', '.join(self.exceed)}; the columns are {', '.join(names)}")
        n = components.n_rows
        #: Number of the first pair of each first component.
        self._first = np.concatenate([[0], np.cumsum(np.arange(n - 1, 0, -1))])

    def __len__(self) -> int:
        return int(self._first[-1]) * self.shares.size

    def rows(self, index: NDArray[np.int64]) -> Table:
        """The candidates of these numbers."""
        pair, share = np.divmod(index, self.shares.size)
        first = np.searchsorted(self._first, pair, side="right") - 1
        second = pair - self._first[first] + first + 1
        return Table(
            {
                **{f"{name}1": column[first] for name, column in self.components.items()},
                **{f"{name}2": column[second] for name, column in self.components.items()},
                self.share: self.shares[share],
            }
        )

    def chunks(self, size: int) -> Iterator[Table]:
        """See :class:`Pool`."""
        for start in range(0, len(self), size):
            yield self.rows(np.arange(start, min(start + size, len(self))))


class FilePool:
    """The rows of a CSV file with a line of names, in the forms that a problem understands.

    Args:
        file: to read; never as a whole.
        problem: whose inputs the columns are.
        extra: further columns of numbers, such as thresholds, which the problem does not know.

    Raises:
        InputError: no such file, no rows, or a column of ``extra`` is not there.
    """

    exceed: tuple[str, ...] = ()

    def __init__(self, file: Path, problem: Problem, extra: Sequence[str] = ()) -> None:
        self.file, self.problem = file, problem
        with self._open() as opened:
            lines = (row for row in csv.reader(opened) if row)
            self.names = tuple(name.strip() for name in next(lines, ()))
            self._n = sum(1 for _ in lines)
        if not self.names or not self._n:
            raise InputError(f"{file} must have a line of column names and at least one row")
        if len(set(self.names)) != len(self.names):
            raise InputError(f"{file} names a column twice: {', '.join(self.names)}")
        self.extra = tuple(extra)

    def _open(self) -> Any:
        try:
            return self.file.open(newline="", encoding="utf-8-sig")
        except OSError as error:
            raise InputError(
                f"{self.file} cannot be read ({error}); name a CSV file with one candidate a row"
            ) from error

    def __len__(self) -> int:
        return self._n

    def chunks(self, size: int) -> Iterator[Table]:
        """See :class:`Pool`.

        Raises:
            InputError: a row of another length, or not what the problem takes (says which chunk).
        """
        done = 0
        with self._open() as opened:
            lines = (row for row in csv.reader(opened) if row)
            next(lines)
            while rows := list(islice(lines, size)):
                for number, row in enumerate(rows, start=done):
                    if len(row) != len(self.names):
                        raise InputError(
                            f"{self.file}, candidate {number}: expected {len(self.names)} values, got {len(row)}"
                        )
                yield self._table(rows, done)
                done += len(rows)

    def _table(self, rows: list[list[str]], start: int) -> Table:
        columns = {name: [_value(row[place]) for row in rows] for place, name in enumerate(self.names)}
        try:
            parsed, _ = self.problem.parse({k: v for k, v in columns.items() if k not in self.extra}, {})
        except InputError as error:
            raise type(error)(f"{self.file}, of the candidates {start} to {start + len(rows) - 1}: {error}") from error
        more: Mapping[str, Any] = {name: columns[name] for name in self.extra if name in columns and name not in parsed}
        return Table({**parsed, **more})


def _value(text: str) -> float | str | None:
    text = text.strip()
    try:
        return float(text) if text else None
    except ValueError:
        return text

"""A contingency table: how many records have each combination of levels."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import frozen_array
from nanonet.errors import DataError, InputError

#: Column of a file that holds counts; without it, a row is a record.
COUNT = "count"
#: The most factors: 2^6 cells are more than any table of simulations can fill.
MOST = 6


@dataclass(frozen=True, eq=False)
class ContingencyTable:
    """n(i, j, ...) = number of records with level i of the first factor, j of the second, ...

    Args:
        factors: names, 2 to :data:`MOST`, each its own.
        levels: at least two names for each factor; the first one is the reference of odds ratios.
        counts: whole numbers, not negative, one axis per factor.

    Raises:
        DataError: another shape, a negative or broken count, or a level that no record has: nothing
            can be said about it, leave it out.
    """

    factors: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        factors = tuple(str(name) for name in self.factors)
        levels = tuple(tuple(str(name) for name in own) for own in self.levels)
        if not 2 <= len(factors) <= MOST or len(set(factors)) != len(factors) or not all(factors):
            raise DataError(f"a table needs 2 to {MOST} factors, each with a name of its own, got {factors}")
        if len(levels) != len(factors):
            raise DataError(f"{len(factors)} factors need as many lists of levels, got {len(levels)}")
        for name, own in zip(factors, levels, strict=True):
            if len(own) < 2 or len(set(own)) != len(own):
                raise DataError(f"factor {name!r} needs at least two levels, each its own, got {own}")
        shape = tuple(len(own) for own in levels)
        try:
            counts = frozen_array(self.counts, name="counts", ndim=len(factors), dtype=np.int64, shape=shape)
        except InputError as error:
            raise DataError(f"counts of {' x '.join(factors)} cannot be used: {error}") from error
        if counts.min() < 0:
            raise DataError(f"counts must not be negative, got {counts.min()}")
        for axis, (name, own) in enumerate(zip(factors, levels, strict=True)):
            margin = counts.sum(axis=tuple(other for other in range(counts.ndim) if other != axis))
            if margin.min() == 0:
                raise DataError(f"no record has {name} = {own[margin.argmin()]!r}; leave that level out")
        object.__setattr__(self, "factors", factors)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "counts", counts)

    @property
    def total(self) -> int:
        """Number of records."""
        return int(self.counts.sum())

    @classmethod
    def of(
        cls, columns: Mapping[str, Sequence[Any]], levels: Mapping[str, Sequence[Any]] | None = None, counts: Any = None
    ) -> ContingencyTable:
        """Count records.

        Args:
            columns: factor to the level of each record.
            levels: order of the levels of some factors; else sorted, and the first is the reference.
            counts: how often each record occurs; once if not given.

        Raises:
            DataError: lengths differ, no records, or a level that ``levels`` does not have.
        """
        text = {str(name): [str(value) for value in values] for name, values in columns.items()}
        sizes = {name: len(values) for name, values in text.items()}
        if not text or len(set(sizes.values())) != 1 or not next(iter(sizes.values())):
            raise DataError(f"the factors need the same number of records, at least one, got {sizes or 'no factors'}")
        known = {
            name: [str(level) for level in (levels or {}).get(name, sorted(set(values)))]
            for name, values in text.items()
        }
        n = len(next(iter(text.values())))
        weights = frozen_array(np.ones(n) if counts is None else counts, name="counts", ndim=1, shape=(n,))
        made = np.zeros([len(own) for own in known.values()])
        for row in range(n):
            place = []
            for name, values in text.items():
                if values[row] not in known[name]:
                    raise DataError(f"record {row} has {name} = {values[row]!r}; the levels are {known[name]}")
                place.append(known[name].index(values[row]))
            made[tuple(place)] += weights[row]
        return cls(tuple(text), tuple(tuple(own) for own in known.values()), made)  # type: ignore[arg-type]

    @classmethod
    def read(cls, file: Path, levels: Mapping[str, Sequence[Any]] | None = None) -> ContingencyTable:
        """Read a CSV file: one column per factor, and ``count``, or one row per record.

        Raises:
            DataError: no such file, an empty or missing cell, a count that is no whole number.
        """
        try:
            with file.open(newline="", encoding="utf-8-sig") as opened:
                rows = [row for row in csv.reader(opened) if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{file} cannot be read as CSV ({error})") from error
        if len(rows) < 2:
            raise DataError(f"{file} must have a line of column names and at least one row")
        names = [name.strip() for name in rows[0]]
        if len(set(names)) != len(names):
            raise DataError(f"{file} names a column twice: {', '.join(names)}")
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != len(names) or not all(cell.strip() for cell in row):
                raise DataError(f"{file}, line {number}: expected {len(names)} values, got {row}")
        columns = {name: [row[place].strip() for row in rows[1:]] for place, name in enumerate(names)}
        counts = columns.pop(COUNT, None)
        if counts is not None:
            wrong = [(line, text) for line, text in enumerate(counts, start=2) if not text.isdecimal()]
            if wrong:
                raise DataError(f"{file}, line {wrong[0][0]}: a count is a whole number, got {wrong[0][1]!r}")
        return cls.of(columns, levels, None if counts is None else [int(text) for text in counts])

    def axes(self, names: Sequence[str]) -> tuple[int, ...]:
        """Axes of the factors called ``names``.

        Raises:
            InputError: there is no such factor, or one is named twice.
        """
        if not set(names) <= set(self.factors) or len(set(names)) != len(names):
            raise InputError(f"the factors are {', '.join(self.factors)}, got {', '.join(names)}")
        return tuple(self.factors.index(name) for name in names)

    def margin(self, *names: str) -> NDArray[np.int64]:
        """Counts of the factors called ``names``, in that order, summed over the others."""
        kept = self.axes(names)
        summed = self.counts.sum(axis=tuple(axis for axis in range(self.counts.ndim) if axis not in kept))
        return summed.transpose([sorted(kept).index(axis) for axis in kept])

    def strata(self, *names: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """What the other factors are (``C = yes``) and the counts of ``names`` there."""
        kept = self.axes(names)
        others = [axis for axis in range(self.counts.ndim) if axis not in kept]
        moved = np.moveaxis(self.counts, (*others, *kept), range(self.counts.ndim))
        for place in product(*(range(len(self.levels[axis])) for axis in others)):
            said = (f"{self.factors[a]} = {self.levels[a][p]}" for a, p in zip(others, place, strict=True))
            yield ", ".join(said), moved[place]

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Levels and count of each cell as text, the first factor slowest."""
        for place in product(*(range(len(own)) for own in self.levels)):
            yield *(own[p] for own, p in zip(self.levels, place, strict=True)), str(self.counts[place])

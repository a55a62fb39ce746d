"""Labelled data: what a surrogate is trained on and judged by, for every problem."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.data.table import Table
from nanonet.errors import DataError


@dataclass(frozen=True)
class Axis:
    """What a target runs along: the places of a curve, or the names of several numbers.

    Args:
        name: of the quantity, such as ``r``.
        unit: as in :data:`nanonet.units.UNITS`.
        values: shape (length,), rising.
        labels: one name for each value, where the target is several numbers at once; empty for a curve.
        units: unit of each of these numbers.

    Raises:
        DataError: labels or units of another length, or a label twice.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    labels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels and not len(set(self.labels)) == len(self.labels) == len(self.units) == len(self.values):
            raise DataError(
                f"{len(self.values)} numbers need as many different labels, and a unit each, got "
                f"{', '.join(self.labels)} and {len(self.units)} units"
            )

    @classmethod
    def of_numbers(cls, name: str, units: Mapping[str, str]) -> Axis:
        """The axis of several numbers: label -> unit."""
        return cls(name, "", tuple(float(place) for place in range(len(units))), tuple(units), tuple(units.values()))

    @property
    def places(self) -> tuple[float, ...] | tuple[str, ...]:
        """What tells the elements of a target apart: labels where there are some, else the values."""
        return self.labels or self.values

    def array(self) -> FloatArray:
        """The values as an array."""
        return np.array(self.values)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs, targets and groups of n records.

    Args:
        inputs: named columns of n rows.
        targets: shape (n,) for a number or (n, length) for a curve, finite. For several numbers, whose axis has
            labels, NaN says that one is not known; of each record at least one is.
        groups: one name per record; records of one group (replicas of one composition, repeats
            of one polymer) never lie on both sides of a split.
        target, unit: name and unit of the target.
        labels: further groupings by name, each with one text per record: what else a split may keep
            together (a polymer that occurs in many pairs) or hold out (a batch). One named ``replica``
            says which records are of the same thing, see :meth:`replicas`.
        axis: what the last dimension of a target runs along.
        noise: standard error of each target, same shape, or ``None``.
        names: one name per record, each its own; the row number if not given.
        titles: how each record is called in figures, mathtext; its inputs by name if not given.
        source: where the data come from: file, hash, how many records were left out and why.

    Raises:
        DataError: lengths differ, values are not finite, names occur twice.
    """

    inputs: Table
    targets: FloatArray
    groups: NDArray[np.str_]
    target: str
    unit: str
    axis: Axis | None = None
    noise: FloatArray | None = None
    names: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = self.inputs.n_rows
        gaps = self.axis is not None and bool(self.axis.labels)
        name = f"targets ({self.target})"
        targets = frozen_array(self.targets, name=name, ndim=np.ndim(self.targets), finite=not gaps)
        if targets.ndim not in (1, 2) or len(targets) != n:
            raise DataError(f"targets must have shape ({n},) or ({n}, length), got {targets.shape}")
        if targets.ndim == 2 and (self.axis is None or len(self.axis.values) != targets.shape[1]):
            raise DataError(f"targets of shape {targets.shape} need an axis of {targets.shape[1]} values")
        if gaps and (np.isinf(targets).any() or not np.isfinite(targets).any(axis=1).all()):
            raise DataError(f"{name} must be finite or NaN (not known), at least one of each record known")
        groups = np.array(self.groups, dtype=str)
        if groups.shape != (n,):
            raise DataError(f"groups must name one group for each of {n} records, got shape {groups.shape}")
        groups.flags.writeable = False
        labels = {str(name): np.array(values, dtype=str) for name, values in self.labels.items()}
        for name, values in labels.items():
            if values.shape != (n,):
                raise DataError(f"label {name!r} must have one text for each of {n} records, got shape {values.shape}")
            values.flags.writeable = False
        names = tuple(str(name) for name in self.names) or tuple(str(index) for index in range(n))
        if len(names) != n or len(set(names)) != n:
            raise DataError(f"names must be {n} different ones, got {len(names)}, {len(set(names))} of them different")
        if self.titles and len(self.titles) != n:
            raise DataError(f"titles must be one for each of {n} records, got {len(self.titles)}")
        if self.noise is not None:
            noise = frozen_array(self.noise, name="noise", ndim=targets.ndim, shape=targets.shape)
            object.__setattr__(self, "noise", noise)
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return self.inputs.n_rows

    @property
    def curve(self) -> bool:
        """Whether a target is a curve, whose elements are places along the axis."""
        return self.axis is not None and not self.axis.labels

    @property
    def n_groups(self) -> int:
        """Number of different groups."""
        return len(set(self.groups.tolist()))

    def take(self, index: Any) -> Dataset:
        """The records that ``index`` (numbers or booleans) selects, in that order.

        A record that is selected more than once gets a number behind its name.
        """
        chosen = np.arange(len(self))[index]
        names = [self.names[i] for i in chosen]
        if len(set(names)) < len(names):
            names = [f"{name}#{count}" for count, name in enumerate(names)]
        return replace(
            self,
            inputs=self.inputs.take(chosen),
            targets=self.targets[chosen],
            groups=self.groups[chosen],
            labels={name: values[chosen] for name, values in self.labels.items()},
            noise=None if self.noise is None else self.noise[chosen],
            names=tuple(names),
            titles=tuple(self.titles[i] for i in chosen) if self.titles else (),
        )

    def number(self, label: str) -> tuple[NDArray[np.int64], Dataset]:
        """One of several numbers: the rows where it is known, and these records with it as their target.

        Raises:
            DataError: the target is not several numbers, or none of them is called so.
        """
        if self.axis is None or label not in self.axis.labels:
            known = "one number or a curve" if self.axis is None or not self.axis.labels else self.axis.labels
            raise DataError(f"there is no number {label!r} in the target; it is {known}")
        place = self.axis.labels.index(label)
        rows = np.flatnonzero(np.isfinite(self.targets[:, place]))
        chosen = self.take(rows)
        return rows, replace(
            chosen,
            targets=chosen.targets[:, place],
            noise=None if chosen.noise is None else chosen.noise[:, place],
            target=label,
            unit=self.axis.units[place],
            axis=None,
        )

    def grouping(self, by: str | None = None) -> NDArray[np.str_]:
        """One text per record: ``None`` the groups, ``"record"`` each its own, else a label or a column of text.

        Raises:
            DataError: there is no such label.
        """
        if by is None:
            return self.groups
        if by == "record":
            return np.array(self.names, dtype=str)
        if by in self.labels:
            return self.labels[by]
        if by in self.inputs and self.inputs[by].dtype.kind == "U":
            return self.inputs[by]
        known = [*self.labels, *(name for name, column in self.inputs.items() if column.dtype.kind == "U")]
        raise DataError(f"there is no label {by!r}; the labels are record, {', '.join(known) or 'and no other'}")

    def replicas(self) -> dict[str, list[int]]:
        """Rows of each set of replicas: several records of the same thing.

        The label ``replica`` names them; without it there are none, for a group may hold what only
        belongs together, such as the mixtures of one pair.
        """
        rows: dict[str, list[int]] = {}
        for index, group in enumerate(self.labels.get("replica", np.array([], dtype=str)).tolist()):
            rows.setdefault(group, []).append(index)
        return {group: found for group, found in rows.items() if len(found) > 1}

    def digest(self) -> str:
        """SHA-256 of inputs, targets, groups and labels, in their order."""
        hasher = hashlib.sha256(self.inputs.digest().encode())
        hasher.update(np.ascontiguousarray(self.targets).tobytes())
        hasher.update("\0".join(self.groups.tolist()).encode())
        for name, values in self.labels.items():
            hasher.update("\0".join([name, *values.tolist()]).encode())
        return hasher.hexdigest()

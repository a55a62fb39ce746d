"""The region that the training data cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.data.table import Table
from nanonet.parts import load_arrays, save_arrays

#: Features beyond this number are projected onto as many principal directions.
DIRECTIONS = 32
#: Rows whose distances are computed at a time.
BLOCK = 1024
#: Share of the training records that have one of another group within reach.
SHARE = 0.95


@dataclass(frozen=True, eq=False)
class Coverage:
    """Where predictions are interpolations: near a training record and inside every range.

    A record lies inside if each of its numeric inputs lies between the extremes of the training
    records, and its distance in feature space to the nearest of them is at most ``reach``: the
    distance within which 95 % of the training records have one of another group. So a hole in the
    middle of the design counts as outside, and a few lonely training records do not make a
    region of all that lies between them and the others.

    With many features (fingerprints) the distance is that of a projection: onto the 32 principal
    directions of the training records, and, as one coordinate more, what is left of the length.
    What the training records do not have at all makes that coordinate large.

    Args:
        columns: inputs of the training records, name to (n,); numbers have ranges, text is to tell a record by.
        x: their features, or the projection of these, shape (n, k).
        reach: largest distance inside.
        centre, directions: of the projection, shapes (p,) and (p, k - 1); ``None`` without one.
    """

    columns: Mapping[str, NDArray]
    x: FloatArray
    reach: float
    centre: FloatArray | None = None
    directions: FloatArray | None = None

    @classmethod
    def of(cls, inputs: Table, x: FloatArray, groups: Any) -> Coverage:
        """Of training records with inputs, features (n, p) and groups (n,)."""
        x = np.asarray(x, dtype=float)
        centre = directions = None
        if x.shape[1] > DIRECTIONS:
            # As they will be stored, so that a known record finds itself again.
            centre = x.mean(axis=0).astype(np.float32).astype(float)
            values, vectors = np.linalg.eigh((x - centre).T @ (x - centre))
            directions = vectors[:, np.argsort(values)[::-1][:DIRECTIONS]].astype(np.float32).astype(float)
        made = cls(columns=dict(inputs.items()), x=x[:0], reach=0.0, centre=centre, directions=directions)
        placed = made.place(x)
        _, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        nearest = np.full(len(placed), np.inf)
        for start in range(0, len(placed), BLOCK):
            rows = slice(start, start + BLOCK)
            squared = _squared(placed[rows], placed)
            squared[codes[rows, None] == codes[None]] = np.inf
            nearest[rows] = np.sqrt(np.maximum(squared.min(axis=1), 0.0))
        finite = nearest[np.isfinite(nearest)]
        # Records that look alike say the same about the region.
        _, first = np.unique(placed, axis=0, return_index=True)
        ranges = {name: column for name, column in inputs.items() if column.dtype.kind == "f"}
        ends = [int(find(column)) for column in ranges.values() for find in (np.argmin, np.argmax)]
        kept = np.unique(np.concatenate([first, np.array(ends, dtype=int)]))
        return cls(
            columns={name: column[kept] for name, column in inputs.items()},
            x=placed[kept].astype(np.float32).astype(float) if directions is not None else placed[kept],
            reach=float(np.quantile(finite, SHARE)) if finite.size else 0.0,
            centre=centre,
            directions=directions,
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", frozen_array(self.x, name="features of the training data", ndim=2))

    def place(self, x: FloatArray) -> FloatArray:
        """Features (n, p) as the coordinates (n, k) in which distances are measured."""
        x = np.asarray(x, dtype=float)
        if self.centre is None or self.directions is None:
            return x
        moved = x - self.centre
        along = moved @ self.directions
        left = np.sqrt(np.maximum((moved**2).sum(axis=1) - (along**2).sum(axis=1), 0.0))
        return np.column_stack([along, left])

    def nearest(self, x: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """Row of the nearest training record and the distance to it, for features (n, p)."""
        placed = self.place(x)
        row = np.empty(len(placed), dtype=np.int64)
        for start in range(0, len(placed), BLOCK):
            row[start : start + BLOCK] = _squared(placed[start : start + BLOCK], self.x).argmin(axis=1)
        return row, np.sqrt(((placed - self.x[row]) ** 2).sum(axis=1))

    def outside(self, inputs: Table, x: FloatArray) -> list[str]:
        """For each record why it is outside, or an empty text if it is inside."""
        row, distance = self.nearest(x)
        reasons: list[list[str]] = [[] for _ in range(inputs.n_rows)]
        for name, known in self.columns.items():
            if known.dtype.kind != "f":
                continue
            low, high = known.min(), known.max()
            # A rounding error of a unit conversion is not an extrapolation.
            slack = 1e-9 * max(abs(low), abs(high))
            for index in np.flatnonzero((inputs[name] < low - slack) | (inputs[name] > high + slack)):
                reasons[index].append(f"{name} = {inputs[name][index]:g} is outside {low:g} to {high:g}")
        # Stored coordinates are rounded, and a record that is known is inside.
        slack = 1e-9 * self.reach + (1e-5 * np.abs(self.x).max(initial=0.0) if self.directions is not None else 0.0)
        for index in np.flatnonzero(distance > self.reach + slack):
            if not reasons[index]:
                reasons[index].append(
                    f"the nearest known point is {distance[index]:.2g} away in scaled inputs, "
                    f"{SHARE:.0%} of the known points have another within {self.reach:.2g}"
                )
        return [
            f"{'; '.join(found)}; the nearest known point is {self.describe(row[index])}" if found else ""
            for index, found in enumerate(reasons)
        ]

    def describe(self, row: int) -> str:
        """Training record number ``row`` as text."""
        return " ".join(
            f"{name}={values[row]:.4g}" if values.dtype.kind == "f" else f"{name}={values[row]}"
            for name, values in self.columns.items()
        )

    def to_json(self) -> dict[str, list[float]]:
        """Extremes of each numeric input, for the manifest and the model card."""
        return {
            name: [float(values.min()), float(values.max())]
            for name, values in self.columns.items()
            if values.dtype.kind == "f"
        }

    def save(self, file: Path) -> None:
        """Write inputs and features of the training records."""
        numbers = [name for name, values in self.columns.items() if values.dtype.kind == "f"]
        texts = [name for name in self.columns if name not in numbers]
        nothing = np.zeros((0, len(self.x)))
        projected = self.centre is not None and self.directions is not None
        save_arrays(
            file,
            order=np.array(list(self.columns), dtype=str),
            numbers=np.array(numbers, dtype=str),
            texts=np.array(texts, dtype=str),
            # Single precision halves the file where there are many features; a range is kept as it is.
            x=self.x.astype(np.float32) if projected else self.x,
            reach=self.reach,
            inputs=np.stack([self.columns[name] for name in numbers]) if numbers else nothing,
            described=np.stack([self.columns[name] for name in texts]) if texts else nothing.astype(str),
            centre=self.centre.astype(np.float32) if self.centre is not None else np.zeros(0),
            directions=self.directions.astype(np.float32) if self.directions is not None else np.zeros((0, 0)),
        )

    @classmethod
    def load(cls, file: Path) -> Coverage:
        """Read what :meth:`save` wrote."""
        names = ("order", "numbers", "texts", "x", "reach", "inputs", "described", "centre", "directions")
        stored = load_arrays(file, *names)
        columns: dict[str, NDArray] = dict(zip(stored["numbers"].tolist(), stored["inputs"], strict=True))
        columns |= dict(zip(stored["texts"].tolist(), stored["described"], strict=True))
        projected = stored["centre"].size > 0
        return cls(
            columns={name: columns[name] for name in stored["order"].tolist()},
            x=stored["x"].astype(float),
            reach=float(stored["reach"]),
            centre=stored["centre"].astype(float) if projected else None,
            directions=stored["directions"].astype(float) if projected else None,
        )


def _squared(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared distances (n, m); |a - b|^2 = |a|^2 - 2 a.b + |b|^2 keeps a large batch small in memory."""
    return (a**2).sum(axis=1)[:, None] - 2.0 * a @ b.T + (b**2).sum(axis=1)

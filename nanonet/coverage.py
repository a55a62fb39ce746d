"""The region that the training data cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray, frozen_array
from nanonet.data.table import Table
from nanonet.parts import load_arrays, save_arrays


@dataclass(frozen=True, eq=False)
class Coverage:
    """Where predictions are interpolations: near a training record and inside every range.

    A record lies inside if each of its numeric inputs lies between the extremes of the training
    records, and its distance in feature space to the nearest of them is at most ``reach``: the
    largest distance of a training record to the nearest of another group. So a hole in the middle
    of the design counts as outside.

    Args:
        columns: numeric inputs of the training records, name to (n,).
        x: their features, shape (n, p).
        reach: largest distance inside.
    """

    columns: Mapping[str, FloatArray]
    x: FloatArray
    reach: float

    @classmethod
    def of(cls, inputs: Table, x: FloatArray, groups: Any) -> Coverage:
        """Of training records with inputs, features (n, p) and groups (n,)."""
        numeric = {name: column for name, column in inputs.items() if column.dtype.kind == "f"}
        groups = np.asarray(groups)
        distance = np.sqrt(((x[:, None, :] - x[None]) ** 2).sum(axis=2))
        distance[groups[:, None] == groups[None]] = np.inf
        nearest = distance.min(axis=1)
        finite = nearest[np.isfinite(nearest)]
        return cls(columns=numeric, x=x, reach=float(finite.max()) if finite.size else 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", frozen_array(self.x, name="features of the training data", ndim=2))

    def nearest(self, x: FloatArray) -> tuple[np.ndarray, FloatArray]:
        """Row of the nearest training record and the distance to it, for features (n, p)."""
        # |a - b|^2 = |a|^2 - 2 a.b + |b|^2 keeps a large batch small in memory.
        squared = (x**2).sum(axis=1)[:, None] - 2.0 * x @ self.x.T + (self.x**2).sum(axis=1)
        row = squared.argmin(axis=1)
        return row, np.sqrt(((x - self.x[row]) ** 2).sum(axis=1))

    def outside(self, inputs: Table, x: FloatArray) -> list[str]:
        """For each record why it is outside, or an empty text if it is inside."""
        row, distance = self.nearest(x)
        reasons: list[list[str]] = [[] for _ in range(inputs.n_rows)]
        for name, known in self.columns.items():
            low, high = known.min(), known.max()
            # A rounding error of a unit conversion is not an extrapolation.
            slack = 1e-9 * max(abs(low), abs(high))
            for index in np.flatnonzero((inputs[name] < low - slack) | (inputs[name] > high + slack)):
                reasons[index].append(f"{name} = {inputs[name][index]:g} is outside {low:g} to {high:g}")
        for index in np.flatnonzero(distance > self.reach * (1 + 1e-9)):
            if not reasons[index]:
                reasons[index].append(
                    f"the nearest known point is {distance[index]:.2g} away in scaled inputs, "
                    f"known points are at most {self.reach:.2g} apart"
                )
        return [
            f"{'; '.join(found)}; the nearest known point is {self.describe(row[index])}" if found else ""
            for index, found in enumerate(reasons)
        ]

    def describe(self, row: int) -> str:
        """Training record number ``row`` as text."""
        return " ".join(f"{name}={values[row]:.4g}" for name, values in self.columns.items())

    def to_json(self) -> dict[str, list[float]]:
        """Extremes of each input, for the manifest and the model card."""
        return {name: [float(values.min()), float(values.max())] for name, values in self.columns.items()}

    def save(self, file: Path) -> None:
        """Write inputs and features of the training records."""
        names = list(self.columns)
        save_arrays(
            file,
            names=np.array(names, dtype=str),
            x=self.x,
            reach=self.reach,
            inputs=np.stack([*self.columns.values()]),
        )

    @classmethod
    def load(cls, file: Path) -> Coverage:
        """Read what :meth:`save` wrote."""
        stored = load_arrays(file, "names", "x", "reach", "inputs")
        columns = dict(zip(stored["names"].tolist(), stored["inputs"], strict=True))
        return cls(columns=columns, x=stored["x"], reach=float(stored["reach"]))

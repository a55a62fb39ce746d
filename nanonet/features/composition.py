"""Numbers of a composition, scaled to 0-1."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.units import LJ_MINIMUM, MONOMER_DIAMETER

#: Quantities that follow from the five numbers: name -> function of the inputs.
DERIVED: Mapping[str, Callable[[Table], FloatArray]] = {
    # NP volume fraction.
    "phi": lambda t: math.pi / 6.0 * t["rho"] * t["D"] ** 3,
    # Where the first peak lies when NPs touch, and when a monomer is between them [sigma].
    "r_contact": lambda t: LJ_MINIMUM * t["D"],
    "r_bridge": lambda t: LJ_MINIMUM * (t["D"] + MONOMER_DIAMETER),
    # What a contact between NPs gains against one with the polymer [epsilon].
    "eps_excess": lambda t: t["eps_np_np"] - t["eps_p_np"],
    # What polymer loses where two NPs touch: the surface that they then share grows with D [epsilon sigma].
    "wetting": lambda t: t["D"] * t["eps_p_np"],
}


class CompositionFeatures:
    """x_j = (c_j - min c_j) / (max c_j - min c_j), extremes taken over the training part.

    A number outside the training range is mapped outside 0-1, not clipped: whether to trust the
    prediction there is not for the features to hide. A column that is constant in training
    becomes 0 there.

    Args:
        columns: names of input columns or of :data:`DERIVED`; the paper's five by default.
        log: those of them that are replaced by their log10 first; they must be positive.

    Raises:
        ConfigError: no columns, one named twice, or ``log`` names another one.
    """

    def __init__(
        self,
        columns: Sequence[str] = ("D", "N", "rho", "eps_np_np", "eps_p_np"),
        log: Sequence[str] = (),
    ) -> None:
        self.columns, self.log = tuple(columns), tuple(log)
        if not self.columns or len(set(self.columns)) != len(self.columns):
            raise ConfigError(f"columns must name at least one column, each once, got {self.columns}")
        if not set(self.log) <= set(self.columns):
            raise ConfigError(f"log names {sorted(set(self.log) - set(self.columns))}, which are not in {self.columns}")
        self._low: FloatArray | None = None
        self._high: FloatArray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Column names; ``log10 rho`` for a column in ``log``."""
        return tuple(f"log10 {name}" if name in self.log else name for name in self.columns)

    def _raw(self, inputs: Table) -> FloatArray:
        columns = []
        for name in self.columns:
            values = DERIVED[name](inputs) if name in DERIVED and name not in inputs else inputs[name]
            if values.dtype.kind != "f":
                raise InputError(f"column {name!r} must hold numbers, got text such as {values[0]!r}")
            if name in self.log:
                if len(values) and values.min() <= 0:
                    raise InputError(f"column {name!r} enters as a logarithm and must be positive, got {values.min()}")
                values = np.log10(values)
            columns.append(values)
        raw = np.stack(columns, axis=1)
        if not np.isfinite(raw).all():
            row, column = np.argwhere(~np.isfinite(raw))[0]
            raise InputError(f"column {self.names[column]!r} must be finite, got {raw[row, column]} in row {row}")
        return raw

    def fit(self, inputs: Table) -> Self:
        """Learn the range of each column."""
        raw = self._raw(inputs)
        if not len(raw):
            raise InputError("features cannot be fitted to no rows")
        self._low, self._high = raw.min(axis=0), raw.max(axis=0)
        return self

    def transform(self, inputs: Table) -> FloatArray:
        """Scaled columns, shape (n, p)."""
        if self._low is None or self._high is None:
            raise NotFittedError("features were used before they were fitted; call fit() first")
        width = self._high - self._low
        return (self._raw(inputs) - self._low) / np.where(width > 0, width, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"columns": list(self.columns), "log": list(self.log)}

    def save(self, folder: Path) -> None:
        """Write the ranges."""
        if self._low is None or self._high is None:
            raise NotFittedError("features must be fitted before they are saved")
        save_arrays(folder / "range.npz", low=self._low, high=self._high)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the ranges."""
        features = cls(**load_config(folder))
        stored = load_arrays(folder / "range.npz", "low", "high")
        features._low, features._high = stored["low"], stored["high"]
        return features

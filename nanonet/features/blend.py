"""Features of a blend that do not know which of its polymers was named first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import Encoder
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_arrays, load_config, save_arrays

#: How the numbers of two polymers become those of a blend.
COMBINE = ("sum", "concatenate")


class BlendFeatures:
    """Numbers e(p) of each polymer p, weighted by its share w.

    ``sum``: x = w e(p1) + (1 - w) e(p2), the same for both orders. ``concatenate``: x = [w_a e(a),
    w_b e(b)], where a is the polymer with the larger share, and at equal shares the one whose
    canonical SMILES comes first in the alphabet; so this too is the same for both orders.

    With ``scale`` each number is divided by its standard deviation over the training part, and its
    mean there is subtracted: for models that measure distances. A column that is constant in
    training becomes 0 there.

    Args:
        encoders: structures -> numbers; several stand side by side.
        combine: one of :data:`COMBINE`.
        scale: standard scores instead of the numbers themselves.
        columns: names of the two inputs with canonical SMILES.
        share: name of the input with the share of the first, 0 to 1.

    Raises:
        ConfigError: no encoders, or an unknown word.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        combine: str = "sum",
        scale: bool = False,
        columns: Sequence[str] = ("smiles1", "smiles2"),
        share: str = "fraction",
    ) -> None:
        self.encoders, self.combine, self.scale = list(encoders), str(combine), bool(scale)
        self.columns, self.share = tuple(columns), str(share)
        if not self.encoders or self.combine not in COMBINE or len(self.columns) != 2:
            raise ConfigError(
                f"a blend needs encoders, two columns of structures, and combine one of {', '.join(COMBINE)}; "
                f"got {len(self.encoders)}, {columns!r} and {combine!r}"
            )
        self._centre: FloatArray | None = None
        self._width: FloatArray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the encoders' columns; twice, ``major`` and ``minor``, for a concatenation."""
        own = tuple(name for encoder in self.encoders for name in encoder.names)
        if self.combine == "sum":
            return own
        return tuple(f"{which} {name}" for which in ("major", "minor") for name in own)

    def polymers(self, smiles: Sequence[str]) -> FloatArray:
        """Numbers e(p) of polymers, shape (n, q)."""
        return np.concatenate([encoder.encode(smiles) for encoder in self.encoders], axis=1)

    def _raw(self, inputs: Table) -> FloatArray:
        first, second = (inputs[name].tolist() for name in self.columns)
        share = inputs[self.share]
        if share.dtype.kind != "f" or not ((share >= 0) & (share <= 1)).all():
            raise InputError(f"{self.share} must hold numbers from 0 to 1, got {share.tolist()!r:.80}")
        # Each polymer once: a pool of 550,000 blends has 604 of them.
        index: dict[str, int] = {}
        for text in (*first, *second):
            index.setdefault(text, len(index))
        numbers = self.polymers(list(index))
        a = np.array([index[text] for text in first], dtype=int)
        b = np.array([index[text] for text in second], dtype=int)
        weight = share[:, None]
        if self.combine == "sum":
            made = weight * numbers[a] + (1.0 - weight) * numbers[b]
        else:
            swap = (share < 0.5) | ((share == 0.5) & (inputs[self.columns[1]] < inputs[self.columns[0]]))
            a, b = np.where(swap, b, a), np.where(swap, a, b)
            weight = np.where(swap, 1.0 - share, share)[:, None]
            made = np.concatenate([weight * numbers[a], (1.0 - weight) * numbers[b]], axis=1)
        # Seven digits are more than any of this means, and files of them are half as large.
        return made.astype(np.float32).astype(float)

    def fit(self, inputs: Table) -> Self:
        """Learn mean and deviation of each column, for ``scale``."""
        raw = self._raw(inputs)
        if not len(raw):
            raise InputError("features cannot be fitted to no rows")
        deviation = raw.std(axis=0)
        self._centre = raw.mean(axis=0) if self.scale else np.zeros(raw.shape[1])
        self._width = np.where(deviation > 0, deviation, 1.0) if self.scale else np.ones(raw.shape[1])
        return self

    def transform(self, inputs: Table) -> FloatArray:
        """x, shape (n, q) or (n, 2 q)."""
        if self._centre is None or self._width is None:
            raise NotFittedError("features were used before they were fitted; call fit() first")
        raw = self._raw(inputs)
        return ((raw - self._centre) / self._width).astype(np.float32).astype(float) if self.scale else raw

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the encoders as descriptions."""
        return {
            "encoders": [describe(encoder) for encoder in self.encoders],
            "combine": self.combine,
            "scale": self.scale,
            "columns": list(self.columns),
            "share": self.share,
        }

    def save(self, folder: Path) -> None:
        """Write mean and deviation."""
        if self._centre is None or self._width is None:
            raise NotFittedError("features must be fitted before they are saved")
        save_arrays(folder / "scale.npz", centre=self._centre, width=self._width)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read them."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        stored = load_arrays(folder / "scale.npz", "centre", "width")
        made._centre, made._width = stored["centre"], stored["width"]
        return made

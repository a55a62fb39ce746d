"""A rule that is given, plus one fitted constant."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import InputError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays


class Offset:
    """y = x_1 + c x_2: the first feature is the answer of a rule, the second says where it is off by c.

    c is the mean of y - x_1 over the training records with x_2 = 1 (least squares in general), 0 if
    there are none. The same for every code. Two members, mean -/+ the standard deviation of what is
    left there.

    Args:
        learn: whether c is fitted; else it is 0 and the rule stands alone.
    """

    memorises: ClassVar[float] = -np.inf

    def __init__(self, learn: bool = True) -> None:
        self.learn = bool(learn)
        self._state: dict[str, FloatArray] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit c.

        Raises:
            InputError: fewer than two features.
        """
        x, codes = training_arrays(x, codes)
        if x.shape[1] < 2:
            raise InputError(f"a rule with an offset needs two features, its answer and where it is off, got {x.shape}")
        weight = x[:, 1:2]
        total = float((weight**2).sum())
        offset = (
            (weight * (codes - x[:, :1])).sum(axis=0) / total if self.learn and total > 0 else np.zeros(codes.shape[1])
        )
        counted = x[:, 1] != 0
        left = codes - x[:, :1] - weight * offset
        spread = (left[counted] if counted.any() else left).std(axis=0)
        self._state = {"offset": offset, "spread": spread, "columns": np.array(x.shape[1])}
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the standard deviation, shape (2, n, d)."""
        state = self._state
        x = query_array(x, None if state is None else int(state["columns"]), "the rule with an offset")
        if state is None:
            raise NotFittedError("the rule with an offset has no constant; call fit() first")
        mean = x[:, :1] + x[:, 1:2] * state["offset"]
        return np.stack([mean - state["spread"], mean + state["spread"]])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"learn": self.learn}

    def save(self, folder: Path) -> None:
        """Write the constant."""
        if self._state is None:
            raise NotFittedError("the rule with an offset must be fitted before it is saved")
        save_arrays(folder / "offset.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the constant."""
        made = cls(**load_config(folder))
        made._state = load_arrays(folder / "offset.npz", "offset", "spread", "columns")
        return made

"""The two simplest regressors: what every other one has to beat."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays


class Mean:
    """The mean of the training codes, whatever x is; mean -/+ standard deviation as members."""

    memorises: ClassVar[float] = -0.01

    def __init__(self) -> None:
        self._mean: FloatArray | None = None
        self._std: FloatArray | None = None
        self._columns: int | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Take mean and standard deviation over the training part."""
        x, codes = training_arrays(x, codes)
        self._mean, self._std, self._columns = codes.mean(axis=0), codes.std(axis=0), x.shape[1]
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus standard deviation, shape (2, n, d)."""
        x = query_array(x, self._columns, "the mean")
        if self._mean is None or self._std is None:
            raise NotFittedError("the mean was not taken yet; call fit() first")
        both = np.stack([self._mean - self._std, self._mean + self._std])
        return np.repeat(both[:, None, :], len(x), axis=1)

    def predict(self, x: FloatArray) -> FloatArray:
        """The mean, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}

    def save(self, folder: Path) -> None:
        """Write mean and standard deviation."""
        if self._mean is None:
            raise NotFittedError("the mean must be fitted before it is saved")
        save_arrays(folder / "mean.npz", mean=self._mean, std=self._std, columns=self._columns)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read mean and standard deviation."""
        made = cls()
        stored = load_arrays(folder / "mean.npz", "mean", "std", "columns")
        made._mean, made._std, made._columns = stored["mean"], stored["std"], int(stored["columns"])
        return made


class NearestNeighbours:
    """Mean over the k training points next to x (Euclidean distance); they are the members.

    Args:
        k: number of neighbours; fewer where the training part has fewer.
    """

    memorises: ClassVar[float] = 0.999

    def __init__(self, k: int = 1) -> None:
        if k < 1:
            raise ConfigError(f"k must be at least 1, got {k!r}")
        self.k = int(k)
        self._x: FloatArray | None = None
        self._codes: FloatArray | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Remember the training part."""
        self._x, self._codes = training_arrays(x, codes)
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Codes of the neighbours, next first, shape (k, n, d)."""
        x = query_array(x, None if self._x is None else self._x.shape[1], "nearest neighbours")
        if self._x is None or self._codes is None:
            raise NotFittedError("nearest neighbours know no points; call fit() first")
        distance = ((x[:, None, :] - self._x[None]) ** 2).sum(axis=2)
        order = np.argsort(distance, axis=1, kind="stable")[:, : self.k]
        return self._codes[order.T]

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the neighbours, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"k": self.k}

    def save(self, folder: Path) -> None:
        """Write the training part."""
        if self._x is None:
            raise NotFittedError("nearest neighbours must be fitted before they are saved")
        save_arrays(folder / "neighbours.npz", x=self._x, codes=self._codes)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the training part."""
        made = cls(**load_config(folder))
        stored = load_arrays(folder / "neighbours.npz", "x", "codes")
        made._x, made._codes = stored["x"], stored["codes"]
        return made

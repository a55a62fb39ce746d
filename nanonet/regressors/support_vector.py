"""Support vector machine for regression, evaluated as plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays

_ARRAYS = ("vectors", "weight", "bias", "mean", "scale")
#: Rows whose kernel is in memory together.
BLOCK = 1024
#: Memory for the kernel while fitting [MB].
CACHE = 1000
#: From so many columns on, the whole kernel is computed at once, by a product of matrices, where it fits into that.
WIDE = 500


class SupportVector:
    """c(x) = b + sum_i w_i exp(-gamma |x - x_i|^2) per code, few large errors allowed (Vapnik 1995). One member.

    The w_i minimise half the squared norm of c plus ``penalty`` times the sum of errors beyond
    ``margin``, in units of the standard deviation of each code. Features should come scaled: the
    kernel takes their distances as they are.

    Args:
        penalty: C, positive.
        margin: errors up to it cost nothing, in standard deviations; not negative.
        gamma: inverse square of the length over which c varies, positive.
        balance: records of a group of n weigh (n + 20)^-balance each, 0 to 1.

    Raises:
        ConfigError: a number is out of its range.
    """

    memorises: ClassVar[float] = 0.5

    def __init__(self, penalty: float = 3.0, margin: float = 0.15, gamma: float = 0.1, balance: float = 0.0) -> None:
        if not penalty > 0 or not margin >= 0 or not gamma > 0 or not 0 <= balance <= 1:
            raise ConfigError(
                "penalty and gamma must be positive, margin not negative and balance in [0, 1], "
                f"got {penalty!r}, {gamma!r}, {margin!r}, {balance!r}"
            )
        self.penalty, self.margin, self.gamma, self.balance = float(penalty), float(margin), float(gamma), balance
        self._state: dict[str, NDArray] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Solve the dual problem of each code."""
        try:
            from sklearn.svm import SVR
        except ImportError as error:
            raise MissingDependencyError(
                "fitting a support vector machine needs scikit-learn, which is not installed: "
                "pip install 'nanonet[train]'"
            ) from error
        x, codes = training_arrays(x, codes)
        names = np.arange(len(x)) if groups is None else np.asarray(groups)
        _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
        share = (counts[which] + 20.0) ** -self.balance
        mean, scale = codes.mean(axis=0), codes.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        weight = np.zeros((len(x), codes.shape[1]))
        bias = np.zeros(codes.shape[1])
        at_once = x.shape[1] >= WIDE and 8e-6 * len(x) ** 2 <= CACHE
        kernel, given = ("precomputed", _kernel(x, x, self.gamma)) if at_once else ("rbf", x)
        for code in range(codes.shape[1]):
            machine = SVR(C=self.penalty, epsilon=self.margin, gamma=self.gamma, cache_size=CACHE, kernel=kernel)
            machine.fit(given, (codes[:, code] - mean[code]) / scale[code], sample_weight=share / share.mean())
            weight[machine.support_, code] = machine.dual_coef_[0]
            bias[code] = machine.intercept_[0]
        used = np.asarray(weight.any(axis=1))
        if not used.any():
            # All within the margin: the bias says it all.
            used[0] = True
        # Single precision halves the file and changes the seventh digit.
        self._state = {
            "vectors": np.asarray(x[used], dtype=np.float32),
            "weight": weight[used],
            "bias": bias,
            "mean": mean,
            "scale": scale,
        }
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """The prediction as the only member, shape (1, n, d)."""
        state = self._state
        x = query_array(x, None if state is None else state["vectors"].shape[1], "the support vector machine")
        if state is None:
            raise NotFittedError("the support vector machine has no vectors; call fit() first")
        vectors = state["vectors"].astype(float)
        found = np.empty((len(x), len(state["bias"])))
        for start in range(0, len(x), BLOCK):
            rows = x[start : start + BLOCK]
            found[start : start + BLOCK] = _kernel(rows, vectors, self.gamma) @ state["weight"] + state["bias"]
        return (found * state["scale"] + state["mean"])[None]

    def predict(self, x: FloatArray) -> FloatArray:
        """The prediction, shape (n, d)."""
        return self.members(x)[0]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"penalty": self.penalty, "margin": self.margin, "gamma": self.gamma, "balance": self.balance}

    def save(self, folder: Path) -> None:
        """Write vectors and weights."""
        if self._state is None:
            raise NotFittedError("the support vector machine must be fitted before it is saved")
        save_arrays(folder / "vectors.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read vectors and weights."""
        made = cls(**load_config(folder))
        made._state = load_arrays(folder / "vectors.npz", *_ARRAYS)
        return made


def _kernel(a: FloatArray, b: FloatArray, gamma: float) -> FloatArray:
    """exp(-gamma |a_i - b_j|^2), shape (n, m); |a - b|^2 = |a|^2 - 2 a.b + |b|^2."""
    made = a @ b.T
    made *= -2.0
    made += (a**2).sum(axis=1)[:, None]
    made += (b**2).sum(axis=1)
    np.maximum(made, 0.0, out=made)
    made *= -gamma
    return np.exp(made, out=made)

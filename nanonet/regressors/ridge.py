"""Ridge regression on polynomials."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays


class Ridge:
    """Codes linear in the monomials of x up to a degree, with an L2 penalty.

    W = argmin |Phi W - Y|^2 + alpha |W|^2, Phi and Y centred. The spread is that of the Bayesian
    linear model with the same penalty: s^2(x) = s_res^2 (1 + phi A^-1 phi^T), A = Phi^T Phi +
    alpha, s_res^2 the residual variance with n - trace(Phi A^-1 Phi^T) - 1 degrees of freedom
    (at least 1).

    Args:
        alpha: penalty, positive.
        degree: of the polynomial, 1 (linear) to 3.
    """

    memorises: ClassVar[float] = 0.9

    def __init__(self, alpha: float = 1e-2, degree: int = 1) -> None:
        if not alpha > 0 or degree not in (1, 2, 3):
            raise ConfigError(f"alpha must be positive and degree 1, 2 or 3, got {alpha!r} and {degree!r}")
        self.alpha, self.degree = float(alpha), int(degree)
        self._state: dict[str, FloatArray] | None = None

    def _monomials(self, x: FloatArray) -> FloatArray:
        columns = [
            np.prod(x[:, list(chosen)], axis=1)
            for degree in range(1, self.degree + 1)
            for chosen in combinations_with_replacement(range(x.shape[1]), degree)
        ]
        return np.stack(columns, axis=1)

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Solve the normal equations."""
        x, codes = training_arrays(x, codes)
        phi = self._monomials(x)
        centre, mean = phi.mean(axis=0), codes.mean(axis=0)
        phi = phi - centre
        inverse = np.linalg.inv(phi.T @ phi + self.alpha * np.eye(phi.shape[1]))
        weight = inverse @ phi.T @ (codes - mean)
        freedom = max(1.0, len(x) - 1.0 - float(np.trace(phi @ inverse @ phi.T)))
        residual = ((codes - mean - phi @ weight) ** 2).sum(axis=0) / freedom
        self._state = {
            "centre": centre,
            "mean": mean,
            "weight": weight,
            "inverse": inverse,
            "residual": residual,
            "columns": np.array(x.shape[1]),
        }
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the predictive standard deviation, shape (2, n, d)."""
        state = self._state
        x = query_array(x, None if state is None else int(state["columns"]), "ridge regression")
        if state is None:
            raise NotFittedError("ridge regression has no weights; call fit() first")
        phi = self._monomials(x) - state["centre"]
        mean = phi @ state["weight"] + state["mean"]
        leverage = np.einsum("ni,ij,nj->n", phi, state["inverse"], phi)
        std = np.sqrt((1.0 + np.maximum(leverage, 0.0))[:, None] * state["residual"])
        return np.stack([mean - std, mean + std])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"alpha": self.alpha, "degree": self.degree}

    def save(self, folder: Path) -> None:
        """Write weights and covariance."""
        if self._state is None:
            raise NotFittedError("ridge regression must be fitted before it is saved")
        save_arrays(folder / "ridge.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read weights and covariance."""
        made = cls(**load_config(folder))
        made._state = load_arrays(folder / "ridge.npz", "centre", "mean", "weight", "inverse", "residual", "columns")
        return made

"""Gaussian process, evaluated as plain arrays."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays

_ARRAYS = ("x", "alpha", "factor", "amplitude", "length", "mean", "scale", "noise")
#: Rows that are evaluated at a time: small enough to stay in a processor's cache.
BLOCK = 512
#: Strips of the triangular product; what lies above the diagonal is left out strip by strip.
STRIPS = 4


class GaussianProcess:
    """One Gaussian process per code, with a Matern 5/2 kernel of its own.

    k(x, x') = a (1 + s + s^2/3) exp(-s), s = sqrt(5 sum_j (x_j - x'_j)^2 / l_j^2), plus white
    noise w; a, l_j and w maximise the marginal likelihood of the standardised codes. Members are
    mean -/+ the predictive standard deviation (noise included).

    Args:
        restarts: further starts of the likelihood's maximisation.
        ard: one length l_j per feature (True) or one for all.
        seed: of the restarts.
    """

    memorises: ClassVar[float] = 0.9

    def __init__(self, restarts: int = 1, ard: bool = True, seed: int | None = 0) -> None:
        if restarts < 0:
            raise ConfigError(f"restarts must not be negative, got {restarts!r}")
        self.restarts, self.ard, self.seed = int(restarts), bool(ard), seed
        self._state: dict[str, FloatArray] | None = None
        self._inverses: dict[int, FloatArray] = {}

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Maximise the marginal likelihood of each code."""
        try:
            from sklearn.exceptions import ConvergenceWarning
            from sklearn.gaussian_process import GaussianProcessRegressor
            from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
        except ImportError as error:
            raise MissingDependencyError(
                "fitting a Gaussian process needs scikit-learn, which is not installed: pip install 'nanonet[train]'"
            ) from error
        x, codes = training_arrays(x, codes)
        mean, scale = codes.mean(axis=0), codes.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        length = np.ones(x.shape[1]) if self.ard else 1.0
        columns: dict[str, list[Any]] = {name: [] for name in ("alpha", "factor", "amplitude", "length", "noise")}
        for output in range(codes.shape[1]):
            kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(length, (1e-2, 1e2), nu=2.5) + WhiteKernel(
                1e-2, (1e-6, 1e1)
            )
            process = GaussianProcessRegressor(
                kernel, n_restarts_optimizer=self.restarts, random_state=self.seed, alpha=1e-10
            )
            with warnings.catch_warnings():
                # A length at its bound means that a feature does not matter: an answer, no fault.
                warnings.simplefilter("ignore", ConvergenceWarning)
                process.fit(x, (codes[:, output] - mean[output]) / scale[output])
            fitted = process.kernel_
            columns["alpha"].append(process.alpha_)
            columns["factor"].append(process.L_)
            columns["amplitude"].append(fitted.k1.k1.constant_value)
            columns["length"].append(np.broadcast_to(fitted.k1.k2.length_scale, x.shape[1]))
            columns["noise"].append(fitted.k2.noise_level)
        self._inverses = {}
        self._state = {"x": x, "mean": mean, "scale": scale, **{k: np.array(v) for k, v in columns.items()}}
        return self

    def _answer(self, x: FloatArray, *, spread: bool) -> tuple[FloatArray, FloatArray]:
        """Mean and, where it is asked for, deviation, (n, d) each; by blocks, so that memory is bounded."""
        state = self._state
        x = query_array(x, None if state is None else state["x"].shape[1], "the Gaussian process")
        if state is None:
            raise NotFittedError("the Gaussian process has no data; call fit() first")
        mean = np.empty((len(x), len(state["mean"])))
        std = np.zeros_like(mean)
        for output in range(mean.shape[1]):
            known = state["x"] / state["length"][output]
            amplitude, noise = state["amplitude"][output], state["noise"][output]
            inverse = self._inverse(output) if spread else None
            for start in range(0, len(x), BLOCK):
                rows = slice(start, start + BLOCK)
                kernel = _matern(x[rows] / state["length"][output], known, float(amplitude))
                mean[rows, output] = kernel @ state["alpha"][output]
                if inverse is not None:
                    variance = amplitude + noise - _lower_squares(inverse, kernel)
                    std[rows, output] = np.sqrt(np.maximum(variance, 0.0))
        return mean * state["scale"] + state["mean"], std * state["scale"]

    def _inverse(self, output: int) -> FloatArray:
        """Inverse of a Cholesky factor, made once: a product of matrices is what a machine does best."""
        if output not in self._inverses and self._state is not None:
            factor = self._state["factor"][output]
            self._inverses[output] = np.linalg.solve(np.tril(factor), np.eye(len(factor)))
        return self._inverses[output]

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the predictive standard deviation, shape (2, n, d)."""
        mean, std = self._answer(x, spread=True)
        return np.stack([mean - std, mean + std])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean, shape (n, d); much cheaper than with the deviation."""
        return self._answer(x, spread=False)[0]

    def largest_spread(self) -> float:
        """Far from all data the deviation is that of the prior, sqrt(a + w)."""
        if self._state is None:
            raise NotFittedError("the Gaussian process has no data; call fit() first")
        variance = (self._state["amplitude"] + self._state["noise"]) * self._state["scale"] ** 2
        return float(np.sqrt(variance.mean()))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"restarts": self.restarts, "ard": self.ard, "seed": self.seed}

    def save(self, folder: Path) -> None:
        """Write data and hyperparameters."""
        if self._state is None:
            raise NotFittedError("the Gaussian process must be fitted before it is saved")
        save_arrays(folder / "process.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read data and hyperparameters."""
        made = cls(**load_config(folder))
        made._state = load_arrays(folder / "process.npz", *_ARRAYS)
        return made


def _matern(x: FloatArray, known: FloatArray, amplitude: float) -> FloatArray:
    """Kernel a (1 + s + s^2/3) exp(-s), s = sqrt(5) |x - x'|, shape (n, m), of coordinates in units of the length."""
    # |a - b|^2 = |a|^2 - 2 a.b + |b|^2 is one product of matrices; all else is done in place.
    kernel: FloatArray = x @ known.T
    kernel *= -2.0
    kernel += (known**2).sum(axis=1)
    kernel += (x**2).sum(axis=1)[:, None]
    np.maximum(kernel, 0.0, out=kernel)
    kernel *= 5.0
    s = np.sqrt(kernel)
    kernel /= 3.0
    kernel += s
    kernel += 1.0
    np.negative(s, out=s)
    kernel *= np.exp(s, out=s)
    kernel *= amplitude
    return kernel


def _lower_squares(inverse: FloatArray, kernel: FloatArray) -> FloatArray:
    """|L^-1 k|^2 of each row k of ``kernel`` (n, m), L^-1 lower triangular."""
    total = np.zeros(len(kernel))
    ends = np.linspace(0, len(inverse), STRIPS + 1).astype(int)
    for begin, end in pairwise(ends):
        strip = kernel[:, :end] @ inverse[begin:end, :end].T
        total += np.einsum("ij,ij->i", strip, strip)
    return total

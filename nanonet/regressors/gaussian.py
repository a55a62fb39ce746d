"""Gaussian process, evaluated as plain arrays."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import query_array, training_arrays

_ARRAYS = ("x", "alpha", "factor", "amplitude", "length", "mean", "scale", "noise")


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

    def fit(self, x: FloatArray, codes: FloatArray) -> Self:
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
        self._state = {"x": x, "mean": mean, "scale": scale, **{k: np.array(v) for k, v in columns.items()}}
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the predictive standard deviation, shape (2, n, d)."""
        state = self._state
        x = query_array(x, None if state is None else state["x"].shape[1], "the Gaussian process")
        if state is None:
            raise NotFittedError("the Gaussian process has no data; call fit() first")
        mean = np.empty((len(x), len(state["mean"])))
        std = np.empty_like(mean)
        for output in range(mean.shape[1]):
            length, amplitude = state["length"][output], state["amplitude"][output]
            distance = ((x[:, None, :] - state["x"][None]) / length) ** 2
            s = np.sqrt(5.0 * distance.sum(axis=2))
            kernel = amplitude * (1.0 + s + s**2 / 3.0) * np.exp(-s)
            solved = np.linalg.solve(state["factor"][output], kernel.T)
            variance = amplitude + state["noise"][output] - (solved**2).sum(axis=0)
            mean[:, output] = kernel @ state["alpha"][output]
            std[:, output] = np.sqrt(np.maximum(variance, 0.0))
        mean = mean * state["scale"] + state["mean"]
        std = std * state["scale"]
        return np.stack([mean - std, mean + std])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean, shape (n, d)."""
        return self.members(x).mean(axis=0)

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

"""Gaussian processes as plain arrays: what the regressor and features that denoise an input share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, InputError, MissingDependencyError
from nanonet.seeds import generator

#: Kernels: rbf exp(-s^2 / 2) and matern (1 + t + t^2/3) exp(-t), t = sqrt(5) s, of the scaled distance s.
KERNELS = ("matern", "rbf")
#: Rows of a query that are handled at once, so that memory does not grow with its length.
CHUNK = 4096
#: Limits of the logarithms: amplitude, and noise, in units of the variance of y.
_AMPLITUDE, _NOISE = (math.log(1e-2), math.log(1e3)), (math.log(1e-6), math.log(1e1))
#: Limits of a length in units of the typical distance of two points.
_LENGTH = (math.log(1e-2), math.log(1e3))


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """|a_i - b_j|^2, shape (n, m), by one matrix product; no array (n, m, p) is made."""
    squared = (a**2).sum(axis=1)[:, None] - 2.0 * a @ b.T + (b**2).sum(axis=1)
    return np.maximum(squared, 0.0)


def correlation(squared: FloatArray, kernel: str) -> FloatArray:
    """r(s) of squared scaled distances s^2; 1 at 0."""
    if kernel == "rbf":
        return np.exp(-0.5 * squared)
    t = np.sqrt(5.0 * squared)
    return (1.0 + t + t**2 / 3.0) * np.exp(-t)


def _slope(squared: FloatArray, kernel: str) -> FloatArray:
    """-2 dr / d(s^2); the slope of r by log l_j is this times l_j's share of s^2."""
    if kernel == "rbf":
        return np.exp(-0.5 * squared)
    t = np.sqrt(5.0 * squared)
    return 5.0 / 3.0 * (1.0 + t) * np.exp(-t)


@dataclass(frozen=True, eq=False)
class Process:
    """A Gaussian process y(x) = m + c f(x) + noise that was conditioned on n points.

    f has the covariance a r(|(x - x') / l|), the noise the variance w; a and w are in units of c^2.

    Args:
        x: points, shape (n, p).
        y: values, shape (n,).
        kernel: one of :data:`KERNELS`.
        length: l, shape (p,) or (1,).
        amplitude, noise: a and w.
    """

    x: FloatArray
    y: FloatArray
    kernel: str
    length: FloatArray
    amplitude: float
    noise: float

    def __post_init__(self) -> None:
        centre, scale = float(self.y.mean()), float(self.y.std()) or 1.0
        scaled = self.x / self.length
        covariance = self.amplitude * correlation(squared_distances(scaled, scaled), self.kernel)
        # A point and itself are 0 apart, whatever the rounding of the matrix product.
        np.fill_diagonal(covariance, self.amplitude + self.noise + 1e-10)
        lower = np.linalg.inv(np.linalg.cholesky(covariance))
        alpha = lower.T @ (lower @ ((self.y - centre) / scale))
        for name, value in (("centre", centre), ("scale", scale), ("_x", scaled), ("_lower", lower), ("_alpha", alpha)):
            object.__setattr__(self, name, value)

    #: Follow from the arguments; see :meth:`__post_init__`.
    centre: float = field(init=False, default=0.0)
    scale: float = field(init=False, default=1.0)
    _x: Any = field(init=False, default=None)
    _lower: Any = field(init=False, default=None)
    _alpha: Any = field(init=False, default=None)
    #: What :meth:`to_arrays` gives.
    ARRAYS: ClassVar[tuple[str, ...]] = ("x", "y", "kernel", "length", "amplitude", "noise")

    def to_arrays(self) -> dict[str, NDArray]:
        """The arguments as plain arrays; what follows from them is worked out again."""
        return {name: np.asarray(getattr(self, name)) for name in self.ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Process:
        """From what :meth:`to_arrays` gave."""
        return cls(
            x=arrays["x"],
            y=arrays["y"],
            kernel=str(arrays["kernel"]),
            length=arrays["length"],
            amplitude=float(arrays["amplitude"]),
            noise=float(arrays["noise"]),
        )

    def mean(self, x: FloatArray) -> FloatArray:
        """Predictive mean, shape (n,)."""
        found = np.empty(len(x))
        for part in _chunks(len(x)):
            found[part] = self._covariance(x[part]) @ self._alpha
        return self.centre + self.scale * found

    def mean_and_deviation(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Predictive mean and standard deviation, noise included, each of shape (n,)."""
        mean, variance = np.empty(len(x)), np.empty(len(x))
        for part in _chunks(len(x)):
            covariance = self._covariance(x[part])
            mean[part] = covariance @ self._alpha
            variance[part] = ((covariance @ self._lower.T) ** 2).sum(axis=1)
        deviation = np.sqrt(np.maximum(self.amplitude + self.noise - variance, 0.0))
        return self.centre + self.scale * mean, self.scale * deviation

    def leave_one_out(self) -> FloatArray:
        """What each point would be predicted as without its own value, shape (n,).

        y_i - alpha_i / K^-1_ii (Rasmussen and Williams 2006, 5.4.2), with the hyperparameters of all.
        """
        diagonal = (self._lower**2).sum(axis=0)
        return self.y - self.scale * self._alpha / diagonal

    def _covariance(self, x: FloatArray) -> FloatArray:
        return self.amplitude * correlation(squared_distances(x / self.length, self._x), self.kernel)


def _chunks(n: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, n, CHUNK)]


def fit_process(
    x: FloatArray,
    y: FloatArray,
    *,
    kernel: str = "matern",
    ard: bool = False,
    restarts: int = 0,
    seed: int | None = 0,
) -> Process:
    """The process whose a, l and w maximise the marginal likelihood of y.

    Args:
        x: points, shape (n, p).
        y: values, shape (n,).
        kernel: one of :data:`KERNELS`.
        ard: one length per column, or one for all of them.
        restarts: further starts of the maximisation, at random places.
        seed: of these places.

    Raises:
        ConfigError: an unknown kernel.
        InputError: shapes that do not fit.
        MissingDependencyError: SciPy is not installed.
    """
    if kernel not in KERNELS:
        raise ConfigError(f"kernel must be one of {', '.join(KERNELS)}, got {kernel!r}")
    if x.ndim != 2 or y.shape != (len(x),) or not len(x):
        raise InputError(f"a Gaussian process needs points (n, p) and values (n,), got shapes {x.shape} and {y.shape}")
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise MissingDependencyError(
            "fitting a Gaussian process needs SciPy, which is not installed: pip install 'nanonet[train]'"
        ) from error
    columns = x.shape[1] if ard else 1
    typical = _typical_distance(x, ard)
    parts = _per_column(x / typical) if ard else squared_distances(x / typical, x / typical)[None]
    scale = y.std() or 1.0
    standard = (y - y.mean()) / scale
    bounds = [_AMPLITUDE, *[_LENGTH] * columns, _NOISE]
    starts = [np.array([0.0, *[0.5 * math.log(columns)] * columns, math.log(0.1)])]
    random = generator(0 if seed is None else seed, "gaussian process")
    starts += [np.array([random.uniform(*bound) / 2 for bound in bounds]) for _ in range(restarts)]
    found = [
        minimize(
            _negative_likelihood, start, args=(parts, standard, kernel), jac=True, method="L-BFGS-B", bounds=bounds
        )
        for start in starts
    ]
    best = min(found, key=lambda result: float(result.fun)).x
    return Process(
        x=x,
        y=y,
        kernel=kernel,
        length=typical * np.exp(best[1:-1]),
        amplitude=float(np.exp(best[0])),
        noise=float(np.exp(best[-1])),
    )


def _typical_distance(x: FloatArray, ard: bool) -> FloatArray:
    """Root-mean-square distance of two points, in each column or over all; 1 where nothing varies."""
    variance = x.var(axis=0) if ard else np.array([x.var(axis=0).sum()])
    return np.where(variance > 0, np.sqrt(2.0 * variance), 1.0)


def _per_column(x: FloatArray) -> FloatArray:
    """Squared differences, shape (p, n, n)."""
    return np.stack([(column[:, None] - column[None]) ** 2 for column in x.T])


def _negative_likelihood(theta: FloatArray, parts: FloatArray, y: FloatArray, kernel: str) -> tuple[float, FloatArray]:
    """-log p(y) and its slopes by log a, log l_j and log w; ``parts`` are squared differences (p, n, n)."""
    amplitude, noise = math.exp(theta[0]), math.exp(theta[-1])
    weights = np.exp(-2.0 * theta[1:-1])
    squared = np.tensordot(weights, parts, axes=1)
    r = correlation(squared, kernel)
    covariance = amplitude * r
    covariance[np.diag_indices_from(covariance)] += noise + 1e-10
    try:
        lower = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return 1e25, np.zeros_like(theta)
    inverse_lower = np.linalg.inv(lower)
    inverse = inverse_lower.T @ inverse_lower
    alpha = inverse @ y
    value = 0.5 * y @ alpha + np.log(np.diag(lower)).sum() + 0.5 * len(y) * math.log(2 * math.pi)
    # d(-log p)/d(theta) = -tr((alpha alpha^T - K^-1) dK/d(theta)) / 2
    inner = np.outer(alpha, alpha) - inverse
    slope = amplitude * _slope(squared, kernel) * inner
    slopes = [
        -0.5 * amplitude * float((inner * r).sum()),
        *(-0.5 * weight * float((slope * part).sum()) for weight, part in zip(weights, parts, strict=True)),
        -0.5 * noise * float(np.trace(inner)),
    ]
    return float(value), np.array(slopes)

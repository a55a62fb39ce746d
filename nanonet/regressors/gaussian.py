"""Gaussian process, evaluated as plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.process import KERNELS, Process, fit_process
from nanonet.regressors.base import Groups, query_array, training_arrays

_ARRAYS = ("x", "codes", "amplitude", "length", "noise")


class GaussianProcess:
    """One Gaussian process per code, each with a kernel of its own.

    k(x, x') = a r(s), s^2 = sum_j (x_j - x'_j)^2 / l_j^2, plus white noise w. ``matern``: r =
    (1 + t + t^2/3) exp(-t), t = sqrt(5) s (Matern 5/2); ``rbf``: r = exp(-s^2/2). a, l_j and w maximise
    the marginal likelihood of the standardised codes. Members are mean -/+ the predictive standard
    deviation (noise included); :meth:`predict` does not work the deviation out. Distances are matrix
    products and queries go in chunks, so that memory does not grow with their number.

    Args:
        restarts: further starts of the likelihood's maximisation.
        ard: one length l_j per feature (True; for few features) or one for all.
        kernel: ``matern`` or ``rbf``.
        seed: of the restarts.

    Raises:
        ConfigError: negative restarts, or an unknown kernel.
    """

    memorises: ClassVar[float] = 0.9

    def __init__(self, restarts: int = 1, ard: bool = True, kernel: str = "matern", seed: int | None = 0) -> None:
        if restarts < 0 or kernel not in KERNELS:
            raise ConfigError(
                f"restarts must not be negative and kernel one of {', '.join(KERNELS)}, got {restarts!r} and {kernel!r}"
            )
        self.restarts, self.ard, self.kernel, self.seed = int(restarts), bool(ard), str(kernel), seed
        self._processes: list[Process] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Maximise the marginal likelihood of each code."""
        x, codes = training_arrays(x, codes)
        self._processes = [
            fit_process(x, column, kernel=self.kernel, ard=self.ard, restarts=self.restarts, seed=self.seed)
            for column in codes.T
        ]
        return self

    def _checked(self, x: FloatArray) -> tuple[FloatArray, list[Process]]:
        processes = self._processes
        x = query_array(x, None if processes is None else processes[0].x.shape[1], "the Gaussian process")
        if processes is None:
            raise NotFittedError("the Gaussian process has no data; call fit() first")
        return x, processes

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the predictive standard deviation, shape (2, n, d)."""
        x, processes = self._checked(x)
        found = [process.mean_and_deviation(x) for process in processes]
        mean = np.stack([mean for mean, _ in found], axis=1)
        deviation = np.stack([deviation for _, deviation in found], axis=1)
        return np.stack([mean - deviation, mean + deviation])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean, shape (n, d)."""
        x, processes = self._checked(x)
        return np.stack([process.mean(x) for process in processes], axis=1)

    def largest_spread(self) -> float:
        """Far from all data the deviation is that of the prior, see :class:`nanonet.regressors.bounded.Bounded`."""
        if self._processes is None:
            raise NotFittedError("the Gaussian process has no data; call fit() first")
        return float(np.sqrt(np.mean([p.scale**2 * (p.amplitude + p.noise) for p in self._processes])))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"restarts": self.restarts, "ard": self.ard, "kernel": self.kernel, "seed": self.seed}

    def save(self, folder: Path) -> None:
        """Write data and hyperparameters; what follows from them is worked out again."""
        processes = self._processes
        if processes is None:
            raise NotFittedError("the Gaussian process must be fitted before it is saved")
        save_arrays(
            folder / "process.npz",
            x=processes[0].x,
            codes=np.stack([process.y for process in processes], axis=1),
            amplitude=[process.amplitude for process in processes],
            length=np.stack([process.length for process in processes]),
            noise=[process.noise for process in processes],
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read data and hyperparameters."""
        made = cls(**load_config(folder))
        stored = load_arrays(folder / "process.npz", *_ARRAYS)
        made._processes = [
            Process(stored["x"], y, made.kernel, length, float(amplitude), float(noise))
            for y, length, amplitude, noise in zip(
                stored["codes"].T, stored["length"], stored["amplitude"], stored["noise"], strict=True
            )
        ]
        return made

"""Made-up productions: RDFs and thermodynamic means of blocks with the noise of a stationary run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanonet.domain.rdf import standard_grid

R = standard_grid()
G = np.where(R < 2.8, 0.0, 1 + 2.5 * np.exp(-(((R - 3.4) / 0.25) ** 2)) + 0.5 * np.exp(-(((R - 4.4) / 0.4) ** 2)))


def ar1(rng: np.random.Generator, n: int, rho: float, bins: int = 1, smooth: int = 0) -> NDArray:
    """Stationary noise of variance 1, correlated from block to block, and over neighbouring bins."""
    noise = rng.normal(size=(n, bins + 2 * smooth))
    if smooth:
        kernel = np.ones(2 * smooth + 1) / np.sqrt(2 * smooth + 1)
        noise = np.array([np.convolve(row, kernel, "valid") for row in noise])
    for k in range(1, n):
        noise[k] = rho * noise[k - 1] + np.sqrt(1 - rho**2) * noise[k]
    return noise


def curves(rng: np.random.Generator, n: int = 20, rho: float = 0.3, smooth: int = 2) -> NDArray:
    """RDFs of blocks with the noise of counted pairs, error^2 ~ g / r^2."""
    error = 0.25 * np.sqrt(G) / np.maximum(R, 1.0)
    return np.maximum(G + error * ar1(rng, n, rho, R.size, smooth), 0.0)


def thermo(rng: np.random.Generator, n: int = 20) -> dict[str, NDArray]:
    means = {"density": 0.9, "energy": 15.0, "temperature": 1.0, "pressure": 1.0, "r2_end": 60.0, "rg2": 10.0}
    noise = {"density": 1e-3, "energy": 5e-3, "temperature": 1e-3, "pressure": 0.02, "r2_end": 1.0, "rg2": 0.1}
    return {name: mean + noise[name] * ar1(rng, n, 0.3)[:, 0] for name, mean in means.items()}

"""Made-up RDFs for unit tests and benchmarks of representations; never for training.

They have what makes reading an image hard: an empty core that ends within two to four bins at
0.8 to 1 D, a first peak of any height, a valley, a second peak, and bins that scatter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanonet.domain.rdf import standard_grid

FloatArray = NDArray[np.float64]

#: Heights of first peaks: dispersed, bridged, aggregated.
PEAKS = (3.0, 20.0, 100.0)
#: Relative scatter of the bins.
NOISES = (0.0, 0.01, 0.03)
_FINE = 16


def synthetic_rdf(rng: np.random.Generator, *, D: float, peak: float, noise: float = 0.0) -> FloatArray:
    """One RDF on the standard grid, the mean over each bin of a smooth curve, times noise.

    Args:
        rng: where shape and noise come from.
        D: diameter of the nanoparticles [sigma].
        peak: height of the first peak.
        noise: relative standard deviation of each bin.
    """
    n_bins = standard_grid().size
    r = (np.arange(n_bins * _FINE) + 0.5) * 10.0 / (n_bins * _FINE)
    core, rise = rng.uniform(0.8, 1.0) * D, rng.uniform(0.2, 0.4)
    top, fall = core + rise, rng.uniform(0.15, 0.4) + 0.05 * D
    before, after = np.minimum(r - top, 0.0), np.maximum(r - top, 0.0)
    wall = np.exp(-((before / (0.4 * rise)) ** 2))
    g = wall * (1.0 + (peak - 1.0) * np.exp(-((after / fall) ** rng.choice([1.4, 2.0]))))
    second = top + rng.uniform(0.8, 1.1) * min(D, 3.0)
    height = rng.uniform(0.1, 0.5) * np.sqrt(peak)
    g += wall * height * np.exp(-(((r - second) / rng.uniform(0.25, 0.5)) ** 2))
    valley = 0.5 * (top + fall + second)
    g *= 1.0 - rng.uniform(0.0, 0.7) * np.exp(-(((r - valley) / 0.35) ** 2))
    g = g.reshape(n_bins, _FINE).mean(axis=1)
    g *= peak / g.max()
    g *= np.exp(noise * rng.standard_normal(n_bins))
    return np.where(g < 1e-3, 0.0, g)


def synthetic_rdfs(n: int, *, seed: int) -> tuple[FloatArray, FloatArray]:
    """n RDFs of D from 2 to 5 with every peak and noise in turn, and their standard errors, both (n, 100)."""
    rng = np.random.default_rng(seed)
    rdfs, errors = [], []
    for k in range(n):
        noise = NOISES[k // len(PEAKS) % len(NOISES)]
        g = synthetic_rdf(rng, D=rng.uniform(2.0, 5.0), peak=PEAKS[k % len(PEAKS)], noise=noise)
        rdfs.append(g)
        errors.append(noise * g)
    return np.array(rdfs), np.array(errors)


def log_error(g: FloatArray, other: FloatArray, *, smallest: float = 0.01) -> FloatArray:
    """90th percentile of |log10 other - log10 g| over the bins with g >= smallest, shape (n,)."""
    tiny = 1e-30  # a bin that reads as 0 counts as 30 decades off
    error = np.abs(np.log10(np.maximum(other, tiny)) - np.log10(np.maximum(g, tiny)))
    return np.array([np.quantile(row[keep], 0.9) for row, keep in zip(error, g >= smallest, strict=True)])

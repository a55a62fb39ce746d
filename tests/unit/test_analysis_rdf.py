"""The RDF of many frames, and its standard error, against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nanonet.domain import Trajectory
from nanonet.errors import InputError
from simulations.analysis.rdf import RDFAccumulator, block_mean, coarsen, standard_error


def ideal_gas(rng: np.random.Generator, edges: NDArray, count: int, bins: int) -> tuple[RDFAccumulator, NDArray]:
    """An accumulator with a frame for each edge, and the exact variance of its mean g.

    Pairs of independent uniform points are pairwise independent: a shell's count has the binomial
    variance n_pairs p (1 - p), p = shell / V.
    """
    rdf = RDFAccumulator(bins=bins)
    for edge in edges:
        rdf.add(np.full(3, edge), rng.uniform(-0.5, 0.5, (count, 3)) * edge)
    shell = 4 / 3 * np.pi * np.diff(np.linspace(0, rdf.r_max, bins + 1) ** 3)
    p = shell / edges[:, None] ** 3
    variance = ((1 - p) / (count * (count - 1) / 2 * p)).mean(axis=0) / len(edges)
    return rdf, variance


@pytest.mark.parametrize("spread", [0.0, 0.1], ids=["one box", "boxes that vary by 10 %"])
def test_an_ideal_gas_has_g_1_in_every_bin(rng: np.random.Generator, spread: float) -> None:
    edges = 23.0 * (1 + spread * rng.uniform(-1, 1, 250))
    edges[-1] = 23.0 * (1 + spread)  # the last box is the largest: normalising with it would give g = 1.33
    rdf, variance = ideal_gas(rng, edges, 200, 400)
    enough = variance < 0.04
    chi2 = np.mean((rdf.g - 1)[enough] ** 2 / variance[enough])
    assert 0.8 < chi2 < 1.2


def test_normalising_all_frames_with_the_last_box_would_fail(rng: np.random.Generator) -> None:
    """What the accumulator guards against, done on purpose: the test above can fail."""
    import freud

    edges = 23.0 * (1 + 0.1 * rng.uniform(-1, 1, 60))
    edges[-1] = 23.0 * 1.1
    naive = freud.density.RDF(bins=100, r_max=10, normalization_mode="finite_size")
    for edge in edges:
        points = (rng.uniform(-0.5, 0.5, (200, 3)) * edge).astype(np.float32)
        naive.compute((freud.box.Box.cube(edge), points), reset=False)
    assert naive.rdf[40:].mean() > 1.25


def test_few_particles_have_g_1_too(rng: np.random.Generator) -> None:
    """Of n = 5 particles each sees n - 1 others: without that the mean of g would be 0.8."""
    rdf, variance = ideal_gas(rng, np.full(4_000, 21.0), 5, 10)
    weight = 1 / variance
    assert (rdf.g @ weight) / weight.sum() == pytest.approx(1.0, abs=4 / np.sqrt(weight.sum()))
    assert 1 / np.sqrt(weight.sum()) < 0.02


def test_g_is_the_count_over_what_is_expected(rng: np.random.Generator) -> None:
    edges, count = np.array([22.0, 25.0, 24.0]), 30
    frames = [rng.uniform(-0.5, 0.5, (count, 3)) * edge for edge in edges]
    rdf = RDFAccumulator()
    expected = np.zeros(100)
    grid = np.linspace(0, 10, 101)
    for edge, x in zip(edges, frames, strict=True):
        rdf.add(np.full(3, edge), x)
        delta = x[:, None] - x[None]
        r = np.linalg.norm(delta - edge * np.round(delta / edge), axis=-1)[~np.eye(count, dtype=bool)]
        counts = np.histogram(r, grid)[0]
        expected += edge**3 * counts / (count * (count - 1) * 4 / 3 * np.pi * np.diff(grid**3)) / 3
    np.testing.assert_allclose(rdf.g, expected, rtol=1e-5)
    np.testing.assert_allclose(rdf.r, np.arange(0.05, 10, 0.1))
    assert rdf.n_frames == 3


def test_a_trajectory_is_its_frames(rng: np.random.Generator) -> None:
    positions = rng.uniform(-10, 10, (4, 20, 3))
    trajectory = Trajectory(
        step=np.arange(4), positions=positions, images=np.zeros((4, 20, 3)), box=np.full((4, 3), 21.0), dt=0.005
    )
    whole, parts = RDFAccumulator(), RDFAccumulator()
    whole.add_trajectory(trajectory)
    for frame in positions:
        parts.add(np.full(3, 21.0), frame)
    np.testing.assert_array_equal(whole.g, parts.g)


def test_r_max_over_half_the_box_is_refused() -> None:
    rdf = RDFAccumulator()
    with pytest.raises(InputError, match=r"r_max = 10 sigma is not below half the box, L = 19\.5 sigma"):
        rdf.add(np.array([25.0, 19.5, 25.0]), np.zeros((3, 3)))
    assert rdf.n_frames == 0
    RDFAccumulator(r_max=9.0).add(np.full(3, 19.5), np.eye(3))


def test_there_is_no_rdf_of_nothing_nor_of_one() -> None:
    with pytest.raises(InputError, match="add at least one frame"):
        _ = RDFAccumulator().g
    with pytest.raises(InputError, match="at least 2 nanoparticles, got 1"):
        RDFAccumulator().add(np.full(3, 25.0), np.zeros((1, 3)))


# ---------------------------------------------------------------- the standard error


def ar1(rng: np.random.Generator, runs: int, n: int, rho: float, bins: int = 1) -> NDArray:
    """Stationary series of variance 1 whose neighbours have the correlation rho, shape (runs, n, bins)."""
    x = np.empty((runs, n, bins))
    x[:, 0] = rng.normal(size=(runs, bins))
    for k in range(1, n):
        x[:, k] = rho * x[:, k - 1] + np.sqrt(1 - rho**2) * rng.normal(size=(runs, bins))
    return x


def true_error(n: int, rho: float) -> float:
    """Standard deviation of the mean of n values of a stationary AR(1) series of variance 1."""
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return float(np.sqrt((rho**lag).sum()) / n)


@pytest.mark.parametrize("n", [20, 50, 400])
def test_the_error_of_independent_blocks_is_s_over_root_n(rng: np.random.Generator, n: int) -> None:
    errors = np.array([standard_error(run[:, 0]) for run in ar1(rng, 200, n, 0.0)])
    # the largest of a few noisy estimates is taken: a little high, never low
    assert 0.97 < np.sqrt((errors**2).mean()) * np.sqrt(n) < 1.35
    curves = np.array([standard_error(run) for run in ar1(rng, 20, n, 0.0, bins=100)])
    assert np.sqrt((curves**2).mean()) * np.sqrt(n) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.9])
def test_the_error_of_correlated_blocks_is_the_known_one(rng: np.random.Generator, rho: float) -> None:
    n = 1_000
    errors = np.array([standard_error(run[:, 0]) for run in ar1(rng, 100, n, rho)])
    assert np.sqrt((errors**2).mean()) / true_error(n, rho) == pytest.approx(1.1, abs=0.2)
    naive = 1 / np.sqrt(n)
    assert errors.mean() > 1.4 * naive


def test_all_bins_use_the_same_joining(rng: np.random.Generator) -> None:
    """A bin's own noise does not decide; the error scales with the data, bin by bin."""
    curves = ar1(rng, 1, 64, 0.7, bins=30)[0]
    scale = np.linspace(1.0, 3.0, 30)
    ratio = standard_error(curves * 2.0) / standard_error(curves)
    np.testing.assert_allclose(ratio, 2.0)
    assert standard_error(curves * scale).shape == (30,)


def test_blocks_join_with_their_weights() -> None:
    blocks, weights = np.array([[1.0], [3.0], [5.0], [7.0], [10.0]]), np.array([1.0, 3.0, 1.0, 1.0, 2.0])
    joined, total = coarsen(blocks, weights, 2)
    np.testing.assert_allclose(joined[:, 0], [(1 + 9) / 4, (5 + 7 + 20) / 4])
    np.testing.assert_array_equal(total, [4, 4])
    np.testing.assert_allclose(block_mean(blocks, weights), block_mean(joined, total))


def test_one_block_has_no_error() -> None:
    with pytest.raises(InputError, match="at least 2 blocks, got 1"):
        standard_error(np.array([1.0]))

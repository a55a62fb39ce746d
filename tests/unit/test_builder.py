"""The size rule in numbers, and what a fresh configuration looks like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from nanonet.domain import Composition
from nanonet.errors import InputError, SystemSizeError
from simulations.builder import SystemSize, build, chain_bonds, expected_volume, least_length, system_size
from simulations.state import State


def composition(D: float = 3.0, N: int = 40, phi: float = 0.05) -> Composition:
    return Composition.from_phi(D=D, N=N, phi=phi, eps_np_np=0.5, eps_p_np=1.0)


def nearest(a: np.ndarray, b: np.ndarray, edge: float, k: int = 1) -> np.ndarray:
    """Distance from each point of b to its k-th nearest of a, periodic."""

    def wrap(points: np.ndarray) -> np.ndarray:
        inside = np.mod(points + 0.5 * edge, edge)
        return np.where(inside >= edge, 0.0, inside)

    return cKDTree(wrap(a), boxsize=edge).query(wrap(b), k=[k])[0][:, 0]


def parts(state: State, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Unwrapped chains (n_chains, N, 3) and NP positions."""
    unwrapped = state.positions + state.images * state.box
    return unwrapped[: state.n_monomers].reshape(-1, N, 3), unwrapped[state.n_monomers :]


def test_the_volume_is_that_of_the_issue() -> None:
    assert expected_volume(9_200, 10, 3.0) == pytest.approx(10_000 + 10 * math.pi / 6 * 3.2**3)


@pytest.mark.parametrize(("D", "least"), [(2.0, 20.5), (3.0, 20.5), (4.0, 20.8), (4.5, 23.3), (5.0, 25.8)])
def test_a_box_is_wide_enough_for_the_rdf_and_for_the_cut_offs(D: float, least: float) -> None:
    assert least_length(composition(D=D)) == pytest.approx(least)


@pytest.mark.parametrize("D", [2.0, 3.0, 4.0, 5.0])
@pytest.mark.parametrize("phi", [0.01, 0.03, 0.1])
def test_the_size_rule_keeps_its_promises(D: float, phi: float) -> None:
    wanted = composition(D=D, phi=phi)
    size = system_size(wanted, n_beads_max=10**6)
    assert size.n_np >= 16
    assert size.least_length == least_length(wanted)
    assert size.length > size.least_length
    assert size.n_monomers == size.n_chains * wanted.N
    assert size.n_beads == size.n_monomers + size.n_np
    assert size.length**3 == pytest.approx(expected_volume(size.n_monomers, size.n_np, D))
    # rho comes out as asked for, but for half a chain in all
    assert size.n_np / size.length**3 == pytest.approx(wanted.rho, rel=0.6 * wanted.N / size.n_monomers)
    # no larger than needed: one NP fewer would break a limit
    smaller = ((size.n_np - 1) / wanted.rho) ** (1 / 3)
    assert size.n_np == 16 or smaller < size.least_length * 1.02


def test_the_numbers_of_one_composition_are_pinned() -> None:
    size = system_size(composition())
    assert (size.n_np, size.n_chains, size.n_monomers) == (33, 202, 8080)
    assert size.length == pytest.approx(21.0662, abs=1e-4)


def test_more_nanoparticles_or_a_wider_box_mean_a_larger_system() -> None:
    wanted = composition(phi=0.05)
    first = system_size(wanted)
    assert system_size(wanted, n_np_min=60).n_np == 60
    twice = system_size(wanted, volume_factor=2)
    assert twice.n_np == 2 * first.n_np
    assert twice.length**3 == pytest.approx(2 * first.length**3, rel=0.01)
    assert system_size(wanted, enlarge=1.05).length > 1.03 * first.length


def test_too_large_a_system_is_refused_with_its_numbers() -> None:
    wanted = composition(D=5.0, phi=0.01)
    needed = system_size(wanted, n_beads_max=10**6)
    with pytest.raises(SystemSizeError) as caught:
        system_size(wanted)
    text = str(caught.value)
    for number in (f"{needed.n_beads:,}", f"{needed.n_np} NPs", f"{needed.n_chains} chains", "20,000", "n_np_min = 16"):
        assert number in text
    assert f"L = {needed.length:.1f}" in text
    assert isinstance(caught.value, ValueError)
    assert system_size(wanted, n_beads_max=needed.n_beads).n_beads == needed.n_beads


def test_nanoparticles_that_leave_no_room_are_refused() -> None:
    with pytest.raises(SystemSizeError, match=r"NPs alone fill the box at phi = 0\.6"):
        system_size(composition(D=1.0, phi=0.6))


@pytest.mark.parametrize(("D", "phi"), [(2.0, 0.1), (3.0, 0.05), (4.0, 0.1), (5.0, 0.08)])
def test_a_fresh_configuration(D: float, phi: float) -> None:
    wanted = composition(D=D, phi=phi)
    size = system_size(wanted)
    state = build(wanted, size, seed=1)
    assert state.n_np == size.n_np
    assert state.n_monomers == size.n_monomers
    np.testing.assert_allclose(state.box, size.length)
    assert (np.abs(state.positions) <= 0.5 * size.length).all()
    assert len(state.bonds) == size.n_chains * (wanted.N - 1)
    np.testing.assert_array_equal(state.chain_ends(), np.arange(size.n_chains + 1) * wanted.N)

    chains, particles = parts(state, wanted.N)
    np.testing.assert_allclose(np.linalg.norm(np.diff(chains, axis=1), axis=-1), 0.97, rtol=1e-9)
    next_nearest = np.linalg.norm(chains[:, 2:] - chains[:, :-2], axis=-1)
    assert next_nearest.min() >= 1.02
    assert nearest(particles, particles, size.length, k=2).min() >= D
    # a chain that has walked into a corner may graze an NP; nearly none does, and none deeply
    reach = nearest(particles, chains.reshape(-1, 3), size.length)
    assert (reach < 0.5 * (D + 1)).mean() < 1e-3
    assert reach.min() > 0.35 * (D + 1)


def test_fresh_chains_have_about_the_statistics_of_the_melt() -> None:
    """<R^2> of the walk without back-folding, where few NPs disturb it: C = 1.73 for 39 bonds, 5 % either way."""
    wanted = composition(D=2.0, phi=0.01)
    chains, _ = parts(build(wanted, system_size(wanted), seed=2), wanted.N)
    r2 = ((chains[:, -1] - chains[:, 0]) ** 2).sum(axis=-1)
    # <cos> = (1 - a) / 2 with a = 1 - (1.02 / 0.97)^2 / 2: freely rotating chain with that mean cosine
    cosine = 0.5 * (1.0 - (1.0 - 0.5 * (1.02 / 0.97) ** 2))
    n = wanted.N - 1
    expected = 0.97**2 * n * ((1 + cosine) / (1 - cosine) - 2 * cosine * (1 - cosine**n) / (n * (1 - cosine) ** 2))
    assert abs(r2.mean() - expected) < 4 * r2.std() / math.sqrt(r2.size)


def test_the_seed_decides_and_nothing_else() -> None:
    wanted = composition(phi=0.05)
    size = system_size(wanted)
    first, second, third = (build(wanted, size, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.images, second.images)
    assert np.abs(first.positions - third.positions).max() > 1


@pytest.mark.parametrize("D", [2.0, 3.0, 5.0])
def test_an_aggregated_start_is_compact(D: float) -> None:
    wanted = composition(D=D, phi=0.08)
    size = system_size(wanted)
    state = build(wanted, size, seed=1, start="aggregated")
    chains, particles = parts(state, wanted.N)
    gap = nearest(particles, particles, size.length, k=2)
    np.testing.assert_allclose(gap, 2 ** (1 / 6) * D, rtol=1e-9)  # each has a neighbour in contact
    centred = particles - particles.mean(axis=0)
    radius = np.sqrt((centred**2).sum(axis=1).mean())
    # a ball of close-packed spheres of that number: Rg = sqrt(3/5) R, R from the packing fraction 0.74
    ball = math.sqrt(0.6) * (size.n_np / 0.7405) ** (1 / 3) * 2 ** (1 / 6) * D / 2
    assert radius < 1.15 * ball
    assert (nearest(particles, chains.reshape(-1, 3), size.length) < 0.5 * (D + 1)).mean() < 1e-3
    scattered = parts(build(wanted, size, seed=1), wanted.N)[1]
    assert np.sqrt(((scattered - scattered.mean(axis=0)) ** 2).sum(axis=1).mean()) > 1.3 * radius


def test_nanoparticles_that_do_not_fit_are_refused() -> None:
    wanted = composition(D=5.0, phi=0.08)
    crowded = SystemSize(n_np=100, n_chains=1, n_monomers=40, length=14.0, least_length=10.0)
    with pytest.raises(SystemSizeError, match="100 NPs of diameter 5 do not fit"):
        build(wanted, crowded, seed=1)
    with pytest.raises(SystemSizeError, match="cluster of 100 NPs"):
        build(wanted, crowded, seed=1, start="aggregated")


def test_an_unknown_start_is_refused() -> None:
    with pytest.raises(InputError, match="'molten'"):
        build(composition(), system_size(composition()), seed=1, start="molten")  # type: ignore[arg-type]


def test_a_large_system_is_built() -> None:
    wanted = composition(D=4.0, phi=0.03)
    size = system_size(wanted)
    assert size.n_beads > 15_000
    assert len(build(wanted, size, seed=1).positions) == size.n_beads


@given(n_chains=st.integers(1, 30), length=st.integers(2, 50))
@settings(deadline=None)
def test_bonds_join_neighbours_within_a_chain_only(n_chains: int, length: int) -> None:
    bonds = chain_bonds(n_chains, length)
    assert bonds.shape == (n_chains * (length - 1), 2)
    assert (bonds[:, 1] - bonds[:, 0] == 1).all()
    assert (bonds[:, 0] // length == bonds[:, 1] // length).all()

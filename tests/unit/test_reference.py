"""The double loop that engines are held against: its forces and pressure are derivatives of its energy."""

from __future__ import annotations

import numpy as np
import pytest

from nanonet.domain import Composition
from simulations import reference
from simulations.forcefield import ForceField, nanocomposite
from simulations.state import State

EDGE = 12.0


@pytest.fixture
def forcefield() -> ForceField:
    return nanocomposite(Composition(D=2, N=3, rho=0.001, eps_np_np=1.7, eps_p_np=0.6))


def state(x: np.ndarray, edge: float = EDGE) -> State:
    """Two chains of three monomers and two NPs, some across the faces."""
    images = np.floor(x / edge + 0.5)
    return State(x - images * edge, images, [0] * 6 + [1] * 2, [[0, 1], [1, 2], [3, 4], [4, 5]], np.full(3, edge))


@pytest.fixture
def positions() -> np.ndarray:
    return np.array(
        [
            [5.2, 0.0, 0.0], [6.15, 0.1, 0.0], [7.2, 0.3, 0.2],
            [0.0, 5.5, 1.0], [0.2, 6.4, 1.2], [0.1, 7.4, 0.9],
            [5.0, 1.7, 0.3], [5.1, 3.9, 0.5],
        ]
    )  # fmt: skip


def test_forces_are_minus_the_gradient(forcefield: ForceField, positions: np.ndarray) -> None:
    forces, h = reference.evaluate(state(positions), forcefield).forces, 1e-6
    for bead in range(8):
        for axis in range(3):
            moved = [positions.copy(), positions.copy()]
            moved[0][bead, axis] += h
            moved[1][bead, axis] -= h
            up, down = (reference.evaluate(state(x), forcefield).energy for x in moved)
            assert forces[bead, axis] == pytest.approx(-(up - down) / (2 * h), rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-10)


def test_pressure_is_minus_the_derivative_by_volume(forcefield: ForceField, positions: np.ndarray) -> None:
    h = 1e-6
    up, down = (
        reference.evaluate(state(positions * (1 + sign * h), EDGE * (1 + sign * h)), forcefield).energy
        for sign in (1, -1)
    )
    expected = -(up - down) / (EDGE**3 * ((1 + h) ** 3 - (1 - h) ** 3))
    assert reference.evaluate(state(positions), forcefield).pressure == pytest.approx(expected, rel=1e-5)


def test_energy_of_three_beads_by_hand(forcefield: ForceField) -> None:
    """Two bonded monomers, at 1 sigma, and an NP across the face at 1.8 from one of them, 2.8 from the other."""
    x = np.array([[5.5, 0, 0], [4.5, 0, 0], [-4.7, 0, 0]])
    three = State(x, np.zeros((3, 3)), [0, 0, 1], [[0, 1]], np.full(3, EDGE))

    def lj(r: float) -> float:
        return 4 * 0.6 * ((1.5 / r) ** 12 - (1.5 / r) ** 6 - (1 / 2.5) ** 12 + (1 / 2.5) ** 6)

    bond = -0.5 * 30 * 2.25 * np.log(1 - 1 / 2.25) + 1.0
    assert reference.evaluate(three, forcefield).energy == pytest.approx(bond + lj(1.8) + lj(2.8))

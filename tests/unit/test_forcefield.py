"""The tables of the force field against the formulas, written out again by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanonet.domain import Composition
from nanonet.errors import InputError
from simulations.forcefield import PAIRS, BondTerm, ForceField, PairTerm, kremer_grest_melt, nanocomposite

positive = st.floats(0.1, 5.0)


def lennard_jones(r: float, epsilon: float, sigma: float) -> float:
    return 4.0 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)


def test_the_model_has_the_papers_terms() -> None:
    forcefield = nanocomposite(Composition(D=4, N=40, rho=0.001, eps_np_np=2.5, eps_p_np=0.3))
    assert forcefield.pairs["P", "P"] == PairTerm(1.0, 1.0, 2.5)
    assert forcefield.pairs["P", "N"] == PairTerm(0.3, 2.5, 6.25)
    assert forcefield.pairs["N", "N"] == PairTerm(2.5, 4.0, 10.0)
    assert forcefield.bond == BondTerm(k=30.0, r0=1.5, epsilon=1.0, sigma=1.0)
    assert dict(forcefield.mass) == {"P": 1.0, "N": 64.0}
    assert forcefield.largest_cut == 10.0


@given(epsilon=positive, sigma=positive, x=st.floats(0.8, 3.0))
def test_a_pair_is_lennard_jones_cut_and_shifted(epsilon: float, sigma: float, x: float) -> None:
    term = PairTerm(epsilon, sigma, 2.5 * sigma)
    shift = lennard_jones(2.5 * sigma, epsilon, sigma)
    expected = lennard_jones(x * sigma, epsilon, sigma) - shift if x * sigma < term.r_cut else 0.0
    assert float(term.energy(np.array(x * sigma))) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert shift == pytest.approx(-0.016316891 * epsilon, rel=1e-6)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0, 5.0])
def test_a_pair_does_not_jump_at_its_cut_off_and_its_virial_is_minus_r_times_the_slope(sigma: float) -> None:
    term = PairTerm(1.7, sigma, 2.5 * sigma)
    assert abs(float(term.energy(np.array(term.r_cut * (1 - 1e-9))))) < 1e-8
    assert float(term.energy(np.array(term.r_cut))) == 0.0
    r, h = np.linspace(0.85, 2.49, 200) * sigma, 1e-6 * sigma
    slope = (term.energy(r + h) - term.energy(r - h)) / (2 * h)
    np.testing.assert_allclose(term.virial(r), -r * slope, rtol=1e-5, atol=1e-5)
    assert float(term.virial(np.array(2.5 * sigma))) == 0.0
    # the minimum: depth epsilon less the shift, no force
    bottom = np.array(2 ** (1 / 6) * sigma)
    assert float(term.energy(bottom)) == pytest.approx(-1.7 + 1.7 * 0.016316891, rel=1e-6)
    assert float(term.virial(bottom)) == pytest.approx(0.0, abs=1e-9)


def test_the_melt_is_purely_repulsive() -> None:
    forcefield = kremer_grest_melt()
    for pair in PAIRS:
        term = forcefield.pairs[pair]
        r = np.linspace(0.8, 1.5, 300)
        assert (term.energy(r) >= 0).all()
        assert (term.virial(r) >= -1e-12).all()
        assert float(term.energy(np.array(1.0))) == pytest.approx(1.0)


def test_a_bond_is_fene_with_its_core() -> None:
    bond = BondTerm()
    for r in (0.85, 0.97, 1.1, 1.1224, 1.1226, 1.3, 1.45):
        spring = -0.5 * 30 * 1.5**2 * math.log(1 - (r / 1.5) ** 2)
        core = lennard_jones(r, 1, 1) + 1 if r < 2 ** (1 / 6) else 0.0
        assert float(bond.energy(np.array(r))) == pytest.approx(spring + core, rel=1e-12)
    r, h = np.linspace(0.85, 1.45, 200), 1e-7
    r = r[np.abs(r - bond.core_cut) > 1e-3]
    slope = (bond.energy(r + h) - bond.energy(r - h)) / (2 * h)
    np.testing.assert_allclose(bond.virial(r), -r * slope, rtol=1e-5, atol=1e-4)
    fine = np.linspace(0.9, 1.1, 20_001)
    assert fine[bond.energy(fine).argmin()] == pytest.approx(0.9609, abs=5e-4)
    assert np.isinf(bond.energy(np.array([1.5, 1.6]))).all()


def test_tables_survive_a_trip_through_json() -> None:
    forcefield = nanocomposite(Composition(D=2.7, N=31, rho=0.003, eps_np_np=0.123456789, eps_p_np=1.1))
    again = ForceField.from_dict(json.loads(json.dumps(forcefield.to_dict())))
    assert again.to_dict() == forcefield.to_dict()
    assert again.pairs == forcefield.pairs
    assert again.bond == forcefield.bond


@pytest.mark.parametrize("values", [(-0.1, 1, 2.5), (math.nan, 1, 2.5), (1, 0, 2.5), (1, 1, math.inf), (1, 1, -1)])
def test_impossible_terms_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="finite and at least"):
        PairTerm(*values)


def test_a_pair_without_a_term_is_refused() -> None:
    with pytest.raises(InputError, match="needs a term for each"):
        ForceField({("P", "P"): PairTerm(1, 1, 2.5)}, BondTerm(), {"P": 1.0, "N": 1.0})


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        kremer_grest_melt().pairs["P", "P"] = PairTerm(1, 1, 1)  # type: ignore[index]

"""Composition: limits, conversions, and what it says of bad input."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanonet import Composition
from nanonet.domain.composition import LIMITS, PHI_MAX
from nanonet.errors import CompositionError, InputError, NanonetError

GOOD: dict[str, Any] = {"D": 3, "N": 40, "rho": 0.0042, "eps_np_np": 0.5, "eps_p_np": 1.0}

energies = st.floats(0.0, 20.0)
numbers = {
    "D": st.floats(1.0, 20.0),
    "N": st.integers(2, 10_000),
    "phi": st.floats(1e-4, PHI_MAX),
    "eps_np_np": energies,
    "eps_p_np": energies,
}


@given(st.fixed_dictionaries(numbers))
def test_phi_and_rho_say_the_same(values: dict[str, Any]) -> None:
    made = Composition.from_phi(**values)
    assert made.phi == pytest.approx(values["phi"], rel=1e-12)
    assert made.rho == pytest.approx(6 * values["phi"] / (math.pi * values["D"] ** 3), rel=1e-12)
    assert Composition.from_mapping(values) == made


@given(st.fixed_dictionaries(numbers))
def test_goes_through_dict_and_array_unchanged(values: dict[str, Any]) -> None:
    made = Composition.from_phi(**values)
    assert Composition(**made.to_dict()) == made
    assert Composition.from_mapping(made.to_dict()) == made
    assert Composition(*made.to_array()) == made
    assert hash(Composition(**made.to_dict())) == hash(made)
    assert f"N={made.N}" in made.label()
    assert made.title().replace(", ", "\n") == made.title(lines=2).replace(", ", "\n")
    assert rf"$\phi$ = {made.phi:.2g}" in made.title(lines=2).splitlines()[0]


@given(
    st.sampled_from(sorted(LIMITS)),
    st.one_of(
        st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.complex_numbers(), st.binary()
    ),
)
def test_any_value_is_taken_or_refused_by_name(name: str, value: Any) -> None:
    low, high = LIMITS[name]
    try:
        made = Composition(**{**GOOD, name: value})
    except CompositionError as error:
        said = str(error)
    else:
        assert low <= getattr(made, name) <= high
        said = repr(made)
    assert name in said


@given(st.dictionaries(st.text(max_size=9) | st.sampled_from([*LIMITS, "phi"]), st.floats(), max_size=7))
def test_any_mapping_is_taken_or_refused(values: dict[str, float]) -> None:
    try:
        made = Composition.from_mapping(values)
    except CompositionError:
        return
    assert isinstance(made, Composition)


@pytest.mark.parametrize(("name", "end"), [(name, end) for name in LIMITS for end in (0, 1)])
def test_limits_themselves_are_allowed_and_no_more(name: str, end: int) -> None:
    limit = LIMITS[name][end]
    # Small NPs, so that rho = 1 is not denser than close packing.
    base = {**GOOD, "D": 1.0, "rho": 1e-9 if name == "D" else 0.0042}
    assert getattr(Composition(**{**base, name: limit}), name) == limit
    beyond = limit - 1 if end == 0 else limit + 1
    with pytest.raises(CompositionError, match=rf"{name} must be.*got {re.escape(repr(float(beyond)))}"):
        Composition(**{**base, name: beyond})


@pytest.mark.parametrize("number", [np.float32(3.0), np.float64(3.0), np.int64(3), 3, 3.0])
def test_numpy_numbers_are_numbers(number: Any) -> None:
    made = Composition(**{**GOOD, "D": number})
    assert made == Composition(**GOOD)
    assert type(made.D) is float


def test_chain_length_is_whole() -> None:
    assert type(Composition(**{**GOOD, "N": 40.0}).N) is int
    with pytest.raises(CompositionError, match=r"whole number, got 40\.4; use 40"):
        Composition(**{**GOOD, "N": 40.4})


@pytest.mark.parametrize(
    "value", ["3", None, True, np.True_, [3], np.array([3.0]), 3 + 0j, math.nan, math.inf, -math.inf, 10**400]
)
@pytest.mark.parametrize("name", sorted(LIMITS))
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    with pytest.raises(CompositionError, match=f"{name} must be"):
        Composition(**{**GOOD, name: value})


def test_closer_than_close_packing_is_refused_with_the_way_out() -> None:
    with pytest.raises(CompositionError, match=r"phi = 0\.707, above 0\.64.*at most 0\.0452"):
        Composition(**{**GOOD, "rho": 0.05})


@given(st.floats(1.01, 20.0))
def test_the_remedy_for_close_packing_works(diameter: float) -> None:
    with pytest.raises(CompositionError, match="above") as caught:
        Composition(**{**GOOD, "D": diameter, "rho": 6 * 0.641 / (math.pi * diameter**3)})
    rho = float(str(caught.value).rsplit(" ", 1)[1])
    assert Composition(**{**GOOD, "D": diameter, "rho": rho}).phi == pytest.approx(PHI_MAX, rel=1e-2)


@pytest.mark.parametrize("phi", [0.0, -0.1, 0.65, math.nan, math.inf, "0.1", None, True])
def test_volume_fraction_out_of_range(phi: Any) -> None:
    with pytest.raises(CompositionError, match=re.escape(f"got {phi!r}")):
        Composition.from_phi(D=3, N=40, phi=phi, eps_np_np=0.5, eps_p_np=1.0)


@pytest.mark.parametrize("diameter", [0.5, 21, math.nan, "3", None, True])
def test_volume_fraction_needs_a_diameter(diameter: Any) -> None:
    with pytest.raises(CompositionError, match="D must be"):
        Composition.from_phi(D=diameter, N=40, phi=0.1, eps_np_np=0.5, eps_p_np=1.0)


def test_largest_volume_fraction_is_allowed() -> None:
    for diameter in np.linspace(1.0, 20.0, 200):
        made = Composition.from_phi(D=float(diameter), N=40, phi=PHI_MAX, eps_np_np=0.5, eps_p_np=1.0)
        assert made.phi == pytest.approx(PHI_MAX)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rho": None}, "missing: rho"),
        ({"epsilon": 1.0}, "not known: epsilon"),
        ({"d": 3, "D": None}, "missing: D; not known: d"),
    ],
)
def test_wrong_names_are_told(change: dict[str, Any], said: str) -> None:
    values = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(CompositionError, match=rf"D, N, rho, eps_np_np, eps_p_np.*{said}"):
        Composition.from_mapping(values)


@pytest.mark.parametrize("values", [None, 3.0, [3, 40, 0.0042, 0.5, 1.0], "D=3"])
def test_what_is_no_mapping_is_refused(values: Any) -> None:
    with pytest.raises(CompositionError, match="needs a mapping"):
        Composition.from_mapping(values)


def test_is_frozen() -> None:
    made = Composition(**GOOD)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.D = 4.0  # type: ignore[misc]


def test_error_is_what_a_caller_expects() -> None:
    for kind in (InputError, NanonetError, ValueError):
        with pytest.raises(kind):
            Composition(**{**GOOD, "D": -1})

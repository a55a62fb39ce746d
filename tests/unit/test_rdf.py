"""RDF: checks, first peak, shells and phase, on curves whose answer is known."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nanonet import RDF, Composition
from nanonet.domain.rdf import standard_grid
from nanonet.errors import InputError
from nanonet.units import LJ_MINIMUM
from tests.synthetic import FloatArray

R = standard_grid()


def _bump(position: float, height: float, width: float = 0.4) -> FloatArray:
    return height * np.exp(-(((R - position) / width) ** 2))


def _composition(diameter: float) -> Composition:
    return Composition(D=diameter, N=40, rho=0.001, eps_np_np=0.5, eps_p_np=1.0)


# ---------------------------------------------------------------- the type


def test_standard_grid() -> None:
    assert R.shape == (100,)
    assert R[0] == pytest.approx(0.05)
    assert R[-1] == pytest.approx(9.95)
    np.testing.assert_allclose(np.diff(R), 0.1)


def test_arrays_are_own_read_only_copies() -> None:
    g = np.ones(100)
    rdf = RDF(r=R, g=g, error=0.1 * g, band=(0.5 * g, 2.0 * g))
    g[:] = 7.0
    assert rdf.g[0] == 1.0
    for array in (rdf.r, rdf.g, rdf.error, rdf.g_low, rdf.g_high):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        rdf.g = g  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"r": R[:2], "g": np.ones(2)}, "at least 3 bins, got 2"),
        ({"r": R[::-1]}, "rising order"),
        ({"r": R - 0.05}, "starting above 0"),
        ({"r": R**2}, "equal bins"),
        ({"r": np.full(100, 0.05)}, "rising order"),
        ({"r": R[:, None]}, r"r must have 1 axes, got shape \(100, 1\)"),
        ({"g": np.ones(99)}, r"g must have shape \(100,\), got \(99,\)"),
        ({"g": np.where(R[50] == R, -0.25, 1.0)}, r"not be negative, got -0\.25 at r = 5\.05"),
        ({"g": np.where(R[50] == R, np.nan, 1.0)}, r"g must be finite, got nan at index \[50\]"),
        ({"g": ["a"] * 100}, "g must be numbers"),
        ({"g": None}, "g must"),
        ({"error": -np.ones(100)}, "standard error must not be negative, got -1"),
        ({"error": np.ones(3)}, r"error must have shape \(100,\)"),
        ({"band": (np.ones(100), np.zeros(100))}, "lower end of the band lies above"),
        ({"band": (np.ones(100), np.ones(3))}, r"band must have shape \(100,\)"),
        ({"band": (-np.ones(100), np.ones(100))}, "band must not be negative, got -1"),
        ({"band": np.ones(100)}, "band must be two arrays"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RDF(**{"r": R, "g": np.ones(100), **change})


def test_band_and_noise_follow_from_the_error() -> None:
    rdf = RDF(r=R, g=np.full(100, 1.0), error=np.full(100, 0.9))
    assert rdf.g_low is not None
    assert rdf.g_high is not None
    np.testing.assert_allclose(rdf.g_high, 1.0 + 1.6449 * 0.9, rtol=1e-4)
    assert (rdf.g_low == 0.0).all(), "never below 0"
    np.testing.assert_array_equal(rdf.noise, np.full(100, 0.9))


def test_a_band_is_no_noise() -> None:
    """A prediction's bins err alike: a peak within a wide band is one, a ripple below the resolution is none."""
    high = _bump(3.0, 9.0)
    band = (np.zeros(100), 3.0 * (1.0 + high))
    rdf = RDF(r=R, g=1.0 + high, band=band)
    np.testing.assert_allclose(rdf.noise, 0.02 * (2.0 + high))
    assert rdf.first_peak is not None
    assert rdf.first_peak.position == pytest.approx(3.0, abs=0.05)
    assert RDF(r=R, g=1.0 + 0.01 * high, band=band).first_peak is None
    plain = RDF(r=R, g=np.ones(100))
    assert plain.g_low is None
    assert plain.g_high is None
    assert not plain.noise.any()


# ---------------------------------------------------------------- the first peak


@pytest.mark.parametrize("height", [2.0, 20.0, 100.0])
@pytest.mark.parametrize("position", [2.0, 3.333, 5.05, 7.77])
def test_position_and_height_of_a_smooth_peak(position: float, height: float) -> None:
    peak = RDF(r=R, g=_bump(position, height)).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(position, abs=0.005)
    assert peak.height == pytest.approx(height, rel=0.005)


def test_a_parabola_is_read_exactly() -> None:
    g = np.maximum(5.0 - 20.0 * (R - 4.012) ** 2, 0.0)
    peak = RDF(r=R, g=g).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(4.012, abs=1e-9)
    assert peak.height == pytest.approx(5.0, abs=1e-9)


def test_the_first_counts_not_the_highest() -> None:
    peak = RDF(r=R, g=_bump(3.0, 2.0) + _bump(5.0, 9.0)).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize(
    "g",
    [
        np.ones(100),
        np.zeros(100),
        R,
        10.0 - R,
        np.where(R < 3, 0.0, 1.0),
        np.minimum(R / 3, 1.0),
        np.where(R > 9.9, 5.0, 1.0),
        np.where(R < 0.1, 5.0, 1.0),
        10.0 - _bump(5.0, 5.0),
    ],
    ids=["flat", "empty", "rising", "falling", "step", "ramp", "last bin", "first bin", "valley"],
)
def test_no_peak_inside_the_range(g: FloatArray) -> None:
    """A maximum at an end has no second minimum beside it."""
    assert RDF(r=R, g=g).first_peak is None


@pytest.mark.parametrize("index", [1, 2, 50, 97, 98])
def test_a_single_bin_near_the_ends(index: int) -> None:
    g = np.ones(100)
    g[index] = 3.0
    peak = RDF(r=R, g=g).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(R[index])
    assert peak.height == pytest.approx(3.0)


def test_a_flat_top_has_its_peak_in_the_first_half() -> None:
    g = np.ones(100)
    g[40:42] = 2.0
    peak = RDF(r=R, g=g).first_peak
    assert peak is not None
    assert R[40] <= peak.position <= R[41]


def test_three_standard_errors_make_a_peak() -> None:
    """sqrt(2) standard errors belong to the difference of two bins."""
    g = np.ones(100)
    g[40] = 1.5
    for scale, seen in ((0.99, True), (1.01, False)):
        error = np.full(100, scale * 0.5 / (3 * math.sqrt(2)))
        assert (RDF(r=R, g=g, error=error).first_peak is not None) is seen


def test_both_sides_have_to_stand_out() -> None:
    """A shoulder: up by 2, down by 0.1, up again. The shoulder is lost in the noise, the top is not."""
    g = np.interp(R, [0, 2, 3, 3.3, 5, 7, 10], [0, 0, 2.0, 1.9, 4.0, 1.0, 1.0])
    peak = RDF(r=R, g=g, error=np.full(100, 0.05)).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(5.0, abs=0.1)
    fine = RDF(r=R, g=g, error=np.full(100, 0.01)).first_peak
    assert fine is not None
    assert fine.position == pytest.approx(3.0, abs=0.1)


def test_noise_alone_is_rarely_a_peak(rng: np.random.Generator) -> None:
    error = np.full(100, 0.03)
    flat = [RDF(r=R, g=1.0 + error * rng.standard_normal(100), error=error) for _ in range(500)]
    assert sum(rdf.find_first_peak(4.0) is not None for rdf in flat) <= 25, "2 % expected"
    # the definition's 3 standard errors are exceeded somewhere among 100 bins more often than not
    assert 200 <= sum(rdf.first_peak is not None for rdf in flat) <= 400, "59 % expected"


@pytest.mark.parametrize("height", [3.0, 20.0, 100.0])
def test_a_peak_in_noise(rng: np.random.Generator, height: float) -> None:
    smooth = np.where(R < 2.2, 0.0, 1.0 + _bump(3.33, height - 1.0))
    for _ in range(50):
        error = 0.02 * smooth
        g = np.maximum(smooth + error * rng.standard_normal(100), 0.0)
        peak = RDF(r=R, g=g, error=error).first_peak
        assert peak is not None
        assert peak.position == pytest.approx(3.33, abs=0.25)
        assert peak.height == pytest.approx(height, rel=0.1)


def test_behind_a_peak_g_may_fall_below_all_that_was_before() -> None:
    g = np.full(100, 2.0)
    g[:3] = 1.0, 2.0, 0.0
    peak = RDF(r=R, g=g).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(R[1], abs=0.05)


def test_the_top_is_the_peak_however_noisy_it_is() -> None:
    """Where the noise is largest at the top, its flanks stand out first."""
    g = 1.0 + _bump(3.05, 30.0)
    error = 0.01 + 0.3 * (g - 1.0)
    peak = RDF(r=R, g=g, error=error).first_peak
    assert peak is not None
    assert peak.position == pytest.approx(3.05, abs=0.05)


@given(hnp.arrays(np.float64, 100, elements=st.floats(0.0, 300.0)))
def test_any_peak_lies_at_a_local_maximum(g: FloatArray) -> None:
    rdf = RDF(r=R, g=g)
    peak = rdf.first_peak
    # Without noise, a peak is any bin above one before it and one after it.
    rises = [g[k] > g[:k].min() and g[k] > g[k + 1 :].min() for k in range(1, 99)]
    assert (peak is not None) is any(rises)
    if peak is not None:
        index = min(max(round((peak.position - R[0]) / 0.1), 1), 98)
        highest = g[index - 1 : index + 2].max()
        # The parabola rises above its highest bin by at most an eighth of the bin's drop.
        assert highest * (1 - 1e-9) <= peak.height <= highest * (1.125 + 1e-9)


# ---------------------------------------------------------------- shells


def test_shell_of_a_constant() -> None:
    rdf = RDF(r=R, g=np.full(100, 1.7))
    for low, high in ((0.0, 10.0), (2.4, 3.6), (3.33, 3.34), (0.0, 0.01), (9.99, 10.0)):
        assert rdf.shell_mean(low, high) == pytest.approx(1.7, rel=1e-9)


def test_shell_weights_are_exact_volumes() -> None:
    """g = 1 beyond 4 sigma and 0 before: the part of the shell's volume that lies beyond."""
    rdf = RDF(r=R, g=np.where(R > 4.0, 1.0, 0.0))
    for low, high in ((2.0, 6.0), (3.97, 4.03), (3.95, 4.18), (0.0, 10.0)):
        assert rdf.shell_mean(low, high) == pytest.approx((high**3 - 4.0**3) / (high**3 - low**3), rel=1e-9)


def test_shell_inside_one_bin_is_that_bin() -> None:
    g = np.arange(100.0)
    assert RDF(r=R, g=g).shell_mean(3.31, 3.39) == pytest.approx(33.0)


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_shells_add_up(a: float, b: float, c: float) -> None:
    low, middle, high = sorted((a, b, c))
    if min(middle - low, high - middle) < 1e-3:
        return
    rdf = RDF(r=R, g=_bump(4.0, 10.0) + 1.0)
    whole = rdf.shell_mean(low, high) * (high**3 - low**3)
    parts = rdf.shell_mean(low, middle) * (middle**3 - low**3) + rdf.shell_mean(middle, high) * (high**3 - middle**3)
    assert whole == pytest.approx(parts, rel=1e-6)


@pytest.mark.parametrize(
    ("low", "high"), [(3.0, 3.0), (4.0, 3.0), (-1.0, 3.0), (5.0, 10.1), (math.nan, 3.0), (3.0, math.nan)]
)
def test_shell_outside_the_grid(low: float, high: float) -> None:
    with pytest.raises(InputError, match="is not inside the grid, 0 to 10 sigma"):
        RDF(r=R, g=np.ones(100)).shell_mean(low, high)


def test_shell_before_the_first_bin_has_no_mean() -> None:
    """A grid need not begin at 0; below it nothing is known."""
    rdf = RDF(r=R[20:], g=np.ones(80))
    assert rdf.shell_mean(2.0, 3.0) == pytest.approx(1.0)
    with pytest.raises(InputError, match="is not inside the grid, 2 to 10 sigma"):
        rdf.shell_mean(1.0, 1.5)


# ---------------------------------------------------------------- the phase


@pytest.mark.parametrize("diameter", [2.0, 3.0, 5.0, 7.0])
def test_phase_of_each_kind(diameter: float) -> None:
    composition = _composition(diameter)
    touching = LJ_MINIMUM * diameter
    apart = LJ_MINIMUM * (diameter + 1.0)
    core = np.where(0.9 * diameter < R, 1.0, 0.0)
    assert RDF(r=R, g=core + _bump(touching, 20.0, 0.2), composition=composition).phase == "aggregated"
    assert RDF(r=R, g=core + _bump(apart, 20.0, 0.2), composition=composition).phase == "bridged"
    assert RDF(r=R, g=core, composition=composition).phase == "dispersed"
    assert RDF(r=R, g=np.zeros(100), composition=composition).phase == "dispersed"


def test_threshold_is_the_mean_over_the_shell() -> None:
    composition = _composition(3.0)
    contact = LJ_MINIMUM * 3.0 + 0.25
    g = np.where((R > 2.4) & (contact > R), 2.01, 0.0)
    # The bin that the shell's end cuts counts with its part only: fill it whole.
    g[int(contact / 0.1)] = 2.01
    rdf = RDF(r=R, g=g, composition=composition)
    assert rdf.shell_mean(2.4, contact) == pytest.approx(2.01)
    assert rdf.phase == "aggregated"
    assert rdf.classify_phase(2.02) == "dispersed"


def test_larger_shell_mean_names_the_phase() -> None:
    composition = _composition(3.0)
    inner, outer = LJ_MINIMUM * 3.0 + 0.25, LJ_MINIMUM * 4.0 + 0.25
    for in_contact, in_bridge, phase in ((5.0, 4.0, "aggregated"), (4.0, 5.0, "bridged"), (1.9, 1.9, "dispersed")):
        g = np.where(inner > R, in_contact, np.where(outer + 0.1 > R, in_bridge, 1.0))
        assert RDF(r=R, g=g, composition=composition).phase == phase


def test_noise_does_not_change_the_phase(rng: np.random.Generator) -> None:
    composition = _composition(3.0)
    smooth = np.where(R > 2.7, 1.0, 0.0) + _bump(LJ_MINIMUM * 4.0, 5.0, 0.3)
    for _ in range(50):
        g = smooth * np.exp(0.1 * rng.standard_normal(100))
        assert RDF(r=R, g=g, composition=composition).phase == "bridged"


def test_phase_needs_the_diameter() -> None:
    with pytest.raises(InputError, match="give the RDF its composition"):
        _ = RDF(r=R, g=np.ones(100)).phase


def test_phase_of_particles_too_large_for_the_grid() -> None:
    with pytest.raises(InputError, match="is not inside the grid"):
        _ = RDF(r=R, g=np.ones(100), composition=_composition(9.0)).phase


# ---------------------------------------------------------------- the drawing


def test_plot_returns_the_axes_it_was_given() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    _, ax = plt.subplots()
    rdf = RDF(r=R, g=1.0 + _bump(3.0, 5.0), error=np.full(100, 0.1), composition=_composition(3.0))
    assert rdf.plot(ax, label="g") is ax
    assert ax.get_ylabel() == r"$g(r)$"
    assert rdf.plot(log=True).get_yscale() == "log"


def test_distance_in_decades() -> None:
    r = standard_grid()
    one, ten = RDF(r=r, g=np.ones(r.size)), RDF(r=r, g=np.full(r.size, 10.0))
    assert one.decades_from(ten) == pytest.approx(1.0)
    assert one.decades_from(one) == 0.0
    # what lies below the floor is the same as the floor
    assert RDF(r=r, g=np.zeros(r.size)).decades_from(RDF(r=r, g=np.full(r.size, 1e-3))) == 0.0
    assert RDF(r=r, g=np.zeros(r.size)).decades_from(one, floor=0.1) == pytest.approx(1.0)
    with pytest.raises(InputError, match="100 and 50 bins"):
        one.decades_from(RDF(r=r[:50], g=np.ones(50)))
    with pytest.raises(InputError, match="floor must be positive"):
        one.decades_from(ten, floor=0.0)

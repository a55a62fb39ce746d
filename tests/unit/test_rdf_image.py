"""The image of an RDF and its sub-pixel inverse."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nanonet.data import store
from nanonet.domain import RDF
from nanonet.domain.rdf import Peak, standard_grid
from nanonet.errors import InputError, MissingDependencyError
from nanonet.paths import REFERENCE
from nanonet.representations.image import RDFImage
from tests.synthetic import NOISES, PEAKS, FloatArray, log_error, synthetic_rdf, synthetic_rdfs

#: Decades of one row.
ROW = (math.log10(300.0) + 3.0) / 63


@pytest.fixture(scope="module")
def image() -> RDFImage:
    return RDFImage()


@pytest.fixture(scope="module")
def sample() -> tuple[FloatArray, FloatArray]:
    """90 RDFs, ten of each peak and noise, and their standard errors."""
    return synthetic_rdfs(90, seed=2026)


def _peak(g: FloatArray, error: FloatArray | None = None) -> Peak:
    peak = RDF(r=standard_grid(), g=g, error=error).first_peak
    assert peak is not None
    return peak


def _centroid(image: RDFImage, pictures: FloatArray) -> FloatArray:
    """The inverse that does not do: mean row of the ink in each column."""
    ink = pictures[..., 0]
    places = np.arange(64) + 0.5
    rows = (ink * places[:, None]).sum(axis=1) / ink.sum(axis=1)
    bins = (np.arange(100) + 0.5) * 0.64
    return image.values(np.array([np.interp(bins, places, row) for row in rows]))


def test_round_trip_of_every_bin(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    g, _ = sample
    error = log_error(g, image.decode(image.encode(g)))
    assert error.max() <= 0.03
    assert np.median(error) <= 0.01


def test_round_trip_of_what_was_simulated(image: RDFImage) -> None:
    """Every record that is shipped, passed or not.

    Two bins of a flat top may change places if the simulation itself cannot tell them apart.
    """
    records = store.read(REFERENCE / "records.nc")
    flat = 0
    for index, name in enumerate(records["record"].values):
        rdf = store.rdf(records, index)
        read = image.decode(image.encode(rdf.g[None]))
        assert log_error(rdf.g[None], read)[0] <= 0.03, name
        true, after = rdf.first_peak, replace(rdf, g=read[0]).first_peak
        assert (true is None) == (after is None), name
        if true is not None and after is not None:
            if abs(after.position - true.position) > 0.05:
                there, error = (float(np.interp(after.position, rdf.r, values)) for values in (rdf.g, rdf.error))
                assert true.height - there <= error, name
                flat += 1
            assert abs(after.height / true.height - 1.0) <= 0.05, name
    assert flat <= 0.1 * len(records["record"])


def test_round_trip_of_the_first_peak(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    g, errors = sample
    decoded = image.decode(image.encode(g))
    for before, after, error in zip(g, decoded, errors, strict=True):
        true, read = _peak(before, error), _peak(after, error)
        assert abs(read.position - true.position) <= 0.05
        assert abs(read.height / true.height - 1.0) <= 0.05


@pytest.mark.parametrize("peak", PEAKS)
@pytest.mark.parametrize("D", [2.0, 3.5, 5.0])
def test_heights_are_not_biased(image: RDFImage, rng: np.random.Generator, D: float, peak: float) -> None:
    g = np.array([synthetic_rdf(rng, D=D, peak=peak) for _ in range(12)])
    ratio = image.decode(image.encode(g)).max(axis=1) / g.max(axis=1)
    assert abs(np.median(ratio) - 1.0) <= 0.01


def test_a_centroid_fails_on_the_same_images(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    g, _ = sample
    read = _centroid(image, image.encode(g))
    lost = 1.0 - read.max(axis=1) / g.max(axis=1)
    assert np.median(lost) > 0.1
    assert np.median(log_error(g, read)) > 0.03


def test_noise_of_the_sample_is_what_it_says(sample: tuple[FloatArray, FloatArray]) -> None:
    """The numbers above would be worth little on smooth curves alone."""
    g, errors = sample
    assert sorted(set(np.round((errors / np.where(g > 0, g, 1.0)).max(axis=1), 6))) == sorted(NOISES)
    assert [round(float(row.max())) for row, error in zip(g, errors, strict=True) if not error.any()][:3] == [
        3,
        20,
        100,
    ]
    assert all((row[:15] == 0).all() for row in g)


def test_picture_is_a_white_line_on_black(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    pictures = image.encode(sample[0])
    assert pictures.shape == (90, 64, 64, 1)
    assert pictures.dtype == np.float32
    assert pictures.min() == 0.0
    assert pictures.max() == 1.0
    assert 0.02 < pictures.mean() < 0.15
    assert (pictures[..., 0].max(axis=1) > 0.95).all(), "no column is without the line"


def test_axes(image: RDFImage) -> None:
    np.testing.assert_allclose(image.rows(np.array([0.0, 0.001, 300.0, 1e4])), [63.5, 63.5, 0.5, 0.5])
    flat = image.encode(np.ones((1, 100)))[0, :, :, 0]
    centre = (flat * (np.arange(64) + 0.5)[:, None]).sum(axis=0) / flat.sum(axis=0)
    np.testing.assert_allclose(centre, np.full(64, image.rows(np.array([1.0]))[0]), atol=0.05)
    np.testing.assert_allclose(flat.sum(axis=0), 33 / 16, atol=0.02)
    # x runs to the right: a step at bin 50 is in the middle, and what is higher lies above.
    step = image.encode(np.where(np.arange(100) < 50, 0.1, 10.0)[None])[0, :, :, 0]
    assert (step[:, :30].argmax(axis=0) > step[:, 34:].argmax(axis=0).max()).all()


def test_rows_and_values_are_inverse(image: RDFImage) -> None:
    g = np.geomspace(0.0012, 300.0, 50)
    np.testing.assert_allclose(image.values(image.rows(g)), g, rtol=1e-12)


def test_below_the_smallest_reads_as_zero(image: RDFImage) -> None:
    g = np.ones((1, 100))
    g[0, :30] = [0.0, 1e-9, 0.0009] * 10
    decoded = image.decode(image.encode(g))[0]
    assert (decoded[:29] == 0.0).all()
    np.testing.assert_allclose(decoded[31:], 1.0, rtol=0.06)


def test_above_the_largest_lies_on_the_top_row(image: RDFImage) -> None:
    g = np.ones((1, 100))
    g[0, 40:60] = 1e5
    np.testing.assert_allclose(image.decode(image.encode(g))[0, 42:58], 300.0, rtol=0.02)


def test_everything_empty(image: RDFImage) -> None:
    assert (image.decode(image.encode(np.zeros((2, 100)))) == 0.0).all()


@pytest.mark.parametrize("drop", [0.3, 1.0, 2.3])
def test_peak_of_a_single_bin(image: RDFImage, drop: float) -> None:
    """The narrowest thing that 100 bins can hold, at every place of a bin within a column."""
    g = np.ones((25, 100))
    for k, row in enumerate(g):
        row[30 + k] = 10.0**drop
    decoded = image.decode(image.encode(g))
    for k, row in enumerate(decoded):
        assert row.argmax() == 30 + k
        assert abs(math.log10(row[30 + k]) - drop) <= 0.03


def test_valley_is_read_like_a_peak(image: RDFImage) -> None:
    """Upside down, the picture reads upside down."""
    bump = 1.2 * np.exp(-(((np.arange(100) - 60.3) / 2.5) ** 2))
    for sign in (-1.0, 1.0):
        read = np.log10(image.decode(image.encode(10.0 ** (sign * bump)[None]))[0])
        np.testing.assert_allclose(read, sign * bump, atol=0.045)


@pytest.mark.parametrize("drop", [0.3, 1.0, 2.3])
def test_gap_of_a_single_bin(image: RDFImage, drop: float) -> None:
    g = np.ones((25, 100))
    for k, row in enumerate(g):
        row[30 + k] = 10.0**-drop
    decoded = image.decode(image.encode(g))
    for k, row in enumerate(decoded):
        assert row.argmin() == 30 + k
        assert abs(math.log10(row[30 + k]) + drop) <= 0.03


def _blurred(pictures: FloatArray, sigma: float) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(pictures, (0, sigma, sigma, 0))


def test_contrast_does_not_matter(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    pictures = image.encode(sample[0])
    np.testing.assert_allclose(image.decode(0.4 * pictures), image.decode(pictures), rtol=0.05, atol=2e-3)


@pytest.mark.parametrize(("sigma", "worst"), [(0.4, 0.05), (0.7, 0.08), (1.0, 0.12)])
def test_blurred_images_read_worse_but_not_wrong(
    image: RDFImage, sample: tuple[FloatArray, FloatArray], sigma: float, worst: float
) -> None:
    g, _ = sample
    error = log_error(g, image.decode(_blurred(image.encode(g), sigma)))
    assert np.median(error) <= worst / 2
    assert error.max() <= worst


def test_speckles_do_not_move_the_line(
    image: RDFImage, sample: tuple[FloatArray, FloatArray], rng: np.random.Generator
) -> None:
    g, _ = sample
    pictures = image.encode(g)
    noisy = np.clip(pictures + 0.03 * rng.standard_normal(pictures.shape), 0.0, 1.0)
    assert np.median(log_error(g, image.decode(noisy))) <= 0.02


def test_column_without_ink_is_bridged(image: RDFImage) -> None:
    g = np.geomspace(0.1, 10.0, 100)[None]
    pictures = image.encode(g)
    pictures[:, :, 30:33] = 0.0
    pictures[:, :, :2] = 0.0
    decoded = image.decode(pictures)[0]
    np.testing.assert_allclose(np.log10(decoded[5:]), np.log10(g[0, 5:]), atol=0.1)
    assert (decoded[:5] > 0.03).all()


def test_image_without_ink_reads_as_zero(image: RDFImage) -> None:
    assert (image.decode(np.zeros((2, 64, 64, 1))) == 0.0).all()
    assert (image.decode(np.full((2, 64, 64, 1), 0.05)) == 0.0).all()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float32, (1, 64, 64, 1), elements=st.floats(-2.0, 3.0, width=32)))
def test_any_image_reads_as_an_rdf(pictures: FloatArray) -> None:
    decoded = RDFImage().decode(pictures)
    assert np.isfinite(decoded).all()
    assert ((decoded >= 0.0) & (decoded <= 300.0)).all()


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, (2, 100), elements=st.floats(0.0, 1e6)))
def test_any_rdf_has_an_image(g: FloatArray) -> None:
    decoded = RDFImage().decode(RDFImage().encode(g))
    assert np.isfinite(decoded).all()
    assert ((decoded >= 0.0) & (decoded <= 300.0)).all()


def test_model_of_the_pen_agrees_with_the_drawing(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    g = sample[0][:12]
    drawn = image.encode(g)[..., 0]
    model = image.line.draw(image.rows(g).astype(np.float32))
    assert np.abs(model - drawn).mean() < 0.002
    assert np.abs(model - drawn).max() < 0.35


def test_channel_axis_may_be_left_out(image: RDFImage, sample: tuple[FloatArray, FloatArray]) -> None:
    pictures = image.encode(sample[0][:3])
    np.testing.assert_array_equal(image.decode(pictures[..., 0]), image.decode(pictures))


@pytest.mark.parametrize(
    "options",
    [{"size": 128}, {"n_bins": 50}, {"line_width": 3.0}, {"supersampling": 24}, {"g_min": 1e-4, "g_max": 1e4}],
)
def test_other_settings_keep_the_tolerance(options: dict[str, float]) -> None:
    g, _ = synthetic_rdfs(18, seed=3)
    g = g.reshape(18, -1, 2).mean(axis=2) if options.get("n_bins") == 50 else g
    image = RDFImage(**options)  # type: ignore[arg-type]
    assert np.median(log_error(g, image.decode(image.encode(g)))) <= 0.02


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"size": 4}, "size.*from 8 to 1024, got 4"),
        ({"size": 64.5}, "whole number.*64.5"),
        ({"n_bins": True}, "n_bins.*True"),
        ({"g_min": 0.0}, "0 < g_min < g_max, got 0.0"),
        ({"g_min": 5.0, "g_max": 1.0}, "5.0 and 1.0"),
        ({"g_max": math.inf}, "inf"),
        ({"line_width": 1.0}, "from 2 to 6 pixels, got 1.0"),
        ({"line_width": math.nan}, "nan"),
        ({"supersampling": 0}, "supersampling.*0"),
        ({"iterations": -1}, "iterations.*-1"),
    ],
)
def test_bad_settings(options: dict[str, float], received: str) -> None:
    with pytest.raises(InputError, match=received):
        RDFImage(**options)  # type: ignore[arg-type]


def test_without_pillow_it_says_what_to_install(image: RDFImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"Pillow.*pip install 'nanonet\[train\]'"):
        image.encode(np.ones((1, 100)))


def test_reading_an_image_loads_numpy_only() -> None:
    code = """
import sys
import numpy as np
from nanonet.representations.image import RDFImage
RDFImage().decode(np.zeros((1, 64, 64, 1)))
heavy = {"PIL", "scipy", "tensorflow", "keras", "sklearn", "onnxruntime", "pandas", "xarray"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

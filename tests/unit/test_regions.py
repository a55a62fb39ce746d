"""Parts of a curve: what RDFs are divided into, and how a band does in each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nanonet.band import Band, Scale
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.nanocomposite import Nanocomposite
from nanonet.data.problem import places as places_of
from nanonet.data.problem import regions
from nanonet.data.rdf_regions import NAMES, rdf_regions
from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.errors import ConfigError, DataError
from nanonet.inference import load
from nanonet.statistics import spearman
from nanonet.training.calibration import calibrate, coverage
from nanonet.training.reliability import calibration
from tests.made_up import compositions, g_of, quick_run
from tests.synthetic import synthetic_rdfs

R = standard_grid()


def _data(g: np.ndarray) -> Dataset:
    g = np.atleast_2d(g)
    return Dataset(
        inputs=Table({"x": np.arange(float(len(g)))}),
        targets=g,
        groups=np.arange(len(g)).astype(str),
        target="g",
        unit="1",
        axis=Axis("r", "sigma", tuple(R)),
    )


def _ends(mask: np.ndarray) -> tuple[float, float]:
    return round(float(R[mask][0]), 2), round(float(R[mask][-1]), 2)


def test_regions_by_hand() -> None:
    # Empty to 2.4, 0.005, 0.02, 1, 4 | 10 at 2.85, falling to 0.8 at 3.45 | then a second maximum and 1.
    g = np.ones(100)
    g[:24] = 0.0
    g[24:44] = [0.005, 0.02, 1.0, 4.0, 10.0, 8.0, 5.0, 3.0, 1.5, 0.9, 0.8, 1.0, 1.4, 2.0, 2.5, 2.0, 1.5, 1.0, 0.9, 0.9]
    found = {name: mask[0] for name, mask in rdf_regions(_data(g)).items()}
    assert tuple(found) == NAMES
    # The parabola through 4, 10, 8 is 10.25 high, so that 4 is still the edge.
    assert _ends(found["core edge"]) == (2.55, 2.75)
    assert _ends(found["first peak"]) == (2.85, 3.45)
    assert _ends(found["tail"]) == (3.55, 9.95)
    assert not found["core edge"][24]


def test_without_a_peak_the_edge_ends_at_a_half() -> None:
    g = np.where(R < 3.0, 0.0, 1.0 - np.exp(-((R - 3.0) / 0.3)))
    found = {name: mask[0] for name, mask in rdf_regions(_data(g)).items()}
    assert not found["first peak"].any()
    assert (g[found["core edge"]] < 0.5).all()
    assert _ends(found["tail"]) == (3.25, 9.95)


def test_a_late_peak_leaves_what_is_before_it_to_the_tail() -> None:
    g = np.where(R < 3.0, 0.0, 1.0) + 0.5 * np.exp(-(((R - 7.05) / 0.3) ** 2))
    found = {name: mask[0] for name, mask in rdf_regions(_data(g)).items()}
    assert not found["core edge"].any()
    assert _ends(found["first peak"]) == (6.05, 8.05)
    assert found["tail"][35]


def test_every_bin_is_in_one_part_or_in_the_empty_core() -> None:
    g, _ = synthetic_rdfs(30, seed=3)
    data = _data(np.vstack([g, [g_of(point) for point in compositions(10)], np.zeros((1, 100))]))
    found = regions(Nanocomposite(), data)
    count = np.sum(list(found.values()), axis=0)
    assert count.max() == 1
    # What is in none lies before everything else, and is empty.
    for row, own in enumerate(data.targets[:-1]):
        begin = int(np.argmax(found["tail"][row] | found["first peak"][row]))
        np.testing.assert_array_equal(count[row] == 0, (np.arange(100) < begin) & (own < 0.01))
    assert (found["first peak"][:-1].sum(axis=1) > 0).mean() > 0.9
    assert count[-1].sum() == 0
    with pytest.raises(DataError, match="curves over r"):
        rdf_regions(replace(data, targets=data.targets[:, 0], axis=None))


def test_a_problem_s_regions_are_checked() -> None:
    data = _data(np.ones((3, 100)))
    assert regions(SimpleNamespace(name="x"), data) == {}  # type: ignore[arg-type]
    whole = np.ones((3, 100), dtype=bool)
    for own, message in (({"a": whole[:2]}, r"has shape \(2, 100\)"), ({"a": whole, "b": whole}, "overlap")):
        problem: Any = SimpleNamespace(name="x", regions=lambda _, own=own: own)
        with pytest.raises(DataError, match=message):
            regions(problem, data)


def _two_parts(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Curves whose first ten bins are predicted ten times worse in every other record, which no spread tells."""
    random = np.random.default_rng(7)
    spread = random.uniform(0.05, 0.2, n)
    truth = np.exp(random.normal(0, 0.5, (n, 30)))
    truth[:, -3:] = 0.0
    bad = np.zeros((n, 30), dtype=bool)
    bad[::2, :10] = True
    predicted = truth * 10 ** (spread[:, None] * random.standard_normal((n, 30)) * np.where(bad, 10.0, 1.0))
    return predicted, truth, spread, np.array([f"g{row // 2}" for row in range(n)]), {"bad": bad, "good": ~bad}


def test_coverage_of_each_region_as_a_naive_count_has_it() -> None:
    predicted, truth, spread, groups, parts = _two_parts()
    scale = Scale(log=True)
    found = coverage(predicted, truth, spread, groups, scale, 0.9, regions=parts)
    assert found is not None
    # A band of all bins holds less of the worse ones, which the number for all bins does not tell.
    assert found.regions["bad"].inside.value < 80
    assert found.inside.value > 85
    assert found.regions["good"].inside.value > found.inside.value
    for key, used in (("", spread), ("constant_", np.ones(len(spread)))):
        for name, mask in parts.items():
            shares, widths = [], []
            for group in np.unique(groups):
                out = groups == group
                band = calibrate(predicted[~out], truth[~out], used[~out], groups[~out], scale, 0.9)
                assert band is not None
                low, high = band.around(predicted[out], used[out])
                own = []
                for row, number in enumerate(np.flatnonzero(out)):
                    where = mask[number] & (truth[number] >= 0.01)
                    if where.any():
                        true = truth[number][where]
                        own.append(100 * np.mean((low[row][where] <= true) & (true <= high[row][where])))
                        widths.append(2 * band.half_width(used[out])[row][where].mean())
                if own:
                    shares.append(np.mean(own))
            share = found.regions[name]
            assert getattr(share, f"{key}inside").value == pytest.approx(np.mean(shares))
            assert getattr(share, f"{key}width") == pytest.approx(np.mean(widths))
    # The empty bins at the end are in a region, and do not count.
    assert found.regions["good"].inside.n_groups == 20


def test_the_rank_has_an_interval() -> None:
    predicted, truth, spread, groups, parts = _two_parts()
    found = coverage(predicted, truth, spread, groups, Scale(log=True), regions=parts)
    assert found is not None
    size = np.sqrt(((Scale(log=True).to(predicted) - Scale(log=True).to(truth)) ** 2).mean(axis=1))
    assert found.rank.value == pytest.approx(spearman(spread, size))
    assert found.rank.low < found.rank.value < found.rank.high
    alike = coverage(predicted, truth, np.ones(len(spread)), groups, Scale(log=True))
    assert alike is not None
    assert alike.rank.text() == "not defined"
    assert alike.to_json()["rank"]["value"] is None
    assert alike.regions == {}


def test_a_region_without_values_is_not_defined(tmp_path: Path) -> None:
    predicted, truth, spread, groups, parts = _two_parts()
    none = {"nothing": np.zeros_like(parts["bad"]), **parts}
    found = coverage(predicted, truth, spread, groups, Scale(log=True), regions=none)
    assert found is not None
    assert found.regions["nothing"].inside.text() == "not defined"
    assert found.to_json()["regions"]["nothing"]["width"] is None
    calibration(tmp_path / "c.png", spread, found.records[2], "decades", found)
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_a_run_reports_its_regions(tmp_path: Path) -> None:
    run = quick_run(tmp_path, "representation=pca", "regressor.n_trees=5", "split=kfold", "refit=true")
    content = json.loads((run / "metrics.json").read_text())["coverage"]
    assert tuple(content["regions"]) == NAMES
    for share in (content, *content["regions"].values()):
        assert 0 < share["inside"]["value"] <= 100
        assert share["width"] > 0
        assert share["constant_width"] > 0
    card = (run / "README.md").read_text()
    assert all(f"| {name} |" in card for name in ("all", *NAMES))
    manifest = json.loads((run / "checkpoint" / "manifest.json").read_text())
    assert manifest["info"]["coverage"]["rank"] == content["rank"]


def _shifted(n: int, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Curves that are hard to predict at an edge only, which lies elsewhere in each; and where their bins lie."""
    edge = random.integers(10, 50, n)
    places = np.arange(80)[None] - edge[:, None] * 1.0
    spread = random.uniform(0.5, 1.5, n)
    truth = np.exp(random.normal(0, 0.3, (n, 80)))
    size = np.where(np.abs(places) <= 4, 0.5, 0.02) * spread[:, None]
    predicted = truth * 10 ** (size * random.standard_normal((n, 80)))
    return predicted, truth, spread, np.arange(n).astype(str), places


def test_widths_belong_to_places_where_the_problem_says_so() -> None:
    scale = Scale(log=True)
    predicted, truth, spread, groups, places = _shifted(40, np.random.default_rng(3))
    parts = {"edge": np.abs(places) <= 4, "rest": np.abs(places) > 4}
    by_bin = coverage(predicted, truth, spread, groups, scale, regions=parts)
    by_place = coverage(predicted, truth, spread, groups, scale, regions=parts, places=places)
    assert by_bin is not None
    assert by_place is not None
    assert by_bin.regions["edge"].inside.value < 80
    for share in by_place.regions.values():
        assert 85 <= share.inside.value <= 97
    # and it is no wider for that
    assert by_place.width < 0.8 * by_bin.width
    assert by_place.regions["edge"].width > 5 * by_place.regions["rest"].width


def test_a_band_by_places_is_kept_and_asks_for_them() -> None:
    predicted, truth, spread, groups, places = _shifted(40, np.random.default_rng(3))
    band = calibrate(predicted, truth, spread, groups, Scale(log=True), places=places)
    assert band is not None
    assert band.grid is not None
    again = Band.from_json(json.loads(json.dumps(band.to_json())))
    new, _, spread, _, places = _shifted(5, np.random.default_rng(4))
    for end, kept in zip(band.around(new, spread, places), again.around(new, spread, places), strict=True):
        np.testing.assert_allclose(end, kept)
    # Beyond the places that were seen the width goes on as it was.
    far = band.half_width(spread, np.full((5, 80), 1e3))
    assert np.ptp(far[0]) == 0.0
    assert far[0, 0] == pytest.approx(np.sqrt(band.offset**2 + spread[0] ** 2) * band.width[-1])
    with pytest.raises(ConfigError, match="does not say where"):
        band.around(new, spread)
    with pytest.raises(ConfigError, match="rise"):
        Band(Scale(), np.ones(2), 1.0, 0.9, grid=np.array([1.0, 1.0]))


def test_a_band_closes_in_the_core_where_no_value_counts() -> None:
    predicted, truth, spread, groups, places = _shifted(40, np.random.default_rng(3))
    empty = places < -6
    predicted, truth = (np.where(empty, 0.0, values) for values in (predicted, truth))
    band = calibrate(predicted, truth, spread, groups, Scale(log=True), places=places)
    assert band is not None
    low, high = band.around(predicted, spread, places)
    deep = places < -8
    assert deep.any()
    assert high[deep].max() < 0.011
    assert (low[deep] == 0.0).all()
    # at the edge it is as wide as it was, and holds what it promises
    edge = np.abs(places) <= 4
    whole = calibrate(*_shifted(40, np.random.default_rng(3))[:4], Scale(log=True), places=places)
    assert whole is not None
    kept = band.half_width(spread, places)[edge] / whole.half_width(spread, places)[edge]
    assert kept == pytest.approx(np.ones(kept.size), rel=0.5)
    inside = (low <= truth) & (truth <= high)
    assert 0.85 <= inside[places >= -6].mean() <= 0.97


def test_bins_of_an_rdf_lie_beyond_the_contact() -> None:
    axis = Axis("r", "sigma", tuple(R.tolist()))
    diameters = np.array([2.0, 3.0, 4.0])
    found = places_of(Nanocomposite(), Table({"D": diameters}), axis)
    assert found is not None
    assert (np.diff(found, axis=1) > 0).all()
    for row, diameter in enumerate(diameters):
        contact = 2 ** (1 / 6) * diameter
        assert np.interp(contact, R, found[row]) == pytest.approx(0.0, abs=0.03)
        # half a contact's distance inside it, and a monomer beyond it: the same place for all
        assert np.interp(0.5 * contact, R, found[row]) == pytest.approx(-1.5, abs=0.03)
        assert np.interp(contact + 1.0, R, found[row]) == pytest.approx(1.0, abs=0.03)
    assert places_of(SimpleNamespace(name="x"), Table({"D": diameters}), axis) is None  # type: ignore[arg-type]
    wrong: Any = SimpleNamespace(name="x", places=lambda *_: np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"places of x .* \(3, 100\)"):
        places_of(wrong, Table({"D": diameters}), axis)


def test_a_prediction_has_the_band_of_its_places(tmp_path: Path) -> None:
    run = quick_run(tmp_path, "representation=pca", "regressor.n_trees=5", "split=kfold", "refit=true", "figures=false")
    model = load(run / "checkpoint")
    band = model.checkpoint.band
    assert band is not None
    assert band.grid is not None
    inputs = Table({name: np.array([value]) for name, value in compositions(1, seed=5)[0].items()})
    answer = model.evaluate(inputs)
    _, spread = model.checkpoint.surrogate.predict_with_spread(inputs)
    low, high = band.around(answer.targets, spread, places_of(Nanocomposite(), inputs, answer.axis))
    np.testing.assert_allclose(answer.low, low)
    np.testing.assert_allclose(answer.high, high)

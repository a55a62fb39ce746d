"""Statistics, metrics, bands and regions: what a model is judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nanonet.band import Band, Scale
from nanonet.coverage import Coverage
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.table import Table
from nanonet.data.where import Where
from nanonet.domain.rdf import standard_grid
from nanonet.errors import CheckpointError, ConfigError, DataError
from nanonet.metrics.base import Metric
from nanonet.metrics.general import (
    AbsoluteError,
    Determination,
    LogError,
    Pooled,
    RankCorrelation,
    RootMeanSquare,
    Subset,
)
from nanonet.metrics.monotone import Falling
from nanonet.metrics.rdf import PeakFound, PeakHeight, PeakPosition, PhaseAgreement, StructureError
from nanonet.statistics import estimate, group_means, paired_difference
from nanonet.training.calibration import calibrate, coverage
from nanonet.training.noise import error_noise, replica_noise
from nanonet.training.record import score
from tests.made_up import compositions, g_of

NAMES = ("D", "N", "rho", "eps_np_np", "eps_p_np")


def _rdfs(n: int = 6) -> Dataset:
    points = compositions(n)
    return Dataset(
        inputs=Table.from_rows(points, NAMES),
        targets=np.array([g_of(point) for point in points]),
        noise=np.full((n, 100), 0.01),
        groups=np.array([f"g{i}" for i in range(n)]),
        target="g",
        unit="1",
        axis=Axis("r", "sigma", tuple(standard_grid())),
    )


def test_groups_count_once() -> None:
    groups = np.array(["a", "a", "a", "b"])
    values = np.array([1.0, 1.0, 1.0, 5.0])
    assert group_means(values, groups).tolist() == [1.0, 5.0]
    found = estimate(values, groups)
    assert found.value == 3.0
    # Of two groups no interval can be given; of five it reaches from one to the other.
    assert np.isnan([found.low, found.high]).all()
    assert found.text() == "3"
    five = estimate(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 6.0]), np.array(list("aabcde")))
    assert (five.value, five.low) == (2.0, 1.0)
    assert five.high >= 4.0


def test_undefined_values_are_counted_and_left_out() -> None:
    found = estimate(np.array([np.nan, 2.0]), np.array(["a", "b"]))
    assert (found.value, found.n_groups, found.n_asked) == (2.0, 1, 2)
    nothing = estimate(np.array([np.nan]), np.array(["a"]))
    assert nothing.text() == "not defined"
    assert nothing.to_json()["value"] is None
    assert np.isnan(type(nothing).from_json(nothing.to_json()).value)


def test_the_bootstrap_interval_covers_as_it_says() -> None:
    random = np.random.default_rng(5)
    groups = np.arange(40).astype(str)
    hits = 0
    for trial in range(100):
        found = estimate(random.normal(0, 1, 40), groups, seed=trial)
        hits += found.low <= 0 <= found.high
    assert 87 <= hits <= 99


def test_a_paired_difference_sees_what_two_intervals_hide() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(1, 0.5, 50)
    found = paired_difference(hard - 0.05, hard, np.arange(50).astype(str))
    assert found.high < 0


@pytest.mark.parametrize(
    "metric",
    [RootMeanSquare(), AbsoluteError(), LogError(), StructureError(), PeakFound(), PeakPosition(), PeakHeight(),
     PhaseAgreement()],
)  # fmt: skip
def test_a_perfect_prediction(metric: Metric) -> None:
    truth = _rdfs()
    assert isinstance(metric, Metric)
    np.testing.assert_allclose(metric.values(truth, truth.targets), 0.0 if metric.smaller_is_better else 100.0)


def test_metrics_by_hand() -> None:
    truth = _rdfs(1)
    g = truth.targets
    assert LogError().values(truth, 10 * np.maximum(g, 0.01))[0] == pytest.approx(1.0)
    assert LogError().values(truth, np.where(g < 0.01, 0.009, g))[0] == pytest.approx(0.0, abs=0.01)
    assert StructureError().values(truth, np.ones_like(g))[0] == pytest.approx(100.0)
    assert PeakHeight().values(truth, 1.1 * g)[0] == pytest.approx(10.0)
    assert PeakPosition().values(truth, np.roll(g, 2, axis=1))[0] == pytest.approx(0.2, abs=0.01)
    assert PeakFound().values(truth, np.ones_like(g))[0] == 0.0
    assert np.isnan(PeakPosition().values(truth, np.ones_like(g))[0])
    assert PhaseAgreement().values(truth, np.ones_like(g))[0] == 0.0
    with pytest.raises(ConfigError):
        LogError(floor=0.0)


def test_ripples_below_the_resolution_are_no_peak() -> None:
    truth = _rdfs(1)
    ripple = truth.targets + 0.005 * (np.arange(100) % 3 == 0)
    assert PeakPosition().values(truth, ripple)[0] < 0.02


def test_replica_noise_needs_replicas() -> None:
    truth = _rdfs(4)
    metrics = {"log_error": LogError()}
    assert replica_noise(metrics, truth) == {}
    assert replica_noise(metrics, truth.take([0, 0, 1])) == {}
    both = replace(truth, labels={"replica": truth.groups}).take([0, 0, 1])
    assert replica_noise(metrics, both)["log_error"].value == 0.0
    assert error_noise(metrics, truth)["log_error"].value > 0


def _errors(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truths and predictions whose errors in log10 grow with a known spread."""
    spread = random.uniform(0.02, 0.3, n)
    truth = np.exp(random.normal(0, 0.5, (n, 30)))
    truth[:, :5] = 0.0
    predicted = truth * 10 ** (spread[:, None] * random.standard_normal((n, 30)))
    return predicted, truth, spread, np.arange(n).astype(str)


def test_a_calibrated_band_holds_what_it_says_and_follows_the_spread() -> None:
    random = np.random.default_rng(1)
    scale = Scale(log=True, floor=0.01)
    band = calibrate(*_errors(60, random), scale, 0.9)
    assert band is not None
    predicted, truth, spread, groups = _errors(60, random)
    low, high = band.around(predicted, spread)
    counts = truth >= 0.01
    inside = ((truth >= low) & (truth <= high))[counts].mean()
    assert 0.85 <= inside <= 0.95
    assert (low <= predicted).all()
    assert (predicted <= high).all()
    found = coverage(predicted, truth, spread, groups, scale, 0.9)
    assert found is not None
    assert 85 <= found.inside.value <= 95
    assert found.width < found.constant_width
    assert found.rank.value > 0.7
    assert found.rank.low > 0.4


def test_a_spread_at_each_bin_makes_a_band_as_wide_as_each_bin_needs() -> None:
    """Records that are alike in all, of which some bins are known ten times as well: one number cannot tell."""
    random = np.random.default_rng(4)
    scale = Scale(log=True, floor=0.01)
    spread = np.where(random.random((80, 30)) < 0.5, 0.02, 0.2)
    truth = np.exp(random.normal(0, 0.5, (80, 30)))
    predicted = truth * 10 ** (spread * random.standard_normal((80, 30)))
    groups = np.arange(80).astype(str)
    found = coverage(predicted, truth, spread, groups, scale, 0.9)
    of_record = coverage(predicted, truth, np.sqrt((spread**2).mean(axis=1)), groups, scale, 0.9)
    assert found is not None
    assert of_record is not None
    assert 86 <= found.inside.value <= 94
    assert found.width < 0.8 * of_record.width
    band = calibrate(predicted, truth, spread, groups, scale, 0.9)
    assert band is not None
    low, high = band.around(predicted, spread)
    for known in (0.02, 0.2):
        here = spread == known
        assert 0.85 <= ((truth >= low) & (truth <= high))[here].mean() <= 0.97


def test_a_band_without_spread_has_one_width() -> None:
    predicted, truth, _, groups = _errors(20, np.random.default_rng(2))
    band = calibrate(predicted, truth, np.zeros(20), groups, Scale(log=True), 0.9)
    assert band is not None
    assert np.ptp(band.half_width(np.zeros(3)), axis=0).max() == 0.0
    single = calibrate(np.arange(9.0), np.arange(9.0) + 0.1, np.ones(9), groups[:9], Scale(), 0.9)
    assert single is not None
    low, high = single.around(np.array([1.0]), np.ones(1))
    assert low.shape == (1,)
    assert low[0] < 1.0 < high[0]


def test_too_few_groups_give_no_band() -> None:
    predicted, truth, spread, _ = _errors(20, np.random.default_rng(2))
    assert calibrate(predicted, truth, spread, np.array(["a", "b"] * 10), Scale(), 0.9) is None


def test_a_band_survives_the_manifest() -> None:
    band = Band(scale=Scale(log=True), width=np.array([0.1, 0.2]), offset=0.5, level=0.9)
    again = Band.from_json(band.to_json())
    np.testing.assert_array_equal(again.width, band.width)
    assert again.scale == band.scale
    with pytest.raises(CheckpointError):
        Band.from_json({**band.to_json(), "offset": -1.0})
    with pytest.raises(CheckpointError):
        Band.from_json({})


def test_the_region_has_edges_and_holes() -> None:
    inputs = Table({"a": [0.0, 0.1, 0.9, 1.0], "b": [0.0, 1.0, 0.0, 1.0]})
    x = np.column_stack([inputs["a"], inputs["b"]])
    region = Coverage.of(inputs, x, np.array(list("wxyz")))
    ask = Table({"a": [0.05, 1.2, 0.5], "b": [0.1, 0.5, 0.5]})
    inside, beyond, hole = region.outside(ask, np.column_stack([ask["a"], ask["b"]]))
    assert inside == ""
    assert "a = 1.2 is outside 0 to 1" in beyond
    assert "nearest known point is a=" in beyond
    assert hole == "" or "away" in hole
    assert not any(region.outside(inputs, x))


def test_a_lonely_record_does_not_stretch_the_region() -> None:
    x = np.concatenate([np.arange(40.0), [100.0]])[:, None]
    inputs = Table({"D": x[:, 0]})
    region = Coverage.of(inputs, x, np.arange(41).astype(str))
    assert region.reach == 1.0
    asked = np.array([[20.5], [60.0], [100.0]])
    reasons = region.outside(Table({"D": asked[:, 0]}), asked)
    assert [bool(reason) for reason in reasons] == [False, True, False]
    assert "95% of the known points have another within 1" in reasons[1]


def test_a_hole_in_the_middle_is_outside() -> None:
    ring = np.array([[np.cos(t), np.sin(t)] for t in np.linspace(0, 2 * np.pi, 40, endpoint=False)])
    inputs = Table({"a": ring[:, 0], "b": ring[:, 1]})
    region = Coverage.of(inputs, ring, np.arange(40).astype(str))
    assert "away" in region.outside(Table({"a": [0.0], "b": [0.0]}), np.zeros((1, 2)))[0]


def _numbers(n: int = 60) -> tuple[Dataset, np.ndarray]:
    random = np.random.default_rng(4)
    true = random.normal(0, 1, n)
    dataset = Dataset(
        inputs=Table({"kind": ["blend" if i % 2 else "single" for i in range(n)]}),
        targets=true,
        groups=np.array([f"g{i // 3}" for i in range(n)]),
        target="t",
        unit="1",
    )
    return dataset, true + random.normal(0, 0.5, n)


def test_numbers_of_a_set_against_other_libraries() -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import r2_score, root_mean_squared_error

    truth, predicted = _numbers()
    for metric, expected in (
        (Determination(), r2_score(truth.targets, predicted)),
        (RankCorrelation(), spearmanr(truth.targets, predicted).statistic),
        (Pooled(), root_mean_squared_error(truth.targets, predicted)),
    ):
        assert isinstance(metric, Metric)
        found = metric.estimate(truth, predicted)
        assert found.value == pytest.approx(expected)
        assert found.low < found.value < found.high
        assert found.n_groups == 20
    constant = RankCorrelation().estimate(truth, np.zeros(60))
    assert constant.text() == "not defined"


def test_a_number_of_a_set_can_be_the_mean_over_folds() -> None:
    truth, predicted = _numbers()
    folds = np.array(["x"] * 30 + ["y"] * 30)
    parts = [Determination().estimate(truth.take(folds == name), predicted[folds == name]).value for name in "xy"]
    found = Determination(over="folds").estimate(truth, predicted, folds)
    assert (found.value, found.n_groups) == (pytest.approx(np.mean(parts)), 2)
    with pytest.raises(ValueError, match="over is 'all' or 'folds', got 'both'"):
        Determination(over="both")


def test_a_paired_difference_of_a_set_is_narrower_than_its_parts() -> None:
    truth, predicted = _numbers()
    worse = predicted + 0.05 * np.sign(predicted - truth.targets)
    metric = Determination()
    apart = metric.difference(truth, worse, predicted)
    assert apart.high < 0
    alone = metric.estimate(truth, predicted)
    assert apart.high - apart.low < 0.5 * (alone.high - alone.low)


def test_a_subset_is_judged_alone() -> None:
    truth, predicted = _numbers()
    blends = Subset(Determination(), Where("kind", equal="blend"))
    rows = truth.inputs["kind"] == "blend"
    changed = np.where(rows, truth.targets, predicted)
    assert blends.estimate(truth, changed).value == 1.0
    assert np.isnan(blends.values(truth, changed)[~rows]).all()
    assert blends.difference(truth, changed, predicted).low > 0
    nothing = Subset(Determination(), Where("kind", equal="alloy")).estimate(truth, predicted)
    assert nothing.text() == "not defined"


def test_groups_without_an_answer_are_counted() -> None:
    truth, predicted = _numbers()
    predicted = np.where(truth.groups == "g0", np.nan, predicted)
    for name, found in score({"mae": AbsoluteError(), "r2": Determination()}, truth, predicted)[0].items():
        assert (found.n_groups, found.n_asked) == (19, 20), name


def test_a_region_of_many_features(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    # Fingerprints of 300 records in the span of ten patterns, the last 20 columns never used.
    x = (random.random((300, 10)) @ (random.random((10, 200)) < 0.2)).round(3)
    x[:, 180:] = 0.0
    inputs = Table({"smiles": [f"C{i}" for i in range(300)], "T": random.random(300)})
    region = Coverage.of(inputs, x, np.arange(300).astype(str))
    assert region.x.shape[1] == 33
    region.save(tmp_path / "region.npz")
    again = Coverage.load(tmp_path / "region.npz")
    assert not any(again.outside(inputs, x))
    strange = x[:1].copy()
    strange[:, 190] = 30.0
    message = again.outside(Table({"smiles": ["CX"], "T": [0.5]}), strange)[0]
    assert "away in scaled inputs" in message
    assert "smiles=C" in message


def test_records_that_look_alike_are_kept_once() -> None:
    inputs = Table({"T": [0.0, 1.0, 2.0, 2.0], "name": list("aabb")})
    region = Coverage.of(inputs, np.array([[0.0], [0.0], [1.0], [1.0]]), np.array(list("aabb")))
    assert len(region.x) == 2
    assert region.to_json() == {"T": [0.0, 2.0]}


def test_curves_that_fall_are_counted() -> None:
    # Two polymers: a with two curves of which one falls, b with one curve that rises and one record alone.
    inputs = Table(
        {
            "polymer": ["a"] * 5 + ["b"] * 3,
            "molality": [1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 3.0],
            "temperature": [20.0, 60.0, 40.0, 20.0, 30.0, 50.0, 10.0, 20.0],
        }
    )
    data = Dataset(inputs=inputs, targets=np.zeros(8), groups=np.array(list("aaaaabbb")), target="y", unit="1")
    predicted = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 6.0, 0.0])
    metric = Falling("temperature")
    assert isinstance(metric, Metric)
    values = metric.values(data, predicted)
    np.testing.assert_array_equal(values, [0, 0, 0, 100, 100, 0, 0, np.nan])
    found = metric.estimate(data, predicted)
    assert found.value == pytest.approx((40.0 + 0.0) / 2)
    # Records of two folds are no curve together.
    assert metric.estimate(data, predicted, np.array(list("xxxxyxxx"))).value == 0.0
    # Two measurements at one temperature count as their mean.
    twice = data.take([0, 1, 1])
    assert metric.estimate(twice, np.array([1.0, 0.0, 3.0])).value == 0.0
    assert metric.estimate(twice, np.array([1.0, 0.0, 1.0])).value == 100.0
    # Nothing to say where the input has one value.
    assert metric.estimate(data.take([0, 3]), predicted[[0, 3]]).text() == "not defined"
    with pytest.raises(ConfigError, match="along"):
        Falling("")
    with pytest.raises(DataError, match="no input 'colour'"):
        Falling("colour").values(data, predicted)

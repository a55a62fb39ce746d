"""Learning curves: nested subsets, the same test records, nothing learned from what was left out."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nanonet.data.dataset import Dataset
from nanonet.data.split import Fold, KFold
from nanonet.data.subset import subset_folds, training_groups
from nanonet.data.table import Table
from nanonet.domain import Composition
from nanonet.errors import ConfigError, DataError
from nanonet.evaluate import evaluate
from nanonet.metrics.general import AbsoluteError, Determination, LogError, Pooled
from nanonet.parts import build
from nanonet.statistics import ratio
from nanonet.training import learning_curve as module
from nanonet.training.crossval import cross_validate
from nanonet.training.learning_curve import check_sizes, learning_curve
from nanonet.training.noise import noise_multiple
from tests.made_up import compositions, configuration, write_records

MODELS = ("mean", "nearest", "pca_forest")


@cache
def _models() -> dict[str, Any]:
    return dict(configuration("evaluate")["comparison"]["models"])


def _model(name: str) -> dict[str, Any]:
    model: dict[str, Any] = deepcopy(_models()[name])
    model["regressor"] |= {"n_trees": 10} if "n_trees" in model["regressor"] else {}
    if "n_components" in model["representation"]:
        model["representation"]["n_components"] = 3
    return model


def _numbers(n: int = 24, groups: int = 12, replicas: bool = False) -> Dataset:
    random = np.random.default_rng(0)
    inputs = Table.from_rows(compositions(groups), Composition.names()).take(np.repeat(np.arange(groups), n // groups))
    names = np.array([f"g{row // (n // groups):02d}" for row in range(n)])
    return Dataset(
        inputs=inputs,
        targets=inputs["eps_np_np"] + 0.05 * random.normal(size=n),
        groups=names,
        labels={"replica": names} if replicas else {},
        target="y",
        unit="1",
    )


def test_subsets_are_nested_and_only_the_training_part_shrinks() -> None:
    data = _numbers()
    folds = KFold(folds=3, repeats=2).split(data, 0)
    assert training_groups(data, folds) == [8] * 6
    few, more = (subset_folds(data, folds, n, seed=1) for n in (3, 6))
    for whole, small, large in zip(folds, few, more, strict=True):
        assert (small.name, large.name) == (f"{whole.name}-n3", f"{whole.name}-n6")
        np.testing.assert_array_equal(small.test, whole.test)
        assert set(small.train) < set(large.train) < set(whole.train)
        assert len(set(data.groups[small.train])) == 3
        # All records of a group come along.
        assert np.isin(data.groups[whole.train], data.groups[small.train]).sum() == len(small.train)
    np.testing.assert_array_equal(subset_folds(data, folds, 8, seed=1)[0].train, folds[0].train)
    again, other = (subset_folds(data, folds, 3, seed)[0].train for seed in (1, 2))
    np.testing.assert_array_equal(again, few[0].train)
    assert not np.array_equal(other, few[0].train)
    # Folds are drawn independently, also where the same records are in their training parts.
    twins = [Fold(name, folds[0].train, folds[0].test) for name in ("a", "b")]
    drawn = subset_folds(data, twins, 3, seed=1)
    assert not np.array_equal(drawn[0].train, drawn[1].train)
    with pytest.raises(DataError, match="repeat0-fold0 has 8 groups to learn from, 9 were asked for"):
        subset_folds(data, folds, 9, seed=1)
    with pytest.raises(ConfigError, match="at least 1 group"):
        subset_folds(data, folds, 0, seed=1)


@pytest.mark.parametrize("sizes", [[], 20, "20", [20, 20], [0, 4], [2.5], [True], None, ["20"]])
def test_sizes_are_numbers_of_groups(sizes: Any) -> None:
    with pytest.raises(ConfigError, match="sizes are different whole numbers"):
        check_sizes(sizes)


def test_the_whole_surrogate_sees_only_the_subset(tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.nc", n=16, replicas=0)
    config = configuration("evaluate", f"dataset.path={records}")
    data = build(config["dataset"]).read()
    folds = subset_folds(data, KFold(folds=4).split(data, 0), 6, seed=0)
    recipe = _model("pca_forest")
    first = cross_validate(recipe, data, folds[:1], 0, tmp_path, label="x")[0]
    seen = np.concatenate([folds[0].train, folds[0].test])
    changed = data.targets.copy()
    changed[np.setdiff1d(np.arange(len(data)), seen)] *= 7.0
    again = cross_validate(recipe, replace(data, targets=changed), folds[:1], 0, tmp_path / "again", label="x")[0]
    np.testing.assert_array_equal(again.predicted, first.predicted)
    np.testing.assert_array_equal(again.floor, first.floor)
    # The content is the same, so that the first result would have been taken over.
    assert {file.name for file in tmp_path.glob("x-*")} == {file.name for file in (tmp_path / "again").glob("x-*")}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("curve")
    records = write_records(folder / "records.nc", n=24, replicas=8)
    fixed = [f"dataset.path={records}", f"folder={folder}", "progress=false", "split.folds=3", "~comparison.models"]
    config = configuration("evaluate", "comparison=learning_curve", *fixed, "comparison.sizes=[16,4,8,50]")
    config["metrics"] = {name: config["metrics"][name] for name in ("log_error", "phase")}
    config["comparison"] |= {
        "reference": "mean",
        "models": {name: _model(name) for name in MODELS},
    }
    return evaluate(config), config


def test_a_curve_of_rdfs(report: tuple[Path, dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    folder, config = report
    content = json.loads((folder / "results.json").read_text())
    assert list(content["sizes"]) == ["4", "8", "16"]
    assert (content["left_out_sizes"], content["most"]) == ([50], 16)
    table = (folder / "table.md").read_text()
    assert "Left out: 50 training groups; the smallest training part of a fold has 16." in table
    assert "| pca_forest | 8 |" in table
    assert "| *replicas* | - |" in table
    lines = (folder / "table.csv").read_text().splitlines()
    assert lines[0].startswith("model,training groups,log_error [decades]")
    assert lines[0].endswith("floor of log_error,log_error minus that of mean,log_error / that of replicas")
    assert len(lines) == 1 + 3 * len(MODELS) + 2
    assert (folder / "learning_curve.png").stat().st_size > 10_000
    # What can be learned is learned from more; the same compositions are judged at every size.
    scores = {size: point["scores"] for size, point in content["sizes"].items()}
    assert scores["16"]["pca_forest"]["log_error"]["value"] < 0.8 * scores["4"]["pca_forest"]["log_error"]["value"]
    assert {own["log_error"]["n_groups"] for point in scores.values() for own in point.values()} == {24}
    multiple = content["sizes"]["16"]["times_replicas"]["pca_forest"]
    expected = scores["16"]["pca_forest"]["log_error"]["value"] / content["replicas"]["log_error"]["value"]
    assert multiple["value"] == pytest.approx(expected)
    assert multiple["low"] < multiple["value"] < multiple["high"]
    # One result per model, fold and size, and none of them made again.
    kept = {file: file.stat().st_mtime_ns for file in (folder.parent / "results").iterdir()}
    assert len(kept) == 3 * 3 * len(MODELS)
    evaluate({**config, "figures": False})
    assert "50 groups: a fold has 16 to learn from" in caplog.text
    assert {file: file.stat().st_mtime_ns for file in (folder.parent / "results").iterdir()} == kept


def test_sizes_that_no_fold_has(report: tuple[Path, dict[str, Any]]) -> None:
    _, config = report
    with pytest.raises(ConfigError, match=r"sizes asks for 17, 30 training groups, and the smallest .* has 16"):
        evaluate({**config, "comparison": {**config["comparison"], "sizes": [30, 17]}})
    with pytest.raises(ConfigError, match="which this one is not"):
        evaluate({**config, "comparison": {"name": "x", "vary": {"key": "a", "values": [1]}, "sizes": [4]}})


def test_every_comparison_of_models_can_have_sizes() -> None:
    assert configuration("evaluate", "comparison=direct", "comparison.sizes=[20,40]")["comparison"]["sizes"] == [20, 40]
    assert configuration("evaluate")["comparison"]["sizes"] is None
    assert configuration("evaluate", "comparison=learning_curve")["comparison"]["sizes"] == [20, 40, 80]


def test_a_curve_of_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = _numbers()
    monkeypatch.setattr(module, "build_data", lambda _: (SimpleNamespace(name="made up"), data))
    config = configuration(
        "evaluate", "metrics=scalar", "calibration.scale.log=false", "split.folds=3", f"folder={tmp_path}",
        "progress=false",
    )  # fmt: skip
    identity = {"_target_": "nanonet.representations.transforms.Identity"}
    models = {name: _model(name) | {"representation": identity} for name in ("mean", "nearest")}
    folder = learning_curve({**config, "name": "numbers", "reference": "mean"}, models, [2, 8])
    content = json.loads((folder / "results.json").read_text())
    found = {size: point["scores"]["nearest"]["mae"]["value"] for size, point in content["sizes"].items()}
    assert found["8"] < 0.6 * found["2"]
    # Without replicas there is no multiple, and the table has a dash.
    assert content["replicas"] == {}
    assert content["sizes"]["8"]["times_replicas"]["nearest"]["value"] is None
    assert all(line.endswith(",-") for line in (folder / "table.csv").read_text().splitlines()[1:])
    assert (folder / "learning_curve.png").is_file()


def test_a_ratio_of_means_by_hand() -> None:
    groups = np.array(["a", "a", "b", "c", "d", "e", "f"])
    values = np.array([1.0, 3.0, 2.0, 4.0, 4.0, 6.0, np.nan])
    # Everywhere twice the other: the ratio is sure, although both means are not.
    found = ratio(values, groups, values / 2, groups)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2.0, 2.0))
    assert (found.n_groups, found.n_asked) == (5, 6)
    few = ratio(values, groups, np.array([1.0, 2.0]), np.array(["a", "z"]))
    assert few.value == pytest.approx(3.6 / 1.5)
    assert np.isnan(few.low)
    assert few.text() == "2.4 [5 of 6]"
    assert ratio(values, groups, np.zeros(6), groups[1:]).text() == "not defined"
    assert ratio(np.full(2, np.nan), groups[1:3], values, groups).text() == "not defined"


def test_the_interval_of_a_ratio_covers_as_it_says() -> None:
    random = np.random.default_rng(3)
    names = np.arange(60).astype(str)
    hits = 0
    for trial in range(100):
        hard = random.gamma(4.0, 0.25, 60)
        errors, noise = 3.0 * hard * random.gamma(20.0, 0.05, 60), (hard * random.gamma(20.0, 0.05, 60))[:20]
        found = ratio(errors, names, noise, names[:20], seed=trial)
        hits += found.low <= 3.0 <= found.high
    assert 86 <= hits <= 99


def test_errors_in_multiples_of_the_noise() -> None:
    data = _numbers(replicas=True)
    first, second = data.targets[::2], data.targets[1::2]
    predicted = np.repeat((first + second) / 2, 2)
    # The mean of two replicas is half as far from each as they are from one another.
    found = noise_multiple(AbsoluteError(), data, data, predicted)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    predicted[:2] = np.nan
    assert noise_multiple(AbsoluteError(), data, data, predicted).n_groups == 11
    assert noise_multiple(AbsoluteError(), data, data, np.full(24, np.nan)).n_groups == 0
    # Of a number of a set there is no such interval, and nothing to divide where larger is better.
    pooled = noise_multiple(Pooled(), data, data, data.targets + 0.1)
    assert pooled.value > 0
    assert np.isnan(pooled.low)
    assert noise_multiple(Determination(), data, data, data.targets).n_groups == 0
    assert noise_multiple(LogError(), _numbers(), _numbers(), data.targets).n_groups == 0

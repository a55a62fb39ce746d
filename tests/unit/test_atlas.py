"""Feature spaces whose rank correlation, neighbours and groups are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanonet.training.atlas as tested
from nanonet.data.dataset import Dataset
from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError
from nanonet.statistics import spearman
from nanonet.training.atlas import atlas, distances, embed, neighbours, pair_correlation

FEATURES = {
    name: {"_target_": "nanonet.features.composition.CompositionFeatures", "columns": [name]}
    for name in ("along", "noise")
}
TASK = {
    "features": FEATURES,
    "parts": {"even": {"_target_": "nanonet.data.where.Where", "column": "kind", "equal": "even"}},
    "perplexity": 10,
    "resamples": 20,
    "most": 1000,
}


def made(n: int = 60) -> Dataset:
    """A target that is one column, and has nothing to do with another; two records a group."""
    rng = np.random.default_rng(0)
    along = rng.random(n)
    return Dataset(
        inputs=Table({"along": along, "noise": rng.random(n), "kind": ["even", "odd"] * (n // 2)}),
        targets=along,
        groups=np.repeat(np.arange(n // 2), 2).astype(str),
        target="y",
        unit="m",
    )


def test_distances_are_euclidean(rng: np.random.Generator) -> None:
    x = rng.random((7, 4)) + 1000.0
    x[3] = x[5]
    plain = [np.linalg.norm(x[i] - x[j]) for i in range(7) for j in range(i + 1, 7)]
    found = distances(x)
    np.testing.assert_allclose(found, plain, atol=1e-6)
    assert (found == 0).sum() == 1


def test_pair_correlation_is_that_of_scipy_ties_and_all(rng: np.random.Generator) -> None:
    from scipy.stats import spearmanr

    x, y = rng.integers(0, 5, (40, 2)).astype(float), rng.integers(0, 6, 40).astype(float)
    first, second = np.triu_indices(40, 1)
    expected = spearmanr(distances(x), np.abs(y[first] - y[second])).statistic
    assert pair_correlation(distances(x), y, np.arange(40).astype(str), resamples=0).value == pytest.approx(expected)


def test_known_answers(rng: np.random.Generator) -> None:
    y, groups = rng.random(50), np.arange(50).astype(str)
    # A feature that is the target: pair by pair the same order. One that is constant: nothing to say.
    assert pair_correlation(distances(y[:, None]), y, groups, resamples=0).value == pytest.approx(1.0)
    assert pair_correlation(distances(np.ones((50, 3))), y, groups).n_groups == 0
    noise = pair_correlation(distances(rng.random((50, 1))), y, groups, resamples=100)
    assert noise.low < 0.0 < noise.high


def test_bootstrap_draws_groups_and_leaves_copies_out(rng: np.random.Generator) -> None:
    # Pairs of a record with its own copy would push the correlation of noise above 0.
    x, y = rng.random((30, 2)), rng.random(30)
    alone = pair_correlation(distances(x), y, np.arange(30).astype(str), resamples=100)
    assert alone.low < alone.value < alone.high
    assert abs((alone.low + alone.high) / 2 - alone.value) < 0.1
    # The same records five times over know no more than once: groups keep the interval as wide.
    many = pair_correlation(
        distances(np.repeat(x, 5, axis=0)), np.repeat(y, 5), np.repeat(np.arange(30), 5).astype(str), resamples=100
    )
    single = pair_correlation(
        distances(np.repeat(x, 5, axis=0)), np.repeat(y, 5), np.arange(150).astype(str), resamples=100
    )
    assert many.high - many.low > 1.3 * (single.high - single.low)


def test_neighbours_are_of_another_group() -> None:
    x = np.array([[0.0], [0.1], [1.0], [1.2], [5.0]])
    assert neighbours(x, np.array(["a", "a", "b", "b", "c"])).tolist() == [2, 2, 1, 1, 3]
    assert neighbours(x[:2], np.array(["a", "a"])).tolist() == [-1, -1]


def test_embedding_keeps_two_heaps_apart_and_is_seeded(rng: np.random.Generator) -> None:
    x = np.concatenate([rng.normal(0, 0.1, (20, 5)), rng.normal(9, 0.1, (20, 5))])
    place = embed(x, seed=3, perplexity=30.0)
    near = neighbours(place, np.arange(40).astype(str))
    assert ((near < 20) == (np.arange(40) < 20)).all()
    np.testing.assert_array_equal(place, embed(x, seed=3, perplexity=30.0))


def settings(folder: Path, **changes: Any) -> dict[str, Any]:
    return {"name": "lay", "seed": 0, "dataset": {}, "folder": str(folder), "figures": False, **changes}


def test_table_and_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "build_data", lambda _: (None, made()))
    folder = atlas(settings(tmp_path, figures=True), TASK)
    assert (folder / "atlas.png").stat().st_size > 10_000
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert found["all"]["along"]["pairs"]["value"] == pytest.approx(1.0)
    assert found["all"]["along"]["neighbour"]["value"] > 0.95
    assert abs(found["all"]["noise"]["pairs"]["value"]) < 0.2
    assert found["even"]["along"]["records"] == 30
    assert sum(found["even"]["noise"]["histogram"]) == 30 * 29 // 2
    table = (folder / "table.md").read_text(encoding="utf-8")
    assert "## even" in table
    assert "60 records of 30 groups" in table
    again = atlas(settings(tmp_path, name="again"), TASK)
    assert (again / "results.json").read_text() == (folder / "results.json").read_text()
    assert not (again / "atlas.png").exists()
    fewer = atlas(settings(tmp_path, name="fewer"), TASK | {"most": 20})
    assert json.loads((fewer / "results.json").read_text())["all"]["along"]["records"] == 20


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"features": {}}, "at least one features"),
        ({"perplexity": 0}, "perplexity must be positive"),
        ({"most": 2}, "most at least 3"),
        ({"parts": {"p": FEATURES["along"]}}, "must be a nanonet.data.where.Where"),
        (
            {"parts": {"p": {"_target_": "nanonet.data.where.Where", "column": "zz", "equal": 1}}},
            "no column or label 'zz'",
        ),
        (
            {"parts": {"p": {"_target_": "nanonet.data.where.Where", "column": "kind", "equal": "x"}}},
            "at least 3 records",
        ),
        ({"luck": 1}, "an atlas has the keys"),
    ],
)
def test_bad_tasks_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], complaint: str
) -> None:
    monkeypatch.setattr(tested, "build_data", lambda _: (None, made()))
    with pytest.raises((ConfigError, DataError), match=complaint):
        atlas(settings(tmp_path), TASK | change)


def test_spearman_of_the_statistics_module_agrees(rng: np.random.Generator) -> None:
    y = rng.random(30)
    x = y + 0.3 * rng.random(30)
    first, second = np.triu_indices(30, 1)
    found = pair_correlation(distances(x[:, None]), y, np.arange(30).astype(str), resamples=0).value
    assert found == pytest.approx(spearman(np.abs(x[first] - x[second]), np.abs(y[first] - y[second])))

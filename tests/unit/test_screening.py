"""Pools and their ranking, against a ranking of everything at once."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nanonet import cli, inference
from nanonet.band import Band, Scale
from nanonet.checkpoint import Checkpoint
from nanonet.coverage import Coverage
from nanonet.data.pool import FilePool, Pairs, Pool, Pooled
from nanonet.data.problem import Prediction
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError
from nanonet.features.composition import CompositionFeatures
from nanonet.inference import Predictor
from nanonet.regressors.bounded import Bounded
from nanonet.regressors.forest import Forest
from nanonet.regressors.gaussian import GaussianProcess
from nanonet.representations.transforms import Identity
from nanonet.screening import Goal, pool_of, screen
from nanonet.surrogate import Surrogate

COLUMNS = ("a1", "a2", "share")


class Mixtures:
    """A made-up problem: y is a curved function of a mixture, and each component has a y of its own."""

    name = "mixtures"

    def __init__(self, components: int = 12) -> None:
        self.components = components

    def parse(self, value: Any, numbers: Mapping[str, Any]) -> tuple[Table, bool]:
        columns = value or {name: [number] for name, number in numbers.items()}
        if set(columns) - {*COLUMNS, "y1", "y2"}:
            raise InputError(f"not known: {sorted(columns)}")
        return Table(columns), False

    def read(self) -> Any:
        raise NotImplementedError

    def present(self, prediction: Prediction) -> list[Any]:
        return prediction.targets.tolist()

    def get_config(self) -> dict[str, Any]:
        return {"components": self.components}

    def pool(self) -> Pool:
        a = np.linspace(0.0, 1.0, self.components)
        return Pairs(Table({"a": a, "y": np.sin(3.0 * a)}), (0.25, 0.5, 0.75), share="share", exceed=("y1", "y2"))


def truth(table: Table) -> np.ndarray:
    mixed = table["share"] * table["a1"] + (1.0 - table["share"]) * table["a2"]
    return np.sin(3.0 * mixed) + 0.3 * np.abs(table["a1"] - table["a2"])


def made(regressor: Any = None, banded: bool = True, log: bool = False) -> Predictor:
    rng = np.random.default_rng(0)
    inputs = Table({name: rng.random(60) for name in COLUMNS})
    targets = truth(inputs) + 0.05 * rng.standard_normal(60)
    features = CompositionFeatures(columns=COLUMNS)
    surrogate = Surrogate(features, regressor or GaussianProcess(restarts=0), Identity(lowest=None))
    surrogate.fit(inputs, targets)
    band = Band(Scale(log=log), np.array([1.3]), 0.08, 0.9) if banded else None
    coverage = Coverage.of(inputs, features.transform(inputs), np.arange(60).astype(str))
    return Predictor(Checkpoint("mixtures", surrogate, Mixtures(), coverage, band, "y", "1", None))


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return made()


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Mixtures().pool()


def test_pairs_are_all_different_and_complete(pool: Pool) -> None:
    whole = next(pool.chunks(10_000))
    assert len(pool) == whole.n_rows == 12 * 11 // 2 * 3
    a = np.linspace(0, 1, 12)
    expected = [(x, y, s) for x, y in itertools.combinations(a, 2) for s in (0.25, 0.5, 0.75)]
    np.testing.assert_allclose(np.stack([whole[name] for name in COLUMNS], axis=1), expected)
    np.testing.assert_allclose(whole["y2"], np.sin(3 * whole["a2"]))
    # In any chunks the same rows in the same order, and those by number too.
    for size in (1, 7, 50):
        parts = list(pool.chunks(size))
        assert max(part.n_rows for part in parts) <= size
        np.testing.assert_array_equal(np.concatenate([part["a2"] for part in parts]), whole["a2"])
    assert isinstance(pool, Pairs)
    np.testing.assert_array_equal(pool.rows(np.array([197, 0]))["a1"], whole["a1"][[197, 0]])


def test_as_many_blends_as_the_paper_has() -> None:
    pool = Pairs(Table({"smiles": [f"*{'C' * n}*" for n in range(1, 605)]}), (1 / 6, 3 / 6, 5 / 6))
    assert len(pool) == 546_318
    last = pool.rows(np.array([len(pool) - 1]))
    assert (len(last["smiles1"][0]), len(last["smiles2"][0])) == (605, 606)


@pytest.mark.parametrize(
    ("components", "shares", "exceed", "complaint"),
    [
        ({"a": [1.0]}, (0.5,), (), "at least 2 components and 1 share, got 1 and 1"),
        ({"a": [1.0, 2.0]}, (), (), "got 2 and 0"),
        ({"a": [1.0, 1.0]}, (0.5,), (), "got 1 twice"),
        ({"a": [1.0, 2.0]}, (0.5, 1.5), (), "from 0 to 1"),
        ({"a": [1.0, 2.0]}, (0.5,), ("a",), "the columns are a1, a2, fraction"),
    ],
)
def test_bad_pairs_are_refused(components: Any, shares: Any, exceed: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Pairs(Table(components), shares, exceed=exceed)


def reference(predictor: Predictor, table: Table, score: str) -> np.ndarray:
    """The scores by their definition, all at once."""
    targets, spread = predictor.checkpoint.surrogate.predict_with_spread(table)
    limit = np.maximum(table["y1"], table["y2"])
    if score in {"value", "gain"}:
        return targets - (limit if score == "gain" else 0.0)
    band = predictor.checkpoint.band
    assert band is not None
    u = (lambda y: np.log10(np.maximum(y, 0.01))) if band.scale.log else (lambda y: y)
    sigma = 1.3 * np.sqrt(0.08**2 + spread**2) / NormalDist().inv_cdf(0.95)
    z = (u(targets) - u(limit)) / sigma
    normal = NormalDist()
    chance = np.array([normal.cdf(value) for value in z])
    density = np.array([normal.pdf(value) for value in z])
    return chance if score == "probability" else sigma * (z * chance + density)


@pytest.mark.parametrize("score", ["value", "gain", "probability", "improvement"])
@pytest.mark.parametrize("log", [False, True])
def test_ranking_is_that_of_everything_at_once(score: str, log: bool) -> None:
    predictor, whole = made(log=log), next(Mixtures(30).pool().chunks(10_000))
    expected = reference(predictor, whole, score)
    order = np.argsort(-expected, kind="stable")[:25]
    seen: list[tuple[int, int]] = []
    found = screen(
        predictor,
        Mixtures(30).pool(),
        Goal(score=score, exceed=("y1", "y2") if score != "value" else ()),
        top=25,
        chunk=100,
        progress=lambda done, total: seen.append((done, total)),
    )
    np.testing.assert_allclose(found.scores, expected[order], rtol=1e-9)
    # Of candidates that are equal to the last digits, any may be the last.
    np.testing.assert_allclose(expected[found.number], expected[order], rtol=1e-9)
    assert len(set(found.number.tolist())) == 25
    assert (np.diff(found.scores) <= 0).all()
    assert seen[-1] == (1305, 1305)
    assert len(seen) == 14
    if score != "value":
        limits = np.maximum(whole["y1"], whole["y2"])
        np.testing.assert_allclose(found.thresholds, limits[found.number])
        assert found.above == int((predictor.checkpoint.surrogate.predict(whole) > limits).sum())


def test_spread_is_computed_only_where_it_can_matter(predictor: Predictor) -> None:
    assert isinstance(predictor.checkpoint.surrogate.regressor, Bounded)
    goal = Goal(exceed=("y1", "y2"))
    few = screen(predictor, Mixtures(30).pool(), goal, top=5, chunk=50)
    assert few.spreads < 0.7 * few.seen
    # A regressor without a bound gives the same kind of answer, with every spread computed.
    forest = made(Forest(n_trees=5, seed=1))
    assert not isinstance(forest.checkpoint.surrogate.regressor, Bounded)
    every = screen(forest, Mixtures(30).pool(), goal, top=5, chunk=50)
    assert every.spreads == every.seen


def test_largest_spread_is_one(predictor: Predictor, rng: np.random.Generator) -> None:
    process = GaussianProcess(restarts=0).fit(rng.random((30, 2)), rng.random((30, 3)))
    far = np.concatenate([rng.random((200, 2)), 100.0 * rng.random((200, 2))])
    spread = np.sqrt(process.members(far).var(axis=0).mean(axis=1))
    assert spread.max() <= process.largest_spread() * (1 + 1e-9)
    assert spread.max() > 0.99 * process.largest_spread()


def test_numbers_are_those_of_predict(predictor: Predictor, pool: Pool, tmp_path: Path) -> None:
    found = screen(predictor, pool, Goal(exceed=("y1", "y2")), top=10, chunk=13)
    again = predictor.evaluate(found.prediction.inputs)
    np.testing.assert_array_equal(found.prediction.targets, again.targets)
    np.testing.assert_array_equal(found.prediction.low, again.low)
    assert found.prediction.outside == again.outside
    found.write(tmp_path / "best.csv")
    lines = (tmp_path / "best.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "rank,candidate,a1,y1,a2,y2,share,y,y_low,y_high,threshold,probability,in_domain"
    assert len(lines) == 11
    assert lines[1].startswith("1,")


def test_only_inside_the_region(predictor: Predictor) -> None:
    class Wide(Mixtures):
        def pool(self) -> Pool:
            return Pairs(Table({"a": np.linspace(0, 3, 9), "y": np.zeros(9)}), (0.5,), share="share", exceed=("y1",))

    goal = Goal(score="gain", exceed=("y1",))
    found = screen(predictor, Wide().pool(), goal, top=40, inside=True)
    assert all(found.prediction.in_domain)
    assert found.outside + len(found) == len(Wide().pool())
    assert any("lie outside" in note for note in found.notes())
    assert not all(screen(predictor, Wide().pool(), goal, top=40).prediction.in_domain)


def test_candidates_without_a_threshold_are_counted(predictor: Predictor) -> None:
    y = np.array([0.1, np.nan, 0.2, 0.3])
    pool = Pairs(Table({"a": np.linspace(0, 1, 4), "y": y}), (0.5,), share="share")
    found = screen(predictor, pool, Goal(exceed=("y1", "y2")), top=10)
    assert (found.seen, found.unscored, len(found)) == (6, 3, 3)
    assert len(screen(predictor, pool, Goal(threshold=0.4), top=10)) == 6
    with pytest.raises(InputError, match="none of 6 candidates could be ranked"):
        screen(
            predictor,
            Pairs(Table({"a": [0.0, 0.1, 0.2, 0.3], "y": [np.nan] * 4}), (0.5,), "share"),
            Goal(exceed=("y1",)),
        )


def test_memory_does_not_grow_with_the_pool(predictor: Predictor) -> None:
    class Endless:
        exceed = ()

        def __init__(self, n: int) -> None:
            self.n = n

        def __len__(self) -> int:
            return self.n

        def chunks(self, size: int) -> Iterator[Table]:
            rng = np.random.default_rng(0)
            for start in range(0, self.n, size):
                yield Table({name: rng.random(min(size, self.n - start)) for name in COLUMNS})

    def peak(n: int) -> int:
        tracemalloc.start()
        screen(predictor, Endless(n), Goal(threshold=1.0), top=20, chunk=500)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1000)
    assert peak(20_000) < 1.2 * peak(2_000)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"score": "luck"}, "a score is one of value, gain, probability, improvement, got 'luck'"),
        ({"score": "gain"}, "needs a threshold"),
        ({"threshold": math.inf}, "finite"),
        ({"score": "value", "reduce": "median"}, "one of max, min, mean, got 'median'"),
    ],
)
def test_bad_goals_are_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Goal(**arguments)


def test_what_cannot_be_screened_says_so(predictor: Predictor, pool: Pool) -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        screen(predictor, pool, Goal(threshold=1.0), top=0)
    with pytest.raises(ConfigError, match="has no calibrated band; take the score value or gain"):
        screen(made(banded=False), pool, Goal(threshold=1.0))
    with pytest.raises(InputError, match="there is no column 'z'"):
        screen(predictor, pool, Goal(score="gain", exceed=("z",)))
    with pytest.raises(ConfigError, match="curve of 3 values; say reduce: max, min, mean"):
        Goal(score="value").values(np.zeros((2, 3)))
    assert Goal(score="value", reduce="max").values(np.array([[1.0, 3.0]])).tolist() == [3.0]

    class Shut:
        name = "shut"

    assert isinstance(Mixtures(), Pooled)
    with pytest.raises(ConfigError, match="the problem shut has no pool of its own; name a CSV file"):
        pool_of(Shut())


def test_command_with_pool_and_with_file(predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "load", lambda _: predictor)
    best = tmp_path / "best.csv"
    done = CliRunner().invoke(cli.app, ["screen", "--output", str(best), "--top", "7", "--chunk", "50"])
    assert done.exit_code == 0, done.output
    assert "198 candidates in" in done.output
    assert len(best.read_text(encoding="utf-8").splitlines()) == 8
    file = tmp_path / "pool.csv"
    rows = "\n".join(f"{a},{b},0.5,{(a + b) / 3}" for a in (0.1, 0.4, 0.8) for b in (0.2, 0.6))
    file.write_text("a1,a2,share,limit\n" + rows + "\n", encoding="utf-8")
    command = ["screen", "-o", str(best), "--pool", str(file), "--exceed", "limit", "--chunk", "4", "--top", "3"]
    assert CliRunner().invoke(cli.app, command).exit_code == 0
    assert best.read_text(encoding="utf-8").splitlines()[0].startswith("rank,candidate,a1,a2,share,limit,y,")
    with pytest.raises(InputError, match=r"must end in \.csv"):
        CliRunner().invoke(cli.app, ["screen", "-o", "best.txt"], catch_exceptions=False)
    with pytest.raises(ConfigError, match="needs a threshold"):
        CliRunner().invoke(cli.app, command[:5], catch_exceptions=False)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a1,a2\n", "at least one row"),
        ("a1,a1\n1,2\n", "names a column twice"),
        ("a1,a2,share\n0.1,0.2,0.5\n0.1,0.2\n", "candidate 1: expected 3 values, got 2"),
        ("a1,a2,part\n0.1,0.2,0.5\n", "of the candidates 0 to 0: not known"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "pool.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        list(FilePool(tmp_path / "pool.csv", Mixtures()).chunks(10))
    with pytest.raises(InputError, match="cannot be read"):
        FilePool(tmp_path / "none.csv", Mixtures())

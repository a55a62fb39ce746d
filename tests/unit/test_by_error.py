"""The virtual experiment by error, on made-up data: what is saved where there is something to save, and where not."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.acquisition import Disagreement
from nanonet.data.dataset import Dataset
from nanonet.data.split import Fold, Holdout
from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError
from nanonet.metrics.general import Determination, RootMeanSquare
from nanonet.training.active.by_error import ErrorPlan, replay_by_error, run_once
from nanonet.training.active.campaign import run
from nanonet.training.active.error_report import Curves
from nanonet.training.active.order import AsRead, Listed
from nanonet.training.active.savings import crossing, falling, saving
from nanonet.training.active.strategy import Records, Strategy
from tests.made_up import configuration, write_records

ACQUISITION = "nanonet.acquisition."
FEATURES = {"_target_": "nanonet.features.composition.CompositionFeatures", "columns": ["a", "b"]}
NUMBER = {"_target_": "nanonet.representations.transforms.Identity", "lowest": None}
NEAREST = {"_target_": "nanonet.regressors.neighbours.NearestNeighbours", "k": 2}
FOREST = {"_target_": "nanonet.regressors.forest.Forest", "n_trees": 6, "seed": None}
STRATEGIES: dict[str, dict[str, Any]] = {
    "in_order": {"acquisition": {"_target_": ACQUISITION + "InOrder"}},
    "random": {"acquisition": {"_target_": ACQUISITION + "Random"}},
    "disagreement": {"acquisition": {"_target_": ACQUISITION + "Disagreement"}},
    "farthest": {"acquisition": {"_target_": ACQUISITION + "Farthest"}},
    "both": {
        "acquisition": {"_target_": ACQUISITION + "Farthest", "of": {"_target_": ACQUISITION + "Disagreement"}},
    },
}


def model(regressor: dict[str, Any] = NEAREST) -> dict[str, Any]:
    return {"features": FEATURES, "representation": NUMBER, "regressor": regressor}


def surface(n: int, seed: int = 0, copies: int = 0) -> Dataset:
    """A smooth function of two numbers; the last ``copies`` records are nearly one of them."""
    random = np.random.default_rng(seed)
    a, b = random.random(n), random.random(n)
    if copies:
        a[-copies:] = 0.5 + 1e-3 * random.standard_normal(copies)
        b[-copies:] = 0.5 + 1e-3 * random.standard_normal(copies)
    mixed = random.permutation(n)
    a, b = a[mixed], b[mixed]
    names = tuple(f"r{row:03d}" for row in range(n))
    return Dataset(Table({"a": a, "b": b}), np.sin(5 * a) + b**2, np.array(names), "y", "1", names=names)


def plan(dataset: Dataset, repeats: int = 8, **changes: Any) -> ErrorPlan:
    values: dict[str, Any] = {
        "folds": tuple(Holdout(test=0.3, repeats=repeats).split(dataset, 0)),
        "model": model(),
        "metric": RootMeanSquare(),
        "order": AsRead(),
        "initial": 6,
        "batch": 6,
        "simulations": 36,
        "compared": (18,),
        "seed": 0,
    }
    return ErrorPlan(dataset, **values | changes)


def curves(own: ErrorPlan, *labels: str, reference: str) -> Curves:
    errors = {
        label: np.array([run_once(own, fold, STRATEGIES[label])["errors"] for fold in own.folds]) for label in labels
    }
    return Curves(np.array(own.sizes(), dtype=float), errors, reference, own.metric)


# -- what is saved, and what is not ---------------------------------------------------------------


def test_diversity_saves_simulations_where_half_the_pool_is_one_composition() -> None:
    own = plan(surface(100, copies=50))
    found = curves(own, "random", "farthest", reference="random").saving("farthest", 18)
    assert found.saved.low > 0.1
    assert found.needed.high < found.reference.value


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_nothing_is_saved_where_there_is_nothing_to_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    dataset = Dataset(
        Table({"a": random.random(60), "b": random.random(60)}),
        random.random(60),
        np.array([f"g{row}" for row in range(60)]),
        "y",
        "1",
    )
    own = plan(dataset, repeats=6, model=model(FOREST), batch=10)
    found = curves(own, *STRATEGIES, reference="in_order")
    for label in STRATEGIES:
        if label != "in_order":
            saved = found.saving(label, 26).saved
            assert saved.n_groups == 0 or saved.low <= 0


# -- one repeat -----------------------------------------------------------------------------------


def test_strategies_begin_and_end_alike_and_never_ask_what_judges() -> None:
    dataset = surface(40)
    own = plan(dataset, repeats=1, simulations=None, model=model(FOREST), batch=4)
    for fold in own.folds:
        pool = [dataset.names[row] for row in own.pool(fold)]
        results = {label: run_once(own, fold, description) for label, description in STRATEGIES.items()}
        for result in results.values():
            assert result["order"][:6] == pool[:6]
            assert sorted(result["order"]) == sorted(pool)
            assert result["sizes"] == [6, 10, 14, 18, 22, 26, 28]
            assert result["errors"][0] == results["random"]["errors"][0]
            assert result["errors"][-1] == results["random"]["errors"][-1]
        assert results["in_order"]["order"] == pool
        assert len({tuple(result["order"]) for result in results.values()}) == 5
        again = run_once(own, fold, STRATEGIES["both"])
        assert again["order"] == results["both"]["order"]
        assert again["errors"] == results["both"]["errors"]


def test_a_replica_is_no_new_candidate() -> None:
    single = surface(30)
    twice = single.take([*range(30), 3, 4])
    dataset = Dataset(
        twice.inputs,
        twice.targets,
        twice.groups,
        "y",
        "1",
        labels={"replica": twice.groups},
        names=tuple(f"n{row}" for row in range(32)),
    )
    fold = Fold("all but ten", np.array([*range(20), 30, 31]), np.arange(20, 30))
    assert plan(dataset, folds=(fold,), simulations=18).pool(fold).tolist() == list(range(20))


def test_bad_plans_are_refused() -> None:
    dataset = surface(40)
    with pytest.raises(
        DataError, match="from 6 to 36 simulations needs a pool of as many; the smallest of the 8 has 28"
    ):
        plan(dataset)
    with pytest.raises(ConfigError, match=r"above 6 \(initial\) and at most 20, got 6, 30"):
        plan(dataset, simulations=20, compared=(6, 12, 30))
    with pytest.raises(ConfigError, match="at least 2 initial"):
        plan(dataset, initial=1)


# -- savings --------------------------------------------------------------------------------------


@given(st.lists(st.floats(-5, 5).map(lambda value: round(value, 3)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_falling_is_scikit_learns_isotonic_regression(values: list[float]) -> None:
    from sklearn.isotonic import IsotonicRegression

    expected = IsotonicRegression(increasing=False).fit_transform(np.arange(len(values)), values)
    np.testing.assert_allclose(falling(np.array(values)), expected, atol=1e-9)


def test_crossings_by_hand() -> None:
    sizes = np.array([10.0, 20.0, 30.0, 40.0])
    curve = np.array([4.0, 2.0, 2.0, 1.0])
    assert crossing(sizes, curve, 3.0) == pytest.approx(15.0)
    # The curve stays on the level from 20 to 30.
    assert crossing(sizes, curve, 2.0) == pytest.approx(25.0)
    assert crossing(sizes, curve, 1.5) == pytest.approx(35.0)
    assert crossing(sizes, curve, 5.0) == 10.0
    assert crossing(sizes, curve, 1.0) == 40.0
    assert np.isnan(crossing(sizes, curve, 0.5))


def test_savings_are_what_was_put_in() -> None:
    random = np.random.default_rng(0)
    sizes = np.arange(10.0, 81.0, 10.0)
    noise = 0.01 * random.standard_normal((12, sizes.size))
    slow, fast = 10.0 / sizes + noise, 5.0 / sizes + 0.01 * random.standard_normal((12, sizes.size))
    found = saving(sizes, fast, slow, 40)
    assert found.saved.low < 0.5 < found.saved.high + 0.03
    assert found.needed.value == pytest.approx(20.0, abs=1.0)
    same = saving(sizes, slow, slow, 40)
    assert (same.saved.low, same.saved.value, same.saved.high) == (0.0, 0.0, 0.0)
    # Never as good as that: the largest number counts, and it is said.
    never = saving(sizes, slow + 1.0, slow, 40)
    assert never.missed == 1.0
    assert never.needed.value == 80.0
    assert never.saved.value < 0
    # A reference that learns nothing leaves nothing to save.
    flat = saving(sizes, fast, np.ones_like(slow) + noise, 40)
    assert flat.saved.n_groups == flat.needed.n_groups == 0


def test_a_metric_that_rises_is_turned_round() -> None:
    own = plan(surface(100, copies=50), repeats=5, metric=Determination())
    found = curves(own, "random", "farthest", reference="random")
    assert found.saving("farthest", 18).saved.low > 0
    assert found.difference("farthest")[2].value > 0
    with pytest.raises(DataError, match="not defined for random in repeat 0"):
        Curves(found.sizes, {"random": np.full((2, 6), np.nan)}, "random", own.metric)


# -- the order of a design ------------------------------------------------------------------------


def test_records_follow_the_points_of_a_design(tmp_path: Path) -> None:
    dataset, file = surface(6), tmp_path / "design.csv"
    rows = [4, 1, 5, 1]
    lines = [f"{float(dataset.inputs['a'][row])!r},{float(dataset.inputs['b'][row]) * (1 + 1e-7)!r}" for row in rows]
    file.write_text("\n".join(["a,b", *lines, "7,7"]) + "\n")
    assert Listed(str(file), ["a", "b"]).rows(dataset).tolist() == [4, 1, 5]
    replicas = dataset.take([0, 1, 1, 4])
    assert Listed(str(file), ["a", "b"]).rows(replicas).tolist() == [3, 1, 2]
    with pytest.raises(DataError, match=r"none of the 1 records is in .*design\.csv"):
        Listed(str(file), ["a", "b"]).rows(dataset.take([0]))
    with pytest.raises(DataError, match="lacks the columns c"):
        Listed(str(file), ["c"]).rows(dataset)
    with pytest.raises(DataError, match="cannot be read"):
        Listed(str(tmp_path / "none.csv"), ["a"]).rows(dataset)
    file.write_text("a,b\nx,1\n")
    with pytest.raises(DataError, match="must hold numbers"):
        Listed(str(file), ["a", "b"]).rows(dataset)
    with pytest.raises(ConfigError, match="at least one column"):
        Listed(str(file), [])


# -- the command ----------------------------------------------------------------------------------


def test_replays_go_on_and_say_the_same(tmp_path: Path) -> None:
    own = plan(surface(60), repeats=2, simulations=24)
    names = {"name": "made up", "reference": "in_order"}
    replay_by_error(own, STRATEGIES, tmp_path, **names, command="as typed")
    table = (tmp_path / "table.md").read_text()
    assert "| both |" in table
    assert "as typed" in table
    assert (tmp_path / "error.png").stat().st_size > 20_000
    with (tmp_path / "table.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["simulations"] for row in rows if row["strategy"] == "random"] == ["6", "12", "18", "24"]
    files = sorted((tmp_path / "results").rglob("*.json"))
    assert len(files) == 10
    content = json.loads((tmp_path / "results.json").read_text())
    assert rows[-1]["error"] == f"{content['mean']['both'][-1]['value']:.6g}"
    # The reference has a row in the second table, too: its number after the curve was made falling.
    second = table.split("Simulations needed")[1]
    row = next(line for line in second.splitlines() if line.startswith("| in_order |"))
    numbers = [found["reference"]["value"] for found in content["savings"]["both"]]
    shown = ["not defined" if number is None else f"{number:.1f}" for number in numbers]
    assert [cell.strip() for cell in row.split("|")[2 : 2 + len(shown)]] == shown
    before = {file: file.stat().st_mtime_ns for file in files}
    lost = json.loads(files[0].read_text())
    files[0].unlink()
    # More repeats keep those there are.
    more = plan(surface(60), repeats=3, simulations=24)
    replay_by_error(more, STRATEGIES, tmp_path, **names)
    assert {**json.loads(files[0].read_text()), "seconds": 0} == {**lost, "seconds": 0}
    assert all(file.stat().st_mtime_ns == before[file] for file in files[1:])
    assert len(list((tmp_path / "results").rglob("*.json"))) == 15
    files[1].write_text("{")
    with pytest.raises(DataError, match="delete it"):
        replay_by_error(own, STRATEGIES, tmp_path, **names)
    with pytest.raises(ConfigError, match="the strategies are"):
        replay_by_error(own, STRATEGIES, tmp_path, name="made up", reference="best")
    with pytest.raises(ConfigError, match="has the key acquisition and no other"):
        replay_by_error(own, {"in_order": {**STRATEGIES["in_order"], "learns": "find"}}, tmp_path, **names)


def test_one_command_replays_curves(tmp_path: Path) -> None:
    file = write_records(tmp_path / "records.nc", n=40)
    settings_ = (
        *("campaign=nanocomposite", f"dataset.path={file}", f"folder={tmp_path}", "replay.split.repeats=1"),
        *("batch=8", "replay.compared=[20]", "model.regressor.n_trees=4"),
    )
    config = configuration("active", *settings_)
    folder = run(config, command="as typed")
    told = (folder / "table.md").read_text()
    assert "log_error [decades] of held-out records" in told
    # Replicas of the two compositions that have them are left out of the pool.
    assert "the smallest pool has 30 candidates" in told
    for changes, complaint in (
        ({"replay": None}, "a loop needs a goal"),
        ({"replay": {"strategies": {}}}, "a replay without a goal has the keys"),
        ({"known": {"_target_": "nanonet.data.where.Where", "column": "D", "low": 0}}, "known must be null"),
        ({"replay": {**config["replay"], "metric": config["replay"]["split"]}}, "must name a metric"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            run({**config, **changes})
    design = tmp_path / "design.csv"
    design.write_text("D,N,eps_np_np,eps_p_np\n3,30,1,1\n")
    listed = configuration("active", *settings_, "sequence=listed", f"sequence.path={design}")
    with pytest.raises(DataError, match="none of the 42 records"):
        run(listed)


def test_a_strategy_without_a_goal_says_how_far_its_members_are_apart() -> None:
    dataset = surface(30)
    known = Records(dataset.inputs, dataset.targets, dataset.names)
    strategy = Strategy(Disagreement(), model(FOREST))
    belief = strategy.believe(None, known, dataset.inputs, None)
    assert belief.mean is None
    assert belief.std is not None
    assert np.ptp(belief.std) > 0
    np.testing.assert_allclose(belief.asked, belief.x)
    with pytest.raises(ConfigError, match="no find without a goal"):
        Strategy(Disagreement(), model(FOREST), learns="find").believe(None, known, dataset.inputs, None)

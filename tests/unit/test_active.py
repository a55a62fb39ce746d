"""The loop, its oracles and the virtual experiment, on made-up pools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.acquisition import Certainty, ImprovementProbability, Random
from nanonet.data.dataset import Dataset
from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError, InputError, WorkspaceLockedError
from nanonet.training.active import loop as loop_module
from nanonet.training.active.candidates import Candidates
from nanonet.training.active.goal import Above, Exceeds, finds
from nanonet.training.active.jobs import Jobs
from nanonet.training.active.loop import STATE, Loop
from nanonet.training.active.oracle import Answer, Answers, Averaged, Function, Lookup
from nanonet.training.active.replay import Plan, replay, run_once
from nanonet.training.active.strategy import Records, Strategy

FEATURES = {"_target_": "nanonet.features.composition.CompositionFeatures", "columns": ["a", "b"]}
NUMBER = {"_target_": "nanonet.representations.transforms.Identity", "lowest": None}
CLASSIFIER = {
    "features": FEATURES,
    "representation": NUMBER,
    "regressor": {"_target_": "nanonet.regressors.classifier.ForestClassifier", "n_trees": 15},
}
NEIGHBOUR = {
    "features": FEATURES,
    "representation": NUMBER,
    "regressor": {"_target_": "nanonet.regressors.neighbours.NearestNeighbours", "k": 1},
}
GOAL = Above(0.5)


def pool(n: int = 120, seed: int = 0, share: float = 0.15, planted: bool = True) -> Dataset:
    """Finds lie in one corner, or anywhere."""
    random = np.random.default_rng(seed)
    a, b = random.random(n), random.random(n)
    score = a + b if planted else random.random(n)
    target = (score >= np.quantile(score, 1 - share)).astype(float)
    names = tuple(f"p{row}" for row in range(n))
    return Dataset(Table({"a": a, "b": b}), target, np.array(names), "y", "1", names=names)


def plan(dataset: Dataset, **changes: Any) -> Plan:
    sizes = {"initial": 8, "batch": 4, "needed": 8, "repeats": 6, "seed": 0, **changes}
    return Plan(Candidates.of_dataset(dataset), dataset, None, GOAL, **sizes)


def make_loop(dataset: Dataset, folder: Path | None, oracle: Any = None, **changes: Any) -> Loop:
    settings_ = {"initial": 8, "batch": 4, "seed": 3, **changes}
    strategy = Strategy(Certainty(), CLASSIFIER, learns="find")
    return Loop(Candidates.of_dataset(dataset), oracle or Lookup(dataset), strategy, GOAL, folder=folder, **settings_)


# -- the virtual experiment -----------------------------------------------------------------------


def mean_needed(dataset: Dataset, strategy: Strategy, repeats: int) -> np.ndarray:
    own = plan(dataset, repeats=repeats)
    return np.array([run_once(own, strategy, repeat)["needed"][-1] for repeat in range(repeats)])


def test_certainty_beats_chance_where_there_is_something_to_learn() -> None:
    dataset = pool()
    certainty = mean_needed(dataset, Strategy(Certainty(), CLASSIFIER, learns="find"), 6)
    chance = mean_needed(dataset, Strategy(Random()), 6)
    assert certainty.mean() < 0.5 * chance.mean()
    assert (certainty <= chance).all()


@pytest.mark.parametrize("learns", ["find", "target"])
def test_nothing_beats_chance_where_there_is_nothing_to_learn(learns: str) -> None:
    from scipy.stats import ttest_ind

    model, acquisition = (CLASSIFIER, Certainty()) if learns == "find" else (NEIGHBOUR, ImprovementProbability())
    guided, chance = [], []
    for seed in range(5):
        dataset = pool(seed=seed, planted=False)
        guided.extend(mean_needed(dataset, Strategy(acquisition, model, learns=learns), 2))
        chance.extend(mean_needed(dataset, Strategy(Random()), 2))
    assert ttest_ind(guided, chance).pvalue > 0.01


def test_a_find_counts_at_the_end_of_its_round() -> None:
    dataset = pool()
    own = plan(dataset)
    result = run_once(own, Strategy(Random()), 0)
    truth = dict(zip(dataset.names, dataset.targets > 0.5, strict=True))
    asked = result["order"][8:]
    expected = [4 * (place // 4 + 1) for place, name in enumerate(asked) if truth[name]][:8]
    assert result["needed"] == expected
    assert len(set(result["order"])) == len(result["order"])


def test_replays_go_on_and_write_one_table(tmp_path: Path) -> None:
    own = plan(pool(n=60), needed=4, repeats=3, initial=4)
    strategies = {
        "random": {"acquisition": {"_target_": "nanonet.acquisition.Random"}},
        "certainty": {
            "acquisition": {"_target_": "nanonet.acquisition.Certainty"},
            "model": CLASSIFIER,
            "learns": "find",
        },
    }
    replay(own, strategies, tmp_path, name="made up", reference="random")
    table = (tmp_path / "table.md").read_text()
    assert "| certainty |" in table
    assert "Pool of 60 with 9 finds" in table
    assert (tmp_path / "finds.png").stat().st_size > 10_000
    files = sorted((tmp_path / "results").rglob("*.json"))
    assert len(files) == 6
    before = {file: file.stat().st_mtime_ns for file in files}
    files[0].unlink()
    replay(own, strategies, tmp_path, name="made up", reference="random")
    after = {file: file.stat().st_mtime_ns for file in files}
    assert [file for file in files if before[file] != after[file]] == [files[0]]
    # The result that was made again is the same, apart from the time it took.
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["needed"]["random"]["mean"][-1] == np.mean(content["repeats"]["random"])
    files[1].write_text("{")
    with pytest.raises(DataError, match="delete it"):
        replay(own, strategies, tmp_path, name="made up", reference="random")
    with pytest.raises(ConfigError, match="strategies are"):
        replay(own, strategies, tmp_path, name="made up", reference="best")


def test_a_plan_that_cannot_succeed_is_refused() -> None:
    with pytest.raises(DataError, match="18 finds"):
        plan(pool(), needed=15)
    with pytest.raises(ConfigError, match="repeats"):
        plan(pool(), repeats=0)


# -- the loop -------------------------------------------------------------------------------------


class Counting:
    """An oracle that keeps count of what it was asked, and may fall over."""

    def __init__(self, dataset: Dataset) -> None:
        self.truth, self.asked = Lookup(dataset), []
        self.fail_before = self.fail_after = -1
        self.calls = 0

    def label(self, candidates: Candidates) -> Answers:
        self.calls += 1
        if self.calls == self.fail_before:
            raise OSError("killed before")
        self.asked += candidates.names
        if self.calls == self.fail_after:
            raise OSError("killed after")
        return self.truth.label(candidates)


def final_state(folder: Path) -> Any:
    return json.loads((folder / STATE).read_text())


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_loop_killed_in_the_oracle_goes_on_the_same(tmp_path: Path, place: str, number: int) -> None:
    dataset = pool(n=40)
    make_loop(dataset, tmp_path / "whole").run(simulations=16)
    oracle = Counting(dataset)
    setattr(oracle, f"fail_{place}", number)
    with pytest.raises(OSError, match="killed"):
        make_loop(dataset, tmp_path / "killed", oracle).run(simulations=16)
    make_loop(dataset, tmp_path / "killed", oracle).run(simulations=16)
    assert final_state(tmp_path / "killed") == final_state(tmp_path / "whole")


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("half", [True, False], ids=["before the write", "after the write"])
def test_a_loop_killed_at_any_write_goes_on_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, half: bool
) -> None:
    dataset = pool(n=40)
    make_loop(dataset, tmp_path / "whole").run(simulations=12)
    write, calls = loop_module.write_json, [0]

    def failing(file: Path, content: Any) -> None:
        calls[0] += 1
        if calls[0] == number and half:
            raise KeyboardInterrupt
        write(file, content)
        if calls[0] == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop_module, "write_json", failing)
    with pytest.raises(KeyboardInterrupt):
        make_loop(dataset, tmp_path / "killed").run(simulations=12)
    make_loop(dataset, tmp_path / "killed").run(simulations=12)
    assert final_state(tmp_path / "killed") == final_state(tmp_path / "whole")


def test_no_candidate_is_proposed_twice_and_all_are_in_the_end() -> None:
    dataset = pool(n=30)
    oracle = Counting(dataset)
    progress = make_loop(dataset, None, oracle).run()
    assert sorted(oracle.asked) == sorted(dataset.names)
    assert len(oracle.asked) == len(set(oracle.asked))
    assert (progress.open, progress.pending, progress.simulations) == (0, (), 22)


def fill_in(folder: Path, value: Callable[[dict], float], limit: int | None = None) -> None:
    for file in sorted(folder.glob("*.json"))[:limit]:
        content = json.loads(file.read_text())
        if content["target"] is None:
            content["target"] = value(content["inputs"])
            file.write_text(json.dumps(content))


def test_a_loop_waits_for_a_folder_of_jobs_and_goes_on(tmp_path: Path) -> None:
    dataset = pool(n=40)

    def fresh() -> Loop:
        return make_loop(dataset, tmp_path / "state", Jobs(tmp_path / "jobs"), initial=4)

    assert len(fresh().run().pending) == 4
    fill_in(tmp_path / "jobs", lambda _: True, limit=2)
    # True is no number: refused by name, and nothing is lost.
    with pytest.raises(DataError, match="target is True, expected the target as a finite number"):
        fresh().run()
    for file in (tmp_path / "jobs").glob("*.json"):
        file.write_text(file.read_text().replace("true", "0.0"))
    assert len(fresh().run().pending) == 2
    fill_in(tmp_path / "jobs", lambda inputs: float(inputs["a"] + inputs["b"] > 1.5))
    progress = fresh().run()
    assert (progress.rounds, len(progress.pending), progress.simulations) == (1, 4, 4)
    # A stop that is reached is seen before anything new is asked.
    fill_in(tmp_path / "jobs", lambda _: 1.0)
    progress = fresh().run(finds_wanted=1)
    assert (progress.rounds, len(progress.finds), progress.needed) == (1, 4, (4, 4, 4, 4))


def test_a_candidate_that_failed_is_not_asked_again(tmp_path: Path) -> None:
    dataset = pool(n=12)
    answers = {"p3": Answer(None, failed="did not converge")}

    class Failing:
        def label(self, candidates: Candidates) -> Answers:
            return {name: answers.get(name, Answer(0.0)) for name in candidates.names}

    progress = make_loop(dataset, None, Failing()).run()
    assert progress.failed == ("p3",)
    assert progress.open == 0


def test_answers_may_know_the_inputs_better() -> None:
    inputs = Table({"a": [0.1, 0.2], "b": [0.3, 0.3], "least": [0.5, 0.5]})
    candidates = Candidates(("u", "v"), inputs)

    class Better:
        def label(self, asked: Candidates) -> Answers:
            return {name: Answer(0.6, 0.01, {"least": 0.7} if name == "u" else {}) for name in asked.names}

    loop = Loop(candidates, Better(), Strategy(Random()), Exceeds(["least"]), initial=0, batch=2)
    assert loop.run().finds == ("v",)


def test_a_loop_refuses_what_does_not_fit(tmp_path: Path) -> None:
    dataset = pool(n=20)
    make_loop(dataset, tmp_path).run(simulations=4)
    with pytest.raises(ConfigError, match="give another folder"):
        make_loop(dataset, tmp_path, seed=4)
    with pytest.raises(ConfigError, match="no candidate here"):
        make_loop(pool(n=6), tmp_path)
    (tmp_path / STATE).write_text("{")
    with pytest.raises(DataError, match="not the state of a loop"):
        make_loop(dataset, tmp_path)
    with pytest.raises(ConfigError, match="something to learn from"):
        make_loop(dataset, None, initial=0)
    with pytest.raises(ConfigError, match="batch"):
        make_loop(dataset, None, batch=0)


def test_two_loops_in_one_folder_are_refused(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system has no file locks")
    loop = make_loop(pool(n=20), tmp_path)
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(WorkspaceLockedError, match="another process"):
            loop.run()


# -- goals, strategies, answers -------------------------------------------------------------------


def test_goals() -> None:
    table = Table({"t1": [0.2, 0.4], "t2": [0.3, 0.1], "name": ["u", "v"]})
    assert Exceeds(["t1", "t2"], 0.05).threshold(table).tolist() == pytest.approx([0.35, 0.45])
    assert finds(Exceeds(["t1", "t2"]), table, np.array([0.3, 0.41])).tolist() == [False, True]
    with pytest.raises(DataError, match="candidate 1 lacks"):
        Exceeds(["t1"]).threshold(Table({"t1": [0.2, float("nan")]}))
    with pytest.raises(DataError, match="no numeric input"):
        Exceeds(["name"]).threshold(table)
    with pytest.raises(ConfigError, match="at least one"):
        Exceeds([])


def test_a_strategy_learns_from_what_it_is_told() -> None:
    dataset = pool(n=40)
    known = Records(dataset.inputs, dataset.targets, dataset.names)
    half = Records(dataset.inputs.take(slice(0, 20)), dataset.targets[:20], dataset.names[:20])
    for source, expected in (("all", 40), ("known", 20), ("answers", 40)):
        strategy = Strategy(ImprovementProbability(), NEIGHBOUR, source=source)
        belief = strategy.believe(half, known, dataset.inputs, GOAL)
        exact = np.isclose(belief.mean, dataset.targets)
        assert exact[:20].all()
        assert exact.all() == (expected == 40) or exact.mean() > 0.5
    with pytest.raises(ConfigError, match="no records to learn from"):
        Strategy(ImprovementProbability(), NEIGHBOUR, source="known").believe(None, known, dataset.inputs, GOAL)
    with pytest.raises(ConfigError, match="looks at a model"):
        Strategy(Certainty())
    with pytest.raises(ConfigError, match="learns target or find"):
        Strategy(Random(), learns="curves")
    with pytest.raises(ConfigError, match="has the keys"):
        Strategy.from_config({"acquisition": {"_target_": "nanonet.acquisition.Random"}, "goal": 1})


@given(
    text=st.one_of(
        st.text(max_size=30),
        st.sampled_from(["null", "[]", "3", '{"job": "u"}', '{"job": "u", "inputs": {"a": 1.0}, "target": "0.4"}']),
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_stands_in_a_job_it_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("jobs")
    (folder / "u.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"u\.json"):
        Jobs(folder).label(Candidates(("u",), Table({"a": [1.0]})))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"target": 7.0}, r"target is 7\.0, expected TC \[W/m/K\] as a finite number from 0 up to 2"),
        ({"target": 0.4, "error": -1}, "error is -1, expected a standard error"),
        ({"target": 0.4, "failed": "no"}, "failed must be a text"),
        ({"failed": True}, "failed must be a text"),
        ({"target": 0.4, "inputs": {"a": 2.0}}, "must not be changed"),
        ({"target": 0.4, "tc": 3}, "not known: tc"),
        ({"target": float("nan")}, "target is nan"),
    ],
)
def test_an_answer_that_is_none_is_refused(tmp_path: Path, change: dict, complaint: str) -> None:
    jobs, one = Jobs(tmp_path, "TC [W/m/K]", low=0, high=2), Candidates(("u",), Table({"a": [1.0]}))
    assert jobs.label(one) == {}
    file = tmp_path / "u.json"
    empty = json.loads(file.read_text())
    assert "TC [W/m/K]" in empty["please"]
    file.write_text(json.dumps(empty | change))
    with pytest.raises(DataError, match=complaint):
        jobs.label(one)
    file.write_text(json.dumps(empty | {"target": 0.4, "error": 0.02}))
    assert jobs.label(one) == {"u": Answer(0.4, 0.02)}
    file.write_text(json.dumps(empty | {"failed": "too large"}))
    assert jobs.label(one) == {"u": Answer(None, failed="too large")}


def test_bad_settings_of_oracles(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must rise"):
        Jobs(tmp_path, low=1, high=0)
    with pytest.raises(ConfigError, match="needs a name"):
        Jobs(" ")
    with pytest.raises(ConfigError, match="letters, digits"):
        Jobs(tmp_path).label(Candidates(("../u",), Table({"a": [1.0]})))
    with pytest.raises(ConfigError, match="2 structures"):
        Averaged(Jobs(tmp_path), structures=1)
    with pytest.raises(ConfigError, match="a constituent copies 'c'"):
        Averaged(Jobs(tmp_path), 2, {"a": {"a": "c"}}).label(Candidates(("u",), Table({"a": [1.0]})))
    with pytest.raises(DataError, match="no record 'w'"):
        Lookup(pool(n=4)).label(Candidates(("w",), Table({"a": [1.0]})))
    with pytest.raises(InputError, match="finite"):
        Function(lambda _: float("nan"), tmp_path).label(Candidates(("u",), Table({"a": [1.0]})))
    with pytest.raises(InputError, match="occurs twice"):
        Candidates(("u", "u"), Table({"a": [1.0, 2.0]}))


def test_an_average_says_its_error_and_asks_a_shared_constituent_once(tmp_path: Path) -> None:
    inputs = Table({"s1": ["A", "A"], "s2": ["B", "C"], "t1": [1.0, 1.0], "w": [0.2, 0.2]})
    candidates = Candidates.of_table(inputs)
    rule = {"t1": {"s2": "s1", "w": 0.5}}
    oracle = Averaged(Jobs(tmp_path), 3, rule)
    assert oracle.label(candidates) == {}
    files = sorted(tmp_path.glob("*.json"))
    # Two candidates and the one constituent that they share, three structures each.
    assert len(files) == 9
    for number, file in enumerate(files):
        content = json.loads(file.read_text())
        alone = content["inputs"]["s1"] == content["inputs"]["s2"]
        content["target"] = (5.0 if alone else 2.0) + 0.3 * (number % 3)
        file.write_text(json.dumps(content))
    answers = oracle.label(candidates)
    for answer in answers.values():
        assert answer.target == pytest.approx(2.3)
        assert answer.error == pytest.approx(0.3 / np.sqrt(3))
        assert answer.inputs["t1"] == pytest.approx(5.3)


def test_an_average_with_too_few_structures_fails_with_the_reason(tmp_path: Path) -> None:
    class Half:
        def label(self, candidates: Candidates) -> Answers:
            good = {name: Answer(1.0) for name in candidates.names}
            return good | {name: Answer(None, failed="burst") for name in candidates.names if not name.endswith("#0")}

    answers = Averaged(Half(), 3).label(Candidates(("u",), Table({"a": [1.0]})))
    assert answers["u"].failed == "1 of 3 structures have a value: burst"


# -- campaigns from configuration -----------------------------------------------------------------

HEADER = "PID1,PID2,SMILES1,SMILES2,ratio,Comp1_TC,Comp2_TC,TC_mean,TC_std,outperform,weight"


def blend_file(file: Path) -> Path:
    """Six polymers alone, and their pairs; a pair beats both when its number is even."""
    chains = ["*CC*", "*CCO*", "*CCCO*", "*CC(*)C", "*CC(*)O", "*CCN*"]
    tc = [0.2, 0.25, 0.3, 0.22, 0.28, 0.35]
    rows = []
    for first in range(6):
        for second in range(first, 6):
            alone = first == second
            better = not alone and (first + second) % 2 == 0
            value = tc[first] if alone else max(tc[first], tc[second]) + (0.05 if better else -0.05)
            rows.append(
                f"P{first},P{second},{chains[first]},{chains[second]},1.0,{tc[first]},{tc[second]},{value:.3f},"
                f"{'' if alone else 0.02},{int(better)},3"
            )
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    return file


@pytest.fixture
def blend_csv(need: Callable, tmp_path: Path) -> Path:
    need("rdkit", "pip install 'nanonet[chem]'")
    return blend_file(tmp_path / "blends.csv")


def configured(*overrides: str) -> dict[str, Any]:
    from tests.made_up import configuration

    return configuration("active", *overrides)


QUICK = (
    "~replay.strategies.uncertainty",
    "~replay.strategies.balanced",
    "~replay.strategies.certainty",
    "~replay.strategies.certainty_blends",
    "~replay.strategies.gaussian",
    "~replay.strategies.mixture",
    "~replay.strategies.mixture_expected",
    "~replay.strategies.mixture_diverse",
    "~replay.strategies.mixture_singles",
)


def test_one_command_replays(blend_csv: Path, tmp_path: Path) -> None:
    from nanonet.training.active.campaign import run

    sizes = ("initial=2", "batch=1", "replay.needed=3", "replay.repeats=2", "replay.reference=random")
    condition = {"_target_": "nanonet.data.where.Where", "column": "kind"}
    config = configured(
        f"dataset.path={blend_csv}",
        f"folder={tmp_path}",
        *sizes,
        *QUICK,
    )
    config |= {"pool": {**condition, "equal": "blend"}, "known": {**condition, "equal": "single"}}
    folder = run(config, command="as typed")
    assert "as typed" in (folder / "table.md").read_text()
    assert "6 records known" in (folder / "table.md").read_text()
    with pytest.raises(ConfigError, match="picks none"):
        run({**config, "pool": {**condition, "equal": "alloy"}})
    with pytest.raises(ConfigError, match="replay has the keys"):
        run({**config, "replay": {"needed": 3}})


@pytest.mark.parametrize("campaign", ["blend_tc_search", "blend_tc_validation"])
def test_one_command_asks_waits_and_goes_on(blend_csv: Path, tmp_path: Path, campaign: str) -> None:
    from nanonet.training.active.campaign import run

    pool_file = tmp_path / "pool.csv"
    pool_file.write_text("smiles1,smiles2,fraction,tc1,tc2\n*CC*,*CCO*,0.2,0.2,0.25\n*CC*,*CCN*,0.2,0.2,0.35\n")
    config = configured(
        f"campaign={campaign}",
        f"candidates={pool_file}",
        f"dataset.path={blend_csv}",
        f"folder={tmp_path / 'runs'}",
        "batch=2",
        "stop.simulations=2",
    )
    config["model"]["features"] = {
        "_target_": "nanonet.features.composition.CompositionFeatures",
        "columns": ["tc1", "tc2", "fraction"],
    }
    folder = run(config)
    jobs = sorted((folder / "jobs").glob("*.json"))
    # Two blends; with validation also their three different constituents; three structures each.
    assert len(jobs) == (2 if campaign == "blend_tc_search" else 15)
    for file in jobs:
        content = json.loads(file.read_text())
        alone = content["inputs"]["smiles1"] == content["inputs"]["smiles2"]
        content["target"] = 0.2 if alone else 0.3
        file.write_text(json.dumps(content))
    run(config)
    lines = (folder / "answers.csv").read_text().splitlines()
    assert lines[0] == "candidate,smiles1,smiles2,fraction,tc1,tc2,target,threshold,find"
    # By the recorded 0.35 one of them is no find; by its constituents' own new values it is.
    finds_ = sum(int(line.rsplit(",", 1)[1]) for line in lines[1:])
    assert finds_ == (1 if campaign == "blend_tc_search" else 2)
    assert len(list((folder / "jobs").glob("*.json"))) == len(jobs)

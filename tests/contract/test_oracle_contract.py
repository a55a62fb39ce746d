"""Every oracle keeps the contract of nanonet.training.active.oracle: it never works twice, and survives a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nanonet.data.dataset import Dataset
from nanonet.data.table import Table
from nanonet.parts import build
from nanonet.paths import CONF
from nanonet.training.active.candidates import Candidates
from nanonet.training.active.jobs import Jobs
from nanonet.training.active.oracle import Averaged, Function, Lookup, Oracle

INPUTS = Table({"a": [0.1, 0.2, 0.3, 0.4], "b": [1.0, 2.0, 3.0, 4.0], "kind": ["x", "y", "x", "y"]})
CANDIDATES = Candidates.of_table(INPUTS)
TRUTH = {name: row["a"] + row["b"] for name, row in zip(CANDIDATES.names, CANDIDATES.inputs.rows(), strict=True)}


@dataclass
class Subject:
    """An oracle that can be made again on the same folder, and how work is done for it."""

    make: Callable[[], Oracle]
    #: Does the work that was asked for; returns how much there was.
    work: Callable[[], int]
    #: Work done so far, in jobs.
    done: Callable[[], int]


def _lookup(folder: Path) -> Subject:
    values = np.array([TRUTH[name] for name in CANDIDATES.names])
    groups = np.array(CANDIDATES.names)
    dataset = Dataset(CANDIDATES.inputs, values, groups, "y", "1", names=CANDIDATES.names)
    return Subject(lambda: Lookup(dataset), lambda: 0, lambda: 0)


def _function(folder: Path) -> Subject:
    calls: list[dict] = []

    def work(inputs: dict) -> float:
        calls.append(dict(inputs))
        return inputs["a"] + inputs["b"]

    return Subject(lambda: Function(work, folder), lambda: 0, lambda: len(calls))


def _answer_jobs(folder: Path) -> int:
    """Fill in every empty job; the answer of a structure has a scatter that averages out."""
    count = 0
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text())
        if content["target"] is None:
            _, _, number = content["job"].partition("#")
            scatter = {"": 0.0, "0": -0.01, "1": 0.0, "2": 0.01}[number]
            content["target"] = content["inputs"]["a"] + content["inputs"]["b"] + scatter
            file.write_text(json.dumps(content))
            count += 1
    return count


def _jobs(folder: Path, wrap: Callable[[Oracle], Oracle] = lambda oracle: oracle) -> Subject:
    total = [0]

    def work() -> int:
        new = _answer_jobs(folder)
        total[0] += new
        return new

    return Subject(lambda: wrap(Jobs(folder, "y [1]", low=0, high=100)), work, lambda: total[0])


def _averaged(folder: Path) -> Subject:
    return _jobs(folder, lambda oracle: Averaged(oracle, structures=3))


def _with_constituents(folder: Path) -> Subject:
    # The constituent's own a is b of the candidate.
    return _jobs(folder, lambda oracle: Averaged(oracle, 3, {"b": {"a": "b", "b": 0.0, "kind": "kind"}}))


def _from_conf(name: str) -> Callable[[Path], Subject]:
    def made(folder: Path) -> Subject:
        with initialize_config_dir(str(CONF), version_base=None):
            composed = compose("active", overrides=[f"oracle={name}", f"folder={folder}", "name=test"])
        config = OmegaConf.to_container(composed, resolve=True)["oracle"]  # type: ignore[index, call-overload]
        subject = _jobs(folder / "test" / "jobs")
        return Subject(lambda: build(config), subject.work, subject.done)

    return made


SUBJECTS = {
    "table": _lookup,
    "function": _function,
    "folder of jobs": _jobs,
    "average": _averaged,
    "average with constituents": _with_constituents,
    **{f"conf/{path.stem}": _from_conf(path.stem) for path in sorted((CONF / "oracle").glob("*.yaml"))},
}


@pytest.fixture(params=SUBJECTS.values(), ids=SUBJECTS.keys())
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    made: Subject = request.param(tmp_path)
    return made


def test_is_an_oracle(subject: Subject) -> None:
    assert isinstance(subject.make(), Oracle)


def test_answers_what_is_asked_and_nothing_else(subject: Subject) -> None:
    part = CANDIDATES.take([2, 0])
    subject.make().label(part)
    subject.work()
    answers = subject.make().label(part)
    assert set(answers) == set(part.names)
    for name, answer in answers.items():
        assert answer.target == pytest.approx(TRUTH[name], abs=1e-12)


def test_never_works_twice(subject: Subject) -> None:
    oracle = subject.make()
    first = oracle.label(CANDIDATES)
    subject.work()
    known, spent = oracle.label(CANDIDATES), subject.done()
    assert set(first) <= set(known) == set(CANDIDATES.names)
    assert oracle.label(CANDIDATES.take([3, 1])) == {name: known[name] for name in CANDIDATES.take([3, 1]).names}
    subject.work()
    assert subject.done() == spent


def test_survives_a_restart_before_and_after_the_answers(subject: Subject) -> None:
    subject.make().label(CANDIDATES.take([0, 1]))
    subject.make().label(CANDIDATES.take([0, 1, 2]))
    subject.work()
    known, spent = subject.make().label(CANDIDATES.take([0, 1, 2])), subject.done()
    assert len(known) == 3
    assert subject.make().label(CANDIDATES.take([0, 1, 2])) == known
    subject.work()
    assert subject.done() == spent

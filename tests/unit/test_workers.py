"""Models fitted in several processes."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.errors import ConfigError, InputError, MissingDependencyError
from nanonet.networks.fit import _Bar, current, session
from nanonet.parts import build
from nanonet.training import crossval
from nanonet.training.crossval import cross_validate, fit_ahead
from nanonet.training.workers import THREADS, check_workers, in_processes
from tests.made_up import configuration, write_records

log = logging.getLogger("nanonet.tests")


@dataclass(frozen=True)
class Write:
    """A task that says where it ran."""

    file: Path
    fail: bool = False
    seconds: float = 0.0

    def __call__(self) -> None:
        time.sleep(self.seconds)
        if self.fail:
            raise InputError("a task that fails")
        log.info("written by a worker")
        self.file.write_text(f"{os.getpid()} {os.environ[THREADS[0]]}")


def test_processes_share_the_cores(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(THREADS[0], raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    before = dict(os.environ)
    files = [tmp_path / name for name in "abc"]
    with caplog.at_level(logging.INFO):
        in_processes([Write(file) for file in files], 2, ["a", "b", "c"])
    assert dict(os.environ) == before
    found = [file.read_text().split() for file in files]
    assert all(int(pid) != os.getpid() for pid, _ in found)
    assert {threads for _, threads in found} == {"4"}
    assert caplog.text.count("written by a worker") == 3
    assert "done, 3 of 3; about 0 min left" in caplog.text


def test_a_number_of_threads_that_was_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS[0], "3")
    in_processes([Write(tmp_path / "a")], 2, ["a"])
    assert (tmp_path / "a").read_text().split()[1] == "3"
    assert os.environ[THREADS[0]] == "3"


def test_what_a_task_raises_comes_back(tmp_path: Path) -> None:
    tasks = [Write(tmp_path / "a"), Write(tmp_path / "b", fail=True)]
    tasks += [Write(tmp_path / f"late{number}", seconds=0.5) for number in range(20)]
    with pytest.raises(InputError, match="a task that fails"):
        in_processes(tasks, 2, [str(number) for number in range(22)])
    assert (tmp_path / "a").is_file()
    # What had not begun is left.
    assert len(list(tmp_path.glob("late*"))) < 20
    in_processes([], 2, [])


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2", None])
def test_no_number_of_workers(workers: Any) -> None:
    with pytest.raises(ConfigError, match="workers is a number of processes, at least 1"):
        check_workers(workers)


def test_the_same_results_as_one_after_the_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = write_records(tmp_path / "records.nc", n=24)
    small = ("regressor=dense_ensemble", "representation=cavity", "regressor.fit.epochs=3", "regressor.n_members=2")
    config = configuration("train", "+experiment=nanonet", f"dataset.path={records}", "representation=pca")
    networks = configuration("train", "+experiment=nanonet", f"dataset.path={records}", *small)
    dataset = build(config["dataset"]).read()
    folds = build({"_target_": "nanonet.data.split.KFold", "folds": 2}).split(dataset, 0)
    names = ("features", "representation", "regressor")
    recipes = {"forest": {name: config[name] for name in names}, "networks": {name: networks[name] for name in names}}
    with caplog.at_level(logging.INFO), session(tmp_path / "networks", progress=True):
        fit_ahead(recipes, dataset, folds, 0, tmp_path / "ahead", 2)
        assert current() is not None
    # Lines, no bars: several processes share the terminal; and each line says which fold it is of.
    assert "networks, repeat0-fold1: dense-ensemble: epoch 3 of 3" in caplog.text
    # Networks keep their state where the session says.
    assert len(list((tmp_path / "networks").iterdir())) == 2
    made = sorted(file.name for file in (tmp_path / "ahead").iterdir())
    assert len(made) == 4
    # Nothing is left to do.
    caplog.clear()
    with caplog.at_level(logging.INFO):
        fit_ahead(recipes, dataset, folds, 0, tmp_path / "ahead", 2)
        ahead = {
            name: cross_validate(recipe, dataset, folds, 0, tmp_path / "ahead", label=name)
            for name, recipe in recipes.items()
        }
    assert not caplog.text
    for name, results in ahead.items():
        alone = cross_validate(recipes[name], dataset, folds, 0, tmp_path / "alone", label=name)
        for one, other in zip(results, alone, strict=True):
            # Another number of threads adds in another order.
            np.testing.assert_allclose(one.predicted, other.predicted, rtol=1e-4, atol=1e-6)
    assert sorted(file.name for file in (tmp_path / "alone").iterdir()) == made
    # One worker does nothing ahead.
    fit_ahead(recipes, dataset, folds, 0, tmp_path / "nothing", 1)
    assert not (tmp_path / "nothing").exists()


def test_a_missing_package_is_left_to_whoever_reads_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = write_records(tmp_path / "records.nc", n=12)
    dataset = build(configuration("train", "+experiment=nanonet", f"dataset.path={records}")["dataset"]).read()
    fold = build({"_target_": "nanonet.data.split.KFold", "folds": 2}).split(dataset, 0)[0]

    def absent(*_: Any) -> None:
        raise MissingDependencyError("needs a package that is not installed")

    monkeypatch.setattr(crossval, "run_fold", absent)
    task = crossval.FoldTask("x", {}, dataset, fold, 0, tmp_path)
    task()
    with pytest.raises(MissingDependencyError):
        task.run()
    # A damaged result is made again.
    task.file.write_bytes(b"nothing")
    assert task.known() is None


def test_a_fit_that_shares_the_terminal_writes_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert _Bar("x", 10, 0, lines=True).progress is None
    alone = _Bar("x", 10, 0, lines=False)
    assert alone.progress is not None
    alone.close()

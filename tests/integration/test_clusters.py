"""Workers that other programs start: a Dask scheduler at an address, and a real SLURM queue where there is one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import killing

PROTOCOL = killing.quick(1600)
IDEAL = "simulations.engines.ideal.Ideal"


@contextmanager
def program(*words: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Dask that runs in the background, in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(killing.CHECKOUT)}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=file, stderr=file, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.timeout(300)
def test_address_whose_scheduler_dies_and_comes_back(tmp_path: Path) -> None:
    port = _free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--death-timeout", "60")
    arguments = killing.command(
        tmp_path / "broken",
        PROTOCOL,
        *("engine=ideal", "engine.pause=0.1", "cluster=address", f"cluster.options.address={address}"),
    )
    with ExitStack() as stack:
        first = stack.enter_context(program(*scheduler, log=tmp_path / "scheduler.log"))
        stack.enter_context(program(*worker, log=tmp_path / "worker.log"))
        campaign = stack.enter_context(killing.running(killing.Campaign(tmp_path / "broken", arguments)))
        killing.until(lambda: campaign.integrating() or campaign.ended() is not None, "no engine has begun")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        stack.enter_context(program(*scheduler, log=tmp_path / "scheduler.log"))
        stack.enter_context(program(*worker, log=tmp_path / "worker.log"))
        assert campaign.wait() == 0, campaign.log.read_text()
    assert "the Dask scheduler does not answer; waiting for it" in campaign.log.read_text()
    killing.assert_same(tmp_path / "broken", killing.unbroken(tmp_path / "whole", PROTOCOL, IDEAL, {}), PROTOCOL)


def test_address_where_nothing_answers(tmp_path: Path) -> None:
    arguments = killing.command(
        tmp_path / "space",
        PROTOCOL,
        *("engine=ideal", "cluster=address", f"cluster.options.address=tcp://127.0.0.1:{_free_port()}"),
    )
    done = subprocess.run(arguments, cwd=killing.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:" in done.stderr
    assert "start one with `dask scheduler`" in done.stderr
    assert "Traceback" not in done.stderr


def _jobs() -> list[str]:
    found = subprocess.run(
        ["squeue", "--noheader", "--me", "--name=nanonet-test", "--format=%i"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()


@pytest.fixture
def slurm() -> Iterator[None]:
    """A SLURM queue that answers, and none of our jobs left in it."""
    missing = [name for name in ("sbatch", "squeue", "scancel", "sinfo") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs SLURM: there is no {', '.join(missing)} (docs/clusters.md says how to set one up)")
    answer = subprocess.run(
        ["sinfo", "--noheader", "--format=%a %T"], capture_output=True, text=True, timeout=30, check=False
    )
    if answer.returncode or not any(state in answer.stdout for state in ("up idle", "up mixed")):
        pytest.skip(f"needs a SLURM partition with an idle node, sinfo says: {answer.stdout or answer.stderr}")
    yield
    for job in _jobs():
        subprocess.run(["scancel", job], check=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine", ["ideal", pytest.param("lammps", marks=pytest.mark.validate)])
def test_slurm(slurm: None, engine: str, tmp_path: Path) -> None:
    options = {"ideal": ["engine.pause=0.1"], "lammps": []}[engine]
    arguments = killing.command(
        tmp_path / "broken",
        PROTOCOL,
        *(f"engine={engine}", *options, "workers=2", "cluster=slurm", "cluster.options.interface=lo"),
        *("cluster.options.memory=1GB", "cluster.options.death_timeout=15", "cluster.options.job_name=nanonet-test"),
    )
    with killing.running(killing.Campaign(tmp_path / "broken", arguments)) as campaign:
        killing.until(campaign.integrating, "no engine has begun")
        cancelled = _jobs()[0]
        subprocess.run(["scancel", cancelled], check=True)
        # another job takes its place
        killing.until(lambda: set(_jobs()) - {cancelled} and campaign.integrating(), "no job came after scancel")
        # the scheduler dies, its jobs know nothing of it yet, and the next campaign begins
        old = campaign.engines()
        campaign.process.kill() if campaign.process else None
        campaign.wait()
        campaign.start()
        killing.until(lambda: not any(killing.alive(process) for process in old), "orphaned jobs")
        assert campaign.wait(500) == 0, campaign.log.read_text()
    killing.until(lambda: not _jobs(), "jobs outlive the campaign")
    target = IDEAL if engine == "ideal" else "simulations.engines.lammps.Lammps"
    killing.assert_same(tmp_path / "broken", killing.unbroken(tmp_path / "whole", PROTOCOL, target, {}), PROTOCOL)


def test_slurm_settings_that_do_not_fit(tmp_path: Path) -> None:
    arguments = killing.command(
        tmp_path / "space", PROTOCOL, "engine=ideal", "cluster=slurm", "+cluster.options.colour=red"
    )
    done = subprocess.run(arguments, cwd=killing.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cluster.options do not fit dask-jobqueue's SLURMCluster" in done.stderr
    assert "colour" in done.stderr
    assert "Traceback" not in done.stderr

"""Campaigns in process groups of their own, ended with -9 at a chosen place, and what must be left.

A kill is looked at while its victims are stopped: what is seen is what was there when they died.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from nanonet.domain import Composition
from simulations.engines.base import FRAMES
from simulations.engines.frames import read_frames
from simulations.pipeline import advance
from simulations.protocol import Protocol
from simulations.record import read_record
from simulations.workspace import PointFolder, StatePoint, Workspace

CHECKOUT = Path(__file__).resolve().parent.parent
Place = Literal["worker", "scheduler", "group", "engine"]

#: Two small boxes; what is tested does not depend on what is inside.
COMPOSITIONS = (
    {"D": 2.0, "N": 25, "phi": 0.06, "eps_np_np": 0.5, "eps_p_np": 0.5},
    {"D": 2.5, "N": 30, "phi": 0.08, "eps_np_np": 1.0, "eps_p_np": 0.8},
)
#: Nothing here takes this long; a wait that does is a failure.
DEADLINE = 180.0


def quick(production_steps: int, **changes: Any) -> Protocol:
    """A protocol of fixed length and tiny blocks, for campaigns that tests interrupt."""
    settings: dict[str, Any] = {
        "soften_steps": 200,
        "relax_steps": 200,
        "block_steps": 400,
        "sample_every": 100,
        "equilibration_steps": 400,
        "equilibration_msd": 0.0,
        "production_msd": 0.0,
        "cap_core_hours": None,
        "n_np_min": 4,
        "n_beads_max": 10_000,
        "trainable": False,
    }
    return Protocol("smoke", **{**settings, "production_steps": production_steps, **changes})


def until(true: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """Wait for a condition; its value."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {deadline:.0f} s in vain: {what}")


def command(workspace: Path, protocol: Protocol, *overrides: str) -> list[str]:
    """The command of a campaign of :data:`COMPOSITIONS`."""
    points = ",".join("{" + ",".join(f"{k}:{v}" for k, v in point.items()) + "}" for point in COMPOSITIONS)
    settings = protocol.to_dict()
    del settings["extend_blocks"]
    return [
        sys.executable,
        "-m",
        "simulations.run",
        f"workspace={workspace}",
        "design=list",
        f"design.points=[{points}]",
        "figures=false",
        *(f"++protocol.{name}={'null' if value is None else value}" for name, value in settings.items()),
        *overrides,
    ]


@dataclass
class Campaign:
    """A campaign in a process group of its own."""

    workspace: Path
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.workspace.with_suffix(".log")

    def start(self) -> None:
        environment = {**os.environ, **self.environment}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, cwd=CHECKOUT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ended(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def wait(self, deadline: float = DEADLINE) -> int:
        assert self.process is not None
        return self.process.wait(deadline)

    def family(self) -> list[psutil.Process]:
        """The main process and all below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.pid)
            return [main, *main.children(recursive=True)]
        return []

    def engines(self) -> list[psutil.Process]:
        """Engines' processes of this workspace, whoever their parents are."""
        return [process for process in psutil.process_iter() if self.block(process)]

    def block(self, process: psutil.Process) -> Path | None:
        """Folder of the block that a process makes, if it is an engine of this workspace."""
        try:
            words = process.cmdline()
        except psutil.Error:
            return None
        ours = "simulations.engines.child" in words and words[-1].startswith(str(self.workspace))
        return Path(words[-1]) if ours else None

    def working(self) -> list[Path]:
        """Folders of the blocks that are being made."""
        return list(self.workspace.glob("workspace/*/attempt-*/blocks/.work-[0-9]*"))

    def integrating(self) -> list[psutil.Process]:
        """Engines that have begun to write frames."""
        blocks = [(process, self.block(process)) for process in psutil.process_iter()]
        return [process for process, block in blocks if block is not None and (block / FRAMES).is_file()]

    def end(self) -> None:
        """Leave nothing behind, whatever a test did."""
        if self.process is None:
            return
        for process in {*self.family(), *self.engines()}:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(DEADLINE)


@contextlib.contextmanager
def running(campaign: Campaign) -> Iterator[Campaign]:
    """The campaign, started and in the end gone."""
    try:
        campaign.start()
        yield campaign
    finally:
        campaign.end()


@dataclass(frozen=True)
class Kill:
    """One kill: where, and what was there at that moment."""

    place: Place
    engines: int
    working: int
    pids: tuple[int, ...]

    @property
    def during_work(self) -> bool:
        """Whether it landed while a block was integrated or written."""
        return self.engines > 0 or self.working > 0


def kill(campaign: Campaign, place: Place) -> Kill | None:
    """Stop, look, kill with -9; ``None`` if the victim was gone before."""
    try:
        family = campaign.family()
        engines = [process for process in family if campaign.block(process)]
        if place == "group":
            victims = family
        elif place == "scheduler":
            victims = family[:1]
        elif not engines:
            return None
        elif place == "engine":
            victims = engines[:1]
        else:
            victims = [engines[0].parent() or engines[0]]
        for victim in victims:
            victim.suspend()
        still = [engine for engine in engines if engine.is_running() and engine.status() != psutil.STATUS_ZOMBIE]
        seen = Kill(place, len(still), len(campaign.working()), tuple(process.pid for process in family))
    except psutil.NoSuchProcess:
        return None
    if place == "group":
        os.killpg(campaign.pid, signal.SIGKILL)
    else:
        for victim in victims:
            victim.kill()
    below = [] if place == "engine" else [engine for engine in engines if place != "worker" or engine == engines[0]]
    if place in ("scheduler", "group"):
        campaign.wait()
    # nothing is asked to leave: they must notice by themselves
    until(lambda: not any(alive(process) for process in below), f"engines outlive the {place}")
    return seen


def alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_often(campaign: Campaign, places: Sequence[Place], *, seed: int, spread: float) -> list[Kill]:
    """Kill a campaign once in each place, start it again where it ended, and let it finish.

    Args:
        campaign: running.
        places: where to kill, in order.
        seed: of the moments.
        spread: longest wait after an engine has begun to write frames [s].
    """
    moments = random.Random(seed)
    kills: list[Kill] = []
    for place in places:
        seen = None
        while seen is None:
            until(lambda: campaign.integrating() or campaign.ended() is not None, "no engine has begun")
            assert campaign.ended() is None, f"ended after {len(kills)} kills:\n{campaign.log.read_text()[-3000:]}"
            time.sleep(moments.uniform(0.0, spread))
            seen = kill(campaign, place)
        kills.append(seen)
        print(f"kill {len(kills)}: {place}, {seen.engines} engines and {seen.working} working folders there")
        if place in ("scheduler", "group"):
            old = [process for process in map(_process, seen.pids) if process is not None]
            campaign.start()
            until(lambda: not any(map(alive, old)), f"orphans of the {place}")  # noqa: B023
    assert campaign.wait(1200) == 0, campaign.log.read_text()[-3000:]
    assert not campaign.engines()
    return kills


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def unbroken(workspace: Path, protocol: Protocol, engine: str, options: Mapping[str, Any]) -> list[PointFolder]:
    """The same state points, each advanced to its end in this process."""
    space = Workspace(workspace)
    points = []
    for values in COMPOSITIONS:
        composition = Composition.from_mapping(values)
        point = space.point(StatePoint(composition, protocol, engine.rpartition(".")[2].lower()))
        while (progress := advance(str(space.path), point.id, protocol, engine, options)).outcome != "finished":
            assert progress.outcome == "advanced", progress
        points.append(point)
    return points


def assert_same(broken: Path, whole: Sequence[PointFolder], protocol: Protocol) -> None:
    """Every frame exactly once, and the same numbers to the last bit.

    A block begins from the restart file of the one before, in the unbroken run too, so that the
    strong statement holds: not within errors, but equal.
    """
    assert sorted(point.id for point in Workspace(broken).points()) == sorted(point.id for point in whole)
    for point in whole:
        other = PointFolder(broken / "workspace" / point.id)
        (attempt,), (other_attempt,) = point.attempts(), other.attempts()
        names = sorted(folder.name for folder in (attempt / "blocks").iterdir())
        assert sorted(folder.name for folder in (other_attempt / "blocks").iterdir()) == names
        steps = []
        for name in names:
            mine = read_frames(attempt / "blocks" / name / FRAMES)
            theirs = read_frames(other_attempt / "blocks" / name / FRAMES)
            steps.append(theirs.step)
            for array in ("step", "positions", "images", "box"):
                np.testing.assert_array_equal(getattr(mine, array), getattr(theirs, array))
        n_steps = protocol.equilibration_steps + protocol.production_steps
        prepared = protocol.soften_steps + protocol.relax_steps
        expected = prepared + np.arange(protocol.sample_every, n_steps + 1, protocol.sample_every)
        np.testing.assert_array_equal(np.concatenate(steps), expected)
        record, reference = read_record(other), read_record(point)
        assert record is not None
        assert reference is not None
        for name in set(reference) - {"core_hours", "created"}:
            np.testing.assert_array_equal(record[name], reference[name], err_msg=name)

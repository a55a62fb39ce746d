"""Bringing a state point forward: what happens in one block.

The unit of work is :func:`advance`: bring one state point forward by one block. It may be called
by anybody, any number of times, and killed at any moment; a block is there whole or not at all,
and each block starts from the restart file of the one before, so that an interrupted run and an
unbroken one go through the same files.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import nanonet
from nanonet.domain import Trajectory
from nanonet.errors import (
    EngineError,
    EngineKilledError,
    EngineNotInstalledError,
    InputError,
    NanonetError,
    RestartError,
)
from nanonet.seeds import derive
from simulations.analysis.rdf import RDFAccumulator
from simulations.attempt import Run, current_attempt, new_attempt, open_run, ready_attempts
from simulations.engines.supervised import Supervised
from simulations.forcefield import nanocomposite
from simulations.protocol import Protocol
from simulations.record import blocks_of, make_record, read_record, write_record
from simulations.state import State
from simulations.workspace import Block, PointFolder, point_by_id, write_json

log = logging.getLogger(__name__)

Outcome = Literal["advanced", "rebuilt", "finished", "failed"]

#: Free disk below which no block is begun [bytes], and the part of it below which a block that was just
#: made is not trusted: not every engine notices that its restart file was cut short.
DISK_RESERVE = 200e6
DISK_LAST = 0.1
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
#: Boxes tried before a state point that keeps settling too small is given up.
MAX_ATTEMPTS = 4


@dataclass(frozen=True)
class Progress:
    """How far a state point has come.

    Args:
        outcome: what the call did.
        phase: equilibration, production or finished.
        steps: integration steps of the current phase that are done.
        steps_wanted: estimate of the steps this phase needs.
        core_hours: spent so far on this attempt.
        message: for people.
    """

    outcome: Outcome
    phase: str
    steps: int
    steps_wanted: int
    core_hours: float
    message: str = ""


def advance(
    workspace: str, identifier: str, protocol: Protocol, engine: str, options: Mapping[str, Any] | None = None
) -> Progress:
    """Bring a state point forward by one block.

    Args:
        workspace: folder of the workspace.
        identifier: name of the state point.
        protocol: preset; only its lengths and caps may differ from those of earlier calls.
        engine: dotted name of the engine's class.
        options: its arguments.

    Raises:
        WorkspaceLockedError: another process is at this state point.
        EngineNotInstalledError: the engine or its device is not there; nothing was marked.
        EngineKilledError: somebody ended the engine's process; nothing was marked.
        OSError: the disk is full; nothing was lost.
    """
    point = point_by_id(workspace, identifier)
    with point.lock() as descriptor:
        failed = point.read_json("failed.json")
        if failed is not None:
            return Progress("failed", "failed", 0, 0, 0.0, failed["reason"])
        try:
            return _advance(point, protocol, Supervised(engine, options, inherit=(descriptor,)))
        except (EngineNotInstalledError, EngineKilledError):
            raise
        except (EngineError, RestartError, InputError) as error:
            blocks = [block for attempt in ready_attempts(point)[-1:] for block in point.blocks(attempt)]
            last = len(blocks) - 1
            reason = f"{type(error).__name__}: {error} (last good block: {last if blocks else 'none'})"
            write_json(point.path / "failed.json", {"reason": reason, "last_good_block": last, "time": time.time()})
            point.write_status(phase="failed", message=reason)
            log.error("state point %s failed: %s", identifier, reason)
            return Progress("failed", "failed", 0, 0, 0.0, reason)


def _advance(point: PointFolder, protocol: Protocol, engine: Supervised) -> Progress:
    attempt = current_attempt(point, protocol)
    for older in point.attempts():
        if older != attempt:
            shutil.rmtree(older, ignore_errors=True)
    blocks, restart = point.resume_from(point.blocks(attempt))
    run = open_run(point, protocol, attempt, blocks)
    # killed after the block that showed that the box is too small, before the larger box was there
    rebuilt = _rebuild_if_small(point, protocol, attempt, run)
    if rebuilt is not None:
        return rebuilt
    phase = run.phase
    if phase == "finished":
        return _finish(point, attempt, run)
    _require_disk(point.path, DISK_RESERVE)
    index = len(blocks)
    work = point.work_folder(attempt, index)
    try:
        block = _make_block(point, protocol, engine, attempt, run, work, restart, phase)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        if error.errno in _DISK_FULL:
            raise OSError(error.errno, _disk_message(point.path)) from error
        raise
    except NanonetError as error:
        # not every engine says that it was the disk
        full = shutil.disk_usage(point.path).free < DISK_LAST * DISK_RESERVE
        shutil.rmtree(work, ignore_errors=True)
        if full:
            raise OSError(errno.ENOSPC, f"{_disk_message(point.path)}; the engine said: {error}") from error
        raise
    run = open_run(point, protocol, attempt, [*blocks, block])
    rebuilt = _rebuild_if_small(point, protocol, attempt, run)
    if rebuilt is not None:
        return rebuilt
    if run.phase == "finished":
        return _finish(point, attempt, run)
    return _report(point, run, "advanced", phase)


def _make_block(
    point: PointFolder,
    protocol: Protocol,
    engine: Supervised,
    attempt: Path,
    run: Run,
    work: Path,
    restart: Path | None,
    phase: str,
) -> Block:
    index = len(run.blocks)
    stages = protocol.block(prepare=restart is None)
    begin = time.monotonic()
    done_before, wanted = run.steps(phase), run.steps_wanted(phase)
    seen: dict[str, tuple[float, int]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        # the rate counts from a stage's first report, so that neither start nor preparation is in it
        since, first = seen.setdefault(stage, (time.monotonic(), done))
        elapsed = time.monotonic() - since
        point.write_status(
            phase=phase,
            stage=stage,
            block=index,
            steps=done_before + (done if stage == "npt" else 0),
            steps_wanted=wanted,
            stage_done=done,
            stage_total=total,
            core_hours=run.core_hours,
            rate=(done - first) / elapsed if elapsed > 0.5 else None,
        )

    point.write_status(phase=phase, stage="start", block=index, steps=done_before, steps_wanted=wanted)
    trajectory = engine.run(
        State.load(attempt / "state.npz"),
        nanocomposite(point.composition),
        stages,
        work,
        derive(point.statepoint["seed"], point.id, attempt.name, index),
        restart=restart,
        progress=progress,
    )
    summary: dict[str, Any] = _summary(trajectory, with_rdf=phase == "production")
    np.savez_compressed(work / "block.npz", **summary)
    _require_disk(work, DISK_LAST * DISK_RESERVE)
    return point.commit(
        work,
        attempt,
        {
            "index": index,
            "phase": phase,
            "first_step": int(trajectory.step[0]),
            "last_step": int(trajectory.step[-1]),
            "frames": trajectory.n_frames,
            "engine": engine.name,
            "versions": {"nanonet": nanonet.__version__, **engine.versions()},
            "device": engine.hardware(),
            "seconds": time.monotonic() - begin,
            "core_seconds": engine.core_seconds,
            "time": time.time(),
        },
        list(run.blocks),
    )


def _summary(trajectory: Trajectory, *, with_rdf: bool) -> dict[str, np.ndarray]:
    """What later steps need of a block, so that its frames need not be read again.

    While the box still settles it may be too small for the RDF, which nobody asks for then.
    """
    curves = {}
    if with_rdf:
        rdf = RDFAccumulator()
        rdf.add_trajectory(trajectory)
        curves = {"g": rdf.g, "r": rdf.r}
    unwrapped = trajectory.unwrapped
    return {
        **curves,
        "step": trajectory.step,
        "volume": trajectory.box.prod(axis=1),
        "least_length": trajectory.box.min(),
        "unwrapped_first": unwrapped[0],
        "unwrapped": unwrapped[-1],
        **{f"thermo_{name}": series for name, series in trajectory.thermo.items()},
    }


def _rebuild_if_small(point: PointFolder, protocol: Protocol, attempt: Path, run: Run) -> Progress | None:
    """Begin again with more particles where the box has settled below its least edge.

    The first block still relaxes; from the second on, or where one is all there is, the edge is
    the melt's own. A production that has begun is never thrown away.
    """
    last = run.blocks[-1] if run.blocks else None
    if last is None or last.phase != "equilibration" or (last.index == 0 and run.phase == "equilibration"):
        return None
    edge = float(last.data()["least_length"])
    if edge >= run.least_length:
        return None
    size = json.loads((attempt / "size.json").read_text())
    number = size["number"] + 1
    if number >= MAX_ATTEMPTS:
        raise EngineError(
            f"the box settled at L = {edge:.2f} sigma, below the {run.least_length:.2f} it needs, "
            f"in each of {MAX_ATTEMPTS} attempts"
        )
    enlarge = size["enlarge"] * 1.005 * run.least_length / edge
    log.warning(
        "state point %s: L settled at %.2f, below %.2f; building a box %.1f %% wider",
        point.id,
        edge,
        run.least_length,
        100 * (enlarge / size["enlarge"] - 1),
    )
    new_attempt(point, protocol, number, enlarge)
    shutil.rmtree(attempt, ignore_errors=True)
    message = f"L = {edge:.2f} is too small, rebuilt {100 * (enlarge - 1):.1f} % wider"
    point.write_status(phase="equilibration", message=message)
    return Progress("rebuilt", "equilibration", 0, protocol.equilibration_steps, run.core_hours, message)


def _finish(point: PointFolder, attempt: Path, run: Run) -> Progress:
    known = read_record(point)
    if known is None or blocks_of(known) != len(run.of("production")):
        write_record(point, make_record(point, attempt, run))
    return _report(point, run, "finished", "production")


def _report(point: PointFolder, run: Run, outcome: Outcome, phase: str) -> Progress:
    progress = Progress(outcome, phase, run.steps(phase), run.steps_wanted(phase), run.core_hours)
    current = "production" if run.phase == "finished" else run.phase
    point.write_status(
        phase=run.phase,
        stage="npt",
        block=len(run.blocks) - 1,
        steps=run.steps(current),
        steps_wanted=run.steps_wanted(current),
        core_hours=run.core_hours,
        msd=run.msd(current),
    )
    return progress


def _require_disk(path: Path, least: float) -> None:
    if shutil.disk_usage(path).free < least:
        raise OSError(errno.ENOSPC, _disk_message(path))


def _disk_message(path: Path) -> str:
    free = shutil.disk_usage(path).free / 1e6
    return (
        f"the disk of {path} is full ({free:.0f} MB free, {DISK_RESERVE / 1e6:.0f} MB are kept in reserve); "
        "no finished block was lost: free some room and run the same command again"
    )

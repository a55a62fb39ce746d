"""Many state points on many workers: who does the next block.

The workers are Dask's. A task is one call of :func:`simulations.pipeline.advance`, so that a
lost worker, scheduler or machine costs at most the block that was under way.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from nanonet.errors import (
    ConfigError,
    EngineError,
    EngineKilledError,
    EngineNotInstalledError,
    WorkspaceLockedError,
)
from simulations.pipeline import Progress, advance
from simulations.protocol import Protocol
from simulations.workspace import Workspace

log = logging.getLogger(__name__)

#: Seconds between looks at the tasks.
_POLL = 1.0
#: How often in a row a block may lose its process before its state point is left for the next campaign.
_KILLS_MAX = 3
#: Seconds that a lost scheduler may take to come back.
_RECONNECT = 60.0
_ROOT = Path(__file__).resolve().parent.parent
#: Seconds before a state point that somebody else is writing is tried again, and until we give up.
_LOCK_WAIT, _LOCK_PATIENCE = 2.0, 120.0


@dataclass
class Summary:
    """What became of the state points of a campaign, by name.

    Args:
        finished: have a record.
        failed: were given up, with the reason.
        left: are left for the next campaign, with the reason; nothing was marked.
        open: can be gone on with.
        interrupted: whether the campaign was asked to stop.
    """

    finished: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    interrupted: bool = False


class Reporter:
    """Told of every event; the base class says nothing."""

    def begin(self, points: Sequence[str], n_workers: int) -> None:
        """The campaign begins."""

    def started(self, point: str) -> None:
        """A worker takes up a block of a point."""

    def advanced(self, point: str, progress: Progress) -> None:
        """A block is done."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

    def tick(self, running: Iterable[str], n_workers: int) -> None:
        """Time goes by."""

    def end(self) -> None:
        """The campaign is over."""


def start_cluster(kind: str, *, workers: int, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """A Dask client and what has to be closed after it.

    Args:
        kind: ``local``, one-core workers on this machine; ``address``, a scheduler that runs
            already; ``slurm``, jobs of a SLURM queue (dask-jobqueue).
        workers: how many, where we start them.
        options: ``address`` for the second kind, dask-jobqueue's settings for the third.

    Raises:
        ConfigError: an unknown kind, or settings that do not fit.
        EngineError: the scheduler or the queue does not answer.
    """
    import dask
    from distributed import Client, LocalCluster

    dask.config.set(
        {
            "distributed.scheduler.work-stealing": False,
            "distributed.worker.profile.enabled": False,
            "distributed.admin.log-format": "%(name)s - %(message)s",
        }
    )
    if kind == "address":
        address = str(options.get("address") or "")
        if "://" not in address:
            raise ConfigError(
                "cluster=address needs the address of a Dask scheduler, got "
                f"{address!r}; give cluster.options.address=tcp://HOST:8786"
            )
        try:
            return Client(address, timeout=10), None
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no Dask scheduler answers at {address} ({error}); start one with `dask scheduler` and "
                "workers with `dask worker ADDRESS --nthreads 1`, or use cluster=local"
            ) from error
    if kind == "local":
        # the interrupt key is for the campaign alone; a program that is started inherits this
        with _interrupt_ignored():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
    elif kind == "slurm":
        cluster = _slurm_cluster(workers, options)
    else:
        raise ConfigError(f"cluster is one of local, address and slurm, got {kind!r}")
    return Client(cluster), cluster


def stop_cluster(client: Any, cluster: Any) -> None:
    """Close what :func:`start_cluster` opened, even where its other end is gone."""
    for thing in (client, cluster):
        if thing is not None:
            with contextlib.suppress(OSError, TimeoutError):
                thing.close()


def _slurm_cluster(workers: int, options: Mapping[str, Any]) -> Any:
    from dask_jobqueue import SLURMCluster

    given = dict(options)
    prologue = list(given.pop("job_script_prologue", None) or [])
    # simulations runs from the checkout, wherever a job begins
    prologue.append(f"export PYTHONPATH={shlex.quote(str(_ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}")
    scheduler = {"dashboard_address": ":0", **(given.pop("scheduler_options", None) or {})}
    try:
        cluster = SLURMCluster(**given, job_script_prologue=prologue, scheduler_options=scheduler)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"cluster.options do not fit dask-jobqueue's SLURMCluster: {error}") from error
    # unlike scale(), adapt() replaces jobs that end: at their walltime, with their node, by scancel
    cluster.adapt(minimum_jobs=workers, maximum_jobs=workers, interval="2s")
    return cluster


@contextlib.contextmanager
def _interrupt_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _patient_worker() -> Any:
    from distributed import WorkerPlugin

    class Patient(WorkerPlugin):
        """Makes a worker ignore the interrupt key: it finishes its block."""

        name = "nanonet-ignore-interrupt"

        def setup(self, worker: Any) -> None:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Patient()


class _Link:
    """The connection to Dask's scheduler, which may be lost and come back."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._lost: float | None = None
        self._greet()

    def _greet(self) -> None:
        self.client.register_plugin(_patient_worker())
        self.client.forward_logging("simulations")

    def slots(self) -> int:
        """Blocks that the workers can take now; 0 while the scheduler is away.

        Raises:
            EngineError: it does not come back.
        """
        if self.client.status == "running":
            try:
                if self._lost is not None:
                    self._greet()
                    self._lost = None
                return sum(self.client.nthreads().values())
            except (OSError, ValueError):
                pass
        if self._lost is None:
            self._lost = time.monotonic()
            log.warning("the Dask scheduler does not answer; waiting for it")
        if self.client.status == "closed" or time.monotonic() - self._lost > _RECONNECT:
            raise EngineError(
                "the Dask scheduler is gone; no finished block was lost: start it again, and then the same command"
            )
        return 0


def run_campaign(
    workspace: Workspace,
    points: Sequence[str],
    protocols: Mapping[str, Protocol],
    engine: str,
    options: Mapping[str, Any],
    *,
    client: Any,
    reporter: Reporter | None = None,
    longer: Callable[[str], Protocol | None] | None = None,
) -> Summary:
    """Advance the points until each is finished or failed.

    Points are taken in order; a point that was begun goes on before another is begun. The first
    Ctrl-C lets the blocks under way finish, the second gives them up.

    Args:
        workspace: where the points live; held by the caller.
        points: names of the state points.
        protocols: preset of each.
        engine: dotted name of the engine's class.
        options: its arguments.
        client: of a Dask cluster; each thread of its workers gets a block at a time.
        reporter: told what happens.
        longer: asked when a point is finished: what it goes on with, or ``None``.

    Raises:
        EngineNotInstalledError: the engine is missing where the workers run.
        EngineError: the scheduler is gone.
        WorkspaceLockedError: another process does not let go of a state point.
        OSError: the disk is full.
    """
    report = reporter or Reporter()
    return _Campaign(workspace, points, protocols, engine, options, client, report, longer or _never).run()


def _never(point: str) -> None:
    """No point goes on once it is finished."""


class _Campaign:
    """The state of :func:`run_campaign`."""

    def __init__(
        self,
        workspace: Workspace,
        points: Sequence[str],
        protocols: Mapping[str, Protocol],
        engine: str,
        options: Mapping[str, Any],
        client: Any,
        report: Reporter,
        longer: Callable[[str], Protocol | None],
    ) -> None:
        self.points, self.report, self.summary = list(points), report, Summary()
        self._protocols, self._longer = dict(protocols), longer
        self._task = (str(workspace.path), engine, dict(options))
        self._link = _Link(client)
        self._waiting = deque(points)
        self._delayed: dict[str, float] = {}
        self._locked_since: dict[str, float] = {}
        self._kills: Counter[str] = Counter()
        self._running: dict[Any, str] = {}
        self._wake = threading.Event()
        self._fatal: BaseException | None = None

    def run(self) -> Summary:
        """Until nothing is left to do; see :func:`run_campaign`."""
        self.report.begin(self.points, self._link.slots())
        try:
            with _Interrupt() as interrupt:
                said = False
                while self._goes_on(interrupt):
                    if interrupt.asked and not said:
                        said = True
                        self.report.note("stopping after the blocks under way; Ctrl-C again gives them up")
                    slots = self._link.slots()
                    self._submit(slots, more=not interrupt.asked and self._fatal is None)
                    self._wake.wait(_POLL)
                    self._wake.clear()
                    for future in [future for future in self._running if future.done()]:
                        self._take(future)
                    self.report.tick(self._running.values(), slots)
                self.summary.interrupted = bool(interrupt.asked)
        finally:
            self.report.end()
        settled = {*self.summary.finished, *self.summary.failed}
        self.summary.open = [point for point in self.points if point not in settled]
        if self._fatal is not None:
            raise self._fatal
        return self.summary

    def _goes_on(self, interrupt: _Interrupt) -> bool:
        if interrupt.asked > 1:
            return False
        return bool(self._running or ((self._waiting or self._delayed) and not interrupt.asked and not self._fatal))

    def _submit(self, slots: int, *, more: bool) -> None:
        now = time.monotonic()
        for point in [point for point, when in self._delayed.items() if when <= now]:
            del self._delayed[point]
            self._waiting.appendleft(point)
        workspace, engine, options = self._task
        while more and self._waiting and len(self._running) < slots:
            point = self._waiting.popleft()
            future = self._link.client.submit(
                advance,
                workspace,
                point,
                self._protocols[point],
                engine,
                options,
                pure=False,
                key=f"{point}-{time.time_ns()}",
            )
            future.add_done_callback(lambda _: self._wake.set())
            self._running[future] = point
            self.report.started(point)

    def _take(self, future: Any) -> None:
        """What became of a block."""
        from distributed import CancelledError
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker

        point = self._running.pop(future)
        try:
            progress = future.result()
        except WorkspaceLockedError as error:
            self._wait_for_lock(point, error)
        except (EngineKilledError, KilledWorker) as error:
            self._killed(point, str(error))
        except (CancelledError, CommClosedError):
            # the scheduler, or the way to it, was lost with the block
            self._waiting.appendleft(point)
        except (EngineNotInstalledError, OSError) as error:
            self._fatal = error
        except Exception as error:  # the fault is in our own code
            log.exception("state point %s stopped on an unexpected error", point)
            self.summary.left[point] = f"{type(error).__name__}: {error}"
            self.report.note(f"{point[:8]} is left for now: {type(error).__name__}: {error}")
        else:
            self._advanced(point, progress)

    def _advanced(self, point: str, progress: Progress) -> None:
        self._locked_since.pop(point, None)
        self._kills.pop(point, None)
        longer = self._longer(point) if progress.outcome == "finished" else None
        if longer is not None:
            self._protocols[point] = longer
            self._waiting.appendleft(point)
            progress = replace(progress, outcome="advanced")
            self.report.note(f"{point[:8]} does not pass yet and goes on")
        elif progress.outcome == "finished":
            self.summary.finished.append(point)
        elif progress.outcome == "failed":
            self.summary.failed[point] = progress.message
        else:
            self._waiting.appendleft(point)
        self.report.advanced(point, progress)

    def _wait_for_lock(self, point: str, error: WorkspaceLockedError) -> None:
        now = time.monotonic()
        if point not in self._locked_since:
            self.report.note(f"waiting: {error}")
        if now - self._locked_since.setdefault(point, now) > _LOCK_PATIENCE:
            self._fatal = error
        self._delayed[point] = now + _LOCK_WAIT

    def _killed(self, point: str, reason: str) -> None:
        self._kills[point] += 1
        if self._kills[point] < _KILLS_MAX:
            self.report.note(f"{point[:8]}: {reason}; its block is run again")
            self._waiting.appendleft(point)
        else:
            self.summary.left[point] = f"{reason} ({_KILLS_MAX} times in a row)"
            self.report.note(f"{point[:8]} is left for now: {reason}, {_KILLS_MAX} times in a row")


class _Interrupt:
    """Counts Ctrl-C instead of stopping at the first; only in the main thread."""

    def __init__(self) -> None:
        self.asked = 0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1

    def __enter__(self) -> _Interrupt:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        if self._main:
            for number, handler in self._before.items():
                signal.signal(number, handler)

"""Tasks that do not depend on one another, in several processes."""

from __future__ import annotations

import logging
import logging.handlers
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from nanonet.errors import ConfigError, WorkerError

log = logging.getLogger(__name__)
#: What the libraries below us ask for the number of their threads.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class Task(Protocol):
    """Something to do that can be pickled."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def __call__(self) -> None:
        """Do it; what it finds, it leaves in a file."""
        ...


def check_workers(workers: Any) -> int:
    """A number of processes.

    Raises:
        ConfigError: not a whole number, or below 1.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"workers is a number of processes, at least 1, got {workers!r}")
    return workers


def in_processes(waves: Sequence[Sequence[Task]], workers: int) -> None:
    """Do tasks, ``workers`` at a time, each process with its share of the processor's cores.

    Messages come back to this process. After an error or an interruption what runs is ended; what tasks have written
    stays.

    Args:
        waves: tasks that are alike; a wave begins when all tasks of the one before are done.
        workers: number of processes.

    Raises:
        WorkerError: a process was ended from outside.
        Exception: whatever a task raises.
    """
    total = sum(len(wave) for wave in waves)
    if not total:
        return
    context = multiprocessing.get_context("spawn")
    count = min(workers, max(len(wave) for wave in waves))
    messages = context.Queue()
    listener = logging.handlers.QueueListener(messages, _Again())
    listener.start()
    finished = 0
    others = set(multiprocessing.active_children())
    begin = (messages, log.getEffectiveLevel())
    try:
        with _threads(max(1, (os.cpu_count() or 1) // count)):
            pool = ProcessPoolExecutor(count, context, _begin, begin)
            try:
                for wave in waves:
                    start = time.perf_counter()
                    for done, task in enumerate(_as_done(pool, wave, count), start=1):
                        finished += 1
                        # Tasks of a wave are alike; the next wave may be a hundred times as fast.
                        left = (time.perf_counter() - start) / done * (len(wave) - done) / 60.0
                        more = f"; {len(wave) - done} more like it in about {left:.0f} min" if done < len(wave) else ""
                        log.info("%s: done, %d of %d%s", task.name, finished, total, more)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()
                raise
            pool.shutdown()
    finally:
        listener.stop()


def _as_done(pool: ProcessPoolExecutor, wave: Sequence[Task], count: int) -> Iterator[Task]:
    """Tasks as they are done. No more are handed over than can run: a pool cannot take back what waits in it."""
    waiting, running = deque(wave), dict[Future[None], Task]()
    while waiting or running:
        while waiting and len(running) < count:
            task = waiting.popleft()
            running[pool.submit(_do, task)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            try:
                future.result()
            except BrokenProcessPool as error:
                raise WorkerError(
                    f"a process that worked on {task.name} was ended from outside, often for lack of memory; what is "
                    "finished is kept: take fewer workers and give the same command again"
                ) from error
            yield task


class _Again(logging.Handler):
    """Hands records of other processes to the loggers of this one, which know their level."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


def _begin(messages: Any, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [logging.handlers.QueueHandler(messages)]
    root.setLevel(level)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Killed, it cannot tell us to end; we would wait for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: Task) -> None:
    # Which task a line is of cannot be seen otherwise.
    logging.getLogger().handlers[0].setFormatter(logging.Formatter(f"{task.name}: %(message)s"))
    task()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Processes that begin inside use so many threads; a number that the user has set stays."""
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(count)))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]

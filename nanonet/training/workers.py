"""Work that does not depend on one another, in several processes."""

from __future__ import annotations

import logging
import logging.handlers
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from nanonet.errors import ConfigError

log = logging.getLogger(__name__)
#: What the libraries below us ask for the number of their threads.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
Task = Callable[[], None]


def check_workers(workers: Any) -> int:
    """A number of processes.

    Raises:
        ConfigError: not a whole number, or below 1.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"workers is a number of processes, at least 1, got {workers!r}")
    return workers


def in_processes(tasks: Sequence[Task], workers: int, names: Sequence[str]) -> None:
    """Do tasks that can be pickled, ``workers`` at a time, each process with its share of the processor's cores.

    Messages come back to this process. An interrupted or failed run leaves what tasks have written.

    Args:
        tasks: to do, begun in their order.
        workers: number of processes; not more than there are tasks.
        names: of the tasks, for the messages.

    Raises:
        Whatever a task raises: that of the first to fail, and what has not begun is left.
    """
    if not tasks:
        return
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(tasks))
    messages = context.Queue()
    listener = logging.handlers.QueueListener(messages, _Again())
    listener.start()
    start, others = time.perf_counter(), set(multiprocessing.active_children())
    try:
        with (
            _threads(max(1, (os.cpu_count() or 1) // count)),
            ProcessPoolExecutor(count, context, _begin, (messages, log.getEffectiveLevel())) as pool,
        ):
            waiting: dict[Future[None], str] = {
                pool.submit(_do, task, name): name for task, name in zip(tasks, names, strict=True)
            }
            try:
                for number, done in enumerate(as_completed(waiting), start=1):
                    done.result()
                    left = (time.perf_counter() - start) / number * (len(tasks) - number)
                    log.info("%s: done, %d of %d; about %.0f min left", waiting[done], number, len(tasks), left / 60)
            except Exception:
                pool.shutdown(cancel_futures=True)
                raise
            except BaseException:
                # Interrupted: whoever did it does not want to wait for the end of what was begun.
                pool.shutdown(wait=False, cancel_futures=True)
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()
                raise
    finally:
        listener.stop()


class _Again(logging.Handler):
    """Hands records of other processes to the loggers of this one."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


def _do(task: Task, name: str) -> None:
    # Which task a line is of cannot be seen otherwise.
    logging.getLogger().handlers[0].setFormatter(logging.Formatter(f"{name}: %(message)s"))
    task()


def _begin(messages: Any, level: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [logging.handlers.QueueHandler(messages)]
    root.setLevel(level)


@contextmanager
def _threads(count: int) -> Any:
    """Processes that begin inside use so many threads; a number that the user has set stays."""
    before = dict(os.environ)
    for name in THREADS:
        os.environ.setdefault(name, str(count))
    try:
        yield
    finally:
        for name in THREADS:
            if name not in before:
                os.environ.pop(name, None)

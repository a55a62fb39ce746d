"""Any engine, run in a child process: an engine may end its process, and must not end ours."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nanonet import errors
from nanonet.domain import Trajectory
from nanonet.errors import EngineError, EngineKilledError
from simulations.engines.base import FRAMES, Evaluation, Progress
from simulations.engines.child import make_engine
from simulations.engines.frames import read_frames
from simulations.forcefield import ForceField
from simulations.protocol import Stage
from simulations.state import State

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
#: Seconds that a child may take to leave after its last word.
_LEAVE = 60.0
#: Signals that come from outside: a person, a queue, a system short of memory. Others are the engine's own doing.
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervised:
    """Runs an engine in a child of its own and turns whatever happens to it into our errors.

    The child keeps ``inherit`` open: file locks among them are held until the child, too, is gone.

    Args:
        target: dotted name of the engine's class, ``simulations.engines.lammps.Lammps``.
        options: its arguments.
        inherit: file descriptors to pass on.
    """

    def __init__(self, target: str, options: Mapping[str, Any] | None = None, *, inherit: Sequence[int] = ()) -> None:
        self.target = target
        self.options = dict(options or {})
        self.inherit = tuple(inherit)
        self.core_seconds = 0.0
        self._versions: dict[str, str] = {}
        self._hardware = "cpu"

    @property
    def name(self) -> str:
        """Name of the engine inside."""
        return self.target.rsplit(".", 1)[-1].lower()

    def get_config(self) -> dict[str, Any]:
        """Options of the engine inside."""
        return dict(self.options)

    def versions(self) -> dict[str, str]:
        """What the child of the last run reported."""
        return dict(self._versions)

    def hardware(self) -> str:
        """What the child of the last run computed on."""
        return self._hardware

    def evaluate(self, state: State, forcefield: ForceField) -> Evaluation:
        """In this process: one configuration is looked at by a person or a test."""
        return make_engine(self.target, self.options).evaluate(state, forcefield)

    def run(
        self,
        state: State,
        forcefield: ForceField,
        stages: Sequence[Stage],
        workdir: Path,
        seed: int,
        *,
        restart: Path | None = None,
        progress: Progress | None = None,
    ) -> Trajectory:
        """See :class:`~simulations.engines.base.Engine`.

        Raises:
            EngineError: the child ended without a result; the message has its last words.
            EngineKilledError: somebody ended the child.
        """
        job = {
            "engine": self.target,
            "options": self.options,
            "forcefield": forcefield.to_dict(),
            "stages": [asdict(stage) for stage in stages],
            "seed": seed,
            "restart": str(restart.resolve()) if restart else None,
        }
        state.save(workdir / "state.npz")
        (workdir / "job.json").write_text(json.dumps(job))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": _python_path()}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        failure: dict[str, Any] | None = None
        with (workdir / "engine.err").open("w+") as stderr:
            with subprocess.Popen(
                [sys.executable, "-m", "simulations.engines.child", str(workdir.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment,
                pass_fds=self.inherit,
            ) as child:
                try:
                    for line in child.stdout or ():
                        message = _parse(line)
                        if "stage" in message and progress is not None:
                            progress(message["stage"], message["done"], message["total"])
                        elif "versions" in message:
                            self._versions, self._hardware = message["versions"], message["hardware"]
                        elif "warning" in message:
                            _tell(message["warning"])
                        elif "error" in message:
                            failure = message
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(timeout=_LEAVE)  # it has said its last word
                finally:
                    if child.stdin is not None:
                        child.stdin.close()
                    child.wait()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.core_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if failure is not None:
                _raise(failure)
            if child.returncode != 0:
                stderr.seek(0)
                words = stderr.read().strip()[-600:] or "it said nothing"
                if -child.returncode in _FROM_OUTSIDE:
                    raise EngineKilledError(
                        f"the {self.name} process was ended from outside, by {signal.Signals(-child.returncode).name}; "
                        "where nobody did, the machine may be short of memory"
                    )
                how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit status {child.returncode}"
                raise EngineError(f"the {self.name} process ended with {how}; its last words: {words}")
        return read_frames(workdir / FRAMES)


@functools.cache
def _tell(warning: str) -> None:
    """Once in a process, though every block has a child of its own."""
    log.warning(warning)


def _python_path() -> str:
    inherited = os.environ.get("PYTHONPATH")
    return str(_ROOT) if not inherited else f"{_ROOT}{os.pathsep}{inherited}"


def _parse(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _raise(failure: dict[str, Any]) -> None:
    if failure.get("errno") is not None:
        raise OSError(failure["errno"], failure["message"])
    kind = getattr(errors, failure["error"], EngineError)
    raise kind(failure["message"])

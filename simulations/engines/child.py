"""The process that an engine runs in: ``python -m simulations.engines.child WORKDIR``.

Reads ``job.json`` and ``state.npz`` from its working folder, runs, and reports one JSON object
per line on what was its standard output; whatever an engine prints goes to standard error. It
ends by itself when its standard input closes, which is what happens when the process that
started it dies, however it dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import inspect
import json
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any, TextIO

from nanonet.errors import ConfigError, EngineWarning, NanonetError
from simulations.forcefield import ForceField
from simulations.protocol import stages_from_dicts
from simulations.state import State

#: Exit status of a run that failed for a reason it could report.
FAILED = 3
#: Seconds between progress reports.
_REPORT_EVERY = 1.0


def make_engine(target: str, options: dict[str, Any]) -> Any:
    """An engine from the dotted name of its class; only this package's engines are allowed.

    Raises:
        ConfigError: there is no such engine, or it has no such option; the message lists those there are.
    """
    module, _, name = target.rpartition(".")
    if not module.startswith("simulations.engines."):
        raise ConfigError(f"an engine is a class in simulations.engines, got {target!r}")
    try:
        made = getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ConfigError(f"there is no engine {target!r} ({error}); conf/engine lists those there are") from error
    known = list(inspect.signature(made).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"engine {name} has no option {', '.join(unknown)}; its options are {', '.join(known)}")
    return made(**options)


def _leave_with_parent() -> None:
    """Block until the parent's end of standard input is gone, then leave at once."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _die_with_parent() -> None:
    """Have Linux end this process with its parent, even while an engine keeps every thread from running."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class _Output:
    """Keeps standard output for our reports; libraries that print there reach standard error.

    It stays open until the process is gone: its end tells the parent that there is nothing to wait for.
    """

    def __init__(self) -> None:
        self._descriptor = os.dup(1)
        os.dup2(2, 1)

    def send(self, **message: Any) -> None:
        """Write one message."""
        os.write(self._descriptor, f"{json.dumps(message)}\n".encode())

    def show(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Pass on what an engine warns of; other libraries' warnings go to standard error."""
        if issubclass(category, EngineWarning):
            self.send(warning=str(message))
        else:
            (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def main(workdir: Path) -> int:
    """Run the job in ``workdir``; returns the exit status."""
    # the terminal's Ctrl-C is for the campaign, which lets this block finish
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    output = _Output()
    warnings.showwarning = output.show
    job = json.loads((workdir / "job.json").read_text())
    last = 0.0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_EVERY or done >= total:
            last = now
            output.send(stage=stage, done=done, total=total)

    try:
        engine = make_engine(job["engine"], job["options"])
        engine.run(
            State.load(workdir / "state.npz"),
            ForceField.from_dict(job["forcefield"]),
            stages_from_dicts(job["stages"]),
            workdir,
            job["seed"],
            restart=Path(job["restart"]) if job["restart"] else None,
            progress=report,
        )
        output.send(versions=engine.versions(), hardware=engine.hardware())
    except (NanonetError, OSError, MemoryError) as error:
        output.send(error=type(error).__name__, message=str(error), errno=getattr(error, "errno", None))
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

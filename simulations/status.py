"""``make status``: where the state points of a workspace stand."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path

from nanonet.errors import ConfigError
from simulations.card import phase_of
from simulations.record import read_record
from simulations.run import status_row
from simulations.workspace import PointFolder, Workspace


def main(arguments: list[str]) -> int:
    """Print a table of the state points; returns the exit status."""
    given = dict(item.partition("=")[::2] for item in arguments)
    if set(given) - {"workspace"}:
        print("usage: python -m simulations.status [workspace=DIR]", file=sys.stderr)
        return 2
    path = Path(given.get("workspace", "workspace"))
    try:
        points = Workspace.existing(path).points()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    _print(path, points)
    return 0


def _print(path: Path, points: list[PointFolder]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"state points of {path}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("point", "composition (e: NP-NP, P-NP)", "stage"):
        table.add_column(name, no_wrap=True)
    for name in ("steps", "of about", "steps/s", "stage ends in"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    counts: Counter[str] = Counter()
    reasons = []
    # what is going on comes first
    order = ("", "finished", "failed", "waiting")
    rows = []
    for point in points:
        row, record, failed = status_row(point), read_record(point), point.read_json("failed.json")
        running = point.holder() is not None
        if not running and row.stage not in ("finished", "failed", "waiting"):
            row = row._replace(stage=f"{row.stage.partition(':')[0]}, stopped", rate="", left="")
        if failed is not None:
            verdict, result = "given up", "given up"
            reasons.append(f"{row.point}: {failed['reason']}")
        elif record is not None:
            verdict, result = record["verdict"], f"{record['verdict']}, {phase_of(record)}"
        else:
            verdict, result = "running" if running else "stopped" if row.steps else "waiting", ""
        counts[verdict] += 1
        rows.append((order.index(row.stage) if row.stage in order else 0, *row, result))
    for _, *cells in sorted(rows):
        table.add_row(*cells)
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(table)
    for reason in reasons:
        console.print(reason, markup=False, soft_wrap=True)
    print(", ".join(f"{number} {name}" for name, number in counts.most_common()) or "no state points yet")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `make status | head` ends without a word
    sys.exit(main(sys.argv[1:]))

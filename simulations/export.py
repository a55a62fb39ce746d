"""From finished state points to one labelled data set, its figures and a summary.

``python -m simulations.export workspace=DIR into=FILE.nc`` adds the records of a workspace to a
data set, and writes its card FILE.md with the figure FILE.png beside it. A record that is there
already is replaced only by a longer run of the same state point.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nanonet.data import store
from nanonet.errors import ConfigError, DataError, WorkspaceLockedError
from simulations.analysis.checks import DIFFERS, differs
from simulations.attempt import open_run
from simulations.card import write_card
from simulations.figures import record_figure
from simulations.opposites import Opposites, comparable, opposite
from simulations.protocol import Protocol
from simulations.record import RULES, blocks_of, make_record, read_record, write_record
from simulations.workspace import PointFolder, Workspace

log = logging.getLogger(__name__)

#: How a data set is made again, and made longer, as its card says it.
REMAKE = """\
make simulate ARGS="workspace=again design=records design.path={file} extend_until_passed=80"  # again
make simulate ARGS="workspace=more order=cost design.n=120"              # others: the next points
python -m simulations.export workspace=more into={file}  # adds what has finished"""


def records(points: Iterable[PointFolder]) -> list[dict[str, Any]]:
    """Records of the finished points; those with a run from the opposite start are judged by it, unless it failed.

    Records that were judged by other rules than today's are judged again where their blocks are still there.
    """
    read = [(point, record) for point in points if (record := read_record(point)) is not None]
    # Whether a run failed decides what it says of others, so that is asked by today's rules first.
    found = [(point, row if row.get("rules") == RULES else _judged(point, row, None)) for point, row in read]
    met = {comparable(record) for _, record in found}
    runs = Opposites(record for _, record in found)
    result = []
    for point, record in found:
        # Judged anew also where the other one has failed: it may have counted before.
        alone = comparable(record, opposite(record["start"])) not in met
        result.append(record if alone else _judged(point, record, runs.worst(record)))
    return result


def confronted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of a data set; one that passed and differs from a run of the opposite start that has not failed is short.

    As :func:`records` does within a workspace; here the runs may come from several of them. One that was short for
    this alone passes again where it no longer differs: the other run has become longer, or has failed since.
    """
    listed = [_alone(row) for row in rows]
    runs = Opposites(listed)
    return [
        row
        if row["verdict"] != "passed" or runs.agree(row)
        else {**row, "verdict": "short", "reasons": differs(runs.chi2(row))}
        for row in listed
    ]


def _alone(row: dict[str, Any]) -> dict[str, Any]:
    """A record as it was judged before it met a run from the opposite start."""
    reasons = row["reasons"].split("; ")
    met = row["verdict"] == "short" and all(reason.startswith(DIFFERS) for reason in reasons)
    return {**row, "verdict": "passed", "reasons": ""} if met else row


def _judged(point: PointFolder, record: dict[str, Any], other: Mapping[str, Any] | None) -> dict[str, Any]:
    """The record with the verdict of today's rules and the run from the opposite start; also left in its folder."""
    try:
        with point.lock():
            attempts = point.attempts()
            if not attempts:
                return {**store.LATER, **record}
            attempt = attempts[-1]
            # older records do not say what they were asked for; of the presets of then these two never passed
            asked = {"trainable": record["preset"] not in ("smoke", "demo")}
            asked |= {name: record[name] for name in ("trainable", "production_steps") if name in record}
            protocol = Protocol.from_mapping({**point.statepoint["protocol"], **asked})
            run = open_run(point, protocol, attempt)
            before = len(run.blocks) - len(run.of("production"))
            # blocks beyond the record belong to an extension that is under way
            run = replace(run, blocks=run.blocks[: before + blocks_of(record)])
            # the protocol's caps are not part of the state point, so whether it ended at one is kept as it is
            judged = make_record(point, attempt, run, other) | {"capped": record["capped"]}
            if any(judged[name] != record.get(name) for name in ("verdict", "reasons", "rules")):
                write_record(point, judged)
            return judged
    except WorkspaceLockedError:
        return {**store.LATER, **record}


def export(workspace: Workspace, folder: Path, *, figures: bool = True) -> Path | None:
    """Write ``dataset.nc`` and a figure per record into ``folder``; ``None`` if nothing is finished."""
    rows = records(workspace.points())
    if not rows:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows if figures else ():
        file = folder / "figures" / f"{row['record']}.png"
        source = workspace.path / "workspace" / row["record"] / "record.json"
        if not file.is_file() or file.stat().st_mtime < source.stat().st_mtime:
            record_figure(row, file)
    return store.write(store.from_records([plain(row) for row in rows], rows[0]["r"]), folder / "dataset.nc")


def plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of the store's schema, without the curves that only figures need."""
    whole = {**store.LATER, **record}
    return {name: whole[name] for name in ("record", *store.VARIABLES)}


def main(arguments: list[str]) -> int:
    """Merge a workspace's records into a data set file."""
    given = dict(item.partition("=")[::2] for item in arguments)
    unknown = sorted(set(given) - {"workspace", "into", "verdicts"})
    if unknown or not given.get("into"):
        print("usage: python -m simulations.export workspace=DIR into=FILE.nc [verdicts=passed,short]", file=sys.stderr)
        return 2
    path = Path(given.get("workspace", "workspace"))
    verdicts = tuple(given.get("verdicts", ",".join(store.VERDICTS)).split(","))
    if set(verdicts) - set(store.VERDICTS):
        print(f"verdicts are among {', '.join(store.VERDICTS)}, got {given['verdicts']}", file=sys.stderr)
        return 2
    try:
        points = Workspace.existing(path).points()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    rows = [row for row in records(points) if row["verdict"] in verdicts and row["preset"] != "smoke"]
    if not rows:
        print(
            f"{path} has no finished records to add among {len(points)} state points "
            f"(verdict {' or '.join(verdicts)}; those of the preset smoke are never added)",
            file=sys.stderr,
        )
        return 1
    fresh = store.from_records([plain(row) for row in rows], rows[0]["r"])
    target = Path(given["into"])
    try:
        combined = store.merge(store.read(target), fresh) if target.is_file() else fresh
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    combined = store.from_records(confronted(store.to_records(combined)), combined["r"].values)
    store.write(combined, target)
    # A card is read on other machines, where an absolute path means nothing.
    shown = target.name if target.is_absolute() else target.as_posix()
    text, _ = write_card(combined, target, REMAKE.format(file=shown))
    print(f"{target}: {combined.sizes['record']} records, {len(rows)} of them from {path}; its card is {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

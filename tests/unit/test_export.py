"""From finished state points to a data set."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.data import store
from nanonet.paths import RECORDS
from simulations import export, pipeline, record
from simulations.pipeline import advance
from simulations.record import read_record
from simulations.workspace import Workspace
from tests.ideal_points import ENGINE, PROTOCOL, finish, run_here
from tests.productions import curves


@pytest.fixture(autouse=True)
def nearby(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.Supervised, "run", run_here)


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "space")


def test_a_data_set_and_its_figures(space: Workspace, tmp_path: Path) -> None:
    finish(space)
    finish(space, replica=1)
    file = export.export(space, tmp_path / "results")
    assert file == tmp_path / "results" / "dataset.nc"
    data = store.read(file)
    assert data.sizes["record"] == 2
    assert len(set(data["group"].values)) == 1
    figures = list((tmp_path / "results" / "figures").glob("*.png"))
    assert len(figures) == 2
    # a figure that is up to date is not drawn again
    drawn = {figure: figure.stat().st_mtime_ns for figure in figures}
    export.export(space, tmp_path / "results")
    assert {figure: figure.stat().st_mtime_ns for figure in figures} == drawn


def test_nothing_to_export(space: Workspace, tmp_path: Path) -> None:
    assert export.export(space, tmp_path / "results") is None
    assert not (tmp_path / "results").exists()


def test_the_opposite_start_judges(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = finish(space), finish(space, "aggregated")
    seen = []
    original = record.judge

    def judge(**values: object) -> object:
        seen.append(values["opposite"])
        return original(**values)

    monkeypatch.setattr(record, "judge", judge)
    rows = {row["record"]: row for row in export.records([one, two])}
    assert len(seen) == 2
    assert all(opposite is not None for opposite in seen)
    for point in (one, two):
        stored = read_record(point)
        assert stored is not None
        assert stored["verdict"] == rows[point.id]["verdict"]


def test_a_failed_run_says_nothing_of_its_opposite(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = finish(space), finish(space, "aggregated")
    known = read_record(two)
    assert known is not None
    record.write_record(two, known | {"verdict": "failed", "reasons": "energy drifts"})
    asked = {}
    monkeypatch.setattr(export, "_judged", lambda point, row, opposite: asked.update({point.id: opposite}) or row)
    export.records([one, two])
    # The first is judged anew, without it, for it may have counted before; the second by the first.
    assert asked[one.id] is None
    assert asked[two.id]["record"] == one.id


def test_an_opposite_counts_by_the_rules_of_today(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = finish(space), finish(space, "aggregated")
    known = read_record(two)
    assert known is not None
    record.write_record(two, known | {"verdict": "failed", "rules": known["rules"] - 1})
    asked: dict[str, list[str | None]] = {}

    def judged(point: Any, row: dict[str, Any], other: dict[str, Any] | None) -> dict[str, Any]:
        asked.setdefault(point.id, []).append(None if other is None else other["record"])
        return {**row, "verdict": "passed"}

    monkeypatch.setattr(export, "_judged", judged)
    export.records([one, two])
    # It had failed by older rules and would say nothing; by those of today it passes, and has a say.
    assert asked == {two.id: [None, one.id], one.id: [two.id]}


def test_runs_of_several_workspaces_are_confronted(rng: np.random.Generator) -> None:
    common = {"group": "a", "preset": "workstation", "block_frames": np.full(20, 50.0), "n_blocks": 20, "reasons": ""}
    same = [{**common, "g_block": curves(rng), "start": start} for start in ("dispersed", "aggregated")]
    other = {**common, "g_block": 1.5 * curves(rng), "start": "aggregated"}

    def verdicts(*rows: dict[str, Any]) -> list[str]:
        return [row["verdict"] for row in export.confronted({"verdict": "passed", **row} for row in rows)]

    assert verdicts(*same) == ["passed", "passed"]
    assert verdicts(same[0], other) == ["short", "short"]
    assert verdicts(same[0], {**other, "verdict": "failed"}) == ["passed", "failed"]
    assert verdicts(same[0], {**other, "verdict": "short"}) == ["short", "short"]
    # Another composition, preset or box is another thing, and too few blocks have no error.
    for change in ({"group": "b"}, {"preset": "paper"}, {"volume_factor": 2.0}):
        assert verdicts(same[0], {**other, **change}) == ["passed", "passed"]
    few = {"g_block": other["g_block"][:3], "n_blocks": 3, "verdict": "short"}
    assert verdicts(same[0], {**other, **few}) == ["passed", "short"]
    reasons = [row["reasons"] for row in export.confronted([{"verdict": "passed", **row} for row in (same[0], other)])]
    assert all("differs from the run of the opposite start, reduced chi^2" in reason for reason in reasons)


def test_a_record_that_no_longer_differs_passes_again(rng: np.random.Generator) -> None:
    common = {"group": "a", "preset": "workstation", "block_frames": np.full(20, 50.0), "n_blocks": 20, "reasons": ""}
    one = {**common, "g_block": curves(rng), "start": "dispersed", "verdict": "passed"}
    other = {**one, "g_block": 1.5 * curves(rng), "start": "aggregated"}
    short = export.confronted([one, other])
    assert [row["verdict"] for row in short] == ["short", "short"]
    # The other one went on, and agrees now, or has turned out to drift.
    longer = {**other, "g_block": curves(rng)}
    failed = {**other, "verdict": "failed", "reasons": "energy drifts"}
    assert [row["verdict"] for row in export.confronted([short[0], longer])] == ["passed", "passed"]
    assert [row["verdict"] for row in export.confronted([short[0], failed])] == ["passed", "failed"]
    assert export.confronted([short[0], failed])[0]["reasons"] == ""
    # As long as they differ they stay short; and what is short for another reason stays so in any case.
    assert [row["verdict"] for row in export.confronted(short)] == ["short", "short"]
    little = {**short[0], "reasons": f"too short; {short[0]['reasons']}"}
    assert [row["verdict"] for row in export.confronted([little, longer])] == ["short", "passed"]


def test_the_shipped_records_have_been_confronted() -> None:
    rows = store.to_records(store.read(RECORDS))
    assert [row["verdict"] for row in export.confronted(rows)] == [row["verdict"] for row in rows]


def test_what_does_not_judge(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of another preset is another simulation."""
    points = [finish(space), finish(space, "aggregated", replace(PROTOCOL, name="smoke"))]
    monkeypatch.setattr(export, "_judged", lambda *_: pytest.fail("judged by another preset"))
    assert len(export.records(points)) == 2


def test_judging_keeps_the_length_and_the_cap_of_the_record(space: Workspace) -> None:
    """Blocks of an extension that is under way do not belong to the record yet."""
    one, two = finish(space), finish(space, "aggregated")
    before = read_record(one)
    assert before is not None
    longer = replace(PROTOCOL, extend_blocks=2)
    assert advance(str(space.path), one.id, longer, ENGINE, {}).outcome == "advanced"
    row = next(row for row in export.records([one, two]) if row["record"] == one.id)
    assert row["n_blocks"] == before["n_blocks"]
    assert row["capped"] == before["capped"]
    np.testing.assert_array_equal(row["g"], before["g"])


def test_records_of_other_rules_are_judged_again(space: Workspace) -> None:
    point = finish(space)
    known = read_record(point)
    assert known is not None
    older = {name: value for name, value in known.items() if name not in ("rules", "n_transient", "production_steps")}
    record.write_record(point, older | {"verdict": "failed", "reasons": "by an older rule"})
    assert [row["verdict"] for row in export.records([point])] == [known["verdict"]]
    assert read_record(point) is not None
    assert read_record(point)["reasons"] == known["reasons"]
    # without its blocks a record stays as it is
    record.write_record(point, older | {"verdict": "failed", "reasons": "by an older rule"})
    for attempt in point.attempts():
        shutil.rmtree(attempt)
    row = export.records([point])[0]
    assert (row["reasons"], row["n_transient"]) == ("by an older rule", 0)
    assert export.plain(row)["n_transient"] == 0


def test_what_may_never_pass_does_not_pass_when_judged_again(space: Workspace) -> None:
    protocol = replace(PROTOCOL, name="brief", trainable=False)
    point = finish(space, protocol=protocol)
    known = read_record(point)
    assert known is not None
    assert known["verdict"] != "passed"
    record.write_record(point, known | {"rules": 0})
    assert "never passes" in export.records([point])[0]["reasons"]


def test_what_still_relaxed_belongs_to_the_equilibration(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    original = record.judge
    monkeypatch.setattr(record, "judge", lambda **values: replace(original(**values), n_transient=3))
    point = finish(space)
    known = read_record(point)
    assert known is not None
    assert (known["n_transient"], known["n_blocks"], len(known["g_block"])) == (3, 5, 5)
    assert (known["steps_equilibration"], known["steps_production"]) == (20 + 3 * 20, 160 - 3 * 20)
    assert len(known["series_density"]) == len(known["series_msd"]) == 5
    # the same blocks are not judged twice, and extending counts those of the whole production
    assert record.is_finished(point, PROTOCOL)
    assert not record.is_finished(point, replace(PROTOCOL, extend_blocks=2))
    np.testing.assert_allclose(known["g"], known["g_block"].mean(axis=0))


def test_a_point_that_is_written_is_not_judged_now(space: Workspace) -> None:
    one, two = finish(space), finish(space, "aggregated")
    with one.lock():
        assert len(export.records([one, two])) == 2


def test_merging_into_a_file(space: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "all.nc"
    arguments = [f"workspace={space.path}", f"into={target}"]
    point = finish(space)
    finish(space, protocol=replace(PROTOCOL, name="smoke"))
    assert export.main(arguments) == 0
    assert store.read(target).sizes["record"] == 1, "smoke is never added"
    steps = int(store.read(target)["steps_production"].values[0])
    # a longer run of the same state point takes its place
    longer = replace(PROTOCOL, extend_blocks=2)
    while advance(str(space.path), point.id, longer, ENGINE, {}).outcome != "finished":
        pass
    finish(space, replica=1)
    assert export.main(arguments) == 0
    data = store.read(target)
    assert sorted(data["steps_production"].values) == [steps, steps + 40]
    assert "2 records, 2 of them from" in capsys.readouterr().out
    target.write_bytes(b"damaged")
    assert export.main(arguments) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert target.read_bytes() == b"damaged"


def test_only_some_verdicts(space: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    point = finish(space)
    record = read_record(point)
    assert record is not None
    other = next(verdict for verdict in store.VERDICTS if verdict != record["verdict"])
    assert export.main([f"workspace={space.path}", f"into={tmp_path}/x.nc", f"verdicts={other}"]) == 1
    assert f"verdict {other};" in capsys.readouterr().err
    assert not (tmp_path / "x.nc").exists()

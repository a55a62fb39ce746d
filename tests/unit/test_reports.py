"""What a campaign shows to people: figures, tables and times."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console as RichConsole

from nanonet.domain import Composition
from nanonet.domain.rdf import standard_grid
from simulations import run, status
from simulations.figures import record_figure
from simulations.pipeline import Progress
from simulations.protocol import Protocol
from simulations.workspace import PointFolder, StatePoint, Workspace, write_json


def made_up_record(n_blocks: int, **changes: Any) -> dict[str, Any]:
    r = standard_grid()
    g = np.where(r < 2.7, 0.0, 1.0 + 40.0 * np.exp(-(((r - 3.3) / 0.2) ** 2)))
    series = {f"series_{name}": np.linspace(0.84, 0.86, n_blocks) for name in ("density", "energy", "msd")}
    few = n_blocks < 4
    return {
        "record": "0123456789abcdef",
        **Composition(D=3, N=40, rho=0.0042, eps_np_np=0.5, eps_p_np=1.0).to_dict(),
        "r": r,
        "g": g,
        "g_error": np.full_like(g, np.nan) if n_blocks == 1 else 0.1 * g,
        "n_blocks": n_blocks,
        "n_frames": 100,
        "n_np": 16,
        "n_beads": 8000,
        "steps_production": 1000 * n_blocks,
        "dt": 0.005,
        "engine": "lammps",
        "preset": "workstation",
        "start": "dispersed",
        "replica": 0,
        "capped": True,
        "density": 0.85,
        "density_error": np.nan if n_blocks == 1 else 0.002,
        "density_drift": np.nan if few else 3.0,
        "energy": 0.85,
        "energy_error": np.nan if n_blocks == 1 else 0.002,
        "energy_drift": np.nan if few else -1.0,
        "verdict": "failed",
        "reasons": "",
        **series,
        **changes,
    }


@pytest.mark.parametrize("n_blocks", [1, 3, 20])
@pytest.mark.parametrize("reasons", ["", "; ".join(["the RDFs of the two halves differ, reduced chi^2 17.3"] * 12)])
def test_a_figure_of_any_record(n_blocks: int, reasons: str, tmp_path: Path) -> None:
    file = record_figure(made_up_record(n_blocks, reasons=reasons), tmp_path / "figures" / "x.png")
    assert file.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1:00 h"),
        (90061, "25:01 h"),
        (259200, "3.0 d"),
    ],
)
def test_times_for_people(seconds: float, text: str) -> None:
    assert run._hours(seconds) == text


@pytest.fixture
def points(tmp_path: Path, composition: Composition) -> list[PointFolder]:
    space = Workspace(tmp_path / "space")
    return [space.point(StatePoint(composition, Protocol("smoke"), "ideal", replica)) for replica in range(3)]


def test_where_a_point_stands(points: list[PointFolder]) -> None:
    point = points[0]
    label = "D=3.00 N=40 phi=0.059 e=0.50,1.00"
    assert run.status_row(point) == run.StatusRow(point.id[:8], label, "waiting")
    point.write_status(phase="equilibration", stage="start", steps=0, steps_wanted=4000)
    assert run.status_row(point)[2:] == ("equilibration: start", "0", "4,000", "", "")
    preparing = {"steps": 0, "steps_wanted": 4000, "stage_done": 2000, "stage_total": 50000, "rate": 400.0}
    point.write_status(phase="equilibration", stage="soften", **preparing)
    assert run.status_row(point)[2:] == ("equilibration: soften", "2,000", "50,000", "400", "2 min")
    point.write_status(phase="production", stage="npt", steps=1000, steps_wanted=13000, rate=100.0)
    assert run.status_row(point)[2:] == ("production", "1,000", "13,000", "100", "2 min")
    point.write_status(phase="production", stage="npt", steps=1000, steps_wanted=500, rate=None)
    assert run.status_row(point)[2:] == ("production", "1,000", "1,000", "", "")
    point.write_status(phase="failed", message="it exploded")
    assert run.status_row(point)[2] == "failed"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_campaign_on_the_screen(points: list[PointFolder], terminal: bool) -> None:
    screen = io.StringIO()
    names = [point.id for point in points]
    console = run.Console(Workspace(points[0].path.parent.parent), 0, dict.fromkeys(names, 2.0))
    console.console = RichConsole(file=screen, force_terminal=terminal, width=120)
    points[1].write_status(phase="production", stage="npt", steps=0, steps_wanted=9, core_hours=0.5)
    console.begin(names, 0)
    console.tick((), 0)
    console._last = time.monotonic() - 100
    console.tick(names[:1], 2)
    assert console._hours_left() == pytest.approx(5.5)
    # a point took twice its estimate, so the others will
    console.advanced(names[0], Progress("advanced", "production", 10, 20, 1.0))
    console.advanced(names[0], Progress("finished", "production", 20, 20, 4.0))
    assert console._hours_left() == pytest.approx(7.5)
    console.advanced(names[1], Progress("failed", "failed", 0, 0, 0.0, "it exploded [bold]"))
    console.note("waiting: state point is held")
    console.end()
    text = screen.getvalue()
    assert "3 state points, 0 finished already, 0 workers; Ctrl-C stops after the blocks under way" in text
    assert f"1/3 {names[0][:8]} finished after 4:00 h of a core" in text
    assert f"1/3 {names[1][:8]} failed: it exploded [bold]" in text
    assert "waiting: state point is held" in text
    if terminal:
        assert "0 of 3 state points finished; about 2:45 h left" in text
    else:
        assert f"{names[0][:8]} production 10 of about 20 steps" in text


def test_status_lists_what_runs_first(points: list[PointFolder], capsys: pytest.CaptureFixture[str]) -> None:
    points[0].write_status(phase="production", stage="npt", steps=1000, steps_wanted=5000, rate=10.0)
    points[2].write_status(phase="failed", message="it exploded")
    write_json(points[2].path / "failed.json", {"reason": "it exploded (last good block: 3)"})
    with points[0].lock():
        assert status.main([f"workspace={points[0].path.parent.parent}"]) == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if "D=3.00" in line]
    assert [row.split()[0] for row in rows] == [points[0].id[:8], points[2].id[:8], points[1].id[:8]]
    assert "6 min" in rows[0]
    assert f"{points[2].id[:8]}: it exploded (last good block: 3)" in text
    assert "1 running" in text
    assert "1 given up" in text
    assert "1 waiting" in text
    assert status.main([f"workspace={points[0].path.parent.parent}"]) == 0
    assert "production, stopped" in capsys.readouterr().out

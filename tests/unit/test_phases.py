"""Phase maps of made-up models: the grid, its phases, what stands on it, and bad input."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nanonet import cli
from nanonet.data import store
from nanonet.domain import RDF, Composition
from nanonet.domain.rdf import PHASES, classify_phases, standard_grid
from nanonet.errors import CheckpointError, DataError, InputError
from nanonet.inference import load
from nanonet.phases import PhaseMap, phase_map
from nanonet.phases.draw import LOOKS, caption
from nanonet.phases.simulated import is_near, simulated
from nanonet.training.run import train
from nanonet.units import LJ_MINIMUM
from tests.made_up import compositions, configuration, record
from tests.synthetic import synthetic_rdfs

SLICE = {"D": 3.0, "N": 30, "phi": 0.05}


def g_of(point: dict[str, float]) -> np.ndarray:
    """A peak at contact where eps_np_np is large, one behind a layer of polymer where eps_p_np is; neither physical."""
    r, diameter = standard_grid(), point["D"]
    contact = 8.0 * max(point["eps_np_np"] - 0.9 * point["eps_p_np"] - 0.2, 0.0)
    bridge = 7.0 * max(point["eps_p_np"] - 0.55 * point["eps_np_np"] - 0.1, 0.0)
    g = 1.0 + contact * np.exp(-(((r - LJ_MINIMUM * diameter) / 0.3) ** 2))
    g += bridge * np.exp(-(((r - LJ_MINIMUM * (diameter + 1)) / 0.4) ** 2))
    return g * (r > 0.9 * diameter)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records with all three phases, one of them failed, and a model of them."""
    made = tmp_path_factory.mktemp("phases")
    rows = []
    for number, point in enumerate(compositions(60, seed=3)):
        verdict = "failed" if number == 7 else "passed"
        rows.append(record(f"c{number:03d}/0", point, number, g=g_of(point), verdict=verdict))
    file = store.write(store.from_records(rows, standard_grid()), made / "records.nc")
    settings = ("representation=pca", "figures=false", "progress=false", "tensorboard=false")
    run = train(configuration("train", "+experiment=nanonet", f"dataset.path={file}", f"folder={made}", *settings))
    run.rename(made / "run")
    return made


@pytest.fixture(scope="module")
def found(folder: Path) -> PhaseMap:
    return phase_map(**SLICE, model=folder / "run" / "checkpoint", records=folder / "records.nc", n=15)


def test_every_point_is_what_predict_says(folder: Path, found: PhaseMap) -> None:
    model = load(folder / "run" / "checkpoint")
    for row, column in [(0, 0), (3, 12), (14, 2), (14, 14)]:
        inputs = {**SLICE, "eps_np_np": found.eps_np_np[column], "eps_p_np": found.eps_p_np[row]}
        problem = model.checkpoint.problem
        rdf = problem.present(model.evaluate(problem.parse(inputs, {})[0]))[0]
        assert found.phase[row, column] == rdf.phase
        assert found.in_domain[row, column] == rdf.in_domain
        if rdf.first_peak is None:
            assert math.isnan(found.peak_height[row, column])
        else:
            assert found.peak_height[row, column] == pytest.approx(rdf.first_peak.height)
            assert found.peak_position[row, column] == pytest.approx(rdf.first_peak.position)


def test_the_corners_are_of_the_phases_that_were_put_there(found: PhaseMap) -> None:
    named = {
        "aggregated": found.phase[np.ix_(found.eps_p_np < 0.7, found.eps_np_np > 1.9)],
        "bridged": found.phase[np.ix_(found.eps_p_np > 1.1, found.eps_np_np < 0.6)],
    }
    for phase, corner in named.items():
        assert (corner == phase).mean() > 0.9
    assert sum(found.shares().values()) == pytest.approx(1.0)
    assert all(share > 0.05 for share in found.shares().values())


def test_members_vote_for_the_phase(folder: Path, found: PhaseMap) -> None:
    assert found.members == 20
    assert found.agreement is not None
    # Sure in the middle of a phase, not at its border.
    assert found.agreement[2, 14] >= 0.9
    assert found.agreement.min() < 0.7
    quick = phase_map(**SLICE, model=folder / "run" / "checkpoint", records=folder / "records.nc", n=5, members=False)
    assert quick.agreement is None
    assert "members" not in caption(quick)


def test_phases_of_many_are_those_of_each() -> None:
    g, _ = synthetic_rdfs(24, seed=1)
    for diameter in (2.0, 3.3, 5.0):
        point = Composition.from_phi(D=diameter, N=30, phi=0.05, eps_np_np=1.0, eps_p_np=1.0)
        each = [RDF(r=standard_grid(), g=row, composition=point).phase for row in g]
        assert classify_phases(standard_grid(), g, diameter).tolist() == each
        assert classify_phases(standard_grid(), g.reshape(4, 6, -1), diameter).shape == (4, 6)


def test_simulated_points_are_filled_where_they_are_near(folder: Path, found: PhaseMap) -> None:
    assert len(found.points) == 59  # one failed
    near = [point for point in found.points if point.near]
    assert 0 < len(near) < len(found.points)
    for point in found.points:
        c = point.composition
        expected = abs(c.D - 3) <= 0.5 and abs(c.N - 30) <= 5 and 0.05 / 1.5 <= c.phi <= 0.05 * 1.5
        assert point.near == expected
        assert is_near(near[0].composition, c) == is_near(c, near[0].composition)
    assert f"the {len(near)} of 59 with D within 0.5, N within 5 and phi within a factor of 1.5" in caption(found)
    with pytest.raises(DataError, match="no data set at"):
        simulated(folder / "none.nc", near[0].composition)


def test_a_composition_that_was_simulated_twice_is_one_point(tmp_path: Path) -> None:
    point = compositions(1, seed=3)[0]
    wet, dry = ({**point, "eps_np_np": a, "eps_p_np": b} for a, b in [(0.1, 0.2), (2.4, 0.1)])
    rows = [record(f"c000/{replica}", point, replica, g=g_of(made)) for replica, made in enumerate([wet, dry])]
    rows += [record("c001/0", compositions(2, seed=3)[1], 2, g=g_of(wet))]
    file = store.write(store.from_records(rows, standard_grid()), tmp_path / "records.nc")
    points, _ = simulated(file, Composition(**point))
    assert len(points) == 2
    assert points[0].phase == "aggregated"  # of the mean, not of the first, which is dispersed
    assert points[1].phase == "dispersed"


def test_colours_differ_in_grey() -> None:
    def luminance(color: str) -> float:
        red, green, blue = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    grey = sorted(luminance(LOOKS[phase][0]) for phase in PHASES)
    assert min(np.diff(grey)) > 0.2
    assert len({LOOKS[phase][1] for phase in PHASES}) == 3


def test_the_command_writes_figure_and_table(folder: Path, found: PhaseMap) -> None:
    model, picture, table = folder / "run" / "checkpoint", folder / "map.png", folder / "map.csv"
    options = ["--D", "3", "--N", "30", "--phi", "0.05", "--n", "15"]
    files = ["-m", str(model), "--records", str(folder / "records.nc"), "-o", str(picture), "--table", str(table)]
    done = CliRunner().invoke(cli.app, ["phase-map", *options, *files], catch_exceptions=False)
    assert done.exit_code == 0
    assert picture.stat().st_size > 20_000
    with table.open(newline="") as opened:
        rows: list[dict[str, Any]] = list(csv.DictReader(opened))
    assert len(rows) == 225
    assert [row["phase"] for row in rows] == found.phase.ravel().tolist()
    assert [row["in_domain"] for row in rows] == [str(bool(value)) for value in found.in_domain.ravel()]
    for row, height in zip(rows, found.peak_height.ravel(), strict=True):
        assert (row["first_peak_height"] == "") == math.isnan(height)
    with pytest.raises(InputError, match=re.escape("--output must end in .png, .pdf or .svg")):
        CliRunner().invoke(cli.app, ["phase-map", *options, "-o", "map.txt"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"D": 0.5}, "D must be"),
        ({"D": 9.0}, "is not inside the grid"),
        ({"N": 30.5}, "whole number"),
        ({"phi": 0.0}, "phi must be"),
        ({"phi": 0.9}, "phi must be"),
        ({"n": 1}, "2 to 401 points, got n = 1"),
        ({"n": 1000}, "2 to 401 points"),
        ({"n": True}, "2 to 401 points"),
        ({"eps_np_np": (2.0, 1.0)}, "two rising numbers"),
        ({"eps_p_np": (0.0, 50.0)}, "eps_p_np must be finite"),
        ({"model": "nobody"}, "there is no checkpoint 'nobody'"),
    ],
)
def test_bad_input_is_refused_by_name(folder: Path, changes: dict[str, Any], complaint: str) -> None:
    settings = {**SLICE, "model": folder / "run" / "checkpoint", "records": folder / "records.nc", **changes}
    with pytest.raises((InputError, CheckpointError), match=complaint):
        phase_map(**settings)


def test_a_model_of_something_else_is_refused(need: Callable) -> None:
    need("lightgbm", "pip install 'nanonet[chem]'")
    with pytest.raises(InputError, match="needs one that predicts RDFs of nanocomposites"):
        phase_map(**SLICE, model="spe")


def test_a_map_checks_itself() -> None:
    axis, phase = np.array([0.1, 0.2]), np.full((2, 2), "molten")
    arrays = {
        "peak_position": np.ones((2, 2)),
        "peak_height": np.ones((2, 2)),
        "in_domain": np.ones((2, 2), dtype=bool),
    }
    with pytest.raises(InputError, match="got 'molten'"):
        PhaseMap(3.0, 30, 0.05, axis, axis, phase=phase, **arrays)
    with pytest.raises(InputError, match="must have shape"):
        PhaseMap(3.0, 30, 0.05, axis, axis, phase=phase[:1], **arrays)

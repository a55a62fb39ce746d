"""The confusion of phases: counts by hand, and where it is reported."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nanonet.data.dataset import Axis, Dataset
from nanonet.data.nanocomposite import Nanocomposite
from nanonet.data.phase_confusion import phase_counts, phase_figure, phase_numbers, phases
from nanonet.data.problem import HeldOut
from nanonet.data.table import Table
from nanonet.domain import Composition
from nanonet.domain.rdf import PHASES, standard_grid
from nanonet.evaluate import evaluate
from nanonet.training.held_out import held_out_findings
from nanonet.training.run import train
from nanonet.units import LJ_MINIMUM
from tests.made_up import configuration, write_records

R = standard_grid()


def _of(phase: str) -> np.ndarray:
    """An RDF of NPs of diameter 3 in a phase."""
    where = {"aggregated": LJ_MINIMUM * 3.0, "bridged": LJ_MINIMUM * 4.0, "dispersed": None}[phase]
    peak = 0.0 if where is None else 10.0 * np.exp(-(((R - where) / 0.25) ** 2))
    return np.where(R < 2.9, 0.0, 1.0) + peak * (R > 2.9)


def _held_out(true: str, predicted: str, groups: str) -> HeldOut:
    """One record per letter: phases by their first letters, groups by any."""
    names = {phase[0]: phase for phase in PHASES}
    point = {"D": 3.0, "N": 30, "rho": 0.004, "eps_np_np": 1.0, "eps_p_np": 1.0}
    data = Dataset(
        inputs=Table.from_rows([point] * len(true), Composition.names()),
        targets=np.array([_of(names[letter]) for letter in true]),
        groups=np.array(list(groups)),
        target="g",
        unit="1",
        axis=Axis("r", "sigma", tuple(R)),
    )
    return HeldOut(data, np.array([_of(names[letter]) for letter in predicted]), None, None)


def test_phases_are_those_of_the_rdfs() -> None:
    true, predicted = phases(_held_out("abd", "dab", "xyz"))
    assert true.tolist() == list(PHASES)
    assert predicted.tolist() == ["dispersed", "aggregated", "bridged"]


def test_each_composition_counts_once() -> None:
    # x: a replica more; y and z once; w was held out twice, and taken for two different phases.
    held_out = _held_out("aabdbb", "aaddbd", "xxyzww")
    np.testing.assert_allclose(phase_counts(held_out), [[1, 0, 0], [0, 0.5, 1.5], [0, 0, 1]])
    found = phase_numbers(held_out)
    assert found["counts"][1] == [0.0, 0.5, 1.5]
    assert found["row_percent"][1] == [0.0, 25.0, 75.0]
    # Mean over the compositions y (never) and w (once of twice).
    assert found["right"]["bridged"]["value"] == pytest.approx(25.0)
    assert found["right"]["bridged"]["n_groups"] == 2
    assert json.loads(json.dumps(found)) == found


def test_a_phase_that_does_not_occur() -> None:
    found = phase_numbers(_held_out("dd", "da", "xy"))
    assert found["row_percent"] == [None, None, [50.0, 0.0, 50.0]]
    assert found["right"]["aggregated"]["value"] is None


def test_the_figure_shows_counts_and_shares() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    assert phase_figure(figure, _held_out("aabdbb", "aaddbd", "xxyzww"))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["1\n100 %", "0\n0 %", "0\n0 %", "0\n0 %", "0.5\n25 %", "1.5\n75 %", "0\n0 %", "0\n0 %", "1\n100 %"]
    assert figure.axes[0].get_title() == "4 compositions, 62 % of the same phase"
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["aggregated (1)", "bridged (2)", "dispersed (1)"]
    assert not phase_figure(Figure(), _held_out("", "", ""))


def test_findings_leave_out_records_without_an_answer() -> None:
    held_out = _held_out("abd", "abd", "xyz")
    predicted = held_out.predicted.copy()
    predicted[1, 0] = np.nan
    found = held_out_findings(Nanocomposite(), held_out.dataset, predicted)
    assert found["phases"]["counts"] == [[1.0, 0, 0], [0, 0, 0], [0, 0, 1.0]]
    assert held_out_findings(Nanocomposite(), held_out.dataset, np.full_like(predicted, np.nan)) == {}
    other: Any = SimpleNamespace(name="x")
    assert held_out_findings(other, held_out.dataset, predicted) == {}


def test_runs_and_comparisons_report_phases(tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.nc", n=12, replicas=1)
    fixed = [f"dataset.path={records}", f"folder={tmp_path}", "progress=false", "split.folds=2"]
    quick = [
        "representation=pca",
        "representation.n_components=3",
        "regressor.n_trees=5",
        "split=kfold",
        "refit=true",
        "tensorboard=false",
    ]
    run = train(configuration("train", "+experiment=nanonet", *fixed, *quick))
    content = json.loads((run / "metrics.json").read_text())
    counts = np.array(content["findings"]["phases"]["counts"])
    assert counts.sum() == pytest.approx(12)
    agreement = content["scores"]["held-out"]["phase"]["value"]
    assert 100 * np.trace(counts) / counts.sum() == pytest.approx(agreement)
    assert (run / "figures" / "phases_of_held_out_compositions.png").is_file()
    assert "(figures/phases_of_held_out_compositions.png)" in (run / "README.md").read_text()
    config = configuration("evaluate", *fixed)
    config["metrics"] = {"phase": config["metrics"]["phase"]}
    models = {name: config["comparison"]["models"][name] for name in ("mean", "nearest")}
    config["comparison"] |= {"reference": None, "models": models}
    report = evaluate(config)
    found = json.loads((report / "results.json").read_text())["findings"]
    assert all(np.sum(found[name]["phases"]["counts"]) == pytest.approx(12) for name in ("mean", "nearest"))
    assert (report / "phases_of_held_out_compositions.png").is_file()

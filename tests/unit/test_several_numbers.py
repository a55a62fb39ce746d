"""Several numbers from one surrogate, of which some are not known."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from nanonet import cli
from nanonet.band import Scale
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.table import Table
from nanonet.domain.electrolyte import Transport
from nanonet.errors import DataError, ElectrolyteError, InputError
from nanonet.inference import load
from nanonet.metrics.general import AbsoluteError, OfNumber
from nanonet.networks.fit import Fit
from nanonet.regressors.dense import Dense
from nanonet.regressors.each import Each
from nanonet.regressors.neighbours import NearestNeighbours
from nanonet.regressors.ridge import Ridge
from nanonet.representations.numbers import Numbers
from nanonet.statistics import Estimate
from nanonet.training.calibration import calibrate, coverage
from nanonet.training.run import train
from tests.made_up import POLYMERS, configuration

UNITS = {"first": "m", "second": "s"}


def records(n: int = 12, **changes: Any) -> Dataset:
    """Two numbers; the second is known for every other record."""
    x = np.linspace(0.0, 1.0, n)
    targets = np.column_stack([2.0 * x, np.where(np.arange(n) % 2, 10.0 - x, np.nan)])
    given: dict[str, Any] = {
        "inputs": Table({"x": x}),
        "targets": targets,
        "groups": np.arange(n).astype(str),
        "target": "both",
        "unit": "",
        "axis": Axis.of_numbers("quantity", UNITS),
    }
    return Dataset(**{**given, **changes})


def test_a_data_set_of_several_numbers() -> None:
    data = records()
    assert data.axis is not None
    assert data.axis.places == ("first", "second")
    assert not data.curve
    rows, second = data.number("second")
    assert rows.tolist() == [1, 3, 5, 7, 9, 11]
    assert second.targets == pytest.approx(10.0 - data.inputs["x"][rows])
    assert (second.target, second.unit, second.axis) == ("second", "s", None)
    assert second.names == tuple(str(row) for row in rows)
    with pytest.raises(DataError, match="third"):
        data.number("third")
    with pytest.raises(DataError, match="one number or a curve"):
        second.number("first")


def test_what_a_data_set_of_several_numbers_refuses() -> None:
    targets = records().targets.copy()
    with pytest.raises(InputError, match="finite"):
        records(axis=Axis("r", "sigma", (1.0, 2.0)))
    targets[3] = np.nan
    with pytest.raises(DataError, match="at least one"):
        records(targets=targets)
    targets[3] = np.inf
    with pytest.raises(DataError, match="finite or NaN"):
        records(targets=targets)
    with pytest.raises(DataError, match="labels"):
        Axis("quantity", "", (0.0, 1.0), ("first", "first"), ("m", "s"))
    with pytest.raises(DataError, match="1 units"):
        Axis("quantity", "", (0.0, 1.0), ("first", "second"), ("m",))


def test_scores_of_what_is_known() -> None:
    targets = records().targets
    numbers = Numbers().fit(targets)
    codes = numbers.encode(targets)
    assert np.nanmean(codes, axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert np.nanstd(codes, axis=0) == pytest.approx([1.0, 1.0])
    assert np.array_equal(np.isnan(codes), np.isnan(targets))
    assert numbers.decode([[0.0, 0.0]])[0] == pytest.approx(np.nanmean(targets, axis=0))
    with pytest.raises(InputError, match=r"number 1 .* all 12 records"):
        Numbers().fit(np.where([True, False], targets, np.nan))


def test_each_learns_from_what_is_known() -> None:
    data, x = records(), records().inputs["x"][:, None]
    each = Each(Ridge()).fit(x, data.targets, data.groups)
    for place, rows in enumerate((slice(None), slice(1, None, 2))):
        alone = Ridge().fit(x[rows], data.targets[rows, place : place + 1])
        assert each.predict(x)[:, place] == pytest.approx(alone.predict(x)[:, 0])
    nearest = Each(NearestNeighbours()).fit(x, data.targets)
    assert nearest.predict(x[[2]])[0, 1] in data.targets[[1, 3], 1]


def test_who_does_not_take_gaps_says_what_does() -> None:
    data, x = records(), records().inputs["x"][:, None]
    with pytest.raises(InputError, match=r"6 of 24 are NaN.*regressor=each"):
        Ridge().fit(x, data.targets)
    with pytest.raises(InputError, match="each known for at least one row"):
        Each(Ridge()).fit(x, np.where([True, False], data.targets, np.nan))


def test_a_network_learns_both_at_once() -> None:
    pytest.importorskip("keras", reason="needs Keras: pip install 'nanonet[train]'")
    data, x = records(40), records(40).inputs["x"][:, None]
    dense = Dense(Fit(epochs=80, batch_size=40, learning_rate=0.05, validation=0.0), hidden=[8], activation="tanh")
    found = dense.fit(x, data.targets).predict(x)
    whole = np.column_stack([2.0 * x[:, 0], 10.0 - x[:, 0]])
    # What is not known has neither a say nor a vote: a NaN taken for 0 would pull the second number to 5.
    assert np.abs(found - whole).max() < 0.15


def test_a_metric_of_one_number() -> None:
    data = records()
    predicted = np.column_stack([data.targets[:, 0] + 0.5, np.full(len(data), 9.0)])
    first, second = (OfNumber(AbsoluteError(), label) for label in UNITS)
    rows, known = data.number("second")
    assert first.estimate(data, predicted).value == pytest.approx(0.5)
    assert second.estimate(data, predicted).value == pytest.approx(np.abs(known.targets - 9.0).mean())
    values = second.values(data, predicted)
    assert np.flatnonzero(np.isfinite(values)).tolist() == rows.tolist()
    assert first.difference(data, predicted, predicted - 0.5).value == pytest.approx(0.5)
    nothing = data.take(np.arange(0, len(data), 2))
    assert second.estimate(nothing, predicted[::2]).n_groups == 0


def test_each_number_has_a_band_of_its_own() -> None:
    random = np.random.default_rng(0)

    def errors(n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        # One quantity errs a hundred times as far as the other, and seldom: a common quantile would fit neither.
        far = np.where(random.random(n) < 0.2, random.normal(0.0, 10.0, n), 0.0)
        near = random.normal(0.0, 0.1, n)
        near[::3] = np.nan
        return np.zeros((n, 2)), np.column_stack([far, near]), np.ones(n), np.arange(n).astype(str)

    band = calibrate(*errors(), Scale(), 0.9, curve=False)
    assert band is not None
    predicted, truth, spread, groups = errors()
    low, high = band.around(predicted, spread)
    known = np.isfinite(truth)
    for place in range(2):
        inside = ((truth >= low) & (truth <= high))[known[:, place], place].mean()
        assert 0.85 < inside < 0.95
    found = coverage(predicted[:60], truth[:60], spread[:60], groups[:60], Scale(), 0.9, curve=False)
    assert found is not None
    assert 80 < found.inside.value < 98


def write_transport(file: Path, n: int = 24) -> Path:
    """A table in the form of the published one; every third transference number is impossible."""
    names = ["s3_prefix", "mol_smiles", "molarity", "conductivity", "li_diffusivity", "tfsi_diffusivity"]
    names += ["poly_diffusivity", "transference_number"]
    random = np.random.default_rng(1)
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(names)
        for row in range(n):
            polymer, amount = POLYMERS[row % len(POLYMERS)], random.uniform(1.0, 2.0)
            speed = 10.0 ** (-8.0 + 0.05 * len(polymer) + 0.3 * amount)
            share = -0.2 if row % 3 == 0 else random.uniform(0.1, 0.4)
            name = f"t/poly_{row}_conc_1.5_dummy_1200/{row}"
            table.writerow([name, polymer, amount, 1e3 * speed, speed, 2.0 * speed, 0.5 * speed, share])
    return file


def test_from_a_table_to_an_answer(tmp_path: Path) -> None:
    for package in ("rdkit", "sklearn"):
        pytest.importorskip(package, reason=f"needs {package}: pip install 'nanonet[all]'")
    run = train(
        configuration(
            "train",
            "+experiment=spe_transport",
            f"dataset.path={write_transport(tmp_path / 'md.csv')}",
            "dataset.n_clusters=4",
            "split.folds=4",
            "features=electrolyte",
            "regressor=each",
            f"folder={tmp_path / 'runs'}",
            "progress=false",
            "tensorboard=false",
        )
    )
    assert {file.name for file in (run / "figures").glob("*.png")} >= {"predictions.png", "codes.png"}
    scores = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["scores"]["held-out"]
    assert Estimate.from_json(scores["mae_conductivity"]).n_groups == len(POLYMERS)
    model = load(run / "checkpoint")
    asked = {"polymer": "*CCO*", "temperature": 79.85, "salt": "[Li+].[Cl-]", "molality": 1.5}
    answer = model.predict(**asked)
    assert isinstance(answer, Transport)
    assert list(answer.numbers) == [
        "log10_conductivity", "log10_li_diffusivity", "log10_tfsi_diffusivity", "log10_poly_diffusivity",
        "transference_number",
    ]  # fmt: skip
    # As in the table: each quantity is a fixed multiple of the first, but for the share.
    assert answer["log10_conductivity"] - answer["log10_li_diffusivity"] == pytest.approx(3.0, abs=0.02)
    assert 0.0 < answer["transference_number"] < 0.5
    for name in answer.numbers:
        low, high = answer.band(name) or (np.nan, np.nan)
        assert low <= answer[name] <= high
        assert f"{name} " in str(answer)
    assert answer.to_dict()["transference_number_low"] == answer.low["transference_number"]
    with pytest.raises(ElectrolyteError, match="viscosity"):
        answer["viscosity"]
    given = [argument for name, value in asked.items() for argument in ("--set", f"{name}={value}")]
    done = CliRunner().invoke(cli.app, ["predict", "--model", str(run / "checkpoint"), "--format", "csv", *given])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["quantity"] for row in rows] == list(answer.numbers)
    assert float(rows[0]["transport"]) == pytest.approx(answer["log10_conductivity"], rel=1e-4)

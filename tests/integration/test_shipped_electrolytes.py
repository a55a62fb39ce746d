"""The shipped model of polymer electrolytes, as a user meets it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import nanonet
from nanonet import cli, paths
from nanonet.errors import DomainWarning, ElectrolyteError, SmilesError
from nanonet.inference import Predictor

for package in ("rdkit", "lightgbm"):
    pytest.importorskip(package, reason=f"needs {package}: pip install 'nanonet[chem]'")
LITFSI = "O=S(=O)([N-]S(=O)(=O)C(F)(F)F)C(F)(F)F.[Li+]"
PEO = {"polymer": "*CCO*", "salt": LITFSI, "molality": 1.2, "temperature": 60.0, "molar_mass": 1e6}


@pytest.fixture(scope="module")
def model() -> Predictor:
    return nanonet.load("spe")


def test_a_conductivity_with_its_band(model: Predictor) -> None:
    answer = model.predict(**PEO)
    # PEO with LiTFSI conducts 10^-4 to 10^-3 S/cm at 60 degC; whoever is far from it has its units wrong.
    assert 3e-5 < answer.value < 3e-3
    low, high = answer.band
    assert low < answer.value < high
    assert answer.in_domain
    several = model.predict([PEO, {**PEO, "temperature": 25.0}])
    assert several[1].value < several[0].value == pytest.approx(answer.value)


def test_an_apparent_law(model: Predictor) -> None:
    law = model.arrhenius(**PEO)
    assert 15.0 < law.activation < 120.0
    assert law.activation_spread > 0
    found = model.predict(**PEO).log10
    assert law.log10_conductivity(60.0) == pytest.approx(found, abs=0.5)


def test_what_it_does_not_know_or_take(model: Predictor) -> None:
    with pytest.warns(DomainWarning, match="temperature = 350 is outside"):
        assert not model.predict(**{**PEO, "temperature": 350.0}).in_domain
    with pytest.raises(ElectrolyteError, match=r"273\.15"):
        model.predict(**{**PEO, "temperature": 603.0})
    with pytest.raises(SmilesError, match="ends"):
        model.predict(**{**PEO, "polymer": "CCO"})


def test_ranking_a_file_of_candidates(tmp_path: Path) -> None:
    file, best = tmp_path / "candidates.csv", tmp_path / "ranked.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["polymer", "salt", "molality", "temperature"])
        for polymer in ("*CC(*)(C)C(=O)OC", "*CCO*", "*CC(*)c1ccccc1"):
            table.writerow([polymer, LITFSI, 1.0, 60.0])
    command = ["screen", "-m", "spe", "--pool", str(file), "--score", "value", "-o", str(best)]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    with best.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert rows[0]["polymer"] == "*CCO*"
    values = [float(row["log10_conductivity"]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(rows) == 3


def test_what_is_shipped_is_small_and_says_how_it_was_made() -> None:
    folder = paths.CHECKPOINTS / "spe"
    sizes = {file.name: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    assert max(sizes.values()) < 2_000_000, sizes
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "python -m nanonet.train +experiment=spe" in card
    scores = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["info"]["scores"]["held-out"]
    assert scores["mae"]["value"] <= 0.93
    assert scores["spearman"]["value"] >= 0.70
    assert np.isfinite(scores["polymer_mae"]["value"])

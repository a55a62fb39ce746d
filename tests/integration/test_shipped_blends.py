"""The shipped model of polymer blends, as a user meets it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import nanonet
from nanonet import cli, paths
from nanonet.errors import BlendError, DomainWarning, SmilesError
from nanonet.inference import Predictor

pytest.importorskip("rdkit", reason="needs rdkit: pip install 'nanonet[chem]'")
BLEND = {"smiles1": "*CC*", "smiles2": "*CC(*)c1ccccc1", "fraction": 0.5}


@pytest.fixture(scope="module")
def model() -> Predictor:
    return nanonet.load("blend_tc")


def test_a_conductivity_with_its_band(model: Predictor) -> None:
    answer = model.predict(**BLEND)
    assert answer.low is not None
    assert answer.high is not None
    assert 0.1 < answer.low < answer.value < answer.high < 0.5
    assert answer.in_domain
    assert answer.unit == "W/m/K"
    # A polymer alone is a blend with itself; whatever else mixing does, it is small here.
    alone = [
        model.predict(smiles1=own, smiles2=own, fraction=0.5).value for own in (BLEND["smiles1"], BLEND["smiles2"])
    ]
    assert min(alone) < answer.value < max(alone)


def test_the_order_of_the_polymers_does_not_matter(model: Predictor) -> None:
    there = model.predict(smiles1="*CCO*", smiles2="*CC(*)C", fraction=1 / 6)
    back = model.predict(smiles1="*CC(*)C", smiles2="*CCO*", fraction=5 / 6)
    np.testing.assert_allclose([there.value, there.low], [back.value, back.low], rtol=1e-9)


def test_a_table_in_and_out_in_the_shell(tmp_path: Path, model: Predictor) -> None:
    asked, told = tmp_path / "blends.csv", tmp_path / "predicted.csv"
    asked.write_text("smiles1,smiles2,fraction\n*CC*,*CC(*)c1ccccc1,0.5\n*CCO*,*CC(*)O,0.25\n", encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["predict", "-m", "blend_tc", "--input", str(asked), "--output", str(told)])
    assert done.exit_code == 0, done.output
    with told.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert float(rows[0]["tc"]) == pytest.approx(model.predict(**BLEND).value, abs=1e-5)
    assert {"tc_low", "tc_high", "in_domain"} <= set(rows[1])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("smiles1,smiles2,fraction\n*CC*,*CCO*,0.5\n*CC*,*C(C*,0.5\n", r"row 1: polymer2: SMILES '\*C\(C\*' cannot be"),
        ("smiles1,smiles2,fraction\n*CC*,*CC,0.5\n", r"row 0: .*'\*CC' has 1 ends"),
        ("smiles1,smiles2,fraction\n*CC*,*CCO*,1.2\n", "row 0: fraction must be .* from 0 to 1, got 1.2"),
        ("smiles1,smiles2,share\n*CC*,*CCO*,0.5\n", "missing: fraction; not known: share"),
    ],
)
def test_bad_tables_are_refused_by_row(tmp_path: Path, model: Predictor, text: str, told: str) -> None:
    file = tmp_path / "blends.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises((BlendError, SmilesError), match=told):
        model.predict(file)


def test_what_it_does_not_know_is_said(model: Predictor) -> None:
    with pytest.warns(DomainWarning, match="fraction = 1 is outside"):
        assert not model.predict(**{**BLEND, "fraction": 1.0}).in_domain
    with pytest.warns(DomainWarning, match="the nearest known point"):
        assert not model.predict(smiles1=f"*{40 * 'C'}*", smiles2="*CCO*", fraction=0.5).in_domain


def test_what_is_shipped_is_small_and_says_how_it_was_made() -> None:
    folder = paths.CHECKPOINTS / "blend_tc"
    sizes = {file.name: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    assert max(sizes.values()) < 2_000_000, sizes
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "python -m nanonet.train +experiment=blend_tc" in card
    assert "rdkit" in card

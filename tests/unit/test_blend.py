"""Blends: the type, its forms, and the reader of the public file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nanonet import Blend
from nanonet.data.blend import BlendTC
from nanonet.data.problem import Prediction, Problem
from nanonet.errors import BlendError, DataError, InputError, SmilesError

HEADER = ["", "PID1", "PID2", "SMILES1", "SMILES2", "ratio", "Comp1_TC", "Comp2_TC", "TC_mean", "TC_std", "outperform",
          "weight"]  # fmt: skip
ROWS: list[list[Any]] = [
    [0, "A", "B", "*CC*", "*CCO*", 0.2, 0.4, 0.3, 0.45, 0.02, 1, 1],
    [1, "A", "B", "*CC*", "*CCO*", 1.0, 0.4, 0.3, 0.33, 0.02, 0, 3],
    [2, "C", "A", "*CC(*)c1ccccc1", "*CC*", 5.0, 0.2, 0.4, 0.25, 0.02, 0, 5],
    [3, "A", "A", "*CC*", "*CC*", 0.2, 0.4, 0.4, 0.41, 0.02, 1, 1],
    [4, "A", "A", "*CC*", "*CC*", 1.0, 0.4, 0.4, 0.40, "", 0, 3],
    [5, "B", "B", "*OCC*", "*OCC*", 1.0, 0.3, 0.3, 0.30, "", 0, 3],
    [6, "B2", "B2", "*CCO*", "*CCO*", 1.0, 0.29, 0.29, 0.29, "", 0, 3],
    [7, "C", "C", "*CC(*)c1ccccc1", "*CC(*)c1ccccc1", 1.0, 0.2, 0.2, 0.20, "", 0, 3],
]


def write(file: Path, rows: list[list[Any]], header: list[str] | None = None) -> str:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header or HEADER, *rows])
    return str(file)


def changed(row: int, **values: Any) -> list[list[Any]]:
    rows = [list(old) for old in ROWS]
    for name, value in values.items():
        rows[row][HEADER.index(name)] = value
    return rows


def test_a_blend_is_canonical_and_can_be_turned() -> None:
    blend = Blend("[Cu]OCC[Au]", "*CC*", 0.25, tc1=0.3)
    assert (blend.polymer1, blend.tc2) == ("*CCO*", None)
    assert blend.swapped() == Blend("*CC*", "*CCO*", 0.75, tc2=0.3)
    assert not blend.is_single
    assert Blend("*CCO*", "*OCC*").is_single
    assert "0.25 *CCO*" in blend.label()
    assert Blend("*CC*", "*CCO*", np.float32(0.5), tc1=float("nan")).tc1 is None


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"fraction": 1.2}, BlendError, r"from 0 to 1, got 1\.2; a ratio r"),
        ({"fraction": -0.1}, BlendError, "from 0 to 1"),
        ({"fraction": float("nan")}, BlendError, "fraction must be"),
        ({"fraction": "half"}, BlendError, "got 'half'"),
        ({"fraction": True}, BlendError, "fraction must be"),
        ({"polymer1": "CCO"}, SmilesError, "polymer1: SMILES 'CCO' has 0 ends"),
        ({"polymer2": "*CC("}, SmilesError, "polymer2: .*cannot be read"),
        ({"polymer2": 3}, SmilesError, "polymer2: .*must be SMILES text"),
        ({"tc1": -0.1}, BlendError, "tc1 must be a thermal conductivity above 0"),
        ({"tc2": "low"}, BlendError, "tc2 must be"),
        ({"polymer2": "*CC*", "tc1": 0.3, "tc2": 0.4}, BlendError, "tc1 = 0.3 and tc2 = 0.4"),
    ],
)
def test_what_is_no_blend(changes: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        Blend(**{"polymer1": "*CC*", "polymer2": "*CCO*", "fraction": 0.5, **changes})


@pytest.mark.parametrize(
    "values",
    [
        {"polymer1": "*CC*", "polymer2": "*CCO*", "fraction": 0.5},
        {"smiles1": "*CC*", "smiles2": "*CCO*", "weight": 3},
        {"SMILES1": "*CC*", "SMILES2": "*CCO*", "ratio": 1.0},
    ],
)
def test_names_that_a_mapping_may_use(values: dict[str, Any]) -> None:
    assert Blend.from_mapping(values) == Blend("*CC*", "*CCO*", 0.5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"polymer1": "*CC*", "fraction": 0.5}, "missing: polymer2"),
        ({"polymer1": "*CC*", "polymer2": "*CC*"}, "missing: fraction"),
        ({"polymer_1": "*CC*", "polymer2": "*CC*", "fraction": 0.5}, "missing: polymer1; not known: polymer_1"),
        ({"polymer1": "*CC*", "smiles1": "*CC*", "polymer2": "*CC*", "fraction": 0.5}, "more than once"),
        ({"polymer1": "*CC*", "polymer2": "*CC*", "fraction": 0.5, "weight": 3}, "more than once: fraction, weight"),
        ({"polymer1": "*CC*", "polymer2": "*CC*", "ratio": -1}, "0 or more"),
        ({"polymer1": "*CC*", "polymer2": "*CC*", "weight": 7}, "from 0 to 1"),
    ],
)
def test_names_that_are_wrong(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BlendError, match=said):
        Blend.from_mapping(values)


def test_the_reader_knows_the_traps(tmp_path: Path) -> None:
    problem = BlendTC(write(tmp_path / "blends.csv", ROWS))
    assert isinstance(problem, Problem)
    dataset = problem.read()
    assert len(dataset) == 8
    assert dataset.inputs["fraction"].tolist() == pytest.approx([1 / 6, 0.5, 5 / 6, 1 / 6, 0.5, 0.5, 0.5, 0.5])
    # A blend with itself is a single; two ids of one structure are one group; order does not matter.
    assert dataset.labels["kind"].tolist() == ["blend"] * 3 + ["single"] * 5
    assert dataset.groups[5] == dataset.groups[6]
    assert dataset.groups[0] == dataset.groups[1] == "*CC* | *CCO*"
    assert dataset.labels["polymer2"][2] == "*CC*"
    assert dataset.labels["row"].tolist() == [str(row) for row in range(8)]
    assert dataset.unit == "W/m/K"
    assert dataset.source["two_conductivities"] == "none"
    # The leak that a model with constituent conductivities would use.
    singles = dataset.labels["kind"] == "single"
    assert (dataset.inputs["tc1"][singles][1:] == dataset.targets[singles][1:]).all()
    assert len(BlendTC(problem.path, singles=False).read()) == 3


@pytest.mark.parametrize(
    ("row", "values", "said"),
    [
        (2, {"SMILES1": "CC(c1ccccc1)"}, "row 2: polymer1: .*0 ends"),
        (1, {"SMILES2": "*CC("}, "row 1: polymer2: .*cannot be read"),
        (0, {"weight": 6}, "row 0: weight must count"),
        (0, {"ratio": 1.0}, "ratio be weight"),
        (0, {"outperform": 0}, "row 0: outperform is 0"),
        (0, {"TC_mean": -1.0}, "TC_mean must be a conductivity above 0"),
        (0, {"TC_mean": ""}, "TC_mean must be a number"),
        (0, {"Comp1_TC": "none"}, "tc1 must be"),
        (3, {"SMILES2": "*CCC*"}, "components A and A are one polymer"),
    ],
)
def test_a_damaged_row_is_named(row: int, values: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        BlendTC(write(tmp_path / "blends.csv", changed(row, **values))).read()


def test_a_column_that_is_missing_or_renamed(tmp_path: Path) -> None:
    header = ["TC" if name == "TC_mean" else name for name in HEADER]
    with pytest.raises(DataError, match=r"lacks the columns TC_mean; it has .*TC,"):
        BlendTC(write(tmp_path / "blends.csv", ROWS, header)).read()
    with pytest.raises(DataError, match="no file"):
        BlendTC(str(tmp_path / "none.csv")).read()
    with pytest.raises(DataError, match="no blends of two polymers"):
        BlendTC(write(tmp_path / "blends.csv", ROWS[4:]), singles=False).read()


def test_two_conductivities_of_one_id_are_told(tmp_path: Path) -> None:
    rows = changed(1, Comp1_TC=0.42)
    assert BlendTC(write(tmp_path / "blends.csv", rows)).read().source["two_conductivities"] == "A"


ONE = {"polymer1": "*CC*", "polymer2": "*CCO*", "fraction": 0.5}


@pytest.mark.parametrize(
    ("value", "single"),
    [
        (Blend(**ONE), True),  # type: ignore[arg-type]
        (ONE, True),
        (["*CC*", "*CCO*", 0.5], True),
        ([ONE], False),
        ([Blend(**ONE)], False),  # type: ignore[arg-type]
        ([["*CC*", "*CCO*", 0.5]], False),
        (pd.DataFrame([ONE]), False),
        ({name: [value] for name, value in ONE.items()}, False),
    ],
)
def test_forms_of_a_question(value: Any, single: bool) -> None:
    table, found = BlendTC().parse(value, {})
    assert found is single
    assert table["smiles1"].tolist() == ["*CC*"]
    assert np.isnan(table["tc1"]).all()


def test_a_csv_file_and_keywords(tmp_path: Path) -> None:
    file = tmp_path / "ask.csv"
    file.write_text("smiles1,smiles2,fraction,tc1\n*CC*,*CCO*,0.5,0.4\n*CC*,*CCO*,0.25,\n", encoding="utf-8")
    table, single = BlendTC().parse(str(file), {})
    assert not single
    assert table["fraction"].tolist() == [0.5, 0.25]
    assert np.isnan(table["tc1"]).tolist() == [False, True]
    assert BlendTC().parse(None, ONE)[0].n_rows == 1
    file.write_text("smiles1,smiles2,fraction\n*CC*,*CCO*,0.5\nCC,*CCO*,0.5\n", encoding="utf-8")
    with pytest.raises(SmilesError, match="row 1: polymer1: SMILES 'CC'"):
        BlendTC().parse(file, {})
    with pytest.raises(InputError, match="cannot be read as CSV"):
        BlendTC().parse(tmp_path / "none.csv", {})
    with pytest.raises(InputError, match="not a blend"):
        BlendTC().parse(3.0, {})
    with pytest.raises(BlendError, match=r"row 0: .*not known: salt"):
        BlendTC().parse([{**ONE, "salt": 1}], {})


def test_answers_carry_band_unit_and_domain() -> None:
    table, _ = BlendTC().parse([ONE, ONE], {})
    made = BlendTC().present(
        Prediction(table, np.array([0.3, 0.4]), np.array([0.2, 0.3]), np.array([0.4, 0.5]), ("", "far"), None, "tc")
    )
    assert made[0].blend == Blend(**ONE)  # type: ignore[arg-type]
    assert [answer.in_domain for answer in made] == [True, False]
    assert str(made[0]) == "0.300 (0.200 to 0.400) W/m/K"


@pytest.mark.skipif(not os.environ.get("NANONET_DATA", "").strip(), reason="needs the public file: set NANONET_DATA")
def test_the_public_file() -> None:
    dataset = BlendTC().read()
    kinds = dataset.labels["kind"]
    assert (len(dataset), int((kinds == "blend").sum())) == (993, 382)
    assert len(set(dataset.labels["pair"][kinds == "blend"].tolist())) == 178
    assert len({*dataset.inputs["smiles1"].tolist(), *dataset.inputs["smiles2"].tolist()}) == 604
    best = dataset.targets > np.maximum(dataset.inputs["tc1"], dataset.inputs["tc2"])
    assert int(best.sum()) == 50
    assert dataset.source["two_conductivities"] == "P100029 P402217"

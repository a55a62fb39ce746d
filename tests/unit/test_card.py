"""The card of a data set says what is in it, and what it is not good for."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from nanonet.data import store
from simulations.card import card, rows_of, summary, verdicts_per_phase, write_card
from simulations.design import Sobol
from tests.made_up import write_records

pytest.importorskip("xarray", reason="the store needs xarray: pip install 'nanonet[train]'")


@pytest.fixture
def rows(tmp_path: Path) -> list[dict]:
    return rows_of(store.read(write_records(tmp_path / "records.nc", n=6, replicas=1)))


def _section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def test_counts_and_ranges_are_those_of_the_records(rows: list[dict]) -> None:
    rows[0] |= {
        "verdict": "short",
        "reasons": "NPs moved 0.31 D^2, at least 1 is needed; 6 blocks, at least 8 are needed",
    }
    rows[1] |= {"verdict": "failed", "reasons": "density drifts by +3.1 standard errors (limit 2)"}
    text = card(rows, "records.nc", "records.png", "make records")
    groups = {row["group"] for row in rows}
    assert f"RDFs of 7 simulations of {len(groups)} compositions" in text
    sizes = [row["D"] for row in rows]
    passed = [row["D"] for row in rows if row["verdict"] == "passed"]
    line = next(line for line in text.splitlines() if line.startswith("| D |"))
    numbers = [f"{number:.3g}" for number in (min(sizes), max(sizes), min(passed), max(passed))]
    assert [cell.strip() for cell in line.split("|")[3:7]] == numbers
    counts = verdicts_per_phase(rows)
    assert sum(count.total() for count in counts.values()) == 7
    assert sum(count["passed"] for count in counts.values()) == 5
    # Reasons are counted by what they are of, not by their numbers.
    reasons = _section(text, "Verdicts")
    assert "- NPs moved ... (1)" in reasons
    assert "- density drifts ... (1)" in reasons
    assert "0.31" not in reasons
    assert text.rstrip().endswith("make records\n```")
    assert summary(rows).count("passed") >= 1


def test_what_is_missing_is_said(rows: list[dict]) -> None:
    for row in rows:
        row["start"] = "dispersed"
    text = card(rows, "records.nc", "records.png", "")
    assert "no record began aggregated" in text
    assert "no composition has two records" not in text
    alone = card(rows[:1], "records.nc", "records.png", "")
    assert "no composition has two records that passed" in alone
    rows[0]["start"] = "aggregated"
    assert "no record began aggregated" not in card(rows, "records.nc", "records.png", "")


def test_a_data_set_of_which_nothing_passed_has_a_card(rows: list[dict], tmp_path: Path) -> None:
    for row in rows:
        row |= {"verdict": "short", "reasons": "6 blocks, at least 8 are needed"}
    text = card(rows, "records.nc", "records.png", "")
    assert "None passed." in text
    assert "- 6 blocks ... (7)" in text


def test_card_and_figure_lie_beside_the_data_set(tmp_path: Path) -> None:
    file = write_records(tmp_path / "records.nc", n=5, replicas=0)
    dataset = store.read(file)
    dataset["halves_chi2"][1] = np.nan
    text, figure = write_card(dataset, file, "make records")
    assert (text, figure) == (tmp_path / "records.md", tmp_path / "records.png")
    assert "(records.png)" in text.read_text(encoding="utf-8")
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_points_of_the_reference_design_are_told_from_others(rows: list[dict]) -> None:
    assert f"None of the {len({row['group'] for row in rows})} compositions here is among" in _section(
        card(rows, "records.nc", "records.png", ""), "Design"
    )
    box = {"D": [2.0, 4.0], "N": [25, 40], "phi": [0.01, 0.10], "eps_np_np": [0.1, 2.5], "eps_p_np": [0.1, 1.5]}
    points = list(islice(Sobol(80, box=box).compositions(), 12))
    # as the store keeps them: what was asked for, with some ten digits, beside the measured density
    for row, number in ((rows[0], 3), (rows[1], 11)):
        row |= {**asdict(points[number]), "group": f"g{number}", "rho_target": float(f"{points[number].rho:.10g}")}
        row["rho"] *= 1.01
    design = _section(card(rows, "records.nc", "records.png", ""), "Design")
    others = len({row["group"] for row in rows}) - 2
    assert f"2 of the {others + 2} compositions here are among its first 12 points, {others} were asked for" in design


def test_the_protocol_is_that_of_the_preset(rows: list[dict]) -> None:
    for row in rows:
        row["preset"] = "workstation"
    protocol = _section(card(rows, "records.nc", "records.png", ""), "Protocol")
    assert "production for at least 1000 tau and 2 D^2, a configuration every 1 tau, in blocks of 50 tau" in protocol
    # A preset of somebody's own is not in our files, and nothing is said of it.
    rows[0]["preset"] = "mine"
    assert "mine" not in _section(card(rows, "records.nc", "records.png", ""), "Protocol")

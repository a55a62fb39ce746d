"""Parity plots of several models: what is shown once, and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from nanonet.data.dataset import Dataset
from nanonet.data.table import Table
from nanonet.data.where import Where
from nanonet.metrics.general import Determination, Subset
from nanonet.training.parity import parities

DATA = Dataset(
    inputs=Table({"a": np.arange(6.0)}),
    targets=np.arange(6.0),
    groups=np.array(list("abcdef")),
    labels={"kind": np.array(["blend", "single"] * 3)},
    names=tuple(f"row{row}" for row in range(6)),
    target="tc",
    unit="W/m/K",
)
METRICS = {"r2": Determination(), "blends": Subset(Determination(), Where("kind", equal="blend"))}


def legends(monkeypatch: pytest.MonkeyPatch, file: Path, rows: list[int], folds: list[str], **models: float) -> list:
    seen: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (seen.append(self), save(self, *a, **k))[1])
    judged = DATA.take(np.array(rows))
    predictions = {name: judged.targets + off for name, off in models.items()}
    parities(file, judged, predictions, np.array(rows), np.array(folds), METRICS)
    return [[text.get_text() for text in ax.get_legend().get_texts()] for ax in seen[0].axes if ax.get_legend()]


def test_a_panel_per_model_and_a_colour_for_the_subset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = legends(monkeypatch, tmp_path / "p.png", [0, 1, 2, 3, 4, 5], ["f"] * 6, right=0.0, wrong=1.0)
    assert found[0] == ["others: 3, $r^2$ = 1.00", "blend: 3, $r^2$ = 1.00"]
    # Errors of 1 against deviations of 2, 0 and 2 from the mean: 1 - 3/8.
    assert found[1] == ["others: 3, $r^2$ = 0.62", "blend: 3, $r^2$ = 0.62"]
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_records_that_are_tested_again_are_shown_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = legends(monkeypatch, tmp_path / "p.png", [0, 2, 4, 0, 2], ["one"] * 3 + ["two"] * 2, model=0.5)
    assert found == [["3, $r^2$ = 0.91"]]

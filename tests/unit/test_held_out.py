"""Figures of held-out records: the general ones, and those of a problem."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nanonet.band import Scale
from nanonet.data.dataset import Dataset
from nanonet.data.electrolyte import Electrolytes
from nanonet.data.electrolyte_figures import KNOWN, known_electrolytes, longest_series
from nanonet.data.problem import HeldOut
from nanonet.data.table import Table
from nanonet.errors import ConfigError
from nanonet.training.calibration import coverage
from nanonet.training.held_out import held_out_figures
from nanonet.training.run import check_scale

pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'nanonet[train]'")
PEO, LITFSI = "*CCO*", "O=S(=O)([N-]S(=O)(=O)C(F)(F)F)C(F)(F)F.[Li+]"


def _judged(n: int = 60, groups: int = 12) -> tuple[Dataset, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    inputs = Table(
        {
            "polymer": np.array([PEO] * n),
            "salt": np.array([LITFSI] * n),
            "molality": np.where(np.arange(n) < n // 2, 1.0, 2.0),
            "log10_molar_mass": np.full(n, 5.0),
            "molar_mass_known": np.ones(n),
            "temperature": np.linspace(20.0, 90.0, n),
        }
    )
    names = np.array([f"g{row % groups}" for row in range(n)])
    spread = random.uniform(0.1, 1.0, n)
    truth = random.normal(size=n)
    data = Dataset(inputs=inputs, targets=truth, groups=names, target="y", unit="1")
    return data, truth + spread * random.normal(size=n), spread


def _problem(**own: Any) -> Any:
    return SimpleNamespace(name="made up", **own)


def test_general_figures_and_those_of_the_problem(tmp_path: Path) -> None:
    data, predicted, spread = _judged()
    cover = coverage(predicted, data.targets, spread, data.groups, Scale())
    assert cover is not None
    inside, half, error = cover.records
    np.testing.assert_allclose(error, np.abs(predicted - data.targets))
    # One value per record: inside or not, as its own band says, but for rounding.
    np.testing.assert_array_equal(inside == 100.0, error <= half)
    assert cover.width == pytest.approx(2 * half.mean())

    def empty(figure: Any, held_out: HeldOut) -> bool:
        return False

    def own(figure: Any, held_out: HeldOut) -> bool:
        figure.subplots().plot(held_out.predicted, held_out.dataset.targets)
        return True

    band = (predicted - 1, predicted + 1)
    problem = _problem(drawings={"Nothing there": empty, "What it draws: (1)": own})
    made = held_out_figures(tmp_path, problem, data, predicted, band, cover, Scale())
    expected = {"predictions.png", "groups.png", "bands.png", "what_it_draws_1.png"}
    assert set(made.values()) == expected == {file.name for file in tmp_path.iterdir()}


def test_bands_of_one_width_are_not_drawn_by_width(tmp_path: Path) -> None:
    data, predicted, spread = _judged()
    cover = coverage(predicted, data.targets, np.ones_like(spread), data.groups, Scale())
    assert cover is not None
    even = replace(cover, records=(cover.records[0], np.full(len(data), 0.3), cover.records[2]))
    made = held_out_figures(tmp_path, _problem(), data, predicted, None, even, Scale())
    assert "bands.png" not in made.values()


def test_records_without_an_answer_are_not_drawn(tmp_path: Path) -> None:
    data, predicted, _ = _judged()
    shown: list[HeldOut] = []

    def keep(figure: Any, held_out: HeldOut) -> bool:
        shown.append(held_out)
        return False

    predicted[5] = np.nan
    made = held_out_figures(tmp_path, _problem(drawings={"x": keep}), data, predicted, None, None, Scale())
    assert set(made.values()) == {"predictions.png", "groups.png"}
    assert len(shown[0].dataset) == len(shown[0].predicted) == 59
    assert shown[0].low is None
    nothing = held_out_figures(tmp_path, _problem(), data, np.full(60, np.nan), None, None, Scale())
    assert nothing == {}


def test_many_records_become_a_density(tmp_path: Path) -> None:
    data, predicted, _ = _judged(n=600, groups=3)
    made = held_out_figures(tmp_path, _problem(), data, predicted, None, None, Scale())
    assert set(made.values()) == {"predictions.png"}
    assert (tmp_path / "predictions.png").stat().st_size < 300_000


def test_the_longest_series_of_a_known_electrolyte() -> None:
    from matplotlib.figure import Figure

    data, predicted, spread = _judged()
    rows = longest_series(data.inputs, PEO, KNOWN[0][2])
    assert len(rows) == 30
    assert (np.diff(data.inputs["temperature"][rows]) < 0).all()
    assert len(longest_series(data.inputs, "*CCN*", "Cl")) == 0
    drawing = Electrolytes.drawings["Arrhenius plot of known electrolytes"]
    figure = Figure()
    assert drawing(figure, HeldOut(data, predicted, predicted - spread, predicted + spread))
    assert len(figure.axes) == 1
    other = replace(data, inputs=Table({**data.inputs, "polymer": np.array(["*CCN*"] * 60)}))
    figure = Figure()
    assert not known_electrolytes(figure, HeldOut(other, predicted, None, None))
    assert not figure.axes


def test_a_logarithm_of_logarithms_is_refused() -> None:
    data, _, _ = _judged()
    check_scale(Scale(log=True, floor=0.01), data)
    check_scale(Scale(log=False), replace(data, targets=-1.0 - data.targets**2))
    with pytest.raises(ConfigError, match=r"calibration\.scale\.log=false"):
        check_scale(Scale(log=True, floor=0.01), replace(data, targets=-1.0 - data.targets**2))

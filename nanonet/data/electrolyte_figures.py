"""Figures that only polymer electrolytes have."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.data.problem import HeldOut
from nanonet.data.table import Table
from nanonet.domain.electrolyte import ZERO_CELSIUS

#: Electrolytes that everybody in the field knows: title, polymer, part of the salt's canonical SMILES.
KNOWN = (
    ("PEO, LiTFSI", "*CCO*", "C(F)(F)F)C(F)(F)F"),
    ("PEO, lithium triflate", "*CCO*", "[O-])C(F)(F)F"),
    ("PEO, lithium perchlorate", "*CCO*", "[Cl+3]"),
    ("poly(trimethylene carbonate), LiTFSI", "*CCCOC(=O)O*", "C(F)(F)F)C(F)(F)F"),
    ("poly(ethylene carbonate), LiTFSI", "*CCOC(=O)O*", "C(F)(F)F)C(F)(F)F"),
    ("MEEP, lithium triflate", "*N=P(*)(OCCOCCOC)OCCOCCOC", "[O-])C(F)(F)F"),
)
#: Fewest temperatures that make a curve, and panels in a row.
LEAST, COLUMNS = 3, 3
MEASURED, PREDICTED = "#d1495b", "#4878a8"


def known_electrolytes(figure: Any, held_out: HeldOut) -> bool:
    """log10 sigma against 1000/T: measured points, predictions by a model that has not seen the polymer, their band.

    One panel per electrolyte of :data:`KNOWN`, with its longest series: one molality and molar mass, many temperatures.

    Args:
        figure: an empty ``matplotlib.figure.Figure``.
        held_out: records and predictions.

    Returns:
        False where the records have none of them.
    """
    inputs = held_out.dataset.inputs
    series = [(title, longest_series(inputs, polymer, salt)) for title, polymer, salt in KNOWN]
    series = [(title, rows) for title, rows in series if len(rows) >= LEAST]
    if not series:
        return False
    columns = min(COLUMNS, len(series))
    lines = -(-len(series) // columns)
    figure.set_size_inches(3.6 * columns, 3.1 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax, (title, rows) in zip(panels, series, strict=False):
        inverse = 1000.0 / (inputs["temperature"][rows] + ZERO_CELSIUS)
        if held_out.low is not None and held_out.high is not None:
            ax.fill_between(
                inverse, held_out.low[rows], held_out.high[rows], color=PREDICTED, alpha=0.18, linewidth=0, label="band"
            )
        ax.plot(inverse, held_out.predicted[rows], ".-", color=PREDICTED, label="predicted, polymer held out")
        ax.plot(inverse, held_out.dataset.targets[rows], "o", color=MEASURED, markersize=4, label="measured")
        ax.set_title(f"{title}, {inputs['molality'][rows][0]:.2g} mol/kg", fontsize=9)
        ax.set(xlabel="1000/T [1/K]", ylabel=r"$\log_{10}\,\sigma$ / (S/cm)")
    for ax in panels[len(series) :]:
        ax.set_axis_off()
    panels[0].legend(frameon=False, fontsize=8)
    return True


def longest_series(inputs: Table, polymer: str, salt: str) -> NDArray[np.int64]:
    """Rows of the series with most temperatures of a polymer with a salt, from hot to cold.

    A series has one molality and one molar mass. Of repeats at one temperature there are few in it: of equally many
    temperatures that with fewer records counts.

    Args:
        inputs: of electrolytes.
        polymer: canonical SMILES of the repeat unit.
        salt: text that the salt's SMILES contain.
    """
    series: dict[Any, list[int]] = defaultdict(list)
    for row in np.flatnonzero(inputs["polymer"] == polymer):
        if salt in inputs["salt"][row]:
            key = tuple(inputs[name][row] for name in ("salt", "molality", "log10_molar_mass", "molar_mass_known"))
            series[key].append(int(row))
    if not series:
        return np.zeros(0, dtype=np.int64)

    def length(rows: list[int]) -> tuple[int, int]:
        return len(set(inputs["temperature"][rows].tolist())), -len(rows)

    chosen = np.array(max(series.values(), key=length), dtype=np.int64)
    return chosen[np.argsort(-inputs["temperature"][chosen], kind="stable")]

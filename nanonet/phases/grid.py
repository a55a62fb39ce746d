"""What a phase map holds: one value of each kind per point of a grid."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.domain.rdf import PHASES
from nanonet.errors import InputError
from nanonet.phases.simulated import Simulated


@dataclass(frozen=True, eq=False)
class Grid:
    """Phases of nanocomposites of one D, N and phi, over a grid of the two attractions.

    Arrays have a row per value of ``eps_p_np`` (p of them) and a column per value of ``eps_np_np`` (q).

    Args:
        D: diameter of the nanoparticles [sigma].
        N: monomers in a chain.
        phi: volume fraction of nanoparticles.
        eps_np_np, eps_p_np: the grid [epsilon], rising, shapes (q,) and (p,).
        phase: of the predicted RDF (:attr:`nanonet.RDF.phase`), shape (p, q).
        peak_position, peak_height: of its first peak [sigma] and [1], NaN where there is none, shape (p, q).
        in_domain: whether the composition lies where the training data are, shape (p, q).
        agreement: share of the model's members whose own RDF is of that phase, shape (p, q); a vote, not a
            calibrated probability. ``None`` for a model of one member, or where it was not asked for.
        members: how many there are; 0 where they were not asked.
        points: simulated compositions.
        model: name of the checkpoint.
        note: what a reader has to know beside all this.
    """

    D: float
    N: int
    phi: float
    eps_np_np: FloatArray
    eps_p_np: FloatArray
    phase: NDArray[np.str_]
    peak_position: FloatArray
    peak_height: FloatArray
    in_domain: NDArray[np.bool_]
    agreement: FloatArray | None = None
    members: int = 0
    points: tuple[Simulated, ...] = ()
    model: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.eps_p_np), len(self.eps_np_np))
        for name in ("phase", "peak_position", "peak_height", "in_domain", "agreement"):
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise InputError(f"{name} must have shape {shape}, one value per point, got {np.shape(value)}")
        unknown = set(np.unique(self.phase).tolist()) - set(PHASES)
        if unknown:
            raise InputError(f"a phase is one of {', '.join(PHASES)}, got {min(unknown)!r}")

    def write(self, file: str | Path) -> None:
        """Write a CSV file with a row per point of the grid; an empty cell where there is no first peak."""
        with Path(file).open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened, lineterminator="\n")
            extra = () if self.agreement is None else ("agreement",)
            peak = ("first_peak_position", "first_peak_height")
            writer.writerow(("D", "N", "phi", "eps_np_np", "eps_p_np", "phase", *peak, "in_domain", *extra))
            for at in np.ndindex(self.phase.shape):
                row, column = at
                writer.writerow(
                    (
                        *(f"{self.D:.6g}", self.N, f"{self.phi:.6g}"),
                        *(f"{self.eps_np_np[column]:.6g}", f"{self.eps_p_np[row]:.6g}"),
                        self.phase[at],
                        *(_number(float(self.peak_position[at])), _number(float(self.peak_height[at]))),
                        bool(self.in_domain[at]),
                        *(() if self.agreement is None else (_number(float(self.agreement[at])),)),
                    )
                )

    def shares(self) -> dict[str, float]:
        """Share of the grid's points in each phase."""
        return {phase: float((self.phase == phase).mean()) for phase in PHASES}


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"

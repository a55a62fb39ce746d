"""The phase that a model predicts over (eps_np_np, eps_p_np), all else equal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.nanocomposite import Nanocomposite
from nanonet.domain import Composition
from nanonet.domain.rdf import classify_phases
from nanonet.errors import InputError
from nanonet.inference import Predictor, load
from nanonet.phases.draw import draw
from nanonet.phases.grid import Grid
from nanonet.phases.simulated import simulated

#: Ranges of the axes: those of the model's source (Ayush, Seth and Patra, nanoNET) [epsilon].
EPS_NP_NP, EPS_P_NP = (0.1, 2.5), (0.1, 1.5)
#: Points of a side: so many at least, and at most.
SIDES = (2, 401)
#: Points that are predicted at a time.
CHUNK = 256
Progress = Callable[[int, int], None]


class PhaseMap(Grid):
    """A :class:`nanonet.phases.grid.Grid` that can be drawn."""

    def plot(self, file: str | Path) -> None:
        """Draw the map into a file (.png, .pdf or .svg).

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        draw(self, Path(file))


def phase_map(
    D: float,
    N: int,
    phi: float,
    *,
    model: str | Path | None = None,
    records: str | Path | None = None,
    n: int = 41,
    eps_np_np: Sequence[float] = EPS_NP_NP,
    eps_p_np: Sequence[float] = EPS_P_NP,
    members: bool = True,
    progress: Progress | None = None,
) -> PhaseMap:
    """Predict the RDFs of a grid of n x n compositions and classify their phases.

    Args:
        D: diameter of the nanoparticles [sigma].
        N: monomers in a chain.
        phi: volume fraction of nanoparticles.
        model: name or folder of a checkpoint for nanocomposites; the default one if not given.
        records: data set with the simulated compositions; the shipped one if not given.
        n: points of a side, 2 to 401.
        eps_np_np: smallest and largest NP-NP attraction [epsilon].
        eps_p_np: smallest and largest polymer-NP attraction [epsilon].
        members: also decode every member of the model, for :attr:`PhaseMap.agreement`; with a network as
            decoder this takes several times as long as the map itself.
        progress: called with the number of points that are done and of all.

    Raises:
        CompositionError: D, N, phi or an end of an axis is not physical.
        InputError: n or an axis is not usable, or the model is not one of nanocomposites.
        CheckpointError: there is no such model.
        DataError: there are no such records, or none that passed.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not SIDES[0] <= n <= SIDES[1]:
        raise InputError(f"a side of the grid has {SIDES[0]} to {SIDES[1]} points, got n = {n!r}")
    x, y = _axis("eps_np_np", eps_np_np, int(n)), _axis("eps_p_np", eps_p_np, int(n))
    corner = Composition.from_phi(D=D, N=N, phi=phi, eps_np_np=x[-1], eps_p_np=y[-1])
    Composition.from_phi(D=D, N=N, phi=phi, eps_np_np=x[0], eps_p_np=y[0])
    predictor = load(model)
    checkpoint = predictor.checkpoint
    if not isinstance(checkpoint.problem, Nanocomposite) or checkpoint.axis is None:
        raise InputError(
            f"the model {checkpoint.name} is for {checkpoint.problem.name} and predicts {checkpoint.target}; a phase "
            "map needs one that predicts RDFs of nanocomposites, name it with model=..."
        )
    points, note = simulated(records, corner)
    grid = [
        Composition(D=corner.D, N=corner.N, rho=corner.rho, eps_np_np=float(a), eps_p_np=float(b)) for b in y for a in x
    ]
    rows: list[_Part] = []
    for start in range(0, len(grid), CHUNK):
        rows.append(_predict(predictor, grid[start : start + CHUNK], members))
        if progress is not None:
            progress(min(start + CHUNK, len(grid)), len(grid))
    count = rows[0].members
    shape = (int(n), int(n))
    return PhaseMap(
        D=corner.D,
        N=corner.N,
        phi=float(phi),
        eps_np_np=x,
        eps_p_np=y,
        phase=np.concatenate([part.phase for part in rows]).reshape(shape),
        peak_position=np.concatenate([part.position for part in rows]).reshape(shape),
        peak_height=np.concatenate([part.height for part in rows]).reshape(shape),
        in_domain=np.concatenate([part.inside for part in rows]).reshape(shape),
        agreement=np.concatenate([part.agreement for part in rows]).reshape(shape) if count > 1 else None,
        members=count,
        points=points,
        model=checkpoint.name,
        note=note,
    )


def _axis(name: str, ends: Sequence[float], n: int) -> FloatArray:
    pair = [float(end) for end in ends]
    if len(pair) != 2 or not all(math.isfinite(end) for end in pair) or not pair[0] < pair[1]:
        raise InputError(f"the range of {name} must be two rising numbers [epsilon], got {list(ends)!r}")
    return np.linspace(pair[0], pair[1], n)


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of the grid, one value per point."""

    phase: NDArray[np.str_]
    position: FloatArray
    height: FloatArray
    inside: NDArray[np.bool_]
    agreement: FloatArray
    members: int


def _predict(predictor: Predictor, compositions: list[Composition], members: bool) -> _Part:
    problem, surrogate = predictor.checkpoint.problem, predictor.checkpoint.surrogate
    inputs, _ = problem.parse(compositions, {})
    prediction = predictor.evaluate(inputs)
    rdfs: list[Any] = problem.present(prediction)
    phase = np.array([rdf.phase for rdf in rdfs], dtype=str)
    peaks = [rdf.first_peak or (math.nan, math.nan) for rdf in rdfs]
    agreement, count = np.ones(len(rdfs)), 0
    if members:
        curves = surrogate.ensemble(inputs)
        named = classify_phases(rdfs[0].r, curves, compositions[0].D)
        agreement, count = (named == phase).mean(axis=0), len(curves)
    return _Part(
        phase=phase,
        position=np.array([peak[0] for peak in peaks]),
        height=np.array([peak[1] for peak in peaks]),
        inside=prediction.in_domain,
        agreement=agreement,
        members=count,
    )

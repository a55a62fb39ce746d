"""Energy, forces and pressure by a plain double loop over pairs: slow, and hard to get wrong.

It shares nothing with the engines but the force field's formulas, and checks them.
"""

from __future__ import annotations

import numpy as np

from simulations.engines.base import Evaluation
from simulations.forcefield import TYPES, BondTerm, ForceField, PairTerm
from simulations.state import State


def evaluate(state: State, forcefield: ForceField) -> Evaluation:
    """Sum over all pairs of beads with the minimum image, bonded pairs by their bond alone."""
    n = len(state.typeid)
    bonded = {frozenset(pair) for pair in state.bonds.tolist()}
    energy, virial, forces = 0.0, 0.0, np.zeros((n, 3))
    for i in range(n - 1):
        delta = state.positions[i] - state.positions[i + 1 :]
        delta -= state.box * np.round(delta / state.box)
        distance = np.sqrt((delta * delta).sum(axis=1))
        for j, (vector, r) in enumerate(zip(delta, distance, strict=True), i + 1):
            term: PairTerm | BondTerm = forcefield.bond
            if frozenset((i, j)) not in bonded:
                a, b = sorted((state.typeid[i], state.typeid[j]))
                term = pair = forcefield.pairs[TYPES[a], TYPES[b]]
                if r >= pair.r_cut:
                    continue
            w = float(term.virial(np.array(r)))
            energy += float(term.energy(np.array(r)))
            virial += w
            forces[i] += w * vector / r**2
            forces[j] -= w * vector / r**2
    return Evaluation(energy=energy, pressure=virial / (3.0 * float(np.prod(state.box))), forces=forces)

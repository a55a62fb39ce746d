"""Whether compiled pair styles compute what LAMMPS' own do: ``python -m simulations.engines.trial PLUGIN``.

It runs in a process of its own, before the plugin is used for the first time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from nanonet.domain import Composition
from simulations.engines.lammps import Lammps
from simulations.forcefield import nanocomposite
from simulations.state import State

#: Largest difference between two orders of summation, relative to the largest force.
_TOLERANCE = 1e-9
#: Height of the soft repulsion that is tried [epsilon].
_SOFTNESS = 20.0


def configuration(edge: float = 20.0, diameter: float = 3.0) -> State:
    """Chains on a lattice, shaken, across all boundaries, with NPs between them."""
    rng = np.random.default_rng(11)
    count = int(edge / 1.02)
    axis = (np.arange(count) - 0.5 * (count - 1)) * edge / count
    sites = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    coarse = np.array([-0.45, 0.0]) * edge
    large = np.stack(np.meshgrid(coarse, coarse, coarse, indexing="ij"), axis=-1).reshape(-1, 3)
    apart = sites[:, None] - large[None]
    apart -= edge * np.round(apart / edge)
    free = np.linalg.norm(apart, axis=-1).min(axis=1) > 0.5 * (diameter + 0.8)
    # neighbours on a line along z are bonded, across the boundary too
    number = np.full(count**3, -1)
    number[free] = np.arange(free.sum())
    lines = number.reshape(-1, count)
    bonds = np.stack([lines, np.roll(lines, -1, axis=1)], axis=-1).reshape(-1, 2)
    bonds = bonds[(bonds >= 0).all(axis=1)]
    small = sites[free] + rng.uniform(-0.08, 0.08, (int(free.sum()), 3))
    positions = np.concatenate([small, large])
    positions -= edge * np.round(positions / edge)
    kinds = np.repeat([0, 1], [len(small), len(large)])
    return State(positions, np.zeros_like(positions), kinds, bonds, np.full(3, edge))


def main(path: str) -> int:
    """0 if forces, energy and pressure agree; the reason on stderr else."""
    state = configuration()
    forcefield = nanocomposite(Composition(D=3, N=20, rho=0.001, eps_np_np=1.5, eps_p_np=0.7))
    differences: dict[str, float] = {}
    for name, softness in (("", None), ("soft ", _SOFTNESS)):
        ours = Lammps.with_plugin(Path(path)).evaluate(state, forcefield, softness=softness)
        theirs = Lammps(pairs="opt").evaluate(state, forcefield, softness=softness)
        scale = np.abs(theirs.forces).max()
        differences |= {
            f"{name}forces": np.abs(ours.forces - theirs.forces).max() / scale,
            f"{name}energy": abs(ours.energy - theirs.energy) / abs(theirs.energy),
            f"{name}pressure": abs(ours.pressure - theirs.pressure) / abs(theirs.pressure),
        }
    wrong = {name: value for name, value in differences.items() if not value < _TOLERANCE}
    for name, value in wrong.items():
        sys.stderr.write(f"{name} differ by {value:.3g} of their size, expected less than {_TOLERANCE:g}\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

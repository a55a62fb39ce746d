"""From a composition to the number of particles, and to a first configuration.

The size rule is the same for every engine, so that a record does not depend on who made it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.domain import Composition
from nanonet.errors import InputError, SystemSizeError
from nanonet.seeds import generator
from nanonet.units import LJ_MINIMUM, MELT_DENSITY, MONOMER_DIAMETER, R_MAX
from simulations.state import State

Start = Literal["dispersed", "aggregated"]

#: Width that a neighbour list adds to the largest cut-off [sigma].
BUFFER = 0.4
#: A box has to stay wider than this after equilibration [sigma]: 2 R_MAX and some room.
L_MIN = 2.0 * R_MAX + 0.5
#: How much wider than its least width a box is planned, for fluctuations and for what the
#: melt's density depends on beyond :func:`expected_volume`.
MARGIN = 1.02
#: Bond length of a freshly grown chain [sigma]: the minimum of the FENE bond with its core.
BOND = 0.97
#: Least distance between next-nearest neighbours of a fresh chain [sigma]: no back-folding.
NEXT_NEAREST = 1.02


@dataclass(frozen=True, slots=True)
class SystemSize:
    """How many particles a composition's box holds.

    Args:
        n_np: number of nanoparticles.
        n_chains: number of chains, of N monomers each.
        n_monomers: n_chains N.
        length: expected edge of the equilibrated cubic box [sigma].
        least_length: edge that the equilibrated box may not fall below [sigma].
    """

    n_np: int
    n_chains: int
    n_monomers: int
    length: float
    least_length: float

    @property
    def n_beads(self) -> int:
        """Monomers and nanoparticles."""
        return self.n_monomers + self.n_np


def expected_volume(n_monomers: int, n_np: int, diameter: float) -> float:
    """Volume at T* = P* = 1 [sigma^3]: n_monomers / 0.92 + n_np (pi/6) (D + 0.2)^3."""
    return n_monomers / MELT_DENSITY + n_np * math.pi / 6.0 * (diameter + 0.2) ** 3


def least_length(composition: Composition, *, cut: float = 2.5) -> float:
    """Edge below which a box is too small [sigma].

    The RDF reaches to 10 sigma, so L > 20.5; a periodic pair is counted once only where
    L > 2 (largest cut-off + buffer).
    """
    largest = cut * max(composition.D, 0.5 * (composition.D + MONOMER_DIAMETER), MONOMER_DIAMETER)
    return max(L_MIN, 2.0 * (largest + BUFFER))


def system_size(
    composition: Composition,
    *,
    n_np_min: int = 16,
    n_beads_max: int = 20_000,
    enlarge: float = 1.0,
    volume_factor: float = 1.0,
) -> SystemSize:
    """Number of NPs and chains for a composition.

    Args:
        composition: what to build.
        n_np_min: least number of nanoparticles.
        n_beads_max: most beads in all.
        enlarge: factor on the least edge, above 1 where a first box settled too small.
        volume_factor: how many times as many NPs and chains as these rules give; 2 shows the finite-size error.

    Raises:
        SystemSizeError: more than ``n_beads_max`` beads would be needed, or the NPs leave no room
            for chains; the message gives the numbers.
    """
    least = least_length(composition)
    edge = least * MARGIN * enlarge
    n_np = math.ceil(volume_factor * max(n_np_min, math.ceil(composition.rho * edge**3)))
    per_np = 1.0 / composition.rho - math.pi / 6.0 * (composition.D + 0.2) ** 3
    if per_np <= 0:
        raise SystemSizeError(
            f"the NPs alone fill the box at phi = {composition.phi:.3g} (D = {composition.D:g}); lower rho"
        )
    n_chains = max(1, round(MELT_DENSITY * n_np * per_np / composition.N))
    n_monomers = n_chains * composition.N
    size = SystemSize(
        n_np=n_np,
        n_chains=n_chains,
        n_monomers=n_monomers,
        length=expected_volume(n_monomers, n_np, composition.D) ** (1.0 / 3.0),
        least_length=least,
    )
    if size.n_beads > n_beads_max:
        raise SystemSizeError(
            f"{composition.label()} needs {size.n_beads:,} beads ({n_np} NPs, {n_chains} chains, "
            f"L = {size.length:.1f} sigma), more than n_beads_max = {n_beads_max:,}; raise rho (phi), "
            f"raise n_beads_max, or lower n_np_min = {n_np_min}"
            + (f" or volume_factor = {volume_factor:g}" if volume_factor != 1 else "")
        )
    return size


def build(composition: Composition, size: SystemSize, *, seed: int, start: Start = "dispersed") -> State:
    """A first configuration: NPs without overlap, chains as random walks that avoid them.

    The chains have bonds of 0.97 sigma and do not fold back (next-nearest neighbours at least
    1.02 sigma apart), which is close to the statistics of the melt; they overlap one another and
    need the protocol's preparation.

    Args:
        composition: the diameters and the chain length.
        size: from :func:`system_size`.
        seed: of the random walk and the NP positions.
        start: ``dispersed``, NPs at random, or ``aggregated``, NPs in one close-packed cluster.

    Raises:
        InputError: unknown start.
        SystemSizeError: the NPs do not fit into the box.
    """
    rng = generator(seed, "build", start)
    edge = size.length
    if start == "dispersed":
        particles = _scatter(size.n_np, edge, composition.D, rng)
    elif start == "aggregated":
        particles = _cluster(size.n_np, edge, composition.D)
    else:
        raise InputError(f"start must be 'dispersed' or 'aggregated', got {start!r}")
    monomers = _walk(size.n_chains, composition.N, edge, particles, 0.5 * (composition.D + MONOMER_DIAMETER), rng)
    positions = np.concatenate([monomers.reshape(-1, 3), particles])
    images = np.floor(positions / edge + 0.5).astype(np.int32)
    return State(
        positions=positions - images * edge,
        images=images,
        typeid=np.repeat([0, 1], [size.n_monomers, size.n_np]).astype(np.int32),
        bonds=chain_bonds(size.n_chains, composition.N),
        box=np.full(3, edge),
    )


def chain_bonds(n_chains: int, length: int) -> NDArray[np.int32]:
    """Pairs of bonded beads of linear chains stored one after another, shape (n_bonds, 2)."""
    first = np.arange(n_chains * length, dtype=np.int32).reshape(n_chains, length)
    return np.stack([first[:, :-1].ravel(), first[:, 1:].ravel()], axis=1)


def _nearest(delta: FloatArray, edge: float) -> FloatArray:
    return delta - edge * np.round(delta / edge)


def _scatter(count: int, edge: float, diameter: float, rng: np.random.Generator) -> FloatArray:
    """NPs at random, as far apart as random insertion allows: at best a layer of monomers."""
    for gap in np.linspace(MONOMER_DIAMETER, 0.0, 6):
        apart2 = (diameter + gap) ** 2
        placed = np.empty((count, 3))
        done = 0
        for _ in range(200 * count):
            trial = rng.uniform(-0.5 * edge, 0.5 * edge, 3)
            delta = _nearest(placed[:done] - trial, edge)
            if done == 0 or (delta * delta).sum(axis=1).min() >= apart2:
                placed[done] = trial
                done += 1
                if done == count:
                    return placed
    raise SystemSizeError(
        f"{count} NPs of diameter {diameter:g} do not fit at random into a box of {edge:.1f} sigma; lower rho"
    )


def _cluster(count: int, edge: float, diameter: float) -> FloatArray:
    """NPs on the sites of a face-centred cubic lattice nearest to the box's centre."""
    spacing = LJ_MINIMUM * diameter
    n_cells = math.ceil(count ** (1.0 / 3.0)) + 1
    cells = np.arange(-n_cells, n_cells + 1)
    corner = np.stack(np.meshgrid(cells, cells, cells, indexing="ij"), axis=-1).reshape(-1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    sites = (corner[:, None, :] + basis[None]).reshape(-1, 3) * spacing * math.sqrt(2.0)
    order = np.lexsort((*sites.T, np.round((sites**2).sum(axis=1), 9)))
    chosen = sites[order[:count]]
    if np.abs(chosen).max() * 2.0 + diameter > edge:
        raise SystemSizeError(
            f"a cluster of {count} NPs of diameter {diameter:g} does not fit into a box of {edge:.1f} sigma"
        )
    return chosen


def _walk(
    n_chains: int, length: int, edge: float, particles: FloatArray, clearance: float, rng: np.random.Generator
) -> FloatArray:
    """All chains grown together, one bead at a time, shape (n_chains, length, 3), unwrapped.

    Each bead takes the first of a few random directions that neither folds back nor enters an
    NP; where all are blocked the one farthest from the NPs is taken and the soft push-off mends it.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(np.mod(particles + 0.5 * edge, edge), boxsize=edge)

    def distance(points: FloatArray) -> FloatArray:
        wrapped = np.mod(points + 0.5 * edge, edge)
        wrapped[wrapped >= edge] = 0.0
        return tree.query(wrapped)[0]

    chains = np.empty((n_chains, length, 3))
    best = rng.uniform(-0.5 * edge, 0.5 * edge, (n_chains, 3))
    for _ in range(200):
        inside = np.flatnonzero(distance(best) < clearance)
        if inside.size == 0:
            break
        best[inside] = rng.uniform(-0.5 * edge, 0.5 * edge, (inside.size, 3))
    chains[:, 0] = best
    for bead in range(1, length):
        chains[:, bead] = np.nan
        open_chains = np.arange(n_chains)
        farthest = np.full(n_chains, -np.inf)
        for _ in range(50):
            step = rng.normal(size=(open_chains.size, 3))
            step *= BOND / np.linalg.norm(step, axis=1, keepdims=True)
            trial = chains[open_chains, bead - 1] + step
            if bead > 1:
                folded = np.linalg.norm(trial - chains[open_chains, bead - 2], axis=1) < NEXT_NEAREST
            else:
                folded = np.zeros(open_chains.size, dtype=bool)
            room = np.where(folded, -1.0, distance(trial))
            better = room > farthest[open_chains]
            chosen = open_chains[better]
            chains[chosen, bead] = trial[better]
            farthest[chosen] = np.minimum(room[better], clearance)
            open_chains = open_chains[farthest[open_chains] < clearance]
            if open_chains.size == 0:
                break
    return chains

"""One configuration of a system, the common currency of builder and engines."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.errors import InputError
from simulations.forcefield import TYPES


@dataclass(frozen=True, eq=False)
class State:
    """Positions, types and bonds of all beads in an orthorhombic periodic box.

    Args:
        positions: wrapped into the box, -L/2 to L/2 [sigma], shape (n, 3).
        images: box crossings, shape (n, 3).
        typeid: 0 for a monomer, 1 for an NP; monomers come first, shape (n,).
        bonds: pairs of bonded beads, shape (n_bonds, 2).
        box: edge lengths [sigma], shape (3,).

    Raises:
        InputError: shapes differ, beads lie outside the box, or types or bonds are not valid.
    """

    positions: FloatArray
    images: NDArray[np.int32]
    typeid: NDArray[np.int32]
    bonds: NDArray[np.int32]
    box: FloatArray

    def __post_init__(self) -> None:
        positions = frozen_array(self.positions, name="positions", ndim=2, shape=(None, 3))
        images = frozen_array(self.images, name="images", ndim=2, dtype=np.int32, shape=positions.shape)
        typeid = frozen_array(self.typeid, name="typeid", ndim=1, dtype=np.int32, shape=positions.shape[:1])
        bonds = frozen_array(np.reshape(self.bonds, (-1, 2)), name="bonds", ndim=2, dtype=np.int32)
        box = frozen_array(self.box, name="box", ndim=1, shape=(3,))
        if box.min() <= 0:
            raise InputError(f"box lengths must be positive, got {box.min():g}")
        if positions.size and (np.abs(positions) > 0.5 * box * (1 + 1e-9)).any():
            raise InputError("positions must be wrapped into the box, -L/2 to L/2; put crossings into images")
        if typeid.size and (typeid.min() < 0 or typeid.max() >= len(TYPES) or (np.diff(typeid) < 0).any()):
            raise InputError("typeid is 0 for monomers, which come first, and 1 for NPs")
        if bonds.size and (bonds.min() < 0 or bonds.max() >= len(positions) or (bonds[:, 0] == bonds[:, 1]).any()):
            raise InputError(f"bonds must join two of the {len(positions)} beads")
        for name, value in (
            ("positions", positions),
            ("images", images),
            ("typeid", typeid),
            ("bonds", bonds),
            ("box", box),
        ):
            object.__setattr__(self, name, value)

    @property
    def n_np(self) -> int:
        """Number of nanoparticles."""
        return int(np.count_nonzero(self.typeid))

    @property
    def n_monomers(self) -> int:
        """Number of monomers."""
        return len(self.typeid) - self.n_np

    @property
    def in_chains(self) -> NDArray[np.int64]:
        """Numbers of the beads that have a bond; of all beads where nothing is bonded."""
        return np.unique(self.bonds).astype(np.int64) if self.bonds.size else np.arange(len(self.typeid))

    def chain_ends(self) -> NDArray[np.int64]:
        """First bead of each chain and of what follows the last, shape (n_chains + 1,).

        Chains are stored one after another: bead k + 1 follows bead k where the two are bonded.
        """
        starts = np.ones(self.n_monomers + 1, dtype=bool)
        last = self.bonds.max(axis=1, initial=0)
        inner = self.bonds[(np.abs(self.bonds[:, 1] - self.bonds[:, 0]) == 1) & (last < self.n_monomers)]
        starts[np.max(inner, axis=1)] = False
        return np.flatnonzero(starts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an ``.npz`` file."""
        np.savez(path, positions=self.positions, images=self.images, typeid=self.typeid, bonds=self.bonds, box=self.box)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> State:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(**{name: data[name] for name in ("positions", "images", "typeid", "bonds", "box")})

"""Morgan fingerprints of repeat units."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import remembered, stacked
from nanonet.chemistry.smiles import molecule, rdkit
from nanonet.errors import ConfigError


@lru_cache(maxsize=8)
def generator(radius: int, bits: int) -> Any:
    """RDKit's generator of Morgan fingerprints."""
    rdkit()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=bits)


class Morgan:
    """Which circular substructures a repeat unit has (Rogers and Hahn 2010).

    Every atom's neighbourhood of up to ``radius`` bonds is hashed to one of ``bits`` places. x_b is
    1 where one falls on b (binary), or how many do (counts). Different substructures may share a
    place. The ends ``*`` take part, so that -CH2- in a chain differs from a CH3.

    Args:
        radius: in bonds; 2 in the paper.
        bits: number of places; 1024 in the paper.
        counts: how many (True) or whether any (False, the paper).

    Raises:
        ConfigError: a negative radius, or no places.

    >>> Morgan().encode(["*CCO*"]).shape
    (1, 1024)
    """

    def __init__(self, radius: int = 2, bits: int = 1024, counts: bool = False) -> None:
        if radius < 0 or bits < 1:
            raise ConfigError(
                f"a fingerprint has a radius of 0 or more and at least 1 bit, got {radius!r} and {bits!r}"
            )
        self.radius, self.bits, self.counts = int(radius), int(bits), bool(counts)

    @property
    def names(self) -> tuple[str, ...]:
        """``morgan2[0]``, ..."""
        return tuple(f"morgan{self.radius}[{place}]" for place in range(self.bits))

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """0 and 1, or counts, shape (n, bits)."""
        key = ("morgan", self.radius, self.bits, self.counts)
        return stacked(remembered(key, smiles, self._compute), self.bits)

    def _compute(self, smiles: str) -> np.ndarray:
        made = generator(self.radius, self.bits)
        mol = molecule(smiles)
        found = made.GetCountFingerprintAsNumPy(mol) if self.counts else made.GetFingerprintAsNumPy(mol)
        return found.astype(np.uint16 if self.counts else np.uint8)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"radius": self.radius, "bits": self.bits, "counts": self.counts}

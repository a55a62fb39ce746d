"""Repeat units as what they are in a chain: joined to their own copies, without ends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import remembered, stacked
from nanonet.chemistry.smiles import MEMORY, molecule, rdkit
from nanonet.errors import ConfigError, SmilesError

#: Fewest backbone atoms in a ring of copies: then no small ring arises that the polymer does not have.
BACKBONE = 9
#: Groups that are counted: name -> SMARTS.
GROUPS = {
    "ether": "[CX4]-O-[CX4]",
    "oxyethylene": "O-[CH2]-[CH2]-O",
    "carbonyl": "C=O",
    "ester": "[#6]-C(=O)-O-[#6]",
    "carbonate": "O-C(=O)-O",
    "amide": "NC=O",
    "amine": "[NX3;!$(NC=O)]",
    "nitrile": "C#N",
    "hydroxyl": "[OX2H]",
    "sulfonyl": "S=O",
    "aromatic": "a",
    "saturated": "[CX4]",
    "branch": "[*;D3,D4]",
    "O": "[#8]",
    "N": "[#7]",
    "F": "[#9]",
    "Si": "[#14]",
    "P": "[#15]",
    "S": "[#16]",
    "B": "[#5]",
    "anion": "[-]",
    "cation": "[+]",
}
#: Those whose number per repeat unit is given as well.
PER_UNIT = ("ether", "oxyethylene", "carbonyl", "carbonate", "O", "anion")


@lru_cache(maxsize=MEMORY)
def ring(smiles: str, backbone: int = BACKBONE) -> tuple[Any, int]:
    """Copies of a repeat unit joined head to tail into one ring, and their number k.

    k is the smallest number that gives the ring ``backbone`` atoms. Neighbourhoods of an atom are
    then those in an endless chain, wherever the repeat unit was cut.

    Raises:
        SmilesError: not a repeat unit with two ends, or its ends have bonds of different order.
    """
    package = rdkit()
    chem = package.Chem
    mol = molecule(smiles)
    ends = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    if len(ends) != 2:
        raise SmilesError(f"SMILES {smiles!r:.120} has {len(ends)} ends `*`, expected 2 to join")
    inner = [mol.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in ends]
    orders = {mol.GetBondBetweenAtoms(end, own).GetBondType() for end, own in zip(ends, inner, strict=True)}
    if len(orders) != 1 or any(own in ends for own in inner):
        raise SmilesError(f"the two ends of {smiles!r:.120} cannot be joined; their bonds must be of one order")
    length = len(chem.GetShortestPath(mol, *ends)) - 2
    copies = max(1, -(-backbone // length))
    size = mol.GetNumAtoms()
    joined = mol
    for _ in range(copies - 1):
        joined = chem.CombineMols(joined, mol)
    made = chem.RWMol(joined)
    for copy in range(copies):
        made.AddBond(copy * size + inner[1], (copy + 1) % copies * size + inner[0], orders.copy().pop())
    for index in sorted((copy * size + end for copy in range(copies) for end in ends), reverse=True):
        made.RemoveAtom(index)
    with package.rdBase.BlockLogs():
        try:
            chem.SanitizeMol(made)
        except ValueError as error:
            raise SmilesError(f"copies of {smiles!r:.120} cannot be joined: {error}") from error
    return made.GetMol(), copies


@lru_cache(maxsize=MEMORY)
def polymer_name(smiles: str) -> str:
    """One text for each polymer, wherever its repeat unit was cut: canonical SMILES of :func:`ring`.

    Stereochemistry counts; a unit written twice is another text.

    >>> polymer_name("*COC*") == polymer_name("*CCO*")
    True
    """
    return str(rdkit().Chem.MolToSmiles(ring(smiles)[0]))


class Periodic:
    """Chemistry of a repeat unit in the chain, as intensive numbers.

    Numbers of groups (:data:`GROUPS`) per non-hydrogen atom, rotatable bonds, polar surface, log P and
    molar refraction likewise; they depend neither on where the unit was cut nor on how much of the chain
    is written down. And as log10(1 + number), some groups (:data:`PER_UNIT`), non-hydrogen atoms and
    mass [g/mol] of the repeat unit.

    Args:
        size: whether to add what is counted per repeat unit.
    """

    def __init__(self, size: bool = True) -> None:
        self.size = bool(size)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        own = [*GROUPS, "rotatable", "polar_surface", "log_p", "refraction"]
        return (*own, *(f"{name}_per_unit" for name in PER_UNIT), "atoms", "mass") if self.size else tuple(own)

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Numbers, shape (n, number of columns)."""
        return stacked(remembered(("periodic", self.size), smiles, self._compute), len(self.names))

    def _compute(self, smiles: str) -> np.ndarray:
        mol, copies = ring(smiles)
        from rdkit.Chem import rdMolDescriptors

        atoms = mol.GetNumHeavyAtoms()
        found = {name: len(mol.GetSubstructMatches(pattern, maxMatches=1_000_000)) for name, pattern in _patterns()}
        whole = [
            *found.values(),
            rdMolDescriptors.CalcNumRotatableBonds(mol),
            rdMolDescriptors.CalcTPSA(mol),
            *rdMolDescriptors.CalcCrippenDescriptors(mol),
        ]
        values = np.array(whole, dtype=float) / atoms
        if not self.size:
            return values
        extra = [*(found[name] for name in PER_UNIT), atoms, rdMolDescriptors._CalcMolWt(mol)]  # noqa: SLF001
        return np.concatenate([values, np.log10(1.0 + np.array(extra, dtype=float) / copies)])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"size": self.size}


@lru_cache(maxsize=MEMORY)
def unit_size(smiles: str) -> tuple[float, float]:
    """Mass [g/mol] and number of oxygen atoms of a repeat unit."""
    from rdkit.Chem import rdMolDescriptors

    mol, copies = ring(smiles)
    oxygen = sum(atom.GetAtomicNum() == 8 for atom in mol.GetAtoms())
    return float(rdMolDescriptors._CalcMolWt(mol)) / copies, oxygen / copies  # noqa: SLF001


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, Any], ...]:
    chem = rdkit().Chem
    return tuple((name, chem.MolFromSmarts(smarts)) for name, smarts in GROUPS.items())


class PeriodicMorgan:
    """How often each circular substructure occurs in the chain, per non-hydrogen atom.

    Every atom's neighbourhood of up to ``radius`` bonds in :func:`ring` is hashed to one of ``bits``
    places.

    Args:
        radius: in bonds.
        bits: number of places.

    Raises:
        ConfigError: a negative radius, or no places.
    """

    def __init__(self, radius: int = 2, bits: int = 1024) -> None:
        if radius < 0 or bits < 1:
            raise ConfigError(f"a fingerprint has a radius of 0 or more and at least 1 bit, got {radius!r}, {bits!r}")
        self.radius, self.bits = int(radius), int(bits)

    @property
    def names(self) -> tuple[str, ...]:
        """``ring2[0]``, ..."""
        return tuple(f"ring{self.radius}[{place}]" for place in range(self.bits))

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Shares, shape (n, bits)."""
        return stacked(remembered(("ring", self.radius, self.bits), smiles, self._compute), self.bits)

    def _compute(self, smiles: str) -> np.ndarray:
        from nanonet.chemistry.fingerprints import generator

        mol, _ = ring(smiles)
        counts = generator(self.radius, self.bits).GetCountFingerprintAsNumPy(mol)
        return (counts / mol.GetNumHeavyAtoms()).astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"radius": self.radius, "bits": self.bits}

"""Structures as whole numbers in columns, for networks that read them as text or as graphs.

Every encoder here gives a fixed number of columns; 0 means nothing. The classes of atoms and the
letters of SMILES are fixed, so that a structure that was never seen is encoded like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import remembered, stacked
from nanonet.chemistry.smiles import molecule
from nanonet.errors import ConfigError, SmilesError

#: Elements that a graph knows; the ends of a repeat unit are joined and need none.
ELEMENTS = (
    "H", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I", "B", "Li", "Na", "K", "Mg", "Al", "As", "Sb", "Se", "Ge",
    "Sn", "Zn", "Ti", "Fe", "Co", "Te", "Ca",
)  # fmt: skip
#: Classes of one element: aromatic or not, charge negative, none or positive.
STATES = 6
#: Number of classes of atoms, without that of no atom.
CLASSES = len(ELEMENTS) * STATES
#: Bonds; 0 is none.
BONDS = {"SINGLE": 1, "DOUBLE": 2, "TRIPLE": 3, "AROMATIC": 4}
#: Pieces of SMILES: whole symbols outside brackets, single characters inside.
_TOKEN = re.compile(r"Cl|Br|Si|Se|@@|%\d\d|.")
#: All of them that SMILES is made of, in a fixed order; others count as one more.
LETTERS = (
    "C", "c", "N", "n", "O", "o", "S", "s", "P", "p", "F", "Cl", "Br", "I", "B", "b", "Si", "Se", "H", "*", "(", ")",
    "[", "]", "=", "#", "-", "+", "/", "\\", ".", ":", "@", "@@", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "%",
    "L", "i", "A", "l", "a", "K", "M", "g", "Z", "T", "G", "e",
)  # fmt: skip


class Graph:
    """A molecular graph: classes of atoms, their neighbours, and the bonds to them.

    Columns: 1 / number of atoms, then the class of each atom, then for each atom the numbers (from 1)
    of its neighbours, then the kinds of those bonds. A repeat unit is closed: the atoms at its two ends
    are neighbours of each other. Hydrogen atoms are left out. Of a structure with more atoms than
    ``atoms`` the first ones are kept, so only then something is lost.

    Args:
        atoms: most atoms.
        neighbours: most neighbours of an atom that are written down.

    Raises:
        ConfigError: a number is not positive.
    """

    def __init__(self, atoms: int = 60, neighbours: int = 4) -> None:
        if atoms < 1 or neighbours < 1:
            raise ConfigError(f"a graph has at least one atom and one neighbour, got {atoms!r} and {neighbours!r}")
        self.atoms, self.neighbours = int(atoms), int(neighbours)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        pairs = [(atom, place) for atom in range(self.atoms) for place in range(self.neighbours)]
        return (
            "per atom",
            *(f"atom {atom}" for atom in range(self.atoms)),
            *(f"neighbour {place} of {atom}" for atom, place in pairs),
            *(f"bond {place} of {atom}" for atom, place in pairs),
        )

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Whole numbers, shape (n, 1 + atoms (1 + 2 neighbours)).

        Raises:
            SmilesError: an element that is not one of :data:`ELEMENTS`.
        """
        return stacked(remembered(("graph", self.atoms, self.neighbours), smiles, self._compute), len(self.names))

    def _compute(self, smiles: str) -> np.ndarray:
        mol = molecule(smiles)
        order = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum()][: self.atoms]
        place = {index: number for number, index in enumerate(order)}
        classes = np.zeros(self.atoms)
        partner = np.zeros((self.atoms, self.neighbours))
        kind = np.zeros((self.atoms, self.neighbours))
        used = np.zeros(self.atoms, dtype=int)

        def connect(first: int, second: int, bond: int) -> None:
            for own, other in ((first, second), (second, first)):
                if used[own] < self.neighbours:
                    partner[own, used[own]], kind[own, used[own]] = other + 1, bond
                    used[own] += 1

        for index in order:
            classes[place[index]] = _class(mol.GetAtomWithIdx(index), smiles)
        ends = []
        for bond in mol.GetBonds():
            first, second = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            if first in place and second in place:
                connect(place[first], place[second], BONDS.get(str(bond.GetBondType()), 1))
            else:
                ends += [place[index] for index in (first, second) if index in place and _is_end(mol, first, second)]
        if len(ends) == 2:
            connect(ends[0], ends[1], 1)
        return np.concatenate([[1.0 / max(1, len(order))], classes, partner.ravel(), kind.ravel()])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"atoms": self.atoms, "neighbours": self.neighbours}


def _is_end(mol: Any, first: int, second: int) -> bool:
    return 0 in (mol.GetAtomWithIdx(first).GetAtomicNum(), mol.GetAtomWithIdx(second).GetAtomicNum())


def _class(atom: Any, smiles: str) -> int:
    """Number from 1 of the class of an atom."""
    symbol = atom.GetSymbol()
    if symbol not in ELEMENTS:
        raise SmilesError(f"SMILES {smiles!r:.120} has the element {symbol}; graphs know {', '.join(ELEMENTS)}")
    charge = int(np.sign(atom.GetFormalCharge())) + 1
    return 1 + ELEMENTS.index(symbol) * STATES + 3 * int(atom.GetIsAromatic()) + charge


class Tokens:
    """SMILES as a text: the number of the letter at each place, 0 behind its end.

    Args:
        length: most letters; what is longer loses its end.

    Raises:
        ConfigError: the length is not positive.

    >>> Tokens(length=6).encode(["*CCl"]).tolist()
    [[20.0, 1.0, 12.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, length: int = 80) -> None:
        if length < 1:
            raise ConfigError(f"a text has at least one letter, got length={length!r}")
        self.length = int(length)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f"letter {place}" for place in range(self.length))

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Whole numbers, shape (n, length)."""
        return stacked(remembered(("tokens", self.length), smiles, self._compute), self.length)

    def _compute(self, smiles: str) -> np.ndarray:
        numbers = {letter: number for number, letter in enumerate(LETTERS, start=1)}
        found = [numbers.get(letter, len(LETTERS) + 1) for letter in _TOKEN.findall(smiles)][: self.length]
        return np.array(found + [0] * (self.length - len(found)), dtype=float)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"length": self.length}

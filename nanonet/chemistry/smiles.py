"""Repeat units of polymers, and the ions beside them, as canonical SMILES."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from nanonet.errors import MissingDependencyError, SmilesError

#: Elements that public data sets use in place of ``*`` for the two ends of a repeat unit.
MARKS = {"Cu": "[Cu]", "Au": "[Au]", "Mg": "[Mg]"}
#: Ends of a repeat unit.
ENDS = 2
#: How many structures are remembered; a polymer occurs in many records.
MEMORY = 100_000
REMEDY = "write the repeat unit with both ends, such as *CCO*"


def rdkit() -> Any:
    """RDKit's package, quiet.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import rdkit.Chem
        import rdkit.rdBase
    except ImportError as error:
        raise MissingDependencyError(
            "reading chemical structures needs RDKit, which is not installed: pip install 'nanonet[chem]'"
        ) from error
    return rdkit


@lru_cache(maxsize=MEMORY)
def canonical(smiles: str, ends: int = ENDS) -> str:
    """One text for each structure: RDKit's canonical isomeric SMILES.

    The two ends of a repeat unit are ``*``; a pair of ``[Cu]`` and ``[Au]``, or two ``[Mg]``, says
    the same and becomes ``*``.

    Args:
        smiles: text, such as ``*CCO*`` or ``[Cu]CCO[Au]``.
        ends: how many ends there must be, each with one neighbour: 2 for a repeat unit, 0 for a
            salt or a solvent, in which metals stay what they are.

    Raises:
        SmilesError: no text, not valid SMILES, or other ends.

    >>> canonical("[Cu]OCC[Au]") == canonical("*CCO*")
    True
    """
    if not isinstance(smiles, str) or not smiles.strip():
        raise SmilesError(f"a structure must be SMILES text, got {smiles!r}; {REMEDY}")
    chem = rdkit().Chem
    mol = _parse(smiles.strip())
    if ends:
        _replace_marks(mol)
    found = [atom.GetDegree() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    if len(found) != ends:
        raise SmilesError(
            f"SMILES {smiles!r:.120} has {len(found)} ends `*`, expected {ends}"
            + (f"; {REMEDY}" if ends else "; an ion or a molecule has no ends")
        )
    if any(degree != 1 for degree in found):
        raise SmilesError(
            f"SMILES {smiles!r:.120} has an end `*` with {max(found)} neighbours, expected one for each; {REMEDY}"
        )
    return str(chem.MolToSmiles(mol))


def _parse(smiles: str) -> Any:
    """A sanitised molecule, or what is wrong with the text."""
    package = rdkit()
    with package.rdBase.BlockLogs():
        mol = package.Chem.MolFromSmiles(smiles, sanitize=False)
        if mol is None:
            raise SmilesError(f"SMILES {smiles!r:.120} cannot be read: brackets, rings or symbols do not fit; {REMEDY}")
        problems = [problem.Message() for problem in package.Chem.DetectChemistryProblems(mol)]
        if problems:
            raise SmilesError(f"SMILES {smiles!r:.120} is no possible structure: {problems[0]}")
        # Anew, because reading with sanitisation also perceives what is stereo and what is not.
        return package.Chem.MolFromSmiles(smiles)


def _replace_marks(mol: Any) -> None:
    """Marks of the ends as ``*``, in place; one ``[Cu]`` with one ``[Au]``, or two ``[Mg]``."""
    marked = [atom for atom in mol.GetAtoms() if atom.GetSymbol() in MARKS]
    if sorted(atom.GetSymbol() for atom in marked) in (["Au", "Cu"], ["Mg", "Mg"]):
        for atom in marked:
            atom.SetAtomicNum(0)
            atom.SetNoImplicit(False)
            atom.SetNumRadicalElectrons(0)


def canonicals(values: Iterable[Any], column: str = "smiles", ends: int = ENDS) -> list[str]:
    """:func:`canonical` of a column.

    Raises:
        SmilesError: the first that is not valid, with its row (from 0) and column.
    """
    made = []
    for row, value in enumerate(values):
        try:
            made.append(canonical(value if isinstance(value, str) else repr(value), ends))
        except SmilesError as error:
            raise SmilesError(f"row {row}, column {column!r}: {error}") from error
    return made


def molecule(smiles: str) -> Any:
    """RDKit's molecule of a text that :func:`canonical` made.

    Raises:
        SmilesError: not valid SMILES.
    """
    return _parse(smiles)


def capped(smiles: str) -> Any:
    """The molecule with hydrogen at each end, as descriptors want it (a ``*`` has no mass).

    Raises:
        SmilesError: not valid SMILES, or an end sits where no hydrogen can.
    """
    package = rdkit()
    mol = package.Chem.RWMol(_parse(smiles))
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetAtomicNum(1)
    with package.rdBase.BlockLogs():
        try:
            package.Chem.SanitizeMol(mol)
        except ValueError as error:
            raise SmilesError(
                f"SMILES {smiles!r:.120} has an end where no hydrogen can be ({error}); write the unit another way"
            ) from error
        return package.Chem.RemoveHs(mol)

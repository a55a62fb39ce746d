"""RDKit's two-dimensional descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import remembered, stacked
from nanonet.chemistry.smiles import capped, rdkit
from nanonet.errors import ConfigError

#: Grows exponentially with the size of a molecule and says no more than AvgIpc.
LEFT_OUT = ("Ipc",)
#: Values beyond this are cut; none of the others gets there for an ordinary molecule.
LARGEST = 1e6


@lru_cache(maxsize=1)
def _functions() -> tuple[tuple[str, Any], ...]:
    rdkit()
    from rdkit.Chem import Descriptors as RDKitDescriptors

    everything = RDKitDescriptors._descList  # noqa: SLF001  (RDKit has no other list of name and function)
    return tuple((str(name), function) for name, function in everything if name not in LEFT_OUT)


class Descriptors:
    """Numbers such as mass, polar surface, rings, counts of groups, partial charges.

    Of the structure with a hydrogen at each end (``*`` has neither mass nor charge). A descriptor
    that does not exist for a structure (partial charges of atoms without parameters) is 0; values
    are cut at -/+ 1e6. The columns depend on the version of RDKit; their names say which they are.

    Args:
        names: which descriptors; all of RDKit's (without Ipc) if not given.

    Raises:
        ConfigError: RDKit has no descriptor of this name.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._names = None if names is None else tuple(names)

    @property
    def names(self) -> tuple[str, ...]:
        """RDKit's names."""
        return tuple(name for name, _ in self._chosen())

    def _chosen(self) -> tuple[tuple[str, Any], ...]:
        everything = _functions()
        if self._names is None:
            return everything
        known = dict(everything)
        unknown = [name for name in self._names if name not in known]
        if unknown:
            raise ConfigError(f"RDKit has no descriptors {', '.join(unknown)}; it has {', '.join(known)}")
        return tuple((name, known[name]) for name in self._names)

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Finite values, shape (n, number of descriptors)."""
        chosen = self._chosen()
        return stacked(remembered(("descriptors", self._names), smiles, self._compute), len(chosen))

    def _compute(self, smiles: str) -> np.ndarray:
        mol = capped(smiles)
        with rdkit().rdBase.BlockLogs():
            values = [_number(function, mol) for _, function in self._chosen()]
        return np.clip(np.nan_to_num(np.array(values), posinf=LARGEST, neginf=-LARGEST), -LARGEST, LARGEST)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"names": None if self._names is None else list(self._names)}


def _number(function: Any, mol: Any) -> float:
    try:
        return float(function(mol))
    except (ValueError, RuntimeError, ZeroDivisionError, OverflowError):
        # Not defined for this structure, such as a largest charge without atoms that have one.
        return 0.0

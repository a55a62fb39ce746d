"""The contract of encoders, and the memory that they share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nanonet.arrays import FloatArray


@runtime_checkable
class Encoder(Protocol):
    """Structures -> numbers, (n, q): the same structure always gives the same row.

    Nothing is learned from the records of a problem, so an encoder needs no fitting.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the q columns."""

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Numbers of canonical SMILES, shape (n, q), finite.

        Raises:
            SmilesError: a text is not valid SMILES.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this encoder."""


#: Rows that were computed: (kind, settings, structure) -> numbers.
_ROWS: dict[Hashable, np.ndarray] = {}
#: So many rows are kept; then the memory is emptied.
MEMORY = 50_000


def remembered(key: Hashable, smiles: Sequence[str], compute: Callable[[str], np.ndarray]) -> list[np.ndarray]:
    """``compute`` of each structure, once for each different one and ``key``; rows must not be changed."""
    made = []
    for text in smiles:
        row = _ROWS.get((key, text))
        if row is None:
            if len(_ROWS) >= MEMORY:
                _ROWS.clear()
            row = compute(text)
            row.flags.writeable = False
            _ROWS[key, text] = row
        made.append(row)
    return made


def stacked(rows: Sequence[np.ndarray], columns: int) -> FloatArray:
    """Rows as an array (n, columns) of floats, also for no rows."""
    return np.array(rows, dtype=float).reshape(len(rows), columns)

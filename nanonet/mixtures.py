"""Mixtures of two parts as a few parts and many combinations: what features and regressors may hand over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.errors import InputError


@dataclass(frozen=True, eq=False)
class Mixtures:
    """n mixtures, row i of which has the share w_i of part ``first[i]`` and 1 - w_i of part ``second[i]``.

    A pool of half a million mixtures has a few hundred parts; whoever knows that a mixture is made
    of parts works on these, and the rest is arithmetic with shares.

    Args:
        parts: numbers of the u different parts, shape (u, p).
        first, second: rows of ``parts``, shape (n,).
        share: w, shape (n,).

    Raises:
        InputError: lengths that differ, or a row that is not there.
    """

    parts: FloatArray
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share: FloatArray

    def __post_init__(self) -> None:
        n = len(self.share)
        ends = [(own.min(initial=0), own.max(initial=-1)) for own in (self.first, self.second)]
        if self.parts.ndim != 2 or len(self.first) != n or len(self.second) != n:
            raise InputError(
                f"mixtures need parts (u, p) and as many first, second and share, got {self.parts.shape}, "
                f"{len(self.first)}, {len(self.second)} and {n}"
            )
        if min(low for low, _ in ends) < 0 or max(high for _, high in ends) >= len(self.parts):
            raise InputError(f"mixtures of {len(self.parts)} parts name the rows {ends}")

    def __len__(self) -> int:
        return len(self.share)

    @property
    def mixed(self) -> FloatArray:
        """1 where two different parts are mixed, else 0, shape (n,)."""
        return (self.first != self.second).astype(float)

    def rows(self) -> FloatArray:
        """Share, first and second part side by side, shape (n, 1 + 2 p)."""
        return np.concatenate([self.share[:, None], self.parts[self.first], self.parts[self.second]], axis=1)

    @classmethod
    def of_rows(cls, x: FloatArray) -> Mixtures:
        """From :meth:`rows`; equal parts become one.

        Raises:
            InputError: an even number of columns.
        """
        if x.ndim != 2 or x.shape[1] % 2 == 0:
            raise InputError(f"rows of mixtures have 1 + 2 p columns (share, part, part), got shape {x.shape}")
        width = (x.shape[1] - 1) // 2
        found: dict[bytes, int] = {}
        # 0.0 and -0.0 are one number with two patterns of bits.
        both = np.concatenate([x[:, 1 : 1 + width], x[:, 1 + width :]]) + 0.0
        place = np.array([found.setdefault(part.tobytes(), len(found)) for part in both], dtype=np.int64)
        _, where = np.unique(place, return_index=True)
        return cls(both[where], place[: len(x)], place[len(x) :], np.array(x[:, 0]))


@runtime_checkable
class MixtureFeatures(Protocol):
    """Features whose rows are :meth:`Mixtures.rows`, and that can leave them undone."""

    def mixtures(self, inputs: Table) -> Mixtures:
        """The same as ``transform``, which gives ``mixtures(inputs).rows()``."""


@runtime_checkable
class MixtureRegressor(Protocol):
    """A regressor of such rows that needs each part once."""

    def predict_mixtures(self, mixtures: Mixtures) -> FloatArray:
        """The same as ``predict(mixtures.rows())``, shape (n, d)."""

    def members_of_mixtures(self, mixtures: Mixtures) -> FloatArray:
        """The same as ``members(mixtures.rows())``, shape (m, n, d)."""

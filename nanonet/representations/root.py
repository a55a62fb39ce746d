"""The square root of a target whose spread grows with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.representations.base import as_codes, as_targets, load_state, not_fitted, save_state


class SquareRoot:
    """c = sqrt(g), shape (n, n_bins), of targets that are not negative.

    Decoding is max(c, 0)^2. It lies between the target itself and its logarithm: equal steps of c are
    steps of g that grow as sqrt(g), as its noise does where that is counted. Parts that mix linearly in
    c mix between the arithmetic and the geometric mean in g.
    """

    tolerance: float = 1e-9
    requires_fit: bool = True
    lowest: float = 0.0

    def __init__(self) -> None:
        self._n_bins: int | None = None

    def _known(self) -> int:
        if self._n_bins is None:
            raise not_fitted(self)
        return self._n_bins

    def fit(self, targets: ArrayLike) -> Self:
        """Keep the number of bins. Returns itself."""
        self._n_bins = as_targets(targets, n_bins=None, lowest=self.lowest).shape[1]
        return self

    def encode(self, targets: ArrayLike) -> FloatArray:
        """Roots of the targets."""
        return np.sqrt(as_targets(targets, n_bins=self._known(), lowest=self.lowest))

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Squares of the codes; 0 for negative ones."""
        return np.maximum(as_codes(codes, shape=(self._known(),)), 0.0) ** 2

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}

    def save(self, folder: Path) -> None:
        """Write the number of bins."""
        save_state(self, folder, {"n_bins": np.array(self._known())})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("n_bins",))
        part = cls(**config)
        part._n_bins = int(state["n_bins"])
        return part

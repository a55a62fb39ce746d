"""Learning from a part of the groups: what a learning curve is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_config, load_part, save_part
from nanonet.regressors.base import Groups, Regressor, training_arrays
from nanonet.seeds import generator


class Fewer:
    """A regressor that learns from a share of the groups, drawn at random; all of a larger share's draw are in it.

    Args:
        of: the regressor, unfitted.
        share: of the groups (of the records where there are no groups), above 0 to 1; at least one.
        seed: of the draw.

    Raises:
        ConfigError: a share outside 0 to 1.
    """

    memorises: ClassVar[float] = -np.inf

    def __init__(self, of: Regressor, share: float = 1.0, seed: int | None = 0) -> None:
        if not 0 < share <= 1:
            raise ConfigError(f"the share of the groups must lie in (0, 1], got {share!r}")
        self.of, self.share, self.seed = of, float(share), seed
        self._fitted: Regressor | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit to the records of the groups that were drawn."""
        x, codes = training_arrays(x, codes)
        names = np.arange(len(x)) if groups is None else np.asarray(groups)
        unique, which = np.unique(names, return_inverse=True)
        order = generator(self.seed or 0, "fewer").permutation(len(unique))
        rows = np.isin(which, order[: max(1, round(self.share * len(unique)))])
        self._fitted = build(describe(self.of)).fit(x[rows], codes[rows], None if groups is None else names[rows])
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Members of the regressor."""
        if self._fitted is None:
            raise NotFittedError("a regressor of fewer groups was not fitted; call fit() first")
        return self._fitted.members(x)

    def predict(self, x: FloatArray) -> FloatArray:
        """Its prediction."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the regressor as a description."""
        return {"of": describe(self.of), "share": self.share, "seed": self.seed}

    def save(self, folder: Path) -> None:
        """Write the regressor."""
        if self._fitted is None:
            raise NotFittedError("a regressor of fewer groups must be fitted before it is saved")
        save_part(self._fitted, folder / "of")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the regressor."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        kind: type[Regressor] = Regressor  # type: ignore[type-abstract]
        made._fitted = load_part(folder / "of", kind)
        return made

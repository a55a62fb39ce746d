"""Learning from a part of the records: fewer groups for learning curves, fewer of each for costly regressors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_config, load_part, save_part
from nanonet.regressors.base import Groups, Regressor, training_arrays
from nanonet.regressors.folds import at_most
from nanonet.seeds import generator


class Fewer:
    """A regressor that learns from a share of the groups, or of the records of each, drawn at random.

    All groups of a smaller share's draw are in that of a larger one.

    Args:
        of: the regressor, unfitted.
        share: of the groups (of the records where there are no groups), above 0 to 1; at least one.
        most: at most so many records of one group; ``None`` for all. It keeps a group of thousands from ruling, and
            makes regressors possible whose cost grows fast with the records.
        seed: of the draws.

    Raises:
        ConfigError: a share outside 0 to 1, or a limit below 1.
    """

    memorises: ClassVar[float] = -np.inf

    def __init__(self, of: Regressor, share: float = 1.0, seed: int | None = 0, most: int | None = None) -> None:
        if not 0 < share <= 1:
            raise ConfigError(f"the share of the groups must lie in (0, 1], got {share!r}")
        if most is not None and most < 1:
            raise ConfigError(f"most must be at least 1 record of a group, got {most!r}")
        self.of, self.share, self.seed, self.most = of, float(share), seed, most
        self._fitted: Regressor | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit to the records that were drawn."""
        x, codes = training_arrays(x, codes)
        names = np.asarray(np.arange(len(x)) if groups is None else groups, dtype=str)
        unique, which = np.unique(names, return_inverse=True)
        order = generator(self.seed or 0, "fewer").permutation(len(unique))
        drawn = np.isin(which, order[: max(1, round(self.share * len(unique)))])
        rows = np.flatnonzero(drawn)
        rows = rows[at_most(len(rows), names[rows], self.most, generator(self.seed or 0, "fewer of each"))]
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
        return {"of": describe(self.of), "share": self.share, "seed": self.seed, "most": self.most}

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

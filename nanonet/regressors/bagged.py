"""An ensemble of any regressor, on bootstrap samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_config, load_part, save_part
from nanonet.regressors.base import Groups, Regressor, training_arrays
from nanonet.seeds import derive, generator


class Bagged:
    """Mean over n copies of a regressor, which are the members.

    Args:
        base: the regressor, unfitted; copies differ in their seed, where it has one.
        n_members: number of copies, at least 2.
        bootstrap: fit each copy to records drawn with replacement; else to all of them.
        seed: of the draws and of the copies' own seeds.
    """

    memorises: ClassVar[float] = 0.5

    def __init__(self, base: Regressor, n_members: int = 10, bootstrap: bool = True, seed: int | None = 0) -> None:
        if n_members < 2:
            raise ConfigError(f"an ensemble needs at least 2 members, got {n_members!r}")
        self.base, self.n_members, self.bootstrap, self.seed = base, int(n_members), bool(bootstrap), seed or 0
        self._fitted: list[Regressor] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit every copy."""
        x, codes = training_arrays(x, codes)
        config = describe(self.base)
        fitted = []
        for number in range(self.n_members):
            if "seed" in config:
                config = {**config, "seed": derive(self.seed, "member", number)}
            rows = np.arange(len(x))
            if self.bootstrap:
                rows = generator(self.seed, "bootstrap", number).integers(0, len(x), len(x))
            fitted.append(build(config).fit(x[rows], codes[rows], None if groups is None else groups[rows]))
        self._fitted = fitted
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each copy, shape (n_members, n, d)."""
        if self._fitted is None:
            raise NotFittedError("the ensemble was asked for a prediction before it was fitted; call fit() first")
        return np.stack([copy.predict(x) for copy in self._fitted])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the copies, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the base as a description."""
        return {
            "base": describe(self.base),
            "n_members": self.n_members,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
        }

    def save(self, folder: Path) -> None:
        """Write every copy into a folder of its own."""
        if self._fitted is None:
            raise NotFittedError("the ensemble must be fitted before it is saved")
        for number, copy in enumerate(self._fitted):
            save_part(copy, folder / f"member{number}")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every copy."""
        config: Mapping[str, Any] = load_config(folder)
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **config})
        kind: type[Regressor] = Regressor  # type: ignore[type-abstract]
        made._fitted = [load_part(folder / f"member{number}", kind) for number in range(made.n_members)]
        return made

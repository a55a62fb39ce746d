"""Every code by itself, from the records for which it is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_arrays, load_config, load_part, save_arrays, save_part
from nanonet.regressors.base import Groups, Regressor, training_arrays


class Each:
    """A regressor of the same kind for each code, which learns from the rows where the code is known (not NaN).

    So several numbers of which some are missing can be learned by any regressor, and learning them together, as
    networks do, can be compared with learning each alone.

    Args:
        of: the regressor, unfitted.
    """

    memorises: ClassVar[float] = -np.inf

    def __init__(self, of: Regressor) -> None:
        self.of = of
        self._fitted: list[Regressor] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit one regressor per code; NaN is taken for not known."""
        x, codes = training_arrays(x, codes, gaps=True)
        self._fitted = []
        for column in codes.T:
            rows = np.isfinite(column)
            names = None if groups is None else np.asarray(groups)[rows]
            self._fitted.append(build(describe(self.of)).fit(x[rows], column[rows, None], names))
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Members of each code, shape (m, n, d).

        Raises:
            ConfigError: the regressor had not the same number of members for all codes.
        """
        if self._fitted is None:
            raise NotFittedError("regressors of each code were asked before they were fitted; call fit() first")
        found = [one.members(x)[:, :, 0] for one in self._fitted]
        if len({len(members) for members in found}) > 1:
            counts = ", ".join(str(len(members)) for members in found)
            raise ConfigError(f"a regressor of each code needs as many members for every code, got {counts}")
        return np.stack(found, axis=2)

    def predict(self, x: FloatArray) -> FloatArray:
        """Prediction of each code, shape (n, d)."""
        if self._fitted is None:
            raise NotFittedError("regressors of each code were asked before they were fitted; call fit() first")
        return np.concatenate([one.predict(x) for one in self._fitted], axis=1)

    def get_config(self) -> dict[str, Any]:
        """The regressor as a description."""
        return {"of": describe(self.of)}

    def save(self, folder: Path) -> None:
        """Write every one into a folder of its own."""
        if self._fitted is None:
            raise NotFittedError("regressors of each code must be fitted before they are saved")
        for number, one in enumerate(self._fitted):
            save_part(one, folder / f"code{number}")
        save_arrays(folder / "each.npz", codes=len(self._fitted))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every one."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        kind: type[Regressor] = Regressor  # type: ignore[type-abstract]
        count = int(load_arrays(folder / "each.npz", "codes")["codes"])
        made._fitted = [load_part(folder / f"code{number}", kind) for number in range(count)]
        return made

"""Settings of a regressor, chosen inside the training part."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_config, load_part, save_part
from nanonet.regressors.base import Groups, Regressor, training_arrays
from nanonet.regressors.folds import out_of_fold, standard_error


class Search:
    """A regressor with the settings that did best in cross-validation on the training records.

    Every combination of the grid is judged by its mean square error (in units of the variance of
    each code) on inner folds that keep groups together; the best one, the first of equals, is then
    fitted to all training records. So whoever splits outside never chooses with his test part.

    Args:
        of: the regressor, unfitted.
        grid: argument of it -> values to try; dots lead to arguments of an argument.
        folds: inner folds, at least 2; fewer where there are fewer groups.
        seed: of the folds.

    Raises:
        ConfigError: no grid, no values, or an argument that the regressor does not have.
    """

    memorises: ClassVar[float] = 0.5

    def __init__(self, of: Regressor, grid: Mapping[str, Sequence[Any]], folds: int = 5, seed: int | None = 0) -> None:
        if not grid or not all(len(values) for values in grid.values()):
            raise ConfigError(f"a search needs a grid of settings with values, got {dict(grid)!r}")
        if folds < 2:
            raise ConfigError(f"a search needs at least 2 folds, got {folds!r}")
        self.of, self.folds, self.seed = of, int(folds), seed
        self.grid = {str(key): list(values) for key, values in grid.items()}
        for combination in self._combinations():
            self._changed(combination)
        #: The settings that were chosen, and the error of each combination.
        self.chosen: dict[str, Any] = {}
        self.errors: list[tuple[dict[str, Any], float]] = []
        self._best: Regressor | None = None

    def _combinations(self) -> list[dict[str, Any]]:
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def _changed(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Description of the regressor with other settings."""
        config = describe(self.of)
        for path, value in settings.items():
            *steps, last = path.split(".")
            node: Any = config
            for step in steps:
                node = node.get(step) if isinstance(node, dict) else None
            if not isinstance(node, dict) or last not in node or last == TARGET:
                known = ", ".join(key for key in config if key != TARGET)
                raise ConfigError(
                    f"the grid names {path!r}, which {type(self.of).__name__} does not have; it has {known}"
                )
            node[last] = value
        return config

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Try every combination and fit the best."""
        x, codes = training_arrays(x, codes)
        self.errors = []
        for settings in self._combinations():
            config = self._changed(settings)
            predicted = out_of_fold(lambda c=config: build(c), x, codes, groups, self.folds, self.seed)  # type: ignore[misc]
            self.errors.append((settings, standard_error(predicted, codes)))
        self.chosen = min(self.errors, key=lambda pair: pair[1])[0]
        self._best = build(self._changed(self.chosen)).fit(x, codes, groups)
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Members of the best one."""
        if self._best is None:
            raise NotFittedError("a search was asked for a prediction before it was fitted; call fit() first")
        return self._best.members(x)

    def predict(self, x: FloatArray) -> FloatArray:
        """Prediction of the best one."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the regressor as a description."""
        return {"of": describe(self.of), "grid": self.grid, "folds": self.folds, "seed": self.seed}

    def save(self, folder: Path) -> None:
        """Write the best one."""
        if self._best is None:
            raise NotFittedError("a search must be fitted before it is saved")
        save_part(self._best, folder / "best")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the best one; what else was tried is not kept."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        kind: type[Regressor] = Regressor  # type: ignore[type-abstract]
        made._best = load_part(folder / "best", kind)
        return made

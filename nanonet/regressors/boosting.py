"""Gradient-boosted trees (scikit-learn), kept by skops."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import CheckpointError, ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_config
from nanonet.regressors.base import Groups, query_array, training_arrays

#: Types beyond skops' own list that a file may hold: the compiled trees of scikit-learn.
TRUSTED = ("sklearn.tree._tree.Tree",)


class GradientBoosting:
    """A sum of small trees per code, each fitted to what is left (Friedman 2001); one member.

    Args:
        n_trees: number of trees per code.
        learning_rate: part of each tree that is added.
        max_depth: depth of a tree.
        subsample: share of the records that each tree sees.
        seed: of the subsamples and of ties.
    """

    memorises: ClassVar[float] = 0.9

    def __init__(
        self,
        n_trees: int = 100,
        learning_rate: float = 0.1,
        max_depth: int = 3,
        subsample: float = 1.0,
        seed: int | None = 0,
    ) -> None:
        if n_trees < 1 or max_depth < 1 or not learning_rate > 0 or not 0 < subsample <= 1:
            raise ConfigError(
                "n_trees, max_depth and learning_rate must be positive and subsample in (0, 1], "
                f"got {n_trees!r}, {max_depth!r}, {learning_rate!r}, {subsample!r}"
            )
        self.n_trees, self.max_depth = int(n_trees), int(max_depth)
        self.learning_rate, self.subsample, self.seed = float(learning_rate), float(subsample), seed
        self._models: list[Any] | None = None
        self._columns: int | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit one sum of trees per code."""
        try:
            from sklearn.ensemble import GradientBoostingRegressor
        except ImportError as error:
            raise MissingDependencyError(
                "gradient boosting needs scikit-learn, which is not installed: pip install 'nanonet[train]'"
            ) from error
        x, codes = training_arrays(x, codes)
        self._columns = x.shape[1]
        self._models = [
            GradientBoostingRegressor(
                n_estimators=self.n_trees,
                learning_rate=self.learning_rate,
                max_depth=self.max_depth,
                subsample=self.subsample,
                random_state=self.seed,
            ).fit(x, column)
            for column in codes.T
        ]
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """The prediction as the only member, shape (1, n, d)."""
        x = query_array(x, self._columns, "gradient boosting")
        if self._models is None:
            raise NotFittedError("gradient boosting has no trees; call fit() first")
        return np.stack([model.predict(x) for model in self._models], axis=1)[None]

    def predict(self, x: FloatArray) -> FloatArray:
        """The prediction, shape (n, d)."""
        return self.members(x)[0]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "n_trees": self.n_trees,
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "subsample": self.subsample,
            "seed": self.seed,
        }

    def save(self, folder: Path) -> None:
        """Write the models with skops."""
        if self._models is None:
            raise NotFittedError("gradient boosting must be fitted before it is saved")
        _skops().dump(self._models, folder / "boosting.skops")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the models; a file with other types than scikit-learn's is refused."""
        made = cls(**load_config(folder))
        models = load_trusted(folder / "boosting.skops")
        from sklearn.ensemble import GradientBoostingRegressor

        if not isinstance(models, list) or not all(isinstance(m, GradientBoostingRegressor) for m in models):
            raise CheckpointError(f"{folder / 'boosting.skops'} does not hold a list of gradient-boosting models")
        made._models, made._columns = models, int(models[0].n_features_in_)
        return made


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingDependencyError(
            "scikit-learn parts of a checkpoint need skops, which is not installed: pip install 'nanonet[train]'"
        ) from error
    return skops.io


def load_trusted(file: Path) -> Any:
    """The object in a skops file, if it holds nothing but trusted types.

    Raises:
        CheckpointError: no such file, damaged, or a type that is not trusted.
    """
    io = _skops()
    if not file.is_file():
        raise CheckpointError(f"a part is missing: no {file}; copy or make the checkpoint again")
    try:
        foreign = sorted(set(io.get_untrusted_types(file=file)) - set(TRUSTED))
        if foreign:
            raise CheckpointError(
                f"{file} holds types that are not trusted: {', '.join(foreign)}; "
                "use checkpoints that nanonet wrote, from a source that you trust"
            )
        return io.load(file, trusted=list(TRUSTED))
    except CheckpointError:
        raise
    except Exception as error:
        # A damaged file fails in many ways inside skops.
        raise CheckpointError(f"{file} cannot be read ({type(error).__name__}: {error}); it is damaged") from error

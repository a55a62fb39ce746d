"""Random forest, evaluated as plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_config
from nanonet.regressors.base import Groups, query_array, training_arrays
from nanonet.regressors.trees import Trees


class Forest:
    """Mean over decision trees, each grown on a bootstrap sample (Breiman 2001).

    A tree is grown by scikit-learn and kept as arrays (:class:`nanonet.regressors.trees.Trees`), so
    predicting needs NumPy alone and gives the same numbers.

    Args:
        n_trees: number of trees; 20 in the paper, above which its error no longer fell.
        max_features: how many features are tried at each split: a whole number, or a share of
            all of them (1.0: all). The paper's "default value of one" may mean 1 or 1.0.
        min_samples_leaf: least number of samples in a leaf.
        seed: of bootstrap and feature choice.

    Raises:
        ConfigError: a number is not positive.
    """

    memorises: ClassVar[float] = 0.7

    def __init__(
        self,
        n_trees: int = 20,
        max_features: float = 1.0,
        min_samples_leaf: int = 1,
        seed: int | None = 0,
    ) -> None:
        if n_trees < 1 or max_features <= 0 or min_samples_leaf < 1:
            raise ConfigError(
                "n_trees, max_features and min_samples_leaf must be positive, "
                f"got {n_trees!r}, {max_features!r}, {min_samples_leaf!r}"
            )
        if isinstance(max_features, float) and max_features > 1:
            raise ConfigError(f"max_features must be a whole number or a share up to 1.0, got {max_features!r}")
        self.n_trees, self.max_features = int(n_trees), max_features
        self.min_samples_leaf, self.seed = int(min_samples_leaf), seed
        self._trees: Trees | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Grow the trees."""
        try:
            from sklearn.ensemble import RandomForestRegressor
        except ImportError as error:
            raise MissingDependencyError(
                "growing a forest needs scikit-learn, which is not installed: pip install 'nanonet[train]'"
            ) from error
        x, codes = training_arrays(x, codes)
        grown = RandomForestRegressor(
            n_estimators=self.n_trees,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self.seed,
        ).fit(x, codes if codes.shape[1] > 1 else codes[:, 0])
        made = [tree.tree_ for tree in grown.estimators_]
        self._trees = Trees.of(made, x.shape[1], [tree.value[:, :, 0] for tree in made])
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each tree, shape (n_trees, n, d)."""
        x = query_array(x, None if self._trees is None else self._trees.columns, "the forest")
        if self._trees is None:
            raise NotFittedError("the forest has no trees; call fit() first")
        return self._trees.ask(x)

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the trees, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "n_trees": self.n_trees,
            "max_features": self.max_features,
            "min_samples_leaf": self.min_samples_leaf,
            "seed": self.seed,
        }

    def save(self, folder: Path) -> None:
        """Write the trees as arrays."""
        if self._trees is None:
            raise NotFittedError("the forest must be fitted before it is saved")
        self._trees.save(folder / "forest.npz")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the trees."""
        forest = cls(**load_config(folder))
        forest._trees = Trees.load(folder / "forest.npz")
        return forest

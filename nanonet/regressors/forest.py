"""Random forest, evaluated as plain arrays."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError
from nanonet.regressors.base import Groups, training_arrays
from nanonet.regressors.trees import TreesRegressor, grow_regressor


class Forest(TreesRegressor):
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

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Grow the trees."""
        x, codes = training_arrays(x, codes)
        self._trees = grow_regressor(
            x,
            codes,
            n_estimators=self.n_trees,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self.seed,
        )
        return self

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "n_trees": self.n_trees,
            "max_features": self.max_features,
            "min_samples_leaf": self.min_samples_leaf,
            "seed": self.seed,
        }

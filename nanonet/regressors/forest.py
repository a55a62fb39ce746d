"""Random forest, evaluated as plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, training_arrays

#: Arrays that hold the trees; row t of each belongs to tree t, padded with leaves.
_ARRAYS = ("feature", "threshold", "left", "right", "value", "shape")


class Forest:
    """Mean over decision trees, each grown on a bootstrap sample (Breiman 2001).

    A tree is grown by scikit-learn and kept as arrays: at node k it asks whether x[feature_k] <=
    threshold_k and goes to left_k or right_k; a leaf leads to itself. So predicting needs NumPy
    alone and gives the same numbers as scikit-learn (x is rounded to float32, as there).

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
        self._trees: dict[str, NDArray] | None = None
        self._columns: int | None = None

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
        self._columns = x.shape[1]
        self._trees = _pack([tree.tree_ for tree in grown.estimators_], x.shape[1], codes.shape[1])
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each tree, shape (n_trees, n, d)."""
        x = query_array(x, self._columns, "the forest").astype(np.float32)
        trees = self._trees
        if trees is None:
            raise NotFittedError("the forest has no trees; call fit() first")
        tree = np.arange(len(trees["feature"]))[:, None]
        row = np.arange(len(x))[None, :]
        node = np.zeros((tree.size, row.size), dtype=np.int64)
        for _ in range(int(trees["shape"][1])):
            go_left = x[row, trees["feature"][tree, node]] <= trees["threshold"][tree, node]
            node = np.where(go_left, trees["left"][tree, node], trees["right"][tree, node])
        return trees["value"][tree, node]

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
        save_arrays(folder / "forest.npz", **self._trees)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the trees."""
        forest = cls(**load_config(folder))
        forest._trees = load_arrays(folder / "forest.npz", *_ARRAYS)
        forest._columns = int(forest._trees["shape"][0])
        return forest


def _pack(trees: list[Any], columns: int, outputs: int) -> dict[str, NDArray]:
    """Arrays of all trees, padded to the largest; shape holds the columns of x and the depth."""
    n_nodes = max(tree.node_count for tree in trees)
    own = np.arange(n_nodes)
    packed: dict[str, NDArray] = {
        "feature": np.zeros((len(trees), n_nodes), dtype=np.int32),
        "threshold": np.zeros((len(trees), n_nodes)),
        "left": np.tile(own, (len(trees), 1)).astype(np.int32),
        "right": np.tile(own, (len(trees), 1)).astype(np.int32),
        "value": np.zeros((len(trees), n_nodes, outputs)),
        "shape": np.array([columns, max(tree.max_depth for tree in trees)]),
    }
    for number, tree in enumerate(trees):
        count = tree.node_count
        inner = tree.children_left >= 0
        packed["feature"][number, :count] = np.where(inner, tree.feature, 0)
        packed["threshold"][number, :count] = tree.threshold
        packed["left"][number, :count] = np.where(inner, tree.children_left, own[:count])
        packed["right"][number, :count] = np.where(inner, tree.children_right, own[:count])
        packed["value"][number, :count] = tree.value[:, :, 0]
    return packed

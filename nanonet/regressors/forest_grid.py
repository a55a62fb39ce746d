"""A random forest whose number of trees and depth are chosen, for the price of one forest per fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError
from nanonet.regressors.base import Groups, training_arrays
from nanonet.regressors.folds import inner_folds
from nanonet.regressors.trees import Trees, TreesRegressor, grow_regressor


class ForestGrid(TreesRegressor):
    """A :class:`nanonet.regressors.forest.Forest` with the best of a grid of n_trees x max_depth.

    Every combination is judged by its mean square error on inner folds that keep groups together; the
    first of equals (fewest trees, then least depth) is kept. The paper's search has 10 x 11
    combinations and 5 folds. Here each fold grows a single forest, of the largest number of trees and
    without a limit: its first n trees are the forest of n, and cut at depth d they are the forest
    of that depth, up to how ties are drawn. Where trees end by themselves, more depth changes nothing.

    Args:
        n_trees: numbers to try.
        max_depth: depths to try.
        folds: inner folds, at least 2; fewer where there are fewer groups.
        max_features: share of the features that is tried at each split.
        min_samples_leaf: least number of records in a leaf.
        seed: of folds, bootstrap and choice of features.

    Raises:
        ConfigError: nothing to try, or a number out of range.
    """

    memorises: ClassVar[float] = 0.7

    def __init__(
        self,
        n_trees: Sequence[int] = (100,),
        max_depth: Sequence[int] = (10, 20, 30),
        folds: int = 5,
        max_features: float = 1.0,
        min_samples_leaf: int = 1,
        seed: int | None = 0,
    ) -> None:
        if not n_trees or not max_depth or min(*n_trees, *max_depth, min_samples_leaf) < 1 or folds < 2:
            raise ConfigError(
                "a grid needs positive numbers of trees and depths and at least 2 folds, got "
                f"{list(n_trees)!r}, {list(max_depth)!r} and {folds!r}"
            )
        if not 0 < max_features <= 1:
            raise ConfigError(f"max_features must be a share above 0 and up to 1, got {max_features!r}")
        self.n_trees, self.max_depth = sorted(map(int, n_trees)), sorted(map(int, max_depth))
        self.folds, self.max_features = int(folds), float(max_features)
        self.min_samples_leaf, self.seed = int(min_samples_leaf), seed
        #: What was chosen, and the mean square error of each combination (trees, depths).
        self.chosen: dict[str, int] = {}
        self.errors: FloatArray | None = None

    def _grow(self, x: FloatArray, codes: FloatArray, number: int) -> Trees:
        return grow_regressor(
            x,
            codes,
            n_estimators=number,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self.seed,
        )

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Choose, then grow the forest on all training records."""
        x, codes = training_arrays(x, codes)
        scale = np.where(codes.std(axis=0) > 0, codes.std(axis=0), 1.0)
        errors = np.zeros((len(self.n_trees), len(self.max_depth)))
        for train, test in inner_folds(len(x), groups, self.folds, self.seed):
            trees = self._grow(x[train], codes[train], self.n_trees[-1])
            known: dict[int, FloatArray] = {}
            for column, depth in enumerate(self.max_depth):
                # All depths that no tree reaches are the same forest.
                cut = min(depth, trees.depth)
                if cut not in known:
                    known[cut] = self._errors(trees.cut(cut), x[test], codes[test] / scale, scale)
                errors[:, column] += known[cut]
        self.errors = errors / codes.size
        best = divmod(int(errors.argmin()), len(self.max_depth))
        self.chosen = {"n_trees": self.n_trees[best[0]], "max_depth": self.max_depth[best[1]]}
        self._trees = self._grow(x, codes, self.chosen["n_trees"]).cut(self.chosen["max_depth"])
        return self

    def _errors(self, trees: Trees, x: FloatArray, codes: FloatArray, scale: FloatArray) -> FloatArray:
        """Sum of squares for each number of trees."""
        said = trees.ask(x).cumsum(axis=0) / scale
        return np.array([((said[number - 1] / number - codes) ** 2).sum() for number in self.n_trees])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "n_trees": self.n_trees,
            "max_depth": self.max_depth,
            "folds": self.folds,
            "max_features": self.max_features,
            "min_samples_leaf": self.min_samples_leaf,
            "seed": self.seed,
        }

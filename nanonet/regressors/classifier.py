"""Random-forest classifier whose prediction is a probability, evaluated as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, InputError
from nanonet.regressors.base import Groups, training_arrays
from nanonet.regressors.folds import inner_folds
from nanonet.regressors.trees import Trees, TreesRegressor, ensemble


class ForestClassifier(TreesRegressor):
    """p = share of class 1, mean over decision trees of what their leaves hold (Breiman 2001).

    Codes are 0 or 1, each column a question of its own; the prediction is the probability of 1. Where
    several numbers of trees or depths are given, the pair with the best accuracy in ``folds``-fold
    cross-validation on the training records is taken, the first of equals in the order of the lists
    (few trees, little depth). Accuracy because it is scikit-learn's default for a search, and the
    paper names no other. The first n trees of a forest are the forest of n trees, and a depth that no
    tree reaches is no limit, so that a large grid costs little more than its largest forest.

    Args:
        n_trees: number of trees, or several to choose from; the paper tries 20 from 100 to 1000.
        max_depth: largest depth, or several; ``None`` is no limit. The paper tries 10 to 110.
        max_features: share of the features tried at each split; ``None`` is the square root of their number.
        folds: of the search; 2 in the paper. Groups are kept together.
        seed: of bootstrap, feature choice and folds.

    Raises:
        ConfigError: an empty list, or a number that is not positive.
    """

    memorises: ClassVar[float] = 0.5
    noun: ClassVar[str] = "the classifier"
    #: Codes are 0 or 1.
    binary: ClassVar[bool] = True

    def __init__(
        self,
        n_trees: int | Sequence[int] = 100,
        max_depth: int | Sequence[int] | None = None,
        max_features: float | None = None,
        folds: int = 2,
        seed: int | None = 0,
    ) -> None:
        self.n_trees = [n_trees] if isinstance(n_trees, int) else [int(n) for n in n_trees]
        depths = [max_depth] if max_depth is None or isinstance(max_depth, int) else [int(d) for d in max_depth]
        self.max_depth: list[int | None] = list(depths)
        if not self.n_trees or not self.max_depth or min(self.n_trees) < 1 or min(d or 1 for d in self.max_depth) < 1:
            raise ConfigError(f"n_trees and max_depth must be positive, got {n_trees!r} and {max_depth!r}")
        if any(d == 0 for d in self.max_depth) or folds < 2 or not (max_features is None or 0 < max_features <= 1):
            raise ConfigError(
                "a classifier needs depths above 0, at least 2 folds and a share of features above 0 up to 1, got "
                f"{max_depth!r}, {folds!r}, {max_features!r}"
            )
        self.max_features, self.folds, self.seed = max_features, int(folds), seed
        #: Number of trees and depth that were chosen.
        self.chosen: tuple[int, int | None] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Choose the settings where there is a choice, and grow the trees.

        Raises:
            InputError: codes other than 0 and 1.
        """
        x, codes = training_arrays(x, codes)
        if not np.isin(codes, (0.0, 1.0)).all():
            strange = codes[~np.isin(codes, (0.0, 1.0))][0]
            raise InputError(f"a classifier learns codes of 0 and 1, got {strange:g}; use a regressor for numbers")
        self.chosen = self._choose(x, codes, groups)
        self._trees = self._grow(x, codes, *self.chosen)
        return self

    def _choose(self, x: FloatArray, codes: FloatArray, groups: Groups) -> tuple[int, int | None]:
        first = (self.n_trees[0], self.max_depth[0])
        n_groups = len(x) if groups is None else len(set(groups.tolist()))
        if (len(self.n_trees) == 1 and len(self.max_depth) == 1) or n_groups < 2:
            return first
        right = np.zeros((len(self.max_depth), len(self.n_trees)))
        for train, test in inner_folds(len(x), groups, self.folds, self.seed):
            full = self._grow(x[train], codes[train], max(self.n_trees), None)
            for row, depth in enumerate(self.max_depth):
                limited = depth is not None and depth < full.depth
                trees = self._grow(x[train], codes[train], max(self.n_trees), depth) if limited else full
                total = np.cumsum(trees.ask(x[test]), axis=0)
                for column, count in enumerate(self.n_trees):
                    right[row, column] += ((total[count - 1] / count > 0.5) == (codes[test] > 0.5)).sum()
        best = divmod(int(right.argmax()), len(self.n_trees))
        return self.n_trees[best[1]], self.max_depth[best[0]]

    def _grow(self, x: FloatArray, codes: FloatArray, n_trees: int, depth: int | None) -> Trees:
        grown = (
            ensemble()
            .RandomForestClassifier(
                n_estimators=n_trees,
                max_depth=depth,
                max_features="sqrt" if self.max_features is None else self.max_features,
                random_state=self.seed,
            )
            .fit(x, codes if codes.shape[1] > 1 else codes[:, 0])
        )
        classes = [grown.classes_] if codes.shape[1] == 1 else grown.classes_
        made = [tree.tree_ for tree in grown.estimators_]
        return Trees.of(made, x.shape[1], [_share_of_ones(tree.value, classes) for tree in made])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "n_trees": self.n_trees[0] if len(self.n_trees) == 1 else self.n_trees,
            "max_depth": self.max_depth[0] if len(self.max_depth) == 1 else self.max_depth,
            "max_features": self.max_features,
            "folds": self.folds,
            "seed": self.seed,
        }


def _share_of_ones(value: FloatArray, classes: Sequence[Any]) -> FloatArray:
    """From what scikit-learn keeps at each node, (nodes, outputs, classes), the share of class 1, (nodes, outputs)."""
    shares = np.zeros(value.shape[:2])
    for output, names in enumerate(classes):
        own = np.flatnonzero(np.asarray(names) == 1.0)
        if own.size:
            shares[:, output] = value[:, output, own[0]] / value[:, output].sum(axis=1)
    return shares

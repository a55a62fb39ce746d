"""Decision trees as plain arrays, which forests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import MissingDependencyError, NotFittedError
from nanonet.parts import load_arrays, load_config, save_arrays
from nanonet.regressors.base import query_array

FILE = "forest.npz"
#: Arrays that hold the trees; row t of each belongs to tree t, padded with leaves.
_ARRAYS = ("feature", "threshold", "left", "right", "value", "shape")


class Trees:
    """Trees of one forest.

    At node k a tree asks whether x[feature_k] <= threshold_k and goes to left_k or right_k; a leaf
    leads to itself. So asking them needs NumPy alone and gives the same numbers as scikit-learn (x is
    rounded to float32, as there).

    Args:
        arrays: as :meth:`of` packs them.
    """

    def __init__(self, arrays: dict[str, NDArray]) -> None:
        self._arrays = arrays

    def __len__(self) -> int:
        return len(self._arrays["feature"])

    @property
    def columns(self) -> int:
        """Columns of x."""
        return int(self._arrays["shape"][0])

    @property
    def depth(self) -> int:
        """Depth of the deepest tree."""
        return int(self._arrays["shape"][1])

    @classmethod
    def of(cls, grown: list[Any], columns: int, values: list[FloatArray]) -> Self:
        """Pack trees that scikit-learn has grown.

        Args:
            grown: the ``tree_`` of each.
            columns: of x.
            values: what each tree says at each of its nodes, shape (nodes, outputs).
        """
        n_nodes = max(tree.node_count for tree in grown)
        own = np.arange(n_nodes)
        packed: dict[str, NDArray] = {
            "feature": np.zeros((len(grown), n_nodes), dtype=np.int32),
            "threshold": np.zeros((len(grown), n_nodes)),
            "left": np.tile(own, (len(grown), 1)).astype(np.int32),
            "right": np.tile(own, (len(grown), 1)).astype(np.int32),
            "value": np.zeros((len(grown), n_nodes, values[0].shape[1])),
            "shape": np.array([columns, max(tree.max_depth for tree in grown)]),
        }
        for number, (tree, value) in enumerate(zip(grown, values, strict=True)):
            count = tree.node_count
            inner = tree.children_left >= 0
            packed["feature"][number, :count] = np.where(inner, tree.feature, 0)
            packed["threshold"][number, :count] = tree.threshold
            packed["left"][number, :count] = np.where(inner, tree.children_left, own[:count])
            packed["right"][number, :count] = np.where(inner, tree.children_right, own[:count])
            packed["value"][number, :count] = value
        return cls(packed)

    def cut(self, depth: int | None) -> Trees:
        """The same trees without what lies deeper than ``depth``; all of them if ``None``.

        A node that becomes a leaf says the mean of its training records, so these are the trees that
        would have been grown no deeper (scikit-learn draws ties anew, which may differ).
        """
        if depth is None or depth >= self.depth:
            return self
        return Trees({**self._arrays, "shape": np.array([self.columns, depth])})

    def first(self, number: int) -> Trees:
        """The first ``number`` trees: the forest that would have been grown with fewer of them."""
        kept = {name: array[:number] for name, array in self._arrays.items() if name != "shape"}
        return Trees({**kept, "shape": self._arrays["shape"]})

    def ask(self, x: FloatArray) -> FloatArray:
        """What each tree says of each row of x, shape (trees, n, outputs)."""
        rounded, trees = x.astype(np.float32), self._arrays
        tree = np.arange(len(self))[:, None]
        row = np.arange(len(rounded))[None, :]
        node = np.zeros((tree.size, row.size), dtype=np.int64)
        for _ in range(self.depth):
            go_left = rounded[row, trees["feature"][tree, node]] <= trees["threshold"][tree, node]
            node = np.where(go_left, trees["left"][tree, node], trees["right"][tree, node])
        return trees["value"][tree, node]

    def save(self, file: Path) -> None:
        """Write the arrays."""
        save_arrays(file, **self._arrays)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read the arrays."""
        return cls(load_arrays(file, *_ARRAYS))


class TreesRegressor:
    """What all forests have in common once they are grown; ``fit`` and ``get_config`` are theirs."""

    #: How errors call it.
    noun: ClassVar[str] = "the forest"
    _trees: Trees | None = None

    def _grown(self) -> Trees:
        if self._trees is None:
            raise NotFittedError(f"{self.noun} has no trees; call fit() first")
        return self._trees

    def members(self, x: FloatArray) -> FloatArray:
        """What each tree says, shape (n_trees, n, d)."""
        x = query_array(x, None if self._trees is None else self._trees.columns, self.noun)
        return self._grown().ask(x)

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the trees, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def save(self, folder: Path) -> None:
        """Write the trees as arrays."""
        self._grown().save(folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the trees."""
        made = cls(**load_config(folder))
        made._trees = Trees.load(folder / FILE)
        return made


def ensemble() -> Any:
    """scikit-learn's module of forests.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import sklearn.ensemble
    except ImportError as error:
        raise MissingDependencyError(
            "growing a forest needs scikit-learn, which is not installed: pip install 'nanonet[train]'"
        ) from error
    return sklearn.ensemble


def grow_regressor(x: FloatArray, codes: FloatArray, **settings: Any) -> Trees:
    """Trees of scikit-learn's ``RandomForestRegressor`` with these settings."""
    grown = ensemble().RandomForestRegressor(**settings).fit(x, codes if codes.shape[1] > 1 else codes[:, 0])
    made = [tree.tree_ for tree in grown.estimators_]
    return Trees.of(made, x.shape[1], [tree.value[:, :, 0] for tree in made])

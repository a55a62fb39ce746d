"""Decision trees as plain arrays, which forests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.parts import load_arrays, save_arrays

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

"""Choosing among training records: inner cross-validation, and draws that keep a large group from ruling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import InputError
from nanonet.regressors.base import Groups, Regressor
from nanonet.seeds import generator

Rows = NDArray[np.int64]


def inner_folds(n: int, groups: Groups, folds: int, seed: int | None) -> Iterator[tuple[Rows, Rows]]:
    """Rows to learn from and rows to judge by, ``folds`` times; a group is never on both sides.

    Raises:
        InputError: fewer than two groups.
    """
    names = np.arange(n).astype(str) if groups is None else np.asarray(groups, dtype=str)
    unique, inverse = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        raise InputError(f"inner cross-validation needs at least 2 groups of records, got {len(unique)}")
    order = generator(seed or 0, "inner folds").permutation(len(unique))
    for chosen in np.array_split(order, min(folds, len(unique))):
        out = np.isin(inverse, chosen)
        yield np.flatnonzero(~out), np.flatnonzero(out)


def out_of_fold(
    make: Callable[[], Regressor], x: FloatArray, codes: FloatArray, groups: Groups, folds: int, seed: int | None
) -> FloatArray:
    """Predictions (n, d) of each record by a regressor that has not learned from its group."""
    found = np.empty_like(codes)
    for train, test in inner_folds(len(x), groups, folds, seed):
        fitted = make().fit(x[train], codes[train], None if groups is None else groups[train])
        found[test] = fitted.predict(x[test])
    return found


def at_most(n: int, groups: Groups, most: int | None, random: np.random.Generator) -> Rows:
    """Rows of at most ``most`` records of each group, drawn at random, in order; all without a limit."""
    if groups is None or most is None:
        return np.arange(n)
    order = random.permutation(n)
    names = np.asarray(groups)[order]
    # Place of each record among those of its group, in the random order.
    by_name = np.argsort(names, kind="stable")
    sorted_names = names[by_name]
    first = np.flatnonzero(np.r_[True, sorted_names[1:] != sorted_names[:-1]])
    start = np.repeat(first, np.diff(np.r_[first, n]))
    kept = by_name[np.arange(n) - start < most]
    return np.sort(order[kept])


def standard_error(predicted: FloatArray, codes: FloatArray) -> float:
    """Mean over the codes of the mean square error in units of the code's variance."""
    variance = codes.var(axis=0)
    return float((((predicted - codes) ** 2).mean(axis=0) / np.where(variance > 0, variance, 1.0)).mean())

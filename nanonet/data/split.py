"""Splits of a data set into training and test part, always by group.

Replicas of one composition are nearly the same record; with one of them in the training part
the other would be no test. So groups are dealt out, and records follow their group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.errors import ConfigError, DataError
from nanonet.seeds import generator

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: row numbers of the training and of the test part, and its name."""

    name: str
    train: Index
    test: Index


@runtime_checkable
class Split(Protocol):
    """How records are dealt out."""

    def split(self, groups: NDArray[np.str_], seed: int) -> list[Fold]:
        """Folds over ``groups`` (n,); the same seed gives the same folds."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""


def _unique(groups: NDArray[np.str_], least: int, what: str) -> NDArray[np.str_]:
    unique = np.unique(np.asarray(groups, dtype=str))
    if len(unique) < least:
        raise DataError(
            f"{what} needs at least {least} groups, and the data set has {len(unique)} "
            f"({len(groups)} records); add records, or ask for fewer folds"
        )
    return unique


def _fold(name: str, groups: NDArray[np.str_], test: NDArray[np.str_]) -> Fold:
    held_out = np.isin(groups, test)
    return Fold(name=name, train=np.flatnonzero(~held_out), test=np.flatnonzero(held_out))


class Holdout:
    """One split: a share of the groups is held out.

    Args:
        test: share of the groups in the test part, 0 to 1; at least one group on each side.
    """

    def __init__(self, test: float = 0.2) -> None:
        if not 0 < test < 1:
            raise ConfigError(f"the share of the test part must lie between 0 and 1, got {test!r}")
        self.test = float(test)

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"test": self.test}

    def split(self, groups: NDArray[np.str_], seed: int) -> list[Fold]:
        """One fold."""
        unique = _unique(groups, 2, "a holdout")
        count = min(max(1, round(self.test * len(unique))), len(unique) - 1)
        chosen = generator(seed, "holdout").permutation(unique)[:count]
        return [_fold("holdout", groups, chosen)]


class KFold:
    """k splits; each group is in the test part once per repeat.

    Args:
        folds: k, at least 2; with fewer groups than folds there is an error.
        repeats: how often the groups are shuffled and dealt out anew.
    """

    def __init__(self, folds: int = 5, repeats: int = 1) -> None:
        if folds < 2 or repeats < 1:
            raise ConfigError(f"k-fold needs at least 2 folds and 1 repeat, got {folds!r} and {repeats!r}")
        self.folds, self.repeats = int(folds), int(repeats)

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"folds": self.folds, "repeats": self.repeats}

    def split(self, groups: NDArray[np.str_], seed: int) -> list[Fold]:
        """``folds * repeats`` folds."""
        unique = _unique(groups, self.folds, f"{self.folds}-fold cross-validation")
        made = []
        for repeat in range(self.repeats):
            shuffled = generator(seed, "kfold", repeat).permutation(unique)
            for number, test in enumerate(np.array_split(shuffled, self.folds)):
                made.append(_fold(f"repeat{repeat}-fold{number}", groups, test))
        return made


class LeaveOneGroupOut:
    """As many splits as there are groups; each is the test part once."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {}

    def split(self, groups: NDArray[np.str_], seed: int) -> list[Fold]:
        """One fold per group, in the order of their names."""
        unique = _unique(groups, 2, "leave-one-group-out")
        return [_fold(f"group{number}", groups, np.array([name])) for number, name in enumerate(unique)]

"""Splits of a data set into training and test part, always by group.

Replicas of one composition are nearly the same record; with one of them in the training part
the other would be no test. So groups are dealt out, and records follow their group. What counts
as a group is the data set's own answer, or one of its labels (``by``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.data.dataset import Dataset
from nanonet.data.where import Where
from nanonet.errors import ConfigError, DataError
from nanonet.parts import describe
from nanonet.seeds import generator

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """One split: row numbers of the training and of the test part, and its name.

    A record may be in neither part.
    """

    name: str
    train: Index
    test: Index


@runtime_checkable
class Split(Protocol):
    """How records are dealt out."""

    def split(self, dataset: Dataset, seed: int) -> list[Fold]:
        """Folds over the records; the same seed gives the same folds.

        Raises:
            DataError: too few groups, or a label that the data set does not have.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""


class _Dealt:
    """What the splits share that deal groups out.

    Args:
        by: what is kept together: ``None`` for the groups of the data set, ``"record"`` for nothing
            (which leaks where records are alike), else the name of a label.
        tested: which records may be in a test part; the others only ever train.
    """

    def __init__(self, by: str | None = None, tested: Where | None = None) -> None:
        self.by, self.tested = by, tested

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"by": self.by, "tested": None if self.tested is None else describe(self.tested)}

    def _groups(self, dataset: Dataset, least: int, what: str) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """Group of each record, and the names of those that may be tested, at least ``least``."""
        groups = dataset.grouping(self.by)
        unique = np.unique(groups[self._testable(dataset)])
        if len(unique) < least:
            raise DataError(
                f"{what} needs at least {least} groups, and the data set has {len(unique)} "
                f"({len(groups)} records); add records, or ask for fewer folds"
            )
        return groups, unique

    def _testable(self, dataset: Dataset) -> NDArray[np.bool_]:
        return np.ones(len(dataset), dtype=bool) if self.tested is None else self.tested.rows(dataset)

    def _fold(self, name: str, dataset: Dataset, groups: NDArray[np.str_], test: NDArray[np.str_]) -> Fold:
        held_out = np.isin(groups, test)
        train = np.flatnonzero(~held_out)
        if not len(train):
            raise DataError(f"the split {name} leaves no record to learn from; hold out less")
        return Fold(name=name, train=train, test=np.flatnonzero(held_out & self._testable(dataset)))


class Holdout(_Dealt):
    """A share of the groups is held out, once or several times.

    Args:
        test: share of the groups in the test part, 0 to 1; at least one group on each side.
        repeats: how often a new share is drawn.
        by, tested: what is kept together, and what may be tested.
    """

    def __init__(self, test: float = 0.2, repeats: int = 1, by: str | None = None, tested: Where | None = None) -> None:
        super().__init__(by, tested)
        if not 0 < test < 1:
            raise ConfigError(f"the share of the test part must lie between 0 and 1, got {test!r}")
        if repeats < 1:
            raise ConfigError(f"a holdout is made at least once, got repeats={repeats!r}")
        self.test, self.repeats = float(test), int(repeats)

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"test": self.test, "repeats": self.repeats, **super().get_config()}

    def split(self, dataset: Dataset, seed: int) -> list[Fold]:
        """``repeats`` folds."""
        groups, unique = self._groups(dataset, 2, "a holdout")
        count = min(max(1, round(self.test * len(unique))), len(unique) - 1)
        made = []
        for repeat in range(self.repeats):
            # The first one is the same whether or not there are more.
            stream = ("holdout",) if repeat == 0 else ("holdout", repeat)
            chosen = generator(seed, *stream).permutation(unique)[:count]
            name = "holdout" if self.repeats == 1 else f"holdout{repeat}"
            made.append(self._fold(name, dataset, groups, chosen))
        return made


class KFold(_Dealt):
    """k splits; each group is in the test part once per repeat.

    Args:
        folds: k, at least 2; with fewer groups than folds there is an error.
        repeats: how often the groups are dealt out anew.
        by, tested: what is kept together, and what may be tested.
        equal: what the folds have equal numbers of. ``groups``: shuffled groups, so many in each.
            ``records``: from the largest group to the smallest, each goes to the fold that has the fewest records
            so far, as scikit-learn's ``GroupKFold`` does; groups of one size come in random order. Where one
            group has a third of the records, a fold of equal numbers of groups would lose that third and more.

    Raises:
        ConfigError: too few folds or repeats, or an unknown ``equal``.
    """

    def __init__(
        self,
        folds: int = 5,
        repeats: int = 1,
        by: str | None = None,
        tested: Where | None = None,
        equal: str = "groups",
    ) -> None:
        super().__init__(by, tested)
        if folds < 2 or repeats < 1:
            raise ConfigError(f"k-fold needs at least 2 folds and 1 repeat, got {folds!r} and {repeats!r}")
        if equal not in ("groups", "records"):
            raise ConfigError(f"equal is 'groups' or 'records', got {equal!r}")
        self.folds, self.repeats, self.equal = int(folds), int(repeats), equal

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"folds": self.folds, "repeats": self.repeats, **super().get_config(), "equal": self.equal}

    def split(self, dataset: Dataset, seed: int) -> list[Fold]:
        """``folds * repeats`` folds."""
        groups, unique = self._groups(dataset, self.folds, f"{self.folds}-fold cross-validation")
        made = []
        for repeat in range(self.repeats):
            shuffled = generator(seed, "kfold", repeat).permutation(unique)
            for number, test in enumerate(self._dealt(dataset, groups, shuffled)):
                made.append(self._fold(f"repeat{repeat}-fold{number}", dataset, groups, test))
        return made

    def _dealt(
        self, dataset: Dataset, groups: NDArray[np.str_], shuffled: NDArray[np.str_]
    ) -> Sequence[NDArray[np.str_]]:
        """Names of the groups in the test part of each fold."""
        if self.equal == "groups":
            return np.array_split(shuffled, self.folds)
        names, counts = np.unique(groups[self._testable(dataset)], return_counts=True)
        size = dict(zip(names.tolist(), counts.tolist(), strict=True))
        dealt: list[list[str]] = [[] for _ in range(self.folds)]
        filled = [0] * self.folds
        # A stable sort: groups of one size stay in their random order.
        for name in sorted(shuffled.tolist(), key=lambda group: -size[group]):
            fold = filled.index(min(filled))
            dealt[fold].append(name)
            filled[fold] += size[name]
        return [np.array(own, dtype=str) for own in dealt]


class Disjoint(KFold):
    """k-fold, and what trains shares no value of ``labels`` with what is tested.

    For records that are made of several things (a blend of two polymers): the labels name them,
    and a model is judged on things that it has not met at all, neither in the same record nor in
    another. A value counts as the same under any of the labels. Records that share a value with
    the test part, and are not in it, are left out of that fold.

    Args:
        labels: labels, or input columns of text.
        folds, repeats, by, tested, equal: as for :class:`KFold`.
    """

    def __init__(
        self,
        labels: Sequence[str],
        folds: int = 5,
        repeats: int = 1,
        by: str | None = None,
        tested: Where | None = None,
        equal: str = "groups",
    ) -> None:
        super().__init__(folds, repeats, by, tested, equal)
        self.labels = [str(name) for name in labels]
        if not self.labels:
            raise ConfigError("a disjoint split needs at least one label")

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"labels": self.labels, **super().get_config()}

    def _fold(self, name: str, dataset: Dataset, groups: NDArray[np.str_], test: NDArray[np.str_]) -> Fold:
        fold = super()._fold(name, dataset, groups, test)
        columns = np.stack([dataset.grouping(label) for label in self.labels])
        shared: NDArray[np.bool_] = np.zeros(len(dataset), dtype=bool)
        for column in columns:
            shared |= np.isin(column, columns[:, fold.test])
        train = fold.train[~shared[fold.train]]
        if not len(train):
            raise DataError(
                f"every record shares one of {', '.join(self.labels)} with the test part of {name}; ask for more folds"
            )
        return Fold(name=name, train=train, test=fold.test)


class LeaveOneGroupOut(_Dealt):
    """As many splits as there are groups; each is the test part once.

    Args:
        by, tested: what is kept together, and what may be tested.
    """

    def split(self, dataset: Dataset, seed: int) -> list[Fold]:
        """One fold per group, in the order of their names."""
        groups, unique = self._groups(dataset, 2, "leave-one-group-out")
        return [self._fold(f"group{number}", dataset, groups, np.array([g])) for number, g in enumerate(unique)]


class Given:
    """Folds that the data set brings along: a label names the test fold of each record.

    Args:
        label: its values name the folds; a record with an empty one is never tested and always trains.
        only: values that become folds; all of them if not given. With a single one this is a test on a
            batch that the model has not seen.

    Raises:
        ConfigError: ``only`` is empty.
    """

    def __init__(self, label: str, only: Sequence[str] | None = None) -> None:
        if only is not None and not only:
            raise ConfigError("only must name at least one fold, got none")
        self.label, self.only = str(label), None if only is None else [str(value) for value in only]

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"label": self.label, "only": self.only}

    def split(self, dataset: Dataset, seed: int) -> list[Fold]:
        """One fold per value, in the order of their names."""
        values = dataset.grouping(self.label)
        there = sorted(set(values.tolist()) - {""})
        wanted = there if self.only is None else self.only
        missing = sorted(set(wanted) - set(there))
        if missing or not wanted:
            raise DataError(
                f"the label {self.label!r} has no records in the folds {', '.join(missing) or '(any)'}; "
                f"it has {', '.join(there) or 'none'}"
            )
        made = []
        for name in wanted:
            train, test = np.flatnonzero(values != name), np.flatnonzero(values == name)
            if not len(train):
                raise DataError(f"the label {self.label!r} has the only value {name!r}; nothing is left to learn from")
            made.append(Fold(f"{self.label}-{name}", train, test))
        return made

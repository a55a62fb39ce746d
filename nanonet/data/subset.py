"""Folds with fewer groups to learn from: the points of a learning curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nanonet.data.dataset import Dataset
from nanonet.data.split import Fold
from nanonet.errors import ConfigError, DataError
from nanonet.seeds import generator


def training_groups(dataset: Dataset, folds: Sequence[Fold]) -> list[int]:
    """Number of groups of the data set in the training part of each fold."""
    return [len(np.unique(dataset.groups[fold.train])) for fold in folds]


def subset_folds(dataset: Dataset, folds: Sequence[Fold], n_groups: int, seed: int) -> list[Fold]:
    """The same folds with only ``n_groups`` groups in the training part of each, the test parts unchanged.

    The groups are the first of a permutation of the fold's training groups, drawn from the seed and the fold's name.
    So the subsets of a fold are nested (those of 20 groups are among those of 40), the same for whoever asks, and
    those of different folds are drawn independently. All records of a group come along, in their order in the fold.

    Args:
        dataset: the records; its groups count, whatever the split keeps together.
        folds: as a split made them.
        n_groups: how many groups are learned from, at least 1.
        seed: of the drawing.

    Returns:
        Folds with ``-n<groups>`` behind their names.

    Raises:
        ConfigError: fewer than 1 group.
        DataError: a fold has fewer groups to learn from.
    """
    if n_groups < 1:
        raise ConfigError(f"at least 1 group is needed to learn from, got {n_groups!r}")
    made = []
    for fold, there in zip(folds, training_groups(dataset, folds), strict=True):
        if n_groups > there:
            raise DataError(
                f"the fold {fold.name} has {there} groups to learn from, {n_groups} were asked for; "
                "ask for fewer, or for more folds"
            )
        groups = dataset.groups[fold.train]
        chosen = generator(seed, "subset", fold.name).permutation(np.unique(groups))[:n_groups]
        made.append(Fold(f"{fold.name}-n{n_groups}", fold.train[np.isin(groups, chosen)], fold.test))
    return made

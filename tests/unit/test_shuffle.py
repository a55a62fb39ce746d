"""Random splits that others can make as well."""

from __future__ import annotations

import numpy as np
import pytest

from nanonet.data.dataset import Dataset
from nanonet.data.shuffle import Shuffle
from nanonet.data.split import Split
from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError


def _dataset(n: int) -> Dataset:
    return Dataset(Table({"a": np.arange(n, dtype=float)}), np.arange(float(n)), np.array(["g"] * n), "y", "1")


def test_the_same_records_as_scikit_learn_s() -> None:
    from sklearn.model_selection import train_test_split

    folds = Shuffle(0.2, [0, 7]).split(_dataset(33), seed=3)
    assert isinstance(Shuffle(), Split)
    for fold, seed in zip(folds, (0, 7), strict=True):
        train, test = train_test_split(np.arange(33), test_size=0.2, random_state=seed)
        assert sorted(test) == fold.test.tolist()
        assert sorted(train) == fold.train.tolist()


def test_what_cannot_be_split() -> None:
    with pytest.raises(ConfigError, match="share between 0 and 1"):
        Shuffle(1.0)
    with pytest.raises(ConfigError, match="seeds at least one"):
        Shuffle(seeds=[])
    with pytest.raises(DataError, match="cannot be split"):
        Shuffle(0.9).split(_dataset(1), 0)

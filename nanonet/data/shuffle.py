"""Random splits of single records that others can make as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nanonet.data.dataset import Dataset
from nanonet.data.split import Fold
from nanonet.errors import ConfigError, DataError


class Shuffle:
    """For each seed a share of the records is held out, whatever their group.

    The records are those that scikit-learn's ``train_test_split(..., test_size=test,
    random_state=seed)`` holds out, so that a table of another group can be compared on the same ones. Where
    records are alike this leaks: a warning, not a result.

    Args:
        test: share of the records, 0 to 1; rounded up.
        seeds: one split for each.

    Raises:
        ConfigError: a share outside 0 to 1, or no seeds.
    """

    def __init__(self, test: float = 0.2, seeds: Sequence[int] = (0,)) -> None:
        if not 0 < test < 1 or not seeds:
            raise ConfigError(f"test must be a share between 0 and 1, and seeds at least one, got {test!r}, {seeds!r}")
        self.test, self.seeds = float(test), [int(seed) for seed in seeds]

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this split."""
        return {"test": self.test, "seeds": self.seeds}

    def split(self, dataset: Dataset, seed: int) -> list[Fold]:
        """One fold per seed; ``seed`` of the run makes no difference."""
        n = len(dataset)
        held_out = int(np.ceil(self.test * n))
        if not 0 < held_out < n:
            raise DataError(f"{n} records cannot be split with a share of {self.test:g}; take more records")
        made = []
        for own in self.seeds:
            # NumPy's legacy generator, because the splits of others are made with it.
            order = np.random.RandomState(own).permutation(n)
            made.append(Fold(f"seed{own}", np.sort(order[held_out:]), np.sort(order[:held_out])))
        return made

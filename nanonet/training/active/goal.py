"""The contract of goals: which answers are finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.errors import ConfigError, DataError


@runtime_checkable
class Goal(Protocol):
    """What a candidate has to reach: a find is one whose target exceeds its threshold."""

    def threshold(self, inputs: Table) -> FloatArray:
        """Threshold of each of n candidates, shape (n,), in the unit of the target.

        Raises:
            DataError: it cannot be said of one of them.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this goal."""


class Above:
    """A find has a target above one value for all.

    Args:
        value: in the unit of the target.
    """

    def __init__(self, value: float) -> None:
        self.value = float(value)

    def threshold(self, inputs: Table) -> FloatArray:
        """The same for all."""
        return np.full(inputs.n_rows, self.value)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"value": self.value}


class Exceeds:
    """A find has a target above the largest of some of its inputs: a mixture better than its parts.

    Args:
        columns: names of numeric inputs, in the unit of the target.
        margin: by how much it has to be above.

    Raises:
        ConfigError: no columns.
    """

    def __init__(self, columns: Sequence[str], margin: float = 0.0) -> None:
        if not columns:
            raise ConfigError("a goal that exceeds columns needs at least one of them")
        self.columns, self.margin = [str(name) for name in columns], float(margin)

    def threshold(self, inputs: Table) -> FloatArray:
        """Largest of the columns, plus the margin."""
        missing = [name for name in self.columns if name not in inputs or inputs[name].dtype.kind != "f"]
        if missing:
            raise DataError(
                f"the goal compares with {', '.join(missing)}, which is no numeric input; there are {', '.join(inputs)}"
            )
        values = np.stack([inputs[name] for name in self.columns])
        unknown = np.argwhere(~np.isfinite(values))
        if len(unknown):
            column, row = unknown[0].tolist()
            raise DataError(
                f"the goal compares with {self.columns[column]}, which candidate {row} lacks ("
                + ", ".join(f"{name}={inputs[name][row]}" for name in inputs)
                + "); give the value, or ask only candidates that have it"
            )
        return values.max(axis=0) + self.margin

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"columns": self.columns, "margin": self.margin}


def finds(goal: Goal, inputs: Table, targets: FloatArray) -> NDArray[np.bool_]:
    """Whether each of n answered candidates is a find, shape (n,)."""
    return np.asarray(targets > goal.threshold(inputs), dtype=bool)

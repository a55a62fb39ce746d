"""Candidates: what may be asked, each with a name of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanonet.data.dataset import Dataset
from nanonet.data.table import Table
from nanonet.errors import InputError


@dataclass(frozen=True, eq=False)
class Candidates:
    """n candidates.

    Args:
        names: one per candidate, each its own; what the state on disk and the files of jobs are called by.
        inputs: what they are.
        groups: group of each, which a model that splits its training data keeps together.

    Raises:
        InputError: other numbers of names, or a name twice.
    """

    names: tuple[str, ...]
    inputs: Table
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        groups = self.groups or self.names
        if len(self.names) != self.inputs.n_rows or len(groups) != len(self.names):
            raise InputError(
                f"{self.inputs.n_rows} candidates need as many names and groups, got {len(self.names)}, {len(groups)}"
            )
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise InputError(f"the candidate {name!r} occurs twice; each needs a name of its own")
            seen.add(name)
        object.__setattr__(self, "groups", tuple(groups))

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> Candidates:
        """The records of a data set, by their names."""
        return cls(dataset.names, dataset.inputs, tuple(dataset.groups.tolist()))

    @classmethod
    def of_table(cls, inputs: Table) -> Candidates:
        """The different rows of a table, named by their content; a row that occurs again is left out."""
        names = [content_name(row) for row in inputs.rows()]
        first = {name: row for row, name in reversed(list(enumerate(names)))}
        rows = sorted(first.values())
        return cls(tuple(names[row] for row in rows), inputs.take(np.array(rows, dtype=int)))

    def take(self, rows: Any) -> Candidates:
        """The candidates of these rows, in that order."""
        chosen = np.arange(len(self))[rows]
        return Candidates(
            tuple(self.names[row] for row in chosen),
            self.inputs.take(chosen),
            tuple(self.groups[row] for row in chosen),
        )


def content_name(inputs: Mapping[str, Any]) -> str:
    """Name that follows from the inputs alone: ``c`` and 16 hexadecimal digits of their SHA-256."""
    text = json.dumps(dict(sorted(inputs.items())), sort_keys=True)
    return "c" + hashlib.sha256(text.encode()).hexdigest()[:16]

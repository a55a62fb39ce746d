"""Features of a mixture of two structures: the share, and numbers of each structure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import Encoder
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError, NotFittedError
from nanonet.mixtures import Mixtures
from nanonet.parts import TARGET, build, describe, load_config


class Constituents:
    """x = (w, a, b): the share w of the first structure, then the numbers of the first and of the second.

    Nothing is weighted or scaled: for models that know what a mixture is
    (:class:`nanonet.regressors.mixture.MixtureProcess`). A block of columns per encoder, for each
    structure in the same order. The first structure is the one with the larger share, at equal shares
    the one whose text comes first in the alphabet, whichever was named first.

    Args:
        encoders: structures -> numbers; their numbers stand side by side.
        columns: names of the two inputs with the structures, canonical SMILES.
        share: name of the input with the share of the first, 0 to 1.
        log: for each encoder, whether x is replaced by sign(x) log(1 + |x|); none of them if not given.

    Raises:
        ConfigError: no encoders, or another number of words than of encoders.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        columns: Sequence[str] = ("smiles1", "smiles2"),
        share: str = "fraction",
        log: Sequence[bool] | None = None,
    ) -> None:
        self.encoders, self.columns, self.share = list(encoders), tuple(columns), str(share)
        self.log = [False] * len(self.encoders) if log is None else [bool(value) for value in log]
        if not self.encoders or len(self.columns) != 2 or len(self.log) != len(self.encoders):
            raise ConfigError(
                f"constituents need encoders, two columns of structures and one word of log per encoder, got "
                f"{len(self.encoders)}, {columns!r}, {log!r}"
            )

        self._ready = False

    @property
    def names(self) -> tuple[str, ...]:
        """The share, then the names of the encoders with the name of the structure's column in front."""
        own = [name for encoder in self.encoders for name in encoder.names]
        return (self.share, *(f"{column}: {name}" for column in self.columns for name in own))

    def fit(self, inputs: Table) -> Self:
        """Learns nothing; checks the inputs."""
        self._ready = True
        self.transform(inputs.take(np.arange(min(1, inputs.n_rows))))
        return self

    def transform(self, inputs: Table) -> FloatArray:
        """Share and numbers, shape (n, 1 + 2 p)."""
        return self.mixtures(inputs).rows()

    def mixtures(self, inputs: Table) -> Mixtures:
        """Every structure once, and which of them each row mixes."""
        if not self._ready:
            raise NotFittedError("features of constituents were used before they were fitted; call fit() first")
        share = inputs[self.share]
        if share.dtype.kind != "f" or not ((share >= 0) & (share <= 1)).all():
            raise InputError(f"{self.share} must be finite numbers from 0 to 1, got {share.tolist()!r:.80}")
        found: dict[str, int] = {}
        first, second = (
            np.array([found.setdefault(text, len(found)) for text in inputs[column].tolist()], dtype=np.int64)
            for column in self.columns
        )
        swap = (share < 0.5) | ((share == 0.5) & (inputs[self.columns[1]] < inputs[self.columns[0]]))
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        share = np.where(swap, 1.0 - share, share)
        blocks = []
        for encoder, log in zip(self.encoders, self.log, strict=True):
            numbers = encoder.encode(list(found))
            blocks.append(np.sign(numbers) * np.log1p(np.abs(numbers)) if log else numbers)
        # Seven digits are more than any of this means, and files of them are half as large.
        parts = np.concatenate(blocks, axis=1).astype(np.float32).astype(float)
        return Mixtures(parts, first, second, share)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the encoders as descriptions."""
        return {
            "encoders": [describe(encoder) for encoder in self.encoders],
            "columns": list(self.columns),
            "share": self.share,
            "log": self.log,
        }

    def save(self, folder: Path) -> None:
        """Nothing was learned."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From the configuration alone."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        made._ready = True
        return made

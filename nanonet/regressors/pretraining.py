"""What a network's reader of structures learns before it sees the records of the problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import Encoder
from nanonet.errors import ConfigError, DataError
from nanonet.networks.backend import seed_everything
from nanonet.networks.fit import Fit
from nanonet.networks.readers import STRUCTURE, build_reader
from nanonet.parts import describe

#: Weights of the layers of a reader, by their names.
Weights = dict[str, list[NDArray]]


@runtime_checkable
class Task(Protocol):
    """Structures and numbers of them, from which a reader can learn."""

    def read(self) -> tuple[list[str], FloatArray]:
        """Canonical SMILES (n,) and numbers (n, k), NaN where one is not known.

        Raises:
            DataError: there are none.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this task."""


class Pretraining:
    """A reader of structures with a dense head learns a task; the reader's weights are what is kept.

    Every number of the task is standardised over the structures for which it is known, and what is not known
    counts for nothing. Polymers of the test part may be among the structures: the task does not know the target.

    Args:
        task: what is learned.
        encoder: makes the columns that the network reads, as in its features.
        fit: how it is fitted.
        hidden: sizes of the hidden layers of the head.

    Raises:
        ConfigError: the task is none, or a size is not positive.
    """

    def __init__(self, task: Task, encoder: Encoder, fit: Fit, hidden: Sequence[int] = (64,)) -> None:
        if not isinstance(task, Task) or not hidden or min(hidden) < 1:
            raise ConfigError(f"pretraining needs a task and sizes of hidden layers, got {task!r} and {hidden!r}")
        self.task, self.encoder, self.fitting, self.hidden = task, encoder, fit, [int(size) for size in hidden]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the parts as descriptions."""
        return {
            "task": describe(self.task),
            "encoder": describe(self.encoder),
            "fit": describe(self.fitting),
            "hidden": self.hidden,
        }

    def weights(self, reader: Any, seed: int | None) -> Weights:
        """Learn the task; weights of the reader's layers.

        Inside a session (:func:`nanonet.networks.fit.session`) that keeps its networks this is done once.

        Args:
            reader: as for :func:`nanonet.networks.readers.build_reader`.
            seed: of the weights to begin with.

        Raises:
            ConfigError: there is no reader, or the encoder makes other columns than it reads.
            DataError: the task has no numbers.
        """
        if reader is None or len(self.encoder.names) != reader.columns:
            expected = "a network that reads structures" if reader is None else f"{reader.columns} columns"
            raise ConfigError(f"pretraining needs {expected}, and its encoder makes {len(self.encoder.names)} columns")
        structures, numbers = self.task.read()
        known = np.isfinite(numbers)
        if not structures or not known.any(axis=0).all():
            raise DataError(
                f"the task {type(self.task).__name__} has {len(structures)} structures, and no value of "
                f"{int((~known.any(axis=0)).sum())} of {numbers.shape[1]} numbers; take others"
            )
        mean, scale = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
        scaled = (numbers - mean) / np.where(scale > 0, scale, 1.0)
        packed = self.encoder.encode(structures)
        # Column 0 is where the law's variable stands; here there is no law.
        x = np.concatenate([np.zeros((len(packed), 1)), packed], axis=1)
        seed_everything(seed)
        model = build_reader(x.shape[1], scaled.shape[1], reader, self.hidden, "relu", "none", 0.0)
        self.fitting.run(model, x, scaled, name=f"pretraining on {type(self.task).__name__.lower()}")
        return {layer.name: layer.get_weights() for layer in model.layers if layer.name.startswith(STRUCTURE)}


def lend(weights: Weights, model: Any) -> None:
    """Put the weights into the layers of the same names.

    Raises:
        ConfigError: there is no layer of that name, or it has another shape.
    """
    layers = {layer.name: layer for layer in model.layers}
    for name, values in weights.items():
        shapes = [value.shape for value in values]
        there = [value.shape for value in layers[name].get_weights()] if name in layers else None
        if there != shapes:
            raise ConfigError(f"pretraining gave weights {shapes} for the layer {name!r}, and the network has {there}")
        layers[name].set_weights(values)

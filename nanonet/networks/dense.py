"""Dense networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nanonet.errors import ConfigError
from nanonet.networks.backend import load_keras


def build_dense(n_inputs: int, n_outputs: int, hidden: Sequence[int] = (64, 64), activation: str = "relu") -> Any:
    """A Keras model of dense layers with a linear output.

    Raises:
        ConfigError: a size is not positive.
    """
    if min(n_inputs, n_outputs, *hidden) < 1:
        raise ConfigError(f"layer sizes must be positive, got {n_inputs}, {tuple(hidden)}, {n_outputs}")
    keras = load_keras()
    layers = [keras.Input((n_inputs,))]
    layers += [keras.layers.Dense(count, activation=activation) for count in hidden]
    return keras.Sequential([*layers, keras.layers.Dense(n_outputs)], name="dense")

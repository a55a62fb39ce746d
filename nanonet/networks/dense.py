"""Dense networks."""

from __future__ import annotations

import math
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


def build_side_by_side(
    n_inputs: int, n_outputs: int, hidden: Sequence[int] = (64, 64), activation: str = "relu", n_members: int = 8
) -> Any:
    """A Keras model of ``n_members`` dense networks with weights of their own: (n, p) -> (n, n_members, d).

    Each begins as it would alone (Glorot). All of them are fitted in the time of one; with Adam and a loss that is a
    mean over the members, each as it would be alone.

    Raises:
        ConfigError: a size is not positive.
    """
    if min(n_inputs, n_outputs, n_members, *hidden) < 1:
        raise ConfigError(
            f"layer sizes and members must be positive, got {n_inputs}, {tuple(hidden)}, {n_outputs}, {n_members}"
        )
    keras = load_keras()
    layers = [keras.Input((n_inputs,)), keras.layers.RepeatVector(n_members)]
    before = n_inputs
    for count in (*hidden, n_outputs):
        last = len(layers) == len(hidden) + 2
        # Keras would count the axis of the members as inputs or outputs, and begin with too small weights.
        limit = math.sqrt(6.0 / (before + count))
        start, before = keras.initializers.RandomUniform(-limit, limit), count
        layers.append(
            keras.layers.EinsumDense(
                "bmi,mio->bmo",
                output_shape=(n_members, count),
                bias_axes="mo",
                activation=None if last else activation,
                kernel_initializer=start,
            )
        )
    return keras.Sequential(layers, name="side_by_side")

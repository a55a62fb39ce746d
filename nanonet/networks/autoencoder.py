"""Autoencoders: an encoder to a few numbers and a decoder back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from nanonet.errors import ConfigError
from nanonet.networks.backend import load_keras


@runtime_checkable
class Autoencoder(Protocol):
    """An architecture, not yet a network."""

    def build(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Keras models (encoder, decoder) for samples of ``shape``, without the batch axis.

        Raises:
            ConfigError: the architecture does not fit this shape.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this architecture."""


class ImageAutoencoder:
    """Convolutional autoencoder of images, without a dense layer (the paper's, by default).

    Encoder: for each number f in ``filters`` and at last for ``latent``, a 3 x 3 'same'
    convolution with f filters and ReLU, then 2 x 2 max-pooling. Six of them turn 64 x 64 x 1
    into 1 x 1 x 8. Decoder: the same numbers in reverse, transposed convolutions with ReLU each
    followed by 2 x 2 upsampling (nearest), and an output convolution. With the defaults 36,456
    parameters in the encoder and 37,033 in the decoder.

    The paper does not state the activation of its output. Ours is linear: most pixels are black, so
    a sigmoid is soon saturated at black, and fits stayed there; a ReLU would do the same. Who reads
    the image clips it to 0-1.

    Args:
        latent: numbers in the latent space.
        filters: of the convolutions before the last; the image's edges are 2^(len + 1).
        kernel: edge of the convolution kernels.
        output: activation of the output convolution.

    Raises:
        ConfigError: a number is not positive.
    """

    def __init__(
        self,
        latent: int = 8,
        filters: Sequence[int] = (64, 32, 32, 16, 16),
        kernel: int = 3,
        output: str = "linear",
    ) -> None:
        if latent < 1 or kernel < 1 or not filters or min(filters) < 1:
            raise ConfigError(f"latent, kernel and filters must be positive, got {latent!r}, {kernel!r}, {filters!r}")
        self.latent, self.filters = int(latent), tuple(int(count) for count in filters)
        self.kernel, self.output = int(kernel), str(output)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"latent": self.latent, "filters": list(self.filters), "kernel": self.kernel, "output": self.output}

    def build(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Encoder (height, width, channels) -> (1, 1, latent), and decoder back."""
        filters = (*self.filters, self.latent)
        edge = 2 ** len(filters)
        if len(shape) != 3 or shape[:2] != (edge, edge):
            raise ConfigError(
                f"{len(filters)} poolings need images of {edge} x {edge} pixels, got shape {shape}; "
                "change the image's size or the number of filters"
            )
        keras = load_keras()
        layers = keras.layers
        encoder = [keras.Input(shape)]
        for count in filters:
            encoder += [layers.Conv2D(count, self.kernel, padding="same", activation="relu"), layers.MaxPooling2D(2)]
        decoder = [keras.Input((1, 1, self.latent))]
        for count in reversed(filters):
            decoder += [
                layers.Conv2DTranspose(count, self.kernel, padding="same", activation="relu"),
                layers.UpSampling2D(2),
            ]
        decoder.append(layers.Conv2D(shape[2], self.kernel, padding="same", activation=self.output))
        return keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")


class CurveAutoencoder:
    """Convolutional autoencoder of curves: what the detour over images is compared with.

    Encoder: two 'same' convolutions along the curve, each followed by pooling over 2 points, and
    a dense layer to the latent space. Decoder: a dense layer, two transposed convolutions each
    after upsampling by 2, and an output convolution, cut to the curve's length. ReLU inside,
    linear latent space and output.

    Args:
        latent: numbers in the latent space.
        filters: of the first convolution; the second has half of them.
        kernel: points that a convolution sees.
    """

    def __init__(self, latent: int = 8, filters: int = 32, kernel: int = 5) -> None:
        if latent < 1 or filters < 2 or kernel < 1:
            raise ConfigError(
                f"latent and kernel must be positive, filters at least 2, got {latent!r}, {kernel!r}, {filters!r}"
            )
        self.latent, self.filters, self.kernel = int(latent), int(filters), int(kernel)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"latent": self.latent, "filters": self.filters, "kernel": self.kernel}

    def build(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Encoder (length, 1) -> (latent,), and decoder back."""
        if len(shape) != 2:
            raise ConfigError(f"a curve has shape (length, channels), got {shape}")
        keras = load_keras()
        layers = keras.layers
        few, quarter = self.filters // 2, math.ceil(shape[0] / 4)

        def along(kind: Any, count: int) -> Any:
            return kind(count, self.kernel, padding="same", activation="relu")

        encoder = [
            keras.Input(shape),
            along(layers.Conv1D, self.filters),
            layers.MaxPooling1D(2, padding="same"),
            along(layers.Conv1D, few),
            layers.MaxPooling1D(2, padding="same"),
            layers.Flatten(),
            layers.Dense(self.latent),
        ]
        decoder = [
            keras.Input((self.latent,)),
            layers.Dense(quarter * few, activation="relu"),
            layers.Reshape((quarter, few)),
            layers.UpSampling1D(2),
            along(layers.Conv1DTranspose, few),
            layers.UpSampling1D(2),
            along(layers.Conv1DTranspose, self.filters),
            layers.Conv1D(shape[1], self.kernel, padding="same"),
        ]
        if 4 * quarter > shape[0]:
            decoder.append(layers.Cropping1D((0, 4 * quarter - shape[0])))
        return keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")


def join(encoder: Any, decoder: Any) -> Any:
    """The Keras model decoder(encoder(x)), which is what is fitted."""
    keras = load_keras()
    inputs = keras.Input(encoder.input_shape[1:])
    return keras.Model(inputs, decoder(encoder(inputs)), name="autoencoder")

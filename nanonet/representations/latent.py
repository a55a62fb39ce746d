"""The latent space of an autoencoder as a representation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.errors import InputError, NotFittedError
from nanonet.networks.autoencoder import Autoencoder, join
from nanonet.networks.backend import apply, seed_everything
from nanonet.networks.fit import Fit, History
from nanonet.networks.runtime import OnnxNetwork
from nanonet.parts import build, describe, load_arrays, load_config, load_part, save_arrays, save_part
from nanonet.representations.base import Representation

Network = Callable[[NDArray], FloatArray]


class Latent:
    """Targets -> another representation -> encoder -> a few numbers, each scaled to 0-1.

    The autoencoder is fitted to the codes of ``of`` (images, curves) of the training part with
    itself as the target, so it sees nothing of a test record. Latent number j is scaled with its
    extremes over the training part, z_j = (h_j - min h_j) / (max h_j - min h_j); one that is
    constant there becomes 0. What a compression loses is not known beforehand, so ``tolerance``
    is infinite; ``Surrogate.roundtrip`` measures it.

    Args:
        of: what the autoencoder sees, such as ``RDFImage``.
        autoencoder: the architecture.
        fit: how it is fitted.
        seed: of the weights and of the order of the batches.
    """

    tolerance: float = float("inf")
    requires_fit: bool = True

    def __init__(self, of: Representation, autoencoder: Autoencoder, fit: Fit, seed: int | None = 0) -> None:
        self.of, self.autoencoder, self.fitting, self.seed = of, autoencoder, fit, seed
        self.lowest: float = of.lowest
        self.history: History = {}
        self._models: tuple[Any, Any] | None = None
        self._state: dict[str, NDArray] | None = None
        self._encoder: Network | None = None
        self._decoder: Network | None = None

    def fit(self, targets: ArrayLike) -> Self:
        """Fit the inner representation, then the autoencoder to its codes."""
        self.of.fit(targets)
        samples, channels = self._samples(targets)
        seed_everything(self.seed)
        encoder, decoder = self.autoencoder.build(samples.shape[1:])
        self.history = self.fitting.run(join(encoder, decoder), samples, samples, name="autoencoder")
        self._models = (encoder, decoder)
        self._encoder, self._decoder = lambda x: apply(encoder, x), lambda x: apply(decoder, x)
        hidden = self._encoder(samples)
        flat = hidden.reshape(len(hidden), -1)
        self._state = {
            "low": flat.min(axis=0),
            "high": flat.max(axis=0),
            "hidden": np.array(hidden.shape[1:]),
            "sample": np.array(samples.shape[1:]),
            "channels": np.array(channels),
        }
        return self

    def _samples(self, targets: ArrayLike) -> tuple[NDArray, bool]:
        """Codes of the inner representation with a channel axis, and whether it had to be added."""
        codes = np.asarray(self.of.encode(targets), dtype=np.float32)
        added = codes.ndim in (2, 3)
        return (codes[..., None] if added else codes), added

    def _fitted(self) -> dict[str, NDArray]:
        if self._state is None or self._encoder is None or self._decoder is None:
            raise NotFittedError("the autoencoder was used before it was fitted; call fit() or load() first")
        return self._state

    def encode(self, targets: ArrayLike) -> FloatArray:
        """Scaled latent numbers, shape (n, latent)."""
        state = self._fitted()
        samples, _ = self._samples(targets)
        if samples.shape[1:] != tuple(state["sample"]):
            raise InputError(
                f"the autoencoder was fitted to samples of shape {tuple(state['sample'])}, got {samples.shape[1:]}"
            )
        hidden = self._encoder(samples)  # type: ignore[misc]
        return (hidden.reshape(len(hidden), -1) - state["low"]) / _width(state)

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Targets, shape (n, n_bins), of scaled latent numbers (n, latent)."""
        state = self._fitted()
        scaled = frozen_array(codes, name="codes", ndim=2, shape=(None, len(state["low"])))
        if not len(scaled):
            raise InputError("there are no codes to decode; give at least one")
        hidden = scaled * _width(state) + state["low"]
        samples = self._decoder(hidden.reshape(-1, *state["hidden"]))  # type: ignore[misc]
        return self.of.decode(samples[..., 0] if state["channels"] else samples)

    def reconstruct(self, targets: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """What the autoencoder sees of targets, and what it gives back, each (n, ...) with channels."""
        self._fitted()
        samples, _ = self._samples(targets)
        return samples.astype(float), self._decoder(self._encoder(samples))  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; parts as descriptions."""
        return {
            "of": describe(self.of),
            "autoencoder": describe(self.autoencoder),
            "fit": describe(self.fitting),
            "seed": self.seed,
        }

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the inner representation, both networks (``.keras`` and ONNX), the scales and the losses."""
        state, target = self._fitted(), Path(folder)
        if self._models is None:
            raise NotFittedError("an autoencoder read from a checkpoint has no Keras models; copy its folder instead")
        from nanonet.networks.export import save_network

        target.mkdir(parents=True, exist_ok=True)
        save_part(self.of, target / "of")
        generator = np.random.default_rng(0)
        encoder, decoder = self._models
        save_network(encoder, target, "encoder", generator.random((2, *state["sample"])).astype(np.float32))
        hidden = state["low"] + generator.random((2, len(state["low"]))) * _width(state)
        save_network(decoder, target, "decoder", hidden.reshape(-1, *state["hidden"]).astype(np.float32))
        losses = {f"history_{key}": np.array(values) for key, values in self.history.items()}
        save_arrays(target / "latent.npz", names=np.array(sorted(self.history), dtype=str), **state, **losses)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read it; the networks run as ONNX graphs, without Keras."""
        source = Path(folder)
        config = load_config(source)
        made = cls(
            of=load_part(source / "of", Representation),  # type: ignore[type-abstract]
            autoencoder=build(config["autoencoder"]),
            fit=build(config["fit"]),
            seed=config["seed"],
        )
        made._state = load_arrays(source / "latent.npz", "low", "high", "hidden", "sample", "channels")
        names = load_arrays(source / "latent.npz", "names")["names"].tolist()
        stored = load_arrays(source / "latent.npz", *(f"history_{name}" for name in names))
        made.history = {name: stored[f"history_{name}"].tolist() for name in names}
        made._encoder = OnnxNetwork.read(source / "encoder.onnx")
        made._decoder = OnnxNetwork.read(source / "decoder.onnx")
        return made


def _width(state: dict[str, NDArray]) -> FloatArray:
    width = state["high"] - state["low"]
    return np.where(width > 0, width, 1.0)

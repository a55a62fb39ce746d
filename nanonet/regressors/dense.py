"""Dense networks (Keras) as regressors; they predict by their exported graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.networks.backend import apply, seed_everything
from nanonet.networks.dense import build_dense
from nanonet.networks.fit import Fit, History
from nanonet.networks.runtime import OnnxNetwork
from nanonet.parts import build, describe, load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, standardised, training_arrays


class Dense:
    """Dense network from x to all codes at once; codes are standardised inside. One member.

    Args:
        fit: how it is fitted.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers.
        seed: of the weights and of the order of the batches.
    """

    memorises: ClassVar[float] = 0.9

    def __init__(
        self,
        fit: Fit,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        seed: int | None = 0,
    ) -> None:
        if not hidden or min(hidden) < 1:
            raise ConfigError(f"hidden layers must have positive sizes, got {hidden!r}")
        self.hidden, self.activation = tuple(int(size) for size in hidden), str(activation)
        self.fitting, self.seed = fit, seed
        self.history: History = {}
        self._model: Any = None
        self._network: Callable[[NDArray], FloatArray] | None = None
        self._state: dict[str, NDArray] | None = None

    def _fit_network(self, inputs: FloatArray, outputs: FloatArray, name: str) -> None:
        seed_everything(self.seed)
        model = build_dense(inputs.shape[1], outputs.shape[1], self.hidden, self.activation)
        self.history = self.fitting.run(model, inputs, outputs, name=name)
        self._model, self._network = model, lambda x: apply(model, x, batch_size=4096)

    def _learn(self, x: FloatArray, codes: FloatArray) -> FloatArray:
        """Standardise the codes and remember how; returns them."""
        scaled, state = standardised(codes)
        self._state = {**state, "columns": np.array(x.shape[1])}
        return scaled

    def _checked(self, x: FloatArray) -> tuple[FloatArray, Callable[[NDArray], FloatArray], dict[str, NDArray]]:
        state, network = self._state, self._network
        x = query_array(x, None if state is None else int(state["columns"]), "the dense network")
        if state is None or network is None:
            raise NotFittedError("the dense network has no weights; call fit() first")
        return x, network, state

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit the network; a code that is NaN is not known, and counts for nothing."""
        x, codes = training_arrays(x, codes, gaps=True)
        self._fit_network(x, self._learn(x, codes), "dense")
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """The prediction as the only member, shape (1, n, d)."""
        x, network, state = self._checked(x)
        return (network(x) * state["scale"] + state["mean"])[None]

    def predict(self, x: FloatArray) -> FloatArray:
        """The prediction, shape (n, d)."""
        return self.members(x)[0]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the fit as a description."""
        return {
            "fit": describe(self.fitting),
            "hidden": list(self.hidden),
            "activation": self.activation,
            "seed": self.seed,
        }

    def save(self, folder: Path) -> None:
        """Write the network (``.keras`` and ONNX) and the scales."""
        if self._state is None or self._model is None:
            raise NotFittedError("a dense network must be fitted here before it is saved; copy a checkpoint instead")
        from nanonet.networks.export import save_network

        n_inputs = self._model.input_shape[1]
        save_network(self._model, folder, "dense", np.random.default_rng(0).random((4, n_inputs)).astype(np.float32))
        save_arrays(folder / "dense.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it; the network runs as an ONNX graph, without Keras."""
        config = load_config(folder)
        made = cls(**{**config, "fit": build(config["fit"])})
        made._state = load_arrays(folder / "dense.npz", "mean", "scale", "columns", *cls._extra)
        made._network = OnnxNetwork.read(folder / "dense.onnx")
        return made

    #: Further arrays of the state.
    _extra: ClassVar[tuple[str, ...]] = ()


class PositionDense(Dense):
    """Dense network of (x, t) with t = j / (d - 1), the position along the code: -> code j.

    One network for all positions, as the paper's group did later with r as an input: the codes
    are then a curve, such as log10 g, and neighbouring points share what is learned. Codes are
    standardised with one mean and deviation for all positions. Arguments as in :class:`Dense`.
    """

    memorises: ClassVar[float] = 0.5
    _extra: ClassVar[tuple[str, ...]] = ("length",)

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit the network to every point of every curve."""
        x, codes = training_arrays(x, codes)
        mean, scale = codes.mean(), codes.std() or 1.0
        length = codes.shape[1]
        self._state = {
            "mean": np.array(mean),
            "scale": np.array(scale),
            "columns": np.array(x.shape[1]),
            "length": np.array(length),
        }
        points = ((codes - mean) / scale).reshape(-1, 1)
        self._fit_network(_with_position(x, length), points, "position-dense")
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """The prediction as the only member, shape (1, n, d)."""
        x, network, state = self._checked(x)
        length = int(state["length"])
        values = network(_with_position(x, length)).reshape(len(x), length)
        return (values * state["scale"] + state["mean"])[None]


def _with_position(x: FloatArray, length: int) -> FloatArray:
    """Each row of x once per position, with the position as a further column."""
    position = np.linspace(0.0, 1.0, length) if length > 1 else np.zeros(1)
    return np.column_stack([np.repeat(x, length, axis=0), np.tile(position, len(x))])

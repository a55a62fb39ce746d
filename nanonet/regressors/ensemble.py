"""Many dense networks (Keras), fitted side by side; they predict as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.networks.backend import seed_everything
from nanonet.networks.dense import build_side_by_side
from nanonet.networks.fit import Fit, History
from nanonet.parts import build, describe, load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, standardised, training_arrays
from nanonet.seeds import generator

#: What a hidden layer may do to its sums.
ACTIVATIONS: Mapping[str, Callable[[NDArray], NDArray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "linear": lambda x: x,
}


class DenseEnsemble:
    """Dense networks from x to all codes at once; codes are standardised inside. The members are the networks.

    They differ in the weights that they begin with and, with ``bootstrap``, in the records that they learn from
    (Lakshminarayanan, Pritzel and Blundell 2017). All are one Keras model with weights of their own, so that many cost
    as much time as one. Groups are drawn whole in a bootstrap; a record that is drawn twice counts once.

    Args:
        fit: how they are fitted; its loss must be the mean square.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers, one of :data:`ACTIVATIONS`.
        n_members: how many networks.
        bootstrap: each learns from a draw with replacement from the groups.
        seed: of weights, draws and the order of the batches.

    Raises:
        ConfigError: a size is not positive, or an activation that is not known here.
    """

    memorises: ClassVar[float] = 0.9

    def __init__(
        self,
        fit: Fit,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        n_members: int = 16,
        bootstrap: bool = False,
        seed: int | None = 0,
    ) -> None:
        if not hidden or min(hidden) < 1 or n_members < 1 or activation not in ACTIVATIONS:
            raise ConfigError(
                f"hidden layers and n_members must be positive and activation one of {', '.join(ACTIVATIONS)}, "
                f"got {hidden!r}, {n_members!r} and {activation!r}"
            )
        self.hidden, self.activation = tuple(int(size) for size in hidden), str(activation)
        self.n_members, self.bootstrap = int(n_members), bool(bootstrap)
        self.fitting, self.seed = fit, seed
        self.history: History = {}
        self._layers: list[tuple[FloatArray, FloatArray]] | None = None
        self._state: dict[str, NDArray] | None = None

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit all networks; a code that is NaN is not known, and counts for nothing."""
        x, codes = training_arrays(x, codes, gaps=True)
        scaled, state = standardised(codes)
        wanted = np.repeat(scaled[:, None], self.n_members, axis=1)
        if self.bootstrap:
            wanted[~self._drawn(len(x), groups)] = np.nan
        seed_everything(self.seed)
        model = build_side_by_side(x.shape[1], codes.shape[1], self.hidden, self.activation, self.n_members)
        self.history = self.fitting.run(model, x, wanted, name="dense-ensemble")
        weights = [np.asarray(value, dtype=float) for value in model.get_weights()]
        self._layers = list(zip(weights[::2], weights[1::2], strict=True))
        self._state = state
        return self

    def _drawn(self, n: int, groups: Groups) -> NDArray[np.bool_]:
        """Which member learns from which record, shape (n, n_members)."""
        names = np.arange(n) if groups is None else np.asarray(groups)
        _, which = np.unique(names, return_inverse=True)
        count = int(which.max()) + 1
        draws = generator(self.seed or 0, "bootstrap").integers(0, count, (count, self.n_members))
        drawn = np.zeros((count, self.n_members), dtype=bool)
        np.put_along_axis(drawn, draws, True, axis=0)
        return drawn[which]

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each network, shape (n_members, n, d)."""
        layers, state = self._layers, self._state
        x = query_array(x, None if layers is None else layers[0][0].shape[1], "the dense ensemble")
        if layers is None or state is None:
            raise NotFittedError("the dense ensemble has no weights; call fit() first")
        act, values = ACTIVATIONS[self.activation], np.broadcast_to(x, (self.n_members, *x.shape))
        for number, (kernel, bias) in enumerate(layers):
            values = values @ kernel + bias[:, None]
            values = act(values) if number < len(self.hidden) else values
        return np.asarray(values * state["scale"] + state["mean"])

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the networks, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the fit as a description."""
        return {
            "fit": describe(self.fitting),
            "hidden": list(self.hidden),
            "activation": self.activation,
            "n_members": self.n_members,
            "bootstrap": self.bootstrap,
            "seed": self.seed,
        }

    def save(self, folder: Path) -> None:
        """Write weights and scales as arrays."""
        if self._layers is None or self._state is None:
            raise NotFittedError("a dense ensemble must be fitted before it is saved")
        arrays = {f"kernel{number}": kernel for number, (kernel, _) in enumerate(self._layers)}
        arrays |= {f"bias{number}": bias for number, (_, bias) in enumerate(self._layers)}
        # Keras computes in single precision; more digits would only be larger files.
        single = {name: value.astype(np.float32) for name, value in arrays.items()}
        save_arrays(folder / "ensemble.npz", **single, **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote; needs no Keras."""
        config = load_config(folder)
        made = cls(**{**config, "fit": build(config["fit"])})
        count = len(made.hidden) + 1
        names = [f"{kind}{number}" for number in range(count) for kind in ("kernel", "bias")]
        stored = load_arrays(folder / "ensemble.npz", "mean", "scale", *names)
        made._state = {name: stored[name] for name in ("mean", "scale")}
        made._layers = [
            (stored[f"kernel{number}"].astype(float), stored[f"bias{number}"].astype(float)) for number in range(count)
        ]
        return made

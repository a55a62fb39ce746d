"""Networks that read structures and may end in a law of temperature: what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, NotFittedError
from nanonet.networks.backend import apply, seed_everything
from nanonet.networks.fit import Fit, History
from nanonet.networks.readers import LAWS, build_reader
from nanonet.networks.runtime import OnnxNetwork
from nanonet.parts import build, describe, load_arrays, load_config, save_arrays
from nanonet.regressors.base import Groups, query_array, standardised, training_arrays
from nanonet.regressors.folds import at_most
from nanonet.regressors.pretraining import Pretraining, lend
from nanonet.seeds import generator


class LawNetwork:
    """Dense network of the plain columns of x, with a law of temperature at its end.

    Column 0 of x is the law's variable, 1000/T. With ``arrhenius`` or ``vtf`` (:mod:`nanonet.networks.readers`) no
    prediction falls with rising temperature, and two or three temperatures give the law's parameters exactly.
    Codes are standardised inside.

    Args:
        fit: how it is fitted.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers.
        law: ``none``, ``arrhenius`` or ``vtf``.
        dropout: share of hidden values that are left out in training.
        most: at most so many records of one group are learned from, drawn at random; ``None`` for all. It keeps a
            group of thousands from ruling, and is faster.
        n_members: networks with other weights to begin with, and other draws.
        seed: of weights, draws and the order of the batches.
        pretraining: what the reader of structures learns first (:class:`nanonet.regressors.pretraining.Pretraining`);
            then all weights learn from the records.

    Raises:
        ConfigError: a number is out of its range, or an unknown law.
    """

    memorises: ClassVar[float] = 0.5
    #: Arguments beyond these, of a subclass.
    extra: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        fit: Fit,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        law: str = "arrhenius",
        dropout: float = 0.0,
        most: int | None = None,
        n_members: int = 1,
        seed: int | None = 0,
        pretraining: Pretraining | None = None,
    ) -> None:
        if not hidden or min(hidden) < 1 or n_members < 1 or not 0 <= dropout < 1 or law not in LAWS:
            raise ConfigError(
                f"hidden layers and n_members must be positive, dropout in [0, 1) and law one of {', '.join(LAWS)}, "
                f"got {hidden!r}, {n_members!r}, {dropout!r}, {law!r}"
            )
        if most is not None and most < 1:
            raise ConfigError(f"most must be at least 1 record of a group, got {most!r}")
        self.hidden, self.activation, self.law = [int(size) for size in hidden], str(activation), law
        self.dropout, self.most, self.n_members, self.seed = float(dropout), most, int(n_members), seed
        self.fitting, self.pretraining = fit, pretraining
        self.histories: list[History] = []
        self._models: list[Any] | None = None
        self._networks: list[Callable[[NDArray], FloatArray]] | None = None
        self._state: dict[str, NDArray] | None = None

    def reader(self) -> Any:
        """What reads the structure in the last columns, or ``None``."""
        return None

    @property
    def packed(self) -> int:
        """How many of the last columns hold a structure."""
        reader = self.reader()
        return 0 if reader is None else int(reader.columns)

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit every member; a code that is NaN is not known, and counts for nothing."""
        x, codes = training_arrays(x, codes, gaps=True)
        scaled, state = standardised(codes)
        models: list[Any] = []
        self.histories = []
        for number in range(self.n_members):
            rows = self._drawn(len(x), groups, number)
            seed_everything(None if self.seed is None else self.seed + number)
            model = build_reader(
                x.shape[1], codes.shape[1], self.reader(), self.hidden, self.activation, self.law, self.dropout
            )
            if self.pretraining is not None:
                lend(self.pretraining.weights(self.reader(), self.seed), model)
                # The order of the batches must not depend on what went before.
                seed_everything(None if self.seed is None else self.seed + number)
            name = f"{type(self).__name__.lower()}-{number}"
            self.histories.append(self.fitting.run(model, x[rows], scaled[rows], name=name))
            models.append(model)
        self._models = models
        self._networks = [_evaluator(model) for model in models]
        self._state = {**state, "columns": np.array(x.shape[1])}
        return self

    def _drawn(self, n: int, groups: Groups, number: int) -> NDArray[np.int64]:
        return at_most(n, groups, self.most, generator(self.seed or 0, "rows", number))

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each member, shape (n_members, n, d)."""
        state, networks = self._state, self._networks
        x = query_array(x, None if state is None else int(state["columns"]), "the network")
        if state is None or networks is None:
            raise NotFittedError("the network has no weights; call fit() first")
        return np.stack([network(x) for network in networks]) * state["scale"] + state["mean"]

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the members, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the fit as a description."""
        names = ("hidden", "activation", "law", "dropout", "most", "n_members", "seed", *self.extra)
        before = None if self.pretraining is None else describe(self.pretraining)
        return {"fit": describe(self.fitting), **{name: getattr(self, name) for name in names}, "pretraining": before}

    def save(self, folder: Path) -> None:
        """Write the networks (``.keras`` and ONNX) and the scales."""
        if self._state is None or self._models is None:
            raise NotFittedError("a network must be fitted here before it is saved; copy a checkpoint instead")
        from nanonet.networks.export import save_network

        sample = np.zeros((4, int(self._state["columns"])), dtype=np.float32)
        plain = sample.shape[1] - self.packed
        sample[:, :plain] = np.random.default_rng(0).random((4, plain))
        for number, model in enumerate(self._models):
            save_network(model, folder, f"network{number}", sample)
        save_arrays(folder / "scales.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it; the networks run as ONNX graphs, without Keras."""
        config = load_config(folder)
        before = config.get("pretraining")
        built = {"fit": build(config["fit"]), "pretraining": None if before is None else build(before)}
        made = cls(**{**config, **built})
        made._state = load_arrays(folder / "scales.npz", "mean", "scale", "columns")
        made._networks = [OnnxNetwork.read(folder / f"network{number}.onnx") for number in range(made.n_members)]
        return made


def _evaluator(model: Any) -> Callable[[NDArray], FloatArray]:
    return lambda x: apply(model, x, batch_size=512)

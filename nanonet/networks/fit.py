"""How one network is fitted, for every representation and regressor that has one."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.errors import ConfigError
from nanonet.networks.backend import load_keras
from nanonet.seeds import generator

log = logging.getLogger(__name__)
History = dict[str, list[float]]


@dataclass
class Session:
    """What surrounds the fitting of networks: where they keep their state, and what they show.

    Args:
        folder: state and history of each network, under a name that follows from its
            architecture, data and settings, so that the same fit is never done twice and an
            interrupted one goes on; ``None`` keeps nothing.
        progress: show a bar (in a terminal) or log ten lines (elsewhere).
        lines: log lines in a terminal as well, which several processes share.
        tensorboard: write event files into ``folder``, where TensorFlow is installed.
        histories: losses of each network that was fitted, by the name it was given.
    """

    folder: Path | None = None
    progress: bool = False
    lines: bool = False
    tensorboard: bool = False
    histories: dict[str, History] = field(default_factory=dict)


#: Of a layer's configuration: what differs between equal layers, beside their names.
_NOT_SETTINGS = ("seed", "seed_generator", "shared_object_id")
_SESSION: ContextVar[Session | None] = ContextVar("nanonet_fit_session", default=None)


@contextmanager
def session(folder: Path | None = None, *, progress: bool = False, tensorboard: bool = False) -> Iterator[Session]:
    """Networks fitted inside keep their state in ``folder``; see :class:`Session`."""
    made = Session(folder=folder, progress=progress, tensorboard=tensorboard)
    with surrounded(made):
        yield made


def current() -> Session | None:
    """The session around this call."""
    return _SESSION.get()


@contextmanager
def surrounded(made: Session | None) -> Iterator[Session | None]:
    """Networks fitted inside belong to a session that was made elsewhere, such as in another process."""
    token = _SESSION.set(made)
    try:
        yield made
    finally:
        _SESSION.reset(token)


class Fit:
    """Adam on a loss, for a number of epochs.

    Samples are put into batches at random. With TensorFlow that is done once for all epochs, not once for each: after a
    seed has been set, as before all our networks, Keras begins the order anew with each epoch (seen with 3.15).

    Args:
        epochs: passes over the training part; 400 in the paper.
        batch_size: samples per step; the paper does not state it.
        learning_rate: of Adam.
        loss: a loss that Keras knows by name; mean squared error in the paper.
        validation: share of the samples that is only watched, 0 to below 1; 0.2 in the paper.
            With fewer than 5 samples nothing is set aside.
        patience: stop after so many epochs without a better validation loss and go back to the
            best; ``None`` (the paper) goes through all epochs.
        save_every: epochs between two saved states, from which an interrupted fit goes on.
        compiled: compile with XLA; with TensorFlow on two processor cores it made the paper's
            autoencoder twice as slow. Other backends always compile.
        seed: chooses the validation part.

    Raises:
        ConfigError: a number is out of its range.
    """

    def __init__(
        self,
        epochs: int = 400,
        batch_size: int = 8,
        learning_rate: float = 1e-3,
        loss: str = "mean_squared_error",
        validation: float = 0.2,
        patience: int | None = None,
        save_every: int = 50,
        compiled: bool = False,
        seed: int | None = 0,
    ) -> None:
        if epochs < 1 or batch_size < 1 or save_every < 1 or not learning_rate > 0 or not 0 <= validation < 1:
            raise ConfigError(
                "epochs, batch_size, save_every and learning_rate must be positive and validation in [0, 1), "
                f"got {epochs!r}, {batch_size!r}, {save_every!r}, {learning_rate!r}, {validation!r}"
            )
        if patience is not None and (patience < 1 or not validation):
            raise ConfigError(f"patience must be positive and needs a validation part, got {patience!r}")
        self.epochs, self.batch_size, self.save_every = int(epochs), int(batch_size), int(save_every)
        self.learning_rate, self.loss, self.validation = float(learning_rate), str(loss), float(validation)
        self.patience, self.compiled, self.seed = patience, bool(compiled), seed

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            name: getattr(self, name)
            for name in (
                "epochs",
                "batch_size",
                "learning_rate",
                "loss",
                "validation",
                "patience",
                "save_every",
                "compiled",
                "seed",
            )
        }

    def parts(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row numbers of the training and of the validation part of n samples."""
        count = round(self.validation * n) if n >= 5 else 0
        order = generator(self.seed or 0, "validation").permutation(n)
        return np.sort(order[count:]), np.sort(order[:count])

    def run(self, model: Any, x: ArrayLike, y: ArrayLike, *, name: str) -> History:
        """Fit a Keras model in place; returns the losses per epoch.

        Args:
            model: built, not compiled.
            x: inputs, samples along the first axis.
            y: outputs, likewise; NaN where one is not known, which then does not count.
            name: for the progress bar and the session's histories.

        Raises:
            ConfigError: unknown outputs with another loss than the mean square.
        """
        keras = load_keras()
        inputs, outputs = np.asarray(x, dtype=np.float32), np.asarray(y, dtype=np.float32)
        # Without compilation the other backends would run operation by operation.
        loss: Any = self.loss
        if np.isnan(outputs).any():
            if self.loss != "mean_squared_error":
                raise ConfigError(f"outputs that are not known need loss mean_squared_error, got {self.loss!r}")
            loss = _square_of_known
        uncompiled = not self.compiled and keras.backend.backend() == "tensorflow"
        jit: bool | str = False if uncompiled else "auto"
        # A model freshly built, so its optimizer has no state yet.
        model.compile(optimizer=keras.optimizers.Adam(self.learning_rate), loss=loss, jit_compile=jit)
        # With what it remembers made in time, TensorFlow traces the training step once and not twice.
        model.optimizer.build(model.trainable_variables)
        around = _SESSION.get() or Session()
        state = None
        if around.folder is not None:
            state = _State(around.folder / self._key(model, inputs, outputs))
        # What early stopping remembers is not in the state, so that with it only a finished one counts.
        history = state.restore(model, unfinished=self.patience is None) if state else {}
        done = len(history.get("loss", ()))
        train, watched = self.parts(len(inputs))
        if done < self.epochs and not (state and state.finished):
            part = (inputs[watched], outputs[watched])
            callbacks = self._callbacks(keras, around, state, history, name, part)
            model.fit(
                inputs[train],
                outputs[train],
                batch_size=self.batch_size,
                # As many as there are. Where it is not told, Keras sets the data up twice for every epoch.
                steps_per_epoch=-(-len(train) // self.batch_size),
                epochs=self.epochs,
                initial_epoch=done,
                verbose=0,
                callbacks=callbacks,
            )
            if state:
                state.save(model, history, finished=True)
        around.histories[name] = history
        return history

    def _key(self, model: Any, x: NDArray, y: NDArray) -> str:
        settings = {key: value for key, value in self.get_config().items() if key != "save_every"}
        hasher = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        # Networks that differ in an activation or a dropout begin with the same weights.
        hasher.update(json.dumps(architecture(model), sort_keys=True).encode())
        for weights in model.get_weights():
            hasher.update(np.ascontiguousarray(weights).tobytes())
        hasher.update(x.tobytes())
        hasher.update(y.tobytes())
        return hasher.hexdigest()[:16]

    def _validation_loss(self, model: Any, x: NDArray, y: NDArray) -> float:
        """Mean loss of the samples that are only watched.

        With few samples, Keras' own validation takes longer than the training: it sets its data up anew each time.
        """
        starts = range(0, len(x), self.batch_size)
        batches = [slice(start, start + self.batch_size) for start in starts]
        losses = [float(model.test_on_batch(x[batch], y[batch], return_dict=True)["loss"]) for batch in batches]
        return float(np.average(losses, weights=[len(x[batch]) for batch in batches]))

    def _callbacks(
        self,
        keras: Any,
        around: Session,
        state: _State | None,
        history: History,
        name: str,
        watched: tuple[NDArray, NDArray],
    ) -> list[Any]:
        """Everything that watches a fit; all of it acts once an epoch, so that it costs nothing."""
        fit = self

        class Watch(keras.callbacks.Callback):  # type: ignore[misc]
            """Computes the validation loss, collects the losses, shows progress and saves the state."""

            def on_train_begin(self, logs: Any = None) -> None:
                self.bar = (
                    _Bar(name, fit.epochs, len(history.get("loss", ())), around.lines) if around.progress else None
                )

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                logs = {} if logs is None else logs
                if len(watched[0]):
                    # The callbacks behind this one find it there, as they would find Keras' own.
                    logs["val_loss"] = fit._validation_loss(self.model, *watched)
                for key, value in logs.items():
                    history.setdefault(key, []).append(float(value))
                if self.bar:
                    self.bar.advance(epoch + 1, history)
                if state and (epoch + 1) % fit.save_every == 0:
                    state.save(self.model, history, finished=False)

            def on_train_end(self, logs: Any = None) -> None:
                if self.bar:
                    self.bar.close()

        callbacks = [Watch()]
        if self.patience is not None:
            callbacks.append(
                keras.callbacks.EarlyStopping(patience=self.patience, restore_best_weights=True, monitor="val_loss")
            )
        if around.tensorboard and state and keras.backend.backend() == "tensorflow":
            callbacks.append(keras.callbacks.TensorBoard(state.folder / "tensorboard", write_graph=False))
        elif around.tensorboard and state:
            log.info("no TensorBoard: it needs the Keras backend tensorflow, this one is %s", keras.backend.backend())
        return callbacks


def architecture(model: Any) -> list[Any]:
    """What the layers of a Keras model are, inner models included, without the names that count up and the seeds."""
    if hasattr(model, "layers"):
        return [architecture(layer) for layer in model.layers]
    settings = {key: value for key, value in model.get_config().items() if key != "name"}
    return [type(model).__name__, _settings(settings)]


def _settings(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _settings(item) for key, item in value.items() if key not in _NOT_SETTINGS}
    if isinstance(value, list | tuple):
        return [_settings(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else type(value).__name__


def _square_of_known(true: Any, found: Any) -> Any:
    """Mean over the outputs of the squared error, 0 for those that are not known (NaN)."""
    ops = load_keras().ops
    return ops.mean(ops.square(found - ops.where(ops.isnan(true), found, true)), axis=-1)


class _State:
    """Weights, optimizer and losses of a fit, in one file that appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.finished = folder, folder / "state.npz", False

    def save(self, model: Any, history: History, *, finished: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        ops = load_keras().ops
        arrays = {f"weight{i}": value for i, value in enumerate(model.get_weights())}
        arrays |= {f"optimizer{i}": ops.convert_to_numpy(v) for i, v in enumerate(model.optimizer.variables)}
        arrays |= {f"history_{key}": np.array(values) for key, values in history.items()}
        # Two processes may fit the same network.
        partial = self.folder / f"state.{os.getpid()}.part.npz"
        np.savez(partial, finished=np.array(finished), **arrays)
        os.replace(partial, self.file)

    def restore(self, model: Any, *, unfinished: bool) -> History:
        """Put the saved state into the model; the losses so far, empty if there is none that counts."""
        if not self.file.is_file():
            return {}
        with np.load(self.file, allow_pickle=False) as saved:
            self.finished = bool(saved["finished"])
            if not self.finished and not unfinished:
                return {}
            model.set_weights([saved[f"weight{i}"] for i in range(len(model.get_weights()))])
            for number, variable in enumerate(model.optimizer.variables):
                variable.assign(saved[f"optimizer{number}"])
            prefix = "history_"
            history = {key[len(prefix) :]: saved[key].tolist() for key in saved.files if key.startswith(prefix)}
        log.info("%d epochs of this network are in %s", len(history["loss"]), self.folder)
        return history


class _Bar:
    """A rich progress bar in a terminal, ten lines of log elsewhere."""

    def __init__(self, name: str, epochs: int, done: int, lines: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.name, self.epochs, self.progress = name, epochs, None
        console = Console(stderr=True)
        if console.is_terminal and not lines:
            self.progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("epochs"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[losses]}"),
                console=console,
            )
            self.task = self.progress.add_task(name, total=epochs, completed=done, losses="")
            self.progress.start()

    def advance(self, epoch: int, history: History) -> None:
        losses = "  ".join(f"{key} {values[-1]:.3g}" for key, values in history.items())
        if self.progress:
            self.progress.update(self.task, completed=epoch, losses=losses)
        elif epoch % max(1, self.epochs // 10) == 0 or epoch == self.epochs:
            log.info("%s: epoch %d of %d  %s", self.name, epoch, self.epochs, losses)

    def close(self) -> None:
        if self.progress:
            self.progress.stop()

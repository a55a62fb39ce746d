"""What our fitting costs over a bare Keras loop, side by side: an autoencoder of images, and a small dense network.

They are the paper's autoencoder on 64 made-up images, and two hidden layers on as many rows of five numbers.
Both fit the same network to the same samples with the same batches, validation part and compilation, and come to the
same losses; ours also shows progress, saves its state every 50 epochs and keeps losses. They take turns, so that a
busy machine disturbs both alike; the ratio is the median over the turns. Of a small network's epoch most is Keras'
setting the data up, which ours asks for once instead of four times.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import Figure, summary
from nanonet.networks.autoencoder import ImageAutoencoder, join
from nanonet.networks.backend import load_keras, seed_everything
from nanonet.networks.dense import build_dense
from nanonet.networks.fit import Fit, session
from nanonet.representations.image import RDFImage
from tests.synthetic import synthetic_rdfs

#: Epochs per turn; 400 are the paper's, and the cost per epoch does not change.
EPOCHS, TURNS = 50, 5


def _autoencoder() -> Any:
    return join(*ImageAutoencoder().build((64, 64, 1)))


def _dense() -> Any:
    return build_dense(5, 2, (64, 64))


def _bare(make: Callable[[], Any], x: np.ndarray, y: np.ndarray, fit: Fit) -> tuple[float, float]:
    seed_everything(0)
    keras, model = load_keras(), make()
    train, watched = fit.parts(len(x))
    begin = time.perf_counter()
    model.compile(keras.optimizers.Adam(fit.learning_rate), loss=fit.loss, jit_compile=False)
    history = model.fit(
        x[train],
        y[train],
        validation_data=(x[watched], y[watched]),
        batch_size=fit.batch_size,
        epochs=EPOCHS,
        verbose=0,
    ).history
    return time.perf_counter() - begin, history["val_loss"][-1]


def _ours(make: Callable[[], Any], x: np.ndarray, y: np.ndarray, fit: Fit) -> tuple[float, float]:
    seed_everything(0)
    model = make()
    with tempfile.TemporaryDirectory() as folder, session(Path(folder), progress=True):
        begin = time.perf_counter()
        history = fit.run(model, x, y, name="benchmark")
        return time.perf_counter() - begin, history["val_loss"][-1]


def measure() -> Iterator[Figure]:
    """Seconds per epoch, and the ratio, of each network."""
    images = RDFImage().encode(synthetic_rdfs(64, seed=2)[0]).astype(np.float32)
    x = np.random.default_rng(0).random((64, 5)).astype(np.float32)
    y = np.column_stack([np.sin(3.0 * x[:, 0]), x[:, 1] * x[:, 2]]).astype(np.float32)
    fit = Fit(epochs=EPOCHS)
    for name, make, samples, targets in (
        ("autoencoder", _autoencoder, images, images),
        ("dense network", _dense, x, y),
    ):
        bare: list[float] = []
        ours: list[float] = []
        for turn in range(TURNS):
            losses = []
            for kind in (_bare, _ours) if turn % 2 == 0 else (_ours, _bare):
                seconds, loss = kind(make, samples, targets, fit)
                (bare if kind is _bare else ours).append(seconds)
                losses.append(loss)
            if not math.isclose(*losses, rel_tol=1e-5):
                raise ArithmeticError(f"{name}: the two do not fit the same, their validation losses are {losses}")
        for what, values in (("bare Keras loop", bare), ("ours: progress, states, losses", ours)):
            middle, spread = summary([value / EPOCHS for value in values])
            yield Figure(f"{name}, {what}, per epoch of 51 samples", 1e3 * middle, "ms", 1e3 * spread)
        ratio, spread = summary([a / b for a, b in zip(ours, bare, strict=True)])
        yield Figure(f"{name}, ours over bare", ratio, "1", spread, at_most=1.05)

"""What our fitting costs over a bare Keras loop: the paper's autoencoder on 64 made-up images, side by side.

Both fit the same network to the same images with the same batches, validation part and compilation;
ours also shows progress, saves its state every 50 epochs and keeps losses. They take turns, so
that a busy machine disturbs both alike; the ratio is the median over the turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import Figure, summary
from nanonet.networks.autoencoder import ImageAutoencoder, join
from nanonet.networks.backend import load_keras, seed_everything
from nanonet.networks.fit import Fit, session
from nanonet.representations.image import RDFImage
from tests.synthetic import synthetic_rdfs

#: Epochs per turn; 400 are the paper's, and the cost per epoch does not change.
EPOCHS, TURNS = 50, 5


def _network() -> Any:
    seed_everything(0)
    return join(*ImageAutoencoder().build((64, 64, 1)))


def _bare(images: np.ndarray, fit: Fit) -> float:
    keras, model = load_keras(), _network()
    train, watched = fit.parts(len(images))
    model.compile(keras.optimizers.Adam(fit.learning_rate), loss=fit.loss, jit_compile=False)
    begin = time.perf_counter()
    model.fit(
        images[train],
        images[train],
        validation_data=(images[watched], images[watched]),
        batch_size=fit.batch_size,
        epochs=EPOCHS,
        verbose=0,
    )
    return time.perf_counter() - begin


def _ours(images: np.ndarray, fit: Fit) -> float:
    model = _network()
    with tempfile.TemporaryDirectory() as folder, session(Path(folder), progress=True):
        begin = time.perf_counter()
        fit.run(model, images, images, name="autoencoder")
        return time.perf_counter() - begin


def measure() -> Iterator[Figure]:
    """Seconds per epoch, and the ratio."""
    images = RDFImage().encode(synthetic_rdfs(64, seed=2)[0])
    fit = Fit(epochs=EPOCHS)
    bare: list[float] = []
    ours: list[float] = []
    for turn in range(TURNS):
        order = (_bare, _ours) if turn % 2 == 0 else (_ours, _bare)
        for kind in order:
            (bare if kind is _bare else ours).append(kind(images, fit))
    for what, values in (("bare Keras loop", bare), ("ours: progress, states, losses", ours)):
        middle, spread = summary([value / EPOCHS for value in values])
        yield Figure(f"{what}, per epoch of 51 images", 1e3 * middle, "ms", 1e3 * spread)
    ratio, spread = summary([a / b for a, b in zip(ours, bare, strict=True)])
    yield Figure("ours over bare", ratio, "1", spread, at_most=1.05)

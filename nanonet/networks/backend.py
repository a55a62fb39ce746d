"""The one door to Keras."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.errors import MissingDependencyError


def load_keras() -> Any:
    """The module keras, with the backend that ``KERAS_BACKEND`` or the user's keras.json names.

    Raises:
        MissingDependencyError: Keras or its backend is not installed.
    """
    # TensorFlow writes pages about its build to stderr otherwise; errors still come through.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except ImportError as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise MissingDependencyError(
            f"neural networks need Keras and its backend ({backend}), one of which is not installed ({error}): "
            "pip install 'nanonet[train]', or name an installed backend in KERAS_BACKEND"
        ) from error
    return keras


def seed_everything(seed: int | None) -> None:
    """Start the random numbers of Python, NumPy and the Keras backend from ``seed``.

    Weights and the order of the batches come from there. Other code of the same process that
    uses their global state is affected; ours does not (:mod:`nanonet.seeds`).
    """
    if seed is not None:
        load_keras().utils.set_random_seed(int(seed) % 2**32)


def apply(model: Any, x: ArrayLike, batch_size: int = 64) -> FloatArray:
    """The output of a Keras model, float64: what its own ``predict`` gives, without the pipeline that sets up first.

    For the few rows of a call here, that takes ten times as long as the network itself.
    """
    inputs = np.asarray(x, dtype=np.float32)
    batches = (inputs[start : start + batch_size] for start in range(0, len(inputs), batch_size))
    return np.concatenate([np.asarray(model.predict_on_batch(batch), dtype=float) for batch in batches])

"""Keras model -> files: ``.keras`` to train on, ONNX to predict with.

A sequence of common layers is written by :mod:`nanonet.networks.graph`, whatever the Keras backend.
Any other model is written by Keras' own export, which traces the TensorFlow graph; with another
backend the saved ``.keras`` file, which does not depend on the backend, is exported by a child
process that runs TensorFlow: ``python -m nanonet.networks.export model.keras model.onnx``.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.errors import CheckpointError, MissingDependencyError
from nanonet.networks.backend import apply, load_keras
from nanonet.networks.graph import sequential_graph, supported
from nanonet.networks.runtime import OnnxNetwork

#: Largest difference between a network and its exported graph that is accepted, for outputs
#: up to 1 in size, and in proportion for larger ones.
TOLERANCE = 1e-5


def save_network(model: Any, folder: Path, name: str, sample: np.ndarray) -> None:
    """Write ``name.keras`` and ``name.onnx`` and compare them on ``sample``.

    Raises:
        MissingDependencyError: tf2onnx, or TensorFlow beside another backend, is not installed.
        CheckpointError: the exported graph does not give the network's numbers.
    """
    keras = load_keras()
    source, target = folder / f"{name}.keras", folder / f"{name}.onnx"
    model.save(source)
    # Computed first: Keras exports only models that were called.
    expected = apply(model, sample)
    if supported(model):
        target.write_bytes(sequential_graph(model))
    elif keras.backend.backend() == "tensorflow":
        _export(model, target)
    else:
        command = [sys.executable, "-m", "nanonet.networks.export", str(source), str(target)]
        done = subprocess.run(
            command, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise MissingDependencyError(
                "exporting a network needs TensorFlow and tf2onnx also with another Keras backend: "
                f"pip install 'nanonet[train]'; the export said: {done.stderr.strip()[-400:]}"
            )
    difference = float(np.max(np.abs(OnnxNetwork.read(target)(sample) - expected)))
    if not difference <= TOLERANCE * max(1.0, float(np.max(np.abs(expected)))):
        raise CheckpointError(f"the exported graph of {name} differs from the network by {difference:.2g}")


def _export(model: Any, target: Path) -> None:
    if not getattr(model, "_called", True):
        model(np.zeros((1, *model.input_shape[1:]), dtype=np.float32))
    with warnings.catch_warnings():
        # tf2onnx and Keras' shim for it speak of NumPy names that are going away; not our call.
        warnings.simplefilter("ignore")
        logging.getLogger("tf2onnx").setLevel(logging.WARNING)
        try:
            model.export(target, format="onnx", verbose=False)
        except ImportError as error:
            raise MissingDependencyError(
                f"writing ONNX needs tf2onnx, which is not installed ({error}): pip install 'nanonet[train]'"
            ) from error


def check_archive(file: Path) -> None:
    """Refuse a ``.keras`` file that could run code when it is loaded.

    Only classes of Keras itself are accepted, and no ``Lambda``; nothing of the file is run, and
    Keras is not imported.

    Raises:
        CheckpointError: not such a file, or it names other classes.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            extra = set(archive.namelist()) - {"metadata.json", "config.json", "model.weights.h5"}
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{file} is not a Keras model ({error})") from error
    foreign = sorted(extra) + sorted(_foreign(config))
    if foreign:
        raise CheckpointError(
            f"{file} names code that is not trusted: {', '.join(foreign[:5])}; "
            "use checkpoints that nanonet wrote, from a source that you trust"
        )


def _foreign(node: Any) -> set[str]:
    """Names of classes outside Keras, and of those in it that hold code, anywhere in a config."""
    found: set[str] = set()
    if isinstance(node, dict):
        if "class_name" in node:
            module, name = str(node.get("module")), str(node["class_name"])
            ours = module == "keras" or module.startswith(("keras.layers", "keras.initializers", "keras.optimizers"))
            ours = (
                ours or module in {"builtins", "keras.models", "keras.losses"} or module.startswith("keras.src.models")
            )
            # Operations of Keras on arrays, of which a law of temperature needs one.
            ours = ours or (module == "keras.src.ops.numpy" and name in _OPERATIONS)
            dangerous = name in {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "function"}
            if not ours or dangerous or "lambda" in name.lower() or (module == "builtins" and name not in _BUILTINS):
                found.add(f"{module}.{name}")
        for value in node.values():
            found |= _foreign(value)
    elif isinstance(node, list):
        for value in node:
            found |= _foreign(value)
    return found


#: Operations outside layers that a stored network may hold.
_OPERATIONS = frozenset({"Divide"})
#: Plain values that Keras marks as of the module "builtins".
_BUILTINS = frozenset({"__tensor__", "__numpy__", "__ellipsis__", "__tuple__"})


def load_network(file: Path) -> Any:
    """The Keras model in a ``.keras`` file that :func:`check_archive` accepts."""
    check_archive(file)
    return load_keras().models.load_model(file, compile=False, safe_mode=True)


if __name__ == "__main__":
    _export(load_network(Path(sys.argv[1])), Path(sys.argv[2]))

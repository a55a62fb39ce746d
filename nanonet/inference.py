"""Predicting: ``nanonet.predict`` and ``nanonet.load``.

Imports neither Keras nor scikit-learn: networks run as exported graphs, forests as arrays.
"""

from __future__ import annotations

import inspect
import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from nanonet import paths
from nanonet.arrays import FloatArray
from nanonet.checkpoint import MANIFEST, Checkpoint
from nanonet.data.problem import Prediction, places, questions
from nanonet.data.table import Table
from nanonet.errors import CheckpointError, DomainWarning, InputError

#: The checkpoint that ``predict`` uses, and further names for shipped ones.
DEFAULT = "nanonet_best"
ALIASES = {"paper": "nanonet", "best": "nanonet_best"}


class Predictor:
    """A loaded checkpoint that answers questions; made by :func:`load`."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def __repr__(self) -> str:
        return f"Predictor({self.checkpoint.name!r}, {self.checkpoint.problem.name})"

    def __getattr__(self, name: str) -> Any:
        """What this problem can be asked beside its target, such as ``arrhenius`` for electrolytes."""
        known = {} if name.startswith("_") or name == "checkpoint" else questions(self.checkpoint.problem)
        if name not in known:
            further = f"; this problem also answers {', '.join(known)}" if known else ""
            raise AttributeError(f"{type(self).__name__} has no {name!r}{further}")

        def ask(value: Any = None, /, **numbers: Any) -> Any:
            inputs, single = self.checkpoint.problem.parse(value, numbers)
            answers = known[name](self.checkpoint.surrogate.ensemble, inputs)
            return answers[0] if single else answers

        return ask

    def evaluate(self, inputs: Table) -> Prediction:
        """Predict a table of inputs: plain arrays, no warning."""
        checkpoint = self.checkpoint
        targets, spread = checkpoint.surrogate.predict_with_spread(inputs)
        band: tuple[FloatArray | None, FloatArray | None] = (None, None)
        if checkpoint.band is not None:
            band = checkpoint.band.around(targets, spread, places(checkpoint.problem, inputs, checkpoint.axis))
        return Prediction(
            inputs=inputs,
            targets=targets,
            low=band[0],
            high=band[1],
            outside=tuple(checkpoint.outside(inputs)),
            axis=checkpoint.axis,
            target=checkpoint.target,
        )

    def arrays(self, value: Any = None, /, *, strict: bool = False, **numbers: Any) -> Prediction:
        """As :meth:`predict`, as plain arrays with one row per record."""
        inputs, _ = self.checkpoint.problem.parse(value, numbers)
        prediction = self.evaluate(inputs)
        _warn(prediction, strict)
        return prediction

    def predict(self, value: Any = None, /, *, strict: bool = False, **numbers: Any) -> Any:
        """Predict one record or many.

        Args:
            value: one record or a table, in any form that the problem takes.
            strict: make it an error when a record is outside the training region.
            **numbers: one record as keywords.

        Returns:
            One object (an :class:`nanonet.RDF` for nanocomposites) for a single record, a list
            for a table.

        Raises:
            InputError: not a record, not physical, or outside the region with ``strict``.

        Warns:
            DomainWarning: outside the region: which number, and the nearest known record.
        """
        inputs, single = self.checkpoint.problem.parse(value, numbers)
        prediction = self.evaluate(inputs)
        _warn(prediction, strict)
        answers = self.checkpoint.problem.present(prediction)
        return answers[0] if single else answers


def _warn(prediction: Prediction, strict: bool) -> None:
    reasons = [(row, reason) for row, reason in enumerate(prediction.outside) if reason]
    if not reasons:
        return
    n = len(prediction.outside)
    where = "" if n == 1 else f"{len(reasons)} of {n} rows; the first is row {reasons[0][0]}: "
    message = f"outside the region of the training data: {where}{reasons[0][1]}"
    if strict:
        raise InputError(f"{message}; leave strict=True out to get the extrapolation")
    warnings.warn(f"{message}; the prediction is an extrapolation", DomainWarning, stacklevel=_outside_this_file())


def _outside_this_file() -> int:
    """``stacklevel`` for a warning of our caller's that points at the line from which this file was entered."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename == __file__:
        frame, level = frame.f_back, level + 1
    return level


def available() -> list[str]:
    """Names of the shipped checkpoints."""
    if not paths.CHECKPOINTS.is_dir():
        return []
    return sorted(folder.name for folder in paths.CHECKPOINTS.iterdir() if (folder / MANIFEST).is_file())


def find(model: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a checkpoint, by name or path.

    Raises:
        CheckpointError: there is none; lists the names there are.
    """
    name = DEFAULT if model is None else os.fspath(model) if isinstance(model, str | os.PathLike) else ""
    if not isinstance(name, str) or not name:
        raise CheckpointError(f"a model is a name or a folder, got {model!r}; the names are {', '.join(available())}")
    for folder in (paths.CHECKPOINTS / ALIASES.get(name, name), Path(name).expanduser()):
        if _is_checkpoint(folder):
            return folder
    raise CheckpointError(
        f"there is no checkpoint {name!r}, neither a folder nor one of those in {paths.CHECKPOINTS} "
        f"({', '.join(available()) or 'none so far'}); train it with `python -m nanonet.train +experiment=nanonet` and "
        "name its folder with model=..."
    )


def _is_checkpoint(folder: Path) -> bool:
    try:
        return (folder / MANIFEST).is_file()
    except (OSError, ValueError):
        # No path of this system: too long, or with a character that it does not know.
        return False


@lru_cache(maxsize=8)
def _load(folder: Path, stamp: tuple[int, int]) -> Predictor:
    del stamp
    return Predictor(Checkpoint.load(folder))


def load(model: str | os.PathLike[str] | None = None) -> Predictor:
    """The checkpoint called ``model``, or in that folder; the default one without a name.

    A checkpoint is read and checked once per process, and again when its manifest changes.

    Raises:
        CheckpointError: there is none, or it is damaged, too new or not to be trusted.
    """
    folder = find(model).resolve()
    status = (folder / MANIFEST).stat()
    return _load(folder, (status.st_mtime_ns, status.st_size))


def predict(
    value: Any = None, /, *, model: str | os.PathLike[str] | None = None, strict: bool = False, **numbers: Any
) -> Any:
    """Predict the RDF of a composition, or of many.

    Args:
        value: a Composition, a mapping, a row of five numbers, a DataFrame, or an (n, 5) array.
        model: name or folder of a checkpoint; the default one if not given.
        strict: make it an error when a composition is outside the training region.
        **numbers: D, N, rho (or phi), eps_np_np, eps_p_np.

    Returns:
        :class:`nanonet.RDF`, or a list of them for a table.

    Raises:
        CheckpointError, InputError: see :func:`load` and :meth:`Predictor.predict`.

    Warns:
        DomainWarning: the composition is outside the training region.
    """
    return load(model).predict(value, strict=strict, **numbers)

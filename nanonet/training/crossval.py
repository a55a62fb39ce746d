"""Training and predicting fold by fold, one result file each, so that nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.data.split import Fold
from nanonet.errors import CheckpointError, MissingDependencyError
from nanonet.networks.fit import Session, current, surrounded
from nanonet.parts import TARGET, build, load_arrays, save_arrays
from nanonet.seeds import derive
from nanonet.surrogate import Surrogate
from nanonet.training.workers import check_workers, in_processes

log = logging.getLogger(__name__)
#: Raise when results of the same configuration would mean something else.
FORMAT = 2
Recipe = Mapping[str, Any]
_ARRAYS = ("test", "train", "predicted", "spread", "floor", "codes", "codes_predicted", "codes_train",
           "codes_train_predicted", "seconds")  # fmt: skip


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What a model that was fitted to the training part of a fold says about the rest.

    Args:
        name: of the fold.
        train, test: row numbers in the data set.
        predicted: of the test records, in the target's unit.
        spread: of the members, per test record, or at each of its bins.
        floor: test targets through the representation alone; NaN for a model without one.
        codes, codes_predicted: of the test records, (n, d); ``codes_train`` and
            ``codes_train_predicted`` of the training records.
        seconds: of fitting.
    """

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    predicted: FloatArray
    spread: FloatArray
    floor: FloatArray
    codes: FloatArray
    codes_predicted: FloatArray
    codes_train: FloatArray
    codes_train_predicted: FloatArray
    seconds: float

    def save(self, file: Path) -> None:
        """Write it; the file appears whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".part.npz")
        save_arrays(partial, name=self.name, **{key: getattr(self, key) for key in _ARRAYS})
        os.replace(partial, file)

    @classmethod
    def load(cls, file: Path) -> FoldResult:
        """Read what :meth:`save` wrote."""
        stored: dict[str, Any] = load_arrays(file, "name", *_ARRAYS)
        return cls(**{**stored, "name": str(stored["name"]), "seconds": float(stored["seconds"])})


def make_model(recipe: Recipe, seed: int) -> Any:
    """An unfitted model: a :class:`Surrogate` of three parts, or a class of its own.

    Args:
        recipe: ``features``, ``regressor`` and ``representation``, or a single ``_target_`` with
            ``fit(inputs, targets, groups)`` and ``predict_with_spread(inputs)`` (NaN where it has no answer).
        seed: parts with ``seed: null`` get streams of it, the same for equal parts of two recipes.
    """
    if TARGET in recipe:
        return build(recipe, seed=seed, where="model")
    names = ("features", "regressor", "representation")
    return Surrogate(**{name: build(recipe[name], seed=seed, where=name) for name in names})


def digest(*parts: Any) -> str:
    """Sixteen characters that name a content."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def run_fold(recipe: Recipe, dataset: Dataset, fold: Fold, seed: int) -> tuple[FoldResult, Any]:
    """Fit a model to the training part of a fold and apply it to the rest; also returns the model."""
    model = make_model(recipe, derive(seed, fold.name))
    train, test = dataset.take(fold.train), dataset.take(fold.test)
    start = time.perf_counter()
    model.fit(train.inputs, train.targets, train.groups)
    seconds = time.perf_counter() - start
    predicted, spread = model.predict_with_spread(test.inputs)
    nothing: FloatArray = np.zeros((0, 0))
    codes = {"codes": nothing, "codes_predicted": nothing, "codes_train": nothing, "codes_train_predicted": nothing}
    floor = np.full_like(test.targets, np.nan)
    if isinstance(model, Surrogate):
        floor = model.roundtrip(test.targets, test.inputs)
        codes = {
            "codes": model.codes(test.targets, test.inputs),
            "codes_predicted": model.predicted_codes(test.inputs),
            "codes_train": model.codes(train.targets, train.inputs),
            "codes_train_predicted": model.predicted_codes(train.inputs),
        }
    result = FoldResult(
        name=fold.name,
        train=fold.train,
        test=fold.test,
        predicted=predicted,
        spread=spread,
        floor=floor,
        seconds=seconds,
        **codes,
    )
    return result, model


@dataclass(frozen=True, eq=False)
class FoldTask:
    """A model to be fitted to a fold, and the file for its result.

    The file is named by the content of recipe, training and test part and seed, so that a changed configuration or
    data set never takes over an old result.

    Args:
        label: of the model.
        recipe: of the model.
        dataset: all records.
        fold: over these.
        seed: of the model.
        folder: where the file lies.
        around: where networks keep their state.
    """

    label: str
    recipe: Recipe
    dataset: Dataset
    fold: Fold
    seed: int
    folder: Path
    around: Session | None = None

    @property
    def file(self) -> Path:
        """Where the result is, or will be."""
        parts = tuple(self.dataset.take(rows).digest() for rows in (self.fold.train, self.fold.test))
        name = digest(FORMAT, self.recipe, parts, self.seed, self.fold.name)
        return self.folder / f"{self.label}-{self.fold.name}-{name}.npz"

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.label}, {self.fold.name}"

    def known(self) -> FoldResult | None:
        """The result of an earlier run."""
        if not self.file.is_file():
            return None
        try:
            return FoldResult.load(self.file)
        except CheckpointError as error:
            log.warning("%s: %s is made again (%s)", self.label, self.file.name, error)
            return None

    def run(self) -> FoldResult:
        """Fit, predict, and write the result."""
        result, _ = run_fold(self.recipe, self.dataset, self.fold, self.seed)
        result.save(self.file)
        return result

    def __call__(self) -> None:
        """:meth:`run` in a process of its own. That a package is missing, the one that reads the results will say."""
        around = self.around and replace(self.around, lines=True)
        with surrounded(around), suppress(MissingDependencyError):
            self.run()


def fit_ahead(
    recipes: Mapping[str, Recipe], dataset: Dataset, folds: Sequence[Fold], seed: int, folder: Path, workers: int
) -> None:
    """Make the results that :func:`cross_validate` will read, several at a time; nothing with one worker.

    Model by model, so that a network that two models share is finished when the second begins.
    """
    if check_workers(workers) == 1:
        return
    waves = [
        [
            task
            for fold in folds
            if (task := FoldTask(label, recipe, dataset, fold, seed, folder, current())).known() is None
        ]
        for label, recipe in recipes.items()
    ]
    in_processes(waves, workers)


def cross_validate(
    recipe: Recipe, dataset: Dataset, folds: Iterable[Fold], seed: int, folder: Path, *, label: str
) -> list[FoldResult]:
    """Results of a model on every fold; those in ``folder`` are read, the others made and written."""
    results = []
    listed = list(folds)
    for number, fold in enumerate(listed, start=1):
        task = FoldTask(label, recipe, dataset, fold, seed, folder)
        result = task.known()
        if result is None:
            log.info("%s: fold %d of %d, %d records to learn from", label, number, len(listed), len(fold.train))
            result = task.run()
        results.append(result)
    return results


def held_out(results: Iterable[FoldResult]) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Row numbers of all test records of all folds, and ``predicted``, ``floor``, ``spread`` and ``fold`` for them.

    With repeats a record occurs several times: its predictions are not averaged, which would make
    them better than those of one model.
    """
    listed = list(results)
    rows = np.concatenate([result.test for result in listed])
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(result, name) for result in listed]) for name in ("predicted", "floor", "spread")
    }
    arrays["fold"] = np.concatenate([np.full(len(result.test), result.name) for result in listed])
    return rows, arrays

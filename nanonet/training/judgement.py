"""Several models judged on the same folds: scores, floors, differences, bands."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.band import Scale
from nanonet.data.dataset import Dataset
from nanonet.data.problem import Problem, places, regions
from nanonet.data.split import Fold
from nanonet.errors import ConfigError, MissingDependencyError
from nanonet.metrics.base import Metric
from nanonet.statistics import NOT_DEFINED, Estimate
from nanonet.training.calibration import coverage
from nanonet.training.crossval import Recipe, cross_validate, fit_ahead, held_out
from nanonet.training.held_out import held_out_findings
from nanonet.training.noise import noise_multiple
from nanonet.training.record import score

log = logging.getLogger(__name__)
#: A floor below this share of the error is what rounding leaves of a representation that loses nothing.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Judgement:
    """What models say about the same held-out records, and how good that is; by name of the model.

    Args:
        judged: the records; with repeated splits one may occur several times.
        rows: number of each in the data set.
        folds: name of the fold of each.
        reference: the model that others are compared with.
        predictions: targets, NaN where a model has no answer.
        scores: every metric.
        floors: every metric of the true targets through the representation alone.
        differences: primary metric minus that of the reference, on the same records.
        multiples: primary metric divided by that between replicas.
        details: per fold, coverage, what the problem finds, seconds; plain values or what knows its own.
        left_out: models that need a package that is not installed, and the reason.
    """

    judged: Dataset
    rows: NDArray[np.int64]
    folds: NDArray[np.str_]
    reference: str
    predictions: dict[str, FloatArray]
    scores: dict[str, dict[str, Estimate]]
    floors: dict[str, dict[str, Estimate]]
    differences: dict[str, Estimate]
    multiples: dict[str, Estimate]
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All but the predictions, for :func:`nanonet.training.record.write_json`."""
        return {
            "scores": self.scores,
            "floor": self.floors,
            "difference": self.differences,
            "times_replicas": self.multiples,
            "reference": self.reference,
            "left_out": self.left_out,
            **self.details,
        }

    def cells(self, name: str, primary: str) -> tuple[str, ...]:
        """A model's cells of a table with the columns of :func:`header`."""
        multiple, floor = self.multiples[name], self.floors[name][primary]
        rounding = abs(floor.value) <= ROUNDING * abs(self.scores[name][primary].value)
        return (
            *(found.text() for found in self.scores[name].values()),
            "0" if rounding else floor.text(),
            self.differences[name].text() if name != self.reference else "-",
            multiple.text() if multiple.n_groups else "-",
        )


def header(metrics: Mapping[str, Metric], reference: str) -> tuple[str, ...]:
    """Titles of the columns of a table of models, without those that say which model it is."""
    primary = next(iter(metrics))
    return (
        *(f"{name} [{metric.unit}]" for name, metric in metrics.items()),
        f"floor of {primary}",
        f"{primary} minus that of {reference}",
        f"{primary} / that of replicas",
    )


def ends(metrics: Mapping[str, Metric], noise: Mapping[str, Mapping[str, Estimate]]) -> list[tuple[str, ...]]:
    """Name and cells of what is no model: replicas and noise, where they are known."""
    return [
        (f"*{name}*", *(column[metric].text() for metric in metrics), "-", "-", "-")
        for name, column in noise.items()
        if column
    ]


def judge(
    problem: Problem,
    models: Mapping[str, Recipe],
    dataset: Dataset,
    folds: Sequence[Fold],
    metrics: Mapping[str, Metric],
    scale: Scale,
    level: float,
    reference: str,
    seed: int,
    folder: Path,
    workers: int = 1,
) -> Judgement:
    """Fit every model to every fold and judge it on the rest; results that are in ``folder`` are read.

    A model that needs a package that is not installed is left out.

    Args:
        problem: of the records.
        models: name to recipe.
        dataset: all records, from which the noise between replicas comes.
        folds: over the data set, the same for all models.
        metrics: by name, the primary one first.
        scale: of the bands.
        level: of the bands.
        reference: one of the models.
        seed: of the models.
        folder: of results, one file per model, fold and seed.
        workers: number of processes that fit.

    Raises:
        ConfigError: there is no result of the reference, which had to be left out or is no model.
    """
    primary = next(iter(metrics))
    found: dict[str, dict[str, Any]] = {}
    details: dict[str, dict[str, Any]] = {"per_fold": {}, "coverage": {}, "findings": {}, "seconds": {}}
    left_out: dict[str, str] = {}
    rows = np.concatenate([fold.test for fold in folds])
    judged = dataset.take(rows)
    parts, lie = regions(problem, judged), places(problem, judged.inputs, judged.axis)
    fit_ahead(models, dataset, folds, seed, folder, workers)
    for name, recipe in models.items():
        try:
            results = cross_validate(recipe, dataset, folds, seed, folder, label=name)
        except MissingDependencyError as error:
            log.warning("%s is left out: %s", name, error)
            left_out[name] = str(error)
            continue
        _, own = held_out(results)
        found[name] = own
        details["per_fold"][name] = {
            result.name: {
                key: e.value for key, e in score(metrics, dataset.take(result.test), result.predicted)[0].items()
            }
            for result in results
        }
        details["seconds"][name] = sum(result.seconds for result in results)
        details["findings"][name] = held_out_findings(problem, judged, own["predicted"])
        if np.ptp(own["spread"]) > 0:
            details["coverage"][name] = coverage(
                own["predicted"], judged.targets, own["spread"], judged.groups, scale, level, judged.curve, parts, lie
            )
    if reference not in found:
        raise ConfigError(f"no result for the reference {reference}; {left_out}")
    predictions = {name: own["predicted"] for name, own in found.items()}
    dealt = found[reference]["fold"]
    return Judgement(
        judged=judged,
        rows=rows,
        folds=dealt,
        reference=reference,
        predictions=predictions,
        scores={name: score(metrics, judged, own["predicted"], dealt)[0] for name, own in found.items()},
        floors={name: score(metrics, judged, own["floor"], dealt)[0] for name, own in found.items()},
        differences={
            name: difference(metrics[primary], judged, own, predictions[reference], dealt)
            for name, own in predictions.items()
        },
        multiples={name: noise_multiple(metrics[primary], dataset, judged, own) for name, own in predictions.items()},
        details=details,
        left_out=left_out,
    )


def difference(
    metric: Metric, judged: Dataset, predicted: FloatArray, reference: FloatArray, folds: NDArray[np.str_]
) -> Estimate:
    """A metric minus that of the reference, on the records for which both have an answer."""
    known = np.isfinite((predicted + reference).reshape(len(judged), -1)).all(axis=1)
    if not known.any():
        return NOT_DEFINED
    found = metric.difference(judged.take(known), predicted[known], reference[known], folds[known])
    # Groups without an answer of both are missing in the difference as they are in the errors.
    missing = len(set(judged.groups.tolist()) - set(judged.groups[known].tolist()))
    return replace(found, n_asked=found.n_asked + missing)

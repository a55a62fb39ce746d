"""What repeated measurements say of errors: the noise that no model is below, and errors in multiples of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nanonet.data.dataset import Dataset
from nanonet.metrics.base import Metric
from nanonet.statistics import NOT_DEFINED, Estimate, group_means, ratio

Index = NDArray[np.int64]


def _pairs(dataset: Dataset) -> tuple[Index, Index]:
    """Rows of every ordered pair of replicas."""
    pairs = [(a, b) for rows in dataset.replicas().values() for a in rows for b in rows if a != b]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return first, second


def replica_noise(metrics: Mapping[str, Metric], dataset: Dataset) -> dict[str, Estimate]:
    """Each metric between records of the same thing: one measurement as the prediction of another.

    Every ordered pair of replicas counts, one as the truth and one as the prediction. With independent noise of
    equal size in both, a model that knows the true mean has a root mean square error of 1/sqrt(2) of that.
    Empty where there are no replicas.
    """
    first, second = _pairs(dataset)
    if not len(first):
        return {}
    truth = dataset.take(first)
    return {name: metric.estimate(truth, dataset.targets[second]) for name, metric in metrics.items()}


def error_noise(metrics: Mapping[str, Metric], dataset: Dataset, seed: int = 0) -> dict[str, Estimate]:
    """Each metric between a record and a copy with noise of its own standard errors.

    A lower bound of the replica noise: a run's own errors do not know what the run never saw.
    """
    if dataset.noise is None:
        return {}
    draws = np.random.default_rng(seed).standard_normal(dataset.targets.shape)
    noisy = dataset.targets + dataset.noise * draws
    if dataset.targets.min() >= 0:
        noisy = np.maximum(noisy, 0.0)
    return {name: metric.estimate(dataset, noisy) for name, metric in metrics.items()}


def noise_multiple(metric: Metric, dataset: Dataset, judged: Dataset, predicted: np.ndarray) -> Estimate:
    """An error of predictions divided by that between replicas, E / E_replicas.

    Both are means over groups; for the interval the groups of all records are resampled, and both means are taken of
    the same resample: a composition that is hard to predict and noisy counts in both. Without an interval (NaN)
    where fewer than :data:`nanonet.statistics.LEAST` groups have replicas, or where the metric is not a mean
    over groups of what its records contribute.

    Args:
        metric: an error, of which a smaller one is better.
        dataset: all records, of which some are replicas.
        judged: records with predictions, n.
        predicted: of the shape of their targets; records with NaN do not count.

    Returns:
        Not defined without replicas, where they agree exactly, and for metrics of which a larger one is better.
    """
    first, second = _pairs(dataset)
    known = np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1)
    if not len(first) or not known.any() or not metric.smaller_is_better:
        return NOT_DEFINED
    answered, pairs = judged.take(known), dataset.take(first)
    asked = judged.n_groups
    parts = [(answered, predicted[known]), (pairs, dataset.targets[second])]
    errors = [metric.estimate(truth, found).value for truth, found in parts]
    if not errors[1] > 0:
        return NOT_DEFINED
    values = [metric.values(truth, found) for truth, found in parts]
    means = [np.nanmean(group_means(own, truth.groups)) for own, (truth, _) in zip(values, parts, strict=True)]
    if not np.allclose(means, errors):
        nan = float("nan")
        return Estimate(errors[0] / errors[1], nan, nan, answered.n_groups, asked)
    found = ratio(values[0], answered.groups, values[1], pairs.groups)
    return Estimate(found.value, found.low, found.high, found.n_groups, asked)

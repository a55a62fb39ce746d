"""Metrics of radial distribution functions; see docs/metrics.md for what each of them hides."""

from __future__ import annotations

from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.domain import RDF, Composition, Peak
from nanonet.domain.rdf import RESOLUTION
from nanonet.errors import ConfigError, DataError
from nanonet.metrics.base import PerRecord


def _rdfs(truth: Dataset, g: FloatArray, resolution: float) -> list[RDF]:
    """RDFs with the noise of the true ones, but at least ``resolution`` (1 + g).

    True and predicted RDF get the same noise: a prediction has none of its own, and with none
    every ripple would be a peak. The least noise stands for what an image can resolve.
    """
    if truth.axis is None:
        raise DataError(f"RDF metrics need curves over r, got the number {truth.target}")
    noise = np.zeros_like(truth.targets) if truth.noise is None else truth.noise
    error = np.maximum(noise, resolution * (1.0 + truth.targets))
    r, numbers = truth.axis.array(), truth.inputs.rows()
    return [
        RDF(r=r, g=g[row], error=error[row], composition=Composition(**{n: values[n] for n in Composition.names()}))
        for row, values in enumerate(numbers)
    ]


class StructureError(PerRecord):
    """100 sum_k |g'_k - g_k| / sum_k |g_k - 1| [%]: error in per cent of the structure present.

    An RDF of an ideal gas, g = 1, scores 100.
    """

    name, unit, smaller_is_better = "structure_error", "%", True

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """Per cent of each record; NaN for an RDF that is 1 everywhere."""
        structure = np.abs(truth.targets - 1.0).sum(axis=1)
        error = np.abs(predicted - truth.targets).sum(axis=1)
        return np.divide(100.0 * error, structure, out=np.full(len(error), np.nan), where=structure > 0)

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


class _PeakMetric(PerRecord):
    """What the metrics of the first peak share.

    Args:
        resolution: least noise of g in units of 1 + g, for truth and prediction alike.
    """

    name, unit, smaller_is_better = "", "", True

    def __init__(self, resolution: float = RESOLUTION) -> None:
        if not resolution >= 0:
            raise ConfigError(f"the resolution must not be negative, got {resolution!r}")
        self.resolution = float(resolution)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"resolution": self.resolution}

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """One number per record."""
        true = [rdf.first_peak for rdf in _rdfs(truth, truth.targets, self.resolution)]
        found = [rdf.first_peak for rdf in _rdfs(truth, predicted, self.resolution)]
        return np.array([self._compare(a, b) for a, b in zip(true, found, strict=True)])

    def _compare(self, true: Peak | None, found: Peak | None) -> float:
        raise NotImplementedError


class PeakFound(_PeakMetric):
    """100 if truth and prediction agree on whether there is a first peak, else 0 [%]."""

    name, unit, smaller_is_better = "peak_found", "%", False

    def _compare(self, true: Peak | None, found: Peak | None) -> float:
        return 100.0 * ((true is None) == (found is None))


class PeakPosition(_PeakMetric):
    """|r' - r| of the first peak [sigma]; NaN unless both have one."""

    name, unit = "peak_position", "sigma"

    def _compare(self, true: Peak | None, found: Peak | None) -> float:
        return np.nan if true is None or found is None else abs(found.position - true.position)


class PeakHeight(_PeakMetric):
    """100 |h' / h - 1| of the first peak [%]; NaN unless both have one."""

    name, unit = "peak_height", "%"

    def _compare(self, true: Peak | None, found: Peak | None) -> float:
        return np.nan if true is None or found is None else 100.0 * abs(found.height / true.height - 1.0)


class PhaseAgreement(PerRecord):
    """100 if prediction and truth are of the same phase, else 0 [%]; see ``RDF.classify_phase``."""

    name, unit, smaller_is_better = "phase", "%", False

    def values(self, truth: Dataset, predicted: FloatArray) -> FloatArray:
        """100 or 0 for each record."""
        true = [rdf.phase for rdf in _rdfs(truth, truth.targets, 0.0)]
        found = [rdf.phase for rdf in _rdfs(truth, predicted, 0.0)]
        return np.array([100.0 * (a == b) for a, b in zip(true, found, strict=True)])

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}

"""Figures and findings of held-out records, for every problem: general ones, and those that a problem brings along."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.band import Scale
from nanonet.data.dataset import Dataset
from nanonet.data.problem import HeldOut, Problem, drawings, findings
from nanonet.training import figures as draw
from nanonet.training.calibration import Coverage

#: Fewest groups whose errors are worth a figure of their own.
LEAST_GROUPS = 10
#: Bands whose widths differ by less than this share of them are one width, and nothing can be said by width.
LEAST_VARIATION = 0.05


def decades(scale: Scale, unit: str) -> str:
    """The unit of an error on the scale u, of a target in ``unit``: differences of logarithms are decades."""
    return "decades" if scale.log or unit.startswith("log10(") else unit


def held_out_figures(
    folder: Path,
    problem: Problem,
    judged: Dataset,
    predicted: FloatArray,
    band: tuple[FloatArray, FloatArray] | None,
    cover: Coverage | None,
    scale: Scale,
) -> dict[str, str]:
    """Draw them into ``folder``; title -> name of the file.

    What bands hold by their width, where they could be judged on 10 groups or more and have more than one
    width. For numbers: predicted against true ones, and errors by group, likewise. And what the problem
    draws itself.

    Args:
        folder: made if it is not there.
        problem: of the records.
        judged: records that the models had not learned from; those without a prediction (NaN) are left out.
        predicted: of the shape of their targets.
        band: lower and upper ends, likewise.
        cover: how the band does without the group it is judged on.
        scale: on which errors are alike.
    """
    made: dict[str, str] = {}
    unit = decades(scale, judged.unit)
    answered = _answered(judged, predicted, band)
    judged, predicted = answered.dataset, answered.predicted
    if not len(judged):
        return made
    ends = None if answered.low is None or answered.high is None else (answered.low, answered.high)
    if judged.targets.ndim == 1:
        made["Held-out records and their predictions"] = "predictions.png"
        draw.curves(folder / "predictions.png", judged, range(len(judged)), predicted, ends, scale)
        if judged.n_groups >= LEAST_GROUPS:
            made["Error of each group"] = "groups.png"
            error = np.abs(scale.to(predicted) - scale.to(judged.targets))
            draw.groups(folder / "groups.png", judged.groups, error, unit)
    if cover is not None and judged.n_groups >= LEAST_GROUPS and _varies(cover.records[1]):
        made["What bands hold, by their width"] = "bands.png"
        draw.bands(folder / "bands.png", *cover.records, level=cover.level, unit=unit)
    for title, drawing in drawings(problem).items():
        name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") + ".png"
        with draw.blank(folder / name) as figure:
            if drawing(figure, answered):
                made[title] = name
    return made


def held_out_findings(problem: Problem, judged: Dataset, predicted: FloatArray) -> dict[str, Any]:
    """What the problem finds in held-out records, by name, as plain values; nothing where no record has a prediction.

    Args:
        problem: of the records.
        judged: records that the model had not learned from; those without a prediction (NaN) are left out.
        predicted: of the shape of their targets.
    """
    answered = _answered(judged, predicted, None)
    return {name: find(answered) for name, find in findings(problem).items()} if len(answered.dataset) else {}


def _answered(judged: Dataset, predicted: FloatArray, band: tuple[FloatArray, FloatArray] | None) -> HeldOut:
    """The records that have a prediction."""
    known = np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1)
    low, high = (None, None) if band is None else (band[0][known], band[1][known])
    return HeldOut(judged.take(known), predicted[known], low, high)


def _varies(width: FloatArray) -> bool:
    known = width[np.isfinite(width)]
    return bool(known.size and np.ptp(known) > LEAST_VARIATION * known.mean())

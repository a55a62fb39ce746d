"""What a run leaves behind: configuration, versions, metrics, a model card."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.checkpoint import versions
from nanonet.data.dataset import Dataset
from nanonet.metrics.base import Folds, Metric
from nanonet.statistics import Estimate
from nanonet.training.calibration import Coverage

#: Under every table of scores.
LEGEND = (
    "Mean over groups (r2, spearman and pooled_rmse: of all records, or mean over folds) with 95 % bootstrap intervals "
    "over groups, or folds. *floor*: the true target through the "
    "representation alone. *replicas*: between records of the same thing; *noise*: between a record and "
    "itself with noise of its standard error."
)


def write_json(file: Path, content: Any) -> None:
    """Write plain values; the file appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps(_plain(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, file)


def _plain(value: Any) -> Any:
    """Values that JSON knows; a number that is not finite becomes ``None``."""
    if isinstance(value, Estimate | Coverage):
        return _plain(value.to_json())
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def score(
    metrics: Mapping[str, Metric], dataset: Dataset, predicted: np.ndarray, folds: Folds = None
) -> tuple[dict[str, Estimate], dict[str, np.ndarray]]:
    """Each metric as an estimate, and what each record contributes.

    Args:
        metrics: by name.
        dataset: n records.
        predicted: of the shape of its targets; records with NaN have no prediction and do not count.
        folds: name of the fold of each record.
    """
    known = np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1)
    judged, answers = dataset.take(known), predicted[known]
    estimates, values = {}, {}
    for name, metric in metrics.items():
        own = np.full(len(dataset), np.nan)
        if not known.any():
            estimates[name], values[name] = Estimate(np.nan, np.nan, np.nan, 0, dataset.n_groups), own
            continue
        own[known] = metric.values(judged, answers)
        found = metric.estimate(judged, answers, None if folds is None else folds[known])
        # A model that has no answer for some groups must not look as if it had.
        asked = found.n_asked + len(set(dataset.groups.tolist()) - set(judged.groups.tolist()))
        estimates[name], values[name] = replace(found, n_asked=asked), own
    return estimates, values


def rows_of(metrics: Mapping[str, Metric], columns: Mapping[str, Mapping[str, Estimate]]) -> list[tuple[str, ...]]:
    """A table of metrics (rows) and columns as text, the header first."""
    header = ("metric", *columns)
    body = [
        (f"{name} [{metric.unit}]", *(column[name].text() if name in column else "-" for column in columns.values()))
        for name, metric in metrics.items()
    ]
    return [header, *body]


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def model_card(
    name: str,
    config: Mapping[str, Any],
    dataset: Dataset,
    *,
    command: str,
    judged: str,
    trained: str,
    table: list[tuple[str, ...]],
    banded: bool,
    cover: Coverage | None,
    figures: Mapping[str, str],
) -> str:
    """The model card, in Markdown; every number in it comes from the run that writes it."""
    parts = {
        key: str(config[key].get("_target_", "")).rpartition(".")[2]
        for key in ("features", "representation", "regressor")
        if isinstance(config.get(key), Mapping)
    }
    source = ", ".join(f"{key} {value}" for key, value in dataset.source.items())
    band = (
        "The error band is calibrated on the held-out groups; they are too few to say how well it covers others."
        if banded
        else "This model has no calibrated band: too few held-out groups."
    )
    if cover is not None:
        band = (
            f"The {100 * cover.level:.0f} % band, calibrated without the group it is judged on, holds "
            f"{cover.inside.text()} % of the held-out values; its mean width is {cover.width:.3g} on the scale of the "
            f"calibration. A band of one width for all records holds {cover.constant_inside.text()} % and is "
            f"{cover.constant_width:.3g} wide. Rank correlation of spread and error: {cover.rank.text(2)}."
        )
    lines = [
        f"# {name}",
        "",
        f"{' -> '.join(f'{key}: {value}' for key, value in parts.items())}",
        "",
        "## Data",
        "",
        f"{len(dataset)} records of {dataset.n_groups} groups ({source}). {trained}",
        "",
        "## Error on records that were not learned from",
        "",
        judged,
        "",
        markdown(table),
        "",
        LEGEND,
        "",
        band,
        "",
        *_by_region(cover),
        *[line for title, file in figures.items() for line in (f"![{title}]({file})", "")],
        "## Remake",
        "",
        f"    {command}",
        "",
        "Versions: " + ", ".join(f"{key} {value}" for key, value in versions().items()) + ".",
        "",
    ]
    return "\n".join(lines)


def _by_region(cover: Coverage | None) -> list[str]:
    """What bands hold in each part of the curves, as lines of Markdown; nothing without parts."""
    if cover is None or not cover.regions:
        return []
    header = ("part of the curve", "in the band [%]", "mean width", "one width: in the band [%]", "mean width")
    rows = [
        (
            name,
            share.inside.text(),
            f"{share.width:.3g}",
            share.constant_inside.text(),
            f"{share.constant_width:.3g}",
        )
        for name, share in {"all": cover, **cover.regions}.items()
    ]
    return [markdown([header, *rows]), ""]

"""Many models in one harness: one table with intervals, and studies of one setting."""

from __future__ import annotations

import copy
import csv
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError, MissingDependencyError
from nanonet.metrics.base import Metric
from nanonet.networks.fit import session
from nanonet.statistics import NOT_DEFINED, Estimate
from nanonet.training import figures as draw
from nanonet.training.calibration import coverage
from nanonet.training.crossval import Recipe, cross_validate, held_out
from nanonet.training.held_out import held_out_figures
from nanonet.training.parity import parities
from nanonet.training.record import LEGEND, error_noise, markdown, replica_noise, score, write_json
from nanonet.training.run import build_data, build_judge, check_scale

log = logging.getLogger(__name__)


def expand(base: Recipe, vary: Mapping[str, Any]) -> tuple[dict[str, Recipe], list[float]]:
    """Recipes that differ from ``base`` in one setting, by name, and the values of the setting.

    Args:
        base: a recipe.
        vary: ``key``, a dotted path that exists in the recipe, and ``values``.

    Raises:
        ConfigError: other keys, or the path does not exist.
    """
    if not {"key", "values"} <= set(vary) <= {"key", "values", "label"}:
        raise ConfigError(f"a study has the keys key, values and label, got {', '.join(vary)}")
    *path, last = str(vary["key"]).split(".")
    made: dict[str, Recipe] = {}
    for value in vary["values"]:
        recipe = copy.deepcopy(dict(base))
        node: Any = recipe
        for step in path:
            node = node.get(step) if isinstance(node, Mapping) else None
        if not isinstance(node, dict) or last not in node:
            raise ConfigError(f"a study varies {vary['key']!r}, which the model does not have")
        node[last] = value
        made[f"{last}={value}"] = recipe
    return made, [float(value) for value in vary["values"]]


def compare(config: Mapping[str, Any], models: Mapping[str, Recipe]) -> Path:
    """Judge models on the same folds; returns the folder with table.md, table.csv, results.json, figures.

    Results are kept one file per model, fold and seed, and networks by their content, so that an
    interrupted comparison goes on and a network that two models share is fitted once. A model
    that needs a package that is not installed is left out, and the table says so.

    Args:
        config: plain values: name, seed, dataset, split, metrics, calibration, folder, progress,
            figures, reference (a model that all are compared with, pair by pair, or ``None``).
        models: name to recipe.

    Raises:
        ConfigError: no models, or an unknown reference.
        DataError: no usable records, or fewer groups than folds.
    """
    reference = config.get("reference") or next(iter(models), None)
    if reference not in models:
        raise ConfigError(f"reference names {reference!r}; the models are {', '.join(models) or 'none'}")
    problem, dataset = build_data(config)
    split, metrics, scale, level = build_judge(config)
    check_scale(scale, dataset)
    seed, folder = int(config["seed"]), Path(config["folder"])
    folds = split.split(dataset, seed)
    columns: dict[str, dict[str, Estimate]] = {}
    floors: dict[str, dict[str, Estimate]] = {}
    primary = next(iter(metrics))
    predictions: dict[str, np.ndarray] = {}
    judged: Dataset | None = None
    tested, dealt = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=str)
    content: dict[str, Any] = {"left_out": {}, "per_fold": {}, "coverage": {}, "seconds": {}, "folds": len(folds)}
    with session(folder / "networks", progress=bool(config["progress"])):
        for name, recipe in models.items():
            try:
                results = cross_validate(recipe, dataset, folds, seed, folder / "results", label=name)
            except MissingDependencyError as error:
                log.warning("%s is left out: %s", name, error)
                content["left_out"][name] = str(error)
                continue
            rows, found = held_out(results)
            judged = dataset.take(rows)
            columns[name], _ = score(metrics, judged, found["predicted"], found["fold"])
            floors[name] = score(metrics, judged, found["floor"], found["fold"])[0]
            predictions[name], tested, dealt = found["predicted"], rows, found["fold"]
            content["per_fold"][name] = {
                result.name: {
                    key: e.value for key, e in score(metrics, dataset.take(result.test), result.predicted)[0].items()
                }
                for result in results
            }
            content["seconds"][name] = sum(result.seconds for result in results)
            if np.ptp(found["spread"]) > 0:
                content["coverage"][name] = coverage(
                    found["predicted"], judged.targets, found["spread"], judged.groups, scale, level
                )
    if judged is None or reference not in predictions:
        raise ConfigError(f"no result for the reference {reference}; {content['left_out']}")
    differences = {
        name: _difference(metrics[primary], judged, own, predictions[reference], dealt)
        for name, own in predictions.items()
    }
    noise = {"replicas": replica_noise(metrics, dataset), "noise": error_noise(metrics, dataset)}
    table = _table(metrics, columns, floors, differences, reference, noise)
    report = folder / str(config["name"])
    write_json(
        report / "results.json",
        {"scores": columns, "floor": floors, "difference": differences, "reference": reference, **noise, **content},
    )
    _write_table(report, table, config, dataset, len(folds), content["left_out"])
    if config["figures"]:
        draw.bars(report / "models.png", {name: column[primary] for name, column in columns.items()}, primary)
        parities(report / "parity.png", judged, predictions, tested, dealt, metrics)
        # Of the reference model; without bands, which a comparison does not calibrate on all records.
        held_out_figures(report, problem, judged, predictions[reference], None, None, scale)
    log.info("tables and figures in %s", report)
    return report


def _difference(
    metric: Metric, judged: Dataset, predicted: np.ndarray, reference: np.ndarray, folds: np.ndarray
) -> Estimate:
    """A metric minus that of the reference, on the records for which both have an answer."""
    known = np.isfinite((predicted + reference).reshape(len(judged), -1)).all(axis=1)
    if not known.any():
        return NOT_DEFINED
    return metric.difference(judged.take(known), predicted[known], reference[known], folds[known])


def study(config: Mapping[str, Any], bases: Mapping[str, Recipe], vary: Mapping[str, Any]) -> Path:
    """:func:`compare` recipes that differ in one setting, and draw the metric against it.

    The curves are the error on held-out records of each model, and of a single one its representation floor.

    Args:
        config: as for :func:`compare`.
        bases: name to recipe; with several of them all are varied.
        vary: as for :func:`expand`.
    """
    made: dict[str, dict[str, Recipe]] = {}
    for name, base in bases.items():
        varied, x = expand(base, vary)
        made[name] = {f"{name}, {label}" if len(bases) > 1 else label: recipe for label, recipe in varied.items()}
    report = compare(config, {label: recipe for varied in made.values() for label, recipe in varied.items()})
    if config["figures"]:
        content = json.loads((report / "results.json").read_text(encoding="utf-8"))
        primary = next(iter(config["metrics"]))
        wanted = {name: ("scores", models) for name, models in made.items()}
        if len(made) == 1:
            models = next(iter(made.values()))
            wanted = {"held-out": ("scores", models), "representation floor": ("floor", models)}
        curves = {
            label: [Estimate.from_json(content[key][name][primary]) for name in models if name in content[key]]
            for label, (key, models) in wanted.items()
        }
        curves = {label: own for label, own in curves.items() if len(own) == len(x)}
        draw.study(report / "study.png", x, curves, str(vary.get("label", vary["key"])), primary)
    return report


def _table(
    metrics: Mapping[str, Metric],
    columns: Mapping[str, Mapping[str, Estimate]],
    floors: Mapping[str, Mapping[str, Estimate]],
    differences: Mapping[str, Estimate],
    reference: str,
    noise: Mapping[str, Mapping[str, Estimate]],
) -> list[tuple[str, ...]]:
    primary = next(iter(metrics))
    header = (
        "model",
        *(f"{name} [{metric.unit}]" for name, metric in metrics.items()),
        f"floor of {primary}",
        f"{primary} minus that of {reference}",
    )
    body = [
        (
            name,
            *(column[metric].text() for metric in metrics),
            floors[name][primary].text(),
            differences[name].text() if name != reference else "-",
        )
        for name, column in columns.items()
    ]
    ends = [
        (f"*{name}*", *(column[metric].text() for metric in metrics), "-", "-")
        for name, column in noise.items()
        if column
    ]
    return [header, *body, *ends]


def _write_table(
    folder: Path,
    table: list[tuple[str, ...]],
    config: Mapping[str, Any],
    dataset: Dataset,
    n_folds: int,
    left_out: Mapping[str, str],
) -> None:
    source = ", ".join(f"{key} {value}" for key, value in dataset.source.items())
    lines = [
        f"# {config['name']}",
        "",
        f"{len(dataset)} records of {dataset.n_groups} groups ({source}); {n_folds} folds, seed {config['seed']}.",
        "",
        markdown(table),
        "",
        LEGEND,
        *[f"\nLeft out: {name} ({reason})." for name, reason in left_out.items()],
        "",
    ]
    (folder / "table.md").write_text("\n".join(lines), encoding="utf-8")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(table)

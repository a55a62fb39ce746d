"""Many models in one harness: one table with intervals, and studies of one setting."""

from __future__ import annotations

import copy
import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nanonet.data.dataset import Dataset
from nanonet.errors import ConfigError
from nanonet.networks.fit import session
from nanonet.statistics import Estimate
from nanonet.training import figures as draw
from nanonet.training.crossval import Recipe
from nanonet.training.held_out import held_out_figures
from nanonet.training.judgement import ends, header, judge
from nanonet.training.noise import error_noise, replica_noise
from nanonet.training.parity import parities
from nanonet.training.record import LEGEND, markdown, write_json
from nanonet.training.run import build_data, build_judge, check_scale

log = logging.getLogger(__name__)
#: Under a table of several models, behind the legend of all tables.
COMPARED = (
    "A difference is taken of the same records; an interval without 0 tells two models apart. An error divided by that "
    "of *replicas* has both means from the same resamples of groups; a dash where there are no replicas."
)


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
            figures, workers, reference (a model that all are compared with, pair by pair, or ``None``).
        models: name to recipe.

    Raises:
        ConfigError: no models, or an unknown reference.
        DataError: no usable records, or fewer groups than folds.
    """
    reference = reference_of(config, models)
    problem, dataset = build_data(config)
    split, metrics, scale, level = build_judge(config)
    check_scale(scale, dataset)
    seed, folder = int(config["seed"]), Path(config["folder"])
    folds = split.split(dataset, seed)
    primary = next(iter(metrics))
    with session(folder / "networks", progress=bool(config["progress"])):
        made = judge(
            problem,
            models,
            dataset,
            folds,
            metrics,
            scale,
            level,
            reference,
            seed,
            folder / "results",
            config["workers"],
        )
    noise = {"replicas": replica_noise(metrics, dataset), "noise": error_noise(metrics, dataset)}
    report = folder / str(config["name"])
    units = {name: metric.unit for name, metric in metrics.items()}
    write_json(report / "results.json", {**made.to_json(), **noise, "folds": len(folds), "units": units})
    table = [
        ("model", *header(metrics, reference)),
        *((name, *made.cells(name, primary)) for name in made.scores),
        *ends(metrics, noise),
    ]
    notes = [f"Left out: {name} ({reason})." for name, reason in made.left_out.items()]
    write_table(report, table, config, dataset, len(folds), notes)
    if config["figures"]:
        label = f"{primary} [{units[primary]}]"
        draw.bars(report / "models.png", {name: column[primary] for name, column in made.scores.items()}, label)
        parities(report / "parity.png", made.judged, made.predictions, made.rows, made.folds, metrics)
        # Of the reference model; without bands, which a comparison does not calibrate on all records.
        held_out_figures(report, problem, made.judged, made.predictions[reference], None, None, scale)
    log.info("tables and figures in %s", report)
    return report


def reference_of(config: Mapping[str, Any], models: Mapping[str, Recipe]) -> str:
    """The model that the others are compared with: ``reference``, or the first one.

    Raises:
        ConfigError: no models, or an unknown reference.
    """
    reference = config.get("reference") or next(iter(models), None)
    if reference not in models:
        raise ConfigError(f"reference names {reference!r}; the models are {', '.join(models) or 'none'}")
    return str(reference)


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
        unit = f"{primary} [{content['units'][primary]}]"
        draw.study(report / "study.png", x, curves, str(vary.get("label", vary["key"])), unit)
    return report


def write_table(
    folder: Path,
    table: list[tuple[str, ...]],
    config: Mapping[str, Any],
    dataset: Dataset,
    n_folds: int,
    notes: Sequence[str],
) -> None:
    """Write table.md and table.csv.

    Args:
        folder: of the report.
        table: rows of text, the header first.
        config: plain values with name and seed.
        dataset: all records.
        n_folds: over how many folds.
        notes: sentences below the table.
    """
    source = ", ".join(f"{key} {value}" for key, value in dataset.source.items())
    lines = [
        f"# {config['name']}",
        "",
        f"{len(dataset)} records of {dataset.n_groups} groups ({source}); {n_folds} folds, seed {config['seed']}.",
        "",
        markdown(table),
        "",
        f"{LEGEND} {COMPARED}",
        *[f"\n{note}" for note in notes],
        "",
    ]
    (folder / "table.md").write_text("\n".join(lines), encoding="utf-8")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(table)

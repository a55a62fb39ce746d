"""Training a surrogate from a configuration, for every problem."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray, of_rows
from nanonet.band import Band, Scale
from nanonet.checkpoint import MANIFEST, Checkpoint, versions
from nanonet.coverage import Coverage
from nanonet.data.dataset import Dataset
from nanonet.data.problem import Problem, covered, places, regions
from nanonet.data.split import Fold, Split
from nanonet.errors import ConfigError
from nanonet.metrics.base import Metric
from nanonet.networks.fit import session
from nanonet.parts import build
from nanonet.surrogate import Surrogate
from nanonet.training import figures as draw
from nanonet.training.calibration import Coverage as Cover
from nanonet.training.calibration import calibrate, coverage
from nanonet.training.crossval import FoldResult, cross_validate, digest, fit_ahead, held_out, run_fold
from nanonet.training.held_out import decades, held_out_figures, held_out_findings
from nanonet.training.noise import error_noise, replica_noise
from nanonet.training.record import model_card, rows_of, score, write_json
from nanonet.training.reliability import calibration

log = logging.getLogger(__name__)
#: What a model is made of.
RECIPE = ("features", "representation", "regressor")
#: Settings of a run that do not change its result, so that changing them goes on in the same folder.
OUTER = ("folder", "workers", "fresh", "progress", "tensorboard", "figures", "publish")
KEYS = {"name", "seed", "dataset", *RECIPE, "split", "metrics", "calibration", "refit", *OUTER}


def check_keys(config: Mapping[str, Any], allowed: set[str]) -> None:
    """Every key known and there.

    Raises:
        ConfigError: names the keys that are not known or missing.
    """
    unknown, missing = sorted(set(config) - allowed), sorted(allowed - set(config))
    if unknown or missing:
        raise ConfigError(
            "the configuration has the keys "
            + ", ".join(sorted(allowed))
            + (f"; not known: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )


def build_data(config: Mapping[str, Any]) -> tuple[Problem, Dataset]:
    """The problem that ``dataset`` names, and its records.

    Raises:
        ConfigError: it names something else.
        DataError: there are no usable records.
    """
    if isinstance(config["seed"], bool) or not isinstance(config["seed"], int):
        raise ConfigError(f"seed must be a whole number, got {config['seed']!r}")
    problem = build(config["dataset"], seed=config["seed"], where="dataset")
    if not isinstance(problem, Problem):
        raise ConfigError(f"dataset must name a problem, got {type(problem).__name__}")
    dataset = problem.read()
    log.info("%d records of %d groups", len(dataset), dataset.n_groups)
    return problem, dataset


def build_judge(config: Mapping[str, Any]) -> tuple[Split, dict[str, Metric], Scale, float]:
    """Split, metrics, and scale and level of the band.

    Raises:
        ConfigError: one of them names something else.
    """
    split = build(config["split"], seed=config["seed"], where="split")
    if not isinstance(split, Split):
        raise ConfigError(f"split must name a split, got {type(split).__name__}")
    metrics = {}
    for name, description in config["metrics"].items():
        metrics[str(name)] = build(description, where=f"metrics.{name}")
        if not isinstance(metrics[str(name)], Metric):
            raise ConfigError(f"metrics.{name} must name a metric, got {type(metrics[str(name)]).__name__}")
    settings = dict(config["calibration"])
    scale, level = build(settings.pop("scale", None), where="calibration.scale"), settings.pop("level", 0.9)
    if settings or not isinstance(scale, Scale):
        raise ConfigError(f"calibration has the keys scale and level, got {config['calibration']!r}")
    return split, metrics, scale, float(level)


def check_scale(scale: Scale, dataset: Dataset) -> None:
    """A logarithmic scale needs targets above its floor.

    Raises:
        ConfigError: there are none, such as where targets are logarithms already.
    """
    if scale.log and not (dataset.targets > scale.floor).any():
        raise ConfigError(
            f"calibration.scale.log is true, and no {dataset.target} lies above its floor {scale.floor:g} (the largest "
            f"is {float(dataset.targets.max()):g} {dataset.unit}); set calibration.scale.log=false"
        )


def train(config: Mapping[str, Any], *, command: str = "") -> Path:
    """Train, judge and save a surrogate; returns the run's folder.

    The folder's name follows from the configuration and the data; the same command goes on where
    an earlier one stopped. It holds config.json, versions.json, metrics.json, folds/, networks/,
    figures/, checkpoint/ and README.md (the model card).

    Args:
        config: plain values; keys :data:`KEYS`.
        command: what was typed, for the model card.

    Raises:
        ConfigError: a key is unknown or missing, or a part does not fit.
        DataError: no usable records, or fewer groups than folds.
    """
    check_keys(config, KEYS)
    target = None if config["publish"] is None else Path(config["publish"])
    if target is not None and target.exists() and not (target / MANIFEST).is_file():
        raise ConfigError(f"publish names {target}, which exists and is not a checkpoint; name another folder")
    problem, dataset = build_data(config)
    split, metrics, scale, level = build_judge(config)
    check_scale(scale, dataset)
    seed, recipe = int(config["seed"]), {name: config[name] for name in RECIPE}
    folds = split.split(dataset, seed)
    if not config["refit"] and len(folds) > 1:
        raise ConfigError(f"refit=false keeps the model of the only fold, and there are {len(folds)}; set refit=true")
    settings = {key: value for key, value in config.items() if key not in OUTER}
    folder = Path(config["folder"]) / f"{config['name']}-{digest(settings, dataset.digest())[:8]}"
    if config["fresh"] and folder.is_dir():
        shutil.rmtree(folder)
    write_json(folder / "config.json", dict(config))
    write_json(folder / "versions.json", versions())
    log.info("run folder %s", folder)
    with session(folder / "networks", progress=bool(config["progress"]), tensorboard=bool(config["tensorboard"])):
        label, kept_in = str(config["name"]), folder / "folds"
        fit_ahead({label: recipe}, dataset, folds, seed, kept_in, config["workers"])
        results = cross_validate(recipe, dataset, folds, seed, kept_in, label=label)
    with session(folder / "networks", progress=bool(config["progress"])) as around:
        # With refit a model of all records; else that of the only fold, whose networks are at hand.
        everything = Fold(name="final", train=np.arange(len(dataset)), test=folds[0].test)
        kept = everything if config["refit"] else folds[0]
        final, model = run_fold(recipe, dataset, kept, seed)
    rows, found = held_out(results)
    judged = dataset.take(rows)
    parts, lie = regions(problem, judged), places(problem, judged.inputs, judged.axis)
    errors = (found["predicted"], judged.targets, found["spread"], judged.groups, scale, level, judged.curve)
    band = calibrate(*errors, places=lie)
    cover = coverage(*errors, regions=parts, places=lie)
    test, values = score(metrics, judged, found["predicted"], found["fold"])
    columns = {
        "held-out": test,
        "floor": score(metrics, judged, found["floor"], found["fold"])[0],
        "replicas": replica_noise(metrics, dataset),
        "noise": error_noise(metrics, dataset),
    }
    content = {
        "scores": columns,
        "units": {name: metric.unit for name, metric in metrics.items()},
        "per_record": {"record": [dataset.names[row] for row in rows], **values},
        "coverage": cover,
        "findings": held_out_findings(problem, judged, found["predicted"]),
        "seconds": [result.seconds for result in results],
        "losses": around.histories,
    }
    reconstruct = getattr(model.representation, "reconstruct", None)
    if reconstruct is not None:
        # As the paper states it: on what the autoencoder sees, for the first test part.
        samples, back = reconstruct(dataset.targets[folds[0].test])
        content["reconstruction"] = {
            "mean_square": float(((back - samples) ** 2).mean()),
            "mean_absolute": float(np.abs(back - samples).mean()),
            "fitted_to_these": bool(config["refit"]),
        }
    made: dict[str, str] = {}
    if config["figures"]:
        made, content["r_squared"] = _figures(
            folder / "figures",
            problem,
            dataset,
            rows,
            found,
            model,
            final,
            results,
            around.histories,
            band,
            cover,
            scale,
        )
    write_json(folder / "metrics.json", content)
    learned = dataset.take(kept.train)
    card = model_card(
        str(config["name"]),
        config,
        dataset,
        command=command or f"python -m nanonet.train +experiment={config['name']}",
        judged=f"Split: {type(split).__name__}, folds: {len(folds)}, seed: {seed}; groups held out: {judged.n_groups}.",
        trained=f"The model in this folder was trained on {len(learned)} records of {learned.n_groups} groups.",
        table=rows_of(metrics, columns),
        banded=band is not None,
        cover=cover,
        figures=made,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    x = model.features.transform(learned.inputs)
    Checkpoint(
        name=str(config["name"]),
        surrogate=model,
        problem=problem,
        coverage=Coverage.of(covered(problem, learned.inputs), x, learned.groups),
        band=band,
        target=dataset.target,
        unit=dataset.unit,
        axis=dataset.axis,
        info={
            "data": {**dataset.source, "digest": dataset.digest(), "learned": list(learned.names)},
            "held_out": sorted({dataset.names[row] for row in rows} - set(learned.names)),
            "config": {key: value for key, value in config.items() if key not in OUTER},
            "scores": {key: {name: e.to_json() for name, e in column.items()} for key, column in columns.items()},
            "units": content["units"],
            "coverage": None if cover is None else cover.to_json(),
        },
        card=card,
    ).save(folder / "checkpoint", extra={file: folder / file for file in made.values()})
    for line in rows_of(metrics, columns):
        log.info("%s", "  ".join(f"{cell:<28}" for cell in line).rstrip())
    log.info("checkpoint %s", folder / "checkpoint")
    if target is not None:
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(folder / "checkpoint", target)
        log.info("published as %s", target)
    return folder


def _figures(
    folder: Path,
    problem: Problem,
    dataset: Dataset,
    rows: Any,
    found: Mapping[str, FloatArray],
    model: Surrogate,
    final: FoldResult,
    results: list[FoldResult],
    histories: Mapping[str, Any],
    band: Band | None,
    cover: Cover | None,
    scale: Scale,
) -> tuple[dict[str, str], dict[str, float]]:
    """All figures of a run: title -> file relative to the run's folder; and r^2 of the codes."""
    made: dict[str, str] = {}

    def file(title: str, name: str) -> Path:
        made[title] = f"{folder.name}/{name}.png"
        return folder / f"{name}.png"

    if histories:
        draw.losses(file("Loss of the networks", "loss"), histories)
    reconstruct = getattr(model.representation, "reconstruct", None)
    if reconstruct is not None:
        samples, back = reconstruct(dataset.targets[final.test])
        if samples.ndim == 4:
            draw.images(file("Images before and after the autoencoder", "reconstructions"), samples, back)
    first = results[0]
    parity = draw.code_parity(
        file("Predicted and true codes of the first fold", "codes"),
        {
            "training": (first.codes_train, first.codes_train_predicted),
            "test": (first.codes, first.codes_predicted),
        },
    )
    if dataset.axis is not None:
        predicted = np.full_like(dataset.targets, np.nan)
        spread = np.full((len(dataset), *found["spread"].shape[1:]), np.nan)
        predicted[rows], spread[rows] = found["predicted"], found["spread"]
        ends = None
        if band is not None:
            ends = band.around(predicted, spread, places(problem, dataset.inputs, dataset.axis))
        order = sorted(set(np.asarray(rows).tolist()))
        shown = file("Held-out records and their predictions", "predictions")
        draw.curves(shown, dataset, order, predicted, ends, scale)
    judged, around = dataset.take(rows), None
    if band is not None:
        lie = places(problem, judged.inputs, judged.axis)
        around = band.around(found["predicted"], found["spread"], lie)
    own = held_out_figures(folder, problem, judged, found["predicted"], around, cover, scale)
    made |= {title: f"{folder.name}/{name}" for title, name in own.items()}
    difference = scale.to(found["predicted"]) - scale.to(dataset.targets[rows])
    size = np.sqrt(np.nanmean(difference.reshape(len(rows), -1) ** 2, axis=1))
    unit = decades(scale, dataset.unit)
    title = "Error and spread of the members" + (", and what bands hold" if cover and cover.regions else "")
    calibration(file(title, "calibration"), of_rows(found["spread"]), size, unit, cover)
    log.info("%d figures in %s", len(made), folder)
    return made, parity

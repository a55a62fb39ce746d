"""Learning curves: the same models and test records, with fewer groups to learn from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.data.subset import subset_folds, training_groups
from nanonet.errors import ConfigError
from nanonet.metrics.base import Metric
from nanonet.networks.fit import session
from nanonet.statistics import Estimate
from nanonet.training import figures as draw
from nanonet.training.compare import reference_of, write_table
from nanonet.training.crossval import Recipe
from nanonet.training.judgement import Judgement, ends, header, judge
from nanonet.training.noise import error_noise, replica_noise
from nanonet.training.record import write_json
from nanonet.training.run import build_data, build_judge, check_scale

log = logging.getLogger(__name__)
#: A floor below this share of the smallest error is not drawn: it would lie on the axis.
LEAST_FLOOR = 0.02
#: Under the table.
SUBSETS = (
    "Each model learned from so many groups of each fold's training part. The smaller subsets are parts of the larger "
    "ones and the same for all models; the test records are the same for all sizes."
)
#: One look per curve where there are many.
_LOOKS = [(color, line) for line in ("-", "--", ":") for color in (draw.TEST, draw.TRAIN, *draw.MORE, draw.TRUE)]


def check_sizes(sizes: Any) -> list[int]:
    """Different whole numbers of groups, in rising order.

    Raises:
        ConfigError: something else.
    """
    listed = list(sizes) if isinstance(sizes, Sequence) and not isinstance(sizes, str) else []
    whole = [size for size in listed if isinstance(size, int) and not isinstance(size, bool) and size >= 1]
    if not whole or len(whole) < len(listed) or len(set(whole)) < len(whole):
        raise ConfigError(
            f"sizes are different whole numbers of training groups, at least 1, such as [20, 40, 80]; got {sizes!r}"
        )
    return sorted(whole)


def learning_curve(config: Mapping[str, Any], models: Mapping[str, Recipe], sizes: Sequence[int]) -> Path:
    """Judge models that learn from n groups of each fold's training part, for several n; returns the report's folder.

    Test parts are those of :func:`nanonet.training.compare.compare` for all n, so that every point of a curve is of the
    same records; the subsets are nested and the same for all models (:func:`nanonet.data.subset.subset_folds`), and
    everything that a model learns, features and representation included, it learns from them. Results are kept one
    file per model, fold, n and seed. A size that a fold does not have is left out, and the table says so.

    Writes table.md, table.csv, results.json and learning_curve.png.

    Args:
        config: as for :func:`nanonet.training.compare.compare`.
        models: name to recipe.
        sizes: numbers of groups.

    Raises:
        ConfigError: sizes that are no such numbers, or all of them larger than a fold's training part; no models.
        DataError: no usable records, or fewer groups than folds.
    """
    wanted, reference = check_sizes(sizes), reference_of(config, models)
    problem, dataset = build_data(config)
    split, metrics, scale, level = build_judge(config)
    check_scale(scale, dataset)
    seed, folder = int(config["seed"]), Path(config["folder"])
    folds = split.split(dataset, seed)
    most = min(training_groups(dataset, folds))
    possible = [size for size in wanted if size <= most]
    missing = [size for size in wanted if size > most]
    if not possible:
        raise ConfigError(
            f"sizes asks for {', '.join(map(str, missing))} training groups, and the smallest training part of "
            f"{len(folds)} folds has {most} of the {dataset.n_groups} groups; ask for fewer, or for more folds"
        )
    if missing:
        log.warning("no curve at %s groups: a fold has %d to learn from", ", ".join(map(str, missing)), most)
    points: dict[int, Judgement] = {}
    with session(folder / "networks", progress=bool(config["progress"])):
        for size in possible:
            chosen = subset_folds(dataset, folds, size, seed)
            points[size] = judge(
                problem,
                models,
                dataset,
                chosen,
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
    left_out = {name: reason for point in points.values() for name, reason in point.left_out.items()}
    write_json(
        report / "results.json",
        {
            "sizes": {str(size): point.to_json() for size, point in points.items()},
            "reference": reference,
            **noise,
            "folds": len(folds),
            "left_out": left_out,
            "left_out_sizes": missing,
            "most": most,
        },
    )
    write_table(
        report, _table(metrics, points, reference, noise), config, dataset, len(folds), _notes(left_out, missing, most)
    )
    if config["figures"]:
        _draw(report / "learning_curve.png", metrics, points, noise["replicas"])
    log.info("tables and figures in %s", report)
    return report


def _table(
    metrics: Mapping[str, Metric],
    points: Mapping[int, Judgement],
    reference: str,
    noise: Mapping[str, Mapping[str, Estimate]],
) -> list[tuple[str, ...]]:
    primary, names = next(iter(metrics)), list(next(iter(points.values())).scores)
    return [
        ("model", "training groups", *header(metrics, reference)),
        *((name, str(size), *point.cells(name, primary)) for name in names for size, point in points.items()),
        *((name, "-", *cells) for name, *cells in ends(metrics, noise)),
    ]


def _notes(left_out: Mapping[str, str], missing: Sequence[int], most: int) -> list[str]:
    absent = [f"Left out: {name} ({reason})." for name, reason in left_out.items()]
    if missing:
        listed = ", ".join(map(str, missing))
        absent.append(f"Left out: {listed} training groups; the smallest training part of a fold has {most}.")
    return [SUBSETS, *absent]


def _draw(
    file: Path, metrics: Mapping[str, Metric], points: Mapping[int, Judgement], replicas: Mapping[str, Estimate]
) -> None:
    primary, metric = next(iter(metrics.items()))
    sizes, last = list(points), points[max(points)]
    curves = {name: [points[size].scores[name][primary] for size in sizes] for name in last.scores}
    smallest = np.nanmin([[abs(point.value) for point in own] for own in curves.values()])
    floors: dict[str, float] = {}
    for name, floor in last.floors.items():
        value = floor[primary].value
        # Models with the same representation have the same floor, which gets one line.
        same = next((other for other, known in floors.items() if np.isclose(known, value, rtol=1e-6)), None)
        if np.isfinite(value) and abs(value) > LEAST_FLOOR * smallest:
            known = name if same is None else f"{same}, {name}"
            floors.pop(same or "", None)
            floors[known] = value
    draw_curves(
        file, sizes, curves, replicas.get(primary), floors, f"{primary} [{metric.unit}]", metric.smaller_is_better
    )


def draw_curves(
    file: Path,
    sizes: Sequence[int],
    curves: Mapping[str, Sequence[Any]],
    replicas: Any | None,
    floors: Mapping[str, float],
    label: str,
    from_zero: bool,
) -> None:
    """A metric against the number of training groups, a line per model with its 95 % band.

    Args:
        file: to write.
        sizes: numbers of groups, rising.
        curves: name of a model to its estimates, one per size; not drawn where it has none.
        replicas: the same metric between replicas, or ``None``.
        floors: names of models to what their representation alone costs.
        label: of the y axis.
        from_zero: whether the y axis begins at 0.
    """
    with draw.panels(file, size=(6.4, 4.0)) as axes:
        ax = axes[0, 0]
        for (name, estimates), (color, line) in zip(curves.items(), cycle(_LOOKS)):
            ends = np.array([[e.value, e.low, e.high] for e in estimates]).T
            ax.fill_between(sizes, ends[1], ends[2], color=color, alpha=0.15, linewidth=0)
            ax.plot(sizes, ends[0], line, marker="o", markersize=4, color=color, label=name)
        if replicas is not None:
            if len(sizes) and np.isfinite(replicas.low + replicas.high):
                ax.axhspan(replicas.low, replicas.high, color="0.5", alpha=0.15, linewidth=0)
            ax.axhline(replicas.value, color="0.35", linewidth=1.2, label="between replicas")
        for (name, value), style in zip(floors.items(), cycle([(0, (1, 1)), (0, (4, 2)), (0, (4, 1, 1, 1))])):
            ax.axhline(value, color="0.6", linewidth=1.0, linestyle=style, label=f"floor of {name}, {sizes[-1]} groups")
        ax.set(xlabel="training groups", ylabel=label, xscale="log")
        ax.set_xticks(list(sizes), [str(size) for size in sizes])
        ax.set_xticks([], minor=True)
        if from_zero:
            ax.set_ylim(0, None)
        ax.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))

"""How records lie in several feature spaces, and whether near ones have near targets; for every problem."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.data.where import Where
from nanonet.errors import ConfigError, DataError, MissingDependencyError
from nanonet.parts import build
from nanonet.seeds import derive, generator
from nanonet.statistics import Estimate, of_set, spearman
from nanonet.training import figures as draw
from nanonet.training.record import markdown, write_json
from nanonet.training.run import build_data

log = logging.getLogger(__name__)
#: Bins of the histogram of distances, from 0 to the largest distance.
BINS = 50
#: The whole set, in tables of parts.
ALL = "all"
KEYS = {"features", "parts", "perplexity", "resamples", "most"}
HEADER = ("features", "columns", "records", "Spearman of pairs", "Spearman with the neighbour", "pairs nearer than 2 %")
LEGEND = (
    "*Spearman of pairs*: rank correlation, over all pairs of records, of their distance in feature space and the "
    "absolute difference of their targets. *with the neighbour*: of a record's target and that of the nearest record "
    "of another group. *nearer than 2 %*: share of pairs nearer than 2 % of the largest distance. 95 % bootstrap "
    "intervals over groups, not over pairs, which are no independent observations."
)


@dataclass(frozen=True, eq=False)
class Layout:
    """One feature space, seen by a part of the records.

    Args:
        name: of the features.
        columns: p, how many there are.
        rows: which records.
        pairs: rank correlation of distance and difference of targets, over pairs.
        neighbour: rank correlation of a target and that of the nearest record of another group.
        near: share of pairs nearer than 2 % of the largest distance.
        counts: histogram of the distances in :data:`BINS` bins up to the largest.
        place: of each record in two dimensions (t-SNE), shape (n, 2); empty where it was not asked for.
    """

    name: str
    columns: int
    rows: NDArray[np.int64]
    pairs: Estimate
    neighbour: Estimate
    near: float
    counts: NDArray[np.int64]
    place: FloatArray

    def row(self) -> tuple[str, ...]:
        """As text, in the order of :data:`HEADER`."""
        numbers = (str(self.columns), str(len(self.rows)), self.pairs.text(), self.neighbour.text())
        return (self.name, *numbers, f"{100 * self.near:.2g} %")


def distances(x: FloatArray) -> FloatArray:
    """Euclidean distances of all pairs i < j, shape (n (n - 1) / 2,), in the order of ``numpy.triu_indices``."""
    x = x - x.mean(axis=0)
    squared = (x**2).sum(axis=1)
    whole = np.sqrt(np.maximum(squared[:, None] - 2.0 * x @ x.T + squared, 0.0))
    # What a rounding error leaves between equal records is no distance.
    whole[whole < 1e-6 * max(float(whole.max()), 1e-300)] = 0.0
    return whole[np.triu_indices(len(x), 1)]


class _Ranks:
    """Mean ranks of values under weights, ties shared; sorted once for all weights."""

    def __init__(self, values: FloatArray) -> None:
        unique, self.inverse = np.unique(values, return_inverse=True)
        self.n = len(unique)

    def of(self, weights: FloatArray) -> FloatArray:
        counts = np.bincount(self.inverse, weights=weights, minlength=self.n)
        return (np.cumsum(counts) - 0.5 * counts)[self.inverse]


def pair_correlation(
    distance: FloatArray, y: FloatArray, groups: NDArray[np.str_], *, seed: int = 0, resamples: int = 300
) -> Estimate:
    """Spearman's rank correlation of the distance and |y_i - y_j| over all pairs, bootstrapped over groups.

    A resample gives record i the weight w_i, how often its group was drawn, and the pair the weight
    w_i w_j; ranks are those of the resample. A record is no pair with its own copy: its distance to
    itself would be 0 and its difference too, and the correlation too high.

    Args:
        distance: of all pairs i < j, see :func:`distances`.
        y: targets, shape (n,).
        groups: of the records; they are what is resampled.
        seed: of the resampling.
        resamples: how many; 0 for no interval.

    Returns:
        NaN where distances or targets do not vary.
    """
    first, second = np.triu_indices(len(y), 1)
    near, far = _Ranks(distance), _Ranks(np.abs(y[first] - y[second]))
    names, inverse = np.unique(groups, return_inverse=True)

    def value(weights: FloatArray) -> float:
        pairs = weights[first] * weights[second]
        total = pairs.sum()
        if near.n < 2 or far.n < 2 or total <= 0:
            return float("nan")
        a, b = near.of(pairs), far.of(pairs)
        a, b = a - (pairs * a).sum() / total, b - (pairs * b).sum() / total
        size = float(np.sqrt((pairs * a**2).sum() * (pairs * b**2).sum()))
        return float((pairs * a * b).sum()) / size if size > 0 else float("nan")

    found = value(np.ones(len(y)))
    random = generator(seed, "atlas")
    draws = [
        value(np.bincount(random.integers(0, len(names), len(names)), minlength=len(names)).astype(float)[inverse])
        for _ in range(resamples if np.isfinite(found) else 0)
    ]
    known = np.array([own for own in draws if np.isfinite(own)])
    low, high = np.percentile(known, [2.5, 97.5]) if known.size else (np.nan, np.nan)
    return Estimate(found, float(low), float(high), len(names) if np.isfinite(found) else 0, len(names))


def neighbours(x: FloatArray, groups: NDArray[np.str_]) -> NDArray[np.int64]:
    """Row of the nearest record of another group, the first of equals; -1 where there is none."""
    squared = (x**2).sum(axis=1)
    whole = squared[:, None] - 2.0 * x @ x.T + squared
    _, code = np.unique(groups, return_inverse=True)
    whole[code[:, None] == code[None]] = np.inf
    nearest = whole.argmin(axis=1)
    return np.where(np.isfinite(whole.min(axis=1)), nearest, -1)


def embed(x: FloatArray, *, seed: int, perplexity: float) -> FloatArray:
    """Two-dimensional t-SNE of features, shape (n, 2), from their two principal directions.

    Distances between far groups and the size of a group mean nothing in it (van der Maaten and
    Hinton 2008). The perplexity is at most a third of the records.

    Raises:
        MissingDependencyError: without scikit-learn.
    """
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise MissingDependencyError(
            "t-SNE needs scikit-learn, which is not installed: pip install 'nanonet[train]'"
        ) from error
    start = "pca" if x.shape[1] > 1 else "random"
    method = TSNE(perplexity=min(perplexity, (len(x) - 1) / 3.0), init=start, random_state=seed, n_jobs=1)
    # One thread: sums in one order, and no waiting for each other where the machine is busy.
    with threadpool_limits(1):
        return np.asarray(method.fit_transform(np.asarray(x, dtype=np.float32)), dtype=float)


def lay_out(
    name: str,
    x: FloatArray,
    dataset: Dataset,
    rows: NDArray[np.int64],
    *,
    seed: int,
    resamples: int,
    perplexity: float | None,
) -> Layout:
    """One feature space of the records ``rows``; x are the features of the whole data set.

    ``perplexity`` is that of t-SNE, or ``None`` to leave it out.
    """
    own, y, groups = x[rows], dataset.targets[rows], dataset.groups[rows]
    distance = distances(own)
    largest = float(distance.max()) or 1.0
    next_to = neighbours(own, groups)
    known = next_to >= 0
    beside, mine, theirs = y[next_to[known]], y[known], groups[known]
    return Layout(
        name=name,
        columns=x.shape[1],
        rows=rows,
        pairs=pair_correlation(distance, y, groups, seed=seed, resamples=resamples),
        neighbour=of_set(lambda chosen: spearman(mine[chosen], beside[chosen]), theirs, seed),
        near=float((distance < 0.02 * largest).mean()),
        counts=np.histogram(distance / largest, bins=BINS, range=(0.0, 1.0))[0],
        place=np.zeros((0, 2)) if perplexity is None else embed(own, seed=derive(seed, name), perplexity=perplexity),
    )


def atlas(config: Mapping[str, Any], task: Mapping[str, Any]) -> Path:
    """Lay out several feature spaces of one data set; returns the folder of tables and figure.

    Args:
        config: plain values: name, seed, dataset, folder, figures.
        task: ``features``, name to description; ``parts``, name to a :class:`nanonet.data.where.Where`, judged
            apart from the whole; ``perplexity`` of t-SNE; ``resamples`` of the bootstrap; ``most``, how many
            records at most (drawn at random): pairs grow with their square.

    Raises:
        ConfigError: other keys, no features, or numbers that do not fit.
        DataError: the targets are curves, or a part has fewer than three records.
    """
    if set(task) != KEYS or not task["features"]:
        raise ConfigError(
            f"an atlas has the keys {', '.join(sorted(KEYS))} and at least one features, got {dict(task)}"
        )
    perplexity, resamples, most = float(task["perplexity"]), int(task["resamples"]), int(task["most"])
    if perplexity <= 0 or resamples < 0 or most < 3:
        raise ConfigError(
            "perplexity must be positive, resamples not negative and most at least 3, "
            f"got {perplexity:g}, {resamples}, {most}"
        )
    _, dataset = build_data(config)
    if dataset.targets.ndim != 1:
        raise DataError(f"an atlas needs one number per record, the target {dataset.target} is a curve")
    seed, folder = int(config["seed"]), Path(config["folder"]) / str(config["name"])
    if len(dataset) > most:
        chosen = generator(seed, "records of the atlas").choice(len(dataset), most, replace=False)
        dataset = dataset.take(np.sort(chosen))
    parts: dict[str, NDArray[np.int64]] = {ALL: np.arange(len(dataset))}
    for name, condition in (task["parts"] or {}).items():
        where = build(condition, where=f"parts.{name}")
        if not isinstance(where, Where):
            raise ConfigError(f"parts.{name} must be a nanonet.data.where.Where, got {type(where).__name__}")
        parts[str(name)] = np.flatnonzero(where.rows(dataset))
    small = {name: len(rows) for name, rows in parts.items() if len(rows) < 3}
    if small:
        raise DataError(f"a part needs at least 3 records: {small}")
    layouts: dict[str, list[Layout]] = {name: [] for name in parts}
    for label, description in task["features"].items():
        features = build(description, seed=seed, where=f"features.{label}")
        x = features.fit(dataset.inputs).transform(dataset.inputs)
        for name, rows in parts.items():
            wanted = perplexity if config["figures"] and name == ALL else None
            layouts[name].append(
                lay_out(str(label), x, dataset, rows, seed=seed, resamples=resamples, perplexity=wanted)
            )
        if config["figures"]:
            log.info("laid out %s", label)
    if config["figures"]:
        draw_layouts(folder / "atlas.png", layouts[ALL], dataset)
    _write(folder, config, dataset, layouts)
    log.info("table and figure in %s", folder)
    return folder


def _write(folder: Path, config: Mapping[str, Any], dataset: Dataset, layouts: Mapping[str, list[Layout]]) -> None:
    table = {name: [HEADER, *(own.row() for own in found)] for name, found in layouts.items()}
    write_json(
        folder / "results.json",
        {
            name: {
                own.name: {
                    "columns": own.columns,
                    "records": len(own.rows),
                    "pairs": own.pairs,
                    "neighbour": own.neighbour,
                    "near": own.near,
                    "histogram": own.counts,
                }
                for own in found
            }
            for name, found in layouts.items()
        },
    )
    source = ", ".join(f"{key} {value}" for key, value in dataset.source.items())
    about = f"{len(dataset)} records of {dataset.n_groups} groups ({source}), seed {config['seed']}."
    lines = [f"# {config['name']}", "", about, ""]
    for name, rows in table.items():
        lines += [f"## {name}", "", markdown(rows), ""]
    (folder / "table.md").write_text("\n".join([*lines, LEGEND, ""]), encoding="utf-8")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(("part", *HEADER))
        writer.writerows((name, *row) for name, rows in table.items() for row in rows[1:])


def draw_layouts(file: Path, layouts: list[Layout], dataset: Dataset) -> None:
    """Small multiples, a column per features: t-SNE coloured by target, and the histogram of distances."""
    with draw.panels(file, 2, len(layouts), (3.1, 2.9)) as axes:
        for column, own in enumerate(layouts):
            y = dataset.targets[own.rows]
            order = np.argsort(y, kind="stable")
            ax = axes[0, column]
            low, high = np.percentile(y, [1, 99])
            shown = ax.scatter(*own.place[order].T, c=y[order], s=5, cmap="viridis", vmin=low, vmax=high, linewidths=0)
            ax.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2" if column == 0 else "")
            ax.set_title(f"{own.name} ({own.columns} columns)", fontsize=10)
            if column == len(layouts) - 1:
                ax.figure.colorbar(shown, ax=axes[0, :].tolist(), label=f"{dataset.target} [{dataset.unit}]", pad=0.01)
            ax = axes[1, column]
            share = 100.0 * own.counts / own.counts.sum()
            ax.stairs(share, np.linspace(0, 1, BINS + 1), fill=True, color=draw.TRAIN)
            ax.set(xlabel="distance / largest", ylabel="pairs [%]" if column == 0 else "", xlim=(0, 1))
            said = rf"$\rho$ = {own.pairs.value:.3f}"
            if np.isfinite(own.pairs.low):
                said += f"\n({own.pairs.low:.3f} to {own.pairs.high:.3f})"
            # Above the bars, which may be high on either side.
            ax.set_ylim(0, 1.25 * ax.get_ylim()[1])
            ax.text(0.97, 0.96, said, transform=ax.transAxes, ha="right", va="top", fontsize=9)

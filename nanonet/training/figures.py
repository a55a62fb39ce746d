"""Figures of a run, for every problem: losses, codes, curves, calibration."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.band import Scale
from nanonet.data.dataset import Dataset
from nanonet.errors import MissingDependencyError
from nanonet.networks.fit import History

#: Panels in a figure of curves or images, as in the paper's Figure 7.
PANELS = 12
#: From so many records on, a parity plot shows how many there are in a place instead of each.
CROWD = 500
#: Parts of equal numbers of records, by the width of their band.
PARTS = 8
TRAIN, TEST, TRUE = "#4878a8", "#d1495b", "0.25"
#: Further curves.
MORE = ("#3f8f5b", "#b07d2b", "#7a5195")


@contextmanager
def blank(file: Path) -> Iterator[Any]:
    """An empty figure; saved to ``file`` at the end if something was drawn. Without a window, whatever the backend."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "figures need matplotlib, which is not installed: pip install 'nanonet[train]'"
        ) from error
    figure = Figure(layout="constrained")
    yield figure
    if figure.axes:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=130)


@contextmanager
def _figure(file: Path, rows: int = 1, columns: int = 1, size: tuple[float, float] = (4.2, 3.2)) -> Iterator[Any]:
    """Axes (rows, columns), saved to ``file`` at the end."""
    with blank(file) as figure:
        figure.set_size_inches(size[0] * columns, size[1] * rows)
        yield figure.subplots(rows, columns, squeeze=False)


#: The same, for the figures of other modules.
panels = _figure


def losses(file: Path, histories: Mapping[str, History]) -> None:
    """Loss against epoch of each network, training and validation part."""
    with _figure(file, 1, max(1, len(histories))) as axes:
        for ax, (name, history) in zip(axes[0], histories.items(), strict=False):
            for key, color, label in (("loss", TRAIN, "training"), ("val_loss", TEST, "validation")):
                if history.get(key):
                    ax.plot(np.arange(1, len(history[key]) + 1), history[key], color=color, label=label)
            ax.set(xlabel="epoch", ylabel="loss", yscale="log", title=name)
            ax.legend(frameon=False)


def code_parity(file: Path, parts: Mapping[str, tuple[FloatArray, FloatArray]]) -> dict[str, float]:
    """Predicted against true codes; returns r^2 of each part.

    Args:
        file: to write.
        parts: name (training, test) to true and predicted codes (n, d).
    """
    found = {}
    with _figure(file) as axes:
        ax = axes[0, 0]
        for (name, (true, predicted)), color in zip(parts.items(), (TRAIN, TEST), strict=False):
            found[name] = r_squared(true, predicted)
            small = 1.5 if true.size >= CROWD else None
            label = f"{name}, $r^2$ = {found[name]:.2f}"
            ax.plot(true.ravel(), predicted.ravel(), ".", color=color, markersize=small, label=label)
            ends = [float(np.nanmin(true)), float(np.nanmax(true))]
            ax.plot(ends, ends, color=TRUE, linewidth=0.8)
        ax.set(xlabel="code of the true target", ylabel="predicted code")
        ax.legend(frameon=False, markerscale=3.0 if max(true.size for true, _ in parts.values()) >= CROWD else 1.0)
    return found


def r_squared(true: FloatArray, predicted: FloatArray) -> float:
    """1 - sum (predicted - true)^2 / sum (true - mean)^2 over all known elements, mean per column."""
    total = float(np.nansum((true - np.nanmean(true, axis=0)) ** 2))
    return 1.0 - float(np.nansum((predicted - true) ** 2)) / total if total > 0 else float("nan")


def curves(
    file: Path,
    dataset: Dataset,
    rows: Sequence[int],
    predicted: FloatArray,
    band: tuple[FloatArray, FloatArray] | None,
    scale: Scale,
    label: str = "predicted",
) -> None:
    """True curves with their standard error and predicted ones with their band, a panel per record.

    Of more records than there is room for, those at even ranks of the error, so that neither the best nor the worst is
    left out; always from the best predicted to the worst.

    Of numbers, predicted against true ones; of several numbers, a panel for each.
    """
    if dataset.axis is None or dataset.axis.labels:
        _parity(file, dataset, rows, predicted, band)
        return
    errors = np.square(scale.to(predicted[list(rows)]) - scale.to(dataset.targets[list(rows)])).mean(axis=1)
    error_of = dict(zip(rows, np.sqrt(errors), strict=True))
    ranked = np.asarray(rows)[np.argsort(errors, kind="stable")]
    chosen = ranked[np.unique(np.linspace(0, len(ranked) - 1, PANELS).round().astype(int))]
    columns = min(4, max(1, len(chosen)))
    x = dataset.axis.array()
    with _figure(file, -(-len(chosen) // columns), columns, (3.2, 2.6)) as axes:
        axes[0, 0].figure.suptitle("from the best predicted (top left) to the worst (bottom right)", fontsize=9)
        for ax, row in zip(axes.ravel(), chosen, strict=False):
            true = dataset.targets[row]
            noise = np.zeros_like(true) if dataset.noise is None else dataset.noise[row]
            ax.plot(x, scale.back(scale.to(true)), color=TRUE, label="simulated")
            low, high = (scale.back(scale.to(true + sign * noise)) for sign in (-1, 1))
            ax.fill_between(x, low, high, color=TRUE, alpha=0.3, linewidth=0, label="standard error")
            ax.plot(x, scale.back(scale.to(predicted[row])), color=TEST, label=label)
            if band is not None:
                ends = (scale.back(scale.to(end[row])) for end in band)
                ax.fill_between(x, *ends, color=TEST, alpha=0.2, linewidth=0, label="band")
            ax.set_title(_title(dataset, row), fontsize=7)
            if scale.log:
                # What is at or below the floor lies on the axis, and does not look like a number.
                ax.set_yscale("log")
                ax.set_ylim(bottom=scale.floor)
                text = f"{error_of[row]:.2g} decades"
                box = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1.0}
                ax.annotate(text, (0.97, 0.06), xycoords="axes fraction", ha="right", fontsize=7, bbox=box)
            ax.set(xlabel=f"{dataset.axis.name} [{dataset.axis.unit}]", ylabel=dataset.target)
        for ax in axes.ravel()[len(chosen) :]:
            ax.set_axis_off()
        handles, names = axes[0, 0].get_legend_handles_labels()
        axes[0, 0].figure.legend(handles, names, frameon=False, fontsize=8, loc="outside lower center", ncols=4)


def _title(dataset: Dataset, row: int) -> str:
    if dataset.titles:
        return dataset.titles[row]
    values = dataset.inputs.take([row]).rows()[0]
    text = " ".join(f"{name}={value:.3g}" if isinstance(value, float) else str(value) for name, value in values.items())
    return textwrap.fill(text, 42)


def _parity(
    file: Path, dataset: Dataset, rows: Sequence[int], predicted: FloatArray, band: tuple[FloatArray, FloatArray] | None
) -> None:
    """Predicted against true numbers, a panel for each; of many records, how many lie in each place."""
    chosen = dataset.take(np.array(list(rows)))
    found = predicted[list(rows)]
    ends = None if band is None else [end[list(rows)] for end in band]
    labels = () if dataset.axis is None else dataset.axis.labels
    columns = min(3, max(1, len(labels)))
    with _figure(file, -(-max(1, len(labels)) // columns), columns, (4.6, 4.0)) as axes:
        if not labels:
            _against(axes[0, 0], chosen, found, None if ends is None else (ends[0], ends[1]))
        for place, (ax, label) in enumerate(zip(axes.ravel(), labels, strict=False)):
            known, one = chosen.number(label)
            own = None if ends is None else (ends[0][known, place], ends[1][known, place])
            _against(ax, one, found[known, place], own)
        for ax in axes.ravel()[max(1, len(labels)) :]:
            ax.set_axis_off()


def _against(ax: Any, dataset: Dataset, found: FloatArray, band: tuple[FloatArray, FloatArray] | None) -> None:
    """Predicted against true numbers of a data set on one pair of axes."""
    true = dataset.targets
    low, high = (float(end(np.concatenate([true, found]))) for end in (np.min, np.max))
    room = 0.03 * (high - low) or 1.0
    ends = (low - room, high + room)
    if len(true) >= CROWD:
        shown = ax.hexbin(true, found, gridsize=45, extent=(*ends, *ends), mincnt=1, bins="log", cmap="Blues")
        ax.figure.colorbar(shown, ax=ax, label="records", shrink=0.8)
    else:
        error = None if band is None else np.abs(np.stack([found - band[0], band[1] - found]))
        ax.errorbar(true, found, yerr=error, fmt=".", color=TEST, ecolor="0.8")
    ax.plot(ends, ends, color=TRUE, linewidth=0.8)
    ax.set_title(f"{len(true):,} records, mean absolute error {np.abs(found - true).mean():.3g}", fontsize=9)
    ax.set(xlabel=f"true {dataset.target} [{dataset.unit}]", ylabel="predicted", xlim=ends, ylim=ends)
    ax.set_aspect("equal")


def bands(file: Path, inside: FloatArray, half_width: FloatArray, error: FloatArray, level: float, unit: str) -> None:
    """Whether bands hold what they promise, by their width.

    Args:
        file: to write.
        inside: share of a record's values inside its band [%], of bands that were made without its group.
        half_width: of the band.
        error: of the record.
        level: promised share.
        unit: of the last two.
    """
    known = np.isfinite(inside + half_width + error)
    inside, half_width, error = inside[known], half_width[known], error[known]
    parts = [part for part in np.array_split(np.argsort(half_width, kind="stable"), PARTS) if len(part)]
    middle = [half_width[part].mean() for part in parts]
    with _figure(file, 1, 2) as axes:
        left, right = axes[0]
        left.plot(middle, [error[part].mean() for part in parts], "o-", color=TRAIN, label="mean error")
        left.plot(
            middle,
            [np.quantile(error[part], level) for part in parts],
            "s-",
            color=TEST,
            label=f"{100 * level:.0f} % of the errors are below",
        )
        left.plot([min(middle), max(middle)], [min(middle), max(middle)], color=TRUE, linewidth=0.8)
        left.set(xlabel=f"half width of the band [{unit}]", ylabel=f"error [{unit}]", ylim=(0, None))
        left.legend(frameon=False, fontsize=8)
        right.bar(range(1, len(parts) + 1), [inside[part].mean() for part in parts], color=TRAIN)
        right.axhline(100 * level, color=TEST, label=f"promised {100 * level:.0f} %")
        right.set(xlabel="part of the records, by width of the band", ylabel="values inside [%]", ylim=(0, 120))
        right.set_yticks(range(0, 101, 20))
        right.legend(frameon=False, fontsize=8, loc="upper right")


#: Marks on an axis of counts.
_COUNTS = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]


def groups(file: Path, names: NDArray[np.str_], error: FloatArray, unit: str) -> None:
    """Mean error of each group, against how many records it has, and how these errors are distributed.

    Args:
        file: to write.
        names: group of each record.
        error: of each record, not negative.
        unit: of the error.
    """
    unique, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    mean = np.bincount(which, error) / counts
    with _figure(file, 1, 2) as axes:
        left, right = axes[0]
        left.plot(counts, np.maximum(mean, 1e-3 * mean.max()), "o", color=TRAIN, markersize=4, alpha=0.6)
        left.set(xlabel="records of the group", ylabel=f"mean absolute error [{unit}]", xscale="log", yscale="log")
        ticks = [tick for tick in _COUNTS if counts.min() <= tick <= counts.max()]
        if counts.max() > 100 * counts.min():
            # Over many decades only these; the numbers between would lie on each other.
            ticks = [tick for tick in ticks if str(tick).strip("0") == "1"]
        left.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        left.set_xticks([], minor=True)
        right.hist(mean, bins=40, color=TRAIN)
        right.axvline(np.median(mean), color=TEST, label=f"median {np.median(mean):.2g}")
        right.axvline(mean.mean(), color=TRUE, label=f"mean {mean.mean():.2g}")
        right.set(xlabel=f"mean absolute error of the group [{unit}]", ylabel=f"groups (of {len(unique)})")
        right.legend(frameon=False, fontsize=8)


def images(file: Path, true: FloatArray, reconstructed: FloatArray) -> None:
    """Pairs of images (n, height, width): what the autoencoder saw, above, and what it gave back."""
    count = min(len(true), 6)
    with _figure(file, 2, max(1, count), (1.6, 1.6)) as axes:
        for column in range(count):
            for ax, image in zip(axes[:, column], (true[column], reconstructed[column]), strict=True):
                ax.imshow(image.squeeze(), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
                ax.set_axis_off()
        axes[0, 0].set_title("input", fontsize=8, loc="left")
        axes[1, 0].set_title("output", fontsize=8, loc="left")


def study(file: Path, x: Sequence[float], values: Mapping[str, Sequence[Any]], label: str, unit: str) -> None:
    """A metric with its interval against a varied number.

    Args:
        file: to write.
        x: the numbers.
        values: name of a curve to its estimates, one per number.
        label: of the x axis.
        unit: of the metric.
    """
    with _figure(file) as axes:
        ax = axes[0, 0]
        for (name, estimates), color in zip(values.items(), (TEST, TRAIN, TRUE, *MORE), strict=False):
            middle = np.array([e.value for e in estimates])
            error = np.array([[e.value - e.low for e in estimates], [e.high - e.value for e in estimates]])
            ax.errorbar(x, middle, yerr=np.maximum(error, 0), marker="o", capsize=3, color=color, label=name)
        ax.set(xlabel=label, ylabel=unit)
        ax.legend(frameon=False)


def bars(file: Path, values: Mapping[str, Any], unit: str) -> None:
    """A metric with its interval for each model."""
    known = {name: e for name, e in values.items() if e.n_groups}
    with _figure(file, size=(5.0, 0.35 * len(known) + 1.0)) as axes:
        ax = axes[0, 0]
        for row, e in enumerate(known.values()):
            ax.errorbar(e.value, row, xerr=[[e.value - e.low], [e.high - e.value]], fmt="o", color=TEST, capsize=3)
        ax.set_yticks(range(len(known)), list(known))
        ax.invert_yaxis()
        ax.set(xlabel=unit)

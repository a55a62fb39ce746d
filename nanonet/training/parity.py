"""Predicted against true numbers of several models, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Dataset
from nanonet.metrics.base import Metric
from nanonet.metrics.general import Subset
from nanonet.training import figures as draw

#: Panels in a row.
COLUMNS = 4


def parities(
    file: Path,
    judged: Dataset,
    predictions: Mapping[str, FloatArray],
    rows: NDArray[np.int64],
    folds: NDArray[np.str_],
    metrics: Mapping[str, Metric],
) -> None:
    """A panel per model: predicted against true, with r^2; nothing for targets that are curves.

    Where records are tested several times only the first fold is shown, so that each is there once.
    The records that the first :class:`Subset` among the metrics judges have a colour and an r^2 of
    their own.

    Args:
        file: to write.
        judged: records that the models had not learned from, n rows.
        predictions: model to predicted targets (n,), NaN where it has none.
        rows: number of each of them in the data set, the same where a record is tested again.
        folds: fold of each.
        metrics: by name.
    """
    if judged.targets.ndim != 1 or not len(judged):
        return
    shown = np.ones(len(judged), dtype=bool) if len(np.unique(rows)) == len(rows) else folds == folds[0]
    subset = next((metric for metric in metrics.values() if isinstance(metric, Subset)), None)
    true = judged.targets[shown]
    marked = np.zeros(len(true), dtype=bool) if subset is None else subset.where.rows(judged.take(shown))
    if marked.all():
        marked[:] = False
    part = "" if subset is None else f"{subset.where.equal or 'subset'}: "
    columns = min(COLUMNS, len(predictions))
    every = np.concatenate([true, *(own[shown] for own in predictions.values())])
    ends = np.array([np.nanmin(every), np.nanmax(every)])
    margin = 0.04 * np.ptp(ends)
    with draw.panels(file, -(-len(predictions) // columns), columns, (2.7, 2.7)) as axes:
        for ax, (name, everything) in zip(axes.ravel(), predictions.items(), strict=False):
            predicted = everything[shown]
            ax.plot(ends, ends, color="0.25", linewidth=0.8)
            rest = "others: " if marked.any() else ""
            for own, color, what in ((~marked, draw.TRAIN, rest), (marked, draw.TEST, part)):
                known = own & np.isfinite(predicted)
                if known.any():
                    score = draw.r_squared(true[known], predicted[known])
                    label = f"{what}{known.sum()}, $r^2$ = {score:.2f}"
                    ax.plot(true[known], predicted[known], ".", color=color, markersize=4, label=label)
            ax.set_title(name, fontsize=9)
            ax.set(aspect="equal", **dict.fromkeys(("xlim", "ylim"), (ends[0] - margin, ends[1] + margin)))
            ax.legend(frameon=False, fontsize=7, loc="upper left", handletextpad=0.1)
        for ax in axes.ravel()[len(predictions) :]:
            ax.set_axis_off()
        for ax in axes[:, 0]:
            ax.set_ylabel(f"predicted {judged.target} [{judged.unit}]", fontsize=8)
        for ax in axes[-1, :]:
            ax.set_xlabel(f"true {judged.target} [{judged.unit}]", fontsize=8)

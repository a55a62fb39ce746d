"""Figures of active learning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import MissingDependencyError

#: Told apart by people who do not see red and green apart (Okabe and Ito); the first two are grey.
COLORS = ("0.45", "0.7", "#56b4e9", "#0072b2", "#009e73", "#e69f00", "#d55e00", "#cc79a7")


def progress_curves(file: Path, needed: Mapping[str, FloatArray], share: float | None = None) -> None:
    """Finds against simulations of each strategy: mean over repeats, with bars of one standard deviation.

    As in Fig. 6 of Xu and Luo (2024), with bars along the simulations.

    Args:
        file: to write.
        needed: name of a strategy to simulations for the k-th find, shape (repeats, k).
        share: of finds in the pool; draws what blind draws without a model expect, as a line.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MissingDependencyError(
            "figures need matplotlib, which is not installed: pip install 'nanonet[train]'"
        ) from error
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    ax = figure.subplots()
    order = sorted(needed, key=lambda label: -needed[label][:, -1].mean())
    for place, label in enumerate(order):
        values = needed[label]
        k = np.arange(1, values.shape[1] + 1)
        mean = values.mean(axis=0)
        spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
        color = COLORS[place % len(COLORS)]
        style = "-" if place < len(COLORS) else "--"
        ax.plot(mean, k, style, color=color, marker=".", label=f"{label} ({mean[-1]:.0f})")
        ax.errorbar(mean, k, xerr=spread, fmt="none", ecolor=color, alpha=0.35, linewidth=1)
    if share:
        top = next(iter(needed.values())).shape[1]
        ax.plot([0, top / share], [0, top], ":", color="0.2", linewidth=1, label="share of finds in the pool")
    ax.set(xlabel="simulations, the initial ones not counted", ylabel="finds", ylim=(0, None), xlim=(0, None))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=8, loc="lower right", title=f"strategy (mean for {values.shape[1]})")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)

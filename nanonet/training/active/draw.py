"""Figures of active learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.statistics import Estimate
from nanonet.training.figures import blank

#: Told apart by people who do not see red and green apart (Okabe and Ito); the first two are grey.
COLORS = ("0.45", "0.7", "#56b4e9", "#0072b2", "#009e73", "#e69f00", "#d55e00", "#cc79a7")
#: The bright ones of them, neighbours far apart.
DISTINCT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def progress_curves(file: Path, needed: Mapping[str, FloatArray], share: float | None = None) -> None:
    """Finds against simulations of each strategy: mean over repeats, with bars of one standard deviation.

    As in Fig. 6 of Xu and Luo (2024), with bars along the simulations.

    Args:
        file: to write.
        needed: name of a strategy to simulations for the k-th find, shape (repeats, k).
        share: of finds in the pool; draws what blind draws without a model expect, as a line.
    """
    with blank(file) as figure:
        from matplotlib.ticker import MaxNLocator

        figure.set_size_inches(6.4, 4.4)
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


def error_curves(
    file: Path,
    sizes: FloatArray,
    means: Mapping[str, Sequence[Estimate]],
    differences: Mapping[str, Sequence[Estimate]],
    reference: str,
    label: str,
) -> None:
    """Error against simulations, and its difference from that of the reference with 95 % bars.

    Args:
        file: to write.
        sizes: numbers of simulations, shape (k,).
        means: name of a strategy to its mean error at each of them.
        differences: of all but the reference, paired over repeats.
        reference: drawn in black.
        label: of the error, with its unit.
    """
    with blank(file) as figure:
        from matplotlib.ticker import MaxNLocator

        figure.set_size_inches(9.6, 4.2)
        left, right = figure.subplots(1, 2)
        looks = {name: (DISTINCT[place % len(DISTINCT)], "osD^vP"[place % 6]) for place, name in enumerate(differences)}
        looks[reference] = ("black", "")
        for name, own in means.items():
            color, marker = looks[name]
            front = 3 if name == reference else 2
            values = [found.value for found in own]
            left.plot(sizes, values, color=color, marker=marker, markersize=4, linewidth=1.3, label=name, zorder=front)
        low, high = ([getattr(found, end) for found in means[reference]] for end in ("low", "high"))
        left.fill_between(sizes, low, high, color="black", alpha=0.12, linewidth=0, label=f"95 % of {reference}")
        right.axhline(0.0, color="black", linewidth=1.3)
        step = float(np.diff(sizes).min()) if len(sizes) > 1 else 1.0
        for place, (name, own) in enumerate(differences.items()):
            color, marker = looks[name]
            # Beside each other, so that the bars can be told apart.
            at = sizes + 0.6 * step * ((place + 0.5) / len(differences) - 0.5)
            mean = np.array([found.value for found in own])
            bars = np.array([[found.value - found.low, found.high - found.value] for found in own]).T
            right.errorbar(
                at, mean, yerr=bars, color=color, marker=marker, markersize=4, linewidth=0.6, elinewidth=1.3, capsize=0
            )
        left.set(ylabel=label)
        right.set(ylabel=f"the same minus that of {reference}, with 95 %")
        for ax in (left, right):
            ax.set_xlabel("simulations learned from")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend(frameon=False, fontsize=8)

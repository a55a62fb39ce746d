"""Which phases held-out compositions are taken for: counts, shares and a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.problem import HeldOut
from nanonet.domain.rdf import PHASES, classify_phases
from nanonet.statistics import estimate

#: Above this share of a row the colour is dark, and its text is white.
DARK = 60.0


def phases(held_out: HeldOut) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Phase of each true and of each predicted RDF (``RDF.classify_phase``), both of shape (n,)."""
    data, axis = held_out.dataset, held_out.dataset.axis
    if axis is None:
        return np.zeros(0, dtype=str), np.zeros(0, dtype=str)
    r, pairs = axis.array(), np.stack([data.targets, held_out.predicted], axis=1)
    found = [classify_phases(r, pair, float(diameter)) for pair, diameter in zip(pairs, data.inputs["D"], strict=True)]
    true, predicted = np.array(found, dtype=str).reshape(-1, 2).T
    return true, predicted


def phase_counts(held_out: HeldOut) -> FloatArray:
    """Compositions by true phase (rows) and predicted phase (columns), in the order of ``PHASES``.

    Each composition counts once: where it has several records, or is held out several times, each of these counts as
    its part of one. So a number need not be whole where replicas or repeats disagree.
    """
    true, predicted = phases(held_out)
    _, which, times = np.unique(held_out.dataset.groups, return_inverse=True, return_counts=True)
    weight = 1.0 / times[which]
    return np.array([[weight[(true == a) & (predicted == b)].sum() for b in PHASES] for a in PHASES])


def phase_numbers(held_out: HeldOut) -> dict[str, Any]:
    """The confusion of phases as plain values.

    ``counts`` as of :func:`phase_counts`; ``row_percent`` of those of the same true phase, ``None`` where there are
    none; ``right``: share of the records of each true phase that are predicted as such [%], mean over compositions with
    its 95 % interval.
    """
    counts = phase_counts(held_out)
    true, predicted = phases(held_out)
    right = {
        phase: estimate(100.0 * (predicted == phase)[true == phase], held_out.dataset.groups[true == phase]).to_json()
        for phase in PHASES
    }
    shares = [100.0 * row / row.sum() if row.sum() > 0 else None for row in counts]
    return {
        "phases": list(PHASES),
        "counts": counts.tolist(),
        "row_percent": [None if share is None else share.tolist() for share in shares],
        "right": right,
    }


def phase_figure(figure: Any, held_out: HeldOut) -> bool:
    """Compositions by true and predicted phase, with the share of each row.

    Args:
        figure: an empty ``matplotlib.figure.Figure``.
        held_out: records and predictions.

    Returns:
        False without records.
    """
    counts = phase_counts(held_out)
    total = float(counts.sum())
    if total == 0:
        return False
    rows = counts.sum(axis=1)
    shares = np.divide(100.0 * counts, rows[:, None], out=np.full(counts.shape, np.nan), where=rows[:, None] > 0)
    figure.set_size_inches(4.8, 3.8)
    ax = figure.subplots()
    ax.set_facecolor("0.93")
    ax.imshow(np.ma.masked_invalid(shares), cmap="Blues", vmin=0.0, vmax=100.0)
    for row, column in np.ndindex(counts.shape):
        share = shares[row, column]
        text = "" if np.isnan(share) else f"{_count(float(counts[row, column]))}\n{share:.0f} %"
        ax.text(column, row, text, ha="center", va="center", color="white" if share > DARK else "0.15", fontsize=10)
    places = range(len(PHASES))
    ax.set_xticks(places, PHASES)
    ax.set_yticks(places, [f"{phase} ({_count(float(n))})" for phase, n in zip(PHASES, rows, strict=True)])
    ax.tick_params(length=0)
    ax.set(xlabel="predicted, with the share of the row", ylabel="simulated")
    ax.set_title(f"{_count(total)} compositions, {100 * np.trace(counts) / total:.0f} % of the same phase", fontsize=9)
    return True


def _count(value: float) -> str:
    """A count, with one decimal where it is not whole."""
    return f"{value:.0f}" if abs(value - round(value)) < 1e-6 else f"{value:.1f}"

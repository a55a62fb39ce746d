"""How a phase map looks."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.domain.rdf import PHASES
from nanonet.errors import MissingDependencyError
from nanonet.phases.grid import Grid
from nanonet.phases.simulated import NEAR_D, NEAR_N, NEAR_PHI

#: Colour and marker of a phase. Told apart without seeing red or green, and in grey, by their lightness (Okabe and
#: Ito's blue and orange, and a light one); the markers say the same once more.
LOOKS = {"aggregated": ("#0072b2", "o"), "bridged": ("#e69f00", "s"), "dispersed": ("#f3efdf", "^")}
#: Share of the members that have to name the phase of the mean for it to count as agreed.
AGREED = 2.0 / 3.0
#: Width of the caption [characters].
WIDTH = 140


def draw(shown: Grid, file: Path) -> None:
    """Draw a map with its simulated points, its legend and a caption below.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.colors import ListedColormap
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "a phase map needs matplotlib, which is not installed: pip install 'nanonet[plot]'"
        ) from error
    lines = textwrap.wrap(caption(shown), WIDTH)
    figure = Figure(figsize=(7.4, 4.7 + 0.15 * len(lines)), layout="constrained")
    ax = figure.subplots()
    x, y = _edges(shown.eps_np_np), _edges(shown.eps_p_np)
    number = np.select([shown.phase == phase for phase in PHASES], range(len(PHASES)))
    colors = ListedColormap([LOOKS[phase][0] for phase in PHASES])
    ax.pcolormesh(x, y, number, cmap=colors, vmin=-0.5, vmax=len(PHASES) - 0.5, rasterized=True)
    marks = [("outside the training data", ~shown.in_domain, "////", "black")]
    if shown.agreement is not None:
        marks.append(("members disagree", shown.agreement < AGREED, "....", "black"))
    with rc_context({"hatch.linewidth": 0.5}):
        for _, where, hatch, color in marks:
            _hatch(ax, x, y, where, hatch, color)
        _points(ax, shown)
        ax.set(
            xlabel=r"NP-NP attraction $\epsilon_{\mathrm{NP{-}NP}}$ [$\epsilon$]",
            ylabel=r"polymer-NP attraction $\epsilon_{\mathrm{P{-}NP}}$ [$\epsilon$]",
            xlim=(x[0], x[-1]),
            ylim=(y[0], y[-1]),
        )
        ax.set_title(rf"$D$ = {shown.D:g} $\sigma$,  $N$ = {shown.N},  $\phi$ = {shown.phi:.3g}", fontsize="large")
        ax.legend(
            handles=_handles(shown, [(label, hatch, color) for label, where, hatch, color in marks if where.any()]),
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            frameon=False,
            fontsize=9,
        )
        figure.supxlabel("\n".join(lines), fontsize=7, color="0.25", x=0.01, ha="left")
        figure.savefig(file, dpi=150)


def caption(shown: Grid) -> str:
    """What stands below the map: where it comes from, and what near means."""
    p, q = shown.phase.shape
    text = f"Phase of the RDF predicted by the model {shown.model} on {q} x {p} points. "
    if not shown.in_domain.all():
        text += "Hatched: outside the region of its training data. "
    if shown.agreement is not None:
        text += (
            f"Dotted: less than two thirds of its {shown.members} members, each alone, name the phase that is shown "
            "(a vote, not a calibrated probability). "
        )
    elif shown.members == 1:
        text += "The model has one member, so there is no vote on the phase. "
    if shown.points:
        near = sum(point.near for point in shown.points)
        text += (
            f"Markers: simulated compositions with their own phase; filled: the {near} of {len(shown.points)} with D "
            f"within {NEAR_D:g}, N within {NEAR_N} and phi within a factor of {NEAR_PHI:g} of this slice; "
            "small and open: the others, which may be of another phase here. "
        )
    return (text + shown.note).strip()


def _edges(centres: FloatArray) -> FloatArray:
    """Edges of equal cells around their centres, shape (n + 1,)."""
    half = 0.5 * (centres[1] - centres[0])
    return np.append(centres - half, centres[-1] + half)


def _hatch(ax: Any, x: FloatArray, y: FloatArray, where: Any, hatch: str, color: str) -> None:
    """Hatch the cells, with an outline around them."""
    if not where.any():
        return
    # Every cell as a block of points, so that the outline follows the cells.
    fine = 8
    steps = (np.arange(fine) + 0.5) / fine
    xs = (x[:-1, None] + steps * np.diff(x)[:, None]).ravel()
    ys = (y[:-1, None] + steps * np.diff(y)[:, None]).ravel()
    values = np.kron(where.astype(float), np.ones((fine, fine)))
    filled = ax.contourf(xs, ys, values, levels=[0.5, 1.5], colors="none", hatches=[hatch])
    filled.set_edgecolor(color)
    filled.set_linewidth(0.0)
    if not where.all():
        ax.contour(xs, ys, values, levels=[0.5], colors=[color], linewidths=0.6)


def _points(ax: Any, shown: Grid) -> None:
    for point in sorted(shown.points, key=lambda point: point.near):
        color, marker = LOOKS[point.phase]
        at = ([point.composition.eps_np_np], [point.composition.eps_p_np])
        # A white rim, to be seen on every colour.
        if point.near:
            ax.plot(*at, marker, color="white", markersize=11.5)
            ax.plot(*at, marker, color=color, markeredgecolor="black", markeredgewidth=1.1, markersize=9)
        else:
            ax.plot(*at, marker, color="none", markeredgecolor="white", markeredgewidth=1.6, markersize=4.5, alpha=0.7)
            ax.plot(*at, marker, color="none", markeredgecolor="black", markeredgewidth=0.7, markersize=4.5)


def _handles(shown: Grid, marks: list[tuple[str, str, str]]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    made: list[Any] = [Patch(facecolor=LOOKS[phase][0], edgecolor="0.3", label=phase) for phase in PHASES]
    made += [
        Patch(facecolor="white", edgecolor=color, hatch=hatch, linewidth=0.6, label=label)
        for label, hatch, color in marks
    ]
    if shown.points:
        made.append(Line2D([], [], linestyle="none", label="\nsimulated"))
        for phase in PHASES:
            color, marker = LOOKS[phase]
            style: dict[str, Any] = {"linestyle": "none", "color": color, "markeredgecolor": "black", "markersize": 8}
            made.append(Line2D([], [], marker=marker, label=f"{phase}", **style))
        style = {"linestyle": "none", "color": "none", "markeredgecolor": "0.2", "markersize": 4.5}
        made.append(Line2D([], [], marker="o", label=r"at another $D$, $N$ or $\phi$", **style))
    return made

"""One figure per record: the RDF with its error band, and whether the run can be trusted."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.domain import RDF, Composition

#: Of verdicts; told apart also by those who do not tell red from green.
COLOURS = {"passed": "#0072b2", "short": "#d08700", "failed": "#8f2d56"}
_BLUE, _GREY = "#1f4e79", "0.45"
STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
}
#: Letters in a line of the reasons below the panels.
_LINE = 140


def record_figure(record: Mapping[str, Any], path: Path) -> Path:
    """Draw a record: g(r) with its 90 % band, block means of density and energy, NP displacement.

    The verdict, its reasons and the size of the run stand below the panels, where they hide nothing.

    Args:
        record: from :func:`simulations.record.read_record`.
        path: of the PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    composition = Composition(**{name: record[name] for name in Composition.names()})
    verdict, facts = _text(record)
    with mpl.rc_context(STYLE):
        figure: Any = plt.figure(figsize=(9.6, 4.9 + 0.16 * verdict.count("\n")), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=(4.4, 0.42 + 0.16 * verdict.count("\n")))
        above.suptitle(
            rf"$D$ = {composition.D:.3g} $\sigma$,  $N$ = {composition.N},  $\phi$ = {composition.phi:.3g},  "
            rf"$\epsilon_\mathrm{{NP\!-\!NP}}$ = {composition.eps_np_np:.3g},  "
            rf"$\epsilon_\mathrm{{P\!-\!NP}}$ = {composition.eps_p_np:.3g}",
            fontsize=11,
        )
        grid = above.add_gridspec(3, 2, width_ratios=(1.65, 1.0))
        _draw_rdf(above.add_subplot(grid[:, 0]), record, composition)
        left = [above.add_subplot(grid[row, 1]) for row in range(3)]
        _draw_series(left, record)
        above.align_ylabels(left)
        below.text(0.012, 0.98, verdict, color=COLOURS[record["verdict"]], va="top", fontsize=9)
        below.text(0.012, 0.06, facts, color=_GREY, va="bottom", fontsize=8)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
        plt.close(figure)
    return path


def _text(record: Mapping[str, Any]) -> tuple[str, str]:
    verdict = str(record["verdict"])
    if record["reasons"]:
        verdict += f": {record['reasons']}".replace("^2", "\N{SUPERSCRIPT TWO}").replace(
            "chi", "\N{GREEK SMALL LETTER CHI}"
        )
    facts = (
        f"{record['engine']}, preset {record['preset']}, {record['start']} start, replica {record['replica']}:  "
        f"{record['n_np']} NPs, {record['n_beads']:,} beads, {record['steps_production']:,} steps, "
        f"{record['n_frames']:,} configurations{_set_aside(record)}"
        f"{', ended at its cap' if record['capped'] else ''};  "
        f"{record['record'][:8]}"
    )
    return "\n".join(textwrap.wrap(verdict, _LINE)), facts


def _set_aside(record: Mapping[str, Any]) -> str:
    blocks = int(record.get("n_transient", 0))
    return f", {blocks} blocks before them still relaxed" if blocks else ""


def _draw_rdf(axes: Any, record: Mapping[str, Any], composition: Composition) -> None:
    error = np.asarray(record["g_error"])
    known = bool(np.isfinite(error).all())
    rdf = RDF(
        r=record["r"],
        g=record["g"],
        error=error if known else None,
        n_frames=record["n_frames"],
        composition=composition,
    )
    rdf.plot(axes, color=_BLUE, linewidth=1.6, label=f"$g(r)$, {rdf.phase}")
    axes.set_title("")
    for collection in axes.collections:
        collection.set_label("90 % interval of the mean")
    peak = rdf.first_peak
    for line in axes.lines:
        if line.get_marker() == "v" and peak is not None:
            line.set(
                linestyle="none", label=f"first peak: {peak.height:.3g} at {peak.position:.2f} $\\sigma$", zorder=5
            )
    top = float(np.max(rdf.g_high if rdf.g_high is not None else rdf.g))
    axes.set_ylim(0.0, 1.12 * max(top, 1.25))
    axes.legend(loc="upper right")


def _draw_series(panels: list[Any], record: Mapping[str, Any]) -> None:
    n_blocks = int(record["n_blocks"])
    length = record["steps_production"] / n_blocks * record["dt"]
    middle = (np.arange(n_blocks) + 0.5) * length
    units = {"density": r"$\rho_\mathrm{m}\,[\sigma^{-3}]$", "energy": r"$u\,[\epsilon]$"}
    for panel, (name, label) in zip(panels, units.items(), strict=False):
        panel.plot(middle, record[f"series_{name}"], marker=".", markersize=4, linewidth=0.8, color=_BLUE)
        mean, spread, drift = record[name], record[f"{name}_error"], record[f"{name}_drift"]
        if np.isfinite(spread):
            panel.axhspan(mean - spread, mean + spread, color="0.88", zorder=0)
        panel.set_ylabel(label)
        panel.ticklabel_format(useOffset=False)
        if np.isfinite(drift):
            panel.set_title(f"drift {drift:+.1f} standard errors", loc="right", fontsize=8, color=_GREY, pad=2)
        panel.tick_params(labelbottom=False)
    last = panels[-1]
    # the displacement after each block, from none
    moved = np.concatenate([[0.0], record["series_msd"]])
    last.plot(np.arange(n_blocks + 1) * length, moved, marker=".", markersize=4, linewidth=0.8, color=_BLUE)
    last.axhline(1.0, color="0.6", linewidth=0.8, linestyle="--")
    last.set_ylim(0.0, 1.15 * max(1.0, float(moved.max())))
    last.set_ylabel(r"NP msd $[D^2]$")
    last.set_xlabel(r"production time $[\tau]$")
    for panel in panels:
        panel.set_xlim(0.0, n_blocks * length)
        panel.locator_params(axis="y", nbins=4)
        panel.margins(y=0.15)

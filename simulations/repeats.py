"""Several records of one composition: from other starts, in other boxes, by another time step. Do they agree?

What is equilibrated does not know how it began, so that a run from dispersed and one from aggregated nanoparticles are
the sharpest test of equilibrium there is; their difference is the noise floor of everything that is learned from such
records. A box of twice the volume shows the finite-size error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.domain import RDF, Composition
from simulations.analysis.checks import blocks_in, runs_chi2
from simulations.analysis.correlation import LEAST_BLOCKS
from simulations.figures import STYLE

#: Below this g [1] a difference counts for nothing, as in the error of the models.
FLOOR = 0.01
#: How a record began, in words that cannot be taken for the phase that it ended in.
STARTED = {"dispersed": "from dispersed", "aggregated": "from a cluster"}
_COLOURS = ("#1f4e79", "#c0561f", "#4d8b31", "#7a4fa3", "0.4")
_COLUMNS = 3


@dataclass(frozen=True)
class Repeat:
    """A record beside the reference of its composition.

    Args:
        reference: record of the composition that passed (or is short, where none passed) and is the longest, in the
            size rule's box if there is one.
        other: another record of it.
        apart: their distance, :meth:`nanonet.RDF.decades_from` [decades].
        expected: the distance that their standard errors alone would make, g below the floor left out [decades];
            NaN where one of them has too few blocks for an error.
        chi2: reduced chi^2 between the two, :func:`simulations.analysis.checks.runs_chi2`; NaN likewise.
    """

    reference: Mapping[str, Any]
    other: Mapping[str, Any]
    apart: float
    expected: float
    chi2: float


def repeats(rows: Sequence[Mapping[str, Any]]) -> list[Repeat]:
    """Every further record of a composition beside the one to trust, by D.

    Args:
        rows: from :func:`simulations.card.rows_of`. Compositions of which all records failed are left out.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    found = []
    for group in groups.values():
        # Where two starts do not agree neither passed, and that is just what has to be seen.
        trusted = [row for row in group if row["verdict"] == "passed"] or [
            row for row in group if row["verdict"] == "short"
        ]
        if not trusted:
            continue
        # what models learn from: the box of the size rule
        own_box = [row for row in trusted if row["volume_factor"] == 1] or trusted
        reference = max(own_box, key=_length)
        others = sorted((row for row in group if row is not reference), key=_length, reverse=True)
        found += [_compare(reference, other) for other in others]
    return sorted(found, key=lambda repeat: (repeat.reference["D"], repeat.reference["group"]))


def _length(row: Mapping[str, Any]) -> float:
    """Frames times pairs: what the error of an RDF falls with."""
    return float(row["n_frames"]) * float(row["n_np"]) ** 2


def _compare(reference: Mapping[str, Any], other: Mapping[str, Any]) -> Repeat:
    first, second = _rdf(reference), _rdf(other)
    errors = (np.asarray(reference["g_error"]), np.asarray(other["g_error"]))
    known = all(np.isfinite(row["g_error"]).all() and len(row["g_block"]) >= LEAST_BLOCKS for row in (reference, other))
    seen = (first.g >= FLOOR) & (second.g >= FLOOR)
    relative = sum(
        np.where(seen, error / np.maximum(rdf.g, FLOOR), 0.0) ** 2
        for rdf, error in zip((first, second), errors, strict=True)
    )
    return Repeat(
        reference,
        other,
        first.decades_from(second, FLOOR),
        float(np.sqrt(np.mean(relative))) / math.log(10.0),
        runs_chi2(blocks_in(reference), blocks_in(other)) if known else math.nan,
    )


def _rdf(row: Mapping[str, Any]) -> RDF:
    composition = Composition(**{name: row[name] for name in Composition.names()})
    error = np.asarray(row["g_error"], dtype=float)
    known = error if np.isfinite(error).all() else None
    return RDF(r=np.asarray(row["r"]), g=np.asarray(row["g"]), error=known, composition=composition)


def _made(row: Mapping[str, Any]) -> list[str]:
    return [STARTED[row["start"]], f"{row['n_np']} NPs", f"{row['dt']:g} tau", row["engine"]]


def described(row: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> str:
    """How a record was made, in a few words; without what it shares with ``beside``."""
    parts = _made(row)
    if beside is not None:
        parts = [part for part, other in zip(parts, _made(beside), strict=True) if part != other] or ["replica"]
    return ", ".join([*parts, *([] if row["verdict"] == "passed" else [row["verdict"]])])


def _judged(repeat: Repeat) -> tuple[tuple[float, str], ...]:
    return (repeat.expected, ".3f"), (repeat.chi2, ".2g")


def table(found: Sequence[Repeat]) -> list[tuple[str, ...]]:
    """Header and a row per repeat."""
    header = (
        "D",
        "N",
        "phi",
        "eps_np_np",
        "eps_p_np",
        "reference",
        "other",
        "highest g",
        "of the other",
        "apart",
        "by errors",
        "chi^2",
    )
    return [
        header,
        *(
            (
                *(f"{repeat.reference[key]:.3g}" for key in ("D", "N", "phi", "eps_np_np", "eps_p_np")),
                described(repeat.reference),
                described(repeat.other, repeat.reference),
                *(f"{np.max(row['g']):.3g}" for row in (repeat.reference, repeat.other)),
                f"{repeat.apart:.3f}",
                # too few blocks have no error
                *(f"{value:{shown}}" if math.isfinite(value) else "-" for value, shown in _judged(repeat)),
            )
            for repeat in found
        ),
    ]


def _difference(repeat: Repeat) -> str | None:
    """The one thing in which two runs differ, as a row of :func:`noise`; ``None`` if it is more than one."""
    first, other = repeat.reference, repeat.other
    differ = [
        name
        for name, different in (
            ("start", first["start"] != other["start"]),
            ("volume", first["volume_factor"] != other["volume_factor"]),
            ("engine", (first["engine"], first["dt"]) != (other["engine"], other["dt"])),
        )
        if different
    ]
    return None if len(differ) > 1 else (differ or ["seed"])[0]


#: What two runs of a composition can differ in, and how the card says it.
DIFFERENCES = {
    "start": "from dispersed nanoparticles, and from a cluster",
    "seed": "the same start, other random numbers",
    "volume": "the box of the size rule, and a larger one",
    "engine": "another engine or time step",
}


def noise(found: Sequence[Repeat]) -> list[tuple[str, ...]]:
    """Header, and a row per thing in which two runs that passed differ, and phase: how far that puts them apart.

    Empty where no composition has two records that passed and differ in one thing only.
    """
    passed: dict[tuple[str, str], list[Repeat]] = {}
    for repeat in found:
        both = repeat.reference["verdict"] == repeat.other["verdict"] == "passed"
        if both and (name := _difference(repeat)) is not None:
            passed.setdefault((name, _rdf(repeat.reference).phase), []).append(repeat)
    rows: list[tuple[str, ...]] = []
    order = list(DIFFERENCES)
    for name, phase in sorted(passed, key=lambda key: (order.index(key[0]), key[1])):
        own = passed[name, phase]
        apart, expected, chi2 = np.array([(one.apart, one.expected, one.chi2) for one in own]).T
        numbers = (*(f"{value:.3f}" for value in (apart.mean(), apart.max(), expected.mean())), f"{chi2.max():.2g}")
        rows.append((DIFFERENCES[name], phase, str(len({one.reference["group"] for one in own})), *numbers))
    return (
        [("two runs", "phase", "compositions", "apart, mean", "largest", "by errors, mean", "largest chi^2"), *rows]
        if rows
        else []
    )


def figure(found: Sequence[Repeat], file: Path) -> Path:
    """RDFs of the same composition over one another, with 90 % bands, a panel per composition.

    Args:
        found: at least one, from :func:`repeats`.
        file: PNG to write.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    panels: dict[str, list[Repeat]] = {}
    for repeat in found:
        panels.setdefault(repeat.reference["group"], []).append(repeat)
    columns = min(_COLUMNS, len(panels))
    lines = math.ceil(len(panels) / columns)
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            lines, columns, figsize=(4.1 * columns, 2.9 * lines), layout="constrained", sharex=True, squeeze=False
        )
        for ax, own in zip(axes.flat, panels.values(), strict=False):
            first = own[0].reference
            drawn = [_draw(ax, first, _COLOURS[0], described(first))]
            for number, repeat in enumerate(own, 1):
                colour = _COLOURS[number % len(_COLOURS)]
                drawn.append(_draw(ax, repeat.other, colour, described(repeat.other, first)))
            ax.set_title(
                rf"$D$ = {first['D']:.3g}, $\phi$ = {first['phi']:.2g}, "
                rf"$\epsilon_\mathrm{{NP\!-\!NP}}$ = {first['eps_np_np']:.2g}, "
                rf"$\epsilon_\mathrm{{P\!-\!NP}}$ = {first['eps_p_np']:.2g}"
            )
            ax.axhline(1.0, color="0.8", linewidth=0.8, zorder=0)
            # room for the legend above the curves
            top = (1.15 + 0.11 * len(drawn)) * max(drawn)
            ax.set(xlim=(0.0, math.ceil(float(np.max(first["r"])))), ylim=(0.0, top))
            ax.tick_params(labelbottom=True)
            ax.legend(loc="upper right")
        for ax in list(axes.flat)[len(panels) :]:
            ax.set_visible(False)
        figure.supxlabel(r"$r$ [$\sigma$]")
        figure.supylabel(r"$g(r)$")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
        plt.close(figure)
    return file


def _draw(ax: Any, row: Mapping[str, Any], colour: str, label: str) -> float:
    """Returns how high it reaches."""
    rdf = _rdf(row)
    ax.plot(rdf.r, rdf.g, color=colour, linewidth=1.3, label=label)
    if rdf.g_low is None or rdf.g_high is None:
        return float(rdf.g.max())
    ax.fill_between(rdf.r, rdf.g_low, rdf.g_high, color=colour, alpha=0.2, linewidth=0)
    return float(rdf.g_high.max())

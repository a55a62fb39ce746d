"""The card of a data set: what is in it, how far it can be trusted, and a figure of both."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from nanonet.arrays import FloatArray
from nanonet.data import store
from nanonet.domain import RDF, Composition
from nanonet.paths import CONF
from nanonet.units import PRESSURE, TEMPERATURE, UNITS
from simulations import repeats
from simulations.analysis.checks import DRIFT_MAX, HALVES_MAX, MSD_MIN
from simulations.design import Sobol
from simulations.figures import COLOURS, STYLE
from simulations.protocol import Protocol

if TYPE_CHECKING:
    import xarray as xr

PHASES = ("aggregated", "bridged", "dispersed")
#: Behind the table of starts.
_ONE_START = (
    "Only agreement of both starts proves equilibrium. A run that passed from one of them was stationary for as long "
    "as it lasted; a cluster that hardly exchanges nanoparticles with its surroundings can be that for longer than it "
    "was watched."
)
#: Before the table of pairs that passed.
_NOISE = (
    "Of these the pairs that passed both and differ in one thing only: the noise floor of what is learned from such "
    "records, and, where there are larger boxes, the error of the finite size [decades]. Starts that do not agree are "
    "not among them, since then neither passes."
)
#: What follows from the size of the boxes.
_BOXES = (
    (
        "g beyond r = 10 sigma, and the thermodynamic limit: the boxes hold few nanoparticles, see `n_np`, and most "
        "are hardly wider than 2 x 10 sigma"
    ),
    (
        "the size of aggregates: aggregated nanoparticles make one droplet in such a box; the height of its peak, and "
        "g outside of it, follow from the size of the box as much as from the composition"
    ),
)
#: So many points of the reference design are looked through for the compositions of a data set.
_SOUGHT = 1024
_MARKS = {"aggregated": "o", "bridged": "s", "dispersed": "^"}
#: Input, its symbol, its format.
_INPUTS = (
    ("D", "D", ".3g"),
    ("N", "N", ".0f"),
    ("phi", r"\phi", ".3g"),
    ("eps_np_np", r"\epsilon_\mathrm{NP-NP}", ".3g"),
    ("eps_p_np", r"\epsilon_\mathrm{P-NP}", ".3g"),
)


def phase_of(record: Mapping[str, Any]) -> str:
    """Phase of a record's RDF."""
    composition = Composition(**{name: record[name] for name in Composition.names()})
    return RDF(r=np.asarray(record["r"]), g=np.asarray(record["g"]), composition=composition).phase


def verdicts_per_phase(rows: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Phase -> how many of its records have which verdict; phases without a record are left out."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(phase_of(row), Counter())[row["verdict"]] += 1
    return {phase: counts[phase] for phase in PHASES if phase in counts}


def summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """How many records passed, per phase."""
    lines = []
    for phase, counts in verdicts_per_phase(rows).items():
        parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in store.VERDICTS if counts[verdict])
        lines.append(f"{phase:>10}: {parts} ({100 * counts['passed'] / counts.total():.0f} % passed)")
    return "\n".join(lines)


def rows_of(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """Records of a data set as mappings, with its grid as ``r``."""
    scalars = [name for name, (dimensions, _) in store.VARIABLES.items() if dimensions == ("record",)]
    return [
        {
            "record": str(name),
            "r": dataset["r"].values,
            "g": dataset["g"].values[row],
            "g_error": dataset["g_error"].values[row],
            "g_block": dataset["g_block"].values[row, : int(dataset["n_blocks"].values[row])],
            "block_frames": dataset["block_frames"].values[row, : int(dataset["n_blocks"].values[row])],
            **{key: dataset[key].values.tolist()[row] for key in scalars},
        }
        for row, name in enumerate(dataset["record"].values)
    ]


def write_card(dataset: xr.Dataset, file: Path, remake: str) -> tuple[Path, Path]:
    """Write ``NAME.md`` and ``NAME.png`` beside the data set ``NAME.nc``; ``NAME_repeats.png`` where there are any.

    Args:
        dataset: as :func:`nanonet.data.store.read` gives it.
        file: the data set's.
        remake: commands that make it, or make it longer.

    Returns:
        The card and its figure.
    """
    rows = rows_of(dataset)
    text, figure = file.with_suffix(".md"), file.with_suffix(".png")
    overview(rows, figure)
    if found := repeats.repeats(rows):
        repeats.figure(found, file.with_name(f"{file.stem}_repeats.png"))
    text.write_text(card(rows, file.name, figure.name, remake), encoding="utf-8")
    return text, figure


def card(rows: list[dict[str, Any]], name: str, figure: str, remake: str) -> str:
    """The card as Markdown.

    Args:
        rows: from :func:`rows_of`, at least one.
        name: of the data set's file.
        figure: name of the figure beside it.
        remake: commands that make it, or make it longer.
    """
    passed = [row for row in rows if row["verdict"] == "passed"]
    groups = {row["group"] for row in passed}
    about = (
        f"Nanoparticle-nanoparticle RDFs of {len(rows)} simulations of {len({row['group'] for row in rows})} "
        "compositions of polymer nanocomposites (Kremer-Grest chains that attract one another, spherical "
        f"nanoparticles), in Lennard-Jones units. {len(passed)} of them, of {len(groups)} compositions, passed the "
        "verdict; only these are learned from, unless others are asked for. The variables are described in "
        "`nanonet/data/store.py`; `nanonet.data.store.read(file)` opens it (xarray)."
    )
    parts = [
        f"# {name}",
        about,
        f"![Where the records lie, and how far they can be trusted]({figure})",
        "## What it covers",
        _table(
            ("input", "unit", "from", "to", "passed from", "passed to"),
            [
                (key, UNITS.get(key, "1"), *_range(rows, key, shown), *_range(passed, key, shown))
                for key, _, shown in _INPUTS
            ],
        ),
        "Between these numbers there may be gaps; a model's `in_domain` says what it really covers.",
        "## Verdicts",
        _table(
            ("phase", "records", *store.VERDICTS, "passed [%]"),
            [
                (
                    phase,
                    str(counts.total()),
                    *(str(counts[verdict]) for verdict in store.VERDICTS),
                    f"{100 * counts['passed'] / counts.total():.0f}",
                )
                for phase, counts in verdicts_per_phase(rows).items()
            ],
        ),
        *(["Why records did not pass:", _reasons(rows)] if len(passed) < len(rows) else []),
        "How the compositions began that have a record that passed:",
        _starts(passed),
        _ONE_START,
        "## Design",
        _design(rows),
        "## Protocol",
        *_protocols(rows),
        "## Equilibration",
        "Over the records that passed; the limits are those of the verdict (`docs/simulate.md`).",
        _equilibration(passed),
        "## The same composition, several times",
        *_repeats(rows, Path(name).stem),
        "## How they were made",
        _provenance(rows),
        "## What it cannot be used for",
        _limits(rows),
        "## Remake it, and make it longer",
        f"```bash\n{remake}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _table(header: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _range(rows: list[dict[str, Any]], key: str, shown: str) -> tuple[str, str]:
    if not rows:
        return "-", "-"
    values = [row[key] for row in rows]
    return format(min(values), shown), format(max(values), shown)


def _reasons(rows: list[dict[str, Any]]) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        # What the numbers are of, without them: they differ from record to record.
        reasons = [reason for reason in row["reasons"].split("; ") if reason]
        counts.update(re.split(r" (?=[-+\d(]|by )|,", reason)[0] for reason in reasons)
    return "\n".join(f"- {reason} ... ({count})" for reason, count in counts.most_common())


def _starts(passed: list[dict[str, Any]]) -> str:
    """Compositions that passed, by phase and by the starts that passed."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in passed:
        groups.setdefault(row["group"], []).append(row)
    counts: dict[str, Counter[frozenset[str]]] = {}
    for rows in groups.values():
        counts.setdefault(phase_of(rows[0]), Counter())[frozenset(row["start"] for row in rows)] += 1
    both = frozenset(repeats.STARTED)
    kinds = [*(frozenset((start,)) for start in repeats.STARTED), both]
    names = (*(f"{words} only" for words in repeats.STARTED.values()), "from both, which agree")
    body = [(phase, *(str(counts[phase][kind]) for kind in kinds)) for phase in PHASES if phase in counts]
    return _table(("phase", *names), body)


def _design(rows: list[dict[str, Any]]) -> str:
    """Which of the compositions are points of the reference design."""
    settings = yaml.safe_load((CONF / "design" / "sobol.yaml").read_text(encoding="utf-8"))
    box = settings["box"]
    design = Sobol(settings["n"], seed=settings["seed"], box=box)
    places = {_place(asdict(c)): number for number, c in enumerate(islice(design.compositions(), _SOUGHT), 1)}
    asked = {row["group"]: {**row, "rho": row["rho_target"]} for row in rows}.values()
    found = [places[place] for row in asked if (place := _place(row)) in places]
    ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in box.items())
    here = (
        f"{len(found)} of the {len(asked)} compositions here are among its first {max(found)} points, "
        f"{len(asked) - len(found)} were asked for by themselves. With `order=cost` its cheapest points come first: "
        "small nanoparticles."
        if found
        else f"None of the {len(asked)} compositions here is among its first {_SOUGHT:,} points."
    )
    return f"The reference design is a scrambled Sobol sequence (seed {settings['seed']}) over {ranges}. {here}"


def _place(point: Mapping[str, Any]) -> tuple[float, ...]:
    """What tells points of a design apart, in records as well, which keep some ten digits."""
    return tuple(round(float(point[name]), 6) for name in Composition.names())


def _protocols(rows: list[dict[str, Any]]) -> list[str]:
    """What a run consists of, by preset, as far as the preset is one of ours."""
    about = (
        "Kremer-Grest chains with Lennard-Jones attraction (epsilon 1, cut at 2.5 sigma), Lennard-Jones nanoparticles "
        f"(cut at 2.5 of their sigma), NPT at T* = {TEMPERATURE:g} and P* = {PRESSURE:g}. RDFs by freud, 100 bins to "
        "10 sigma. All choices, with their reasons and history: `docs/simulate.md`."
    )
    found = [about]
    for preset in sorted({str(row["preset"]) for row in rows}):
        file = CONF / "protocol" / f"{preset}.yaml"
        if not file.is_file():
            continue
        one = Protocol.from_mapping(yaml.safe_load(file.read_text(encoding="utf-8")))
        found.append(
            f"`{preset}`, as it is today: push-off with a soft repulsion for {one.soften_steps * one.dt:g} tau; "
            f"equilibration for at least {one.equilibration_steps * one.dt:g} tau and until the nanoparticles' "
            f"mean-square displacement is {one.equilibration_msd:g} D^2; production for at least "
            f"{one.production_steps * one.dt:g} tau and {one.production_msd:g} D^2, a configuration every "
            f"{one.sample_every * one.dt:g} tau, in blocks of {one.block_steps * one.dt:g} tau; boxes of at least "
            f"{one.n_np_min} nanoparticles and at most {one.n_beads_max:,} beads."
        )
    return found


def _equilibration(passed: list[dict[str, Any]]) -> str:
    if not passed:
        return "None passed."
    shown = (
        ("drift of the density", "standard errors", "density_drift", f"below {DRIFT_MAX:g} in size"),
        ("drift of the energy", "standard errors", "energy_drift", f"below {DRIFT_MAX:g} in size"),
        ("reduced chi^2 between the halves", "1", "halves_chi2", f"below {HALVES_MAX:g}"),
        ("NP mean-square displacement", "D^2", "msd_np", f"at least {MSD_MIN:g}"),
        ("standard error of g where g > 0.05, median over r", "%", "", ""),
        ("blocks of the production that still relaxed, left out", "1", "n_transient", ""),
        ("frames", "1", "n_frames", ""),
        ("core hours", "h", "core_hours", ""),
    )
    body = []
    for what, unit, key, limit in shown:
        values = np.array([row[key] for row in passed] if key else [_error(row) for row in passed], dtype=float)
        numbers = (
            f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
            for number in (values.min(), np.median(values), values.max())
        )
        body.append((what, unit, *numbers, limit or "-"))
    return _table(("figure", "unit", "smallest", "median", "largest", "limit"), body)


def _repeats(rows: list[dict[str, Any]], stem: str) -> list[str]:
    found = repeats.repeats(rows)
    if not found:
        return ["No composition that passed has a second record."]
    header, *body = repeats.table(found)
    words = (
        "*reference* is the longest record of a composition that passed (or is short, if none passed), *other* says in "
        "what the second one differs from it. *apart* is the root mean square of the difference of log10 max(g, 0.01) "
        "over the bins [decades], *by errors* what their standard errors alone would make of it, *chi^2* the reduced "
        "one with an allowance for few blocks. What is equilibrated does not know how it began: where neither of two "
        "starts failed, they have to "
        f"agree to chi^2 below {HALVES_MAX:g}, or neither passes."
    )
    of_noise = repeats.noise(found)
    return [
        words,
        _table(header, body),
        *((_NOISE, _table(of_noise[0], of_noise[1:])) if of_noise else ()),
        f"![Records of the same composition over one another]({stem}_repeats.png)",
    ]


def _error(row: Mapping[str, Any]) -> float:
    g, error = np.asarray(row["g"]), np.asarray(row["g_error"])
    use = g > 0.05
    return float(100.0 * np.median(error[use] / g[use])) if use.any() else float("nan")


def _provenance(rows: list[dict[str, Any]]) -> str:
    def counted(key: str) -> str:
        counts = Counter(str(row[key]) for row in rows)
        return ", ".join(f"{value} ({count})" for value, count in sorted(counts.items()))

    versions = Counter(
        ", ".join(f"{name} {version}" for name, version in sorted(json.loads(row["versions"]).items())) for row in rows
    )
    factors = Counter(float(row["volume_factor"]) for row in rows)
    volumes = ", ".join(f"{factor:g} ({count})" for factor, count in sorted(factors.items()))
    days = sorted(str(row["created"]) for row in rows)
    total = sum(row["core_hours"] for row in rows)
    return "\n".join(
        (
            f"- preset: {counted('preset')}; time step: {counted('dt')} tau",
            f"- start of the nanoparticles: {counted('start')}; replica: {counted('replica')}",
            f"- times the volume of the size rule: {volumes}",
            f"- engine: {counted('engine')}; device: {counted('device')}",
            f"- versions: {'; '.join(f'{text} ({count})' for text, count in sorted(versions.items()))}",
            f"- created: {days[0]} to {days[-1]}; {total:.1f} core hours in all",
            f"- stopped at their cap: {sum(bool(row['capped']) for row in rows)}",
        )
    )


def _limits(rows: list[dict[str, Any]]) -> str:
    groups = Counter(row["group"] for row in rows if row["verdict"] == "passed")
    twice = sum(count > 1 for count in groups.values())
    aggregated = sum(row["start"] == "aggregated" for row in rows)
    lines = [
        "other models: grafted, charged or rod-like particles, stiff or branched chains",
        "polymers with names, to which Lennard-Jones units have to be fitted first",
        "dynamics: mean-square displacements are figures of the sampling, not measured diffusion",
        *_BOXES,
    ]
    if not twice:
        lines.append("a noise floor from independent runs: no composition has two records that passed")
    if not aggregated:
        lines.append(
            "proof that aggregates had time to form: no record began aggregated; displacement, drift and halves "
            "are all that speak for equilibrium"
        )
    return "\n".join(f"- {line}" for line in lines)


def overview(rows: list[dict[str, Any]], file: Path) -> Path:
    """Where the records lie, by phase and verdict, and the figures that the verdict goes by.

    Args:
        rows: from :func:`rows_of`.
        file: PNG to write.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(1, 4, figsize=(13.2, 3.5), layout="constrained")
        _scatter(axes[0], rows, "D", "phi", r"$D$ [$\sigma$]", r"$\phi$")
        _scatter(
            axes[1],
            rows,
            "eps_np_np",
            "eps_p_np",
            r"$\epsilon_\mathrm{NP\!-\!NP}$ [$\epsilon$]",
            r"$\epsilon_\mathrm{P\!-\!NP}$ [$\epsilon$]",
        )
        _scatter(axes[2], rows, "msd_np", "halves_chi2", r"NP displacement [$D^2$]", r"$\chi^2$ between halves")
        _log_axis(axes[2].xaxis, [row["msd_np"] for row in rows], MSD_MIN)
        _log_axis(axes[2].yaxis, [row["halves_chi2"] for row in rows], HALVES_MAX)
        axes[2].axhline(HALVES_MAX, color="0.45", linestyle=":", linewidth=1.0)
        axes[2].axvline(MSD_MIN, color="0.45", linestyle=":", linewidth=1.0)
        _scatter(axes[3], rows, "density_drift", "energy_drift", "drift of the density", "drift of the energy")
        for limit in (-DRIFT_MAX, DRIFT_MAX):
            axes[3].axhline(limit, color="0.45", linestyle=":", linewidth=1.0)
            axes[3].axvline(limit, color="0.45", linestyle=":", linewidth=1.0)
        for ax, title in zip(axes, ("sizes", "attractions", "sampling", "drift [standard errors]"), strict=True):
            ax.set_title(title)
        figure.legend(handles=_legend(rows), loc="outside lower center", ncols=6)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
        plt.close(figure)
    return file


def _scatter(ax: Any, rows: list[dict[str, Any]], x: str, y: str, x_label: str, y_label: str) -> None:
    for phase in PHASES:
        for verdict in store.VERDICTS:
            own = [row for row in rows if row["verdict"] == verdict and phase_of(row) == phase]
            points: FloatArray = np.array([[row[x], row[y]] for row in own], dtype=float).reshape(-1, 2)
            ax.plot(*points.T, _MARKS[phase], markersize=5, alpha=0.85, **_look(verdict))
    ax.set(xlabel=x_label, ylabel=y_label)


def _look(verdict: str) -> dict[str, Any]:
    """Colour of a marker, which is hollow for a record that failed."""
    colour = COLOURS[verdict]
    return {"color": colour, "markeredgewidth": 1.0, "markerfacecolor": "none" if verdict == "failed" else colour}


def _log_axis(axis: Any, values: list[float], limit: float) -> None:
    """A logarithmic axis around values and limit, with plain numbers on it."""
    known = [value for value in values if np.isfinite(value) and value > 0]
    if not known:
        return
    low, high = min(*known, limit) / 1.5, max(*known, limit) * 1.5
    ticks = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})


def _legend(rows: list[dict[str, Any]]) -> list[Any]:
    from matplotlib.lines import Line2D

    phases, verdicts = {phase_of(row) for row in rows}, {row["verdict"] for row in rows}
    shapes = [
        Line2D([], [], marker=_MARKS[phase], linestyle="", color="0.45", label=phase)
        for phase in PHASES
        if phase in phases
    ]
    colours = [
        Line2D([], [], marker="o", linestyle="", label=verdict, **_look(verdict))
        for verdict in store.VERDICTS
        if verdict in verdicts
    ]
    return shapes + colours

"""``make demo``: simulate two new compositions, train nanoNET on the shipped records, compare on a page.

Trained are the paper's pipeline and the model of ``nanonet.predict``, each without a fifth of the compositions.
Everything is done for real by the commands that a user would type; this module runs them one after
another and draws what they leave. Settings: ``folder=demo records=FILE.nc engine=lammps protocol=demo``,
and anything that begins with ``train.`` is handed to the training.
"""

from __future__ import annotations

import base64
import html
import io
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.data import store
from nanonet.domain import RDF, Composition
from nanonet.errors import DataError, DomainWarning, EngineError, NanonetError
from nanonet.inference import load
from nanonet.paths import RECORDS
from simulations.record import read_record
from simulations.workspace import Workspace

#: Two that the reference design does not hold: NPs that touch one another, and NPs that polymer keeps apart.
POINTS = (
    Composition.from_phi(D=2.4, N=30, phi=0.06, eps_np_np=1.2, eps_p_np=0.9),
    Composition.from_phi(D=2.4, N=30, phi=0.06, eps_np_np=0.3, eps_p_np=1.3),
)
SETTINGS = {"folder": "demo", "records": str(RECORDS), "engine": "lammps", "protocol": "demo"}
#: Fewest compositions a model is trained on here.
LEAST = 24
#: Experiment to its name on the page; the first one has its band drawn.
MODELS = {"nanonet_best": "nanoNET", "nanonet": "the paper's pipeline"}


def main(arguments: Sequence[str]) -> int:
    """Run the demonstration; returns the exit status."""
    training = [item.removeprefix("train.") for item in arguments if item.startswith("train.")]
    given = dict(item.partition("=")[::2] for item in arguments if not item.startswith("train."))
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        print(f"make demo has no {', '.join(unknown)}; its settings are {', '.join(SETTINGS)}", file=sys.stderr)
        return 2
    settings = {**SETTINGS, **given}
    empty = sorted(name for name, value in settings.items() if not value)
    if empty:
        print(f"make demo: {', '.join(empty)} has no value; give one, or leave it out", file=sys.stderr)
        return 2
    try:
        page = demonstrate(settings, training)
    except (NanonetError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"open {page}")
    return 0


def demonstrate(settings: dict[str, str], training: Sequence[str] = ()) -> Path:
    """The four steps; returns the page.

    Raises:
        DataError: too few records to train on; said before anything is simulated.
        EngineError: the simulation or the training ended with an error.
    """
    begin = time.monotonic()
    folder, records = Path(settings["folder"]), Path(settings["records"])
    dataset = store.read(records)
    passed = dataset["verdict"].values == "passed"
    groups = len(set(dataset["group"].values[passed]))
    asked = next((item.partition("=")[2] for item in training if item.startswith("dataset.least=")), str(LEAST))
    if not asked.isdecimal():
        raise DataError(f"train.dataset.least is a number of compositions, got {asked!r}")
    least = int(asked)
    if groups < least:
        raise DataError(
            f"{records} has {groups} compositions that passed, the demonstration trains on at least {least}; "
            "add some with `make simulate` and `python -m simulations.export into=...`"
        )
    points = "[" + ",".join(_written(point) for point in POINTS) + "]"
    _step(begin, f"1/4 simulating {len(POINTS)} new compositions with {settings['engine']}")
    _run(
        "simulations.run", f"protocol={settings['protocol']}", f"engine={settings['engine']}", "design=list",
        f"design.points={points}", f"workspace={folder / 'workspace'}", f"results={folder / 'results'}",
    )  # fmt: skip
    _step(begin, f"2/4 training nanoNET on {int(passed.sum())} records of {groups} compositions")
    for experiment in MODELS:
        _run(
            "nanonet.train", f"+experiment={experiment}", "split=holdout", "refit=false", f"dataset.path={records}",
            f"folder={folder / 'train'}", f"publish={folder / experiment}", *training,
        )  # fmt: skip
    _step(begin, "3/4 predicting")
    predictors = {name: load(folder / experiment) for experiment, name in MODELS.items()}
    simulated = [record for point in Workspace(folder / "workspace").points() if (record := read_record(point))]
    wanted = {tuple(point.to_array().round(9)) for point in POINTS}
    simulated = [
        row
        for row in simulated
        if tuple(np.round(_asked(row).to_array(), 9)) in wanted
        and (row["engine"], row["preset"]) == (settings["engine"], settings["protocol"])
    ]
    with warnings.catch_warnings():
        # the page says whether a composition lies in the domain
        warnings.simplefilter("ignore", DomainWarning)
        pairs = [
            (_rdf(row), {name: one.predict(_rdf(row).composition) for name, one in predictors.items()}, row)
            for row in simulated
        ]
    _step(begin, "4/4 drawing")
    page = folder / "index.html"
    page.write_text(_page(pairs, int(passed.sum()), groups, time.monotonic() - begin), encoding="utf-8")
    return page


def _written(point: Composition) -> str:
    return "{" + ",".join(f"{name}:{value:.12g}" for name, value in point.to_dict().items()) + "}"


def _asked(record: dict[str, Any]) -> Composition:
    numbers = {name: record[name] for name in Composition.names()}
    return Composition(**{**numbers, "rho": record["rho_target"]})


def _rdf(record: dict[str, Any]) -> RDF:
    error = np.asarray(record["g_error"])
    return RDF(
        r=record["r"],
        g=record["g"],
        error=error if np.isfinite(error).all() else None,
        n_frames=record["n_frames"],
        composition=Composition(**{name: record[name] for name in Composition.names()}),
    )


def _step(begin: float, text: str) -> None:
    minutes, seconds = divmod(int(time.monotonic() - begin), 60)
    print(f"[{minutes}:{seconds:02d}] {text}", flush=True)


def _run(module: str, *arguments: str) -> None:
    """Run a module as a user would, its progress on our terminal."""
    status = subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode
    if status:
        raise EngineError(f"python -m {module} ended with exit status {status}; what it printed above says why")


def _figure(simulated: RDF, predicted: Mapping[str, RDF]) -> str:
    """All curves as an embedded picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    first, *others = predicted
    predicted[first].plot(axes, color="#b3541e", label=f"predicted by {first}, 90 % band")
    for name in others:
        axes.plot(simulated.r, predicted[name].g, "--", color="#7a7a7a", linewidth=1.2, label=f"predicted by {name}")
    spread = None if simulated.error is None else 1.645 * simulated.error
    axes.errorbar(
        simulated.r, simulated.g, yerr=spread, fmt=".", color="#1f4e79", markersize=3, linewidth=0.8,
        label="simulated, 90 % error bars",
    )  # fmt: skip
    axes.set_ylim(0.0, 1.3 * max(float(rdf.g.max()) for rdf in (simulated, *predicted.values())))
    axes.legend(frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130)
    plt.close(figure)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _page(
    pairs: Sequence[tuple[RDF, Mapping[str, RDF], dict[str, Any]]], n_records: int, n_groups: int, seconds: float
) -> str:
    parts = []
    for simulated, predicted, record in pairs:
        error = {name: f"{simulated.decades_from(rdf):.2f}" for name, rdf in predicted.items()}
        rows = "".join(
            f"<tr><td>{name}</td><td>{_highest(rdf)}</td><td>{rdf.phase}</td><td>{error.get(name, '')}</td></tr>"
            for name, rdf in {"simulated": simulated, **predicted}.items()
        )
        domain = "inside" if next(iter(predicted.values())).in_domain else "outside"
        composition = simulated.composition
        parts.append(
            f"<h2>{html.escape(composition.label() if composition else '')}</h2>"
            f'<img alt="simulated and predicted RDF" src="data:image/png;base64,{_figure(simulated, predicted)}">'
            f"<table><tr><th></th><th>largest g</th><th>phase</th><th>error [decades]</th></tr>{rows}</table>"
            f"<p>{record['n_np']} nanoparticles, {record['n_beads']:,} beads, {record['steps_production']:,} steps of "
            f"production with {record['engine']}. The composition is {domain} the region of the training data. "
            f"Verdict on the simulation: {html.escape(record['verdict'])} ({html.escape(record['reasons'])}).</p>"
        )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>nanonet: simulated and predicted</title>'
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#222}"
        "img{max-width:100%}table{border-collapse:collapse}td,th{padding:.2em 1em;text-align:left;"
        "border-bottom:1px solid #ddd}h2{font-size:1.05em}</style>"
        "<h1>nanonet: simulated and predicted</h1>"
        f"<p>Both models were trained in this run, on four fifths of {n_records} simulated records of {n_groups} "
        "compositions; those below were not among them and were simulated in this run, briefly. The error is the root "
        "mean square difference of log10 max(g, 0.01) over the bins. The nanoparticles began dispersed: in so "
        "short a run not all that would touch have found one another, and a peak of contacts is lower than it would "
        "become. "
        f"Made in {seconds / 60:.1f} minutes.</p>" + "".join(parts) + "</html>\n"
    )


def _highest(rdf: RDF) -> str:
    place = int(np.argmax(rdf.g))
    return f"{rdf.g[place]:.3g} at {rdf.r[place]:.2f} sigma"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

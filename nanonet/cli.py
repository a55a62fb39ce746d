"""The command ``nanonet``: predict from the shell, and look at checkpoints."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from nanonet import __version__
from nanonet.data.problem import Prediction, units
from nanonet.errors import DomainWarning, InputError, MissingDependencyError, NanonetError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Predict the structure of polymer nanocomposites from their composition.",
)


class Format(StrEnum):
    """How a prediction is written."""

    table = "table"
    csv = "csv"
    json = "json"


def main() -> None:
    """Run the command; an error of ours is one line on stderr and exit status 1."""
    warnings.showwarning = _show
    try:
        app()
    except NanonetError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


def _show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    kind = "note" if issubclass(category, DomainWarning) else category.__name__
    sys.stderr.write(f"{kind}: {message}\n")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nanonet {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def predict(
    diameter: Annotated[float | None, typer.Option("--D", help="Diameter of a nanoparticle [sigma].")] = None,
    length: Annotated[float | None, typer.Option("--N", help="Monomers in a chain.")] = None,
    rho: Annotated[float | None, typer.Option("--rho", help="Number density of nanoparticles [sigma^-3].")] = None,
    phi: Annotated[float | None, typer.Option("--phi", help="Volume fraction, in place of --rho.")] = None,
    eps_np_np: Annotated[float | None, typer.Option("--eps-np-np", help="NP-NP attraction [epsilon].")] = None,
    eps_p_np: Annotated[float | None, typer.Option("--eps-p-np", help="Polymer-NP attraction [epsilon].")] = None,
    source: Annotated[Path | None, typer.Option("--input", "-i", help="CSV file, one record per row.")] = None,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .csv, .json or .png, by its ending.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="What is printed without --output.")] = Format.table,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Name or folder of a checkpoint.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail outside the region of the training data.")] = False,
    named: Annotated[
        list[str] | None, typer.Option("--set", help="name=value of one record, for models of other problems.")
    ] = None,
) -> None:
    """Predict one composition given by options, one record of any problem, or all rows of a CSV file.

    Example: nanonet predict --D 3 --N 40 --rho 0.0042 --eps-np-np 0.5 --eps-p-np 1.0

    Example: nanonet predict --model blend_tc --input blends.csv --output predicted.csv
    """
    from nanonet.data.csvfile import read_columns
    from nanonet.inference import load

    given = {"D": diameter, "N": length, "rho": rho, "phi": phi, "eps_np_np": eps_np_np, "eps_p_np": eps_p_np}
    numbers: dict[str, float | str] = {name: value for name, value in given.items() if value is not None}
    further = _assigned(named or [])
    if twice := sorted(set(numbers) & set(further)):
        raise InputError(f"{', '.join(twice)} is given twice, by an option and by --set; give it once")
    numbers |= further
    if source is not None and numbers:
        raise InputError(f"give either --input or numbers, got both ({', '.join(numbers)})")
    if target is not None and target.suffix not in {".csv", ".json", ".png"}:
        raise InputError(f"--output must end in .csv, .json or .png, got {target.name!r}")
    if target is not None and not target.parent.is_dir():
        raise InputError(
            f"--output names a file in {target.parent}, which is not a folder; make it, or name another file"
        )
    predictor = load(model)
    answer = predictor.arrays(None if source is None else read_columns(source), strict=strict, **numbers)
    if target is None:
        if form is Format.table:
            _print_table(answer)
        else:
            sys.stdout.write(_csv(answer) if form is Format.csv else _json(answer))
        return
    if target.suffix == ".png":
        _plot(predictor.checkpoint.problem.present(answer), target)
    else:
        target.write_text(_csv(answer) if target.suffix == ".csv" else _json(answer), encoding="utf-8")
    typer.echo(f"wrote {target}", err=True)


@app.command()
def info(
    model: Annotated[
        str | None, typer.Argument(help="Name or folder of a checkpoint; all shipped ones without.")
    ] = None,
) -> None:
    """Say which checkpoints there are, or what one of them was trained on and how well it does."""
    from nanonet.inference import DEFAULT, available, load

    console = Console()
    if model is None:
        names = available()
        console.print(f"nanonet {__version__}; shipped checkpoints: {', '.join(names) or 'none'}")
        if DEFAULT not in names:
            return
    checkpoint = load(model).checkpoint
    data = checkpoint.info.get("data", {})
    console.print(f"[bold]{checkpoint.name}[/bold]: {checkpoint.problem.name}, made {checkpoint.info['created']}")
    console.print(f"learned from {len(data.get('learned', ()))} records of {data.get('file', 'unknown data')}")
    ranges = RichTable("input", "from", "to", title="training region")
    of_inputs, of_metrics = units(checkpoint.problem), checkpoint.info.get("units", {})
    for name, (low, high) in checkpoint.coverage.to_json().items():
        ranges.add_row(_with_unit(name, of_inputs), f"{low:.4g}", f"{high:.4g}")
    console.print(ranges)
    scores = checkpoint.info.get("scores", {}).get("held-out", {})
    table = RichTable("metric", "held-out", "95 % interval", title="on groups that were not learned from")
    for name, score in scores.items():
        if score["value"] is not None:
            table.add_row(
                _with_unit(name, of_metrics), f"{score['value']:.3g}", f"{score['low']:.3g} to {score['high']:.3g}"
            )
    console.print(table)


def _with_unit(name: str, known: Mapping[str, str]) -> str:
    unit = known.get(name, "1")
    return name if unit in ("", "1") else escape(f"{name} [{unit}]")


@app.command()
def associate(
    table: Annotated[Path, typer.Argument(help="CSV: a column per factor, and `count`, or a row per record.")],
    level: Annotated[float, typer.Option("--level", help="Of each test; the intervals are of 1 - level.")] = 0.05,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="Report to write (.md).")] = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="Forest plot to write (.png).")] = None,
) -> None:
    """Say which of several yes/no results go together: log-linear models and odds ratios of a table.

    Example: nanonet associate table.csv --figure odds.png
    """
    from nanonet.association import ContingencyTable, analyse

    for file, ending in ((target, ".md"), (figure, ".png")):
        if file is not None and file.suffix != ending:
            raise InputError(f"expected a name that ends in {ending}, got {file.name!r}")
    analysis = analyse(ContingencyTable.read(table), level)
    if target is None:
        console = Console()
        for title, rows in analysis.tables().items():
            shown = RichTable(*rows[0], title=title)
            for row in rows[1:]:
                shown.add_row(*row)
            console.print(shown)
        for note in analysis.notes():
            console.print(f"- {note}", markup=False, highlight=False, soft_wrap=True)
    else:
        target.write_text(analysis.markdown(), encoding="utf-8")
        typer.echo(f"wrote {target}", err=True)
    if figure is not None:
        analysis.plot(figure)
        typer.echo(f"wrote {figure}", err=True)


@app.command()
def screen(
    target: Annotated[Path, typer.Option("--output", "-o", help="CSV file to write, the best candidates first.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Name or folder of a checkpoint.")] = None,
    source: Annotated[
        Path | None, typer.Option("--pool", help="CSV file of candidates; the problem's own pool without.")
    ] = None,
    score: Annotated[str, typer.Option("--score", help="probability, improvement, gain or value.")] = "probability",
    exceed: Annotated[
        list[str] | None, typer.Option("--exceed", help="Column with a threshold; of several the largest counts.")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="A threshold for all.")] = None,
    reduce: Annotated[str | None, typer.Option("--reduce", help="What a curve is ranked by: max, min, mean.")] = None,
    top: Annotated[int, typer.Option("--top", help="How many to keep.")] = 1000,
    inside: Annotated[bool, typer.Option("--in-domain", help="Only inside the training region.")] = False,
    chunk: Annotated[int | None, typer.Option("--chunk", help="How many to predict at a time.")] = None,
) -> None:
    """Predict, score and rank a pool of candidates, and write the best.

    Example: nanonet screen --model blend_tc --output best.csv
    """
    from nanonet.data.pool import FilePool
    from nanonet.inference import load
    from nanonet.screening import Goal, pool_of
    from nanonet.screening import screen as rank

    if target.suffix != ".csv":
        raise InputError(f"--output must end in .csv, got {target.name!r}")
    predictor = load(model)
    problem = predictor.checkpoint.problem
    pool = pool_of(problem) if source is None else FilePool(source, problem, extra=exceed or ())
    limits = tuple(exceed or (() if threshold is not None or score == "value" else pool.exceed))
    goal = Goal(score=score, exceed=limits, threshold=threshold, reduce=reduce)
    with _bar(len(pool)) as step:
        found = rank(predictor, pool, goal, top=top, chunk=chunk, inside=inside, progress=step)
    found.write(target)
    for line in found.notes():
        typer.echo(line, err=True)
    typer.echo(f"wrote {target}", err=True)


@app.command(name="phase-map")
def phase_map(
    diameter: Annotated[float, typer.Option("--D", help="Diameter of a nanoparticle [sigma].")],
    length: Annotated[float, typer.Option("--N", help="Monomers in a chain.")],
    phi: Annotated[float, typer.Option("--phi", help="Volume fraction of nanoparticles.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="Figure to write (.png, .pdf or .svg).")],
    table: Annotated[Path | None, typer.Option("--table", help="Also write the grid (.csv).")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Name or folder of a checkpoint.")] = None,
    records: Annotated[
        Path | None,
        typer.Option("--records", help="Data set with simulated compositions; the shipped one without."),
    ] = None,
    n: Annotated[int, typer.Option("--n", help="Points of a side of the grid.")] = 41,
    eps_np_np: Annotated[
        tuple[float, float], typer.Option("--eps-np-np", help="Range of the NP-NP attraction [epsilon].")
    ] = (0.1, 2.5),
    eps_p_np: Annotated[
        tuple[float, float], typer.Option("--eps-p-np", help="Range of the polymer-NP attraction [epsilon].")
    ] = (0.1, 1.5),
    members: Annotated[
        bool, typer.Option("--members/--no-members", help="Show where the model's members disagree.")
    ] = True,
) -> None:
    """Draw which phase the nanoparticles are in, over both attractions at fixed D, N and phi.

    Example: nanonet phase-map --D 3 --N 30 --phi 0.05 --output map.png --table map.csv
    """
    from nanonet.phases import phase_map as predict_map

    if target.suffix not in {".png", ".pdf", ".svg"}:
        raise InputError(f"--output must end in .png, .pdf or .svg, got {target.name!r}")
    if table is not None and table.suffix != ".csv":
        raise InputError(f"--table must end in .csv, got {table.name!r}")
    settings: dict[str, Any] = {"D": diameter, "N": length, "phi": phi, "model": model, "records": records, "n": n}
    settings |= {"eps_np_np": eps_np_np, "eps_p_np": eps_p_np, "members": members}
    with _bar(n * n) as step:
        found = predict_map(**settings, progress=step)
    found.plot(target)
    if table is not None:
        found.write(table)
    typer.echo(", ".join(f"{phase} {share:.0%}" for phase, share in found.shares().items()) + " of the map", err=True)
    if found.note:
        typer.echo(found.note, err=True)
    typer.echo(f"wrote {target}" + (f" and {table}" if table is not None else ""), err=True)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, where that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=total)
        yield lambda done, _: bars.update(task, completed=done)


def _assigned(texts: list[str]) -> dict[str, float | str]:
    """``name=value`` as a mapping; numbers where they can be read as such.

    Raises:
        InputError: no ``=``, or a name given twice.
    """
    made: dict[str, float | str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or name in made:
            raise InputError(f"--set takes name=value, each name once, got {text!r}")
        try:
            made[name] = float(value)
        except ValueError:
            made[name] = value
    return made


def _records(answer: Prediction) -> list[dict[str, Any]]:
    """One mapping per value of every record: inputs, place on the axis, value, band, domain."""
    low = answer.targets if answer.low is None else answer.low
    high = answer.targets if answer.high is None else answer.high
    axis = None if answer.axis is None else answer.axis.places
    made = []
    for row, inputs in enumerate(answer.inputs.rows()):
        ends = {"in_domain": not answer.outside[row]}
        for place in range(len(axis) if axis else 1):
            at = (row, place) if axis else row
            made.append(
                {
                    "row": row,
                    **inputs,
                    **({answer.axis.name: axis[place]} if answer.axis and axis else {}),
                    answer.target: float(answer.targets[at]),
                    **({} if answer.low is None else {f"{answer.target}_low": float(low[at])}),
                    **({} if answer.high is None else {f"{answer.target}_high": float(high[at])}),
                    **ends,
                }
            )
    return made


def _unknown(value: Any) -> bool:
    """Whether an input was left out: NaN in a table, an empty cell or null in a file."""
    return isinstance(value, float) and math.isnan(value)


def _csv(answer: Prediction) -> str:
    records = _records(answer)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {
            name: "" if _unknown(value) else f"{value:.6g}" if isinstance(value, float) else value
            for name, value in record.items()
        }
        for record in records
    )
    return text.getvalue()


def _json(answer: Prediction) -> str:
    axis = {} if answer.axis is None else {answer.axis.name: list(answer.axis.places)}
    rows = [
        {
            **{name: None if _unknown(value) else value for name, value in inputs.items()},
            **axis,
            answer.target: answer.targets[row].tolist(),
            **({} if answer.low is None else {f"{answer.target}_low": answer.low[row].tolist()}),
            **({} if answer.high is None else {f"{answer.target}_high": answer.high[row].tolist()}),
            "in_domain": not answer.outside[row],
        }
        for row, inputs in enumerate(answer.inputs.rows())
    ]
    return json.dumps(rows[0] if len(rows) == 1 else rows, indent=1) + "\n"


def _print_table(answer: Prediction) -> None:
    table = RichTable()
    records = _records(answer)
    shown = [name for name in records[0] if name != "row" or len(answer.outside) > 1]
    if len(answer.outside) == 1 and answer.axis is not None:
        # The inputs of a single record are known to whoever typed them.
        shown = [name for name in shown if name not in answer.inputs and name != "in_domain"]
    for name in shown:
        table.add_column(name, justify="right")
    for record in records:
        table.add_row(*(f"{record[n]:.4g}" if isinstance(record[n], float) else escape(str(record[n])) for n in shown))
    Console().print(table)


def _plot(answers: list[Any], file: Path) -> None:
    if not all(hasattr(answer, "plot") for answer in answers):
        raise InputError("this problem's predictions have no figure; write .csv or .json")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "a figure needs matplotlib, which is not installed: pip install 'nanonet[plot]'"
        ) from error
    columns = min(3, len(answers))
    rows = -(-len(answers) // columns)
    figure = Figure(figsize=(5.5 * columns, 3.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, answer in zip(axes, answers, strict=False):
        answer.plot(ax)
    for ax in axes[len(answers) :]:
        ax.set_axis_off()
    figure.savefig(file, dpi=130)


if __name__ == "__main__":
    main()

"""``python -m simulations.run`` (``make simulate``): run a campaign, or go on with it.

Everything is a Hydra setting of ``conf/simulate.yaml``::

    python -m simulations.run protocol=smoke design.n=4 workers=2
    python -m simulations.run design=csv design.path=points.csv dry_run=true
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import hydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nanonet import paths
from nanonet.data import store
from nanonet.domain import Composition
from nanonet.errors import ConfigError, NanonetError, SystemSizeError
from simulations.builder import SystemSize, system_size
from simulations.campaign import Reporter, Summary, run_campaign, start_cluster, stop_cluster
from simulations.card import summary
from simulations.design import STARTS, Choice, Run, choose
from simulations.engines.child import make_engine
from simulations.export import export, records
from simulations.extension import to_do
from simulations.opposites import Opposites, opposite
from simulations.pipeline import Progress
from simulations.protocol import Protocol
from simulations.record import read_record
from simulations.workspace import PointFolder, StatePoint, Workspace, group_name

log = logging.getLogger("simulations")

#: Bead-steps per second of one core, measured for LAMMPS with our pair style on the machines we know; without
#: a compiler it has 0.4 of them. For estimates only.
BEAD_STEPS_PER_SECOND = 3.5e6
#: NP diffusion coefficient used for estimates [sigma^2/tau]: 0.01 at D = 2, falling as D^-1.75.
_DIFFUSION_AT_2 = 0.01
#: Size of a finished state point on disk [bytes per bead and per block].
_BYTES_PER_BEAD, _BYTES_PER_BLOCK = 500, 60_000


@dataclass(frozen=True)
class Job:
    """A state point of the campaign, with what it will probably cost."""

    statepoint: StatePoint
    size: SystemSize
    steps: int
    core_hours: float

    @property
    def megabytes(self) -> float:
        """Disk [MB]."""
        blocks = self.steps / self.statepoint.protocol.block_steps
        return (self.size.n_beads * _BYTES_PER_BEAD + blocks * _BYTES_PER_BLOCK) / 1e6


def estimate(composition: Composition, size: SystemSize, protocol: Protocol) -> tuple[int, float]:
    """Steps and core hours that a state point will probably need."""
    diffusion = _DIFFUSION_AT_2 * (composition.D / 2.0) ** -1.75
    per_d2 = composition.D**2 / (6.0 * diffusion * protocol.dt)
    steps = max(protocol.equilibration_steps, protocol.equilibration_msd * per_d2)
    steps += max(protocol.production_steps, protocol.production_msd * per_d2)
    steps += protocol.extend_blocks * protocol.block_steps
    steps += protocol.soften_steps + protocol.relax_steps
    rate = BEAD_STEPS_PER_SECOND / size.n_beads
    if protocol.cap_core_hours is not None:
        steps = min(steps, protocol.cap_core_hours * 3600.0 * rate)
    return int(steps), steps / rate / 3600.0


def make_jobs(config: DictConfig, protocol: Protocol, engine: str) -> tuple[list[Job], Choice]:
    """State points of the campaign in the order in which they will be begun."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    target = str(config.design.get("_target_", ""))
    if not target.startswith("simulations."):
        raise ConfigError(f"a design is a class of simulations, got _target_ = {target!r}")
    missing = sorted(str(name) for name in OmegaConf.missing_keys(config.design))
    if missing:
        raise ConfigError(f"the design {target.rpartition('.')[2]} needs {missing[0]}=...")
    try:
        design = instantiate(config.design, _convert_="all")
    except InstantiationException as error:
        raise (error.__cause__ if isinstance(error.__cause__, NanonetError) else ConfigError(str(error))) from error
    choice = choose(design, n_np_min=protocol.n_np_min, n_beads_max=protocol.n_beads_max)
    runs = _runs(config)
    jobs, too_large = [], []
    for composition, least in choice.points:
        for start, replica, factor in choice.runs(composition, runs):
            size = least
            if factor != 1:
                try:
                    size = system_size(
                        composition,
                        n_np_min=protocol.n_np_min,
                        n_beads_max=protocol.n_beads_max,
                        volume_factor=factor,
                    )
                except SystemSizeError as error:
                    too_large.append((composition, str(error)))
                    continue
            point = StatePoint(composition, protocol, engine, replica, start, int(config.seed), factor)
            jobs.append(Job(point, size, *estimate(composition, size, protocol)))
    if not jobs:
        raise ConfigError(f"no box fits; the first was skipped because {too_large[0][1]}")
    choice = replace(choice, skipped=(*choice.skipped, *too_large))
    if config.order == "cost":
        jobs.sort(key=lambda job: job.core_hours)
    elif config.order != "design":
        raise ConfigError(f"order is 'design' or 'cost', got {config.order!r}")
    return jobs, choice


def _runs(config: DictConfig) -> list[Run]:
    """How the campaign simulates a composition of which the design does not say it."""
    if not isinstance(config.replicas, int) or config.replicas < 1:
        raise ConfigError(f"replicas must be a whole number above 0, got {config.replicas!r}")
    starts = list(config.starts)
    if not starts or set(starts) - set(STARTS):
        raise ConfigError(f"starts must name {', '.join(STARTS)} or both, got {starts}")
    try:
        factors = [float(factor) for factor in config.volume_factors]
    except (TypeError, ValueError):
        factors = []
    if not factors or not all(1 <= factor < math.inf for factor in factors):
        raise ConfigError(
            f"volume_factors must be a list of numbers, 1 or more, such as [1,2], got {config.volume_factors}"
        )
    return [Run(start, replica, factor) for factor in factors for start in starts for replica in range(config.replicas)]


def dry_run(jobs: Sequence[Job], choice: Choice, workers: int) -> str:
    """A table of the points with estimated time and disk."""
    head = f"{'':>4} {'D':>6} {'N':>3} {'phi':>7} {'eNN':>6} {'ePN':>6} {'NPs':>5} {'beads':>7}"
    lines = [f"{head} {'Msteps':>7} {'core h':>7} {'MB':>6}"]
    for number, job in enumerate(jobs, 1):
        c = job.statepoint.composition
        lines.append(
            f"{number:>4} {c.D:>6.3f} {c.N:>3} {c.phi:>7.4f} {c.eps_np_np:>6.3f} {c.eps_p_np:>6.3f} "
            f"{job.size.n_np:>5} {job.size.n_beads:>7,} "
            f"{job.steps / 1e6:>7.2f} {job.core_hours:>7.2f} {job.megabytes:>6.1f}"
        )
    hours = sum(job.core_hours for job in jobs)
    lines.append(
        f"{_count(len(jobs), 'state point')}, about {hours:.1f} core hours ({hours / max(workers, 1):.1f} h on "
        f"{_count(workers, 'worker')}), {sum(job.megabytes for job in jobs):.0f} MB; "
        f"{_count(len(choice.skipped), 'design point')} skipped"
    )
    lines += [f"skipped: {reason}" for _, reason in choice.skipped]
    return "\n".join(lines)


class Console(Reporter):
    """Progress for people: a live table on a terminal, a line per event elsewhere."""

    def __init__(self, workspace: Workspace, finished: int, hours: Mapping[str, float]) -> None:
        from rich.console import Console as RichConsole

        self.workspace = workspace
        self.console = RichConsole(stderr=True)
        self.done = finished
        self.live: Any = None
        self._estimate = dict(hours)
        self._spent: dict[str, float] = {}
        self._over: set[str] = set()
        self._last = self._begin = time.monotonic()
        self._n_workers = 0

    def begin(self, points: Sequence[str], n_workers: int) -> None:
        """See :class:`Reporter`."""
        self.total = len(points) + self.done
        self._begin, self._n_workers = time.monotonic(), n_workers
        for point in points:
            status = self.workspace.point_of(point).read_json("status.json") or {}
            self._spent[point] = float(status.get("core_hours") or 0.0)
        self.console.print(
            f"{self.total} state points, {self.done} finished already, {_count(n_workers, 'worker')}; "
            "Ctrl-C stops after the blocks under way",
            highlight=False,
            soft_wrap=True,
        )
        if self.console.is_terminal:
            from rich.live import Live

            self.live = Live(self._table(()), console=self.console, refresh_per_second=2, transient=True)
            self.live.start()

    def advanced(self, point: str, progress: Progress) -> None:
        """See :class:`Reporter`."""
        self._spent[point] = progress.core_hours
        if progress.outcome in ("finished", "failed"):
            self._over.add(point)
        if progress.outcome == "finished":
            self.done += 1
        if progress.outcome != "advanced":
            cost = f" after {_hours(3600.0 * progress.core_hours)} of a core" if progress.core_hours else ""
            self.note(f"{point[:8]} {progress.outcome}{cost}{': ' if progress.message else ''}{progress.message}")
        elif self.live is None:
            self.note(f"{point[:8]} {progress.phase} {progress.steps:,} of about {progress.steps_wanted:,} steps")

    def note(self, text: str) -> None:
        """See :class:`Reporter`."""
        minutes, seconds = divmod(int(time.monotonic() - self._begin), 60)
        self.console.print(
            f"[{minutes:3d}:{seconds:02d}] {self.done}/{self.total} {text}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def tick(self, running: Iterable[str], n_workers: int) -> None:
        """See :class:`Reporter`."""
        self._n_workers = n_workers
        if self.live is not None:
            self.live.update(self._table(running))
        elif time.monotonic() - self._last > 30.0:
            self._last = time.monotonic()
            if not n_workers:
                self.note("waiting for workers")
            for row in self._rows(running):
                self.note(_sentence(row))

    def end(self) -> None:
        """See :class:`Reporter`."""
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _rows(self, running: Iterable[str]) -> list[StatusRow]:
        rows = []
        for point in running:
            with contextlib.suppress(OSError, ValueError):  # somebody removes the folder while we look
                rows.append(status_row(self.workspace.point_of(point)))
        return rows

    def _title(self) -> str:
        title = f"{self.done} of {_count(self.total, 'state point')} finished"
        if not self._n_workers:
            return f"{title}; waiting for workers"
        hours = self._hours_left()
        return f"{title}; about {_hours(3600.0 * hours / self._n_workers)} left" if hours else title

    def _hours_left(self) -> float:
        """Core hours by the estimate, scaled by what the finished points of this campaign took."""
        cost = sum(self._spent[point] for point in self._over)
        expected = sum(self._estimate[point] for point in self._over)
        scale = cost / expected if cost and expected else 1.0
        still = [point for point in self._estimate if point not in self._over]
        return sum(max(scale * self._estimate[point] - self._spent.get(point, 0.0), 0.0) for point in still)

    def _table(self, running: Iterable[str]) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(title=self._title(), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("point", "composition (e: NP-NP, P-NP)", "stage"):
            table.add_column(name, no_wrap=True)
        for name in ("steps", "of about", "steps/s", "stage ends in"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self._rows(running):
            table.add_row(*row)
        return table


class StatusRow(NamedTuple):
    """Where a state point stands, as text for a table."""

    point: str
    composition: str
    stage: str
    steps: str = ""
    wanted: str = ""
    rate: str = ""
    left: str = ""


def status_row(folder: PointFolder) -> StatusRow:
    """What a state point's folder says of itself; steps and time left are of the phase it is in, or its preparation."""
    c = folder.composition
    name, label = folder.id[:8], f"D={c.D:.2f} N={c.N} phi={c.phi:.3f} e={c.eps_np_np:.2f},{c.eps_p_np:.2f}"
    status = folder.read_json("status.json")
    if status is None:
        return StatusRow(name, label, "waiting")
    phase = str(status["phase"])
    if "steps" not in status:
        return StatusRow(name, label, phase)
    stage = str(status.get("stage", "npt"))
    rate = status.get("rate")
    prepares = stage != "npt" and "stage_done" in status
    done, total = ("stage_done", "stage_total") if prepares else ("steps", "steps_wanted")
    steps, wanted = int(status[done]), max(int(status[total]), int(status[done]))
    left = _hours((wanted - steps) / rate) if rate else ""
    return StatusRow(
        name,
        label,
        phase if stage == "npt" else f"{phase}: {stage}",
        f"{steps:,}",
        f"{wanted:,}" if phase != "finished" else "",
        f"{rate:,.0f}" if rate else "",
        left,
    )


def _sentence(row: StatusRow) -> str:
    text = f"{row.point} {row.composition}  {row.stage}"
    text += f" {row.steps} of about {row.wanted} steps" if row.wanted else ""
    text += f", {row.rate} steps/s" if row.rate else ""
    return text + (f", {row.left} left" if row.left else "")


def _hours(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes >= 60 * 48:
        return f"{minutes / 60 / 24:.1f} d"
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def run(config: DictConfig) -> int:
    """Run the campaign that ``config`` describes; returns the exit status."""
    protocol = Protocol.from_mapping({**_plain(config.protocol), "extend_blocks": config.extend_blocks})
    options = _plain(config.engine)
    target = str(options.pop("_target_", ""))
    make_engine(target, options)  # before anything starts: options that do not fit are no state point's fault
    engine = target.rpartition(".")[2].lower()
    if isinstance(config.workers, bool) or not isinstance(config.workers, int) or config.workers < 1:
        raise ConfigError(f"workers must be a whole number above 0, got {config.workers!r}")
    most = config.extend_until_passed
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise ConfigError(f"extend_until_passed must be a whole number of blocks, 0 or more, got {most!r}")
    jobs, choice = make_jobs(config, protocol, engine)
    known = _known(config.agree_with, most)
    if config.points is not None:
        choice.write(Path(str(config.points)))
    if config.dry_run:
        print(dry_run(jobs, choice, config.workers))
        return 0
    workspace = Workspace(config.workspace)
    with workspace.campaign(), _campaign_log(workspace):
        choice.remember()
        for _, reason in choice.skipped:
            log.info("skipped: %s", reason)
        points = {workspace.point(job.statepoint).id: job for job in jobs}

        def left(point: str) -> Protocol | None:
            return to_do(workspace.point_of(point), protocol, most, lambda record: _agrees(record, known, workspace))

        todo = {point: what for point in points if (what := left(point)) is not None}
        result = Summary()
        if todo:
            client, cluster = start_cluster(
                config.cluster.kind,
                workers=min(config.workers, len(todo)),
                options=_plain(config.cluster.options),
            )
            try:
                result = run_campaign(
                    workspace,
                    list(todo),
                    todo,
                    target,
                    options,
                    client=client,
                    reporter=Console(
                        workspace, len(points) - len(todo), {point: points[point].core_hours for point in todo}
                    ),
                    longer=left,
                )
            finally:
                stop_cluster(client, cluster)
        status = _conclude(config, workspace, result, choice)
        flagged = sum(_did_not_pass(workspace.point_of(point), known) for point in points)
        if flagged and protocol.trainable:
            differ = "" if config.agree_with is None else f" or do not agree with {config.agree_with}"
            print(
                f"{_count(flagged, 'record')} did not pass{differ} (make status tells why); the same command with "
                f"extend_until_passed={most + 40} goes on with {'it' if flagged == 1 else 'them'}"
            )
        return status


def _known(path: Any, most: int) -> Opposites:
    """Runs of a data set that a production is compared with before it is taken to have passed."""
    if path is None:
        return Opposites()
    if most == 0:
        raise ConfigError(
            f"agree_with={path} says until when productions go on, and none does; give extend_until_passed=40 with it"
        )
    return Opposites(store.to_records(store.read(Path(str(path)))))


def _agrees(record: Mapping[str, Any], known: Opposites, workspace: Workspace) -> bool:
    """Whether a record that passed agrees with runs from the opposite start, here and in the data set."""
    start = opposite(record["start"])
    beside = (
        other
        for point in workspace.points()
        if point.statepoint["start"] == start
        and group_name(point.composition) == record["group"]
        and (other := read_record(point)) is not None
    )
    return known.agree(record) and Opposites(beside).agree(record)


def _did_not_pass(point: PointFolder, known: Opposites) -> bool:
    record = read_record(point)
    return record is not None and (record["verdict"] != "passed" or not known.agree(record))


def _plain(node: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(node, resolve=True)
    return {str(name): value for name, value in values.items()} if isinstance(values, dict) else {}


@contextlib.contextmanager
def _campaign_log(workspace: Workspace) -> Iterator[None]:
    """Warnings of all processes go to the terminal and, with their time, to ``campaign.log`` in the workspace."""
    screen, file = logging.StreamHandler(), logging.FileHandler(workspace.path / "campaign.log", delay=True)
    screen.setLevel(logging.WARNING)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.setLevel(logging.INFO)
    for handler in (screen, file):
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in (screen, file):
            log.removeHandler(handler)
            handler.close()


def _conclude(config: DictConfig, workspace: Workspace, result: Summary, choice: Choice) -> int:
    if config.figures:
        print(f"writing the data set and figures to {config.results}", flush=True)
    file = export(workspace, Path(config.results), figures=config.figures)
    if choice.skipped:
        print(f"{_count(len(choice.skipped), 'design point')} skipped for too many beads (dry_run=true lists them)")
    if file is not None:
        rows = records(workspace.points())
        print(f"{_count(len(rows), 'record')} in {file}, figures beside it")
        print(summary(rows))
    for point, reason in result.failed.items():
        print(f"failed: {point}: {reason}\n  to try again, delete {workspace.point_of(point).path / 'failed.json'}")
    for point, reason in result.left.items():
        print(f"left for now: {point}: {reason}")
    if result.open:
        how = "stopped by request" if result.interrupted else "not finished"
        print(f"{_count(len(result.open), 'state point')} {how}; the same command goes on where they are")
    if result.interrupted:
        return 130
    return 1 if result.failed or result.left else 0


@hydra.main(config_path=str(paths.CONF), config_name="simulate", version_base="1.3")
def main(config: DictConfig) -> None:
    """Entry point; a known error ends the program with its message."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        status = run(config)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it is", file=sys.stderr)
        status = 130
    except (NanonetError, OSError, OmegaConfBaseException) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()

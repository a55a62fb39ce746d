"""Which compositions to simulate, in which order."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from nanonet.domain import Composition
from nanonet.errors import ConfigError, NanonetError, SystemSizeError
from nanonet.paths import RECORDS
from simulations.builder import Start, SystemSize, system_size

#: The box of the design: ranges of the model's source, and the volume fractions that give a usable RDF.
RANGES: dict[str, tuple[float, float]] = {
    "D": (2.0, 5.0),
    "N": (25, 40),
    "phi": (0.01, 0.10),
    "eps_np_np": (0.1, 2.5),
    "eps_p_np": (0.1, 1.5),
}


class Run(NamedTuple):
    """How a composition is simulated.

    Args:
        start: how the NPs begin.
        replica: 0, 1, 2 ...
        volume_factor: how many times the volume that the size rule gives.
    """

    start: Start = "dispersed"
    replica: int = 0
    volume_factor: float = 1.0


STARTS: tuple[Start, ...] = ("dispersed", "aggregated")


class Design(Protocol):
    """A source of compositions, the same ones in the same order at every call.

    One that also knows how they are simulated has ``runs(composition)``, the :data:`Run` of each simulation.
    """

    n: int | None

    def compositions(self) -> Iterator[Composition]:
        """Compositions in order; may be endless, ``n`` says how many are wanted."""
        ...


@dataclass(frozen=True)
class Choice:
    """Design points that can be simulated, and those skipped with the reason.

    Args:
        points: accepted compositions with their sizes, in the design's order.
        skipped: compositions that need too many beads, and why.
        design: where they come from.
    """

    points: tuple[tuple[Composition, SystemSize], ...]
    skipped: tuple[tuple[Composition, str], ...]
    design: Design | None = None

    def runs(self, composition: Composition, otherwise: Sequence[Run] = ()) -> Sequence[Run]:
        """How a composition is simulated: as the design says, or as the campaign does ``otherwise``."""
        own = getattr(self.design, "runs", None)
        return (own(composition) if own else ()) or otherwise

    def remember(self) -> None:
        """Tell the design what was accepted, if it has ``remember(points)``.

        A design that looks at what was simulated would choose others when the same command goes on.
        """
        remember = getattr(self.design, "remember", None)
        if remember is not None:
            remember([composition for composition, _ in self.points])

    def write(self, file: Path) -> None:
        """Write the accepted points as CSV, in their order and with all digits, for the design ``csv``.

        With the columns of :class:`Run`, a row per simulation, where the design says them.
        """
        rows: list[list[Any]] = []
        for point, _ in self.points:
            numbers = [repr(value) for value in point.to_dict().values()]
            rows += [[*numbers, *run] for run in self.runs(point)] or [numbers]
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow([*Composition.names(), *Run._fields][: len(rows[0])])
            writer.writerows(rows)


def choose(design: Design, *, n_np_min: int, n_beads_max: int, max_tries: int = 10_000) -> Choice:
    """The first ``design.n`` points that fit the size rule; others are skipped in order and listed.

    Raises:
        ConfigError: no point fits, or too few within ``max_tries``.
    """
    points: list[tuple[Composition, SystemSize]] = []
    skipped: list[tuple[Composition, str]] = []
    for composition in islice(design.compositions(), max_tries):
        if design.n is not None and len(points) >= design.n:
            break
        try:
            points.append((composition, system_size(composition, n_np_min=n_np_min, n_beads_max=n_beads_max)))
        except SystemSizeError as error:
            skipped.append((composition, str(error)))
    if not points or (design.n is not None and len(points) < design.n and len(points) + len(skipped) >= max_tries):
        example = f"; the first was skipped because {skipped[0][1]}" if skipped else ""
        raise ConfigError(f"the design gave {len(points)} usable points, {design.n} were asked for{example}")
    return Choice(tuple(points), tuple(skipped), design)


def ranges(given: Mapping[str, Sequence[float]] | None) -> dict[str, tuple[float, float]]:
    """The design's box with some ranges replaced.

    Raises:
        ConfigError: an unknown name, or a range that is not two rising numbers.
    """
    result = dict(RANGES)
    for name, value in (given or {}).items():
        if name not in RANGES:
            raise ConfigError(f"a design has no range {name!r}; its ranges are {', '.join(RANGES)}")
        pair = tuple(float(item) for item in value) if isinstance(value, Sequence) else ()
        if len(pair) != 2 or not all(math.isfinite(item) for item in pair) or pair[0] > pair[1]:
            raise ConfigError(f"range {name} must be two rising numbers, got {value!r}")
        result[name] = (pair[0], pair[1])
    return result


def _scale(unit: np.ndarray, box: Mapping[str, tuple[float, float]]) -> Composition:
    values: dict[str, Any] = {}
    for name, u in zip(box, unit, strict=True):
        low, high = box[name]
        if name == "N":
            # every whole number from low to high has the same share
            values[name] = int(min(high, math.floor(low + u * (high - low + 1))))
        else:
            values[name] = round(low + float(u) * (high - low), 6)
    return Composition.from_phi(**values)


class Sobol:
    """Points of a scrambled Sobol sequence: any beginning of it covers the box evenly.

    Args:
        n: how many.
        seed: of the scrambling; the sequence does not depend on ``n``, so a design can be extended.
        box: ranges that differ from the default.
    """

    def __init__(self, n: int, *, seed: int = 0, box: Mapping[str, Sequence[float]] | None = None) -> None:
        self.n = _count(n)
        self.seed = int(seed)
        self.box = ranges(box)

    def compositions(self) -> Iterator[Composition]:
        """See :class:`Design`; endless."""
        from scipy.stats import qmc

        engine = qmc.Sobol(d=len(self.box), scramble=True, rng=np.random.default_rng(self.seed))
        while True:
            # a power of two at a time keeps the sequence balanced
            for unit in engine.random(64):
                yield _scale(unit, self.box)


class LatinHypercube:
    """Points of a Latin hypercube: each range is cut into ``n`` equal parts, each used once.

    Args:
        n: how many; the design changes with it.
        seed: of the permutation.
        box: ranges that differ from the default.
    """

    def __init__(self, n: int, *, seed: int = 0, box: Mapping[str, Sequence[float]] | None = None) -> None:
        self.n = None
        self.count = _count(n)
        self.seed = int(seed)
        self.box = ranges(box)

    def compositions(self) -> Iterator[Composition]:
        """See :class:`Design`; points too large for a box are lost, others do not take their place."""
        from scipy.stats import qmc

        sampler = qmc.LatinHypercube(d=len(self.box), rng=np.random.default_rng(self.seed))
        for unit in sampler.random(self.count):
            yield _scale(unit, self.box)


class _Listed:
    """Compositions in order, each with the runs that were listed for it."""

    def __init__(self) -> None:
        self._runs: dict[Composition, list[Run]] = {}
        self.n: int | None = None

    def _add(self, composition: Composition, run: Run | None) -> None:
        known = self._runs.setdefault(composition, [])
        if run is not None and run not in known:
            known.append(run)

    def _first(self, n: int | None) -> None:
        self.n = None if n is None else min(_count(n), len(self._runs))

    def compositions(self) -> Iterator[Composition]:
        """See :class:`Design`; each once."""
        yield from self._runs

    def runs(self, composition: Composition) -> Sequence[Run]:
        """Starts and replicas that are listed for a composition; none where the list says nothing of them."""
        return tuple(self._runs.get(composition, ()))


class List(_Listed):
    """Compositions given one by one.

    Args:
        points: mappings with the five numbers; ``phi`` may stand for ``rho``, and ``start``, ``replica`` and
            ``volume_factor`` say how one is simulated, as in :class:`Csv`.
        n: use only the first compositions.
    """

    def __init__(self, points: Sequence[Mapping[str, Any]], *, n: int | None = None) -> None:
        if not points:
            raise ConfigError("a list of compositions must not be empty; give design.points=[{D: 3, N: 40, ...}]")
        super().__init__()
        for number, point in enumerate(points, 1):
            try:
                numbers = {key: value for key, value in dict(point).items() if key not in Run._fields}
                self._add(Composition.from_mapping(numbers), _run(point))
            except (TypeError, ValueError) as error:
                raise ConfigError(f"design.points, point {number}: {error}") from error
        self._first(n)


class Csv(_Listed):
    """Compositions from a CSV file whose header names the five numbers; ``phi`` may stand for ``rho``.

    Columns ``start`` (dispersed, aggregated), ``replica`` (0, 1, ...) and ``volume_factor`` (1, 2, ...: times the
    volume of the size rule) say how a composition is simulated, one simulation a row; where one of them is, the
    campaign's starts, replicas and volume factors do not count, and an empty cell is dispersed, 0 or 1.

    Args:
        path: the file; columns of other names are ignored.
        n: use only the first compositions.

    Raises:
        ConfigError: no such file, no rows, or a row that is not a composition (the message names it).
    """

    def __init__(self, path: str, *, n: int | None = None) -> None:
        file = Path(path)
        if not file.is_file():
            raise ConfigError(f"there is no CSV file {file}; give design.path=FILE")
        super().__init__()
        names = {*Composition.names(), "phi"}
        with file.open(newline="") as stream:
            for number, raw in enumerate(csv.DictReader(stream), 2):
                try:
                    row = {key.strip(): value for key, value in raw.items() if key}
                    given = {key: float(value) for key, value in row.items() if key in names}
                    self._add(Composition.from_mapping(given), _run(row))
                except (TypeError, ValueError, NanonetError) as error:
                    raise ConfigError(f"{file}, line {number}: {error}") from error
        if not self._runs:
            raise ConfigError(f"{file} has no rows; its header must name {', '.join(Composition.names())}")
        self._first(n)


class Records(_Listed):
    """The simulations of a data set once more: its compositions as they were asked for, their starts, replicas, boxes.

    Protocol, engine and seed are those of the campaign. Records that differ in nothing else (they were made with
    another protocol) become further replicas.

    Args:
        path: a data set in the schema of :mod:`nanonet.data.store`; the shipped one if not given.
        passed: only the records that passed.
        n: use only the first compositions.

    Raises:
        ConfigError: nothing is left.
        DataError: there is no such data set, or it is damaged.
    """

    def __init__(self, path: str | None = None, *, passed: bool = False, n: int | None = None) -> None:
        from nanonet.data import store

        super().__init__()
        file = RECORDS if path is None else Path(path).expanduser()
        dataset = store.read(file)
        if passed:
            dataset = dataset.isel(record=dataset["verdict"].values == "passed")
        columns = {name: dataset[name].values.tolist() for name in ("D", "N", "rho_target", "eps_np_np", "eps_p_np")}
        runs = zip(*(dataset[name].values.tolist() for name in Run._fields), strict=True)
        for values, run in zip(zip(*columns.values(), strict=True), runs, strict=True):
            asked = dict(zip(Composition.names(), values, strict=True))
            self._again(Composition.from_mapping(asked), _run(dict(zip(Run._fields, run, strict=True))))
        if not self._runs:
            raise ConfigError(f"no record of {file} is left to simulate{'; none passed' if passed else ''}")
        self._first(n)

    def _again(self, composition: Composition, run: Run | None) -> None:
        known = self.runs(composition)
        while run is not None and run in known:
            run = run._replace(replica=run.replica + 1)
        self._add(composition, run)


def _run(row: Mapping[str, Any]) -> Run | None:
    """What a row says of its simulation; ``None`` if it has no such columns."""
    if not set(Run._fields) & set(row):
        return None
    start = str(row.get("start") or "").strip() or STARTS[0]
    if start not in STARTS:
        raise ConfigError(f"start must be {' or '.join(STARTS)}, got {start!r}")
    replica = str(row.get("replica") or "0").strip()
    if not replica.isdecimal():
        raise ConfigError(f"replica must be a whole number, 0 or more, got {replica!r}")
    volume = str(row.get("volume_factor") or "1").strip()
    try:
        factor = float(volume)
    except ValueError:
        factor = math.nan
    if not 1 <= factor < math.inf:
        raise ConfigError(f"volume_factor must be a number, 1 or more, got {volume!r}")
    return Run(start, int(replica), factor)


def _count(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ConfigError(f"a design needs a whole number of points above 0, got {n!r}")
    return n

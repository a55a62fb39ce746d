"""The problem of nanoNET: from the composition of a polymer nanocomposite to its RDF."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.phase_confusion import phase_figure, phase_numbers
from nanonet.data.problem import Drawing, Finding, Places, Prediction, Regions
from nanonet.data.rdf_regions import rdf_places, rdf_regions
from nanonet.data.table import Table
from nanonet.domain import RDF, Composition
from nanonet.domain.forms import compositions
from nanonet.errors import ConfigError, DataError, InputError
from nanonet.paths import RECORDS
from nanonet.units import UNITS


def volume_fractions(inputs: Table) -> dict[str, FloatArray]:
    """Volume fraction (pi/6) rho D^3 of the NPs of each composition."""
    return {"phi": np.pi / 6.0 * inputs["rho"] * inputs["D"] ** 3}


class Nanocomposite:
    """Records of the store (:mod:`nanonet.data.store`) as labelled data.

    Inputs are the five numbers of a composition with the measured rho; the target is g(r) [1] on
    the bins of the file; replicas of one composition asked for are one group.

    Args:
        path: a data set in the store's schema; the shipped one if not given.
        include_short: also records whose run was too short for its verdict.
        include_failed: also records that failed their equilibration checks; never to train a
            model that is published.
        least: smallest number of compositions that is enough.
        volume_factor: only records from boxes of this many times the volume of the size rule; ``None`` for all. The
            RDF of an aggregate depends on the box, and no input says which it was.

    Raises:
        ConfigError: ``least`` is below 1, or ``volume_factor`` is.
    """

    name = "nanocomposite"
    #: Core edge, first peak and tail.
    regions: ClassVar[Regions] = staticmethod(rdf_regions)
    #: Not the density alone: NPs twice as large fill eight times the volume.
    covered: ClassVar[Callable[[Table], Mapping[str, Any]]] = staticmethod(volume_fractions)
    units: ClassVar[Mapping[str, str]] = UNITS
    #: On which scale bands have their widths.
    places: ClassVar[Places] = staticmethod(rdf_places)
    drawings: ClassVar[Mapping[str, Drawing]] = {"Phases of held-out compositions": phase_figure}
    findings: ClassVar[Mapping[str, Finding]] = {"phases": phase_numbers}

    def __init__(
        self,
        path: str | None = None,
        include_short: bool = False,
        include_failed: bool = False,
        least: int = 1,
        volume_factor: float | None = 1.0,
    ) -> None:
        if least < 1:
            raise ConfigError(f"least must be at least 1 composition, got {least!r}")
        if volume_factor is not None and not volume_factor >= 1:
            raise ConfigError(f"volume_factor must be 1 or more, or null for all boxes, got {volume_factor!r}")
        self.volume_factor = None if volume_factor is None else float(volume_factor)
        self.path, self.least = path, int(least)
        self.include_short, self.include_failed = bool(include_short), bool(include_failed)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            "path": self.path,
            "include_short": self.include_short,
            "include_failed": self.include_failed,
            "least": self.least,
            "volume_factor": self.volume_factor,
        }

    def read(self) -> Dataset:
        """Read the file and keep the records that are asked for.

        Raises:
            DataError: no file, not in the schema, or fewer than ``least`` compositions are left.
        """
        from nanonet.data import store

        file = Path(self.path).expanduser() if self.path else RECORDS
        if not self.path and not file.is_file():
            raise DataError(
                f"the shipped data set {file} is not there; make records with `make simulate` "
                "and name them with dataset.path=FILE.nc"
            )
        records = store.read(file)
        verdicts = [str(value) for value in records["verdict"].values]
        wanted = (
            {"passed"} | ({"short"} if self.include_short else set()) | ({"failed"} if self.include_failed else set())
        )
        finite = np.isfinite(records["g"].values).all(axis=1)
        boxes = records["volume_factor"].values
        fits = np.ones(len(boxes), dtype=bool) if self.volume_factor is None else boxes == self.volume_factor
        rows = [row for row, verdict in enumerate(verdicts) if verdict in wanted and finite[row] and fits[row]]
        counts = dict(sorted(Counter(verdicts).items()))
        groups = [str(value) for value in records["group"].values[rows]]
        if len(set(groups)) < self.least:
            away = int((~fits).sum())
            others = f", {away} of them in other boxes than volume_factor = {self.volume_factor}" if away else ""
            raise DataError(
                f"{file} has {len(set(groups))} compositions to learn from, at least {self.least} are needed; its "
                f"{len(verdicts)} records: {', '.join(f'{n} {v}' for v, n in counts.items()) or 'none'}{others}. "
                "Simulate on (`make simulate`), take flagged records with dataset.include_short=true, or ask for fewer "
                "with dataset.least=..."
            )
        unit = str(records["r"].attrs.get("units", "sigma"))
        error = records["g_error"].values[rows]
        inputs = Table({name: records[name].values[rows] for name in Composition.names()})
        return Dataset(
            inputs=inputs,
            targets=records["g"].values[rows],
            noise=error if np.isfinite(error).all() else None,
            groups=np.array(groups, dtype=str),
            labels={"replica": np.array(groups, dtype=str)},
            names=tuple(str(records["record"].values[row]) for row in rows),
            titles=tuple(Composition(**numbers).title(lines=2) for numbers in inputs.rows()),
            target="g",
            unit="1",
            axis=Axis(name="r", unit=unit, values=tuple(records["r"].values.tolist())),
            source={
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "records": counts,
                "used": len(rows),
            },
        )

    def parse(self, value: Any, numbers: Mapping[str, Any]) -> tuple[Table, bool]:
        """Compositions in any of the :data:`nanonet.domain.forms.FORMS`, as a table.

        Raises:
            InputError: none of these forms, or both a value and keywords.
            CompositionError: a number is missing or not physical; in a table, in which row.
        """
        found, single = compositions(value, numbers)
        return _table(found), single

    def present(self, prediction: Prediction) -> list[RDF]:
        """One :class:`nanonet.RDF` per record, with its band."""
        if prediction.axis is None:
            raise InputError("an RDF needs its axis r; the model was not trained on curves")
        r = prediction.axis.array()
        return [
            RDF(
                r=r,
                g=prediction.targets[row],
                composition=Composition(**numbers),
                band=None
                if prediction.low is None or prediction.high is None
                else (prediction.low[row], prediction.high[row]),
                in_domain=not prediction.outside[row],
            )
            for row, numbers in enumerate(prediction.inputs.rows())
        ]


def _table(compositions: Sequence[Composition]) -> Table:
    values = np.array([c.to_array() for c in compositions])
    return Table(dict(zip(Composition.names(), values.T, strict=True)))

"""The problem of polymer electrolytes: ionic conductivity from polymer, salt and temperature."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nanonet.chemistry.clusters import clusters
from nanonet.chemistry.periodic import polymer_name
from nanonet.data.csvfile import read_columns, require
from nanonet.data.dataset import Dataset
from nanonet.data.electrolyte_figures import known_electrolytes
from nanonet.data.fetch import SPE, fetch
from nanonet.data.laws import arrhenius, vtf
from nanonet.data.problem import Drawing, Prediction, Question
from nanonet.data.table import Table
from nanonet.domain.electrolyte import Conductivity, Electrolyte, electrolytes
from nanonet.errors import ConfigError, DataError, InputError

log = logging.getLogger(__name__)

TARGET, UNIT = "log10_conductivity", "log10(S/cm)"
COLUMNS = ("smiles", "conductivity", "mw", "salt smiles", "molality", "temperature")
#: Stands for a molar mass that is not known [g/mol], as in Chem-prop-pred.
MOLAR_MASS = 65_000.0
#: Above this a molality is doubtful [mol/kg].
DOUBTFUL = 10.0
#: log10(S/cm) of anything from an insulator to a superionic conductor.
LOG10_RANGE = (-25.0, 2.0)
#: A table whose lowest temperature lies above this is one in kelvin [degC].
COLDEST = 200.0
#: Folds of Chem-prop-pred, and how many of the most frequent polymers are never tested there.
FOLDS, NEVER = 10, 2


class Electrolytes:
    """Measured conductivities of polymer electrolytes (Bradford et al. 2023, Chem-prop-pred).

    Inputs: ``polymer`` and ``salt`` (canonical SMILES; no salt is an empty text), ``molality`` [mol/kg]
    (0 without salt), ``log10_molar_mass`` (of g/mol; that of 65,000 where it is not known, and then
    ``molar_mass_known`` is 0, else 1), ``temperature`` [degC]. Target: log10 of sigma in S/cm, which is
    what the file holds.

    A group is a polymer, wherever its repeat unit was cut (``*COC*`` is ``*CCO*``). Labels:
    ``chem_prop_fold`` (their test folds 0-9, empty for what they never test), ``cluster`` (see
    :func:`nanonet.chemistry.clusters.clusters`), ``kind`` (``salt`` or ``polyanion``), ``row`` (in the file),
    ``replica`` (the same for measurements of one electrolyte under the same conditions).

    Rows that repeat another one, target included, are left out and counted in ``source``; repeated
    measurements with other results are kept. So are molalities above 10 mol/kg, which are doubtful, unless
    ``largest_molality`` leaves them out.

    Args:
        path: a file in the form of the published one, which is fetched if not given.
        n_clusters: chemistry clusters in the label ``cluster``; 0 makes none.
        largest_molality: rows above it are left out [mol/kg].

    Raises:
        ConfigError: an empty path, or a number out of its range.
    """

    name = "spe"
    units: ClassVar[Mapping[str, str]] = {
        "molality": "mol/kg",
        "log10_molar_mass": "log10 of g/mol",
        "temperature": "degC",
    }
    #: What a loaded model answers beside the conductivity.
    questions: ClassVar[Mapping[str, Question]] = {"arrhenius": arrhenius, "vtf": vtf}
    #: What a run draws beside the general figures.
    drawings: ClassVar[Mapping[str, Drawing]] = {"Arrhenius plot of known electrolytes": known_electrolytes}

    def __init__(self, path: str | None = None, n_clusters: int = 20, largest_molality: float | None = None) -> None:
        if path is not None and not str(path).strip():
            raise ConfigError("dataset.path is empty; name a CSV file, or null for the published one")
        if n_clusters < 0 or (largest_molality is not None and not largest_molality > 0):
            raise ConfigError(
                f"n_clusters must not be negative and largest_molality positive, got {n_clusters}, {largest_molality}"
            )
        self.path, self.n_clusters, self.largest_molality = path, int(n_clusters), largest_molality

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"path": self.path, "n_clusters": self.n_clusters, "largest_molality": self.largest_molality}

    def read(self) -> Dataset:
        """Read and check the file.

        Raises:
            DataError: no file, a column is missing, a unit is another one, or a row is refused (says which).
        """
        file, columns = read_table(self.path, SPE, COLUMNS)
        texts = [str(value) for value in columns["smiles"]]
        targets = numbers(file, "conductivity", columns["conductivity"])
        check_units(file, columns)
        made = [_electrolyte(file, row, values) for row, values in enumerate(rows_of(columns))]
        kept, left_out = self._kept(made, targets)
        found = [made[row] for row in kept]
        labels = {
            "chem_prop_fold": chem_prop_folds(texts)[kept],
            "kind": np.array(["salt" if one.salt else "polyanion" for one in found], dtype=str),
            "row": np.array([str(row) for row in kept], dtype=str),
            "replica": _numbered(found),
        }
        if self.n_clusters:
            labels["cluster"] = clusters([one.polymer for one in found], self.n_clusters)
        unknown = sum(one.molar_mass is None for one in found)
        doubtful = sum(one.molality > DOUBTFUL for one in found)
        log.info(
            "%d rows without molar mass are taken for %g g/mol; %d have a doubtful molality; left out: %s",
            unknown,
            MOLAR_MASS,
            doubtful,
            left_out or "none",
        )
        return Dataset(
            inputs=table_of(found),
            targets=targets[kept],
            groups=np.array([polymer_name(one.polymer) for one in found], dtype=str),
            labels=labels,
            names=tuple(str(row) for row in kept),
            target=TARGET,
            unit=UNIT,
            source={
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "used": len(found),
                "left_out": left_out,
                "molar_mass_unknown": unknown,
                "molality_doubtful": doubtful,
            },
        )

    def _kept(self, made: Sequence[Electrolyte], targets: NDArray[Any]) -> tuple[list[int], dict[str, int]]:
        """Rows to learn from, and how many are left out and why."""
        seen: set[Any] = set()
        kept: list[int] = []
        why: Counter[str] = Counter()
        for row, one in enumerate(made):
            key = (one, float(targets[row]))
            if key in seen:
                why["repeated"] += 1
            elif self.largest_molality is not None and one.molality > self.largest_molality:
                why["molality"] += 1
            else:
                seen.add(key)
                kept.append(row)
        return kept, dict(why)

    def parse(self, value: Any, numbers: Mapping[str, Any]) -> tuple[Table, bool]:
        """Electrolytes in any of their forms, or a CSV file of them, as a table.

        Raises:
            InputError: none of these forms, or not physical; in a table, in which row.
        """
        found, single = electrolytes(value, numbers)
        return table_of(found), single

    def present(self, prediction: Prediction) -> list[Conductivity]:
        """One :class:`nanonet.domain.electrolyte.Conductivity` per record."""
        return [
            Conductivity(
                log10=float(prediction.targets[row]),
                electrolyte=one,
                low=None if prediction.low is None else float(prediction.low[row]),
                high=None if prediction.high is None else float(prediction.high[row]),
                in_domain=not prediction.outside[row],
            )
            for row, one in enumerate(electrolytes_of(prediction.inputs))
        ]


def _numbered(found: Sequence[Electrolyte]) -> NDArray[np.str_]:
    """One text for each different electrolyte."""
    known: dict[Electrolyte, int] = {}
    return np.array([str(known.setdefault(one, len(known))) for one in found], dtype=str)


def table_of(found: Sequence[Electrolyte]) -> Table:
    """The inputs of a model, one row per electrolyte; see :class:`Electrolytes`."""
    known = np.array([one.molar_mass is not None for one in found])
    mass = np.array([MOLAR_MASS if one.molar_mass is None else one.molar_mass for one in found])
    return Table(
        {
            "polymer": np.array([one.polymer for one in found], dtype=str),
            "salt": np.array([one.salt for one in found], dtype=str),
            "molality": np.array([one.molality for one in found], dtype=float),
            "log10_molar_mass": np.log10(mass),
            "molar_mass_known": known.astype(float),
            "temperature": np.array([one.temperature for one in found], dtype=float),
        }
    )


def electrolytes_of(inputs: Table) -> list[Electrolyte]:
    """The electrolytes that :func:`table_of` made a table of."""
    return [
        Electrolyte(
            polymer=values["polymer"],
            salt=values["salt"],
            molality=values["molality"],
            temperature=values["temperature"],
            molar_mass=10.0 ** values["log10_molar_mass"] if values["molar_mass_known"] > 0 else None,
        )
        for values in inputs.rows()
    ]


def chem_prop_folds(polymers: Sequence[str]) -> NDArray[np.str_]:
    """The test fold of each record in Chem-prop-pred, or an empty text.

    Polymers are ordered by how often they occur, ties as they appear; number i of the order is in
    test fold i mod 10. The two most frequent ones and those with a ``-`` in their SMILES (charges) always train.

    Args:
        polymers: SMILES as in their file.
    """
    order = [text for text, _ in Counter(polymers).most_common()]
    fold = {text: "" if rank < NEVER or "-" in text else str(rank % FOLDS) for rank, text in enumerate(order)}
    return np.array([fold[text] for text in polymers], dtype=str)


def read_table(path: str | None, public: Any, columns: Sequence[str]) -> tuple[Path, dict[str, list[Any]]]:
    """A CSV file, the published one if ``path`` is not given, and its columns.

    Raises:
        DataError: no file, empty, or a column is missing.
    """
    file = Path(path).expanduser() if path else fetch(public)
    if not file.is_file():
        raise DataError(f"there is no file {file}; name a CSV file with dataset.path=..., or leave it out")
    try:
        found = read_columns(file)
    except InputError as error:
        raise DataError(str(error)) from error
    require(found, columns, file)
    return file, found


def rows_of(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """One mapping per row."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def numbers(file: Path, name: str, values: Sequence[Any]) -> NDArray[np.float64]:
    """A column of finite numbers.

    Raises:
        DataError: a cell is empty or not a finite number; in which row.
    """
    for row, value in enumerate(values):
        if not isinstance(value, float) or not np.isfinite(value):
            raise DataError(f"{file}, row {row}, column {name!r}: expected a finite number, got {value!r}")
    return np.array(values, dtype=float)


def check_units(file: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Conductivities are logarithms, temperatures degC, molar masses not logarithms.

    Raises:
        DataError: which column looks like another unit.
    """
    target = numbers(file, "conductivity", columns["conductivity"])
    low, high = LOG10_RANGE
    if target.min() > 0 or target.min() < low or target.max() > high:
        raise DataError(
            f"{file}: conductivity must be log10 of S/cm, from {low:g} to {high:g}, got {target.min():g} to "
            f"{target.max():g}; take the logarithm of plain values"
        )
    temperature = numbers(file, "temperature", columns["temperature"])
    if temperature.min() > COLDEST:
        raise DataError(
            f"{file}: the lowest temperature is {temperature.min():g}, which looks like kelvin; temperatures are in "
            "degC, subtract 273.15"
        )
    mass = [value for value in columns["mw"] if isinstance(value, float)]
    if mass and max(mass) < 20.0:
        raise DataError(
            f"{file}: the largest mw is {max(mass):g}, which looks like a logarithm; molar masses are in g/mol"
        )


def _electrolyte(file: Path, row: int, values: Mapping[str, Any]) -> Electrolyte:
    try:
        return Electrolyte(
            polymer=values["smiles"],
            salt=values["salt smiles"],
            molality=values["molality"],
            temperature=values["temperature"],
            molar_mass=values["mw"],
        )
    except InputError as error:
        raise DataError(f"{file}, row {row}: {error}") from error

"""The problem of blends: thermal conductivity of binary polymer blends from their repeat units."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nanonet.data.csvfile import read_columns, require
from nanonet.data.dataset import Dataset
from nanonet.data.fetch import BLEND_TC, fetch
from nanonet.data.pool import Pairs
from nanonet.data.problem import Prediction
from nanonet.data.table import Table
from nanonet.domain.blend import Blend, BlendConductivity, blends
from nanonet.errors import ConfigError, DataError, InputError

UNIT = "W/m/K"
#: Chains in a simulated system; the column ``weight`` counts those of component 1.
CHAINS = 6
#: Chains of component 1 in the blends that are screened.
POOL_CHAINS = (1, 3, 5)
COLUMNS = ("PID1", "PID2", "SMILES1", "SMILES2", "ratio", "weight", "Comp1_TC", "Comp2_TC", "TC_mean", "outperform")


class BlendTC:
    """TC of blends and single polymers from non-equilibrium molecular dynamics (Xu and Luo 2024).

    Inputs: ``smiles1``, ``smiles2`` (canonical), ``fraction`` = weight / 6 of polymer 1, and ``tc1``,
    ``tc2``, the TC of each polymer alone [W/m/K] as the file has them (NaN where it is unknown). Target:
    ``tc`` [W/m/K]. A single polymer is a blend with itself; **its tc1 and tc2 are its target**, so
    a model that takes them is judged on blends only.

    A group is a pair of structures, in either order: ids say less, because the file has ids that
    share a structure (cis and trans are not told apart). Labels: ``pair`` (the same), ``polymer1``,
    ``polymer2``, ``kind`` (``blend``, or ``single`` also for a blend with itself), ``row`` (number in
    the file, from 0).

    Args:
        path: a file in the form of the published one, which is fetched if not given.
        singles: also the single polymers.
        noise: standard deviation of a conductivity from one random structure to the next [W/m/K], which no
            model can predict; 0.042 was found in repeats (95 % interval 0.031 to 0.064).

    Raises:
        ConfigError: an empty path, or a negative noise.
    """

    name = "blend_tc"
    units: ClassVar[Mapping[str, str]] = {"tc1": UNIT, "tc2": UNIT}

    def __init__(self, path: str | None = None, singles: bool = True, noise: float = 0.042) -> None:
        if path is not None and not str(path).strip():
            raise ConfigError("dataset.path is empty; name a CSV file, or null for the published one")
        if not noise >= 0:
            raise ConfigError(f"dataset.noise is a standard deviation, 0 or more, got {noise!r}")
        self.path, self.singles, self.noise = path, bool(singles), float(noise)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"path": self.path, "singles": self.singles, "noise": self.noise}

    def read(self) -> Dataset:
        """Read and check the file.

        Raises:
            DataError: no file, a column is missing, or a row contradicts itself (says which).
        """
        file = Path(self.path).expanduser() if self.path else fetch(BLEND_TC)
        if not file.is_file():
            raise DataError(f"there is no file {file}; name a CSV file with dataset.path=..., or leave it out")
        try:
            columns = read_columns(file)
        except InputError as error:
            raise DataError(str(error)) from error
        require(columns, COLUMNS, file)
        made = [_record(file, row, values) for row, values in enumerate(_rows(columns))]
        kept = [row for row, (blend, _) in enumerate(made) if self.singles or not blend.is_single]
        if not kept:
            raise DataError(f"{file} has no blends of two polymers; set dataset.singles=true")
        found = [made[row][0] for row in kept]
        pairs = [" | ".join(sorted((blend.polymer1, blend.polymer2))) for blend in found]
        return Dataset(
            inputs=_table(found),
            targets=np.array([made[row][1] for row in kept]),
            noise=np.full(len(kept), self.noise),
            groups=np.array(pairs, dtype=str),
            labels={
                "pair": np.array(pairs, dtype=str),
                "polymer1": np.array([blend.polymer1 for blend in found], dtype=str),
                "polymer2": np.array([blend.polymer2 for blend in found], dtype=str),
                "kind": np.array(["single" if blend.is_single else "blend" for blend in found], dtype=str),
                "row": np.array([str(row) for row in kept], dtype=str),
            },
            names=tuple(f"row{row}" for row in kept),
            target="tc",
            unit=UNIT,
            source={
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "address": None if self.path else BLEND_TC.url,
                "licence": None if self.path else BLEND_TC.licence,
                "records": len(made),
                "used": len(kept),
                "two_conductivities": _inconsistent(columns),
            },
        )

    def pool(self) -> Pairs:
        """All pairs of the single polymers of the file, at 1, 3 and 5 chains of 6 (the paper's Dataset 5).

        A polymer's conductivity is the mean of those that its records say it has alone; a blend is
        asked to exceed both.

        Raises:
            DataError: see :meth:`read`, or the file has fewer than two single polymers.
        """
        dataset = BlendTC(self.path).read()
        alone = dataset.inputs["tc1"]
        single = (dataset.labels["kind"] == "single") & np.isfinite(alone)
        smiles, inverse = np.unique(dataset.inputs["smiles1"][single], return_inverse=True)
        if len(smiles) < 2:
            raise DataError(f"a pool of blends needs two single polymers with a conductivity, got {len(smiles)}")
        tc = np.bincount(inverse, weights=alone[single]) / np.bincount(inverse)
        shares = tuple(chains / CHAINS for chains in POOL_CHAINS)
        return Pairs(Table({"smiles": smiles, "tc": tc}), shares, exceed=("tc1", "tc2"))

    def parse(self, value: Any, numbers: Mapping[str, Any]) -> tuple[Table, bool]:
        """Blends in any of the forms of :data:`nanonet.domain.blend.BLEND`, or a CSV file, as a table.

        Raises:
            InputError: none of these forms, or both a value and keywords.
            BlendError, SmilesError: a blend that cannot be; in a table, in which row.
        """
        if isinstance(value, Path) or (isinstance(value, str) and value.endswith(".csv")):
            value = read_columns(Path(value).expanduser())
        found, single = blends(value, numbers)
        return _table(found), single

    def present(self, prediction: Prediction) -> list[BlendConductivity]:
        """One :class:`nanonet.domain.blend.BlendConductivity` per record."""
        made = []
        for row, values in enumerate(prediction.inputs.rows()):
            made.append(
                BlendConductivity(
                    blend=Blend.from_mapping(values),
                    value=float(prediction.targets[row]),
                    low=None if prediction.low is None else float(prediction.low[row]),
                    high=None if prediction.high is None else float(prediction.high[row]),
                    in_domain=not prediction.outside[row],
                )
            )
        return made


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [
        dict(zip(COLUMNS, values, strict=True)) for values in zip(*(columns[name] for name in COLUMNS), strict=True)
    ]


def _record(file: Path, row: int, values: Mapping[str, Any]) -> tuple[Blend, float]:
    """Blend and TC of a row, checked against what the row says twice."""

    def wrong(what: str) -> DataError:
        return DataError(f"{file}, row {row}: {what}; the file is damaged or of another version")

    for name in ("ratio", "weight", "TC_mean", "outperform"):
        if not isinstance(values[name], float):
            raise wrong(f"{name} must be a number, got {values[name]!r}")
    weight, tc = values["weight"], values["TC_mean"]
    if not 0 < weight < CHAINS or abs(values["ratio"] - weight / (CHAINS - weight)) > 1e-6:
        raise wrong(
            f"weight must count the chains of component 1 out of {CHAINS} and ratio be weight / ({CHAINS} - weight), "
            f"got {weight!r} and {values['ratio']!r}"
        )
    if not tc > 0:
        raise wrong(f"TC_mean must be a conductivity above 0 {UNIT}, got {tc!r}")
    try:
        blend = Blend(
            polymer1=values["SMILES1"],
            polymer2=values["SMILES2"],
            fraction=weight / CHAINS,
            tc1=values["Comp1_TC"],
            tc2=values["Comp2_TC"],
        )
    except InputError as error:
        raise wrong(str(error)) from error
    if values["PID1"] == values["PID2"] and not blend.is_single:
        raise wrong(f"components {values['PID1']} and {values['PID2']} are one polymer with two structures")
    known = [value for value in (blend.tc1, blend.tc2) if value is not None]
    if len(known) == 2 and bool(values["outperform"]) != (tc > max(known)):
        raise wrong(f"outperform is {values['outperform']:g}, but TC_mean = {tc:g} and its constituents have {known}")
    return blend, tc


def _inconsistent(columns: Mapping[str, Sequence[Any]]) -> str:
    """Ids that the file gives two conductivities, for the record; models see each as the row has it."""
    found: dict[str, set[Any]] = {}
    for ids, values in ((columns["PID1"], columns["Comp1_TC"]), (columns["PID2"], columns["Comp2_TC"])):
        for name, value in zip(ids, values, strict=True):
            found.setdefault(str(name), set()).add(value)
    return " ".join(sorted(name for name, values in found.items() if len(values) > 1)) or "none"


def _table(found: Sequence[Blend]) -> Table:
    nan = float("nan")
    return Table(
        {
            "smiles1": [blend.polymer1 for blend in found],
            "smiles2": [blend.polymer2 for blend in found],
            "fraction": [blend.fraction for blend in found],
            "tc1": [nan if blend.tc1 is None else blend.tc1 for blend in found],
            "tc2": [nan if blend.tc2 is None else blend.tc2 for blend in found],
        }
    )

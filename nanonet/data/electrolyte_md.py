"""The problem of simulated polymer electrolytes: transport in many polymers with one salt."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nanonet.chemistry.clusters import clusters
from nanonet.chemistry.periodic import polymer_name
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.electrolyte import Electrolytes, electrolytes_of, numbers, read_table, rows_of, table_of
from nanonet.data.fetch import HTPMD
from nanonet.data.problem import Drawing, Prediction, Question
from nanonet.data.table import Table
from nanonet.domain.electrolyte import ZERO_CELSIUS, Electrolyte, Transport, electrolytes
from nanonet.errors import ConfigError, DataError, InputError

log = logging.getLogger(__name__)

#: The salt of all simulations, and their temperature [K].
LITFSI = "O=S(=O)([N-]S(=O)(=O)C(F)(F)F)C(F)(F)F.[Li+]"
KELVIN = 353.0
#: What was computed: name -> column, unit. Logarithms are of numbers in these units.
QUANTITIES = {
    "conductivity": ("conductivity", "log10(S/cm)"),
    "li_diffusivity": ("li_diffusivity", "log10(cm2/s)"),
    "tfsi_diffusivity": ("tfsi_diffusivity", "log10(cm2/s)"),
    "poly_diffusivity": ("poly_diffusivity", "log10(cm2/s)"),
    "transference_number": ("transference_number", "1"),
}
#: Name of a quantity as a target.
TARGETS = {name: name if unit == "1" else f"log10_{name}" for name, (_, unit) in QUANTITIES.items()}
COLUMNS = ("s3_prefix", "mol_smiles", "molarity", *(column for column, _ in QUANTITIES.values()))
#: Batch whose conductivities lie higher by about 0.16 in log10: those without a further name.
BASE = "base"


class SimulatedElectrolytes(Electrolytes):
    """Transport in polymers with LiTFSI at 353 K from molecular dynamics (Xie et al. 2022, htp_md).

    Inputs as for :class:`nanonet.data.electrolyte.Electrolytes`, with one salt and one temperature, no
    molar mass, the molality (50 ions over the mass of the chains in the box; the file calls it molarity),
    and ``batch``, the series of simulations: ``base``, ``dummy_1200``, ``rerun_failed``, ``after``. Target:
    log10 of the quantity, but the transference number as it is; or several quantities at once.

    Runs are short, and labels noisy. A transference number is a share, so that those below 0 or above 1 are
    no values of it: where it is the target, their rows are left out and counted; where it is one of several, it
    is not known (NaN) in them.

    Labels: ``cluster``, ``batch``, ``row``. Every polymer is simulated once, so a group is nearly a record.

    Args:
        path: a file in the form of the published one, which is fetched if not given.
        n_clusters: chemistry clusters in the label ``cluster``; 0 makes none.
        quantity: one of :data:`QUANTITIES`, or a list of several.
        batch: which series questions of a user are answered for.

    Raises:
        ConfigError: an empty path, or an unknown quantity.
    """

    name = "spe_md"
    #: One temperature only, so nothing to ask about it and no curve to draw.
    questions: ClassVar[Mapping[str, Question]] = {}
    drawings: ClassVar[Mapping[str, Drawing]] = {}

    def __init__(
        self,
        path: str | None = None,
        n_clusters: int = 20,
        quantity: str | Sequence[str] = "conductivity",
        batch: str = "dummy_1200",
    ) -> None:
        super().__init__(path, n_clusters)
        several = not isinstance(quantity, str)
        self.quantities = [str(one) for one in quantity] if several else [str(quantity)]
        if not self.quantities or not set(self.quantities) <= set(QUANTITIES):
            raise ConfigError(f"quantity is one of {', '.join(QUANTITIES)}, or a list of these, got {quantity!r}")
        if len(set(self.quantities)) < len(self.quantities):
            raise ConfigError(f"a list of quantities names each once, got {', '.join(self.quantities)}")
        self.quantity: str | list[str] = self.quantities if several else self.quantities[0]
        self.batch = str(batch)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"path": self.path, "n_clusters": self.n_clusters, "quantity": self.quantity, "batch": self.batch}

    def read(self) -> Dataset:
        """Read and check the file.

        Raises:
            DataError: no file, a column is missing, or a row is refused (says which).
        """
        file, columns = read_table(self.path, HTPMD, COLUMNS)
        values = np.stack([_values(file, columns, quantity) for quantity in self.quantities], axis=1)
        good = np.asarray(np.isfinite(values).any(axis=1))
        made, seen, kept = [], set(), []
        for row, record in enumerate(rows_of(columns)):
            try:
                one = _electrolyte(record)
            except InputError as error:
                raise DataError(f"{file}, row {row}: {error}") from error
            # As text, for NaN is not equal to itself.
            key = (one, _batch(str(record["s3_prefix"])), str(values[row].tolist()))
            if good[row] and key not in seen:
                kept.append(row)
                made.append(one)
            seen.add(key)
        if not kept:
            raise DataError(f"{file} has no usable {', '.join(self.quantities)}")
        left_out = {"impossible": int((~good).sum()), "repeated": int(good.sum()) - len(kept)}
        batches = np.array([_batch(str(columns["s3_prefix"][row])) for row in kept], dtype=str)
        log.info("batches: %s; left out: %s", dict(Counter(batches.tolist())), left_out)
        labels = {"batch": batches, "row": np.array([str(row) for row in kept], dtype=str)}
        if self.n_clusters:
            labels["cluster"] = clusters([one.polymer for one in made], self.n_clusters)
        several = not isinstance(self.quantity, str)
        units = {TARGETS[quantity]: QUANTITIES[quantity][1] for quantity in self.quantities}
        (target, unit), *_ = units.items()
        return Dataset(
            inputs=Table({**table_of(made), "batch": batches}),
            targets=values[kept] if several else values[kept, 0],
            groups=np.array([polymer_name(one.polymer) for one in made], dtype=str),
            labels=labels,
            names=tuple(str(row) for row in kept),
            target="transport" if several else target,
            unit="" if several else unit,
            axis=Axis.of_numbers("quantity", units) if several else None,
            source={
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "used": len(kept),
                "left_out": left_out,
                **({"unknown": int(np.isnan(values[kept]).sum())} if several else {}),
            },
        )

    def present(self, prediction: Prediction) -> list[Any]:
        """Conductivities where these are the target, else :class:`nanonet.domain.electrolyte.Transport` objects."""
        if prediction.target == TARGETS["conductivity"]:
            return super().present(prediction)
        names = (prediction.target,) if prediction.axis is None else prediction.axis.labels
        shape = (len(prediction.targets), len(names))

        def cell(array: Any, row: int) -> dict[str, float] | None:
            return None if array is None else dict(zip(names, array.reshape(shape)[row].tolist(), strict=True))

        return [
            Transport(
                numbers=cell(prediction.targets, row) or {},
                electrolyte=one,
                low=cell(prediction.low, row),
                high=cell(prediction.high, row),
                in_domain=not prediction.outside[row],
            )
            for row, one in enumerate(electrolytes_of(prediction.inputs))
        ]

    def parse(self, value: Any, numbers: Mapping[str, Any]) -> tuple[Table, bool]:
        """As for measured electrolytes; the batch is the one that was asked for when the model was made."""
        found, single = electrolytes(value, numbers)
        return Table({**table_of(found), "batch": np.array([self.batch] * len(found), dtype=str)}), single


def _values(file: Path, columns: Mapping[str, Sequence[Any]], quantity: str) -> NDArray[np.float64]:
    """Targets of all rows; NaN for a share below 0 or above 1, which is no value of it.

    Raises:
        DataError: a number that must be positive is not; in which row.
    """
    column, unit = QUANTITIES[quantity]
    values = numbers(file, column, columns[column])
    if unit == "1":
        return np.where((values >= 0) & (values <= 1), values, np.nan)
    if not (values > 0).all():
        row = int(np.flatnonzero(~(values > 0))[0])
        raise DataError(f"{file}, row {row}, column {column!r}: must be positive, got {values[row]:g}")
    return np.log10(values)


def _batch(prefix: str) -> str:
    """The series that a path of a simulation names: what follows the concentration, or ``base``."""
    folder = prefix.strip("/").split("/")[-2] if "/" in prefix.strip("/") else prefix
    found = re.search(r"conc_[\d.]+_(.+)$", folder)
    if not found:
        return BASE
    return re.sub(r"^after.*$", "after", found.group(1))


def _electrolyte(record: Mapping[str, Any]) -> Electrolyte:
    return Electrolyte(
        polymer=record["mol_smiles"],
        salt=LITFSI,
        molality=record["molarity"],
        temperature=KELVIN - ZERO_CELSIUS,
    )

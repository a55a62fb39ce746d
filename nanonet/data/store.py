"""The file in which simulating and learning meet: labelled records in NetCDF.

One record is one simulation of one composition. A file is complete in itself; records are
added, never overwritten. Schema 1 (dimensions ``record``, ``r``, ``block``):

=================  =================  ==========================================================
variable           dimensions         meaning
=================  =================  ==========================================================
D ... eps_p_np     record             the composition; ``rho`` is the measured one
rho_target, phi    record             what was asked for; measured volume fraction
group              record             hash of the composition asked for: replicas share it
g, g_error         record, r          RDF and its standard error (blocks, correlation included)
g_block            record, block, r   RDF of each block, NaN beyond ``n_blocks``
block_frames       record, block      frames in each block, 0 beyond ``n_blocks``
n_frames ...       record             sizes: frames, n_np, n_chains, n_beads, n_blocks
volume_factor      record             how many times the volume that the size rule gives (1 in
                                      files that do not have it)
n_transient        record             blocks of the production before these that still relaxed; they
                                      count as equilibration (0 in files that do not have it)
verdict, reasons   record             passed, short or failed, and why
capped             record             whether the production stopped at its cap
density ...        record             mean; with ``_error`` and ``_drift`` (in standard errors)
r2_end, rg2        record             chain end-to-end distance and radius of gyration, squared
msd_np             record             NP mean-square displacement in production, in D^2
halves_chi2        record             reduced chi^2 between the RDFs of the two halves
engine, device ..  record             provenance: preset, start, replica, seed, versions, created
=================  =================  ==========================================================
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nanonet.domain import RDF, Composition
from nanonet.errors import DataError, MissingDependencyError
from nanonet.units import UNITS

if TYPE_CHECKING:
    import xarray as xr

SCHEMA = 1
VERDICTS = ("passed", "short", "failed")

#: variable: (dimensions, kind), kind one of f (float), i (int), s (text), b (bool)
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    **dict.fromkeys(("D", "rho", "eps_np_np", "eps_p_np", "rho_target", "phi"), (("record",), "f")),
    "N": (("record",), "i"),
    "group": (("record",), "s"),
    "g": (("record", "r"), "f"),
    "g_error": (("record", "r"), "f"),
    "g_block": (("record", "block", "r"), "f"),
    "block_frames": (("record", "block"), "i"),
    **dict.fromkeys(
        (
            "n_blocks",
            "n_frames",
            "n_np",
            "n_chains",
            "n_beads",
            "n_rebuilds",
            "n_transient",
            "steps_equilibration",
            "steps_production",
            "replica",
            "seed",
        ),
        (("record",), "i"),
    ),
    **dict.fromkeys(
        ("verdict", "reasons", "engine", "device", "preset", "start", "versions", "created"), (("record",), "s")
    ),
    "capped": (("record",), "b"),
    **{
        f"{quantity}{suffix}": (("record",), "f")
        for quantity in ("density", "energy", "temperature", "pressure")
        for suffix in ("", "_error", "_drift")
    },
    **dict.fromkeys(
        ("r2_end", "rg2", "msd_np", "halves_chi2", "dt", "core_hours", "volume_factor"), (("record",), "f")
    ),
}
#: Variables that files of an earlier nanonet lack, with what they mean there.
LATER: dict[str, float] = {"n_transient": 0, "volume_factor": 1.0}
_DTYPES: dict[str, Any] = {"f": np.float64, "i": np.int64, "s": object, "b": np.bool_}


def _xarray():  # type: ignore[no-untyped-def]
    try:
        import xarray
    except ImportError as error:
        raise MissingDependencyError(
            "data sets need xarray, which is not installed: pip install 'nanonet[train]'"
        ) from error
    return xarray


def validate(dataset: xr.Dataset, *, source: str = "data set") -> xr.Dataset:
    """Check a data set against schema 1 and return it.

    Raises:
        DataError: newer schema, missing variables or dimensions, duplicate records, unknown
            verdicts, a negative or non-finite g, or compositions that are not physical.
    """
    schema = int(dataset.attrs.get("nanonet_schema", -1))
    if schema != SCHEMA:
        raise DataError(
            f"{source} has schema {schema if schema >= 0 else 'none'}, this nanonet reads schema {SCHEMA}; "
            + ("upgrade nanonet" if schema > SCHEMA else "it was not written by nanonet")
        )
    missing = [name for name in VARIABLES if name not in dataset]
    if missing or "r" not in dataset.coords or "record" not in dataset.coords:
        raise DataError(f"{source} lacks {', '.join(missing) or 'the coordinates record and r'}; export it again")
    for name, (dims, _) in VARIABLES.items():
        if dataset[name].dims != dims:
            raise DataError(f"{source}: {name} has dimensions {dataset[name].dims}, expected {dims}")
    records = [str(item) for item in dataset["record"].values]
    if len(set(records)) != len(records):
        twice = sorted({item for item in records if records.count(item) > 1})
        raise DataError(f"{source} holds records twice: {', '.join(twice[:5])}; every record has its own name")
    for record, verdict in zip(records, dataset["verdict"].values, strict=True):
        if verdict not in VERDICTS:
            raise DataError(f"{source}: record {record} has verdict {verdict!r}, expected one of {VERDICTS}")
    g = dataset["g"].values
    good = np.isfinite(g).all(axis=1) & (np.where(np.isfinite(g), g, 0.0) >= 0).all(axis=1)
    verdicts = dataset["verdict"].values
    bad = [name for name, ok, verdict in zip(records, good, verdicts, strict=True) if not ok and verdict != "failed"]
    if bad:
        raise DataError(f"{source}: g is negative or not finite in {', '.join(bad[:5])}; leave these records out")
    return dataset


def read(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read and validate a data set; everything is loaded, the file is closed again.

    Raises:
        DataError: no such file, not NetCDF, or :func:`validate` refuses it.
    """
    xarray = _xarray()
    file = Path(path)
    if not file.is_file():
        raise DataError(f"no data set at {file}; make one with `make simulate`, or name another")
    try:
        with xarray.open_dataset(file, engine="h5netcdf") as opened:
            dataset = opened.load()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{file} is not a readable NetCDF file ({error}); export it again") from error
    if "record" in dataset.sizes:
        for name, value in LATER.items():
            if name not in dataset:
                dataset[name] = ("record", np.full(dataset.sizes["record"], value))
    for name, (_, kind) in VARIABLES.items():
        if name in dataset:
            if kind == "s":
                dataset[name] = dataset[name].astype(object)
            elif kind == "b":
                dataset[name] = dataset[name].astype(bool)
            else:
                dataset[name] = dataset[name].astype(_DTYPES[kind])
    return validate(dataset, source=str(file))


def write(dataset: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a valid data set; the file appears whole or not at all."""
    validate(dataset)
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    encoding = {name: {"zlib": True, "complevel": 4, "dtype": "float32"} for name in ("g", "g_error", "g_block")}
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".part")
    os.close(handle)
    try:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        Path(temporary).chmod(0o644)
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return file


def from_records(records: Iterable[dict], r: np.ndarray) -> xr.Dataset:
    """One data set from plain records: a mapping per record with every variable of the schema.

    ``g_block`` and ``block_frames`` may have different numbers of blocks; they are padded.

    Raises:
        DataError: no records, or one lacks a variable.
    """
    xarray = _xarray()
    rows = sorted(records, key=lambda row: str(row.get("record")))
    if not rows:
        raise DataError("there are no records to put into a data set; simulate some first (`make simulate`)")
    for row in rows:
        lacking = sorted({"record", *VARIABLES} - set(row))
        if lacking:
            raise DataError(f"record {row.get('record')!r} lacks {', '.join(lacking)}")
    n_blocks = max(1, *(len(row["block_frames"]) for row in rows))

    def padded(value: np.ndarray, fill: float) -> np.ndarray:
        array = np.asarray(value)
        width = [(0, n_blocks - len(array))] + [(0, 0)] * (array.ndim - 1)
        return np.pad(array, width, constant_values=fill)

    variables = {}
    for name, (dims, kind) in VARIABLES.items():
        values = [row[name] for row in rows]
        if "block" in dims:
            values = [padded(value, np.nan if kind == "f" else 0) for value in values]
        array = np.array(values, dtype=np.dtype(_DTYPES[kind]))
        variables[name] = (dims, array, {"units": UNITS[name]} if name in UNITS else {})
    dataset = xarray.Dataset(
        variables,
        coords={
            "record": ("record", np.array([str(row["record"]) for row in rows], dtype=object)),
            "r": ("r", np.asarray(r, dtype=float), {"units": "sigma", "long_name": "bin centre"}),
        },
        attrs={
            "nanonet_schema": SCHEMA,
            "title": "Nanoparticle-nanoparticle RDFs of polymer nanocomposites",
            "comment": "Lennard-Jones units; see nanonet/data/store.py for the variables",
        },
    )
    return validate(dataset)


def merge(first: xr.Dataset, *others: xr.Dataset) -> xr.Dataset:
    """All records of several data sets; of a record in more than one, the longer run counts.

    Of equally long ones the last counts: it may have been judged anew by a run from the opposite start.

    Raises:
        DataError: the bins differ.
    """
    rows: dict[str, dict] = {}
    grid = first["r"].values
    for dataset in (first, *others):
        if dataset.sizes["r"] != grid.size or not np.allclose(dataset["r"].values, grid):
            raise DataError("data sets with different bins cannot be merged; export them with the same grid")
        for row in to_records(dataset):
            known = rows.get(row["record"])
            if known is None or _steps(row) >= _steps(known):
                rows[row["record"]] = row
    return from_records(rows.values(), grid)


def _steps(row: dict) -> int:
    # a longer run may count more of its steps as equilibration
    return int(row["steps_equilibration"]) + int(row["steps_production"])


def to_records(dataset: xr.Dataset) -> list[dict]:
    """The inverse of :func:`from_records`."""
    rows = []
    for index, record in enumerate(dataset["record"].values):
        row: dict = {"record": str(record)}
        blocks = int(dataset["n_blocks"].values[index])
        for name, (dims, _) in VARIABLES.items():
            value = dataset[name].values[index]
            row[name] = value[:blocks] if "block" in dims else value
        rows.append(row)
    return rows


def composition(dataset: xr.Dataset, index: int) -> Composition:
    """Composition of record number ``index``, with its measured rho."""
    return Composition(**{name: dataset[name].values[index].item() for name in Composition.names()})


def rdf(dataset: xr.Dataset, index: int) -> RDF:
    """RDF of record number ``index`` with its standard error."""
    return RDF(
        r=dataset["r"].values,
        g=dataset["g"].values[index],
        error=dataset["g_error"].values[index],
        n_frames=int(dataset["n_frames"].values[index]),
        composition=composition(dataset, index),
    )

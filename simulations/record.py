"""The result of a state point: every variable of the data set's schema, from the blocks of its attempt."""

from __future__ import annotations

import json
import math
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.errors import RestartError
from simulations.analysis.checks import blocks_in, judge
from simulations.analysis.correlation import LEAST_BLOCKS, mean_error
from simulations.analysis.rdf import block_mean
from simulations.attempt import Run, open_run, ready_attempts
from simulations.protocol import Protocol
from simulations.workspace import PointFolder, group_name, volume_factor_of, write_json

#: Number of the rules that a record was judged by; one judged by others is judged again when it is exported.
RULES = 3
THERMO = ("density", "energy", "temperature", "pressure")


def write_record(point: PointFolder, record: Mapping[str, Any]) -> None:
    """Leave a record of :func:`make_record` in the folder of its state point."""
    arrays: dict[str, Any] = {name: value for name, value in record.items() if isinstance(value, np.ndarray)}
    part = point.path / f".record.{os.getpid()}.part.npz"
    np.savez_compressed(part, **arrays)
    part.replace(point.path / "record.npz")
    write_json(point.path / "record.json", {k: v for k, v in record.items() if k not in arrays})


def read_record(point: PointFolder) -> dict[str, Any] | None:
    """What :func:`write_record` left, or ``None`` if there is none or it is not whole."""
    plain = point.read_json("record.json")
    if plain is None or not (point.path / "record.npz").is_file():
        return None
    try:
        with (point.path / "record.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    # the two files are written one after the other: killed in between, they are of different lengths
    return {**plain, **arrays} if len(arrays["g_block"]) == plain["n_blocks"] else None


def is_finished(point: PointFolder, protocol: Protocol) -> bool:
    """Whether a state point has all that ``protocol`` asks for, and a record that says so."""
    record = read_record(point)
    if record is None:
        return False
    ready = ready_attempts(point)
    if not ready:
        return True  # somebody has removed the blocks and kept the result
    try:
        run = open_run(point, protocol, ready[-1])
        end = run.production_end()
    except RestartError:
        return False
    return end is not None and blocks_of(record) == len(run.of("production")) >= end[0]


def blocks_of(record: Mapping[str, Any]) -> int:
    """Blocks of the production that a record is made from, those that it counts as equilibration included."""
    return int(record["n_blocks"]) + int(record.get("n_transient", 0))


def make_record(
    point: PointFolder, attempt: Path, run: Run, opposite: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Every variable of the store's schema for one state point, and the drift curves for figures."""
    composition, statepoint, protocol = point.composition, point.statepoint, run.protocol
    size = json.loads((attempt / "size.json").read_text())
    blocks = [block.data() for block in run.of("production")]
    infos = [block.info for block in run.blocks]
    frames = np.array([len(block["step"]) for block in blocks])
    g_blocks = np.array([block["g"] for block in blocks])
    names = (*THERMO, "r2_end", "rg2")
    thermo = {name: np.array([block[f"thermo_{name}"].mean() for block in blocks]) for name in names}
    diagnosis = judge(
        r=blocks[0]["r"],
        g_blocks=g_blocks,
        frames=frames,
        thermo_blocks=thermo,
        msd_from=lambda skip: run.msd("production", skip),
        least_blocks=protocol.production_steps // protocol.block_steps,
        diameter=composition.D,
        temperature=protocol.temperature,
        pressure=protocol.pressure,
        trainable=protocol.trainable,
        opposite=None if opposite is None else blocks_in(opposite),
    )
    # what still relaxed is no sample of equilibrium
    skip = diagnosis.n_transient
    blocks, frames, g_blocks = blocks[skip:], frames[skip:], g_blocks[skip:]
    thermo = {name: series[skip:] for name, series in thermo.items()}
    volume = float(np.average([block["volume"].mean() for block in blocks], weights=frames))
    rho = size["n_np"] / volume
    # blocks are of one length; their correlation is allowed for
    error = mean_error(g_blocks) if len(blocks) >= LEAST_BLOCKS else np.full(g_blocks.shape[1], np.nan)
    capped = run.complete("production")[1] or run.complete("equilibration")[1]
    record: dict[str, Any] = {
        "record": point.id,
        **composition.to_dict(),
        "rho": rho,
        "rho_target": composition.rho,
        "phi": math.pi / 6.0 * rho * composition.D**3,
        "group": group_name(composition),
        "r": blocks[0]["r"],
        "g": block_mean(g_blocks, frames),
        "g_error": error,
        "g_block": g_blocks,
        "block_frames": frames,
        "n_blocks": len(blocks),
        "n_frames": int(frames.sum()),
        "n_np": size["n_np"],
        "n_chains": size["n_chains"],
        "n_beads": size["n_monomers"] + size["n_np"],
        "n_rebuilds": size["number"],
        "n_transient": skip,
        "steps_equilibration": run.steps("equilibration") + skip * protocol.block_steps,
        "steps_production": run.steps("production") - skip * protocol.block_steps,
        "replica": statepoint["replica"],
        "volume_factor": volume_factor_of(statepoint),
        "seed": statepoint["seed"],
        "verdict": diagnosis.verdict,
        "reasons": "; ".join(diagnosis.reasons),
        "engine": statepoint["engine"],
        "device": ",".join(sorted({info["device"] for info in infos})),
        "preset": statepoint["protocol"]["name"],
        "start": statepoint["start"],
        "versions": json.dumps(infos[-1]["versions"], sort_keys=True),
        "created": time.strftime("%Y-%m-%d", time.gmtime(infos[-1]["time"])),
        "capped": bool(capped),
        "r2_end": diagnosis.r2_end,
        "rg2": diagnosis.rg2,
        "msd_np": diagnosis.msd_np,
        "halves_chi2": diagnosis.halves_chi2,
        "dt": protocol.dt,
        "core_hours": run.core_hours,
        "rules": RULES,
        "production_steps": protocol.production_steps,
        "trainable": protocol.trainable,
    }
    for name, series in diagnosis.series.items():
        record |= {name: series.mean, f"{name}_error": series.error, f"{name}_drift": series.drift}
    for name in THERMO:
        record[f"series_{name}"] = thermo[name]
    record["series_msd"] = (
        np.array([((block["unwrapped"] - blocks[0]["unwrapped_first"]) ** 2).sum(axis=1).mean() for block in blocks])
        / composition.D**2
    )
    return record

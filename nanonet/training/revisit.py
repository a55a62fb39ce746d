"""Looking again at a checkpoint: its table and figures, on records that it has not learned from."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.band import Scale
from nanonet.checkpoint import Checkpoint
from nanonet.data.dataset import Dataset
from nanonet.data.problem import Prediction
from nanonet.errors import CheckpointError
from nanonet.inference import Predictor, find
from nanonet.statistics import Estimate, estimate
from nanonet.training import figures as draw
from nanonet.training.calibration import share_of_each
from nanonet.training.held_out import held_out_figures, held_out_findings
from nanonet.training.noise import error_noise, replica_noise
from nanonet.training.record import LEGEND, markdown, rows_of, score, write_json
from nanonet.training.run import build_data, build_judge

log = logging.getLogger(__name__)
#: Columns of records on either side of the boundary of the training data.
INSIDE, OUTSIDE = "inside the region", "outside"


def revisit(config: Mapping[str, Any], model: str) -> Path:
    """Write table.md, results.json and figures of a checkpoint; returns their folder.

    Records of groups that the checkpoint has learned from do not count; of the others the result also says what the
    problem finds in them and what share the checkpoint's band holds, apart for those inside and outside of the region
    of its training data where there are both, and records.csv has the errors of each. If the checkpoint has learned
    from all of them, the table repeats the cross-validation that it records, and the figures show how it reproduces
    what it knows; both say so.

    Args:
        config: plain values, as for :func:`nanonet.training.compare.compare`.
        model: name or folder of the checkpoint.

    Raises:
        CheckpointError: there is none, or it is of another problem than the data set.
    """
    place = find(model)
    checkpoint = Checkpoint.load(place)
    problem, dataset = build_data(config)
    if problem.name != checkpoint.problem.name:
        raise CheckpointError(
            f"{place} is a checkpoint of the problem {checkpoint.problem.name}, and the data set is of {problem.name}; "
            "name the other data set with dataset=..."
        )
    _, metrics, default, _ = build_judge(config)
    scale: Scale = default if checkpoint.band is None else checkpoint.band.scale
    learned = set(checkpoint.info["data"]["learned"])
    known = {group for name, group in zip(dataset.names, dataset.groups.tolist(), strict=True) if name in learned}
    new = np.array([group not in known for group in dataset.groups.tolist()])
    judged = dataset.take(new) if new.any() else dataset
    answer = Predictor(checkpoint).evaluate(judged.inputs)
    band = None if answer.low is None or answer.high is None else (answer.low, answer.high)
    content: dict[str, Any] = {"checkpoint": checkpoint.name}
    folder = Path(config["folder"]) / f"checkpoint-{checkpoint.name}"
    folder.mkdir(parents=True, exist_ok=True)
    if new.any():
        note = f"{len(judged)} records of {judged.n_groups} groups that the checkpoint has not learned from."
        content["findings"] = held_out_findings(problem, judged, answer.targets)
        overall, values = score(metrics, judged, answer.targets)
        parts = _regions(answer)
        columns = {"not learned": overall}
        for name, rows in parts.items():
            columns[name] = score(metrics, judged.take(rows), answer.targets[rows])[0]
        columns["floor"] = score(metrics, judged, checkpoint.surrogate.roundtrip(judged.targets, judged.inputs))[0]
        held = None
        if band is not None and checkpoint.band is not None:
            fresh = ~_calibrated(checkpoint, judged)
            held = np.where(fresh, share_of_each(judged.targets, band, scale), np.nan)
            note += f" Its {100 * checkpoint.band.level:g} % band "
            if fresh.any():
                inside = {
                    name: estimate(held[rows & fresh], judged.groups[rows & fresh])
                    for name, rows in {"all": np.ones(len(judged), dtype=bool), **parts}.items()
                }
                content["coverage"] = {"level": checkpoint.band.level, "inside": inside["all"]}
                content["coverage"] |= {name: inside[name] for name in parts}
                note += f"holds {inside['all'].text()} % of their values"
                note += "".join(f", {share.text()} % {name}" for name, share in list(inside.items())[1:]) + "."
            else:
                note += "was calibrated on these records, so that what it holds of them is no test."
        _write_records(folder / "records.csv", judged, values, held, answer)
    else:
        note = (
            "The checkpoint has learned from every group of this data set: the table is the cross-validation that "
            "it records, and the figures show records it knows."
        )
        stored = checkpoint.info["scores"]
        columns = {
            key: {name: Estimate.from_json(values) for name, values in stored.get(key, {}).items() if name in metrics}
            for key in ("held-out", "floor")
        }
    columns |= {"replicas": replica_noise(metrics, dataset), "noise": error_noise(metrics, dataset)}
    table = markdown(rows_of(metrics, columns))
    (folder / "table.md").write_text(f"# {checkpoint.name}\n\n{note}\n\n{table}\n\n{LEGEND}\n", encoding="utf-8")
    write_json(folder / "results.json", {**content, "note": note, "scores": columns})
    if config["figures"]:
        draw.curves(folder / "predictions.png", judged, range(len(judged)), answer.targets, band, scale)
        if new.any():
            held_out_figures(folder, problem, judged, answer.targets, band, None, scale)
        true, found = (
            checkpoint.surrogate.codes(judged.targets, judged.inputs),
            checkpoint.surrogate.predicted_codes(judged.inputs),
        )
        draw.code_parity(folder / "codes.png", {"not learned" if new.any() else "learned": (true, found)})
        reconstruct = getattr(checkpoint.surrogate.representation, "reconstruct", None)
        samples, back = reconstruct(judged.targets) if reconstruct else (np.zeros(0), np.zeros(0))
        if samples.ndim == 4:
            draw.images(folder / "reconstructions.png", samples, back)
    log.info("%s", note)
    return folder


def _regions(answer: Prediction) -> dict[str, NDArray[np.bool_]]:
    """Which records lie inside the region of the training data and which outside; nothing if all lie on one side."""
    outside = np.array([bool(reason) for reason in answer.outside])
    return {INSIDE: ~outside, OUTSIDE: outside} if outside.any() and not outside.all() else {}


def _calibrated(checkpoint: Checkpoint, judged: Dataset) -> NDArray[np.bool_]:
    """Which records are of groups that the width of the band comes from."""
    held_out = set(checkpoint.info.get("held_out", ()))
    groups = {group for name, group in zip(judged.names, judged.groups.tolist(), strict=True) if name in held_out}
    return np.array([group in groups for group in judged.groups.tolist()])


def _write_records(
    file: Path,
    judged: Dataset,
    values: Mapping[str, NDArray],
    held: FloatArray | None,
    answer: Prediction,
) -> None:
    """A row for each record: what it is, what each metric finds in it, the share in the band, and the region."""
    inputs = {name: judged.inputs[name].tolist() for name in judged.inputs}
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["record", *inputs, *values, *([] if held is None else ["in_band"]), "in_domain", "outside"])
        for row, name in enumerate(judged.names):
            own = [*(column[row] for column in inputs.values()), *(f"{column[row]:.6g}" for column in values.values())]
            share = [] if held is None else ["" if np.isnan(held[row]) else f"{held[row]:.6g}"]
            reason = answer.outside[row]
            writer.writerow([name, *own, *share, str(not reason).lower(), reason])

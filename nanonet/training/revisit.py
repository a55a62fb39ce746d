"""Looking again at a checkpoint: its table and figures, on records that it has not learned from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.band import Scale
from nanonet.checkpoint import Checkpoint
from nanonet.errors import CheckpointError
from nanonet.inference import Predictor, find
from nanonet.statistics import Estimate
from nanonet.training import figures as draw
from nanonet.training.calibration import share_inside
from nanonet.training.held_out import held_out_figures, held_out_findings
from nanonet.training.noise import error_noise, replica_noise
from nanonet.training.record import LEGEND, markdown, rows_of, score, write_json
from nanonet.training.run import build_data, build_judge

log = logging.getLogger(__name__)


def revisit(config: Mapping[str, Any], model: str) -> Path:
    """Write table.md, results.json and figures of a checkpoint; returns their folder.

    Records of groups that the checkpoint has learned from do not count; of the others the result also says what the
    problem finds in them and what share the checkpoint's band holds. If it has learned from all of them, the table
    repeats the cross-validation that the checkpoint records, and the figures show how it reproduces what it knows;
    both say so.

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
    if new.any():
        note = f"{len(judged)} records of {judged.n_groups} groups that the checkpoint has not learned from."
        columns = {
            "not learned": score(metrics, judged, answer.targets)[0],
            "floor": score(metrics, judged, checkpoint.surrogate.roundtrip(judged.targets, judged.inputs))[0],
        }
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
    band = None if answer.low is None or answer.high is None else (answer.low, answer.high)
    content: dict[str, Any] = {"checkpoint": checkpoint.name, "note": note}
    if new.any():
        content["findings"] = held_out_findings(problem, judged, answer.targets)
        if band is not None and checkpoint.band is not None:
            inside = share_inside(judged.targets, band, judged.groups, scale)
            content["coverage"] = {"level": checkpoint.band.level, "inside": inside}
            note += f" Its {100 * checkpoint.band.level:g} % band holds {inside.text()} % of their values."
    columns |= {"replicas": replica_noise(metrics, dataset), "noise": error_noise(metrics, dataset)}
    folder = Path(config["folder"]) / f"checkpoint-{checkpoint.name}"
    folder.mkdir(parents=True, exist_ok=True)
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

"""Records of the same composition: how far apart they are, and how far their errors alone would put them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.domain.rdf import standard_grid
from simulations.card import card
from simulations.repeats import described, figure, noise, repeats, table

R = standard_grid()
G = np.where(R < 2.0, 0.0, 1.0 + 2.0 * np.exp(-((R - 2.4) ** 2) / 0.1))
ERROR = np.where(R < 2.0, 0.0, 0.05 * np.sqrt(np.maximum(G, 0.1)))


def row(name: str, g: np.ndarray, **changed: Any) -> dict[str, Any]:
    noise = np.random.default_rng([*name.encode(), int(1e6 * g.sum())]).normal(size=(20, R.size))
    return {
        "record": name,
        "group": "one",
        "D": 2.1,
        "N": 30,
        "rho": 0.01,
        "phi": 0.0485,
        "eps_np_np": 1.0,
        "eps_p_np": 1.0,
        "r": R,
        "g": g,
        "g_error": ERROR,
        "g_block": g + np.sqrt(20.0) * ERROR * (noise - noise.mean(axis=0)),
        "block_frames": np.full(20, 50.0),
        "n_np": 40,
        "n_frames": 1_000,
        "dt": 0.01,
        "start": "dispersed",
        "engine": "lammps",
        "verdict": "passed",
        "volume_factor": 1.0,
        **changed,
    }


def noisy(seed: int) -> np.ndarray:
    return np.maximum(G + ERROR * np.random.default_rng(seed).normal(size=R.size), 0.0)


def test_records_that_differ_by_their_errors_agree() -> None:
    found = [repeats([row("a", noisy(seed)), row("b", noisy(seed + 100))])[0] for seed in range(30)]
    assert np.mean([one.chi2 for one in found]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([one.apart**2 for one in found]) == pytest.approx(
        np.mean([one.expected**2 for one in found]), rel=0.2
    )


def test_records_that_differ_by_more_do_not() -> None:
    cluster = np.where(R < 2.0, 0.0, 1.0 + 8.0 * np.exp(-((R - 2.4) ** 2) / 0.1))
    (one,) = repeats([row("a", noisy(1)), row("b", cluster, start="aggregated")])
    assert one.apart > 3 * one.expected
    assert one.chi2 > 10


def test_the_reference_is_the_longest_that_passed() -> None:
    rows = [
        row("longest", noisy(1), n_frames=9_000, verdict="failed"),
        row("short", noisy(2)),
        row("long", noisy(3), n_frames=2_000, start="aggregated"),
        row("alone", noisy(4), group="two"),
        *(row(name, noisy(5), group="three", verdict="failed") for name in ("x", "y")),
    ]
    found = repeats(rows)
    assert [(one.reference["record"], one.other["record"]) for one in found] == [("long", "longest"), ("long", "short")]


def test_starts_that_do_not_agree_are_shown_and_are_no_noise() -> None:
    rows = [
        row("dispersed", noisy(1), verdict="short"),
        row("cluster", noisy(2), n_frames=2_000, start="aggregated", verdict="short"),
    ]
    found = repeats(rows)
    assert [(one.reference["record"], one.other["record"]) for one in found] == [("cluster", "dispersed")]
    assert table(found)[1][5].endswith("short")
    assert noise(found) == []


def test_the_reference_is_in_the_box_of_the_size_rule() -> None:
    rows = [row("twice", noisy(1), n_np=80, volume_factor=2.0), row("once", noisy(2), volume_factor=1.0)]
    (one,) = repeats(rows)
    assert (one.reference["record"], one.other["record"]) == ("once", "twice")
    assert repeats([rows[0], row("again", noisy(3), n_np=80, volume_factor=2.0)])[0].reference["n_np"] == 80


def test_the_noise_is_told_apart_by_what_differs() -> None:
    rows = [
        row("a", noisy(1), n_frames=2_000),
        row("cluster", noisy(2), start="aggregated"),
        row("seed", noisy(3)),
        row("twice", noisy(4), volume_factor=2.0),
        row("fine", noisy(5), dt=0.005),
        row("two things", noisy(6), volume_factor=2.0, start="aggregated"),
        row("failed", noisy(7), start="aggregated", verdict="failed"),
        row("b", noisy(8), group="two", n_frames=2_000),
        row("b seed", noisy(9), group="two"),
    ]
    found = repeats(rows)
    header, start, seed, volume, engine = noise(found)
    assert [line[header.index("compositions")] for line in (start, seed, volume, engine)] == ["1", "2", "1", "1"]
    apart = {one.other["record"]: one.apart for one in found}
    assert start[header.index("largest")] == f"{apart['cluster']:.3f}"
    assert seed[header.index("apart, mean")] == f"{(apart['seed'] + apart['b seed']) / 2:.3f}"
    assert seed[header.index("largest")] == f"{max(apart['seed'], apart['b seed']):.3f}"
    assert noise(repeats([row("a", noisy(1)), row("b", noisy(2), verdict="short")])) == []


def test_only_what_differs_is_named() -> None:
    first = row("a", G)
    assert described(first) == "from dispersed, 40 NPs, 0.01 tau, lammps"
    assert described(row("b", G, start="aggregated"), first) == "from a cluster"
    assert described(row("b", G, n_np=80, dt=0.005), first) == "80 NPs, 0.005 tau"
    assert described(row("b", G, verdict="failed"), first) == "replica, failed"


def test_a_record_without_an_error_is_shown_without_one(tmp_path: Path) -> None:
    found = repeats([row("a", G), row("b", noisy(2), g_error=np.full(R.size, np.nan), verdict="short")])
    assert table(found)[1][-2:] == ("-", "-")
    assert figure(found, tmp_path / "repeats.png").is_file()


def test_the_card_has_the_table_and_the_figure(tmp_path: Path) -> None:
    common = {
        **dict.fromkeys(("density_drift", "energy_drift", "halves_chi2", "msd_np", "core_hours"), 1.0),
        "n_transient": 0,
        "rho_target": 0.0038,
        "volume_factor": 1.0,
        "preset": "workstation",
        "replica": 0,
        "device": "cpu",
        "versions": "{}",
        "created": "2026-11-22",
        "capped": False,
        "reasons": "",
    }
    rows = [row("a", noisy(1), **common), row("b", noisy(2), start="aggregated", **common)]
    text = card(rows, "records.nc", "records.png", "")
    line = next(line for line in text.splitlines() if "dispersed, 40 NPs, 0.01 tau, lammps" in line)
    assert "| from a cluster |" in line
    assert len(line.split("|")) == len(table(repeats(rows))[0]) + 2
    assert "records_repeats.png" in text
    assert "| from dispersed nanoparticles, and from a cluster | dispersed | 1 |" in text
    assert "No composition that passed has a second record." in card(rows[:1], "records.nc", "records.png", "")
    assert figure(repeats(rows), tmp_path / "repeats.png").stat().st_size > 5_000

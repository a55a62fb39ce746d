"""Protocols: the presets are those of the source, blocks fit, and a state point's name does not drift."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import pytest
import yaml

from nanonet.errors import ConfigError
from nanonet.paths import CONF
from simulations.protocol import Protocol, Stage, stages_from_dicts

PRESETS = sorted(file.stem for file in (CONF / "protocol").glob("*.yaml"))


def preset(name: str) -> Protocol:
    return Protocol.from_mapping(yaml.safe_load((CONF / "protocol" / f"{name}.yaml").read_text()))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_called_what_its_file_is_called_and_keeps_the_ensemble(name: str) -> None:
    protocol = preset(name)
    assert protocol.name == name
    assert (protocol.temperature, protocol.pressure) == (1.0, 1.0)
    assert protocol.dt <= 0.01


def test_paper_is_the_source() -> None:
    paper = preset("paper")
    assert (paper.dt, paper.equilibration_steps, paper.production_steps) == (0.005, 10**7, 10**7)
    assert paper.production_steps // paper.sample_every == 10_000
    assert (paper.equilibration_msd, paper.production_msd, paper.cap_core_hours) == (0.0, 0.0, None)


def test_workstation_waits_for_the_nanoparticles_up_to_two_core_hours() -> None:
    workstation = preset("workstation")
    assert workstation.production_msd == 2.0
    assert workstation.cap_core_hours == 2.0
    assert (workstation.n_np_min, workstation.n_beads_max) == (16, 20_000)


def test_smoke_is_20_000_steps_in_all_and_never_trains() -> None:
    smoke = preset("smoke")
    total = smoke.soften_steps + smoke.relax_steps + smoke.equilibration_steps + smoke.production_steps
    assert total == 20_000
    assert not smoke.trainable
    assert (smoke.n_np_min, smoke.n_beads_max) == (4, 10_000)


def test_only_the_first_block_prepares() -> None:
    protocol = preset("workstation")
    first, later = protocol.block(prepare=True), protocol.block(prepare=False)
    assert [stage.kind for stage in first] == ["soften", "relax", "npt"]
    assert later == first[-1:]
    (npt,) = later
    assert (npt.steps, npt.sample_every, npt.dt) == (protocol.block_steps, protocol.sample_every, protocol.dt)
    assert (npt.temperature, npt.pressure, npt.tau_t, npt.tau_p) == (1.0, 1.0, protocol.tau_t, protocol.tau_p)


def test_the_identity_has_the_physics_and_not_the_length() -> None:
    base = Protocol("x")
    longer = replace(
        base,
        equilibration_steps=10**6,
        production_steps=10**6,
        production_msd=9.0,
        equilibration_msd=3.0,
        cap_core_hours=None,
        n_beads_max=50_000,
        trainable=False,
    )
    assert longer.identity() == base.identity()
    for change in (
        {"dt": 0.004},
        {"temperature": 1.1},
        {"pressure": 0.0},
        {"tau_t": 1.0},
        {"tau_p": 1.0},
        {"n_np_min": 20},
        {"sample_every": 100},
        {"block_steps": 5_000},
        {"soften_steps": 5_000},
        {"soften_friction": 2.0},
        {"relax_steps": 5_000},
    ):
        assert replace(base, **change).identity() != base.identity(), change


def test_a_friction_of_10_is_not_named() -> None:
    """Nor was it when there was no other."""
    assert "soften_friction" not in replace(Protocol("x"), soften_friction=10.0).identity()
    assert Protocol("x").identity()["soften_friction"] == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"block_steps": 0}, "block_steps must be a whole number above 0"),
        ({"n_np_min": 1.5}, "n_np_min must be a whole number"),
        ({"n_np_min": True}, "n_np_min must be a whole number"),
        ({"production_steps": 15_000}, "production_steps must be a multiple of block_steps = 10000"),
        ({"equilibration_steps": 5_000}, "equilibration_steps must be a multiple"),
        ({"sample_every": 300}, "sample_every = 300 must divide block_steps = 10000"),
        ({"production_msd": -1.0}, "production_msd must be 0 or more"),
        ({"production_msd": math.nan}, "production_msd must be 0 or more"),
        ({"soften_friction": 0.0}, "soften_friction must be above 0 and finite, in 1/tau, got 0.0"),
        ({"soften_friction": math.nan}, "soften_friction must be above 0"),
        ({"cap_core_hours": 0.0}, "cap_core_hours must be positive or null"),
    ],
)
def test_an_impossible_protocol_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Protocol("x", **change)


def test_an_unknown_setting_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no steps_per_block; its settings are .*block_steps"):
        Protocol.from_mapping({"name": "x", "steps_per_block": 3})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "nve", "steps": 10}, "soften, relax, nvt, npt, got 'nve'"),
        ({"kind": "npt", "steps": 0}, "above 0, got 0"),
        ({"kind": "npt", "steps": 10.5}, "above 0, got 10.5"),
        ({"kind": "npt", "steps": 10, "dt": 0.0}, "dt must be positive"),
        ({"kind": "npt", "steps": 10, "tau_p": math.inf}, "tau_p must be positive"),
        ({"kind": "npt", "steps": 10, "sample_every": 3}, "must divide the 10 steps"),
        ({"kind": "npt", "steps": 10, "sample_every": -5}, "must divide the 10 steps"),
    ],
)
def test_an_impossible_stage_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Stage(**values)


def test_stages_survive_a_trip_through_json() -> None:
    stages = preset("smoke").block(prepare=True)
    assert stages_from_dicts(json.loads(json.dumps([asdict(stage) for stage in stages]))) == stages


def test_a_protocol_survives_a_trip_through_its_dict() -> None:
    protocol = preset("paper")
    assert Protocol.from_mapping(json.loads(json.dumps(protocol.to_dict()))) == protocol

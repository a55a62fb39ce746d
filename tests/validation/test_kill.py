"""Twenty kills with -9, of a worker, the scheduler, the whole group and an engine in turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import killing
from tests.validation.conftest import engine_config

#: Short blocks, and enough of them that twenty kills fit in.
PROTOCOL = killing.quick(200 * 40, soften_steps=1000, relax_steps=1000, block_steps=200, sample_every=20)
PLACES: tuple[killing.Place, ...] = ("worker", "scheduler", "group", "engine") * 5


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("which", ["ideal", "validated"])
def test_killed_twenty_times(which: str, engine_name: str, tmp_path: Path) -> None:
    name = "ideal" if which == "ideal" else engine_name
    target, options = engine_config(name)
    slow = ["engine.pause=0.1"] if name == "ideal" else []
    arguments = killing.command(tmp_path / "broken", PROTOCOL, f"engine={name}", "workers=2", *slow)
    with killing.running(killing.Campaign(tmp_path / "broken", arguments)) as campaign:
        kills = killing.kill_often(campaign, PLACES, seed=20, spread=1.5)
    landed = sum(kill.during_work for kill in kills)
    print(json.dumps([kill.__dict__ for kill in kills]))
    print(f"{landed} of {len(kills)} kills landed while a block was integrated or written")
    assert landed >= 15
    whole = killing.unbroken(tmp_path / "whole", PROTOCOL, target, options)
    killing.assert_same(tmp_path / "broken", whole, PROTOCOL)

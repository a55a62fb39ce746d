"""A campaign that is killed with -9 goes on as if nothing had been; twenty kills: tests/validation/test_kill.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import killing

PROTOCOL = killing.quick(2000)
ENGINE = "simulations.engines.ideal.Ideal"


@pytest.mark.timeout(300)
def test_killed_three_times(tmp_path: Path) -> None:
    arguments = killing.command(tmp_path / "broken", PROTOCOL, "engine=ideal", "engine.pause=0.15", "workers=2")
    with killing.running(killing.Campaign(tmp_path / "broken", arguments)) as campaign:
        kills = killing.kill_often(campaign, ("worker", "scheduler", "group"), seed=1, spread=0.3)
    assert sum(kill.during_work for kill in kills) >= 2
    whole = killing.unbroken(tmp_path / "whole", PROTOCOL, ENGINE, {})
    killing.assert_same(tmp_path / "broken", whole, PROTOCOL)

"""How long a state point goes on, by its verdicts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulations import pipeline, record
from simulations.extension import to_do
from simulations.pipeline import advance
from simulations.protocol import Protocol
from simulations.workspace import PointFolder, StatePoint, Workspace
from tests.ideal_points import COMPOSITION, ENGINE, PROTOCOL, run_here


@pytest.fixture(autouse=True)
def nearby(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.Supervised, "run", run_here)


@pytest.fixture
def point(tmp_path: Path) -> PointFolder:
    return Workspace(tmp_path / "space").point(StatePoint(COMPOSITION, PROTOCOL, "ideal"))


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What every production is judged to be."""
    given = {"verdict": "short"}
    original = record.judge
    monkeypatch.setattr(record, "judge", lambda **values: replace(original(**values), verdict=given["verdict"]))
    return given


def finish(point: PointFolder, protocol: Protocol) -> int:
    """Blocks of the production once the point is finished."""
    space = str(point.path.parent.parent)
    while advance(space, point.id, protocol, ENGINE, {}).outcome != "finished":
        pass
    known = record.read_record(point)
    assert known is not None
    return record.blocks_of(known)


def test_it_goes_on_until_it_has_what_is_asked_for(point: PointFolder) -> None:
    assert to_do(point, PROTOCOL) == PROTOCOL
    finish(point, PROTOCOL)
    assert to_do(point, PROTOCOL) is None
    assert to_do(point, replace(PROTOCOL, extend_blocks=1)) == replace(PROTOCOL, extend_blocks=1)


def test_it_goes_on_until_it_passes_or_has_gone_on_long_enough(point: PointFolder, verdict: dict[str, str]) -> None:
    assert finish(point, PROTOCOL) == 8
    lengths = []
    while (longer := to_do(point, PROTOCOL, 24)) is not None:
        lengths.append(finish(point, longer))
    assert lengths == [18, 28, 32]
    # what every point gets comes first
    assert to_do(point, replace(PROTOCOL, extend_blocks=24), 5) == replace(PROTOCOL, extend_blocks=29)
    verdict["verdict"] = "passed"
    finish(point, replace(PROTOCOL, extend_blocks=25))
    assert to_do(point, PROTOCOL, 1000) is None


def test_what_cannot_pass_is_not_extended(point: PointFolder, verdict: dict[str, str]) -> None:
    finish(point, PROTOCOL)
    assert to_do(point, replace(PROTOCOL, trainable=False), 20) is None
    for attempt in point.attempts():
        shutil.rmtree(attempt)
    assert to_do(point, PROTOCOL, 20) is None, "the blocks are gone"


def test_what_passed_goes_on_while_it_does_not_agree(point: PointFolder, verdict: dict[str, str]) -> None:
    verdict["verdict"] = "passed"
    assert finish(point, PROTOCOL) == 8
    agreed = []

    def agrees(known: Mapping[str, Any]) -> bool:
        agreed.append(record.blocks_of(known))
        return agreed[-1] >= 28

    while (longer := to_do(point, PROTOCOL, 40, agrees)) is not None:
        finish(point, longer)
    assert agreed == [8, 18, 28]
    assert to_do(point, PROTOCOL, 0, lambda _: False) is None, "nothing may be added"

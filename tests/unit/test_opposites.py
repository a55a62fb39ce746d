"""Runs of one composition from opposite starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulations.opposites import Opposites, comparable, opposite
from tests.productions import curves


@pytest.fixture
def row(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "group": "a",
        "preset": "workstation",
        "start": "dispersed",
        "verdict": "passed",
        "block_frames": np.full(20, 50.0),
        "n_blocks": 20,
        "g_block": curves(rng),
    }


def test_what_agrees_and_what_does_not(row: dict[str, Any], rng: np.random.Generator) -> None:
    same = {**row, "start": "aggregated", "g_block": curves(rng)}
    other = {**same, "g_block": 1.5 * same["g_block"]}
    assert Opposites([same]).agree(row)
    assert 0 < Opposites([same]).chi2(row) < 2 < Opposites([other]).chi2(row)
    assert not Opposites([other]).agree(row)
    # The worst of several counts, in whatever order.
    assert not Opposites([same, other]).agree(row)
    assert not Opposites([other, same]).agree(row)
    assert Opposites([same, other]).chi2(row) == Opposites([other]).chi2(row)
    assert Opposites([same, other]).worst(row) is Opposites([other, same]).worst(row) is other
    assert Opposites().worst(row) is None


def test_what_says_nothing(row: dict[str, Any]) -> None:
    other = {**row, "start": "aggregated", "g_block": 1.5 * row["g_block"]}
    assert Opposites().agree(row)
    for change in (
        {"verdict": "failed"},
        {"n_blocks": 3, "g_block": other["g_block"][:3]},
        {"group": "b"},
        {"preset": "paper"},
        {"volume_factor": 2.0},
        {"start": "dispersed"},
    ):
        assert Opposites([{**other, **change}]).of(row) == [], change
        assert Opposites([{**other, **change}]).chi2(row) == 0.0
    assert Opposites([{**other, "verdict": "short"}]).of(row)


def test_what_is_comparable(row: dict[str, Any]) -> None:
    assert opposite("dispersed") == "aggregated"
    assert opposite("aggregated") == "dispersed"
    # Records from before there were larger boxes do not say which they were.
    assert comparable(row) == comparable({**row, "volume_factor": 1})
    assert comparable(row, "aggregated") == comparable({**row, "start": "aggregated"})

"""When an equilibration ends: steps, displacement, and no more drift."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.errors import ConfigError
from simulations.attempt import Run
from simulations.protocol import Protocol
from simulations.workspace import Block


@dataclass(frozen=True)
class Made(Block):
    """A block whose arrays are given instead of read."""

    arrays: Any = None

    def data(self) -> dict[str, np.ndarray]:
        return self.arrays


def run(densities: np.ndarray, *, hours: float = 0.0, limit: float | None = 2.0) -> Run:
    blocks = [
        Made(
            Path("nowhere"),
            {"index": index, "phase": "equilibration", "core_seconds": 3600 * hours / len(densities)},
            {
                "thermo_density": np.full(3, density),
                "thermo_energy": np.full(3, 15.0 + 0.01 * np.sin(9.0 * index)),
                "unwrapped_first": np.zeros((4, 3)),
                "unwrapped": np.full((4, 3), 10.0),
            },
        )
        for index, density in enumerate(densities)
    ]
    return Run(blocks, Protocol("test", equilibration_drift=limit), diameter=2.0, least_length=20.5)


def noise(count: int) -> np.ndarray:
    return 1e-4 * np.random.default_rng(5).standard_normal(count)


def test_a_stationary_run_goes_on_to_production() -> None:
    assert run(0.86 + noise(8)).phase == "production"


def test_a_drifting_run_goes_on_equilibrating() -> None:
    drifting = 0.86 - 0.002 * np.arange(8) + noise(8)
    assert run(drifting).phase == "equilibration"
    assert run(drifting, limit=None).phase == "production"


def test_only_the_last_half_counts() -> None:
    settled = 0.86 + np.r_[0.02 * np.exp(-np.arange(10)), np.zeros(10)] + noise(20)
    assert run(settled).phase == "production"


def test_few_blocks_say_nothing_about_a_drift() -> None:
    assert run(0.86 + noise(4)).phase == "equilibration"


def test_waiting_ends_at_the_cap_and_is_remembered() -> None:
    """A third of two core hours belongs to the equilibration."""
    drifting = 0.86 - 0.002 * np.arange(8) + noise(8)
    assert run(drifting, hours=0.7).complete("equilibration") == (True, True)
    assert run(drifting, hours=0.6).complete("equilibration") == (False, False)


def test_a_limit_is_positive() -> None:
    with pytest.raises(ConfigError, match="equilibration_drift must be positive or null"):
        Protocol("test", equilibration_drift=0.0)

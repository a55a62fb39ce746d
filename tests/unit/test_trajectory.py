"""Trajectory: what an engine may hand over, and unwrapping."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from nanonet.domain import Trajectory
from nanonet.errors import InputError

N_FRAMES, N_NP = 4, 3


def _good() -> dict[str, Any]:
    return {
        "step": np.arange(N_FRAMES) * 100,
        "positions": np.zeros((N_FRAMES, N_NP, 3)),
        "images": np.zeros((N_FRAMES, N_NP, 3), dtype=np.int32),
        "box": np.full((N_FRAMES, 3), 10.0),
        "dt": 0.005,
        "thermo": {"temperature": np.ones(N_FRAMES)},
    }


def test_sizes() -> None:
    trajectory = Trajectory(**_good())
    assert trajectory.n_frames == N_FRAMES
    assert trajectory.n_np == N_NP


def test_arrays_are_own_read_only_copies() -> None:
    given = _good()
    trajectory = Trajectory(**given)
    given["positions"][:] = 5.0
    given["thermo"]["temperature"][:] = 5.0
    given["thermo"]["pressure"] = np.ones(N_FRAMES)
    assert not trajectory.positions.any()
    assert (trajectory.thermo["temperature"] == 1.0).all()
    assert set(trajectory.thermo) == {"temperature"}
    for array in (trajectory.positions, trajectory.box, trajectory.step, trajectory.images):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        trajectory.dt = 1.0  # type: ignore[misc]


def test_unwrapped_does_not_jump_at_a_face(rng: np.random.Generator) -> None:
    """A walk in a box of unequal edges, wrapped by hand."""
    box = np.array([6.0, 8.0, 11.0])
    walk = np.cumsum(rng.normal(0.0, 1.5, (200, 5, 3)), axis=0)
    images = np.floor(walk / box + 0.5)
    wrapped = walk - images * box
    trajectory = Trajectory(step=np.arange(200), positions=wrapped, images=images, box=np.tile(box, (200, 1)), dt=0.005)
    assert np.abs(trajectory.positions / box).max() <= 0.5
    assert np.abs(images).max() > 0
    np.testing.assert_allclose(trajectory.unwrapped, walk, atol=1e-12)


def test_unwrapped_uses_the_box_of_each_frame() -> None:
    given = _good()
    given["box"] = np.array([[10.0, 10, 10], [11.0, 10, 10], [12.0, 10, 10], [13.0, 10, 10]])
    given["images"][:, 0] = [2, -1, 0]
    np.testing.assert_allclose(
        Trajectory(**given).unwrapped[:, 0], [[20, -10, 0], [22, -10, 0], [24, -10, 0], [26, -10, 0]]
    )


def test_no_frames_and_no_particles_are_a_trajectory() -> None:
    empty = Trajectory(
        step=[], positions=np.zeros((0, 3, 3)), images=np.zeros((0, 3, 3)), box=np.zeros((0, 3)), dt=0.01
    )
    assert empty.n_frames == 0
    bare = Trajectory(
        step=[0, 1], positions=np.zeros((2, 0, 3)), images=np.zeros((2, 0, 3)), box=np.ones((2, 3)), dt=0.01
    )
    assert bare.n_np == 0
    assert bare.unwrapped.shape == (2, 0, 3)


def _with_nan(array: np.ndarray) -> np.ndarray:
    array = array.astype(float)
    array.flat[-1] = np.nan
    return array


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": [0, 100, 100, 200]}, "steps must rise strictly.*got 100 after 100 at frame 2"),
        ({"step": [0, 200, 100, 300]}, "steps must rise strictly"),
        ({"step": [0, 1, 2]}, r"positions must have shape \(3, None, 3\), got \(4, 3, 3\)"),
        ({"step": [0.5, 1.5, 2.5, 3.5]}, r"step must be whole numbers.*got 0\.5"),
        ({"step": [0.0, 1.0, 2.0, math.nan]}, "step must"),
        ({"positions": np.zeros((N_FRAMES, N_NP, 2))}, r"positions must have shape.*got \(4, 3, 2\)"),
        ({"positions": np.zeros((N_FRAMES, N_NP))}, "positions must have 3 axes"),
        (
            {"positions": _with_nan(np.zeros((N_FRAMES, N_NP, 3)))},
            r"positions must be finite, got nan at index \[3, 2, 2\]",
        ),
        ({"images": np.zeros((N_FRAMES, N_NP + 1, 3))}, r"images must have shape \(4, 3, 3\)"),
        ({"images": np.full((N_FRAMES, N_NP, 3), 0.5)}, r"images must be whole numbers.*got 0\.5 at index \[0, 0, 0\]"),
        ({"images": np.full((N_FRAMES, N_NP, 3), 1e12)}, "images must be whole numbers"),
        ({"box": np.zeros((N_FRAMES, 3))}, "box lengths must be positive, got 0"),
        ({"box": np.full((N_FRAMES, 3), -1.0)}, "box lengths must be positive, got -1"),
        ({"box": np.ones(3)}, "box must have 2 axes"),
        ({"dt": 0.0}, r"dt must be positive and finite.*got 0\.0"),
        ({"dt": -0.1}, "dt must be positive"),
        ({"dt": math.nan}, "dt must be positive.*nan"),
        ({"dt": math.inf}, "dt must be positive.*inf"),
        ({"dt": "fast"}, "dt must be.*'fast'"),
        ({"dt": None}, "dt must be"),
        ({"thermo": {"energy": np.ones(3)}}, r"thermo\[energy\] must have shape \(4,\), got \(3,\)"),
        ({"thermo": {"energy": np.full(4, np.inf)}}, r"thermo\[energy\] must be finite, got inf"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Trajectory(**{**_good(), **change})

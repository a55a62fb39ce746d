"""One configuration: what it refuses, how it finds its chains, and that a file keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.errors import InputError
from simulations.engines.base import ChainMoments
from simulations.state import State


def values(**change: Any) -> dict[str, Any]:
    """Two chains of 3 and 2 monomers, a lone monomer, and two NPs."""
    positions = np.random.default_rng(0).uniform(-2, 2, (8, 3))
    whole = {
        "positions": positions,
        "images": np.zeros((8, 3)),
        "typeid": [0] * 6 + [1] * 2,
        "bonds": [[0, 1], [1, 2], [3, 4]],
        "box": [4.0, 4.0, 4.0],
    }
    return whole | change


def test_counts_and_chains() -> None:
    state = State(**values())
    assert (state.n_np, state.n_monomers) == (2, 6)
    np.testing.assert_array_equal(state.chain_ends(), [0, 3, 5, 6])


def test_bonds_between_beads_of_the_other_type_make_no_chain_of_monomers() -> None:
    np.testing.assert_array_equal(State(**values(bonds=[[0, 1], [5, 6], [6, 7]])).chain_ends(), [0, 2, 3, 4, 5, 6])
    all_np = State(**values(typeid=[1] * 8))
    np.testing.assert_array_equal(all_np.chain_ends(), [0])
    assert not ChainMoments(all_np).present


def test_beads_in_chains() -> None:
    np.testing.assert_array_equal(State(**values()).in_chains, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(State(**values(bonds=[[6, 7], [1, 6]])).in_chains, [1, 6, 7])


def test_no_bonds_at_all() -> None:
    state = State(**values(bonds=np.zeros((0, 2))))
    np.testing.assert_array_equal(state.in_chains, np.arange(8))
    np.testing.assert_array_equal(state.chain_ends(), np.arange(7))
    assert not ChainMoments(state).present


def test_moments_of_chains_by_hand() -> None:
    state = State(**values(typeid=[0] * 5 + [1] * 3))
    x = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [5, 5, 5], [5, 5, 7]], dtype=float)
    r2, rg2 = ChainMoments(state)(x)
    assert r2 == pytest.approx((2.0 + 4.0) / 2)
    first = ((x[:3] - x[:3].mean(axis=0)) ** 2).sum(axis=1).mean()
    assert rg2 == pytest.approx((first + 1.0) / 2)
    moved = ChainMoments(state)(x + 1e3)
    assert moved == pytest.approx((r2, rg2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"box": [4.0, 0.0, 4.0]}, "box lengths must be positive, got 0"),
        ({"box": [4.0, 4.0]}, "box must have shape"),
        ({"positions": np.full((8, 3), 2.1)}, "wrapped into the box"),
        ({"positions": np.full((8, 3), np.nan)}, "finite"),
        ({"typeid": [1, 0] * 4}, "monomers, which come first"),
        ({"typeid": [0] * 6 + [2] * 2}, "typeid is 0 for monomers"),
        ({"images": np.zeros((7, 3))}, "images must have shape"),
        ({"bonds": [[0, 8]]}, "must join two of the 8 beads"),
        ({"bonds": [[3, 3]]}, "must join two of the 8 beads"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        State(**values(**change))


def test_a_file_keeps_a_state(tmp_path: Path) -> None:
    state = State(**values())
    state.save(tmp_path / "state.npz")
    again = State.load(tmp_path / "state.npz")
    for name in ("positions", "images", "typeid", "bonds", "box"):
        np.testing.assert_array_equal(getattr(again, name), getattr(state, name))


def test_arrays_are_copies_that_cannot_be_changed() -> None:
    given = values()
    state = State(**given)
    given["positions"][:] = 0.0
    assert state.positions.any()
    with pytest.raises(ValueError, match="read-only"):
        state.positions[0] = 0.0

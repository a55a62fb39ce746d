"""Acquisitions against values by hand and SciPy: what is chosen, in which order, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from nanonet.acquisition import (
    Acquisition,
    Belief,
    Certainty,
    Disagreement,
    Diverse,
    Excess,
    ExpectedImprovement,
    Farthest,
    ImprovementProbability,
    InOrder,
    Mixed,
    Random,
    Uncertainty,
    spread_out,
    top,
)
from nanonet.errors import ConfigError, InputError
from nanonet.parts import build, describe
from nanonet.paths import CONF

FILES = sorted((CONF / "acquisition").glob("*.yaml"))
P = np.array([0.1, 0.45, 0.9, 0.6, 0.0, 1.0])


def belief(p: np.ndarray | None = P, n: int = 6, **more: Any) -> Belief:
    return Belief(x=np.arange(float(n))[:, None], probability=p, **more)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@given(n=st.integers(1, 12), count=st.integers(1, 8), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_every_acquisition_chooses_different_rows(path: Path, n: int, count: int, seed: int) -> None:
    import yaml

    made = build(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert isinstance(made, Acquisition)
    draws = np.random.default_rng(seed)
    own = Belief(
        x=draws.random((n, 2)),
        probability=draws.random(n).round(1),
        mean=draws.random(n),
        std=draws.random(n).round(1),
        threshold=draws.random(n),
    )
    chosen = made.choose(own, count, np.random.default_rng(seed))
    assert len(chosen) == len(set(chosen.tolist())) == min(count, n)
    assert set(chosen.tolist()) <= set(range(n))
    again = build(describe(made)).choose(own, count, np.random.default_rng(seed))
    assert chosen.tolist() == again.tolist()


def test_the_papers_acquisitions_by_hand() -> None:
    assert Certainty().choose(belief(), 3, rng()).tolist() == [5, 2, 3]
    assert Uncertainty().choose(belief(), 2, rng()).tolist() == [1, 3]
    # Two by certainty, then two by uncertainty that were not taken.
    balanced = Mixed([Certainty(), Uncertainty()])
    assert balanced.choose(belief(), 4, rng()).tolist() == [5, 2, 1, 3]
    assert balanced.choose(belief(np.array([0.5, 0.0, 0.0])[:3], n=3), 2, rng()).tolist()[0] == 0
    assert Mixed([Certainty(), Random()], [3, 1]).choose(belief(), 4, rng()).tolist()[:3] == [5, 2, 3]


def test_ties_are_broken_by_chance_and_not_by_the_order() -> None:
    first = {int(top(np.zeros(5), 1, np.random.default_rng(seed))[0]) for seed in range(40)}
    assert first == set(range(5))


@given(
    m=st.lists(st.floats(-3, 3), min_size=1, max_size=6),
    s=st.floats(0.01, 3),
    t=st.floats(-3, 3),
)
@settings(max_examples=50, deadline=None)
def test_improvement_agrees_with_scipy(m: list[float], s: float, t: float) -> None:
    mean, n = np.array(m), len(m)
    own = belief(None, n=n, mean=mean, std=np.full(n, s), threshold=np.full(n, t))
    u = (mean - t) / s
    np.testing.assert_allclose(ImprovementProbability().scores(own), norm.cdf(u), atol=1e-12)
    np.testing.assert_allclose(ExpectedImprovement().scores(own), s * (u * norm.cdf(u) + norm.pdf(u)), atol=1e-12)
    np.testing.assert_allclose(ImprovementProbability(0.5).scores(own), norm.cdf((mean - t - 0.5) / s), atol=1e-12)
    np.testing.assert_allclose(Excess().scores(own), mean - t)


def test_expected_improvement_is_the_mean_of_draws_above_the_threshold() -> None:
    own = belief(None, n=2, mean=np.array([0.3, -0.2]), std=np.array([0.5, 1.0]), threshold=np.zeros(2))
    draws = np.random.default_rng(0).normal(own.mean, own.std, (400_000, 2))
    np.testing.assert_allclose(ExpectedImprovement().scores(own), np.maximum(draws, 0).mean(axis=0), atol=5e-3)


def test_without_spread_improvement_is_yes_or_no() -> None:
    own = belief(None, n=3, mean=np.array([1.0, 2.0, 3.0]), std=np.zeros(3), threshold=np.full(3, 2.0))
    assert ImprovementProbability().scores(own).tolist() == [0.0, 0.5, 1.0]
    assert ExpectedImprovement().scores(own).tolist() == [0.0, 0.0, 1.0]
    assert Disagreement().scores(own).tolist() == [0.0, 0.0, 0.0]


def test_a_diverse_batch_is_farther_apart_and_begins_with_the_best() -> None:
    x = np.concatenate([np.linspace(0, 0.1, 6), [5.0, 10.0]])[:, None]
    own = Belief(x=x, probability=np.linspace(1.0, 0.3, 8))
    assert Certainty().choose(own, 3, rng()).tolist() == [0, 1, 2]
    assert Diverse(Certainty(), among=3).choose(own, 3, rng()).tolist() == [0, 7, 6]
    assert Diverse(Certainty(), among=1).choose(own, 3, rng()).tolist()[0] == 0
    assert spread_out(np.zeros((4, 1)), 3).tolist() != []
    assert len(set(spread_out(np.zeros((4, 1)), 3).tolist())) == 3
    assert spread_out(np.zeros((0, 1)), 3).tolist() == []


def test_gaps_are_filled_from_what_was_asked() -> None:
    x = np.array([0.0, 0.1, 4.0, 5.0, 9.0, 10.0])[:, None]
    own = Belief(x=x, std=np.array([0.0, 0.9, 0.1, 0.8, 0.2, 0.7]), asked=np.array([[0.0], [0.2]]))
    # 10 is farthest from 0.2, then 5 from both, then 4; the near copies of what was asked come last.
    assert Farthest().choose(own, 4, rng()).tolist()[:3] == [5, 3, 2]
    assert set(Farthest().choose(own, 6, rng()).tolist()[4:]) == {0, 1}
    assert Farthest(Disagreement(), among=2).choose(own, 2, rng()).tolist() == [5, 3]
    assert Farthest(Disagreement(), among=1).choose(own, 1, rng()).tolist() == [1]
    # With nothing asked the first is the best of the other acquisition, or any.
    alone = Belief(x=x, std=own.std)
    assert Farthest(Disagreement()).choose(alone, 2, rng()).tolist() == [1, 5]
    first = {int(Farthest().choose(alone, 1, np.random.default_rng(seed))[0]) for seed in range(60)}
    assert first == set(range(6))
    assert InOrder().choose(own, 4, rng()).tolist() == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="among"):
        Farthest(among=0)
    with pytest.raises(InputError, match="has 2 features, the candidates have 1"):
        Belief(x=x, asked=np.zeros((3, 2)))


def test_what_is_missing_is_said() -> None:
    with pytest.raises(InputError, match="needs the mean and threshold"):
        Excess().scores(belief())
    with pytest.raises(InputError, match="probability"):
        Certainty().choose(belief(None), 1, rng())
    with pytest.raises(InputError, match="0 to 1"):
        belief(np.full(6, 1.2))
    with pytest.raises(InputError, match="at least 0"):
        belief(None, std=np.full(6, -1.0))
    with pytest.raises(InputError, match="shape"):
        belief(P[:3])
    with pytest.raises(ConfigError, match="share"):
        Mixed([Certainty()], [1, 2])
    with pytest.raises(ConfigError, match="share"):
        Mixed([])
    with pytest.raises(ConfigError, match="among"):
        Diverse(Certainty(), among=0.5)

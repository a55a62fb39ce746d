"""A trained model proposes compositions: the greatest disagreement, spread out, and a remedy where it cannot."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from nanonet.acquisition import Disagreement, Random
from nanonet.errors import CheckpointError, ConfigError
from nanonet.inference import load
from simulations.design import choose
from simulations.proposal import Active
from tests.made_up import quick_run

ROOMY = {"n_np_min": 16, "n_beads_max": 10**7}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(quick_run(tmp_path_factory.mktemp("model")) / "checkpoint")


def spread(model: str, points: list) -> np.ndarray:
    checkpoint = load(model).checkpoint
    return checkpoint.surrogate.predict_with_spread(checkpoint.problem.parse(points, {})[0])[1]


def test_proposes_where_members_disagree(model: str) -> None:
    proposed = [c for c, _ in choose(Active(8, model=model, pool=128, acquisition=Disagreement()), **ROOMY).points]
    by_chance = [c for c, _ in choose(Active(8, model=model, pool=128, acquisition=Random()), **ROOMY).points]
    everything = list(islice(Active(8, model=model, pool=128).source.compositions(), 128))
    np.testing.assert_allclose(np.sort(spread(model, proposed))[::-1], np.sort(spread(model, everything))[::-1][:8])
    assert spread(model, proposed).mean() > spread(model, by_chance).mean()


def test_a_batch_is_spread_out_and_the_same_again(model: str) -> None:
    design = Active(8, model=model, pool=128)
    proposed, again = (list(islice(design.compositions(), 8)) for _ in range(2))
    assert proposed == again
    greedy = list(islice(Active(8, model=model, pool=128, acquisition=Disagreement()).compositions(), 8))
    checkpoint = load(model).checkpoint

    def closest(points: list) -> float:
        x = checkpoint.surrogate.features.transform(checkpoint.problem.parse(points, {})[0])
        distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2)) + 1e9 * np.eye(len(x))
        return float(distance.min())

    assert closest(proposed) > closest(greedy)


def test_every_point_of_the_pool_comes_once(model: str) -> None:
    points = list(Active(5, model=model, pool=32).compositions())
    assert len(points) == len(set(points)) == 32


def test_bad_input_has_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"train it with `python -m nanonet\.train"):
        next(Active(2, model=str(tmp_path / "none")).compositions())
    with pytest.raises(ConfigError, match="at least the 8 points"):
        Active(8, pool=4)
    with pytest.raises(ConfigError, match="acquisition"):
        Active(8, acquisition="certainty")  # type: ignore[arg-type]


def test_the_campaign_says_what_it_would_run(model: str, tmp_path: Path) -> None:
    from hydra import compose, initialize_config_dir

    from nanonet.paths import CONF
    from simulations.protocol import Protocol
    from simulations.run import _plain, make_jobs

    overrides = ["design=active", f"design.model={model}", "design.n=3", "design.pool=64", "protocol=smoke"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("simulate", overrides=overrides)
    jobs, choice = make_jobs(config, Protocol.from_mapping(_plain(config.protocol)), "lammps")
    assert len(jobs) == len(choice.points) == 3

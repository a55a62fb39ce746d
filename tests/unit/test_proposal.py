"""A trained model proposes compositions: the greatest disagreement, spread out, and a remedy where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml

from nanonet.acquisition import Disagreement, Random
from nanonet.data import store
from nanonet.domain import Composition
from nanonet.domain.rdf import standard_grid
from nanonet.errors import CheckpointError, ConfigError, DataError
from nanonet.inference import load
from nanonet.paths import CONF
from nanonet.training.run import train
from simulations.design import Csv, Sobol, choose
from simulations.proposal import Active
from tests.made_up import configuration, quick_run, record

ROOMY = {"n_np_min": 16, "n_beads_max": 10**7}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(quick_run(tmp_path_factory.mktemp("model")) / "checkpoint")


def spread(model: str, points: list) -> np.ndarray:
    checkpoint = load(model).checkpoint
    return checkpoint.surrogate.disagreement(checkpoint.problem.parse(points, {})[0])


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


def workspace_of(folder: Path, points: list[Composition]) -> Path:
    from simulations.protocol import Protocol
    from simulations.workspace import StatePoint, Workspace

    protocol = Protocol.from_mapping(yaml.safe_load((CONF / "protocol" / "smoke.yaml").read_text()))
    workspace = Workspace(folder)
    for point in points:
        workspace.point(StatePoint(point, protocol))
    return folder


def test_nothing_is_proposed_that_is_in_the_workspace(model: str, tmp_path: Path) -> None:
    first = [c for c, _ in choose(Active(6, model=model, pool=64), **ROOMY).points]
    folder = workspace_of(tmp_path / "workspace", first[:4])
    design = Active(6, model=model, pool=64, workspace=str(folder))
    second = [c for c, _ in choose(design, **ROOMY).points]
    assert not set(first[:4]) & set(second)
    assert len(list(design.compositions())) == 60
    # Nor near one of them: whatever comes first is farther from the four than they were from each other.
    checkpoint = load(model).checkpoint
    x = checkpoint.surrogate.features.transform(checkpoint.problem.parse([*first[:4], second[0]], {})[0])
    between = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    assert between[4, :4].min() > 0.2
    # A folder that is not there yet has nothing in it, and is not made by looking.
    none = Active(6, model=model, pool=64, workspace=str(tmp_path / "none"))
    assert [c for c, _ in choose(none, **ROOMY).points] == first
    assert not (tmp_path / "none").exists()


def test_nothing_is_proposed_that_the_model_learned_from(tmp_path: Path) -> None:
    box = {"D": [2.0, 4.0]}
    points = list(islice(Sobol(24, seed=1, box=box).compositions(), 24))
    rows = [record(f"c{number:02d}/0", point.to_dict(), number) for number, point in enumerate(points[:16])]
    for row in rows:
        row["rho"] = 1.01 * float(str(row["rho"]))  # measured, not as asked for
    file = store.write(store.from_records(rows, standard_grid()), tmp_path / "records.nc")
    settings = ("representation=pca", "figures=false", "progress=false", "tensorboard=false")
    run = train(configuration("train", "+experiment=nanonet", f"dataset.path={file}", f"folder={tmp_path}", *settings))
    proposed = list(Active(4, model=str(run / "checkpoint"), pool=24, seed=1, box=box).compositions())
    learned = len(load(run / "checkpoint").checkpoint.coverage.x)
    assert 0 < learned <= 16
    assert len(proposed) == 24 - learned
    assert set(points[16:]) <= set(proposed)


def test_the_same_command_goes_on_and_a_new_model_proposes_anew(model: str, tmp_path: Path) -> None:
    folder = workspace_of(tmp_path / "workspace", [])
    choice = choose(Active(6, model=model, pool=64, workspace=str(folder)), **ROOMY)
    choice.remember()
    points = [c for c, _ in choice.points]
    workspace_of(folder, points[:3])
    again = choose(Active(6, model=model, pool=64, workspace=str(folder)), **ROOMY)
    assert [c for c, _ in again.points] == points
    other = str(quick_run(tmp_path / "other", n=18) / "checkpoint")
    for fresh in (
        Active(6, model=other, pool=64, workspace=str(folder)),
        Active(6, model=model, pool=64, seed=2, workspace=str(folder)),
    ):
        assert not set(points[:3]) & {c for c, _ in choose(fresh, **ROOMY).points}
    (file,) = (folder / "proposals").iterdir()
    file.write_text("{}")
    with pytest.raises(DataError, match="delete it to propose anew"):
        next(Active(6, model=model, pool=64, workspace=str(folder)).compositions())


def test_points_that_are_too_large_are_not_proposed(model: str) -> None:
    sizes = {"n_np_min": 16, "n_beads_max": 9000}
    choice = choose(Active(8, model=model, pool=256, **sizes), **sizes)
    assert len(choice.points) == 8
    assert not choice.skipped
    assert all(size.n_beads <= 9000 for _, size in choice.points)
    with pytest.raises(ConfigError, match="of the 16 points of the pool 0 are new and need no more than 100 beads"):
        next(Active(8, model=model, pool=16, n_beads_max=100).compositions())


def test_bad_input_has_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"train it with `python -m nanonet\.train"):
        next(Active(2, model=str(tmp_path / "none")).compositions())
    with pytest.raises(CheckpointError, match=r"asks a trained model, design\.model="):
        next(Active(2, model=str(tmp_path / "none"), workspace=str(tmp_path)).compositions())
    with pytest.raises(ConfigError, match="at least the 8 points"):
        Active(8, pool=4)
    with pytest.raises(ConfigError, match="acquisition"):
        Active(8, acquisition="certainty")  # type: ignore[arg-type]


def test_a_model_of_something_else_is_refused(need: Callable) -> None:
    need("lightgbm", "pip install 'nanonet[chem]'")
    with pytest.raises(ConfigError, match=r"takes no compositions .* design\.model="):
        next(Active(2, model="spe").compositions())


def test_the_campaign_says_what_it_would_run(model: str, tmp_path: Path) -> None:
    from hydra import compose, initialize_config_dir

    from simulations.protocol import Protocol
    from simulations.run import _plain, make_jobs

    overrides = ["design=active", f"design.model={model}", "design.n=3", "design.pool=64", "protocol=smoke"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("simulate", overrides=overrides)
    jobs, choice = make_jobs(config, Protocol.from_mapping(_plain(config.protocol)), "lammps")
    assert len(jobs) == len(choice.points) == 3
    choice.write(tmp_path / "points.csv")
    listed = choose(Csv(str(tmp_path / "points.csv")), **ROOMY)
    assert [c for c, _ in listed.points] == [c for c, _ in choice.points]

"""Every regressor of conf/regressor/ keeps the contract of nanonet.regressors.base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nanonet.errors import CheckpointError, InputError, NotFittedError
from nanonet.parts import build, describe, load_part, save_part
from nanonet.paths import CONF
from nanonet.regressors.base import Regressor

SUBJECTS = sorted((CONF / "regressor").glob("*.yaml"))
Make = Callable[[], Regressor]
RANDOM = np.random.default_rng(3)
#: Eight points on a line in three features; two codes that follow it.
X = np.outer(np.linspace(0.0, 1.0, 8), [1.0, 0.5, -1.0]) + 0.01 * RANDOM.random((8, 3))
CODES = np.column_stack([2.0 * X[:, 0] - 1.0, X[:, 2] + 3.0])


@pytest.fixture(scope="module", params=SUBJECTS, ids=[path.stem for path in SUBJECTS])
def make(request: pytest.FixtureRequest) -> Make:
    with initialize_config_dir(str(CONF), version_base=None):
        composed = compose(f"regressor/{request.param.stem}")
    config: Any = OmegaConf.to_container(composed, resolve=True)["regressor"]  # type: ignore[index, call-overload]
    if "n_members" in config:
        config["n_members"] = 2
    for part in config.get("of") or ():
        # The networks of a committee keep their number, which its seats ask for.
        if "hidden" in part:
            part["fit"] |= {"epochs": 60, "learning_rate": 0.02}
    if "fit" in config:
        # Eight points are learned in fewer epochs, if the steps are larger.
        config["fit"] |= {"epochs": 60, "learning_rate": 0.02}
        # Small networks that read structures: most of the time is that of building their graphs.
        config |= {key: 1 for key in ("n_members", "rounds", "blocks") if key in config}
        config |= {key: 6 for key in ("atoms", "length") if key in config}
    if isinstance(config.get("n_trees"), list):
        config["n_trees"] = [10, 20]
    return lambda: build(config, seed=1, where="regressor")


@pytest.fixture(scope="module")
def codes(make: Make) -> np.ndarray:
    # A classifier learns 0 and 1, and says so.
    return (np.median(CODES, axis=0) < CODES).astype(float) if getattr(make(), "binary", False) else CODES


@pytest.fixture(scope="module")
def points(make: Make) -> np.ndarray:
    return widened(make(), X)


def widened(regressor: Regressor, x: np.ndarray) -> np.ndarray:
    """A network that reads structures finds one in the last columns; here it is an empty one."""
    return np.column_stack([x, np.zeros((len(x), getattr(regressor, "packed", 0)))])


@pytest.fixture(scope="module")
def fitted(make: Make, points: np.ndarray, codes: np.ndarray) -> Regressor:
    return make().fit(points, codes)


def test_there_are_subjects() -> None:
    assert {"forest", "boosting", "gaussian_process", "ridge", "nearest", "mean", "dense"} <= {
        path.stem for path in SUBJECTS
    }


def test_is_a_regressor(make: Make) -> None:
    assert isinstance(make(), Regressor)


def test_memorises_eight_points(fitted: Regressor, points: np.ndarray, codes: np.ndarray) -> None:
    residual = ((fitted.predict(points) - codes) ** 2).sum()
    assert 1.0 - residual / ((codes - codes.mean(axis=0)) ** 2).sum() >= fitted.memorises


def test_prediction_is_the_mean_of_the_members(fitted: Regressor) -> None:
    x = widened(fitted, RANDOM.random((5, 3)))
    members = fitted.members(x)
    assert members.ndim == 3
    assert members.shape[1:] == (5, 2)
    np.testing.assert_allclose(members.mean(axis=0), fitted.predict(x), rtol=0, atol=1e-12)
    assert np.isfinite(members).all()


def test_rows_do_not_know_of_each_other(fitted: Regressor) -> None:
    x = widened(fitted, RANDOM.random((6, 3)))
    one_by_one = np.concatenate([fitted.predict(row[None]) for row in x])
    np.testing.assert_allclose(fitted.predict(x[::-1])[::-1], one_by_one, rtol=0, atol=1e-5)


def test_is_reproducible_mutates_nothing_and_keeps_its_own_copy(
    make: Make, fitted: Regressor, points: np.ndarray, codes: np.ndarray
) -> None:
    # All of it of one fit, since there are networks among the subjects.
    x, own = points.copy(), codes.copy()
    again = make().fit(x, own)
    assert (x == points).all()
    assert (own == codes).all()
    before = again.predict(points)
    np.testing.assert_allclose(before, fitted.predict(points), rtol=0, atol=1e-6)
    x[:], own[:] = 0.0, 0.0
    np.testing.assert_array_equal(again.predict(points), before)


def test_comes_back_from_disk_the_same(fitted: Regressor, tmp_path: Path) -> None:
    save_part(fitted, tmp_path / "part")
    back = load_part(tmp_path / "part", Regressor)  # type: ignore[type-abstract]
    assert describe(back) == describe(fitted)
    x = widened(fitted, RANDOM.random((4, 3)))
    np.testing.assert_allclose(back.members(x), fitted.members(x), rtol=0, atol=1e-5)


def test_says_that_it_was_not_fitted(make: Make, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        make().predict(X)
    with pytest.raises(NotFittedError):
        make().save(tmp_path)


def test_refuses_what_does_not_fit(make: Make, fitted: Regressor, points: np.ndarray) -> None:
    with pytest.raises(InputError, match="shape"):
        fitted.predict(X[:, :2])
    with pytest.raises(InputError, match="finite"):
        fitted.predict(np.full((1, points.shape[1]), np.nan))
    with pytest.raises(InputError, match="rows"):
        make().fit(points, CODES[:5])
    with pytest.raises(InputError):
        make().fit(points, np.full_like(CODES, np.inf))


def test_nothing_to_load_is_said_clearly(make: Make, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing"):
        type(make()).load(tmp_path)

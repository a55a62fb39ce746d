"""All features of conf/features/ keep the contract of nanonet.features.base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nanonet.data.table import Table
from nanonet.errors import CheckpointError, InputError, NotFittedError
from nanonet.features.base import Features
from nanonet.parts import build, describe, load_part, save_part
from nanonet.paths import CONF
from tests.made_up import compositions

SUBJECTS = sorted((CONF / "features").glob("*.yaml"))
Make = Callable[[], Features]
NAMES = ("D", "N", "rho", "eps_np_np", "eps_p_np")
INPUTS = Table.from_rows(compositions(12), NAMES)


@pytest.fixture(scope="module", params=SUBJECTS, ids=[path.stem for path in SUBJECTS])
def make(request: pytest.FixtureRequest) -> Make:
    with initialize_config_dir(str(CONF), version_base=None):
        composed = compose(f"features/{request.param.stem}")
    config: Any = OmegaConf.to_container(composed, resolve=True)["features"]  # type: ignore[index, call-overload]
    return lambda: build(config, seed=1, where="features")


@pytest.fixture(scope="module")
def fitted(make: Make) -> Features:
    return make().fit(INPUTS)


def test_there_are_subjects() -> None:
    assert "composition" in {path.stem for path in SUBJECTS}


def test_finite_columns_with_names(make: Make, fitted: Features) -> None:
    assert isinstance(make(), Features)
    x = fitted.transform(INPUTS)
    assert x.shape == (12, len(fitted.names))
    assert len(set(fitted.names)) == len(fitted.names)
    assert np.isfinite(x).all()


def test_the_training_part_spans_zero_to_one(fitted: Features) -> None:
    x = fitted.transform(INPUTS)
    np.testing.assert_allclose(x.min(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(x.max(axis=0), 1.0, atol=1e-12)


def test_order_of_the_rows_does_not_matter(make: Make, fitted: Features) -> None:
    order = np.random.default_rng(0).permutation(12)
    np.testing.assert_allclose(fitted.transform(INPUTS)[order], fitted.transform(INPUTS.take(order)))
    np.testing.assert_allclose(make().fit(INPUTS.take(order)).transform(INPUTS), fitted.transform(INPUTS))


def test_a_point_outside_is_not_pulled_in(fitted: Features) -> None:
    far = Table({**{name: INPUTS[name][:1] for name in NAMES}, "eps_np_np": [20.0]})
    assert fitted.transform(far).max() > 1.0


def test_comes_back_from_disk_the_same(fitted: Features, tmp_path: Path) -> None:
    save_part(fitted, tmp_path)
    back = load_part(tmp_path, Features)  # type: ignore[type-abstract]
    assert describe(back) == describe(fitted)
    np.testing.assert_array_equal(back.transform(INPUTS), fitted.transform(INPUTS))


def test_errors_name_what_is_wrong(make: Make, fitted: Features, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        make().transform(INPUTS)
    with pytest.raises(InputError, match="there is no column 'D'"):
        fitted.transform(Table({"x": [1.0]}))
    with pytest.raises(InputError, match="text"):
        fitted.transform(Table({**{name: INPUTS[name][:1] for name in NAMES}, "eps_p_np": ["strong"]}))
    with pytest.raises(CheckpointError, match="missing"):
        type(make()).load(tmp_path)

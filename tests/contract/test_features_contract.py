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
from tests.made_up import blends, compositions, electrolytes

SUBJECTS = sorted((CONF / "features").glob("*.yaml"))
Make = Callable[[], Features]
NAMES = ("D", "N", "rho", "eps_np_np", "eps_p_np")
#: First words of a file's name, the longest that fit -> inputs of its problem, twelve rows.
PROBLEMS = {
    "composition": Table.from_rows(compositions(12), NAMES),
    "electrolyte": electrolytes(12),
    "electrolyte_md": Table({**dict(electrolytes(12)), "batch": ["early", "late", "late"] * 4}),
    "blend": blends(12),
    "constituents": blends(12),
}
#: Those of shares, which end at 0 and 1.
SHARES = ("blend", "constituents")


#: First words of the columns of a packed structure.
PACKED = ("per", "atom", "neighbour", "bond", "letter")


@pytest.fixture(scope="module", params=SUBJECTS, ids=[path.stem for path in SUBJECTS])
def subject(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(scope="module")
def inputs(subject: Path) -> Table:
    return PROBLEMS[max((name for name in PROBLEMS if f"{subject.stem}_".startswith(f"{name}_")), key=len)]


@pytest.fixture(scope="module")
def make(subject: Path) -> Make:
    with initialize_config_dir(str(CONF), version_base=None):
        composed = compose(f"features/{subject.stem}")
    config: Any = OmegaConf.to_container(composed, resolve=True)["features"]  # type: ignore[index, call-overload]
    return lambda: build(config, seed=1, where="features")


@pytest.fixture(scope="module")
def fitted(make: Make, inputs: Table) -> Features:
    return make().fit(inputs)


def test_there_are_subjects() -> None:
    assert "composition" in {path.stem for path in SUBJECTS}


def test_finite_columns_with_names(make: Make, fitted: Features, inputs: Table) -> None:
    assert isinstance(make(), Features)
    x = fitted.transform(inputs)
    assert x.shape == (12, len(fitted.names))
    assert len(set(fitted.names)) == len(fitted.names)
    assert np.isfinite(x).all()


def test_the_training_part_has_one_scale(fitted: Features, subject: Path, inputs: Table) -> None:
    x = fitted.transform(inputs)
    if subject.stem.startswith("electrolyte"):
        # Standard scores: no column is far larger than the others.
        # A structure for networks that read one is made of whole numbers.
        plain = x[:, [name.split()[0] not in PACKED for name in fitted.names]]
        assert np.abs(plain).max() < 20.0
    if not subject.stem.startswith("composition"):
        return
    np.testing.assert_allclose(x.min(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(x.max(axis=0), 1.0, atol=1e-12)


def test_order_of_the_rows_does_not_matter(make: Make, fitted: Features, inputs: Table) -> None:
    order = np.random.default_rng(0).permutation(12)
    x = fitted.transform(inputs)
    np.testing.assert_allclose(x[order], fitted.transform(inputs.take(order)), atol=1e-12)
    np.testing.assert_allclose(make().fit(inputs.take(order)).transform(inputs), x, atol=1e-9)


def test_a_point_outside_is_not_pulled_in(fitted: Features, subject: Path, inputs: Table) -> None:
    if subject.stem.startswith(SHARES):
        with pytest.raises(InputError, match="numbers from 0 to 1"):
            fitted.transform(Table({**dict(inputs.take([0])), "fraction": [1.5]}))
        return
    for name, column in inputs.items():
        if column.dtype.kind == "f" and np.ptp(column) > 0:
            far = Table({**{other: values[:1] for other, values in inputs.items()}, name: [column.max() + 10.0]})
            nearer = Table({**{other: values[:1] for other, values in inputs.items()}, name: [column.max()]})
            if not np.allclose(fitted.transform(far), fitted.transform(nearer)):
                return
    pytest.fail("no number beyond the training range makes a difference")


def test_a_composition_outside_is_beyond_one(fitted: Features, subject: Path, inputs: Table) -> None:
    if subject.stem.startswith("composition"):
        far = Table({**{name: inputs[name][:1] for name in NAMES}, "eps_np_np": [20.0]})
        assert fitted.transform(far).max() > 1.0


def test_comes_back_from_disk_the_same(fitted: Features, inputs: Table, tmp_path: Path) -> None:
    save_part(fitted, tmp_path)
    back = load_part(tmp_path, Features)  # type: ignore[type-abstract]
    assert describe(back) == describe(fitted)
    np.testing.assert_array_equal(back.transform(inputs), fitted.transform(inputs))


def test_errors_name_what_is_wrong(make: Make, fitted: Features, inputs: Table, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        make().transform(inputs)
    with pytest.raises(InputError, match="there is no column '"):
        fitted.transform(Table({"x": [1.0]}))
    number = [name for name, column in inputs.items() if column.dtype.kind == "f"][-1]
    with pytest.raises(InputError, match="numbers"):
        fitted.transform(Table({**{name: column[:1] for name, column in inputs.items()}, number: ["strong"]}))
    with pytest.raises(CheckpointError, match="missing"):
        type(make()).load(tmp_path)

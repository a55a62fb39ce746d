"""Parts are built from our own classes only, and say what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nanonet.errors import CheckpointError, ConfigError
from nanonet.parts import build, describe, load_arrays, load_part, locate, save_arrays
from nanonet.regressors.base import Regressor
from nanonet.regressors.forest import Forest

FOREST = "nanonet.regressors.forest.Forest"


@pytest.mark.parametrize(
    "target", ["os.system", "subprocess.Popen", "nanonet", "nanonet.parts.importlib.import_module", "builtins.eval", 3]
)
def test_foreign_code_is_refused(target: object) -> None:
    with pytest.raises(ConfigError):
        locate(target)


@pytest.mark.parametrize("target", ["nanonet.parts.os", "nanonet.parts.build", "nanonet.parts.Path"])
def test_what_our_modules_import_is_not_ours(target: str) -> None:
    with pytest.raises(ConfigError, match="not a class"):
        locate(target)


def test_a_typo_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"takes n_trees.*not known: n_tree\b"):
        build({"_target_": FOREST, "n_tree": 3})
    with pytest.raises(ConfigError, match="does not exist"):
        build({"_target_": "nanonet.regressors.forest.Frost"})
    with pytest.raises(ConfigError, match="missing: fit"):
        build({"_target_": "nanonet.regressors.dense.Dense"})


def test_seeds_follow_from_the_place() -> None:
    one, other = (build({"_target_": FOREST, "seed": None}, seed=1, where=where) for where in ("a", "b"))
    assert one.seed != other.seed
    assert build({"_target_": FOREST, "seed": 7}, seed=1).seed == 7


def test_description_builds_the_same() -> None:
    forest = Forest(n_trees=3, max_features=1)
    assert describe(build(describe(forest))) == describe(forest)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", x=np.array([{}], dtype=object))
    with pytest.raises(CheckpointError, match="plain numbers"):
        load_arrays(tmp_path / "bad.npz", "x")
    save_arrays(tmp_path / "good.npz", x=[1.0])
    with pytest.raises(CheckpointError):
        load_arrays(tmp_path / "good.npz", "y")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:40])
    with pytest.raises(CheckpointError):
        load_arrays(tmp_path / "cut.npz", "x")


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"_target_": "os.system"})])
def test_a_folder_that_is_no_part(tmp_path: Path, content: str) -> None:
    (tmp_path / "part.json").write_text(content)
    with pytest.raises(CheckpointError):
        load_part(tmp_path, Regressor)  # type: ignore[type-abstract]


def test_a_part_of_another_kind(tmp_path: Path) -> None:
    from nanonet.data.split import Holdout

    (tmp_path / "part.json").write_text(json.dumps(describe(Holdout())))
    with pytest.raises(CheckpointError):
        load_part(tmp_path, Regressor)  # type: ignore[type-abstract]

"""Checkpoints: what is altered, too new, incomplete or not to be trusted is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet import checkpoint as module
from nanonet.checkpoint import Checkpoint, read_manifest
from nanonet.data.table import Table
from nanonet.errors import CheckpointError
from nanonet.inference import load
from tests.made_up import compositions, quick_run

INPUTS = Table.from_rows(compositions(5, seed=9), ("D", "N", "rho", "eps_np_np", "eps_p_np"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quick_run(tmp_path_factory.mktemp("run")) / "checkpoint"


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def _reseal(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest as somebody would who knows how it is sealed."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "manifest.json"]
    manifest["files"] = {file.relative_to(folder).as_posix(): module._digest(file) for file in files}
    manifest["seal"] = module._seal(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_checkpoint_needs_nothing_but_its_folder(original: Path) -> None:
    checkpoint = Checkpoint.load(original)
    assert checkpoint.name == "nanonet"
    assert checkpoint.band is not None
    assert checkpoint.surrogate.predict(INPUTS).shape == (5, 100)
    assert checkpoint.info["data"]["learned"]
    assert not set(checkpoint.info["data"]["learned"]) & set(checkpoint.info["held_out"])
    manifest = read_manifest(original)
    assert {"numpy", "python", "nanonet"} <= set(manifest["versions"])
    assert "README.md" in manifest["files"]
    assert not [file for file in original.rglob("*") if file.suffix in {".pkl", ".pickle", ".joblib"}]


def test_every_changed_byte_is_noticed(copy: Path) -> None:
    files = sorted(file for file in copy.rglob("*") if file.is_file())
    assert len(files) >= 8
    for file in files:
        content = file.read_bytes()
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        with pytest.raises(CheckpointError):
            Checkpoint.load(copy)
        file.write_bytes(content)
    Checkpoint.load(copy)


def test_every_missing_file_is_noticed(copy: Path) -> None:
    for file in sorted(file for file in copy.rglob("*") if file.is_file()):
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(CheckpointError, match=r"missing|not a checkpoint"):
            Checkpoint.load(copy)
        file.write_bytes(content)


def test_a_newer_schema_is_refused(copy: Path) -> None:
    _reseal(copy, lambda manifest: manifest.update(nanonet_checkpoint=2))
    with pytest.raises(CheckpointError, match="schema 2, this nanonet reads up to 1; upgrade"):
        Checkpoint.load(copy)


@pytest.mark.parametrize("target", ["os.system", "nanonet.errors.InputError", "nanonet.data.split.Holdout", "x"])
def test_a_part_of_a_class_that_is_no_part(copy: Path, target: str) -> None:
    file = copy / "regressor" / "part.json"
    file.write_text(json.dumps({"_target_": target}))
    _reseal(copy, lambda _: None)
    with pytest.raises(CheckpointError):
        Checkpoint.load(copy)


@pytest.mark.parametrize("key", ["problem", "target", "code_shape", "band", "info"])
def test_a_manifest_that_lacks_something(copy: Path, key: str) -> None:
    _reseal(copy, lambda manifest: manifest.pop(key))
    with pytest.raises(CheckpointError):
        Checkpoint.load(copy)


def test_a_file_outside_the_folder_is_not_looked_at(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../secret"] = "0" * 64
    manifest["seal"] = module._seal(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="outside the checkpoint"):
        Checkpoint.load(copy)


def test_an_untrusted_scikit_learn_part_is_refused(tmp_path: Path) -> None:
    import skops.io
    from sklearn.gaussian_process import GaussianProcessRegressor

    from nanonet.regressors.boosting import load_trusted

    class Foreign(GaussianProcessRegressor):  # type: ignore[misc]
        pass

    skops.io.dump([Foreign()], tmp_path / "foreign.skops")
    with pytest.raises(CheckpointError, match=r"not trusted.*Foreign"):
        load_trusted(tmp_path / "foreign.skops")
    (tmp_path / "cut.skops").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="damaged"):
        load_trusted(tmp_path / "cut.skops")


def test_a_keras_file_in_a_checkpoint_is_looked_through(copy: Path) -> None:
    (copy / "regressor" / "extra.keras").write_bytes(b"no archive")
    _reseal(copy, lambda _: None)
    with pytest.raises(CheckpointError, match="not a Keras model"):
        Checkpoint.load(copy)


def test_saving_replaces_a_checkpoint_and_nothing_else(original: Path, tmp_path: Path) -> None:
    checkpoint = Checkpoint.load(original)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        checkpoint.save(tmp_path / "full")
    for _ in range(2):
        checkpoint.save(tmp_path / "made")
    back = Checkpoint.load(tmp_path / "made")
    np.testing.assert_array_equal(back.surrogate.predict(INPUTS), checkpoint.surrogate.predict(INPUTS))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["full", "made"]


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint 'nonesuch'.*nanonet.train"):
        load("nonesuch")
    with pytest.raises(CheckpointError):
        load(tmp_path)
    for name in ("", "\0", 3, b"nanonet", [], "x" * 300):
        with pytest.raises(CheckpointError):
            load(name)  # type: ignore[arg-type]

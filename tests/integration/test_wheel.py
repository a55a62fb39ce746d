"""What leaves the house: a wheel with nanonet, conf/ and checkpoints/, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nanonet

_CARRIED = (
    "nanonet",
    "simulations",
    "conf",
    "checkpoints",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that the checkout stays clean and nobody is in the way."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in _CARRIED:
        if (checkout / name).is_dir():
            shutil.copytree(checkout / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (checkout / name).exists():
            shutil.copy(checkout / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (file,) = out.glob("nanonet-*.whl")
    return file


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _files(folder: Path) -> set[str]:
    """Relative names of the files of a folder, hidden ones left out."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


def test_only_nanonet(names: set[str]) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"nanonet"}
    assert "nanonet/__init__.py" in names
    assert "nanonet/py.typed" in names


def test_every_module_is_inside(checkout: Path, names: set[str]) -> None:
    assert {f"nanonet/{name}" for name in _files(checkout / "nanonet") if name.endswith(".py")} <= names


@pytest.mark.parametrize("folder", ["conf", "checkpoints"])
def test_carries_the_shared_folders(checkout: Path, names: set[str], folder: str) -> None:
    prefix = f"nanonet/_share/{folder}/"
    inside = {name.removeprefix(prefix) for name in names if name.startswith(prefix) and not name.endswith("/")}
    assert inside == _files(checkout / folder)


def test_carries_the_reference_records(checkout: Path, names: set[str]) -> None:
    records = checkout / "nanonet" / "data" / "reference"
    assert {f"nanonet/data/reference/{name}" for name in _files(records)} <= names


def test_finds_its_files_elsewhere(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import nanonet.paths as p; print(p.PACKAGE, p.CONF, sep='\\n')"
    # -S and an empty environment: neither the checkout nor anything installed is in sight.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    )
    package, conf = done.stdout.split("\n")[:2]
    assert Path(package) == tmp_path / "nanonet"
    assert Path(conf) == tmp_path / "nanonet" / "_share" / "conf"
    assert Path(conf).is_dir()


def test_predicts_elsewhere_as_here(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import sys, nanonet; r = nanonet.predict(D=2.6, N=32, phi=0.05, eps_np_np=1.2, eps_p_np=1.2); "
        "print(nanonet.__file__, repr(float(r.g.sum())), "
        "bool({'keras', 'sklearn', 'tensorflow', 'scipy'} & set(sys.modules)))"
    )
    places = {"PYTHONPATH": str(tmp_path / "site"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=places, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file, total, heavy = done.stdout.split()
    assert Path(file).is_relative_to(tmp_path)
    here = nanonet.predict(D=2.6, N=32, phi=0.05, eps_np_np=1.2, eps_p_np=1.2)
    assert float(total) == pytest.approx(float(here.g.sum()), rel=1e-9)
    assert heavy == "False"

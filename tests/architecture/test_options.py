"""--validate and --engine: the long checks are left out visibly, and a missing engine fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LONG = """
import pytest

def test_long(engine_name):
    assert engine_name == "no_such_engine"

def test_needs_it(need):
    need("no_such_engine", "conda install it")
    assert False, "not reached"
"""


@pytest.fixture
def small(checkout: Path, tmp_path: Path) -> Path:
    """A small test tree with our conftest: one daily test, two long ones."""
    (tmp_path / "tests" / "validation").mkdir(parents=True)
    shutil.copy(checkout / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copy(checkout / "setup.cfg", tmp_path)
    (tmp_path / "tests" / "test_daily.py").write_text("def test_daily(): assert True\n", encoding="utf-8")
    (tmp_path / "tests" / "validation" / "test_long.py").write_text(LONG, encoding="utf-8")
    return tmp_path


def _pytest(folder: Path, *args: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_long_checks_are_left_out_and_it_is_said(small: Path) -> None:
    out = _pytest(small)
    assert "WITHOUT the validation tests" in out
    assert "1 passed, 2 deselected" in out


def test_validate_runs_them_and_a_missing_engine_fails(small: Path) -> None:
    out = _pytest(small, "--validate", "-m", "validate", "--engine=no_such_engine")
    assert "with the validation tests, engine no_such_engine" in out
    assert "1 failed, 1 passed, 1 deselected" in out
    assert "needs no_such_engine, which is not installed" in out


def test_another_engine_that_is_missing_skips_with_the_reason(small: Path) -> None:
    out = _pytest(small, "--validate", "-m", "validate", "-k", "needs_it")
    assert "1 skipped" in out
    assert "conda install it" in out

"""The engine under validation, and a table of what was measured, printed at the end and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nanonet.errors import EngineNotInstalledError
from nanonet.paths import CONF
from simulations.engines.child import make_engine
from simulations.engines.supervised import Supervised

#: What each engine gave when it was last validated: one JSON file per engine.
MEASURED = Path(__file__).parent / "measured"
_ROWS: dict[str, dict[str, Any]] = {}


def engine_config(name: str) -> tuple[str, dict[str, Any]]:
    """Dotted name of an engine's class and its options, from conf/engine."""
    file = CONF / "engine" / f"{name}.yaml"
    if not file.is_file():
        pytest.fail(
            f"there is no engine {name!r}: conf/engine has {sorted(p.stem for p in file.parent.glob('*.yaml'))}"
        )
    options = yaml.safe_load(file.read_text())
    return options.pop("_target_"), options


@pytest.fixture(scope="session")
def engine(engine_name: str) -> Supervised:
    """The engine under validation in a child process; where it is missing that is a failure, not a skip."""
    target, options = engine_config(engine_name)
    try:
        versions = make_engine(target, options).versions()
    except EngineNotInstalledError as error:
        pytest.fail(f"the engine {engine_name} is to be validated, but: {error}")
    _ROWS["versions"] = versions
    return Supervised(target, options)


@pytest.fixture(scope="session")
def others(engine_name: str) -> dict[str, Any]:
    """The other engines that honour a force field and are installed here, by name."""
    found = {}
    for file in sorted((CONF / "engine").glob("*.yaml")):
        if file.stem in (engine_name, "ideal"):
            continue
        target, options = engine_config(file.stem)
        try:
            candidate = make_engine(target, options)
            candidate.versions()
        except EngineNotInstalledError:
            continue
        found[file.stem] = candidate
    return found


@pytest.fixture(scope="session")
def elsewhere(engine_name: str) -> dict[str, dict[str, Any]]:
    """What the other engines gave when they were validated, by name; empty if none was."""
    return {
        file.stem: json.loads(file.read_text()) for file in sorted(MEASURED.glob("*.json")) if file.stem != engine_name
    }


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config, engine_name: str) -> Callable[..., None]:
    """``measured("check", "quantity", value, error, expected)``: a row of the table."""
    cache = getattr(pytestconfig, "cache", None)
    folder = cache.mkdir("validation") if cache is not None else None

    def note(check: str, quantity: str, value: float, error: float | None = None, expected: str = "") -> None:
        _ROWS[f"{check}: {quantity}"] = {
            "value": float(value),
            "error": None if error is None else float(error),
            "expected": expected,
        }
        if folder is not None:
            (folder / f"{engine_name}.json").write_text(json.dumps(_ROWS, indent=1) + "\n")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, ready for docs/validation.md."""
    rows = {name: row for name, row in _ROWS.items() if name != "versions"}
    if not rows:
        return
    terminalreporter.section(f"measured with {_ROWS.get('versions')}")
    for name, row in rows.items():
        error = "" if row["error"] is None else f" +/- {row['error']:.2g}"
        terminalreporter.write_line(f"| {name} | {row['value']:.6g}{error} | {row['expected']} |")
    terminalreporter.write_line("the same as JSON: .pytest_cache/d/validation; keep it in tests/validation/measured")

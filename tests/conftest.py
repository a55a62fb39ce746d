"""What all tests share: the options --validate and --engine, and a few small subjects."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

# Before anything imports these libraries: no window, and no chatter that hides a failure.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from nanonet.domain import RDF, Composition
from nanonet.domain.rdf import standard_grid

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_ENGINE = "lammps"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nanonet")
    group.addoption("--validate", action="store_true", help="also run the long physical checks (marker: validate)")
    group.addoption(
        "--engine",
        metavar="NAME",
        help=f"the engine that is validated (default: {DEFAULT_ENGINE}); where it is missing, tests fail",
    )


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("validate"):
        return f"nanonet: with the validation tests, engine {config.getoption('engine') or DEFAULT_ENGINE}"
    return "nanonet: WITHOUT the validation tests (they take hours; --validate or `make validate` runs them)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark all of tests/validation, and leave the marked tests out unless they are asked for."""
    validation = CHECKOUT / "tests" / "validation"
    for item in items:
        if item.path.is_relative_to(validation):
            item.add_marker("validate")
    if config.getoption("validate"):
        return
    left_out = [item for item in items if item.get_closest_marker("validate")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("validate")]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout."""
    return CHECKOUT


@pytest.fixture(scope="session")
def engine_name(pytestconfig: pytest.Config) -> str:
    """The engine under validation: ``--engine``, else lammps."""
    return pytestconfig.getoption("engine") or DEFAULT_ENGINE


@pytest.fixture(scope="session")
def need(pytestconfig: pytest.Config, engine_name: str) -> Callable[[str, str], ModuleType]:
    """``need("hoomd", "conda install hoomd")``: the module, or a skip that names what is missing.

    The engine that is being validated must be there: a skip would look like a pass.
    """

    def module(name: str, remedy: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            reason = f"needs {name}, which is not installed ({error}); {remedy}"
            if pytestconfig.getoption("validate") and name == engine_name:
                pytest.fail(reason)
            pytest.skip(reason)

    return module


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every run."""
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def composition() -> Composition:
    """An ordinary composition, in the middle of the domain."""
    return Composition(D=3, N=40, rho=0.0042, eps_np_np=0.5, eps_p_np=1.0)


@pytest.fixture(scope="session")
def rdf(composition: Composition) -> RDF:
    """A made-up RDF with an empty core and one clear peak; for unit tests only."""
    r = standard_grid()
    g = np.where(r < 0.9 * composition.D, 0.0, 1.0 + 3.0 * np.exp(-(((r - 3.35) / 0.25) ** 2)))
    return RDF(r=r, g=g, error=np.where(g > 0, 0.05, 0.0), n_frames=100, composition=composition)


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Figures that a test leaves open would make matplotlib warn in another test."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")

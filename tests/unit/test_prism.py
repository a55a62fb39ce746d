"""The PRISM baseline: missing, not converging, or giving its g; the theory itself is pyPRISM's."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.errors import InputError, MissingDependencyError, NotFittedError
from nanonet.theory.prism import Prism
from tests.made_up import compositions

INPUTS = Table.from_rows(compositions(3), ("D", "N", "rho", "eps_np_np", "eps_p_np"))
TARGETS = np.ones((3, 100))


def _theory(outcomes: list[Any]) -> MagicMock:
    """A stand-in for pyPRISM whose solver answers, fails or raises, one outcome after the other."""
    r = 0.1 * np.arange(1, 1025)
    theory = MagicMock()

    def solve(**_: Any) -> SimpleNamespace:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return SimpleNamespace(success=outcome)

    prism = theory.System.return_value.createPRISM.return_value
    prism.solve, prism.sys.domain.r = solve, r
    theory.calculate.pair_correlation.return_value = {("particle", "particle"): 1.0 - np.exp(-r)}
    return theory


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyPRISM", None)
    with pytest.raises(MissingDependencyError, match="pyPRISM"):
        Prism().fit(INPUTS, TARGETS)
    with pytest.raises(NotFittedError):
        Prism().predict_with_spread(INPUTS)


def test_no_solution_is_no_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyPRISM", _theory([True, False, TimeoutError()]))
    g, spread = Prism().fit(INPUTS, TARGETS).predict_with_spread(INPUTS)
    r = standard_grid()
    np.testing.assert_allclose(g[0, 1:], (1 - np.exp(-r))[1:], atol=2e-3)
    assert np.isnan(g[1:]).all()
    assert spread.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(InputError, match="100 bins"):
        Prism().fit(INPUTS, TARGETS[:, :50])

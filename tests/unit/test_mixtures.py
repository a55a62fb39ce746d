"""Mixtures by their parts: the same numbers as from rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.errors import InputError
from nanonet.mixtures import MixtureFeatures, MixtureRegressor, Mixtures
from nanonet.regressors.mixture import MixtureProcess
from nanonet.representations.transforms import Identity
from nanonet.surrogate import Surrogate


class Lookup:
    """Made-up features: two numbers of each named part."""

    names = ("share", "a", "b", "c", "d")

    def __init__(self) -> None:
        self.rows_made = 0

    def fit(self, inputs: Table) -> Lookup:
        return self

    def mixtures(self, inputs: Table) -> Mixtures:
        parts = np.random.default_rng(1).random((10, 2))
        first, second = (inputs[name].astype(np.int64) for name in ("i", "j"))
        return Mixtures(parts, first, second, np.array(inputs["w"]))

    def transform(self, inputs: Table) -> FloatArray:
        self.rows_made += inputs.n_rows
        return self.mixtures(inputs).rows()

    def get_config(self) -> dict[str, Any]:
        return {}


def asked(n: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, 10, (2, n))
    j[::3] = i[::3]
    return Table({"i": i, "j": j, "w": rng.choice([1 / 6, 0.5, 5 / 6], n)})


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    table, lookup = asked(60, 2), Lookup()
    rows = lookup.mixtures(table).rows()
    y = rows[:, 0] * rows[:, 1] + (1 - rows[:, 0]) * rows[:, 3] + 0.02 * np.random.default_rng(3).standard_normal(60)
    return Surrogate(lookup, MixtureProcess(), Identity(lowest=None)).fit(table, y)  # type: ignore[arg-type]


def test_rows_and_back() -> None:
    made = Lookup().mixtures(asked(40, 5))
    back = Mixtures.of_rows(made.rows())
    np.testing.assert_array_equal(back.rows(), made.rows())
    np.testing.assert_array_equal(back.mixed, made.mixed)
    assert len(back.parts) <= 10
    assert len(Mixtures.of_rows(np.array([[0.5, 0.0, -0.0]])).parts) == 1


def test_surrogate_takes_the_short_way_to_the_same_numbers(surrogate: Surrogate) -> None:
    features, regressor = surrogate.features, surrogate.regressor
    assert isinstance(features, MixtureFeatures)
    assert isinstance(regressor, MixtureRegressor)
    assert surrogate.by_parts
    assert isinstance(features, Lookup)
    table = asked(200, 7)
    members = regressor.members(features.transform(table))
    before = features.rows_made
    values, spread = surrogate.predict_with_spread(table)
    assert features.rows_made == before
    np.testing.assert_allclose(values, members.mean(axis=0)[:, 0], rtol=1e-9)
    np.testing.assert_allclose(spread, members.std(axis=0)[:, 0], rtol=1e-6)
    np.testing.assert_allclose(surrogate.predict(table), values, rtol=1e-9)


def test_spread_is_that_of_the_definition(surrogate: Surrogate) -> None:
    # The covariance matrix of records and question written out, row by row.
    process = surrogate.regressor
    assert isinstance(process, MixtureProcess)
    state = process._state
    assert state is not None
    amplitude, length, *noises = np.exp(state["theta"][0])

    def kernel(a: Mixtures, b: Mixtures) -> np.ndarray:
        scaled = [(m.parts - state["centre"]) / state["width"] for m in (a, b)]
        r = np.sqrt(3.0) * np.linalg.norm(scaled[0][:, None] - scaled[1][None], axis=2) / length
        g = amplitude * (1 + r) * np.exp(-r)
        shares = []
        for m in (a, b):
            w = np.zeros((len(m), len(m.parts)))
            np.add.at(w, (np.arange(len(m)), m.first), m.share)
            np.add.at(w, (np.arange(len(m)), m.second), 1 - m.share)
            shares.append(w)
        return shares[0] @ g @ shares[1].T + process.deviation**2 * np.outer(a.mixed, b.mixed)

    known, new = (Lookup().mixtures(table) for table in (asked(60, 2), asked(30, 9)))
    inside = kernel(known, known) + np.diag(np.where(known.mixed > 0, noises[1], noises[0]))
    across = kernel(new, known)
    noise = np.where(new.mixed > 0, noises[1], noises[0])
    variance = np.diag(kernel(new, new)) + noise - np.einsum("ij,ij->i", across, np.linalg.solve(inside, across.T).T)
    _, spread = surrogate.predict_with_spread(asked(30, 9))
    np.testing.assert_allclose(spread, np.sqrt(variance) * state["scale"][0], rtol=1e-6)


@pytest.mark.parametrize("deviations", [(0.05, 0.3), (0.3, 0.05)])
def test_pure_substances_and_mixtures_have_noise_of_their_own(deviations: tuple[float, float]) -> None:
    rng = np.random.default_rng(4)
    table = asked(300, 12)
    made = Lookup().mixtures(table)
    value = 3.0 * made.parts[:, 0]
    y = made.share * value[made.first] + (1 - made.share) * value[made.second]
    y += np.where(made.mixed > 0, deviations[1], deviations[0]) * rng.standard_normal(300)
    process = MixtureProcess(deviation=0.0).fit(made.rows(), y[:, None])
    assert process._state is not None
    found = np.exp(0.5 * process._state["theta"][0][-2:]) * process._state["scale"][0]
    np.testing.assert_allclose(found, deviations, rtol=0.25)
    # Trained on one kind alone, it expects the same of the other.
    pure = made.mixed == 0
    process = MixtureProcess().fit(made.rows()[pure], y[pure, None])
    assert process._state is not None
    assert process._state["theta"][0][-1] == process._state["theta"][0][-2]


def test_what_is_no_mixture_is_refused(surrogate: Surrogate) -> None:
    one = np.array([0])
    with pytest.raises(InputError, match="name the rows"):
        Mixtures(np.zeros((2, 3)), np.array([2]), one, np.array([0.5]))
    with pytest.raises(InputError, match="as many first, second and share"):
        Mixtures(np.zeros((2, 3)), one, np.array([0, 1]), np.array([0.5]))
    with pytest.raises(InputError, match=r"1 \+ 2 p columns"):
        Mixtures.of_rows(np.zeros((3, 4)))
    with pytest.raises(InputError, match="parts of 2 numbers, got 3"):
        surrogate.regressor.predict_mixtures(Mixtures(np.zeros((1, 3)), one, one, np.array([0.5])))  # type: ignore[attr-defined]

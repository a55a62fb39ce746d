"""Regressors that are kept as arrays give the numbers of the libraries that fitted them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from nanonet.errors import ConfigError
from nanonet.regressors.average import Average
from nanonet.regressors.bagged import Bagged
from nanonet.regressors.forest import Forest
from nanonet.regressors.gaussian import GaussianProcess
from nanonet.regressors.neighbours import Mean, NearestNeighbours
from nanonet.regressors.ridge import Ridge
from nanonet.regressors.search import Search

RANDOM = np.random.default_rng(11)
X = RANDOM.random((30, 5))
CODES = np.column_stack([np.sin(3 * X[:, 0]) + X[:, 1], X[:, 2] ** 2, X[:, 3] - X[:, 4]])
ASKED = RANDOM.random((200, 5)) * 1.4 - 0.2


@pytest.mark.parametrize("max_features", [1, 1.0])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_forest_is_scikit_learn_s(max_features: float, outputs: int) -> None:
    from sklearn.ensemble import RandomForestRegressor

    codes = CODES[:, :outputs]
    ours = Forest(n_trees=7, max_features=max_features, seed=3).fit(X, codes)
    theirs = RandomForestRegressor(7, max_features=max_features, random_state=3)
    theirs.fit(X, codes if outputs > 1 else codes[:, 0])
    np.testing.assert_allclose(ours.predict(ASKED), theirs.predict(ASKED).reshape(-1, outputs), rtol=0, atol=1e-12)
    for member, tree in zip(ours.members(ASKED), theirs.estimators_, strict=True):
        np.testing.assert_array_equal(member, tree.predict(ASKED).reshape(-1, outputs))


def test_one_feature_is_not_all_features() -> None:
    one, every = (Forest(max_features=value, seed=0).fit(X, CODES).predict(ASKED) for value in (1, 1.0))
    assert np.abs(one - every).max() > 0.01
    with pytest.raises(ConfigError, match="whole number or a share"):
        Forest(max_features=1.5)


def test_the_gaussian_process_is_scikit_learn_s() -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    ours = GaussianProcess(restarts=0).fit(X, CODES[:, :1])
    y = CODES[:, 0]
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(np.ones(5), (1e-2, 1e2), nu=2.5) + WhiteKernel(1e-2, (1e-6, 1e1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = GaussianProcessRegressor(kernel, alpha=1e-10).fit(X, (y - y.mean()) / y.std())
    mean, std = theirs.predict(ASKED, return_std=True)
    low, high = ours.members(ASKED)[:, :, 0]
    np.testing.assert_allclose(ours.predict(ASKED)[:, 0], mean * y.std() + y.mean(), atol=1e-6)
    np.testing.assert_allclose((high - low) / 2, std * y.std(), atol=1e-6)


def test_the_spread_of_a_gaussian_process_grows_away_from_the_data() -> None:
    low, high = GaussianProcess(restarts=0).fit(X, CODES).members(np.array([X[0], X[0] + 5.0]))
    near, far = (high - low).mean(axis=1)
    assert far > 2 * near


def test_ridge_solves_its_own_equations() -> None:
    ridge = Ridge(alpha=0.3, degree=2).fit(X, CODES)
    square = [X[:, i] * X[:, j] for i in range(5) for j in range(i, 5)]
    phi = np.column_stack([X, *square])
    centred = phi - phi.mean(axis=0)
    weight = np.linalg.solve(centred.T @ centred + 0.3 * np.eye(20), centred.T @ (CODES - CODES.mean(axis=0)))
    np.testing.assert_allclose(ridge.predict(X), centred @ weight + CODES.mean(axis=0), atol=1e-9)


def test_the_nearest_neighbour_is_the_nearest() -> None:
    found = NearestNeighbours(k=2).fit(X, CODES)
    distance = np.linalg.norm(ASKED[:, None] - X[None], axis=2)
    np.testing.assert_array_equal(found.members(ASKED)[0], CODES[distance.argmin(axis=1)])
    assert NearestNeighbours(k=50).fit(X, CODES).members(ASKED).shape[0] == 30


def test_copies_of_an_ensemble_differ() -> None:
    for bootstrap in (True, False):
        members = Bagged(Forest(n_trees=2), n_members=3, bootstrap=bootstrap).fit(X, CODES).members(ASKED)
        assert members.shape == (3, 200, 3)
        assert members.std(axis=0).max() > 0


def test_a_search_finds_the_setting_that_generalises() -> None:
    random = np.random.default_rng(0)
    x = random.random((60, 3))
    codes = (x @ [[1.0], [2.0], [-1.0]]) + 0.01 * random.standard_normal((60, 1))
    found = Search(Ridge(), {"alpha": [1e-6, 1e4]}, folds=3).fit(x, codes)
    assert found.chosen == {"alpha": 1e-6}
    assert [settings["alpha"] for settings, _ in found.errors] == [1e-6, 1e4]
    with pytest.raises(ConfigError, match=r"the grid names 'alfa', which Ridge does not have; it has alpha, degree"):
        Search(Ridge(), {"alfa": [1.0]})
    with pytest.raises(ConfigError, match="needs a grid of settings"):
        Search(Ridge(), {})


def test_a_search_keeps_groups_together() -> None:
    """Records of a group are alike: only with groups kept together does the smoother forest win."""
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 6).astype(str)
    x = np.repeat(random.random((20, 2)), 6, axis=0) + 1e-6 * random.random((120, 2))
    codes = np.repeat(x[::6, :1] + random.normal(0, 0.5, (20, 1)), 6, axis=0)
    search = Search(NearestNeighbours(), {"k": [1, 60]}, folds=5)
    assert search.fit(x, codes).chosen == {"k": 1}
    assert search.fit(x, codes, groups).chosen == {"k": 60}


def test_an_average_learns_whom_to_trust() -> None:
    random = np.random.default_rng(0)
    x = random.random((80, 3))
    codes = x @ [[1.0, 0.0], [2.0, 1.0], [-1.0, 3.0]]
    found = Average([Ridge(alpha=1e-6), Mean()], folds=4).fit(x, codes)
    np.testing.assert_allclose(found.share, [1.0, 0.0], atol=1e-3)
    fixed = Average([Ridge(alpha=1e-6), Mean()], weights=[1.0, 3.0]).fit(x, codes)
    expected = 0.25 * Ridge(alpha=1e-6).fit(x, codes).predict(x) + 0.75 * codes.mean(axis=0)
    np.testing.assert_allclose(fixed.predict(x), expected)
    # The two disagree, and the mean knows that it does not know; the spread says both.
    spread = fixed.members(x).std(axis=0)
    apart = Ridge(alpha=1e-6).fit(x, codes).predict(x) - codes.mean(axis=0)
    np.testing.assert_allclose(spread, np.sqrt(0.25 * 0.75 * apart**2 + 0.75 * codes.var(axis=0)))
    with pytest.raises(ConfigError, match="at least 2 regressors, got 1"):
        Average([Mean()])
    with pytest.raises(ConfigError, match="weights must be 2 numbers"):
        Average([Mean(), Mean()], weights=[1.0])

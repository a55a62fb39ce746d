"""Regressors that are kept as arrays give the numbers of the libraries that fitted them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from nanonet.errors import ConfigError, InputError
from nanonet.process import _negative_likelihood, _per_column, fit_process
from nanonet.regressors.average import Average
from nanonet.regressors.bagged import Bagged
from nanonet.regressors.forest import Forest
from nanonet.regressors.forest_grid import ForestGrid
from nanonet.regressors.gaussian import GaussianProcess
from nanonet.regressors.neighbours import Mean, NearestNeighbours
from nanonet.regressors.offset import Offset
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


@pytest.mark.parametrize("kernel", ["matern", "rbf"])
def test_the_gaussian_process_is_scikit_learn_s(kernel: str) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    y = (CODES[:, 0] - CODES[:, 0].mean()) / CODES[:, 0].std()
    process = fit_process(X, y, kernel=kernel, ard=True)
    limits = {"length_scale_bounds": (5e-3, 3.5e2), **({"nu": 2.5} if kernel == "matern" else {})}
    inner = (Matern if kernel == "matern" else RBF)(process.length, **limits)
    same = ConstantKernel(process.amplitude) * inner + WhiteKernel(process.noise)
    theirs = GaussianProcessRegressor(same, alpha=1e-10, optimizer=None).fit(X, y)
    mean, std = theirs.predict(ASKED, return_std=True)
    found = process.mean_and_deviation(ASKED)
    np.testing.assert_allclose(found[0], mean, atol=1e-6)
    np.testing.assert_allclose(found[1], std, atol=1e-6)
    # And what was found is as likely as what scikit-learn finds by itself.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        own = GaussianProcessRegressor(
            ConstantKernel(1.0, (1e-2, 1e3)) * inner.clone_with_theta(np.zeros(5)) + WhiteKernel(1e-2, (1e-6, 1e1)),
            alpha=1e-10,
        ).fit(X, y)
    assert theirs.log_marginal_likelihood_value_ > own.log_marginal_likelihood_value_ - 0.01


def test_a_gaussian_process_answers_in_the_unit_of_the_codes() -> None:
    made = GaussianProcess(restarts=0).fit(X, 10 + 5 * CODES)
    np.testing.assert_allclose(made.predict(ASKED), 10 + 5 * GaussianProcess(restarts=0).fit(X, CODES).predict(ASKED))
    members = made.members(ASKED)
    np.testing.assert_allclose(members.mean(axis=0), made.predict(ASKED))


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
    with pytest.raises(ConfigError, match="balance"):
        Average([Mean(), Mean()], folds=2, balance=2.0)


def test_a_committee_s_members_are_those_of_its_regressors() -> None:
    parts = [Forest(n_trees=12, seed=1), GaussianProcess(restarts=0), Mean()]
    forest, process, mean = (one.fit(X, CODES) for one in parts)
    made = Average([Forest(n_trees=12, seed=1), GaussianProcess(restarts=0), Mean()], seats=[4, 4, 2]).fit(X, CODES)
    members = made.members(ASKED)
    assert members.shape == (10, len(ASKED), 3)
    # Twelve trees on four seats: means of three. Two members on four seats: each of them twice.
    trees = forest.members(ASKED)
    np.testing.assert_allclose(members[:4], [trees[k : k + 3].mean(axis=0) for k in (0, 3, 6, 9)])
    np.testing.assert_allclose(members[4:8:2], np.repeat(process.members(ASKED)[:1], 2, axis=0))
    np.testing.assert_allclose(members[8:], mean.members(ASKED))
    expected = 0.4 * forest.predict(ASKED) + 0.4 * process.predict(ASKED) + 0.2 * mean.predict(ASKED)
    np.testing.assert_allclose(made.predict(ASKED), expected)
    np.testing.assert_allclose(made.share, [0.4, 0.4, 0.2])
    # Seen on a curve, the spread is that of the members' curves, however their codes hang together.
    curve = np.array([1.0, -2.0, 0.5])
    among = np.concatenate([members[:4], np.tile(process.members(ASKED), (2, 1, 1)), mean.members(ASKED)]) @ curve
    np.testing.assert_allclose((members @ curve).std(axis=0), among.std(axis=0))


def test_seats_that_cannot_be_filled_are_refused() -> None:
    with pytest.raises(ConfigError, match="seats must be 2 positive numbers, got \\[4\\]"):
        Average([Mean(), Mean()], seats=[4])
    with pytest.raises(ConfigError, match="give seats alone"):
        Average([Mean(), Mean()], seats=[4, 4], weights=[1.0, 1.0])
    with pytest.raises(ConfigError, match="Forest has 12 members and cannot deal them out evenly among 5 seats"):
        Average([Forest(n_trees=12), Mean()], seats=[5, 2]).fit(X, CODES)


def test_a_large_group_does_not_decide_whom_an_average_trusts() -> None:
    # One group of 500 is constant; in ten of 10 a line is right.
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 1))
    codes = np.where(np.arange(600)[:, None] < 500, 0.0, 3.0 * x)
    groups = np.array(["large"] * 500 + [f"small{row // 10}" for row in range(100)])
    line = [
        Average([Ridge(alpha=1e-6), Mean()], folds=3, balance=balance).fit(x, codes, groups).share[0]
        for balance in (0.0, 1.0)
    ]
    assert line[1] > line[0] + 0.2


def test_a_process_is_its_textbook_formula() -> None:
    random = np.random.default_rng(0)
    x = random.random((40, 2))
    y = np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + 0.05 * random.standard_normal(40)
    for kernel in ("rbf", "matern"):
        process = fit_process(x, y, kernel=kernel, ard=True)
        s = np.sqrt((((x[:, None] - x[None]) / process.length) ** 2).sum(axis=2))
        t = np.sqrt(5.0) * s
        r = np.exp(-0.5 * s**2) if kernel == "rbf" else (1 + t + t**2 / 3) * np.exp(-t)
        covariance = process.amplitude * r + process.noise * np.eye(40)
        standard = (y - y.mean()) / y.std()
        mean = y.mean() + y.std() * process.amplitude * r @ np.linalg.solve(covariance, standard)
        np.testing.assert_allclose(process.mean(x), mean, atol=1e-7)
        # Leave-one-out, the plain way: without the point, with the same hyperparameters.
        rest = np.arange(40) != 7
        weight = np.linalg.solve(covariance[np.ix_(rest, rest)], standard[rest])
        alone = y.mean() + y.std() * process.amplitude * r[7, rest] @ weight
        assert process.leave_one_out()[7] == pytest.approx(alone, abs=1e-7)
        deviation = process.mean_and_deviation(x)[1]
        assert (deviation >= np.sqrt(process.noise) * y.std() - 1e-9).all()
        assert process.mean_and_deviation(x + 50.0)[1].min() > deviation.max()


def test_slopes_of_the_likelihood_are_its_differences() -> None:
    random = np.random.default_rng(1)
    x = random.random((25, 3))
    y = np.cos(x @ [1.0, 2.0, 3.0])
    theta = np.array([0.3, 0.2, -0.1, 0.4, -2.0])
    for kernel in ("rbf", "matern"):
        given = (_per_column(x), y, kernel)
        slopes = _negative_likelihood(theta, *given)[1]
        for place in range(theta.size):
            step = np.zeros(theta.size)
            step[place] = 1e-5
            up, down = _negative_likelihood(theta + step, *given)[0], _negative_likelihood(theta - step, *given)[0]
            assert slopes[place] == pytest.approx((up - down) / 2e-5, rel=1e-4)


def test_a_grid_of_forests_chooses_what_separate_forests_would() -> None:
    random = np.random.default_rng(2)
    x = random.random((60, 4))
    codes = (np.sin(6 * x[:, :1]) + x[:, 1:2]) + 0.1 * random.standard_normal((60, 1))
    grid = ForestGrid(n_trees=[3, 10], max_depth=[1, 4, 30, 60], folds=3, seed=5).fit(x, codes)
    assert grid.errors is not None
    np.testing.assert_array_equal(grid.errors[:, 2], grid.errors[:, 3])
    assert grid.errors[1, 0] > grid.errors[1, 2]
    assert grid.chosen["n_trees"] == 10
    assert len(grid.members(x)) == 10
    # The first three of ten trees are the forest of three.
    whole = Forest(n_trees=10, seed=5).fit(x, codes).members(x)
    np.testing.assert_allclose(whole[:3], Forest(n_trees=3, seed=5).fit(x, codes).members(x))
    from sklearn.ensemble import RandomForestRegressor

    shallow = RandomForestRegressor(n_estimators=10, max_depth=2, random_state=5).fit(x, codes[:, 0])
    cut = ForestGrid(n_trees=[10], max_depth=[2], folds=3, seed=5).fit(x, codes)
    np.testing.assert_allclose(cut.predict(x)[:, 0], shallow.predict(x), atol=1e-9)
    for bad in ({"n_trees": []}, {"max_depth": [0]}, {"folds": 1}, {"max_features": 2.0}):
        with pytest.raises(ConfigError):
            ForestGrid(**bad)


def test_a_rule_with_an_offset_learns_only_where_it_is_off() -> None:
    x = np.column_stack([np.linspace(0, 1, 6), [1, 1, 0, 0, 1, 0]])
    codes = x[:, :1] - 0.3 * x[:, 1:]
    assert Offset().fit(x, codes).predict(x) == pytest.approx(codes)
    assert Offset(learn=False).fit(x, codes).predict(x) == pytest.approx(x[:, :1])
    assert Offset().fit(x[2:4], codes[2:4]).predict(x) == pytest.approx(x[:, :1])
    with pytest.raises(InputError, match="two features"):
        Offset().fit(x[:, :1], codes)


def test_a_process_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="matern, rbf, got 'linear'"):
        fit_process(np.zeros((2, 1)), np.zeros(2), kernel="linear")
    with pytest.raises(InputError, match="shapes"):
        fit_process(np.zeros((2, 1)), np.zeros(3))
    with pytest.raises(ConfigError, match="kernel one of"):
        GaussianProcess(kernel="linear")

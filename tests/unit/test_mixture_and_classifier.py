"""The Gaussian process of mixtures against a direct calculation, and the classifier against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from nanonet.errors import ConfigError, InputError
from nanonet.regressors.classifier import ForestClassifier
from nanonet.regressors.mixture import MixtureProcess


def mixtures(n: int, seed: int = 0, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Pure substances first; y is linear in the shares."""
    random = np.random.default_rng(seed)
    parts = random.random((n, 3))
    own = np.sin(3 * parts[:, 0]) + parts[:, 1]
    pairs = random.integers(0, n, (n, 2))
    share = random.choice([0.2, 0.5, 0.8], n)
    pure = np.column_stack([np.full(n, 0.5), parts, parts])
    mixed = np.column_stack([share, parts[pairs[:, 0]], parts[pairs[:, 1]]])
    y = share * own[pairs[:, 0]] + (1 - share) * own[pairs[:, 1]] + offset * (pairs[:, 0] != pairs[:, 1])
    return np.concatenate([pure, mixed]), np.concatenate([own, y])


def test_mixtures_follow_from_pure_substances_alone() -> None:
    x, y = mixtures(30)
    process = MixtureProcess().fit(x[:30], y[:30, None])
    mean = process.predict(x[30:])[:, 0]
    assert np.sqrt(np.mean((mean - y[30:]) ** 2)) < 0.1 * y.std()


def test_an_offset_of_all_mixtures_is_learned_from_a_few() -> None:
    x, y = mixtures(30, offset=-0.4)
    before = MixtureProcess().fit(x[:30], y[:30, None]).predict(x[45:])[:, 0] - y[45:]
    after = MixtureProcess(deviation=1.0).fit(x[:42], y[:42, None]).predict(x[45:])[:, 0] - y[45:]
    assert abs(before.mean()) > 0.2
    assert abs(after.mean()) < 0.1


def test_the_order_of_the_parts_does_not_matter() -> None:
    x, y = mixtures(15)
    process = MixtureProcess(cuts=[1], scaled=[True, False]).fit(x, y[:, None])
    swapped = np.column_stack([1 - x[:, 0], x[:, 4:], x[:, 1:4]])
    np.testing.assert_allclose(process.members(swapped), process.members(x), atol=1e-9)


def test_a_pure_substance_does_not_know_its_share() -> None:
    x, y = mixtures(15)
    process = MixtureProcess().fit(x, y[:, None])
    other = x[:15].copy()
    other[:, 0] = 0.1
    np.testing.assert_allclose(process.members(other), process.members(x[:15]), atol=1e-9)


def test_mixture_agrees_with_a_direct_calculation() -> None:
    x, y = mixtures(12, seed=4)
    process = MixtureProcess(deviation=0.7).fit(x, y[:, None])
    state = process._state
    assert state is not None
    amplitude, length, *noises = np.exp(state["theta"][0])

    def noise(rows: np.ndarray) -> np.ndarray:
        return np.array([noises[int((row[1:4] != row[4:]).any())] for row in rows])

    def scaled(block: np.ndarray) -> np.ndarray:
        return (block - state["centre"]) / state["width"]

    def k(a: np.ndarray, b: np.ndarray) -> float:
        s = np.sqrt(3.0) * np.sqrt(((a - b) ** 2).sum()) / length
        return amplitude * (1 + s) * np.exp(-s)

    def covariance(u: np.ndarray, v: np.ndarray) -> float:
        first = [(u[0], scaled(u[1:4])), (1 - u[0], scaled(u[4:]))]
        second = [(v[0], scaled(v[1:4])), (1 - v[0], scaled(v[4:]))]
        total = sum(a * b * k(p, q) for a, p in first for b, q in second)
        both = (u[1:4] != u[4:]).any() and (v[1:4] != v[4:]).any()
        return total + 0.7**2 * both

    query = mixtures(5, seed=9)[0]
    kernel = np.array([[covariance(u, v) for v in x] for u in x]) + np.diag(noise(x))
    across = np.array([[covariance(u, v) for v in x] for u in query])
    prior = np.array([covariance(u, u) for u in query])
    standard = (y - y.mean()) / y.std()
    mean = across @ np.linalg.solve(kernel, standard) * y.std() + y.mean()
    variance = prior + noise(query) - np.einsum("ij,ji->i", across, np.linalg.solve(kernel, across.T))
    members = process.members(query)[:, :, 0]
    np.testing.assert_allclose(members.mean(axis=0), mean, atol=1e-8)
    np.testing.assert_allclose(members.std(axis=0), np.sqrt(variance) * y.std(), atol=1e-6)


def test_the_gradient_of_the_likelihood_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.optimize

    checked = []

    def checking(loss, start, **options):  # type: ignore[no-untyped-def]
        theta = start + 0.1
        _, gradient = loss(theta)
        step = 1e-5 * np.eye(len(theta))
        numeric = [(loss(theta + h)[0] - loss(theta - h)[0]) / 2e-5 for h in step]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-5)
        checked.append(True)
        return found(loss, start, **options)

    found = scipy.optimize.minimize
    monkeypatch.setattr(scipy.optimize, "minimize", checking)
    x, y = mixtures(15)
    MixtureProcess(cuts=[2], scaled=[True, False]).fit(x, y[:, None])
    assert checked


def test_mixture_refuses_what_does_not_fit() -> None:
    x, y = mixtures(6)
    with pytest.raises(InputError, match=r"1 \+ 2 p columns"):
        MixtureProcess().fit(x[:, :4], y[:, None])
    with pytest.raises(InputError, match="above 3"):
        MixtureProcess(cuts=[3]).fit(x, y[:, None])
    with pytest.raises(ConfigError, match="rise"):
        MixtureProcess(cuts=[2, 1])
    with pytest.raises(ConfigError, match="scaled"):
        MixtureProcess(cuts=[2], scaled=[True])
    with pytest.raises(ConfigError, match="deviation"):
        MixtureProcess(deviation=-1)


X = np.random.default_rng(0).random((60, 5))
CODES = ((X[:, 0] + 0.2 * np.random.default_rng(1).random(60)) > 0.6).astype(float)[:, None]


def test_the_classifier_gives_scikit_learns_probabilities() -> None:
    from sklearn.ensemble import RandomForestClassifier

    theirs = RandomForestClassifier(n_estimators=17, max_depth=3, random_state=5).fit(X[:40], CODES[:40, 0])
    ours = ForestClassifier(n_trees=17, max_depth=3, seed=5).fit(X[:40], CODES[:40])
    np.testing.assert_allclose(ours.predict(X[40:])[:, 0], theirs.predict_proba(X[40:])[:, 1], atol=1e-12)


def test_the_search_is_the_search_of_every_pair() -> None:
    from nanonet.regressors.folds import inner_folds

    grid = ForestClassifier(n_trees=[3, 7], max_depth=[1, 2, 40], seed=2).fit(X, CODES)
    right = {}
    for depth in (1, 2, 40):
        for count in (3, 7):
            hits = 0
            for train, test in inner_folds(len(X), None, 2, 2):
                one = ForestClassifier(count, depth, seed=2).fit(X[train], CODES[train])
                hits += int(((one.predict(X[test]) > 0.5) == (CODES[test] > 0.5)).sum())
            right[count, depth] = hits
    best = max(right.values())
    assert grid.chosen == next(pair for pair in right if right[pair] == best)


def test_one_class_only_is_no_error() -> None:
    classifier = ForestClassifier(5).fit(X, np.zeros((60, 1)))
    assert (classifier.predict(X) == 0).all()
    assert (ForestClassifier(5).fit(X, np.ones((60, 1))).predict(X) == 1).all()


def test_the_classifier_refuses_numbers() -> None:
    with pytest.raises(InputError, match=r"0 and 1, got 0\.3; use a regressor"):
        ForestClassifier(3).fit(X[:2], np.array([[0.0], [0.3]]))
    for arguments in ({"n_trees": []}, {"n_trees": 0}, {"max_depth": [0]}, {"folds": 1}, {"max_features": 2.0}):
        with pytest.raises(ConfigError):
            ForestClassifier(**arguments)  # type: ignore[arg-type]

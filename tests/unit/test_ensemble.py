"""Dense networks side by side: each is the network that it would be alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nanonet.errors import ConfigError, InputError
from nanonet.networks.dense import build_side_by_side
from nanonet.networks.fit import Fit
from nanonet.parts import load_part, save_part
from nanonet.regressors.ensemble import DenseEnsemble

pytest.importorskip("keras", reason="needs Keras: pip install 'nanonet[train]'")
RANDOM = np.random.default_rng(0)
X = RANDOM.random((20, 3))
CODES = np.column_stack([np.sin(3.0 * X[:, 0]), X[:, 1] - X[:, 2], np.ones(20)])


def quick(**settings: object) -> DenseEnsemble:
    fit = Fit(epochs=150, batch_size=32, learning_rate=0.01, validation=0.0, save_every=1000)
    return DenseEnsemble(**{"fit": fit, "n_members": 6, "hidden": (16, 16), "seed": 3, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> DenseEnsemble:
    return quick().fit(X, CODES)


def test_members_begin_as_a_network_alone_would() -> None:
    model = build_side_by_side(30, 2, (200,), "relu", 50)
    kernel, bias, *_ = model.get_weights()
    assert kernel.shape == (50, 30, 200)
    assert (bias == 0).all()
    limit = np.sqrt(6.0 / (30 + 200))  # Glorot and Bengio 2010
    assert np.abs(kernel).max() == pytest.approx(limit, rel=0.01)
    assert kernel.std() == pytest.approx(limit / np.sqrt(3.0), rel=0.01)


def test_arrays_give_the_network_s_numbers(fitted: DenseEnsemble) -> None:
    layers = fitted._layers
    assert layers is not None
    model = build_side_by_side(3, 3, (16, 16), "relu", 6)
    model.set_weights([value for layer in layers for value in layer])
    state = fitted._state
    assert state is not None
    answers = np.asarray(model.predict(X.astype(np.float32), verbose=0)).transpose(1, 0, 2)
    np.testing.assert_allclose(fitted.members(X), answers * state["scale"] + state["mean"], atol=1e-5)


def test_members_differ_most_far_from_what_they_learned(fitted: DenseEnsemble, tmp_path: Path) -> None:
    near, far = (fitted.members(points).std(axis=0)[:, :2].mean() for points in (X, 4.0 * X + 2.0))
    assert far > 5.0 * near > 0.0
    assert fitted.members(X)[..., 2] == pytest.approx(1.0, abs=0.3)  # a code without scatter
    save_part(fitted, tmp_path / "part")
    again = load_part(tmp_path / "part", DenseEnsemble)
    np.testing.assert_allclose(again.members(X), fitted.members(X), atol=1e-12)


def test_a_bootstrap_draws_whole_groups(fitted: DenseEnsemble) -> None:
    groups = np.repeat(np.arange(10), 2).astype(str)
    drawn = quick(bootstrap=True)._drawn(20, groups)
    assert (drawn[::2] == drawn[1::2]).all()
    assert 0.4 < drawn.mean() < 0.85  # 1 - 1/e of them, in the mean
    assert drawn.any(axis=0).all()
    ensembles = (fitted, quick(bootstrap=True).fit(X, CODES, groups))
    plain, boot = (ensemble.members(X).std(axis=0).mean() for ensemble in ensembles)
    assert boot > 1.5 * plain


def test_codes_may_be_unknown() -> None:
    codes = CODES.copy()
    codes[:10, 0] = np.nan
    assert np.isfinite(quick().fit(X, codes).predict(X)).all()


def test_bad_settings_and_inputs(fitted: DenseEnsemble) -> None:
    with pytest.raises(ConfigError, match="activation one of relu, tanh, linear"):
        quick(activation="swish")
    with pytest.raises(ConfigError, match="n_members must be positive"):
        quick(n_members=0)
    with pytest.raises(ConfigError, match="must be positive"):
        build_side_by_side(0, 1)
    with pytest.raises(InputError, match="shape"):
        fitted.predict(np.zeros((2, 4)))

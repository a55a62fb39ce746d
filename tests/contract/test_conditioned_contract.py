"""Representations of conf/representation/ that depend on the inputs keep the contract of Conditioned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nanonet.data.table import Table
from nanonet.errors import CheckpointError, InputError, NotFittedError
from nanonet.parts import build, describe, load_part, save_part
from nanonet.paths import CONF
from nanonet.representations.base import Conditioned
from tests.made_up import is_conditioned
from tests.synthetic import FloatArray, log_error, synthetic_rdf

SUBJECTS = [file for file in sorted((CONF / "representation").glob("*.yaml")) if is_conditioned(file)]
Make = Callable[[], Conditioned]
N = 18


@pytest.fixture(scope="module", params=SUBJECTS, ids=[path.stem for path in SUBJECTS])
def make(request: pytest.FixtureRequest) -> Make:
    """Builds an unfitted subject as its YAML file says."""
    with initialize_config_dir(str(CONF), version_base=None):
        composed = compose(f"representation/{request.param.stem}")
    config: Any = OmegaConf.to_container(composed, resolve=True)["representation"]  # type: ignore[index, call-overload]
    return lambda: build(config, seed=1, where="representation")


@pytest.fixture(scope="module")
def inputs() -> Table:
    random = np.random.default_rng(2)
    ranges = {
        "D": (2.0, 5.0),
        "N": (25.0, 40.0),
        "rho": (0.001, 0.005),
        "eps_np_np": (0.1, 2.5),
        "eps_p_np": (0.1, 1.5),
    }
    return Table({name: random.uniform(*ends, N) for name, ends in ranges.items()})


@pytest.fixture(scope="module")
def targets(inputs: Table) -> FloatArray:
    random = np.random.default_rng(3)
    made = [synthetic_rdf(random, D=float(d), peak=(3.0, 20.0, 100.0)[row % 3]) for row, d in enumerate(inputs["D"])]
    g = np.array(made)
    g.flags.writeable = False
    return g


@pytest.fixture(scope="module")
def fitted(make: Make, targets: FloatArray, inputs: Table) -> Conditioned:
    """One fitted subject for the tests that only look."""
    return make().fit(targets, inputs)


def test_there_are_subjects() -> None:
    assert "cavity" in {path.stem for path in SUBJECTS}


def test_round_trip_within_the_stated_tolerance(fitted: Conditioned, targets: FloatArray, inputs: Table) -> None:
    decoded = fitted.decode(fitted.encode(targets, inputs), inputs)
    assert decoded.shape == targets.shape
    assert np.isfinite(decoded).all()
    assert decoded.min() >= fitted.lowest
    assert log_error(targets, decoded).max() <= fitted.tolerance


def test_every_target_has_its_own_code(fitted: Conditioned, targets: FloatArray, inputs: Table) -> None:
    codes = np.asarray(fitted.encode(targets, inputs))
    assert len(codes) == len(targets)
    back = np.arange(N)[::-1]
    np.testing.assert_allclose(fitted.encode(targets[back], inputs.take(back)), codes[back], atol=1e-8)
    np.testing.assert_allclose(fitted.encode(targets[3:4], inputs.take([3])), codes[3:4], atol=1e-8)
    together = fitted.decode(codes, inputs)
    np.testing.assert_allclose(fitted.decode(codes[5:6], inputs.take([5])), together[5:6], rtol=1e-8)


def test_inputs_make_a_difference(fitted: Conditioned, targets: FloatArray, inputs: Table) -> None:
    for name in fitted.needs:
        other = Table({**dict(inputs.items()), name: inputs[name] * 1.1})
        assert not np.allclose(fitted.encode(targets, other), fitted.encode(targets, inputs))


def test_mutates_nothing_and_is_reproducible(make: Make, targets: FloatArray, inputs: Table) -> None:
    before, digest = targets.copy(), inputs.digest()
    part = make()
    assert part.fit(targets, inputs) is part
    codes = part.encode(targets, inputs)
    kept = np.array(codes)
    part.decode(codes, inputs)
    np.testing.assert_array_equal(targets, before)
    np.testing.assert_array_equal(codes, kept)
    assert inputs.digest() == digest
    np.testing.assert_allclose(make().fit(targets, inputs).encode(targets, inputs), kept, rtol=1e-6, atol=1e-8)
    assert describe(build(describe(part))) == describe(part)


def test_saved_and_loaded_is_equal(
    fitted: Conditioned, targets: FloatArray, inputs: Table, tmp_path: Path, make: Make
) -> None:
    with pytest.raises(NotFittedError, match="fit"):
        save_part(make(), tmp_path / "fresh")
    save_part(fitted, tmp_path)
    other = load_part(tmp_path, Conditioned)  # type: ignore[type-abstract]
    assert type(other) is type(fitted)
    assert describe(other) == describe(fitted)
    codes = fitted.encode(targets, inputs)
    np.testing.assert_allclose(other.encode(targets, inputs), codes, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(other.decode(codes, inputs), fitted.decode(codes, inputs), rtol=1e-6)
    with pytest.raises(CheckpointError, match=r"part\.json|missing"):
        type(fitted).load(tmp_path / "nowhere")


def test_use_before_fit(make: Make, fitted: Conditioned, targets: FloatArray, inputs: Table) -> None:
    codes = fitted.encode(targets, inputs)
    for use in (lambda: make().encode(targets, inputs), lambda: make().decode(codes, inputs)):
        with pytest.raises(NotFittedError, match="fit"):
            use()


def test_bad_input(make: Make, fitted: Conditioned, targets: FloatArray, inputs: Table) -> None:
    wrong = targets.copy()
    wrong[2, 50] = np.nan
    codes = np.array(fitted.encode(targets, inputs), dtype=float)
    for bad in (wrong, targets[0], targets[:, :99], -targets, "g(r)"):
        for use in (make().fit, fitted.encode):
            with pytest.raises(InputError):
                use(bad, inputs)
    lacking = Table({name: column for name, column in inputs.items() if name != fitted.needs[0]})
    for bad_inputs in (lacking, inputs.take([0, 1])):
        for given in (targets, codes):
            with pytest.raises(InputError, match=r"need inputs with the columns.*one row each"):
                (fitted.encode if given is targets else fitted.decode)(given, bad_inputs)
    broken = codes.copy()
    broken.flat[4] = np.nan
    with pytest.raises(InputError, match="codes"):
        fitted.decode(broken, inputs)


def test_codes_beyond_those_seen_decode_to_something_finite(
    fitted: Conditioned, targets: FloatArray, inputs: Table
) -> None:
    codes = np.array(fitted.encode(targets, inputs), dtype=float)
    random = np.random.default_rng(0)
    decoded = fitted.decode(codes + 3.0 * np.abs(codes).max() * random.standard_normal(codes.shape), inputs)
    assert np.isfinite(decoded).all()
    assert decoded.min() >= fitted.lowest

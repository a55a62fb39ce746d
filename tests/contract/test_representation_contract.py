"""Every representation of conf/representation/ keeps the contract of nanonet.representations.base."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from nanonet.errors import CheckpointError, InputError, NotFittedError
from nanonet.parts import build, describe, load_part, save_part
from nanonet.paths import CONF
from nanonet.representations.base import Representation
from tests.made_up import is_conditioned
from tests.synthetic import FloatArray, log_error, synthetic_rdfs

#: Those whose mapping depends on the inputs have a suite of their own, test_conditioned_contract.py.
SUBJECTS = [file for file in sorted((CONF / "representation").glob("*.yaml")) if not is_conditioned(file)]

Make = Callable[[], Representation]


def _brief(config: Any) -> Any:
    """The same with every training cut to two epochs: what is asked here holds for a bad fit too."""
    if isinstance(config, dict):
        return {key: min(value, 2) if key == "epochs" else _brief(value) for key, value in config.items()}
    return [_brief(value) for value in config] if isinstance(config, list) else config


@pytest.fixture(scope="module", params=SUBJECTS, ids=[path.stem for path in SUBJECTS])
def make(request: pytest.FixtureRequest) -> Make:
    """Builds an unfitted subject as its YAML file says."""
    with initialize_config_dir(str(CONF), version_base=None):
        composed = compose(f"representation/{request.param.stem}")
    config = _brief(OmegaConf.to_container(composed, resolve=True)["representation"])  # type: ignore[index, call-overload]
    return lambda: build(config, seed=1, where="representation")


@pytest.fixture(scope="module")
def targets() -> FloatArray:
    g, _ = synthetic_rdfs(18, seed=4)
    g.flags.writeable = False
    return g


@pytest.fixture(scope="module")
def fitted(make: Make, targets: FloatArray) -> Representation:
    """One fitted subject for the tests that only look."""
    return make().fit(targets)


def test_there_are_subjects() -> None:
    assert {"rdf_image", "identity", "log10", "standardized", "pca"} <= {path.stem for path in SUBJECTS}


def test_is_a_representation(make: Make) -> None:
    part = make()
    assert isinstance(part, Representation)
    assert part.tolerance >= 0
    assert isinstance(part.requires_fit, bool)


def test_round_trip_within_the_stated_tolerance(fitted: Representation, targets: FloatArray) -> None:
    decoded = fitted.decode(fitted.encode(targets))
    assert decoded.shape == targets.shape
    assert decoded.dtype == np.float64
    assert np.isfinite(decoded).all()
    assert decoded.min() >= fitted.lowest
    assert log_error(targets, decoded).max() <= fitted.tolerance


def test_every_target_has_its_own_code(fitted: Representation, targets: FloatArray) -> None:
    codes = np.asarray(fitted.encode(targets))
    assert len(codes) == len(targets)
    assert np.isfinite(codes).all()
    # The order of the records and their company do not matter.
    np.testing.assert_allclose(fitted.encode(targets[::-1]), codes[::-1], atol=1e-5)
    np.testing.assert_allclose(fitted.encode(targets[3:4]), codes[3:4], atol=1e-5)


def test_decoding_one_equals_decoding_many(fitted: Representation, targets: FloatArray) -> None:
    codes = np.asarray(fitted.encode(targets))
    together = fitted.decode(codes)
    alone = np.concatenate([fitted.decode(codes[k : k + 1]) for k in range(len(codes))])
    np.testing.assert_allclose(alone, together, rtol=1e-3, atol=1e-4)


def test_is_reproducible_and_mutates_nothing(make: Make, fitted: Representation, targets: FloatArray) -> None:
    # All of it of one fit, since there are networks among the subjects.
    own = targets.copy()
    part = make()
    assert part.fit(own) is part
    codes = part.encode(own)
    kept = np.array(codes)
    decoded = part.decode(codes)
    np.testing.assert_array_equal(own, targets)
    np.testing.assert_array_equal(codes, kept)
    np.testing.assert_array_equal(codes, part.encode(own))
    np.testing.assert_allclose(codes, fitted.encode(targets), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(decoded, fitted.decode(codes), rtol=1e-4, atol=1e-6)
    # What it hands out is nobody's memory but the caller's.
    decoded += 1.0
    np.asarray(codes)[...] = 0.0
    np.testing.assert_array_equal(own, targets)
    np.testing.assert_array_equal(part.encode(own), kept)


def test_codes_may_be_read_only(fitted: Representation, targets: FloatArray) -> None:
    codes = np.array(fitted.encode(targets))
    expected = fitted.decode(codes)
    codes.flags.writeable = False
    np.testing.assert_allclose(fitted.decode(codes), expected, rtol=1e-4, atol=1e-6)


def test_config_builds_it_again(make: Make) -> None:
    part = make()
    assert describe(build(describe(part))) == describe(part)


def test_saved_and_loaded_is_equal(fitted: Representation, targets: FloatArray, tmp_path: Path) -> None:
    save_part(fitted, tmp_path)
    codes = fitted.encode(targets)
    loaded: list[Representation] = [
        type(fitted).load(tmp_path),
        load_part(tmp_path, Representation),  # type: ignore[type-abstract]
    ]
    for other in loaded:
        assert type(other) is type(fitted)
        assert other.get_config() == fitted.get_config()
        np.testing.assert_allclose(other.encode(targets), codes, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(other.decode(codes), fitted.decode(codes), rtol=1e-3, atol=1e-5)


def test_no_pickle_in_its_files(fitted: Representation, tmp_path: Path) -> None:
    save_part(fitted, tmp_path)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or path.suffix in {".json", ".npz", ".keras", ".onnx"}, path
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                assert all(archive[name].dtype != object for name in archive.files)


def test_nothing_to_load_is_said(fitted: Representation, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"part\.json|missing"):
        type(fitted).load(tmp_path)


def test_use_before_fit(make: Make, targets: FloatArray, fitted: Representation, tmp_path: Path) -> None:
    codes = fitted.encode(targets)
    fresh = make()
    if fresh.requires_fit:
        for use in (lambda: fresh.encode(targets), lambda: fresh.decode(codes), lambda: save_part(fresh, tmp_path)):
            with pytest.raises(NotFittedError, match="fit"):
                use()
    else:
        np.testing.assert_array_equal(fresh.encode(targets), codes)
        np.testing.assert_array_equal(fresh.decode(codes), fitted.decode(codes))


def _with(value: float) -> FloatArray:
    g, _ = synthetic_rdfs(12, seed=4)
    g[2, 50] = value
    return g


BAD: dict[str, tuple[Any, str]] = {
    "one row": (np.ones(100), r"\(100,\)"),
    "three axes": (np.ones((12, 100, 1)), r"\(12, 100, 1\)"),
    "no rows": (np.ones((0, 100)), r"\(0, 100\)"),
    "no bins": (np.ones((12, 0)), r"\(12, 0\)"),
    "a number": (1.0, r"\(\)"),
    "text": ("g(r)", r"g\(r\)"),
    "ragged": ([[1.0, 2.0], [1.0]], r"\[1\.0\]"),
    "nothing": (None, r"\(\)"),
    "nan": (_with(np.nan), "nan"),
    "infinite": (_with(np.inf), "inf"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_targets(make: Make, fitted: Representation, name: str) -> None:
    bad, received = BAD[name]
    if name == "nan" and getattr(fitted, "gaps", False):
        codes = fitted.encode(bad)
        assert np.array_equal(np.isnan(codes), np.isnan(bad)), "what is not known is NaN among the codes, nothing else"
        return
    for use in (make().fit, fitted.encode):
        with pytest.raises(InputError, match=received) as caught:
            use(bad)
        assert "expected" in str(caught.value) or "must be" in str(caught.value)
        assert ";" in str(caught.value), "a message ends with the remedy"


def test_targets_below_the_lowest(make: Make, fitted: Representation) -> None:
    bad = _with(-0.25)
    if fitted.lowest > -0.25:
        for use in (make().fit, fitted.encode):
            with pytest.raises(InputError, match=r"-0\.25.*at least 0"):
                use(bad)
    else:
        assert np.isfinite(np.asarray(make().fit(bad).encode(bad))).all()


def test_another_number_of_bins_than_at_the_fit(fitted: Representation) -> None:
    with pytest.raises(InputError, match=r"\(3, 99\).*100"):
        fitted.encode(np.ones((3, 99)))


def test_bad_codes(fitted: Representation, targets: FloatArray) -> None:
    codes = np.array(fitted.encode(targets), dtype=float)
    wrong = codes.copy()
    wrong.flat[7] = np.nan
    for bad in (wrong, codes[:0], codes.reshape(len(codes), -1)[:, :-1], codes[0, 0], "codes", [[1.0], [1.0, 2.0]]):
        with pytest.raises(InputError, match="codes"):
            fitted.decode(bad)


def test_codes_beyond_those_seen_decode_to_something_finite(
    fitted: Representation, targets: FloatArray, rng: np.random.Generator
) -> None:
    codes = np.array(fitted.encode(targets), dtype=float)
    wild = codes + 3.0 * np.abs(codes).max() * rng.standard_normal(codes.shape)
    decoded = fitted.decode(wild)
    assert np.isfinite(decoded).all()
    assert decoded.min() >= fitted.lowest

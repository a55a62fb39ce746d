"""Plain transforms: the numbers they give, beyond what their contract says."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from nanonet.errors import CheckpointError, InputError
from nanonet.parts import save_part
from nanonet.representations.base import load_state
from nanonet.representations.transforms import PCA, Identity, Log10, Standardized
from tests.synthetic import FloatArray, synthetic_rdfs


@pytest.fixture(scope="module")
def g() -> FloatArray:
    return synthetic_rdfs(24, seed=8)[0]


def test_identity_takes_any_number_if_told_so() -> None:
    part = Identity(lowest=None).fit([[-1.0, 2.0]])
    np.testing.assert_array_equal(part.decode(part.encode([[-3.0, 4.0]])), [[-3.0, 4.0]])
    assert part.get_config() == {"lowest": None}
    np.testing.assert_array_equal(Identity().fit([[1.0]]).decode([[-0.5]]), [[0.0]])
    with pytest.raises(InputError, match="nan"):
        Identity(lowest=math.nan)


def test_logarithm_and_its_floor() -> None:
    part = Log10(floor=0.01).fit(np.ones((1, 4)))
    np.testing.assert_allclose(part.encode([[0.0, 0.001, 1.0, 100.0]]), [[-2, -2, 0, 2]])
    np.testing.assert_allclose(part.decode([[-2.0, -3.0, 0.0, 2.0]]), [[0, 0, 1, 100]])
    assert np.isfinite(part.decode([[1e6, 0.0, 0.0, -1e6]])).all()
    for floor in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match=f"floor must be finite and above 0, got {floor}"):
            Log10(floor=floor)


def test_standard_scores(g: FloatArray) -> None:
    part = Standardized().fit(g)
    scores = part.encode(g)
    varies = np.log10(np.maximum(g, 0.001)).std(axis=0) > 0
    assert not varies.all(), "the empty core does not vary"
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(scores.std(axis=0), np.where(varies, 1.0, 0.0), atol=1e-9)


def test_principal_components(g: FloatArray) -> None:
    part = PCA(n_components=6).fit(g)
    codes = part.encode(g)
    logs = np.log10(np.maximum(g, 0.001))
    np.testing.assert_allclose(part._components @ part._components.T, np.eye(6), atol=1e-9)
    covariance = codes.T @ codes / len(g)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-9)
    # Largest first, and the shares are those of the whole variance.
    assert (np.diff(np.diag(covariance)) < 0).all()
    np.testing.assert_allclose(part.explained, np.diag(covariance) / logs.var(axis=0).sum())
    strongest = np.abs(part._components).argmax(axis=1)
    assert (part._components[np.arange(6), strongest] > 0).all()


def test_all_components_lose_nothing(g: FloatArray) -> None:
    part = PCA(n_components=23).fit(g)
    assert part.explained.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(part.decode(part.encode(g)), np.where(g < 0.001, 0.0, g), rtol=1e-6, atol=1.1e-3)


def test_more_components_lose_less(g: FloatArray) -> None:
    logs = np.log10(np.maximum(g, 0.001))
    lost = []
    for count in (1, 3, 9):
        part = PCA(n_components=count).fit(g)
        lost.append(np.mean((np.log10(np.maximum(part.decode(part.encode(g)), 0.001)) - logs) ** 2))
    assert lost[0] > lost[1] > lost[2]


@pytest.mark.parametrize("count", [0, -1, 2.0, True, "8"])
def test_number_of_components_is_whole(count: object) -> None:
    with pytest.raises(InputError, match=f"n_components must be a whole number.*got {count!r}"):
        PCA(n_components=count)  # type: ignore[arg-type]


def test_too_few_targets_for_the_components(g: FloatArray) -> None:
    with pytest.raises(InputError, match=r"8 components need at least 9 targets.*got 8 of 100; ask for at most 7"):
        PCA(n_components=8).fit(g[:8])


def test_part_of_another_class_is_refused(g: FloatArray, tmp_path: Path) -> None:
    save_part(Log10().fit(g), tmp_path)
    with pytest.raises(CheckpointError, match=r"holds '.*Log10', expected '.*Identity'"):
        Identity.load(tmp_path)


def test_damaged_parts_are_refused(g: FloatArray, tmp_path: Path) -> None:
    save_part(PCA(n_components=3).fit(g), tmp_path)
    (tmp_path / "state.npz").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match=r"state\.npz"):
        PCA.load(tmp_path)
    (tmp_path / "part.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"part\.json does not describe"):
        load_state(PCA, tmp_path, ())

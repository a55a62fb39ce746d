"""Features of blends: the same whichever polymer was named first, and nothing leaks from the target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.chemistry.descriptors import Descriptors
from nanonet.chemistry.fingerprints import Morgan
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError, NotFittedError
from nanonet.features.blend import BlendFeatures
from nanonet.features.constituents import Constituents
from nanonet.features.mixing import Mixing
from nanonet.parts import load_part, save_part
from tests.made_up import blends

INPUTS = blends(24)
SWAPPED = Table(
    {
        "smiles1": INPUTS["smiles2"],
        "smiles2": INPUTS["smiles1"],
        "tc1": INPUTS["tc2"],
        "tc2": INPUTS["tc1"],
        "fraction": 1.0 - INPUTS["fraction"],
    }
)
COUNTS = Morgan(counts=True)


@pytest.mark.parametrize(
    "features",
    [
        BlendFeatures([Morgan()]),
        BlendFeatures([COUNTS], combine="concatenate"),
        BlendFeatures([COUNTS, Descriptors(["TPSA"])], scale=True),
        Constituents([COUNTS]),
        Mixing(),
        Mixing(denoise=True, encoders=[COUNTS]),
    ],
)
def test_the_order_of_the_constituents_does_not_matter(features: Any) -> None:
    features.fit(INPUTS)
    np.testing.assert_allclose(features.transform(INPUTS), features.transform(SWAPPED), rtol=1e-6, atol=1e-6)


def test_sum_and_concatenation_are_weighted() -> None:
    one = Table({"smiles1": ["*CCO*"], "smiles2": ["*CC(*)C#N"], "fraction": [0.25]})
    a, b = COUNTS.encode(["*CCO*", "*CC(*)C#N"])
    np.testing.assert_allclose(BlendFeatures([COUNTS]).fit(one).transform(one)[0], 0.25 * a + 0.75 * b)
    both = BlendFeatures([COUNTS], combine="concatenate").fit(one)
    # The larger share stands first.
    np.testing.assert_allclose(both.transform(one)[0], np.concatenate([0.75 * b, 0.25 * a]))
    assert both.names[0] == "major morgan2[0]"
    alone = Table({"smiles1": ["*CCO*"], "smiles2": ["*CCO*"], "fraction": [0.5]})
    np.testing.assert_allclose(BlendFeatures([COUNTS]).fit(alone).transform(alone)[0], a)


def test_scale_is_that_of_the_training_part() -> None:
    features = BlendFeatures([Descriptors(["TPSA", "MolWt"])], scale=True).fit(INPUTS)
    x = features.transform(INPUTS)
    np.testing.assert_allclose(x.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(x.std(axis=0), 1.0, atol=1e-6)


def test_the_rule_of_mixing() -> None:
    x = Mixing().fit(INPUTS).transform(INPUTS)
    w = INPUTS["fraction"]
    np.testing.assert_allclose(x[:, 0], w * INPUTS["tc1"] + (1 - w) * INPUTS["tc2"])
    assert set(x[:, 1]) == {0.0, 1.0}


def test_denoised_values_never_meet_their_own_record() -> None:
    before = Mixing(denoise=True, encoders=[COUNTS]).fit(INPUTS)
    # A polymer alone, whose recorded value is its target: a wild value changes everything but its own feature.
    row = int(np.flatnonzero(INPUTS["smiles1"] == INPUTS["smiles2"])[0])
    text = INPUTS["smiles1"][row]
    wild = {
        name: np.where(INPUTS[column] == text, 9.0, INPUTS[name])
        for name, column in (("tc1", "smiles1"), ("tc2", "smiles2"))
    }
    process = before._process
    assert process is not None
    place = sorted({*INPUTS["smiles1"].tolist(), *INPUTS["smiles2"].tolist()}).index(text)
    # With the same hyperparameters, so that nothing but the value itself is asked about.
    y = process.y.copy()
    y[place] = process.y.mean() + (process.y.mean() - y[place])
    other = type(process)(process.x, y, process.kernel, process.length, process.amplitude, process.noise)
    # The mean of all polymers moves by its n-th part, and nothing else.
    change, own = abs(y[place] - process.y[place]), other.leave_one_out()[place] - process.leave_one_out()[place]
    assert abs(own) < 1.2 * change / len(y)
    # What is asked at prediction is not used at all.
    altered = Table({**dict(INPUTS), **wild})
    np.testing.assert_array_equal(before.transform(altered), before.transform(INPUTS))


def test_constituents_without_a_conductivity() -> None:
    values = INPUTS["tc1"].copy()
    values[3] = np.nan
    lacking = Table({**dict(INPUTS), "tc1": values})
    for features in (Mixing(), Mixing(denoise=True, encoders=[COUNTS])):
        with pytest.raises(
            InputError, match=r"row 3 lacks tc1 or tc2 \(1 rows do\).*a model that needs structures only"
        ):
            features.fit(lacking)
    with pytest.raises(InputError, match="row 3 lacks"):
        Mixing().fit(INPUTS).transform(lacking)
    # Denoised, a model needs structures only.
    assert np.isfinite(Mixing(denoise=True, encoders=[COUNTS]).fit(INPUTS).transform(lacking)).all()
    assert np.isfinite(BlendFeatures([COUNTS]).fit(lacking).transform(lacking)).all()


def test_a_new_polymer_is_predicted_from_its_structure(tmp_path: Path) -> None:
    features = Mixing(denoise=True, encoders=[COUNTS]).fit(INPUTS)
    new = Table({"smiles1": ["*CCCO*"], "smiles2": ["*CCO*"], "tc1": [0.9], "tc2": [0.9], "fraction": [0.5]})
    save_part(features, tmp_path)
    back = load_part(tmp_path, Mixing)
    np.testing.assert_allclose(back.transform(new), features.transform(new))
    assert 0.0 < features.transform(new)[0, 0] < 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda: BlendFeatures([]),
        lambda: BlendFeatures([COUNTS], combine="product"),
        lambda: BlendFeatures([COUNTS], columns=["smiles1"]),
        lambda: Mixing(denoise=True),
    ],
)
def test_bad_settings(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


def test_bad_shares_and_no_fit() -> None:
    with pytest.raises(NotFittedError):
        Mixing().transform(INPUTS)
    with pytest.raises(InputError, match="numbers from 0 to 1"):
        BlendFeatures([COUNTS]).fit(Table({**dict(INPUTS), "fraction": np.full(24, 1.5)}))

"""Compositions come in many forms, and what is none of them gets a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nanonet.domain import Composition
from nanonet.domain.forms import compositions
from nanonet.errors import InputError

ROW = {"D": 3.0, "N": 40, "rho": 0.0042, "eps_np_np": 0.5, "eps_p_np": 1.0}
ONE = Composition(**ROW)  # type: ignore[arg-type]
TWO = Composition(**{**ROW, "D": 2.5})  # type: ignore[arg-type]
VALUES = [list(ROW.values()), list(TWO.to_dict().values())]


@pytest.mark.parametrize(
    "value", [ONE, ROW, list(ROW.values()), tuple(ROW.values()), np.array(VALUES[0]), pd.Series(ROW)]
)
def test_one_composition(value: Any) -> None:
    assert compositions(value, {}) == ([ONE], True)


@pytest.mark.parametrize(
    "value",
    [
        [ONE, TWO],
        VALUES,
        np.array(VALUES),
        [np.array(row) for row in VALUES],
        [ROW, TWO.to_dict()],
        pd.DataFrame(VALUES, columns=list(ROW)),
        {name: [a, b] for name, a, b in zip(ROW, *VALUES, strict=True)},
        {name: np.array([a, b]) for name, a, b in zip(ROW, *VALUES, strict=True)},
        np.array([tuple(row) for row in VALUES], dtype=[(name, float) for name in ROW]),
    ],
)
def test_a_table(value: Any) -> None:
    assert compositions(value, {}) == ([ONE, TWO], False)


def test_keywords_and_volume_fraction() -> None:
    assert compositions(None, ROW) == ([ONE], True)
    phi = {**ROW, "phi": ONE.phi}
    del phi["rho"]
    assert compositions(None, phi)[0][0].rho == pytest.approx(ONE.rho)


@pytest.mark.parametrize(
    ("value", "numbers", "message"),
    [
        (None, {}, "no composition"),
        (ONE, ROW, "either a value or keywords"),
        (None, {**ROW, "eps": 1.0}, "not known: eps"),
        (None, {"D": 3}, "missing: N"),
        (None, {**ROW, "D": "three"}, "D must be a number"),
        (None, {**ROW, "rho": float("nan")}, "rho must be finite"),
        (None, {**ROW, "eps_np_np": -1}, "eps_np_np must be"),
        ("D=3", {}, "is not a composition"),
        (b"3", {}, "is not a composition"),
        (3.0, {}, "is not a composition"),
        ([], {}, "empty"),
        (np.zeros((0, 5)), {}, "empty"),
        (np.zeros((2, 4)), {}, "row 0: a row has the five numbers"),
        (np.zeros((1, 2, 5)), {}, "shape"),
        ([1, 2, 3], {}, "five numbers"),
        ([ONE, 3.0], {}, "not also single values"),
        (["abcde"], {}, "five numbers"),
        ([VALUES[0], ["a"] * 5], {}, "row 1"),
        ({"D": [1, 2], "N": [3]}, {}, "same length"),
        ({"D": [3.0], "N": 40}, {}, "one value per row"),
        (pd.DataFrame({"x": [1.0]}), {}, "row 0: .*not known: x"),
        (np.array(VALUES, dtype=object).astype(str), {}, "must be a number"),
        (np.array(5.0), {}, "shape"),
    ],
)
def test_what_is_none(value: Any, numbers: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compositions(value, numbers)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.just(ONE),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.sampled_from([*ROW, "phi", "x"]) | st.text(max_size=3), inner, max_size=6)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.int32, np.bool_, np.complex64, "U3", "datetime64[s]"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
)


@settings(max_examples=300, deadline=None)
@given(ANYTHING | ARRAYS)
def test_anything_is_a_composition_or_a_clear_error(value: Any) -> None:
    try:
        found, _ = compositions(value, {})
    except InputError as error:
        assert len(str(error)) > 20  # noqa: PT017
    else:
        assert found
        assert all(isinstance(item, Composition) for item in found)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*ROW, "phi"]), st.floats() | st.integers() | st.text(max_size=3), min_size=1))
def test_any_keywords_are_a_composition_or_a_clear_error(numbers: dict) -> None:
    try:
        compositions(None, numbers)
    except InputError as error:
        assert len(str(error)) > 20  # noqa: PT017


def test_a_table_with_a_column_twice() -> None:
    class Frame:
        """What is used of a pandas DataFrame."""

        columns = ("D", "N", "D")

        def to_dict(self) -> dict[str, float]:
            return {}

    with pytest.raises(InputError, match="different names, got D twice"):
        compositions(Frame(), {})
    with pytest.raises(InputError, match="is not a composition"):
        compositions(Composition, {})


def test_density_and_volume_fraction_together() -> None:
    with pytest.raises(InputError, match=r"rho = 0\.004 and phi = 0\.05 say the same"):
        compositions(None, {"D": 3, "N": 40, "rho": 0.004, "phi": 0.05, "eps_np_np": 1.0, "eps_p_np": 1.0})

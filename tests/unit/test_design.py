"""Which compositions are simulated: the order does not depend on how many, and a bad line is named."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.data import store
from nanonet.domain import Composition
from nanonet.errors import ConfigError, NanonetError
from nanonet.paths import CONF, REFERENCE
from simulations.builder import system_size
from simulations.design import RANGES, Csv, LatinHypercube, List, Records, Run, Sobol, choose, ranges
from simulations.protocol import Protocol
from simulations.workspace import StatePoint

ROOMY = {"n_np_min": 16, "n_beads_max": 10**7}
POINT = {"D": 3, "N": 40, "phi": 0.06, "eps_np_np": 0.5, "eps_p_np": 1.0}


def columns(points: list[Composition]) -> dict[str, np.ndarray]:
    return {name: np.array([getattr(point, name) for point in points]) for name in RANGES}


@given(k=st.integers(1, 70), more=st.integers(0, 70), seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=20)
def test_the_first_points_of_a_sobol_design_do_not_depend_on_their_number(k: int, more: int, seed: int) -> None:
    short = choose(Sobol(k, seed=seed), **ROOMY).points
    long = choose(Sobol(k + more, seed=seed), **ROOMY).points
    assert len(short) == k
    assert len(long) == k + more
    assert long[:k] == short


def test_another_seed_is_another_design() -> None:
    first, second = (choose(Sobol(4, seed=seed), **ROOMY).points for seed in (0, 1))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_a_sobol_design_fills_its_ranges_evenly() -> None:
    values = columns(list(islice(Sobol(1).compositions(), 256)))
    for name, (low, high) in RANGES.items():
        assert values[name].min() >= low
        assert values[name].max() <= high
        if name == "N":
            assert set(values[name].astype(int)) == set(range(25, 41))
            continue
        share = np.histogram(values[name], np.linspace(low, high, 9))[0] / 256
        np.testing.assert_allclose(share, 1 / 8, atol=0.01)


def test_the_first_points_of_the_default_design_are_pinned() -> None:
    """A campaign's state points follow from them: if this changes, simulations are done again."""
    got = [point.to_array() for point in islice(Sobol(3, seed=0).compositions(), 3)]
    expected = [
        [3.229849, 40.0, 0.00494215563213, 1.693031, 0.460491],
        [4.731581, 26.0, 0.000308664227814, 0.776349, 0.872523],
        [3.714384, 36.0, 0.00279997637402, 1.944189, 1.419682],
    ]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_ranges_can_be_narrowed_to_a_point() -> None:
    box = {"D": [3, 3], "N": [30, 30], "phi": [0.05, 0.05]}
    for point in islice(Sobol(1, box=box).compositions(), 8):
        assert (point.D, point.N) == (3, 30)
        assert point.phi == pytest.approx(0.05)


def test_a_latin_hypercube_uses_each_part_of_each_range_once() -> None:
    values = columns(list(LatinHypercube(20, seed=3).compositions()))
    for name, (low, high) in RANGES.items():
        if name != "N":
            part = np.floor((values[name] - low) / (high - low) * 20).astype(int)
            assert sorted(part) == list(range(20))


def test_points_that_are_too_large_are_skipped_in_order() -> None:
    design = Sobol(12, seed=0)
    choice = choose(design, n_np_min=16, n_beads_max=12_000)
    assert len(choice.points) == 12
    assert choice.skipped
    everything = list(islice(design.compositions(), 12 + len(choice.skipped)))
    chosen = [composition for composition, _ in choice.points]
    left_out = [composition for composition, _ in choice.skipped]
    # both lists keep the design's order, and together they are the design, up to the last point taken
    assert [point for point in everything if point in chosen] == chosen
    assert [point for point in everything if point in left_out] == left_out
    assert chosen[-1] == everything[-1]
    for composition, size in choice.points:
        assert size == system_size(composition, n_beads_max=12_000)
    for _, reason in choice.skipped:
        assert "more than n_beads_max = 12,000" in reason


def test_skipping_does_not_break_the_prefix() -> None:
    short, long = (choose(Sobol(n, seed=0), n_np_min=16, n_beads_max=12_000) for n in (5, 12))
    assert long.points[:5] == short.points
    assert long.skipped[: len(short.skipped)] == short.skipped


def test_a_design_of_which_nothing_fits_says_why() -> None:
    with pytest.raises(ConfigError, match=r"gave 0 usable points, 2 were asked for; .* more than n_beads_max = 100"):
        choose(Sobol(2), n_np_min=16, n_beads_max=100, max_tries=20)


def test_a_list_is_taken_as_it_is() -> None:
    design = List([POINT, POINT | {"D": 2}], n=1)
    (only,) = choose(design, **ROOMY).points
    assert only[0] == Composition.from_mapping(POINT)
    assert len(choose(List([POINT, POINT | {"D": 2}]), **ROOMY).points) == 2


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], r"give design\.points=\["),
        ([POINT | {"phi": 0.9}], "phi must be a volume fraction"),
        ([{key: value for key, value in POINT.items() if key != "N"}], "missing: N"),
    ],
)
def test_a_list_that_cannot_be_is_refused(points: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(NanonetError, match=words):
        List(points)


def test_the_item_of_a_list_that_is_wrong_is_named() -> None:
    with pytest.raises(ConfigError, match="point 2"):
        List([POINT, POINT | {"D": -1}])


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_csv_is_read_by_its_header(tmp_path: Path) -> None:
    file = write(tmp_path / "d.csv", "note,eps_p_np,D,N,phi,eps_np_np", "a,1.0,3,40,0.06,0.5", "b,0.4,2,25,0.02,2.5")
    points = list(Csv(file).compositions())
    assert points == [
        Composition.from_mapping(POINT),
        Composition.from_phi(D=2, N=25, phi=0.02, eps_np_np=2.5, eps_p_np=0.4),
    ]
    assert Csv(file, n=1).n == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["3,40,0.06,0.5,1.0", "3,40,abc,0.5,1.0"], r"line 3: .*'abc'"),
        (["3,40,0.06,0.5"], "line 2: "),
        (["3,40,0.06,0.5,1.0", "3,40,0.06,0.5,1.0", "3,40.5,0.06,0.5,1.0"], "line 4: .*40.5"),
        (["30,40,0.06,0.5,1.0"], "line 2: .*30"),
        (["3,40,nan,0.5,1.0"], "line 2: .*nan"),
        ([], "has no rows; its header must name D, N, rho"),
    ],
)
def test_the_line_of_a_csv_that_is_wrong_is_named(tmp_path: Path, rows: list[str], words: str) -> None:
    file = write(tmp_path / "d.csv", "D,N,phi,eps_np_np,eps_p_np", *rows)
    with pytest.raises(ConfigError, match=words) as caught:
        Csv(file)
    assert "d.csv" in str(caught.value)


def test_a_csv_says_how_each_simulation_begins(tmp_path: Path) -> None:
    file = write(
        tmp_path / "d.csv",
        "D,N,phi,eps_np_np,eps_p_np,start,replica,volume_factor",
        "3,40,0.06,0.5,1.0,dispersed,0,",
        "3,40,0.06,0.5,1.0,aggregated,2,2",
        "2,25,0.02,2.5,0.4,,,",
        "3,40,0.06,0.5,1.0,aggregated,2,2.0",
    )
    choice = choose(Csv(file), n_np_min=4, n_beads_max=20_000)
    first, second = (point for point, _ in choice.points)
    assert choice.runs(first, [Run(replica=7)]) == (Run(), Run("aggregated", 2, 2.0))
    assert choice.runs(second, [Run(replica=7)]) == (Run(),)
    choice.write(tmp_path / "again.csv")
    again = choose(Csv(str(tmp_path / "again.csv")), n_np_min=4, n_beads_max=20_000)
    assert again.points == choice.points
    assert [again.runs(point) for point, _ in again.points] == [choice.runs(point) for point, _ in choice.points]
    bare = choose(
        Csv(write(tmp_path / "e.csv", "D,N,phi,eps_np_np,eps_p_np", "3,40,0.06,0.5,1.0")),
        n_np_min=4,
        n_beads_max=20_000,
    )
    assert bare.runs(bare.points[0][0], [Run("aggregated", 7)]) == [Run("aggregated", 7)]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("clustered,0,1", "line 2: start must be dispersed or aggregated, got 'clustered'"),
        (",-1,1", "line 2: replica .*'-1'"),
        (",,0.5", "line 2: volume_factor must be a number, 1 or more, got '0.5'"),
        (",,twice", "line 2: volume_factor .*'twice'"),
    ],
)
def test_a_csv_with_a_start_that_is_none_is_refused(tmp_path: Path, row: str, words: str) -> None:
    file = write(
        tmp_path / "d.csv", "D,N,phi,eps_np_np,eps_p_np,start,replica,volume_factor", f"3,40,0.06,0.5,1.0,{row}"
    )
    with pytest.raises(ConfigError, match=words):
        Csv(file)


def test_the_simulations_of_a_data_set_are_asked_for_once_more() -> None:
    """The names of state points come from what was asked for: those of the shipped records come back."""
    shipped = store.read(REFERENCE / "records.nc")
    protocol = Protocol.from_mapping(yaml.safe_load((CONF / "protocol" / "workstation.yaml").read_text()))
    design = Records()
    made = {
        StatePoint(composition, protocol, "lammps", replica, start, volume_factor=factor)
        for composition in design.compositions()
        for start, replica, factor in design.runs(composition)
    }
    asked = list(zip(*(shipped[name].values.tolist() for name in ("group", *Run._fields)), strict=True))
    again = {(point.group, point.start, point.replica, point.volume_factor) for point in made}
    assert set(asked) <= again
    # Runs that differ in their protocol alone come back as further replicas, so that none is lost.
    assert len(again) == len(asked)
    assert Counter((group, start, factor) for group, start, _, factor in again) == Counter(
        (group, start, factor) for group, start, _, factor in asked
    )
    passed = Records(passed=True, n=5)
    assert len(list(choose(passed, n_np_min=4, n_beads_max=40_000).points)) == 5
    good = shipped.isel(record=shipped["verdict"].values == "passed")
    assert {StatePoint(c, protocol).group for c in passed.compositions()} <= set(good["group"].values)


def test_a_csv_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no CSV file .*nothing\.csv; give design\.path=FILE"):
        Csv(str(tmp_path / "nothing.csv"))


@pytest.mark.parametrize("n", [0, -3, 2.5, True, "4"])
def test_a_number_of_points_that_is_none_is_refused(n: Any) -> None:
    with pytest.raises(ConfigError, match="whole number of points above 0"):
        Sobol(n)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ({"d": [2, 3]}, "no range 'd'; its ranges are D, N, phi"),
        ({"D": [3, 2]}, "two rising numbers"),
        ({"D": [2]}, "two rising numbers"),
        ({"D": 2}, "two rising numbers"),
        ({"D": [2, float("nan")]}, "two rising numbers"),
    ],
)
def test_ranges_that_cannot_be_are_refused(box: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ranges(box)

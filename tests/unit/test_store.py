"""The file in which simulating and learning meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nanonet.data import store
from nanonet.domain.rdf import standard_grid
from nanonet.errors import DataError
from tests.made_up import compositions, record

R = standard_grid()
POINTS = compositions(3)


def made(*names: str, **changes: object):  # type: ignore[no-untyped-def]
    rows = [record(name, POINTS[index], index, **changes) for index, name in enumerate(names)]
    return store.from_records(rows, R)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    dataset = made("a", "b")
    again = store.read(store.write(dataset, tmp_path / "new" / "records.nc"))
    assert list(again["record"].values) == ["a", "b"]
    assert again["D"].attrs["units"] == "sigma"
    for name in store.VARIABLES:
        if dataset[name].dtype.kind == "f":
            np.testing.assert_allclose(again[name], dataset[name], rtol=1e-6)
        else:
            assert (again[name] == dataset[name]).all(), name
    assert POINTS[1]["D"] == store.composition(again, 1).D
    assert store.rdf(again, 1).error is not None


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    dataset = made("a")
    dataset.attrs["bad"] = object()
    with pytest.raises(TypeError):
        store.write(dataset, tmp_path / "records.nc")
    assert list(tmp_path.iterdir()) == []


def test_blocks_of_different_numbers_are_padded_and_come_back() -> None:
    long = record("long", POINTS[0], 0, n_blocks=3, g_block=np.ones((3, 100)), block_frames=np.array([5, 5, 5]))
    dataset = store.from_records([long, record("short", POINTS[1], 1)], R)
    assert dataset.sizes["block"] == 3
    assert np.isnan(dataset["g_block"].sel(record="short").values[2]).all()
    rows = {row["record"]: row for row in store.to_records(dataset)}
    assert rows["short"]["g_block"].shape == (2, 100)
    assert rows["long"]["block_frames"].tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [(100, 200, "new"), (200, 100, "old"), (100, 100, "new")],
    ids=["longer", "shorter", "as long: judged anew"],
)
def test_of_a_record_in_two_files_the_longer_counts(old: int, new: int, kept: str) -> None:
    first, second = made("a", "b", steps_production=old, preset="old"), made("a", steps_production=new, preset="new")
    merged = store.merge(first, second)
    assert merged.sizes["record"] == 2
    assert merged["preset"].sel(record="a").item() == kept
    assert merged["preset"].sel(record="b").item() == "old"


def test_the_longer_of_two_runs_may_count_more_as_equilibration() -> None:
    older = made("a", steps_production=400, preset="old")
    newer = made("a", steps_production=300, steps_equilibration=200, n_transient=5, preset="new")
    assert store.merge(older, newer)["preset"].item() == "new"
    assert store.merge(newer, older)["preset"].item() == "new"


def test_a_file_from_before_transients_were_set_aside(tmp_path: Path) -> None:
    made("a", "b").drop_vars("n_transient").to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    assert store.read(tmp_path / "old.nc")["n_transient"].values.tolist() == [0, 0]


def test_other_bins_do_not_merge() -> None:
    other = made("c").assign_coords(r=R * 2)
    with pytest.raises(DataError, match="different bins cannot be merged"):
        store.merge(made("a"), other)


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data set at .*make simulate"):
        store.read(tmp_path / "missing.nc")
    (tmp_path / "text.nc").write_text("not NetCDF")
    with pytest.raises(DataError, match="not a readable NetCDF file"):
        store.read(tmp_path / "text.nc")
    with pytest.raises(DataError, match="there are no records"):
        store.from_records([], R)
    lacking = record("a", POINTS[0], 0)
    del lacking["verdict"]
    with pytest.raises(DataError, match="record 'a' lacks verdict"):
        store.from_records([lacking], R)


def test_a_data_set_is_checked() -> None:
    newer = made("a")
    newer.attrs["nanonet_schema"] = 2
    with pytest.raises(DataError, match=r"schema 2, this nanonet reads schema 1; upgrade nanonet"):
        store.validate(newer)
    with pytest.raises(DataError, match="lacks verdict"):
        store.validate(made("a").drop_vars("verdict"))
    with pytest.raises(DataError, match="verdict 'perhaps', expected one of"):
        made("a", verdict="perhaps")
    with pytest.raises(DataError, match="holds records twice: a"):
        made("a", "a")
    with pytest.raises(DataError, match="negative or not finite in a"):
        made("a", g=np.full(100, -1.0))
    assert made("a", g=np.full(100, np.nan), verdict="failed").sizes["record"] == 1

"""Tables, data sets, splits, and the reader of the nanocomposite records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nanonet.data import store
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.nanocomposite import Nanocomposite
from nanonet.data.split import Holdout, KFold, LeaveOneGroupOut, Split
from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.errors import ConfigError, DataError, InputError
from tests.made_up import compositions, record, write_records


def _dataset(n: int = 6) -> Dataset:
    return Dataset(
        inputs=Table({"D": np.arange(n, dtype=float), "name": [f"p{i}" for i in range(n)]}),
        targets=np.arange(2.0 * n).reshape(n, 2),
        groups=np.array([f"g{i // 2}" for i in range(n)]),
        target="g",
        unit="1",
        axis=Axis("r", "sigma", (0.05, 0.15)),
    )


def test_a_table_keeps_numbers_and_text_apart() -> None:
    table = Table({"D": [2, 3], "polymer": ["PEO", "PS"]})
    assert table["D"].dtype == np.float64
    assert table.take([1]).rows() == [{"D": 3.0, "polymer": "PS"}]
    with pytest.raises(ValueError, match="read-only"):
        table["D"][0] = 1.0


@pytest.mark.parametrize(
    ("columns", "message"),
    [({}, "at least one"), ({"a": [1, 2], "b": [1]}, "same length"), ({"a": [[1, 2]]}, "one axis")],
)
def test_a_table_refuses_what_is_none(columns: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Table(columns)


def test_dataset_takes_rows_of_everything() -> None:
    part = _dataset().take([4, 1])
    assert part.groups.tolist() == ["g2", "g0"]
    assert part.targets.tolist() == [[8.0, 9.0], [2.0, 3.0]]
    assert part.inputs["D"].tolist() == [4.0, 1.0]
    assert len(set(_dataset().take([1, 1]).names)) == 2
    assert _dataset().replicas() == {"g0": [0, 1], "g1": [2, 3], "g2": [4, 5]}
    assert _dataset().digest() != _dataset().take(slice(None, None, -1)).digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": np.zeros((3, 2))}, "shape"),
        ({"targets": np.full((6, 2), np.nan)}, "finite"),
        ({"groups": np.array(["a"])}, "groups"),
        ({"names": ("a",) * 6}, "different"),
        ({"axis": None}, "axis"),
    ],
)
def test_dataset_refuses_what_does_not_fit(changes: dict, message: str) -> None:
    given = {name: getattr(_dataset(), name) for name in ("inputs", "targets", "groups", "target", "unit", "axis")}
    with pytest.raises(ValueError, match=message):
        Dataset(**{**given, **changes})


@pytest.mark.parametrize("split", [Holdout(0.3), KFold(3), KFold(4, repeats=2), LeaveOneGroupOut()])
def test_no_group_is_on_both_sides(split: Split) -> None:
    groups = np.array([f"g{i % 7}" for i in range(20)])
    folds = split.split(groups, seed=1)
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(20))
    again = split.split(groups, seed=1)
    assert all((a.test == b.test).all() for a, b in zip(folds, again, strict=True))


def test_kfold_holds_each_group_out_once() -> None:
    groups = np.array([f"g{i % 7}" for i in range(20)])
    assert sorted(np.concatenate([fold.test for fold in KFold(3).split(groups, 0)])) == list(range(20))


def test_fewer_groups_than_folds() -> None:
    with pytest.raises(DataError, match="needs at least 5 groups, and the data set has 3"):
        KFold(5).split(np.array(["a", "b", "c", "c", "c", "c"]), 0)
    with pytest.raises(ConfigError, match="at least 2 folds"):
        KFold(1)


def test_reader_takes_passed_records_and_groups_replicas(tmp_path: Path) -> None:
    file = write_records(tmp_path / "records.nc", n=5, replicas=2)
    dataset = Nanocomposite(path=str(file)).read()
    assert (len(dataset), dataset.n_groups) == (7, 5)
    assert dataset.targets.shape == (7, 100)
    assert dataset.axis is not None
    assert dataset.axis.unit == "sigma"
    assert dataset.source["records"] == {"passed": 7}


def test_reader_leaves_flagged_records_out_unless_asked(tmp_path: Path) -> None:
    points = compositions(4)
    verdicts = ("passed", "short", "failed", "failed")
    rows = [record(f"c{i}/0", point, i, verdict=verdicts[i]) for i, point in enumerate(points)]
    rows[3]["g"] = np.full(100, np.nan)
    file = str(store.write(store.from_records(rows, standard_grid()), tmp_path / "records.nc"))
    assert len(Nanocomposite(path=file).read()) == 1
    assert len(Nanocomposite(path=file, include_short=True).read()) == 2
    # A record without an RDF can never be taken.
    assert len(Nanocomposite(path=file, include_short=True, include_failed=True).read()) == 3
    with pytest.raises(DataError, match=r"1 compositions .* at least 2 .* 2 failed, 1 passed, 1 short"):
        Nanocomposite(path=file, least=2).read()


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make simulate"):
        Nanocomposite(path=str(tmp_path / "none.nc")).read()

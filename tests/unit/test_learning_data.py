"""Tables, data sets, splits, and the reader of the nanocomposite records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nanonet.data import store
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.nanocomposite import Nanocomposite
from nanonet.data.split import Disjoint, Given, Holdout, KFold, LeaveOneGroupOut, Split
from nanonet.data.table import Table
from nanonet.data.where import Where
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
    assert part.titles == ()
    assert replace(_dataset(), titles=tuple("abcdef")).take([4, 1]).titles == ("e", "b")
    assert len(set(_dataset().take([1, 1]).names)) == 2
    assert _dataset().replicas() == {}
    replicas = replace(_dataset(), labels={"replica": np.array(list("aababc"))}).replicas()
    assert replicas == {"a": [0, 1, 3], "b": [2, 4]}
    assert _dataset().digest() != _dataset().take(slice(None, None, -1)).digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": np.zeros((3, 2))}, "shape"),
        ({"targets": np.full((6, 2), np.nan)}, "finite"),
        ({"groups": np.array(["a"])}, "groups"),
        ({"names": ("a",) * 6}, "different"),
        ({"axis": None}, "axis"),
        ({"titles": ("a",)}, "titles must be one for each of 6 records"),
        ({"labels": {"batch": np.array(["x"])}}, "label 'batch' must have one text"),
    ],
)
def test_dataset_refuses_what_does_not_fit(changes: dict, message: str) -> None:
    given = {name: getattr(_dataset(), name) for name in ("inputs", "targets", "groups", "target", "unit", "axis")}
    with pytest.raises(ValueError, match=message):
        Dataset(**{**given, **changes})


def _grouped(n: int = 20, **labels: list[str]) -> Dataset:
    return Dataset(
        inputs=Table({"a": np.arange(n, dtype=float), "kind": ["blend" if i % 3 else "single" for i in range(n)]}),
        targets=np.arange(n, dtype=float),
        groups=np.array([f"g{i % 7}" for i in range(n)]),
        target="t",
        unit="1",
        labels={name: np.array(values) for name, values in labels.items()},
    )


@pytest.mark.parametrize(
    "split", [Holdout(0.3), Holdout(0.3, repeats=3), KFold(3), KFold(4, repeats=2), LeaveOneGroupOut()]
)
def test_no_group_is_on_both_sides(split: Split) -> None:
    dataset = _grouped()
    groups = dataset.groups
    folds = split.split(dataset, seed=1)
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(20))
    again = split.split(dataset, seed=1)
    assert all((a.test == b.test).all() for a, b in zip(folds, again, strict=True))


def test_kfold_holds_each_group_out_once() -> None:
    assert sorted(np.concatenate([fold.test for fold in KFold(3).split(_grouped(), 0)])) == list(range(20))


def test_folds_of_equal_numbers_of_records() -> None:
    sizes = [60, 20, 11, 10, 10, 9, 8, 7, 3, 2]
    groups = np.repeat([f"g{number}" for number in range(len(sizes))], sizes)
    dataset = replace(_grouped(n=sum(sizes)), groups=groups)
    split = KFold(4, repeats=2, equal="records")
    folds = split.split(dataset, 0)
    # The largest alone, the rest as even as whole groups allow.
    assert [sorted(len(fold.test) for fold in folds[start : start + 4]) for start in (0, 4)] == [[25, 27, 28, 60]] * 2
    assert sorted(np.concatenate([fold.test for fold in folds[:4]])) == list(range(sum(sizes)))
    assert all(not set(groups[fold.train]) & set(groups[fold.test]) for fold in folds)
    tested = KFold(2, equal="records", tested=Where("kind", equal="single")).split(dataset, 0)
    assert set(dataset.inputs["kind"][np.concatenate([fold.test for fold in tested])]) == {"single"}
    with pytest.raises(ConfigError, match="'groups' or 'records'"):
        KFold(4, equal="bytes")


def test_equal_records_are_those_of_scikit_learn() -> None:
    model_selection = pytest.importorskip("sklearn.model_selection", reason="needs scikit-learn")
    random = np.random.default_rng(3)
    # No two groups of one size, so that there is nothing to choose.
    sizes = random.permutation(np.arange(1, 41))
    groups = np.repeat([f"g{number}" for number in range(40)], sizes)
    dataset = replace(_grouped(n=len(groups)), groups=groups)
    theirs = [test.tolist() for _, test in model_selection.GroupKFold(5).split(groups, groups=groups)]
    assert [fold.test.tolist() for fold in KFold(5, equal="records").split(dataset, 0)] == theirs


def test_records_can_be_dealt_out_alone_or_by_a_label() -> None:
    dataset = _grouped(batch=["x"] * 5 + ["y"] * 5 + ["z"] * 10)
    alone = KFold(4, by="record").split(dataset, 0)
    assert any(set(dataset.groups[fold.train]) & set(dataset.groups[fold.test]) for fold in alone)
    for fold in KFold(3, by="batch").split(dataset, 0):
        assert len(set(dataset.labels["batch"][fold.test])) == 1
        assert not set(dataset.labels["batch"][fold.train]) & set(dataset.labels["batch"][fold.test])
    with pytest.raises(DataError, match="no label 'colour'; the labels are record, batch, kind"):
        KFold(3, by="colour").split(dataset, 0)


def test_some_records_are_never_tested() -> None:
    dataset = _grouped()
    folds = KFold(4, by="record", tested=Where("kind", equal="blend")).split(dataset, 0)
    tested = np.concatenate([fold.test for fold in folds])
    assert set(dataset.inputs["kind"][tested]) == {"blend"}
    assert len(tested) == len(set(tested)) == (dataset.inputs["kind"] == "blend").sum()
    for fold in folds:
        assert set(np.flatnonzero(dataset.inputs["kind"] == "single")) <= set(fold.train)


def test_disjoint_folds_share_no_value() -> None:
    random = np.random.default_rng(0)
    names = [f"p{i}" for i in range(12)]
    pairs = random.integers(0, 12, (20, 2))
    first, second = [names[i] for i in pairs[:, 0]], [names[i] for i in pairs[:, 1]]
    dataset = _grouped(one=first, two=second)
    folds = Disjoint(["one", "two"], folds=10, by="record").split(dataset, 0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(20))
    for fold in folds:
        known = {first[i] for i in fold.train} | {second[i] for i in fold.train}
        assert not known & ({first[i] for i in fold.test} | {second[i] for i in fold.test})
        assert len(fold.train)
    with pytest.raises(DataError, match="shares one of one with the test part"):
        Disjoint(["one"], folds=2, by="record").split(_grouped(one=["p"] * 20), 0)


def test_folds_that_a_label_gives() -> None:
    dataset = _grouped(fold=["0"] * 4 + ["1"] * 4 + [""] * 12)
    first, second = Given("fold").split(dataset, 0)
    assert first.test.tolist() == [0, 1, 2, 3]
    assert second.train.tolist() == [0, 1, 2, 3, *range(8, 20)]
    assert [fold.name for fold in Given("fold", only=["1"]).split(dataset, 0)] == ["fold-1"]
    with pytest.raises(DataError, match="no records in the folds 7; it has 0, 1"):
        Given("fold", only=["7"]).split(dataset, 0)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Where("kind", equal="single"), [0, 3, 6, 9]),
        (Where("kind", equal="single", invert=True), [1, 2, 4, 5, 7, 8]),
        (Where("a", low=2, high=4), [2, 3, 4]),
        (Where("a", inside=[1, 7]), [1, 7]),
        (Where("row", high=1), [0, 1]),
    ],
)
def test_a_condition_picks_records(condition: Where, expected: list[int]) -> None:
    dataset = _grouped(10, row=[str(i) for i in range(10)])
    assert np.flatnonzero(condition.rows(dataset)).tolist() == expected


def test_conditions_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="one of equal, inside, or low and high"):
        Where("a")
    with pytest.raises(ConfigError, match="one of equal"):
        Where("a", equal=1, low=0)
    with pytest.raises(DataError, match="no column or label 'b'; there are a, kind"):
        Where("b", equal=1).rows(_grouped())
    with pytest.raises(DataError, match="holds text"):
        Where("kind", low=0).rows(_grouped())


def test_fewer_groups_than_folds() -> None:
    few = replace(_grouped(6), groups=np.array(["a", "b", "c", "c", "c", "c"]))
    with pytest.raises(DataError, match="needs at least 5 groups, and the data set has 3"):
        KFold(5).split(few, 0)
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


def test_reader_takes_one_size_of_boxes(tmp_path: Path) -> None:
    """The RDF of an aggregate depends on the box, which no input tells."""
    rows = [
        record(f"c{i}/{k}", point, i, volume_factor=1.0 + k) for i, point in enumerate(compositions(3)) for k in (0, 1)
    ]
    file = str(store.write(store.from_records(rows, standard_grid()), tmp_path / "records.nc"))
    assert [len(Nanocomposite(path=file, volume_factor=factor).read()) for factor in (1, 2, None)] == [3, 3, 6]
    with pytest.raises(DataError, match=r"0 compositions .* 6 passed, 6 of them in other boxes than volume_factor = 4"):
        Nanocomposite(path=file, volume_factor=4, least=1).read()
    with pytest.raises(ConfigError, match="volume_factor must be 1 or more, or null for all boxes, got 0"):
        Nanocomposite(volume_factor=0)


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make simulate"):
        Nanocomposite(path=str(tmp_path / "none.nc")).read()

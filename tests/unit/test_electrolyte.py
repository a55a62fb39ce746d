"""Polymer electrolytes: the type, the readers and their traps, features, and the laws of temperature."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from nanonet.chemistry.packed import CLASSES, Graph
from nanonet.data.electrolyte import MOLAR_MASS, Electrolytes, chem_prop_folds, table_of
from nanonet.data.electrolyte_md import SimulatedElectrolytes
from nanonet.data.laws import arrhenius, vtf
from nanonet.data.split import Given
from nanonet.data.table import Table
from nanonet.domain.electrolyte import Arrhenius, Conductivity, Electrolyte, electrolytes
from nanonet.errors import ConfigError, DataError, ElectrolyteError, InputError, SmilesError
from nanonet.features.electrolyte import LAW, ElectrolyteFeatures
from nanonet.metrics.pooled import PooledAbsolute
from nanonet.networks.fit import Fit
from nanonet.regressors.graph import GraphNetwork
from nanonet.regressors.lightgbm import LightGBM
from nanonet.regressors.support_vector import SupportVector
from tests.made_up import POLYMERS, SALTS
from tests.made_up import electrolytes as made_up

pytest.importorskip("rdkit", reason="needs RDKit: pip install 'nanonet[chem]'")

HEADER = ["smiles", "conductivity", "mw", "salt smiles", "molality", "temperature"]
LITHIUM = "F[B-](F)(F)F.[Li+]"


def write(file: Path, rows: list[list[object]], header: list[str] | None = None) -> Path:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header or HEADER, *rows])
    return file


def ordinary(n: int = 40) -> list[list[object]]:
    """Rows that obey Arrhenius' law, another energy for each polymer."""
    random = np.random.default_rng(0)
    rows: list[list[object]] = []
    for row in range(n):
        polymer, temperature = POLYMERS[row % len(POLYMERS)], float(random.uniform(20, 100))
        value = 2.0 - (2.0 + 0.1 * (row % len(POLYMERS))) * 1000.0 / (temperature + 273.15)
        rows.append(
            [polymer.replace("*", "[Cu]", 1).replace("*", "[Au]"), value, 1e5, SALTS[row % 3], 1.0, temperature]
        )
    return rows


def test_one_electrolyte() -> None:
    one = Electrolyte("[Cu]OCC[Au]", LITHIUM, molality=1, temperature=60, molar_mass=None)
    assert one.polymer == "*CCO*"
    assert one.inverse_temperature == pytest.approx(1000 / 333.15)
    assert Electrolyte.from_mapping({"smiles": "*CCO*", "T": 25.0}) == Electrolyte("*CCO*", "", 0.0, 25.0)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"temperature": -151}, ElectrolyteError, "degC"),
        ({"temperature": 401}, ElectrolyteError, "273.15"),
        ({"molality": -1}, ElectrolyteError, "molality"),
        ({"molality": 0}, ElectrolyteError, "contradict"),
        ({"salt": ""}, ElectrolyteError, "contradict"),
        ({"molar_mass": 4.8}, ElectrolyteError, "logarithm"),
        ({"polymer": "CCO"}, SmilesError, "ends"),
        ({"polymer": "*CC(*)O*"}, SmilesError, "ends"),
        ({"polymer": "*CXO*"}, SmilesError, "cannot be read"),
        ({"polymer": "*C[Xx]O*"}, SmilesError, "cannot be read"),
        ({"polymer": ""}, SmilesError, "polymer"),
        ({"temperature": 330.0 + 273.15}, ElectrolyteError, "273.15"),
        ({"temperature": math.nan}, ElectrolyteError, "finite"),
        ({"salt": "[Li+"}, SmilesError, "salt"),
        ({"temperature": "warm"}, ElectrolyteError, "number"),
    ],
)
def test_what_is_no_electrolyte(change: dict[str, object], error: type, says: str) -> None:
    good = {"polymer": "*CCO*", "salt": LITHIUM, "molality": 1.0, "temperature": 60.0}
    with pytest.raises(error, match=says):
        Electrolyte.from_mapping({**good, **change})


def test_an_element_that_graphs_do_not_know() -> None:
    with pytest.raises(SmilesError, match="element U; graphs know H, C"):
        Graph().encode(["*C[U]O*"])
    # The network's own number of classes is that of the graphs.
    assert GraphNetwork(Fit()).classes == CLASSES
    assert Graph().encode(["*CO[B-](*)(O)[O][Ca]"]).max() <= CLASSES


def test_a_molar_mass_that_is_missing_is_stated() -> None:
    given = {"polymer": "*CCO*", "temperature": 20.0}
    for missing in (None, math.nan, ""):
        table = table_of([Electrolyte.from_mapping({**given, "molar_mass": missing})])
        assert (10.0 ** table["log10_molar_mass"][0], table["molar_mass_known"][0]) == (pytest.approx(MOLAR_MASS), 0.0)
    assert table_of([Electrolyte.from_mapping({**given, "molar_mass": 5e4})])["molar_mass_known"].tolist() == [1.0]


def test_an_error_in_a_table_names_the_row() -> None:
    with pytest.raises(InputError, match="row 1"):
        electrolytes({"polymer": ["*CCO*", "CC"], "temperature": [20.0, 20.0]}, {})
    with pytest.raises(ElectrolyteError, match="not known: 'colour'"):
        electrolytes(None, {"polymer": "*CCO*", "temperature": 20.0, "colour": 1})


def test_reader_and_its_traps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = ordinary()
    # The same row twice, a repeat with another result, a polyanion, no molar mass, another cut of the same unit.
    rows += [rows[0], [*rows[0][:1], -9.0, *rows[0][2:]], ["[Cu]CC([Au])C(=O)[O-].[Li+]", -8, 1e4, "", "", 50]]
    rows += [["[Cu]COC[Au]", -5, "", LITHIUM, 12.0, 60.0]]
    caplog.set_level("INFO")
    data = Electrolytes(str(write(tmp_path / "a.csv", rows)), n_clusters=3).read()
    assert len(data) == len(rows) - 1
    assert data.source["left_out"] == {"repeated": 1}
    assert data.source["molar_mass_unknown"] == 1
    assert data.source["molality_doubtful"] == 1
    assert "65000" in caplog.text
    # PEO is one polymer, however it is cut, and repeats are replicas of each other.
    assert data.groups[0] == data.groups[-1]
    assert any(set(found) == {0, 40} for found in data.replicas().values())
    last = data.inputs.rows()[-1]
    assert (last["log10_molar_mass"], last["molar_mass_known"]) == (math.log10(MOLAR_MASS), 0.0)
    polyanion = data.inputs.rows()[-2]
    assert (polyanion["salt"], polyanion["molality"]) == ("", 0.0)
    assert data.labels["kind"].tolist().count("polyanion") == 1
    assert len(set(data.labels["cluster"].tolist())) == 3
    few = Electrolytes(str(tmp_path / "a.csv"), n_clusters=0, largest_molality=10.0).read()
    assert few.source["left_out"] == {"repeated": 1, "molality": 1}


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (0, "[Cu]CC(", "row 3.*cannot be read"),
        (0, "CCO", "row 3.*ends"),
        (1, "", "row 3.*conductivity"),
        (1, "inf", "row 3.*finite"),
        (4, -1.0, "row 3.*molality"),
        (5, 500.0, "row 3.*degC"),
        (3, "", "row 3.*contradict"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, column: int, value: object, says: str) -> None:
    rows = ordinary(8)
    rows[3] = [*rows[3][:column], value, *rows[3][column + 1 :]]
    with pytest.raises(DataError, match=says):
        Electrolytes(str(write(tmp_path / "a.csv", rows)), n_clusters=0).read()


def test_a_table_in_other_units_is_refused(tmp_path: Path) -> None:
    def changed(column: int, change: float) -> str:
        rows = [[*row[:column], change + float(row[column]), *row[column + 1 :]] for row in ordinary(8)]  # type: ignore[arg-type]
        return str(write(tmp_path / f"{column}.csv", rows))

    with pytest.raises(DataError, match="kelvin"):
        Electrolytes(changed(5, 273.15), 0).read()
    with pytest.raises(DataError, match="logarithm of plain values"):
        Electrolytes(changed(1, 30.0), 0).read()
    with pytest.raises(DataError, match="looks like a logarithm"):
        Electrolytes(changed(2, -99995.0), 0).read()
    with pytest.raises(DataError, match="lacks the columns"):
        Electrolytes(str(write(tmp_path / "b.csv", [["*CCO*"]], ["polymer"])), 0).read()
    with pytest.raises(DataError, match="at least one row"):
        Electrolytes(str(write(tmp_path / "c.csv", [])), 0).read()
    with pytest.raises(DataError, match="no file"):
        Electrolytes(str(tmp_path / "none.csv")).read()
    with pytest.raises(ConfigError, match="empty"):
        Electrolytes("")


def test_folds_of_chem_prop_pred() -> None:
    polymers = [text for number in range(14) for text in [f"p{number}"] * (20 - number)]
    polymers += ["anion-"] * 30
    fold = dict(zip(polymers, chem_prop_folds(polymers).tolist(), strict=True))
    assert fold["anion-"] == fold["p0"] == ""
    assert [fold[f"p{number}"] for number in (1, 2, 8, 9, 13)] == ["2", "3", "9", "0", "4"]


def test_simulated_electrolytes(tmp_path: Path) -> None:
    header = ["s3_prefix", "mol_smiles", "molarity", "conductivity", "li_diffusivity", "tfsi_diffusivity"]
    header += ["poly_diffusivity", "transference_number"]
    names = ["conc_1.5", "conc_1.5_dummy_1200", "conc_1.5_rerun_failed", "conc_1.5_after_0623"]
    rows: list[list[object]] = [
        [f"trajectories/0623/poly_9_nion_50_{name}/9-0", polymer, 1.4, 1e-5, 1e-8, 2e-8, 3e-8, share]
        for name, polymer, share in zip(names, POLYMERS, (0.3, -0.2, 1.1, 0.9), strict=False)
    ]
    path = str(write(tmp_path / "md.csv", rows, header))
    data = SimulatedElectrolytes(path, n_clusters=2).read()
    assert data.targets == pytest.approx(-5.0)
    assert data.labels["batch"].tolist() == ["base", "dummy_1200", "rerun_failed", "after"]
    assert data.inputs["temperature"] == pytest.approx(79.85)
    shares = SimulatedElectrolytes(path, n_clusters=0, quantity="transference_number").read()
    assert shares.targets.tolist() == [0.3, 0.9]
    assert shares.source["left_out"] == {"impossible": 2, "repeated": 0}
    both = SimulatedElectrolytes(path, n_clusters=0, quantity=["conductivity", "transference_number"]).read()
    assert both.targets[:, 0] == pytest.approx(-5.0)
    assert both.targets[:, 1].tolist() == pytest.approx([0.3, np.nan, np.nan, 0.9], nan_ok=True)
    assert both.axis is not None
    assert both.axis.places == ("log10_conductivity", "transference_number")
    assert both.source["unknown"] == 2
    known, one = both.number("transference_number")
    assert (known.tolist(), one.targets.tolist(), one.unit) == ([0, 3], [0.3, 0.9], "1")
    fold = Given("batch", only=["dummy_1200"]).split(data, 0)[0]
    assert (fold.test.tolist(), fold.train.tolist()) == ([1], [0, 2, 3])
    table, single = SimulatedElectrolytes().parse(None, {"polymer": "*CCO*", "temperature": 80.0})
    assert single
    assert table["batch"].tolist() == ["dummy_1200"]
    for wrong in ("colour", [], ["conductivity", "colour"], ["conductivity", "conductivity"]):
        with pytest.raises(ConfigError, match="quantit"):
            SimulatedElectrolytes(quantity=wrong)
    rows[1][3] = 0.0
    with pytest.raises(DataError, match=r"row 1.*positive"):
        SimulatedElectrolytes(str(write(tmp_path / "bad.csv", rows, header)), 0).read()


def test_features_do_not_depend_on_the_cut() -> None:
    features = ElectrolyteFeatures().fit(made_up(24))
    given = {"salt": LITHIUM, "molality": 1.0, "temperature": 50.0}
    both = table_of([Electrolyte("*CCO*", **given), Electrolyte("*COC*", **given)])  # type: ignore[arg-type]
    x = features.transform(both)
    np.testing.assert_allclose(x[0], x[1])
    assert features.names[0] == LAW
    assert x[0, 0] == pytest.approx(1000 / 323.15)
    # What only one of the polymers has is left out on demand.
    few = ElectrolyteFeatures(least=4).fit(made_up(24))
    assert 1 < few.transform(both).shape[1] < x.shape[1]
    assert few.names[0] == LAW
    with pytest.raises(ConfigError, match="conditions"):
        ElectrolyteFeatures(conditions={"colour": 1.0})


def test_trees_that_may_not_fall() -> None:
    random = np.random.default_rng(0)
    x = np.column_stack([random.uniform(2.5, 3.6, 300), random.random((300, 3))])
    y = (-x[:, 0] + x[:, 1] + 0.5 * random.standard_normal(300))[:, None]
    groups = np.array([f"g{row % 10}" for row in range(300)])
    model = LightGBM(n_trees=30, falling=[0], n_members=2, share=0.8, balance=1.0).fit(x, y, groups)
    line = np.repeat(x[:1], 50, axis=0)
    line[:, 0] = np.linspace(2.5, 3.6, 50)
    assert (np.diff(model.members(line)[:, :, 0], axis=1) <= 1e-12).all()
    assert np.ptp(model.members(line), axis=0).max() > 0
    with pytest.raises(ConfigError, match="columns"):
        LightGBM(falling=[9]).fit(x, y)


def test_support_vectors_find_a_smooth_function() -> None:
    x = np.linspace(0, 6, 80)[:, None]
    y = np.sin(x)
    model = SupportVector(penalty=10.0, margin=0.02, gamma=1.0).fit(x, y)
    between = x[:-1] + np.diff(x, axis=0) / 2
    assert np.abs(model.predict(between) - np.sin(between)).max() < 0.05
    # Many columns: the kernel is computed at once, and nothing else changes.
    wide = SupportVector(penalty=10.0, margin=0.02, gamma=1.0).fit(np.repeat(x, 500, axis=1) / np.sqrt(500), y)
    same = wide.predict(np.repeat(between, 500, axis=1) / np.sqrt(500))
    np.testing.assert_allclose(same, model.predict(between), atol=5e-3)
    with pytest.raises(ConfigError):
        SupportVector(gamma=0.0)


def test_laws_of_temperature() -> None:
    law = Arrhenius(activation=50.0, log10_prefactor=3.0)
    assert str(law) == "E_a = 50.0 +- 0.0 kJ/mol, log10 A = 3.0 +- 0.0"
    assert str(Arrhenius(5.0, 0.0, vogel=300.0)).endswith(", T_0 = 300 +- 0 K")
    rise = law.log10_conductivity([0.0, 100.0])
    assert np.diff(rise)[0] == pytest.approx(50.0 / 8.31446e-3 / math.log(10) * (1 / 273.15 - 1 / 373.15), rel=1e-5)
    with pytest.raises(ElectrolyteError, match="T_0"):
        Arrhenius(5.0, 0.0, vogel=300.0).log10_conductivity(0.0)


def test_pooled_error_counts_records() -> None:
    truth, found = np.zeros(4), np.array([1.0, 1.0, 1.0, 5.0])
    assert PooledAbsolute().statistic(truth, found) == 2.0


def test_parameters_of_a_law_come_back() -> None:
    true = [Arrhenius(40.0 + member, 2.0, vogel=150.0) for member in range(3)]
    inputs = table_of([Electrolyte("*CCO*", LITHIUM, 1.0, 30.0)])

    def curved(table: Table) -> np.ndarray:
        return np.stack([law.log10_conductivity(table["temperature"]) for law in true])

    found = vtf(curved, inputs)[0]
    assert (found.activation, found.log10_prefactor, found.vogel) == pytest.approx((41.0, 2.0, 150.0))
    assert found.activation_spread == pytest.approx(np.std([40.0, 41.0, 42.0]))
    straight = Arrhenius(60.0, 4.0)
    found = arrhenius(lambda table: straight.log10_conductivity(table["temperature"])[None], inputs)[0]
    assert (found.activation, found.log10_prefactor, found.activation_spread) == pytest.approx((60.0, 4.0, 0.0))
    assert vtf(lambda table: straight.log10_conductivity(table["temperature"])[None], inputs)[0].vogel == 0.0
    with pytest.raises(InputError, match="VTF head"):
        vtf(lambda table: np.zeros((1, table.n_rows)), inputs)


def test_a_conductivity_is_read_at_a_glance() -> None:
    peo = Electrolyte("*CCO*", "F[B-](F)(F)F.[Li+]", molality=1.0, temperature=60)
    assert str(Conductivity(-3.0, peo, low=-4.0, high=-2.0)) == "1.0e-03 (1.0e-04 to 1.0e-02) S/cm"
    assert str(Conductivity(-3.0, peo)) == "1.0e-03 S/cm"

"""Contingency tables against a textbook, against closed forms, and against made-up data of a known model."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nanonet.association import ContingencyTable, Simulated, analyse, three_way_table
from nanonet.association.improvement import improved
from nanonet.association.loglinear import all_models, backward, by_aic, fit, terms
from nanonet.association.odds import common, conditional, fitted, marginal, odds_ratio
from nanonet.cli import app
from nanonet.errors import ConfigError, DataError, InputError
from nanonet.paths import ROOT

YN = ("no", "yes")
#: Alcohol, cigarettes and marijuana of 2276 students in Dayton: A. Agresti, Categorical Data
#: Analysis, 3rd ed. (2013), Table 9.3, and its published fits.
STUDENTS = ContingencyTable(
    ("A", "C", "M"), (YN, YN, YN), np.array([[[279, 2], [43, 3]], [[456, 44], [538, 911]]], dtype=np.int64)
)
#: G^2 and degrees of freedom as printed there, to the printed digit.
PUBLISHED = {
    "(A, C, M)": (1286.0, 4),
    "(A, CM)": (534.2, 3),
    "(AM, C)": (939.6, 3),
    "(AC, M)": (843.8, 3),
    "(AC, AM)": (497.4, 2),
    "(AC, CM)": (92.0, 2),
    "(AM, CM)": (187.8, 2),
    "(AC, AM, CM)": (0.4, 1),
    "(ACM)": (0.0, 0),
}
#: Xu and Luo (2024), Table 4; see docs/association.md for the two cells that follow from the rest.
BLENDS = ContingencyTable(
    ("A", "B", "C"), (YN, YN, YN), np.array([[[30, 69], [84, 154]], [[3, 5], [10, 32]]], dtype=np.int64)
)


def test_all_models_have_the_published_fit() -> None:
    fits = [fit(STUDENTS, model) for model in all_models(STUDENTS)]
    assert {own.name: (round(own.deviance, 1), own.df) for own in fits} == PUBLISHED
    named = {own.name: own for own in fits}
    # R's glm on the same data, as in many courses: deviance 0.37399, AIC 63.417 and 1343.1.
    assert named["(AC, AM, CM)"].deviance == pytest.approx(0.37399, abs=5e-6)
    assert named["(AC, AM, CM)"].aic == pytest.approx(63.417, abs=5e-4)
    assert named["(A, C, M)"].aic == pytest.approx(1343.1, abs=0.05)
    assert named["(AC, AM, CM)"].p == pytest.approx(0.5408, abs=5e-5)


def test_odds_ratios_of_the_textbook() -> None:
    model = fit(STUDENTS, terms("AC", "AM", "CM"))
    # exp of the published coefficients 2.05453, 2.98601, 2.84789; and conditional independence as 1.
    assert [own.value for own in fitted(model)] == pytest.approx(np.exp([2.05453, 2.98601, 2.84789]), rel=1e-4)
    assert {own.where for own in fitted(model)} == {"every stratum"}
    assert fitted(fit(STUDENTS, terms("AM", "CM")))[0].value == pytest.approx(1.0)
    assert [own.value for own in marginal(STUDENTS)] == pytest.approx([17.7, 61.9, 25.1], abs=0.05)
    assert [own.value for own in conditional(STUDENTS)] == pytest.approx([7.7, 13.8, 13.5, 24.3, 9.7, 17.5], abs=0.05)


@pytest.mark.parametrize("model", all_models(STUDENTS), ids=lambda model: fit(STUDENTS, model).name)
def test_fitted_margins_are_the_observed_ones(model: frozenset[frozenset[str]]) -> None:
    # The likelihood equations of a log-linear model: no statistics package is needed to know them.
    mu = fit(STUDENTS, model).fitted
    for term in model:
        away = tuple(axis for axis, name in enumerate(STUDENTS.factors) if name not in term)
        np.testing.assert_allclose(mu.sum(axis=away), STUDENTS.counts.sum(axis=away), rtol=1e-6)


def test_independence_in_closed_form() -> None:
    n = BLENDS.counts
    a, b, c = n.sum(axis=(1, 2)), n.sum(axis=(0, 2)), n.sum(axis=(0, 1))
    expected = a[:, None, None] * b[None, :, None] * c / n.sum() ** 2
    found = fit(BLENDS, terms("A", "B", "C"))
    np.testing.assert_allclose(found.fitted, expected)
    assert found.deviance == pytest.approx(2 * (n * np.log(n / expected)).sum())
    assert found.pearson == pytest.approx(((n - expected) ** 2 / expected).sum())


def test_selection_of_the_textbook_and_of_the_paper() -> None:
    assert backward(STUDENTS)[0].name == by_aic(STUDENTS).name == "(AC, AM, CM)"
    # The paper: no reduced model is worse than the saturated one, (C, AB) remains, and one odds
    # ratio alone is significant, 2.87 of A and B where C = 1.
    assert all(own.p > 0.05 for own in analyse(BLENDS).models)
    selected, steps = backward(BLENDS)
    assert selected.name == "(AB, C)"
    assert [step.smaller for step in steps if step.taken] == ["(AB, AC, BC)", "(AB, AC)", "(AB, C)"]
    analysis = analyse(BLENDS)
    telling = [own for own in (*analysis.marginal, *analysis.conditional) if own.significant]
    assert [(own.pair, own.where, round(own.value, 2)) for own in telling] == [(("A", "B"), "C = yes", 2.87)]


def test_number_of_hierarchical_models() -> None:
    four = ContingencyTable(tuple("ABCD"), (YN,) * 4, np.ones((2, 2, 2, 2), dtype=np.int64))
    assert (len(all_models(STUDENTS)), len(all_models(four))) == (9, 114)
    five = ContingencyTable(tuple("ABCDE"), (YN,) * 5, np.arange(1, 33).reshape((2,) * 5))
    with pytest.raises(ConfigError, match="up to 4 factors, got 5"):
        all_models(five)
    assert analyse(five).selected.df > 0


def test_selection_finds_the_model_that_made_the_data(rng: np.random.Generator) -> None:
    # A and B go together, C (three levels) does as it likes.
    found = []
    for _ in range(20):
        p = np.array([[0.3, 0.1], [0.1, 0.5]])[:, :, None] * np.array([0.2, 0.3, 0.5])
        counts = rng.multinomial(2000, p.ravel()).reshape(2, 2, 3)
        found.append(backward(ContingencyTable(("A", "B", "C"), (YN, YN, ("x", "y", "z")), counts))[0].name)
    assert found.count("(AB, C)") >= 14


def test_woolf_interval_and_correction() -> None:
    value, low, high, corrected = odds_ratio([[69, 154], [5, 32]])
    half = 1.959964 * np.sqrt(1 / 69 + 1 / 154 + 1 / 5 + 1 / 32)
    log = np.log(69 * 32 / (154 * 5))
    assert (value, low, high) == pytest.approx(np.exp([log, log - half, log + half]))
    assert not corrected
    value, _, _, corrected = odds_ratio([[10, 0], [4, 6]])
    assert (value, corrected) == (pytest.approx(10.5 * 6.5 / (0.5 * 4.5)), True)
    assert np.isnan(odds_ratio([[0, 0], [4, 6]])[0])
    with pytest.raises(ConfigError, match="between 0 and 1"):
        odds_ratio([[1, 2], [3, 4]], level=95)


def test_mantel_haenszel_by_hand_and_against_statsmodels() -> None:
    from statsmodels.stats.contingency_tables import StratifiedTable

    for own in common(STUDENTS):
        strata = [counts.astype(float) for _, counts in STUDENTS.strata(*own.ratio.pair)]
        above = sum(s[0, 0] * s[1, 1] / s.sum() for s in strata)
        below = sum(s[0, 1] * s[1, 0] / s.sum() for s in strata)
        assert own.ratio.value == pytest.approx(above / below)
        assert own.p_equal == pytest.approx(StratifiedTable(strata).test_equal_odds(adjust=True).pvalue)
    # Three strata without association at all: theta is 1 exactly, where the textbook root fails.
    flat = ContingencyTable(("A", "B", "C"), (YN, YN, ("x", "y", "z")), np.full((2, 2, 3), 7))
    assert [own.ratio.value for own in common(flat)] == pytest.approx([1.0] * 5)
    assert all(own.p_equal == pytest.approx(1.0) for own in common(flat))


def test_an_empty_margin_is_no_degree_of_freedom() -> None:
    # Nobody has A = yes and B = yes: those two cells are fitted exactly and tell nothing.
    counts = np.array([[[20, 30], [25, 15]], [[12, 18], [0, 0]]])
    table = ContingencyTable(("A", "B", "C"), (YN, YN, YN), counts)
    own = fit(table, terms("AB", "C"))
    assert own.fitted[1, 1].tolist() == [0.0, 0.0]
    assert (own.cells, own.df) == (6, 2)
    analysis = analyse(table)
    assert any(ratio.corrected for ratio in analysis.marginal)
    assert any("0.5 was added" in note for note in analysis.notes())
    assert "not defined" in analysis.markdown()


def test_table_counts_records_and_reads_files(tmp_path: Path) -> None:
    rows = [(a, b) for (a, b), n in zip(itertools.product(YN, YN), (3, 1, 2, 5), strict=True) for _ in range(n)]
    table = ContingencyTable.of({"x": [a for a, _ in rows], "y": [b for _, b in rows]})
    assert table.counts.tolist() == [[3, 1], [2, 5]]
    (tmp_path / "records.csv").write_text("x,y\n" + "\n".join(",".join(row) for row in rows), encoding="utf-8")
    (tmp_path / "counts.csv").write_text("x,y,count\nno,no,3\nno,yes,1\nyes,no,2\nyes,yes,5\n", encoding="utf-8")
    for name in ("records.csv", "counts.csv"):
        assert ContingencyTable.read(tmp_path / name).counts.tolist() == table.counts.tolist()
    assert STUDENTS.margin("M", "A").tolist() == [[322, 994], [5, 955]]
    with pytest.raises(InputError, match="the factors are A, C, M"):
        STUDENTS.margin("Z")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x,y,count\n", "at least one row"),
        ("x,x\na,b\n", "names a column twice"),
        ("x,y,count\nno,no,1.5\n", "line 2: a count is a whole number, got '1.5'"),
        ("x,y\nno,\n", "line 2: expected 2 values"),
        ("x,count\nno,3\nyes,4\n", "needs 2 to 6 factors"),
        ("x,y\nno,no\nno,yes\n", "'x' needs at least two levels"),
        ("x,y,count\nno,no,3\nyes,yes,0\n", "no record has x = 'yes'"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        ContingencyTable.read(tmp_path / "t.csv")


def test_bad_tables_and_models_are_refused() -> None:
    with pytest.raises(DataError, match="negative"):
        ContingencyTable(("A", "B"), (YN, YN), np.array([[1, -2], [3, 4]]))
    with pytest.raises(DataError, match="whole numbers"):
        ContingencyTable(("A", "B"), (YN, YN), np.array([[1.0, 2.5], [3, 4]]))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="record 1 has x = 'maybe'"):
        ContingencyTable.of({"x": ["no", "maybe"], "y": ["no", "yes"]}, levels={"x": YN})
    with pytest.raises(InputError, match="must name each of A, C, M"):
        fit(STUDENTS, terms("AC"))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        backward(STUDENTS, level=5)


def test_coding_of_simulations() -> None:
    first, second = Simulated(0.3, 20.0, {"OH-O": 1.95, "NH-O": 2.1}), Simulated(0.4, 24.0, {"OH-O": 1.90})
    rules = {
        # Above both; above one; nearer than both constituents that have the bond.
        (0.41, 22.0, ("OH-O", 1.85)): (True, True, True),
        # Above one only; above none; nearer than one of two only.
        (0.35, 20.0, ("OH-O", 1.92)): (False, False, False),
        # Not above an equal one; a bond that one constituent has, nearer.
        (0.40, 30.0, ("NH-O", 2.05)): (False, True, True),
        # A new bond, near enough and too far.
        (0.50, 10.0, ("OH-N", 2.72)): (True, False, True),
        (0.50, 10.0, ("OH-N", 2.73)): (True, False, False),
    }
    for (tc, rg, (pair, peak)), coded in rules.items():
        assert improved(Simulated(tc, rg, {pair: peak}), first, second) == coded
    blend = Simulated(0.41, 22.0, {"OH-O": 1.85})
    assert improved(blend, first, second, resolution=0.06) == (True, True, False)
    assert improved(Simulated(0.41, 22.0), first, second) == (True, True, False)


def test_three_way_table_counts_them() -> None:
    first, second = Simulated(0.3, 20.0), Simulated(0.4, 24.0)
    made = [
        (Simulated(0.5 if a else 0.1, 30.0 if b else 10.0, {"OH-O": 2.0} if c else {}), first, second)
        for a, b, c, n in [(0, 0, 0, 4), (1, 0, 1, 2), (1, 1, 0, 3), (0, 1, 1, 1)]
        for _ in range(n)
    ]
    table = three_way_table(made)
    assert table.factors == ("TC", "Rg", "Hbond")
    assert table.counts.tolist() == [[[4, 0], [0, 1]], [[0, 2], [3, 0]]]
    with pytest.raises(DataError, match="no blends"):
        three_way_table([])
    with pytest.raises(DataError, match="no record has Hbond = 'yes'"):
        three_way_table([made[0], made[-2]])
    with pytest.raises(InputError, match="result 0 must be"):
        three_way_table([(first, second)])  # type: ignore[list-item]
    for wrong in ({"tc": -0.1}, {"rg": float("nan")}, {"tc": "0.3"}, {"hydrogen_bonds": {"OH-O": 0.0}}):
        with pytest.raises(InputError, match="must be a positive number"):
            Simulated(**({"tc": 0.3, "rg": 20.0} | wrong))  # type: ignore[arg-type]


def test_command_writes_report_and_figure(tmp_path: Path) -> None:
    source = str(ROOT / "docs" / "tables" / "substances.csv")
    shown = CliRunner().invoke(app, ["associate", source])
    assert shown.exit_code == 0
    assert "843.827" in shown.output
    report, figure = tmp_path / "r.md", tmp_path / "f.png"
    done = CliRunner().invoke(app, ["associate", source, "-o", str(report), "--figure", str(figure)])
    assert done.exit_code == 0
    assert "Selected backward by likelihood-ratio tests at 0.05" in report.read_text(encoding="utf-8")
    assert figure.stat().st_size > 10_000
    with pytest.raises(InputError, match=r"ends in \.png, got 'f.txt'"):
        CliRunner().invoke(app, ["associate", source, "--figure", "f.txt"], catch_exceptions=False)

"""The measuring itself: figures, medians, and the table that is written from them."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks.__main__ as runner
from benchmarks import Figure, repeat, summary


@pytest.mark.parametrize(
    ("figure", "asked", "met"),
    [
        (Figure("x", 1.0, "s"), "", None),
        (Figure("x", 1.0, "s", at_most=1.0), "at most 1", True),
        (Figure("x", 1.1, "s", at_most=1.0), "at most 1", False),
        (Figure("x", 0.97, "1", at_least=0.97), "at least 0.97", True),
        (Figure("x", 0.96, "1", at_least=0.97), "at least 0.97", False),
    ],
)
def test_figure_knows_whether_it_is_good_enough(figure: Figure, asked: str, met: bool | None) -> None:
    assert (figure.asked, figure.met) == (asked, met)


def test_median_is_not_moved_by_one_slow_repetition() -> None:
    middle, spread = summary([1.0, 1.0, 1.1, 0.9, 60.0])
    assert middle == 1.0
    assert spread < 0.2


def test_repeat_warms_up_and_counts() -> None:
    calls: list[None] = []
    seconds, _ = repeat(lambda: calls.append(None), times=5, warm_up=2)
    assert len(calls) == 7
    assert seconds >= 0
    with pytest.raises(ValueError, match="at least 3 repetitions, got 2"):
        repeat(lambda: None, times=2)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runner with one invented benchmark that writes into an empty folder."""

    def measure() -> Iterator[Figure]:
        yield Figure("speed", 0.5, "1", spread=0.01, at_least=0.97, note="by hand")

    invented = types.ModuleType("benchmarks.invented", "What it measures.\n\nAnd why.")
    invented.measure = measure
    monkeypatch.setitem(sys.modules, "benchmarks.invented", invented)
    monkeypatch.setattr(runner, "names", lambda: ["invented"])
    monkeypatch.setattr(runner, "HERE", tmp_path / "benchmarks")
    monkeypatch.setattr(runner, "RESULTS", tmp_path / "benchmarks" / "results")
    monkeypatch.setattr(runner, "TABLE", tmp_path / "docs" / "benchmarks.md")
    (tmp_path / "benchmarks").mkdir()
    return tmp_path


def test_table_is_remade_and_a_missed_figure_fails(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([]) == 1
    page = (place / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "| speed | 0.5 ± 0.01 | at least 0.97 | MISSED | by hand |" in page
    assert "And why." in page
    assert "1 figures, 1 missed" in capsys.readouterr().out


def test_unknown_name_lists_those_there_are(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["nope"])
    assert "no benchmark nope; there are invented" in capsys.readouterr().err

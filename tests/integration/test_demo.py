"""The demonstration's way, with an ideal gas and made-up records; `make demo` is the same with the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulations import demo
from tests.made_up import write_records

QUICK = (
    "train.representation=pca",
    "train.regressor=forest",
    "train.figures=false",
    "train.tensorboard=false",
    "train.progress=false",
)


def test_from_records_to_a_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    records = write_records(tmp_path / "records.nc", n=12)
    folder = tmp_path / "demo"
    status = demo.main(
        [
            f"folder={folder}",
            f"records={records}",
            "engine=ideal",
            "protocol=smoke",
            "train.dataset.least=10",
            *QUICK,
        ]
    )
    out = capfd.readouterr()
    assert status == 0, out.err
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(demo.POINTS)
    assert "of 12" in page
    assert page.count("the paper&#x27;s pipeline") + page.count("the paper's pipeline") >= len(demo.POINTS)
    assert "dispersed" in page  # an ideal gas has no structure
    assert "Verdict on the simulation: short" in page
    assert [line[-20:].strip() != "" for line in out.out.splitlines() if line.startswith("[0:")]


def test_too_few_records_are_said_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = write_records(tmp_path / "records.nc", n=12)
    assert demo.main([f"folder={tmp_path / 'demo'}", f"records={records}"]) == 1
    assert "12 compositions that passed, the demonstration trains on at least 24" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_no_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([f"records={tmp_path / 'none.nc'}"]) == 1
    assert "make simulate" in capsys.readouterr().err


def test_settings_without_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["folder="]) == 2
    assert "folder has no value" in capsys.readouterr().err
    assert demo.main([f"folder={tmp_path / 'demo'}", "train.dataset.least=abc"]) == 1
    assert "a number of compositions, got 'abc'" in capsys.readouterr().err


def test_a_typo(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["record=x"]) == 2
    assert "its settings are folder, records, engine, protocol" in capsys.readouterr().err

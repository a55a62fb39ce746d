"""Public files: from the local folder, from the network, and what can go wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from nanonet.data.fetch import BLEND_TC, HTPMD, POLYINFO, POLYMERS, SPE, PublicFile, fetch
from nanonet.errors import DataError

CONTENT = b"a,b\n1,2\n"
FILE = PublicFile("small/file.csv", "owner/name", "0" * 40, "file.csv", hashlib.sha256(CONTENT).hexdigest(), "MIT")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small").mkdir()
    (tmp_path / FILE.path).write_bytes(CONTENT)
    monkeypatch.setenv("NANONET_DATA", str(tmp_path))
    return tmp_path


def test_the_local_folder_is_used_instead(local: Path) -> None:
    assert fetch(FILE) == local / FILE.path


def test_a_file_that_is_not_there(local: Path) -> None:
    (local / FILE.path).unlink()
    with pytest.raises(DataError, match=r"NANONET_DATA names .* no small/file\.csv; put the file of https://"):
        fetch(FILE)


def test_a_file_that_was_altered(local: Path) -> None:
    (local / FILE.path).write_bytes(CONTENT + b"3,4\n")
    with pytest.raises(DataError, match=f"expected {FILE.sha256}"):
        fetch(FILE)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (ConnectionError("no route"), "cannot be downloaded .*ConnectionError: no route.*NANONET_DATA"),
        (ValueError("SHA256 hash of downloaded file does not match"), "not the file that is expected.*NANONET_DATA"),
    ],
)
def test_a_download_that_fails(failure: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    def retrieve(**_: Any) -> str:
        raise failure

    monkeypatch.delenv("NANONET_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(DataError, match=said):
        fetch(FILE)


def test_a_download_is_asked_for_with_its_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pooch

    asked: dict[str, Any] = {}

    def retrieve(**given: Any) -> str:
        asked.update(given)
        return str(tmp_path / "file.csv")

    monkeypatch.setenv("NANONET_DATA", " ")
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert fetch(FILE) == tmp_path / "file.csv"
    assert asked["known_hash"] == f"sha256:{FILE.sha256}"
    assert asked["url"].endswith(f"owner/name/{'0' * 40}/file.csv")


def test_every_public_file_is_pinned() -> None:
    for file in (BLEND_TC, SPE, HTPMD, POLYINFO, POLYMERS):
        assert len(file.commit) == 40
        assert len(file.sha256) == 64
        assert file.url.startswith("https://")
        assert file.licence

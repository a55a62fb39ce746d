"""Columns of a CSV file, with errors that say where."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nanonet.errors import DataError, InputError


def read_columns(file: Path) -> dict[str, list[Any]]:
    """Columns by name; numbers where they can be read as such, ``None`` for an empty cell, else text.

    Raises:
        InputError: no such file, no rows, a column named twice, or a row of another length.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            rows = [row for row in csv.reader(opened) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as CSV ({error})") from error
    if len(rows) < 2:
        raise InputError(f"{file} must have a line of column names and at least one row")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) != len(names):
        raise InputError(f"{file} names a column twice: {', '.join(names)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise InputError(f"{file}, line {number}: expected {len(names)} values, got {len(row)}")
    return {name: [_value(row[index]) for row in rows[1:]] for index, name in enumerate(names)}


def _value(text: str) -> float | str | None:
    text = text.strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def require(columns: Mapping[str, Any], names: Iterable[str], file: Path) -> None:
    """All of ``names`` are there.

    Raises:
        DataError: which are missing, and which there are.
    """
    missing = [name for name in names if name not in columns]
    if missing:
        raise DataError(
            f"{file} lacks the columns {', '.join(missing)}; it has {', '.join(columns)}. "
            "Rename them back, or take the published file"
        )

"""Results of single repeats, each in a file of its own, so that what was interrupted goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nanonet.errors import DataError
from nanonet.training.record import write_json


def kept(file: Path, make: Callable[[], dict[str, Any]], key: str, length: int, noun: str) -> dict[str, Any]:
    """The result in the file, or a new one that is written there.

    Args:
        file: of the repeat.
        make: makes the result: plain values.
        key: of the list in it whose length is known.
        length: of that list.
        noun: what it lists, for error messages.

    Raises:
        DataError: the file holds something else.
    """
    if file.is_file():
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            found = len(content[key])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} does not hold a result ({error}); delete it to make it again") from error
        if found != length:
            raise DataError(f"{file} has {found} {noun}, expected {length}; delete it to make it again")
        return dict(content)
    content = make()
    write_json(file, content)
    return content

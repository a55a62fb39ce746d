"""A folder of jobs: one file per candidate, to be filled in by a simulation or an experiment."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, TypeGuard

from nanonet.errors import ConfigError, DataError
from nanonet.training.active.candidates import Candidates
from nanonet.training.active.oracle import Answer, Answers
from nanonet.training.record import write_json

#: Keys of a job's file; the last three are to be filled in.
KEYS = ("job", "inputs", "please", "target", "error", "failed")


class Jobs:
    """One JSON file per candidate in a folder; whoever can answer fills in ``target`` and saves it.

    A new job is ``{"job": name, "inputs": {...}, "please": "...", "target": null, "error": null,
    "failed": null}``. It is pending until ``target`` is a number (with ``error``, its standard error,
    where known) or ``failed`` says why there is none. A file that exists is never written again. Its
    inputs must stay as they were. A file that is half written or says something else is refused by
    name; write to another name and rename, and it is never read half.

    Args:
        folder: of the files; made if it is not there.
        target: what is asked for, with its unit, as the text in ``please`` calls it.
        low, high: the range that an answer has to lie in; open where ``None``.

    Raises:
        ConfigError: an empty folder, or a range that does not rise.
    """

    def __init__(
        self, folder: str | Path, target: str = "the target", low: float | None = None, high: float | None = None
    ) -> None:
        if not str(folder).strip():
            raise ConfigError("a folder of jobs needs a name; give oracle.folder=FOLDER")
        if low is not None and high is not None and not low < high:
            raise ConfigError(f"the range of answers must rise, got {low!r} to {high!r}")
        self.folder, self.target, self.low, self.high = Path(folder).expanduser(), str(target), low, high

    def label(self, candidates: Candidates) -> Answers:
        """Write the jobs that are not there, and read those that are filled in."""
        answers: Answers = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, inputs in zip(candidates.names, candidates.inputs.rows(), strict=True):
            file = self.folder / f"{safe(name)}.json"
            plain = {key: _plain(value) for key, value in inputs.items()}
            if not file.exists():
                please = f"fill in target: {self.target}, a number{self._range()}; error: its standard error, or null; "
                please += "or failed: why there is none"
                empty = dict.fromkeys(("target", "error", "failed"))
                write_json(file, {"job": name, "inputs": plain, "please": please, **empty})
                continue
            answer = self._read(file, name, plain)
            if answer is not None:
                answers[name] = answer
        return answers

    def _range(self) -> str:
        if self.low is None and self.high is None:
            return ""
        low = "" if self.low is None else f" from {self.low:g}"
        return low + ("" if self.high is None else f" up to {self.high:g}")

    def _read(self, file: Path, name: str, inputs: dict[str, Any]) -> Answer | None:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{file} is no JSON that can be read ({error}); if it is being written, wait and start again, "
                "else correct it, or delete it to get an empty job"
            ) from error
        if not isinstance(content, dict):
            raise DataError(f"{file} holds {content!r:.60}, expected the job with the keys {', '.join(KEYS)}")
        unknown = sorted(set(content) - set(KEYS))
        missing = sorted(set(KEYS[:2]) - set(content))
        if unknown or missing:
            raise DataError(
                f"{file} must have the keys {', '.join(KEYS)}"
                + (f"; not known: {', '.join(unknown)}" if unknown else "")
                + (f"; missing: {', '.join(missing)}" if missing else "")
            )
        if content["job"] != name or content["inputs"] != inputs:
            raise DataError(
                f"{file} is of the job {content['job']!r} with {content['inputs']!r:.120}; expected {name!r} "
                f"with {inputs!r:.120}. Inputs of a job must not be changed; delete the file to ask again"
            )
        target, failed = content.get("target"), content.get("failed")
        if target is None and not failed:
            return None
        if failed:
            if target is not None or not isinstance(failed, str):
                raise DataError(
                    f"{file}: failed must be a text, and target null beside it; got {failed!r} and {target!r}"
                )
            return Answer(None, failed=failed)
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not _is_number(target) or not low <= target <= high:
            raise DataError(f"{file}: target is {target!r}, expected {self.target} as a finite number{self._range()}")
        spread = content.get("error")
        if spread is not None and (not _is_number(spread) or spread < 0):
            raise DataError(f"{file}: error is {spread!r}, expected a standard error, a number of at least 0, or null")
        return Answer(float(target), None if spread is None else float(spread))


def safe(name: str) -> str:
    """A name that may be one of a file.

    Raises:
        ConfigError: it may not.
    """
    if not re.fullmatch(r"[\w#.+-]{1,120}", name) or name.startswith("."):
        raise ConfigError(
            f"a candidate that becomes a file needs a name of letters, digits and # . + - only, got {name!r}"
        )
    return name


def _is_number(value: Any) -> TypeGuard[float]:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)


def _plain(value: Any) -> Any:
    """Inputs as JSON knows them; a missing number becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

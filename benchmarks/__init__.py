"""What is measured, and how: one module per question, beside the tests and never among them.

A module says in its docstring what it measures and why, and has ``measure()``, which yields
:class:`Figure` objects. ``python -m benchmarks [name ...]`` runs all or some of them, keeps the
figures of each in ``benchmarks/results/<name>.json`` with the machine they were measured on, and
writes the table in ``docs/benchmarks.md`` anew from what is there.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Figure", "repeat", "summary"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Args:
        what: what was measured, in a few words.
        value: the median of the repetitions, or the one value there is.
        unit: of ``value``; "1" for a ratio.
        spread: half the range between the quartiles, in the same unit; ``None`` for a single value.
        at_least: the value that the project asks for, or ``None``.
        at_most: the same, from above.
        note: what a reader has to know to believe it.
    """

    what: str
    value: float
    unit: str
    spread: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def asked(self) -> str:
        """What is asked of it, as text; empty where nothing is."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    @property
    def met(self) -> bool | None:
        """Whether that is met; ``None`` where nothing is asked."""
        if self.at_least is None and self.at_most is None:
            return None
        above = self.at_least is None or self.value >= self.at_least
        below = self.at_most is None or self.value <= self.at_most
        return above and below


def repeat(action: Callable[[], object], *, times: int = 7, warm_up: int = 1) -> tuple[float, float]:
    """Median wall time of ``action`` and half the range between its quartiles, both in seconds."""
    if times < 3:
        raise ValueError(f"a median needs at least 3 repetitions, got {times}")
    for _ in range(warm_up):
        action()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return summary(seconds)


def summary(values: Sequence[float]) -> tuple[float, float]:
    """Median and half the range between the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, 0.5 * (high - low)

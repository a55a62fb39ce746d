"""Runs of one composition from opposite starts: what is in equilibrium does not know how it began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simulations.analysis.checks import HALVES_MAX, blocks_in, runs_chi2
from simulations.analysis.correlation import LEAST_BLOCKS


class Opposites:
    """Runs that others are compared with, found by composition, preset, box and start.

    Those that failed are no sample of equilibrium and say nothing of another run, and those of fewer than four blocks
    have no error to be compared by; neither is kept.

    Args:
        rows: records, with the variables of the store's schema.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._runs: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["verdict"] != "failed" and row["n_blocks"] >= LEAST_BLOCKS:
                self._runs.setdefault(comparable(row), []).append(row)

    def of(self, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Runs from the opposite start of what ``row`` is a run of, in the order in which they were given."""
        return self._runs.get(comparable(row, opposite(row["start"])), [])

    def worst(self, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """That of :meth:`of` from which ``row`` differs most; ``None`` if there is none."""
        return max(self.of(row), key=lambda other: _between(row, other), default=None)

    def chi2(self, row: Mapping[str, Any]) -> float:
        """The reduced chi^2 between ``row`` and the :meth:`worst`; 0 if there is none."""
        other = self.worst(row)
        return 0.0 if other is None else _between(row, other)

    def agree(self, row: Mapping[str, Any]) -> bool:
        """Whether none of them differs from ``row`` by more than the verdict allows."""
        return self.chi2(row) < HALVES_MAX


def _between(row: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return runs_chi2(blocks_in(row), blocks_in(other))


def comparable(record: Mapping[str, Any], start: str | None = None) -> tuple[str, ...]:
    """What runs have in common that are compared: composition, preset and box, and their ``start`` (its own)."""
    factor = float(record.get("volume_factor", 1.0))
    return record["group"], record["preset"], str(factor), record["start"] if start is None else start


def opposite(start: str) -> str:
    """The other way for nanoparticles to begin."""
    return "aggregated" if start == "dispersed" else "dispersed"

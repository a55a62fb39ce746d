"""Simulated compositions on a phase map, and which of them are near its slice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from nanonet.data.nanocomposite import Nanocomposite
from nanonet.domain import Composition
from nanonet.domain.rdf import Phase, classify_phases
from nanonet.errors import DataError, MissingDependencyError

#: A simulated composition is near the slice if D [sigma] and N differ by no more than this, and phi by no more
#: than this factor.
NEAR_D, NEAR_N, NEAR_PHI = 0.5, 5, 1.5


@dataclass(frozen=True)
class Simulated:
    """A simulated composition.

    Args:
        composition: with the measured density.
        phase: of the simulated RDF, the mean of its replicas.
        near: whether its D, N and phi are near those of the slice.
    """

    composition: Composition
    phase: Phase
    near: bool


def is_near(one: Composition, other: Composition) -> bool:
    """Whether D, N and phi of two compositions are near, see :data:`NEAR_D`; in both directions the same."""
    slack = 1.0 + 1e-9
    ratio = max(one.phi, other.phi) / min(one.phi, other.phi)
    return abs(one.D - other.D) <= NEAR_D * slack and abs(one.N - other.N) <= NEAR_N and ratio <= NEAR_PHI * slack


def simulated(records: str | Path | None, slice_: Composition) -> tuple[tuple[Simulated, ...], str]:
    """Compositions with records that passed, each with its phase; and a sentence if they cannot be had.

    Args:
        records: a data set in the store's schema; the shipped one if not given, which may be missing.
        slice_: a composition of the map.

    Raises:
        DataError: the named file is not there, not in the schema, or has no record that passed.
        MissingDependencyError: a file was named, and the package that reads it is not installed.
    """
    try:
        dataset = Nanocomposite(path=None if records is None else str(records)).read()
    except (DataError, MissingDependencyError) as error:
        if records is not None:
            raise
        return (), f"The simulated compositions are not shown: {error}."
    r = np.array([]) if dataset.axis is None else dataset.axis.array()
    rows = list(dataset.inputs.rows())
    made = []
    for group in dict.fromkeys(dataset.groups.tolist()):
        replicas = np.flatnonzero(dataset.groups == group)
        composition = Composition(**rows[replicas[0]])
        phase = cast("Phase", classify_phases(r, dataset.targets[replicas].mean(axis=0), composition.D).item())
        made.append(Simulated(composition, phase, is_near(composition, slice_)))
    return tuple(made), ""

"""Simulations of blends and of their constituents, coded as improved or not.

The rules are those of Xu and Luo, npj Comput. Mater. 10 (2024), doi 10.1038/s41524-024-01261-2:

========  ==================================================================================
``TC``    the blend's thermal conductivity is above that of *both* constituents
``Rg``    its radius of gyration is above that of *at least one* of them
``Hbond`` the first peak of the RDF of some donor-acceptor pair lies at a smaller distance than
          the same pair's peak in the constituents, or there is a peak within 2.72 angstrom where
          no constituent has one
========  ==================================================================================

The second rule asks less than the first: a blend whose Rg lies between those of its constituents
counts as improved.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nanonet.association.table import ContingencyTable
from nanonet.errors import ConfigError, DataError, InputError

#: Names of the three factors, and of their levels.
FACTORS = ("TC", "Rg", "Hbond")
NO, YES = "no", "yes"
#: A first peak up to here [angstrom] is a hydrogen bond (S. Zahn et al., J. Phys. Chem. A 114, 2010).
BOND = 2.72


@dataclass(frozen=True)
class Simulated:
    """What the simulation of one material gave.

    Args:
        tc: thermal conductivity [W/m/K], positive.
        rg: radius of gyration [angstrom], positive, the mean over chains and time.
        hydrogen_bonds: donor-acceptor pair to the distance of the RDF's first peak [angstrom],
            positive; a pair without a peak is left out. The pairs must have the same names in all
            materials.

    Raises:
        InputError: not positive numbers.
    """

    tc: float
    rg: float
    hydrogen_bonds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = {"tc": self.tc, "rg": self.rg, **{f"peak of {k}": v for k, v in self.hydrogen_bonds.items()}}
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
                raise InputError(f"{name} of a simulation must be a positive number, got {value!r}")


def improved(
    blend: Simulated, first: Simulated, second: Simulated, *, bond: float = BOND, resolution: float = 0.0
) -> tuple[bool, bool, bool]:
    """Whether TC, Rg and hydrogen bonds of a blend are improved, by the rules above.

    Where both constituents have a pair's peak, the blend's has to be nearer than both.

    Args:
        blend: the mixture.
        first: one constituent.
        second: the other.
        bond: largest distance of a newly formed bond [angstrom].
        resolution: a peak counts as nearer only if it is so by more than this [angstrom]; the
            width of the RDF's bins, below which a difference is none.

    Raises:
        ConfigError: ``bond`` is not positive, or ``resolution`` negative.
    """
    if not bond > 0 or not resolution >= 0:
        raise ConfigError(f"bond must be positive and resolution not negative, got {bond!r} and {resolution!r}")
    nearer = False
    for pair, peak in blend.hydrogen_bonds.items():
        known = [own.hydrogen_bonds[pair] for own in (first, second) if pair in own.hydrogen_bonds]
        nearer |= peak < min(known) - resolution if known else peak <= bond
    return blend.tc > max(first.tc, second.tc), blend.rg > min(first.rg, second.rg), nearer


def three_way_table(
    results: Iterable[tuple[Simulated, Simulated, Simulated]], *, bond: float = BOND, resolution: float = 0.0
) -> ContingencyTable:
    """How many blends are improved in TC, Rg and hydrogen bonds, each yes or no.

    Args:
        results: for each blend its simulation and those of its two constituents.
        bond: see :func:`improved`.
        resolution: the same.

    Raises:
        InputError: an entry is no blend with two constituents.
        DataError: no blends, or all of them agree in a factor, about which nothing can be said then.
    """
    columns: dict[str, list[str]] = {name: [] for name in FACTORS}
    for number, entry in enumerate(results):
        if not isinstance(entry, tuple) or len(entry) != 3 or not all(isinstance(own, Simulated) for own in entry):
            raise InputError(f"result {number} must be (blend, constituent, constituent), got {entry!r:.120}")
        coded = improved(*entry, bond=bond, resolution=resolution)
        for name, value in zip(FACTORS, coded, strict=True):
            columns[name].append(YES if value else NO)
    if not columns[FACTORS[0]]:
        raise DataError("there are no blends to make a table from")
    return ContingencyTable.of(columns, levels=dict.fromkeys(FACTORS, (NO, YES)))

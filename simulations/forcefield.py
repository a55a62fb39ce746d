"""The interactions of the model as plain tables, the same for every engine.

Source: Kremer and Grest, J. Chem. Phys. 92, 5057 (1990) for the chains; the nanoparticle terms
from the nanoNET model (Ayush, Seth, Patra). Lennard-Jones units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.domain import Composition
from nanonet.errors import InputError
from nanonet.units import LJ_MINIMUM, MONOMER_DIAMETER

#: Bead types in the order of their numbers: monomer, nanoparticle.
TYPES = ("P", "N")
PAIRS = (("P", "P"), ("P", "N"), ("N", "N"))


@dataclass(frozen=True, slots=True)
class PairTerm:
    """Lennard-Jones potential, truncated and shifted to zero at the cut-off.

    u(r) = 4 epsilon [(sigma/r)^12 - (sigma/r)^6] - u_LJ(r_cut) for r < r_cut, else 0.

    Args:
        epsilon: depth [epsilon], not negative.
        sigma: diameter [sigma], positive.
        r_cut: cut-off distance [sigma], positive.

    Raises:
        InputError: a value is not finite or out of range.
    """

    epsilon: float
    sigma: float
    r_cut: float

    def __post_init__(self) -> None:
        for name, least in (("epsilon", 0.0), ("sigma", 1e-6), ("r_cut", 1e-6)):
            value = getattr(self, name)
            if not math.isfinite(value) or value < least:
                raise InputError(f"pair {name} must be finite and at least {least:g}, got {value!r}")

    def energy(self, r: FloatArray) -> FloatArray:
        """u(r) [epsilon]."""
        r = np.asarray(r, dtype=float)

        def unshifted(distance: FloatArray) -> FloatArray:
            ratio = (self.sigma / distance) ** 6
            return 4.0 * self.epsilon * (ratio * ratio - ratio)

        return np.where(r < self.r_cut, unshifted(r) - unshifted(np.asarray(self.r_cut)), 0.0)

    def virial(self, r: FloatArray) -> FloatArray:
        """-r du/dr [epsilon]."""
        r = np.asarray(r, dtype=float)
        ratio = (self.sigma / r) ** 6
        return np.where(r < self.r_cut, 24.0 * self.epsilon * (2.0 * ratio * ratio - ratio), 0.0)


@dataclass(frozen=True, slots=True)
class BondTerm:
    """FENE bond with the purely repulsive core of Kremer and Grest.

    u(r) = -(k r0^2 / 2) ln[1 - (r/r0)^2] + 4 epsilon [(sigma/r)^12 - (sigma/r)^6 + 1/4], the second
    term for r < 2^(1/6) sigma only. Bonded beads have no other pair interaction.

    Args:
        k: stiffness [epsilon / sigma^2].
        r0: largest extension [sigma].
        epsilon: strength of the core [epsilon].
        sigma: diameter of the core [sigma].
    """

    k: float = 30.0
    r0: float = 1.5
    epsilon: float = 1.0
    sigma: float = MONOMER_DIAMETER

    @property
    def core_cut(self) -> float:
        """Range of the repulsive core, 2^(1/6) sigma."""
        return LJ_MINIMUM * self.sigma

    def energy(self, r: FloatArray) -> FloatArray:
        """u(r) [epsilon]; infinite at r0 and beyond."""
        r = np.asarray(r, dtype=float)
        stretch = np.where(r < self.r0, 1.0 - (r / self.r0) ** 2, 0.0)
        with np.errstate(divide="ignore"):
            spring = -0.5 * self.k * self.r0**2 * np.log(stretch)
        ratio = (self.sigma / r) ** 6
        core = np.where(r < self.core_cut, 4.0 * self.epsilon * (ratio * ratio - ratio + 0.25), 0.0)
        return spring + core

    def virial(self, r: FloatArray) -> FloatArray:
        """-r du/dr [epsilon]."""
        r = np.asarray(r, dtype=float)
        ratio = (self.sigma / r) ** 6
        core = np.where(r < self.core_cut, 24.0 * self.epsilon * (2.0 * ratio * ratio - ratio), 0.0)
        return core - self.k * r**2 / (1.0 - (r / self.r0) ** 2)


@dataclass(frozen=True)
class ForceField:
    """Pair and bond tables, and the mass of each bead type.

    Args:
        pairs: a term for each of (P, P), (P, N) and (N, N).
        bond: the term of every bond.
        mass: mass of each type [m].
    """

    pairs: Mapping[tuple[str, str], PairTerm]
    bond: BondTerm
    mass: Mapping[str, float]

    def __post_init__(self) -> None:
        if set(self.pairs) != set(PAIRS):
            raise InputError(f"a force field needs a term for each of {PAIRS}, got {sorted(self.pairs)}")
        object.__setattr__(self, "pairs", MappingProxyType(dict(self.pairs)))
        object.__setattr__(self, "mass", MappingProxyType(dict(self.mass)))

    @property
    def largest_cut(self) -> float:
        """The largest pair cut-off [sigma]; a periodic box has to be wider than twice that."""
        return max(term.r_cut for term in self.pairs.values())

    def to_dict(self) -> dict:
        """Plain numbers, for a child process or a hash."""
        return {
            "pairs": [[*key, term.epsilon, term.sigma, term.r_cut] for key, term in self.pairs.items()],
            "bond": [self.bond.k, self.bond.r0, self.bond.epsilon, self.bond.sigma],
            "mass": dict(self.mass),
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> ForceField:
        """The inverse of :meth:`to_dict`."""
        return cls(
            pairs={(a, b): PairTerm(*numbers) for a, b, *numbers in values["pairs"]},
            bond=BondTerm(*values["bond"]),
            mass=values["mass"],
        )


def nanocomposite(composition: Composition, *, cut: float = 2.5) -> ForceField:
    """The force field of a composition.

    Cut-offs are ``cut`` times each pair's diameter: d, (D + d)/2 and D. The source gives no NP
    mass; we take D^3, the mass of a particle as dense as a monomer.
    """
    diameter, mixed = composition.D, 0.5 * (composition.D + MONOMER_DIAMETER)
    return ForceField(
        pairs={
            ("P", "P"): PairTerm(1.0, MONOMER_DIAMETER, cut * MONOMER_DIAMETER),
            ("P", "N"): PairTerm(composition.eps_p_np, mixed, cut * mixed),
            ("N", "N"): PairTerm(composition.eps_np_np, diameter, cut * diameter),
        },
        bond=BondTerm(),
        mass={"P": 1.0, "N": diameter**3},
    )


def kremer_grest_melt() -> ForceField:
    """The athermal reference melt: purely repulsive monomers, cut at 2^(1/6) sigma."""
    repulsive = PairTerm(1.0, MONOMER_DIAMETER, LJ_MINIMUM * MONOMER_DIAMETER)
    return ForceField(
        pairs=dict.fromkeys(PAIRS, repulsive),
        bond=BondTerm(),
        mass={"P": 1.0, "N": 1.0},
    )

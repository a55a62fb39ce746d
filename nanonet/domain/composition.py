"""The five numbers that define a polymer nanocomposite."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.errors import CompositionError

#: Largest volume fraction: random close packing of equal spheres.
PHI_MAX = 0.64
#: Physical limits of each number: (smallest, largest), both allowed. Far wider than the
#: region that a model was trained on; that region is the model's own affair.
LIMITS: dict[str, tuple[float, float]] = {
    "D": (1.0, 20.0),
    "N": (2, 10_000),
    # Up to close packing of the smallest NPs; for all others phi is the stricter limit.
    "rho": (1e-9, 6.0 * PHI_MAX / math.pi),
    "eps_np_np": (0.0, 20.0),
    "eps_p_np": (0.0, 20.0),
}


@dataclass(frozen=True, slots=True)
class Composition:
    """Composition of a polymer nanocomposite, in Lennard-Jones units.

    Args:
        D: diameter of a nanoparticle (NP) [sigma], 1 to 20.
        N: number of monomers in a chain, a whole number from 2 to 10,000.
        rho: number density of NPs = number of NPs / mean equilibrium volume [sigma^-3].
            The volume fraction phi = (pi/6) rho D^3 may be at most 0.64.
        eps_np_np: depth of the NP-NP Lennard-Jones potential [epsilon], 0 to 20.
        eps_p_np: depth of the polymer-NP Lennard-Jones potential [epsilon], 0 to 20.

    Raises:
        CompositionError: a number is missing, not finite or outside these limits.

    Source: the model of Ayush, Seth and Patra (nanoNET), who vary D 2-5, N 25-40,
    eps_np_np 0.1-2.5 and eps_p_np 0.1-1.5.

    >>> Composition(D=3, N=40, rho=0.0042, eps_np_np=0.5, eps_p_np=1.0).phi.__round__(4)
    0.0594
    """

    D: float
    N: int
    rho: float
    eps_np_np: float
    eps_p_np: float

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
                raise CompositionError(
                    f"{name} must be a number from {low:g} to {high:g}, got {value!r} of type {type(value).__name__}"
                )
            number = _as_float(value)
            if not math.isfinite(number) or not low <= number <= high:
                raise CompositionError(
                    f"{name} must be finite and from {low:g} to {high:g}, got {number!r}; "
                    "lengths are in monomer diameters, energies in epsilon"
                )
            if name == "N":
                if number != int(number):
                    raise CompositionError(
                        f"N is the number of monomers in a chain, a whole number, got {number!r}; use {round(number)}"
                    )
                object.__setattr__(self, name, int(number))
            else:
                object.__setattr__(self, name, number)
        if self.phi > PHI_MAX * (1 + 1e-9):  # phi goes through rho and back, with rounding
            largest = 6 * PHI_MAX / (math.pi * self.D**3)
            step = 10.0 ** (math.floor(math.log10(largest)) - 2)
            raise CompositionError(
                f"rho = {self.rho:g} at D = {self.D:g} is a volume fraction phi = {self.phi:.3g}, "
                f"above {PHI_MAX} (random close packing); "
                f"lower rho to at most {math.floor(largest / step) * step:.3g}"
            )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The five names in their order."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_phi(cls, *, D: float, N: int, phi: float, eps_np_np: float, eps_p_np: float) -> Composition:
        """From the NP volume fraction: rho = 6 phi / (pi D^3).

        Raises:
            CompositionError: phi is not in (0, 0.64], or another number is out of range.
        """
        if isinstance(phi, bool) or not isinstance(phi, numbers.Real) or not 0 < _as_float(phi) <= PHI_MAX:
            raise CompositionError(f"phi must be a volume fraction above 0 and at most {PHI_MAX}, got {phi!r}")
        low, high = LIMITS["D"]
        if isinstance(D, bool) or not isinstance(D, numbers.Real) or not low <= _as_float(D) <= high:
            raise CompositionError(f"D must be a number from {low:g} to {high:g}, got {D!r}")
        rho = 6.0 * float(phi) / (math.pi * float(D) ** 3)
        return cls(D=D, N=N, rho=rho, eps_np_np=eps_np_np, eps_p_np=eps_p_np)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Composition:
        """From a mapping with the five names, or with ``phi`` in place of ``rho``.

        Raises:
            CompositionError: not a mapping, a name is missing or unknown, or both rho and phi are given.
        """
        if not hasattr(values, "items"):
            raise CompositionError(
                f"a composition by name needs a mapping such as a dict, got {values!r:.80} of type "
                f"{type(values).__name__}; give the numbers {', '.join(cls.names())} with their names"
            )
        given = {str(key): value for key, value in values.items()}
        expected = set(cls.names())
        if {"rho", "phi"} <= set(given):
            raise CompositionError(
                f"rho = {given['rho']!r} and phi = {given['phi']!r} say the same, as phi = (pi/6) rho D^3; "
                "give one of them"
            )
        if "phi" in given:
            expected = (expected - {"rho"}) | {"phi"}
        missing, unknown = sorted(expected - set(given)), sorted(set(given) - expected)
        if missing or unknown:
            raise CompositionError(
                "a composition has the numbers "
                + ", ".join(cls.names())
                + " (phi may stand for rho)"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; not known: {', '.join(unknown)}" if unknown else "")
            )
        return cls.from_phi(**given) if "phi" in given else cls(**given)

    @property
    def phi(self) -> float:
        """NP volume fraction phi = (pi/6) rho D^3."""
        return math.pi / 6.0 * self.rho * self.D**3

    def to_dict(self) -> dict[str, float]:
        """The five numbers by name."""
        return asdict(self)

    def to_array(self) -> NDArray[np.float64]:
        """The five numbers in the order of :meth:`names`, shape (5,)."""
        return np.array([getattr(self, name) for name in self.names()], dtype=np.float64)

    def title(self, lines: int = 1) -> str:
        """The composition with symbols (mathtext), for figures, in one line or two."""
        sizes = rf"$D$ = {self.D:.3g} $\sigma$, $N$ = {self.N}, $\phi$ = {self.phi:.2g}"
        attractions = (
            rf"$\epsilon_\mathrm{{NP\!-\!NP}}$ = {self.eps_np_np:.3g}, "
            rf"$\epsilon_\mathrm{{P\!-\!NP}}$ = {self.eps_p_np:.3g}"
        )
        return (", " if lines == 1 else "\n").join((sizes, attractions))

    def label(self) -> str:
        """One line for titles and tables."""
        return (
            f"D={self.D:g} N={self.N} rho={self.rho:.3g} (phi={self.phi:.3g}) "
            f"eps_NP-NP={self.eps_np_np:.3g} eps_P-NP={self.eps_p_np:.3g}"
        )


def _as_float(value: Any) -> float:
    """The number, infinite where a whole number is too large for a float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf

"""A blend of two polymers, and what a model says of its thermal conductivity."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanonet.chemistry.smiles import canonical
from nanonet.domain.forms import Form, records
from nanonet.errors import BlendError, SmilesError

#: What a mapping may call each number; the first is ours, further ones are those of the public file.
NAMES: dict[str, tuple[str, ...]] = {
    "polymer1": ("polymer1", "smiles1", "SMILES1"),
    "polymer2": ("polymer2", "smiles2", "SMILES2"),
    "fraction": ("fraction",),
    "tc1": ("tc1", "Comp1_TC"),
    "tc2": ("tc2", "Comp2_TC"),
}
#: Largest TC of a polymer that is taken for one [W/m/K]; diamond has 2,000.
TC_MAX = 2000.0


@dataclass(frozen=True, slots=True)
class Blend:
    """A binary polymer blend; a single polymer is one with itself.

    Args:
        polymer1, polymer2: repeat units as SMILES with two ends ``*`` (pairs of ``[Cu]``, ``[Au]``
            or of ``[Mg]`` are understood); kept in canonical form.
        fraction: share of polymer 1, 0 to 1. In the data it is a share of the chains, which have
            about 600 atoms each, and so nearly one of the atoms.
        tc1, tc2: thermal conductivity of each polymer alone [W/m/K], if it is known.

    Raises:
        BlendError: a fraction outside 0 to 1, a conductivity that is none, or one polymer with two
            conductivities.
        SmilesError: not a repeat unit.

    >>> Blend("*CCO*", "[Cu]CC[Au]", 0.5).polymer2
    '*CC*'
    """

    polymer1: str
    polymer2: str
    fraction: float = 0.5
    tc1: float | None = None
    tc2: float | None = None

    def __post_init__(self) -> None:
        for name in ("polymer1", "polymer2"):
            try:
                object.__setattr__(self, name, canonical(getattr(self, name)))
            except SmilesError as error:
                raise SmilesError(f"{name}: {error}") from error
        fraction = _number("fraction", self.fraction, "the share of polymer 1, a number from 0 to 1")
        if not 0.0 <= fraction <= 1.0:
            raise BlendError(
                f"fraction must be the share of polymer 1, from 0 to 1, got {fraction!r}; "
                "a ratio r of polymer 1 to polymer 2 is the fraction r / (1 + r)"
            )
        object.__setattr__(self, "fraction", fraction)
        for name in ("tc1", "tc2"):
            value = getattr(self, name)
            # Tables know no None; there a missing number is NaN.
            if value is None or (isinstance(value, numbers.Real) and math.isnan(float(value))):
                object.__setattr__(self, name, None)
                continue
            number = _number(name, value, "a thermal conductivity in W/m/K")
            if not 0.0 < number <= TC_MAX:
                raise BlendError(
                    f"{name} must be a thermal conductivity above 0 and at most {TC_MAX:g} W/m/K, got {number!r}"
                )
            object.__setattr__(self, name, number)
        if self.is_single and None not in (self.tc1, self.tc2) and self.tc1 != self.tc2:
            raise BlendError(
                f"both constituents are {self.polymer1}, but tc1 = {self.tc1!r} and tc2 = {self.tc2!r}; give one value"
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Blend:
        """From a mapping with the names of the arguments, or those of the public file.

        ``weight`` (chains of polymer 1 out of 6) or ``ratio`` (polymer 1 : polymer 2) may stand for
        ``fraction``. Other names are an error, so that a renamed column is never overlooked.

        Raises:
            BlendError: not a mapping, a name is missing, unknown or given twice.
        """
        if not hasattr(values, "items"):
            raise BlendError(f"a blend by name needs a mapping such as a dict, got {values!r:.80}")
        given = {str(key): value for key, value in values.items()}
        chosen: dict[str, Any] = {}
        for name, accepted in NAMES.items():
            found = [key for key in accepted if key in given]
            if len(found) > 1:
                raise BlendError(f"{name} is given more than once: {', '.join(found)}; keep one of them")
            if found:
                chosen[name] = given.pop(found[0])
        shares = [name for name in ("fraction", "weight", "ratio") if name in {**chosen, **given}]
        if len(shares) > 1:
            raise BlendError(f"the share of polymer 1 is given more than once: {', '.join(shares)}; keep one of them")
        if "weight" in given:
            chosen["fraction"] = _number("weight", given.pop("weight"), "chains of polymer 1 out of 6") / 6.0
        if "ratio" in given:
            ratio = _number("ratio", given.pop("ratio"), "polymer 1 : polymer 2")
            if ratio < 0:
                raise BlendError(f"ratio must be polymer 1 : polymer 2, 0 or more, got {ratio!r}")
            chosen["fraction"] = ratio / (1.0 + ratio)
        missing = [name for name in ("polymer1", "polymer2", "fraction") if name not in chosen]
        if missing or given:
            raise BlendError(
                "a blend has the names polymer1, polymer2 and fraction, and may have tc1 and tc2"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; not known: {', '.join(sorted(given))}" if given else "")
            )
        return cls(**chosen)

    @property
    def is_single(self) -> bool:
        """Whether both constituents are the same polymer."""
        return self.polymer1 == self.polymer2

    def swapped(self) -> Blend:
        """The same blend with its constituents exchanged."""
        return Blend(self.polymer2, self.polymer1, 1.0 - self.fraction, self.tc2, self.tc1)

    def label(self) -> str:
        """One line for titles and tables."""
        return f"{self.fraction:.3g} {self.polymer1} + {1 - self.fraction:.3g} {self.polymer2}"


BLEND = Form(
    kind=Blend,
    names=("polymer1", "polymer2", "fraction"),
    noun="blend",
    nouns="blends",
    row="three values",
    forms=(
        "give polymer1, polymer2 and fraction (and tc1, tc2 where a model asks for them) as keywords, a Blend, a "
        "mapping, a row of the three, a DataFrame or mapping of columns, a list of these, or a CSV file"
    ),
)


def blends(value: Any, numbers: Mapping[str, Any]) -> tuple[list[Blend], bool]:
    """Blends in any of their forms, and whether it was a single one; see :func:`nanonet.domain.forms.records`."""
    return records(value, numbers, BLEND)


@dataclass(frozen=True, slots=True)
class BlendConductivity:
    """What a model says of the thermal conductivity of a blend.

    Args:
        blend: what it was asked.
        value: thermal conductivity [W/m/K].
        low, high: ends of the band, ``None`` for a model that was not calibrated.
        in_domain: whether the blend is like those that the model was trained on.
        unit: always W/m/K.
    """

    blend: Blend
    value: float
    low: float | None = None
    high: float | None = None
    in_domain: bool = True
    unit: str = "W/m/K"

    def __str__(self) -> str:
        band = "" if self.low is None or self.high is None else f" ({self.low:.3f} to {self.high:.3f})"
        return f"{self.value:.3f}{band} {self.unit}"


def _number(name: str, value: Any, what: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real) or not math.isfinite(float(value)):
        raise BlendError(f"{name} must be {what}, got {value!r}")
    return float(value)

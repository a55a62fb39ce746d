"""What a solid polymer electrolyte is made of, and how its conductivity follows the temperature."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.chemistry.smiles import canonical
from nanonet.domain.forms import Form, records
from nanonet.errors import ElectrolyteError, SmilesError

#: 0 degC [K].
ZERO_CELSIUS = 273.15
#: Gas constant [kJ/mol/K].
GAS_CONSTANT = 8.31446261815324e-3
#: Physical limits: (smallest, largest), both allowed; temperature [degC], molality [mol/kg], molar mass [g/mol].
LIMITS: dict[str, tuple[float, float]] = {
    "temperature": (-150.0, 400.0),
    "molality": (0.0, 500.0),
    "molar_mass": (50.0, 1e10),
}
_HINTS = {
    "temperature": "it is in degC; subtract 273.15 from a temperature in K",
    "molality": "it is mol of salt per kg of polymer, and 0 for a polyanion without salt",
    "molar_mass": "it is in g/mol, not its logarithm; leave it out where it is not known",
}
#: Other names of the five columns in tables that people have.
ALIASES = {
    "smiles": "polymer",
    "salt smiles": "salt",
    "salt_smiles": "salt",
    "mw": "molar_mass",
    "t": "temperature",
}


@dataclass(frozen=True, slots=True)
class Electrolyte:
    """A polymer with a dissolved salt, at one temperature.

    Args:
        polymer: repeat unit as SMILES with two ends ``*`` (``[Cu]`` and ``[Au]`` say the same); kept in
            canonical form.
        salt: its ions as SMILES, such as ``F[B-](F)(F)F.[Li+]``; empty for a polyanion whose counter
            ion is the only one. Kept in canonical form.
        molality: moles of salt per mass of polymer [mol/kg]; 0 exactly where there is no salt.
        temperature: [degC], -150 to 400.
        molar_mass: of the polymer [g/mol]; ``None`` where it is not known.

    Raises:
        ElectrolyteError: a number is missing, not finite or out of range, or salt and molality
            contradict each other.
        SmilesError: the polymer is not a repeat unit with two ends, or the salt no structure.

    >>> Electrolyte("*CCO*", "F[B-](F)(F)F.[Li+]", molality=1.0, temperature=60).inverse_temperature.__round__(4)
    3.0017
    """

    polymer: str
    salt: str = ""
    molality: float = 0.0
    temperature: float = 25.0
    molar_mass: float | None = None

    def __post_init__(self) -> None:
        salt = "" if _missing(self.salt) else self.salt
        for name, text, ends in (("polymer", self.polymer, 2), ("salt", salt, 0)):
            try:
                object.__setattr__(self, name, canonical(text, ends) if name == "polymer" or text else "")
            except SmilesError as error:
                raise SmilesError(f"{name}: {error}") from error
        molality = 0.0 if not self.salt and _missing(self.molality) else self.molality
        object.__setattr__(self, "molality", _number("molality", molality))
        object.__setattr__(self, "temperature", _number("temperature", self.temperature))
        if _missing(self.molar_mass):
            object.__setattr__(self, "molar_mass", None)
        else:
            object.__setattr__(self, "molar_mass", _number("molar_mass", self.molar_mass))
        if (self.molality > 0) != bool(self.salt):
            raise ElectrolyteError(
                f"salt {self.salt!r} and molality {self.molality:g} mol/kg contradict each other: "
                "a salt has a positive molality, and no salt has 0"
            )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The five names in their order."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Electrolyte:
        """From a mapping with the names of the fields or their :data:`ALIASES`; others are not allowed.

        Raises:
            ElectrolyteError: a name is unknown, given twice or missing, or a value is refused.
        """
        given: dict[str, Any] = {}
        for key, value in values.items():
            name = ALIASES.get(str(key).strip().lower(), str(key).strip())
            if name not in cls.names():
                raise ElectrolyteError(f"an electrolyte has {', '.join(cls.names())}; not known: {key!r}")
            if name in given:
                raise ElectrolyteError(f"{name} is given twice, the second time as {key!r}")
            given[name] = value
        missing = [name for name in ("polymer", "temperature") if name not in given]
        if missing:
            raise ElectrolyteError(f"an electrolyte needs {' and '.join(missing)}, got {', '.join(given) or 'nothing'}")
        return cls(**given)

    @property
    def inverse_temperature(self) -> float:
        """1000 / T [1/K], T in kelvin."""
        return 1000.0 / (self.temperature + ZERO_CELSIUS)

    def to_dict(self) -> dict[str, Any]:
        """The five values by name."""
        return asdict(self)

    def label(self) -> str:
        """One line for titles and tables."""
        mass = "" if self.molar_mass is None else f" M={self.molar_mass:.3g} g/mol"
        salt = f"{self.molality:.3g} mol/kg {self.salt}" if self.salt else "no salt"
        return f"{self.polymer} with {salt} at {self.temperature:.4g} degC{mass}"


ELECTROLYTE = Form(
    kind=Electrolyte,
    names=Electrolyte.names(),
    noun="electrolyte",
    nouns="electrolytes",
    row="five values",
    forms=(
        "give polymer, salt, molality [mol/kg], temperature [degC] and, where it is known, molar_mass [g/mol] as "
        "keywords, an Electrolyte, a mapping, a row of the five, a DataFrame or mapping of columns, or a list of these"
    ),
)


def electrolytes(value: Any, numbers: Mapping[str, Any]) -> tuple[list[Electrolyte], bool]:
    """Electrolytes in any of their forms, and whether it was a single one; see :func:`nanonet.domain.forms.records`."""
    return records(value, numbers, ELECTROLYTE)


@dataclass(frozen=True, slots=True)
class Conductivity:
    """Ionic conductivity sigma of an electrolyte, as predicted.

    Args:
        log10: log10 of sigma in S/cm.
        electrolyte: what it is of.
        low, high: ends of the error band of ``log10``, or ``None`` for a model that was not calibrated.
        in_domain: whether the training data cover it.
    """

    log10: float
    electrolyte: Electrolyte
    low: float | None = None
    high: float | None = None
    in_domain: bool = True

    @property
    def value(self) -> float:
        """The conductivity sigma [S/cm]."""
        return 10.0**self.log10

    @property
    def band(self) -> tuple[float, float] | None:
        """Ends of the error band of sigma [S/cm]."""
        return None if self.low is None or self.high is None else (10.0**self.low, 10.0**self.high)

    def __str__(self) -> str:
        band = "" if self.band is None else f" ({self.band[0]:.1e} to {self.band[1]:.1e})"
        return f"{self.value:.1e}{band} S/cm"

    def to_dict(self) -> dict[str, Any]:
        """Electrolyte, prediction and band, one plain value each."""
        return {
            **self.electrolyte.to_dict(),
            "log10_conductivity": self.log10,
            "low": self.low,
            "high": self.high,
            "in_domain": self.in_domain,
        }


@dataclass(frozen=True, slots=True)
class Transport:
    """Several transport quantities of an electrolyte, as predicted.

    Args:
        numbers: name to number, such as log10_conductivity (log10 of S/cm), log10_li_diffusivity (log10 of cm2/s)
            and transference_number.
        electrolyte: what they are of.
        low, high: ends of the error bands, or ``None`` for a model that was not calibrated.
        in_domain: whether the training data cover it.
    """

    numbers: Mapping[str, float]
    electrolyte: Electrolyte
    low: Mapping[str, float] | None = None
    high: Mapping[str, float] | None = None
    in_domain: bool = True

    def __getitem__(self, name: str) -> float:
        """A number by its name.

        Raises:
            ElectrolyteError: there is none of that name.
        """
        if name not in self.numbers:
            raise ElectrolyteError(f"there is no {name!r} among the predicted {', '.join(self.numbers)}")
        return self.numbers[name]

    def band(self, name: str) -> tuple[float, float] | None:
        """Ends of the error band of a number."""
        self[name]
        return None if self.low is None or self.high is None else (self.low[name], self.high[name])

    def __str__(self) -> str:
        parts = []
        for name, value in self.numbers.items():
            ends = self.band(name)
            parts.append(f"{name} {value:.3g}" + ("" if ends is None else f" ({ends[0]:.3g} to {ends[1]:.3g})"))
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Electrolyte, predictions and bands, one plain value each."""
        ends = {"low": self.low or {}, "high": self.high or {}}
        bands = {f"{name}_{end}": value for end, values in ends.items() for name, value in values.items()}
        return {**self.electrolyte.to_dict(), **self.numbers, **bands, "in_domain": self.in_domain}


@dataclass(frozen=True, slots=True)
class Arrhenius:
    """log10 sigma = log10 A - E_a / (R (T - T_0) ln 10).

    T_0 = 0 is Arrhenius' law, T_0 > 0 that of Vogel, Tammann and Fulcher (VTF), in which E_a is the
    pseudo-activation energy.

    Args:
        activation: E_a [kJ/mol].
        log10_prefactor: log10 of A in S/cm.
        vogel: T_0 [K].
        activation_spread, prefactor_spread, vogel_spread: standard deviations over the members of an
            ensemble, in the same units; 0 for a single member.
    """

    activation: float
    log10_prefactor: float
    vogel: float = 0.0
    activation_spread: float = 0.0
    prefactor_spread: float = 0.0
    vogel_spread: float = 0.0

    def __str__(self) -> str:
        text = f"E_a = {self.activation:.1f} +- {self.activation_spread:.1f} kJ/mol, "
        text += f"log10 A = {self.log10_prefactor:.1f} +- {self.prefactor_spread:.1f}"
        return text + (f", T_0 = {self.vogel:.0f} +- {self.vogel_spread:.0f} K" if self.vogel else "")

    def log10_conductivity(self, temperature: ArrayLike) -> FloatArray:
        """log10 of sigma in S/cm at temperatures [degC] above T_0.

        Raises:
            ElectrolyteError: a temperature is not above T_0.
        """
        kelvin = np.asarray(temperature, dtype=float) + ZERO_CELSIUS - self.vogel
        if kelvin.size and not kelvin.min() > 0:
            raise ElectrolyteError(
                f"the law holds above T_0 = {self.vogel - ZERO_CELSIUS:.4g} degC, got {temperature!r}"
            )
        return self.log10_prefactor - self.activation / (GAS_CONSTANT * kelvin * math.log(10.0))


def _missing(value: Any) -> bool:
    """Whether a cell of a table is empty: ``None``, NaN or an empty text."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or value == ""


def _number(name: str, value: Any) -> float:
    low, high = LIMITS[name]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise ElectrolyteError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}; {_HINTS[name]}")
    number = float(value)
    if not math.isfinite(number) or not low <= number <= high:
        raise ElectrolyteError(f"{name} must be finite and from {low:g} to {high:g}, got {number!r}; {_HINTS[name]}")
    return number

"""Numbers of a polymer electrolyte: chemistry of polymer and salt, and the conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import Encoder
from nanonet.chemistry.periodic import Periodic, unit_size
from nanonet.data.table import Table
from nanonet.domain.electrolyte import ZERO_CELSIUS
from nanonet.errors import ConfigError, InputError, NotFittedError
from nanonet.parts import build, describe, load_arrays, load_config, save_arrays

#: Smallest value whose logarithm is taken: of a molality [mol/kg], and of numbers of lithium ions.
FLOOR = 1e-3
#: Oxygen atoms per repeat unit that a polymer without any counts as.
LEAST_OXYGEN = 0.2
#: Name of column 0, in 1000/K.
LAW = "1000/T"
#: Numbers that follow from the inputs, in their order.
CONDITIONS = (
    "inverse_temperature",
    "molality",
    "log10_molality",
    "log10_molar_mass",
    "molar_mass_known",
    "salt",
    "log10_ions_per_unit",
    "log10_ions_per_oxygen",
)


class ElectrolyteFeatures:
    """x = (1000/T, conditions, polymer, salt).

    Column 0 is 1000/T [1/K] as it is: regressors that treat temperature as physics find it there. The
    conditions (:data:`CONDITIONS`): 1000/T once more, molality b, log10 max(b, 0.001), log10 of the molar
    mass and whether it is known, whether there is a salt, and b M per repeat unit of mass M and per
    oxygen atom of it, as logarithms. Then the columns of each encoder, of the polymer and of the salt
    (0 for no salt). Columns that do not vary in training are left out.

    All but column 0 become standard scores over the training part, times a weight, and the c columns of
    an encoder are divided by sqrt(c): distances do not count whoever has most columns.

    Args:
        polymer: encoders of the repeat unit; :class:`nanonet.chemistry.periodic.Periodic` if not given.
        salt: encoders of the salt.
        conditions: name -> weight, of some or all of the :data:`CONDITIONS`; all, with weight 1, if not given.
        polymer_weight, salt_weight: of the encoders.
        columns: input columns of text whose values become 0/1 columns, such as a batch. A value that is
            unknown in training is 0 in all of them.
        packed: encoders of the repeat unit whose numbers stand last and as they are, for networks that read
            structures (:mod:`nanonet.chemistry.packed`).
        least: columns (but for column 0) that are not 0 in fewer records of the training part are left out; a
            substructure that occurs once would become the largest number of all.

    Raises:
        ConfigError: an unknown condition, or a weight that is not positive.
    """

    def __init__(
        self,
        polymer: Sequence[Encoder] | None = None,
        salt: Sequence[Encoder] = (),
        conditions: Mapping[str, float] | None = None,
        polymer_weight: float = 1.0,
        salt_weight: float = 1.0,
        columns: Sequence[str] = (),
        packed: Sequence[Encoder] = (),
        least: int = 1,
    ) -> None:
        self.polymer: list[Encoder] = [Periodic()] if polymer is None else list(polymer)
        self.salt, self.columns, self.packed = list(salt), [str(name) for name in columns], list(packed)
        given = dict.fromkeys(CONDITIONS, 1.0) if conditions is None else conditions
        # In one order, whatever that of the mapping: columns must be where a regressor learned them.
        order = {name: place for place, name in enumerate(CONDITIONS)}
        ranked = sorted(given.items(), key=lambda item: order.get(str(item[0]), len(order)))
        self.conditions = {str(name): float(weight) for name, weight in ranked}
        self.polymer_weight, self.salt_weight, self.least = float(polymer_weight), float(salt_weight), int(least)
        unknown = sorted(set(self.conditions) - set(CONDITIONS))
        if unknown or not min([*self.conditions.values(), self.polymer_weight, self.salt_weight]) > 0:
            raise ConfigError(
                f"conditions are of {', '.join(CONDITIONS)}, and all weights are positive, got {self.conditions}, "
                f"{self.polymer_weight} and {self.salt_weight}"
            )
        self._state: dict[str, NDArray] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that vary in training; none before :meth:`fit`."""
        packed = [name for encoder in self.packed for name in encoder.names]
        return () if self._state is None else (*(str(name) for name in self._state["names"]), *packed)

    def _blocks(self, inputs: Table) -> list[tuple[list[str], FloatArray, float]]:
        """Names, numbers and weight, block by block."""
        polymers, salts = inputs["polymer"].tolist(), inputs["salt"].tolist()
        found = _conditions(inputs)
        blocks = [([LAW], found["inverse_temperature"][:, None], 1.0)]
        blocks += [([name], found[name][:, None], weight) for name, weight in self.conditions.items()]
        for what, texts, encoders, weight in (
            ("polymer", polymers, self.polymer, self.polymer_weight),
            ("salt", salts, self.salt, self.salt_weight),
        ):
            blocks += [([f"{what} {name}" for name in one.names], _each(one, texts), weight) for one in encoders]
        return blocks

    def fit(self, inputs: Table) -> Self:
        """Learn which columns vary, their means and deviations."""
        if not inputs.n_rows:
            raise InputError("features cannot be fitted to no rows")
        state: dict[str, NDArray] = {f"values_{name}": np.unique(inputs[name]) for name in self.columns}
        names, kept, middle, width = [], [], [], []
        for own, block, weight in [*self._blocks(inputs), *self._categories(inputs, state)]:
            law = own == [LAW]
            deviation = block.std(axis=0)
            # A spread below rounding is no spread.
            varies = (deviation > 1e-9 * np.maximum(1.0, np.abs(block).max(axis=0))) | law
            if not law:
                varies &= (block != 0).sum(axis=0) >= self.least
            names += [name for name, keep in zip(own, varies, strict=True) if keep]
            kept.append(varies)
            middle.append(np.zeros(1) if law else block.mean(axis=0)[varies])
            width.append(np.ones(1) if law else deviation[varies] * np.sqrt(varies.sum()) / weight)
        state |= {"names": np.array(names, dtype=str), "kept": np.concatenate(kept)}
        self._state = state | {"middle": np.concatenate(middle), "width": np.concatenate(width)}
        return self

    def _categories(self, inputs: Table, state: Mapping[str, NDArray]) -> list[tuple[list[str], FloatArray, float]]:
        made = []
        for name in self.columns:
            known = state[f"values_{name}"]
            made.append(([f"{name}={value}" for value in known], _dummies(inputs[name], known), 1.0))
        return made

    def transform(self, inputs: Table) -> FloatArray:
        """x, shape (n, p)."""
        state = self._state
        if state is None:
            raise NotFittedError("features were used before they were fitted; call fit() first")
        blocks = [*self._blocks(inputs), *self._categories(inputs, state)]
        x = np.concatenate([block for _, block, _ in blocks], axis=1)[:, state["kept"]]
        packed = [_each(encoder, inputs["polymer"].tolist()) for encoder in self.packed]
        return np.concatenate([(x - state["middle"]) / state["width"], *packed], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; encoders as descriptions."""
        return {
            "polymer": [describe(encoder) for encoder in self.polymer],
            "salt": [describe(encoder) for encoder in self.salt],
            "conditions": self.conditions,
            "polymer_weight": self.polymer_weight,
            "salt_weight": self.salt_weight,
            "columns": self.columns,
            "packed": [describe(encoder) for encoder in self.packed],
            "least": self.least,
        }

    def save(self, folder: Path) -> None:
        """Write names and ranges."""
        if self._state is None:
            raise NotFittedError("features must be fitted before they are saved")
        save_arrays(folder / "range.npz", **self._state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read names and ranges."""
        config = load_config(folder)
        encoders = {what: [build(encoder) for encoder in config[what]] for what in ("polymer", "salt", "packed")}
        features = cls(**{**config, **encoders})
        values = [f"values_{name}" for name in features.columns]
        features._state = load_arrays(folder / "range.npz", "names", "kept", "middle", "width", *values)
        return features


def _conditions(inputs: Table) -> dict[str, FloatArray]:
    for name in ("temperature", "molality", "log10_molar_mass", "molar_mass_known"):
        values = inputs[name]
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise InputError(f"column {name!r} must hold finite numbers, got {values[:3].tolist()} ...")
    # One polymer occurs in many records.
    polymers, which = np.unique(inputs["polymer"], return_inverse=True)
    mass, oxygen = np.array([unit_size(smiles) for smiles in polymers.tolist()]).reshape(-1, 2)[which].T
    molality = inputs["molality"]
    ions = molality * mass / 1000.0
    return {
        "inverse_temperature": 1000.0 / (inputs["temperature"] + ZERO_CELSIUS),
        "molality": molality,
        "log10_molality": np.log10(np.maximum(molality, FLOOR)),
        "log10_molar_mass": inputs["log10_molar_mass"],
        "molar_mass_known": inputs["molar_mass_known"],
        "salt": (inputs["salt"] != "").astype(float),
        "log10_ions_per_unit": np.log10(np.maximum(ions, FLOOR)),
        "log10_ions_per_oxygen": np.log10(np.maximum(ions / np.maximum(oxygen, LEAST_OXYGEN), FLOOR)),
    }


def _each(encoder: Encoder, texts: Sequence[str]) -> FloatArray:
    """Rows of an encoder, 0 for an empty text; every different one is encoded once."""
    unique, which = np.unique(np.asarray(texts, dtype=str), return_inverse=True)
    rows = np.zeros((len(unique), len(encoder.names)))
    there = unique != ""
    if there.any():
        rows[there] = encoder.encode(unique[there].tolist())
    return rows[which]


def _dummies(values: NDArray, known: NDArray) -> FloatArray:
    return (np.asarray(values, dtype=str)[:, None] == known[None, :]).astype(float)

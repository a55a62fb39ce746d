"""Laws of temperature that a model of conductivity obeys, from its members' predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.domain.electrolyte import GAS_CONSTANT, ZERO_CELSIUS, Arrhenius
from nanonet.errors import InputError

#: Temperatures at which members are asked [degC].
TEMPERATURES = tuple(range(20, 101, 10))
#: What a surrogate offers: inputs -> log10 sigma of each member, (m, n).
Ensemble = Callable[[Table], FloatArray]


def arrhenius(ensemble: Ensemble, inputs: Table) -> list[Arrhenius]:
    """E_a and log10 A of each electrolyte, with their standard deviations over the members.

    A straight line of least squares through log10 sigma against 1/T of each member, from 20 to 100 degC. For a
    network with an Arrhenius head it is exact; for other models it is their apparent law there. The temperature of
    the inputs does not matter.
    """
    values = _curves(ensemble, inputs, TEMPERATURES)
    inverse = 1.0 / (np.array(TEMPERATURES) + ZERO_CELSIUS)
    centred = inverse - inverse.mean()
    slope = np.einsum("mnt,t->mn", values, centred) / (centred**2).sum()
    energy = -slope * GAS_CONSTANT * math.log(10.0)
    prefactor = values.mean(axis=2) - slope * inverse.mean()
    return _laws(energy, prefactor, np.zeros_like(energy))


def vtf(ensemble: Ensemble, inputs: Table) -> list[Arrhenius]:
    """E_a, log10 A and T_0 of each electrolyte, with their standard deviations over the members.

    The law through log10 sigma at 20, 60 and 100 degC, which is exact for a network with a VTF head.

    Raises:
        InputError: a curve is none of this law with 0 <= T_0 < 293 K, such as that of trees.
    """
    chosen = (TEMPERATURES[0], TEMPERATURES[len(TEMPERATURES) // 2], TEMPERATURES[-1])
    values = _curves(ensemble, inputs, chosen)
    low, middle, high = np.array(chosen) + ZERO_CELSIUS
    first, second = values[..., 0] - values[..., 1], values[..., 1] - values[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = first / second
        vogel = (ratio * low - high) / (ratio - 1.0)
        # A straight line has no T_0 above 0; rounding puts it a little beside.
        vogel = np.where(np.abs(ratio - (high * 1.0) / low) < 1e-4 * ratio, 0.0, vogel)
        stretch = GAS_CONSTANT * math.log(10.0)
        energy = -first * stretch / (1.0 / (low - vogel) - 1.0 / (middle - vogel))
    bad = ~np.isfinite(energy) | (vogel < 0) | (vogel >= low)
    if bad.any():
        row = int(np.argwhere(bad)[0][1])
        raise InputError(
            f"row {row}: the model's curve does not follow the VTF law; ask a model with a VTF head, or for arrhenius"
        )
    prefactor = values[..., 0] + energy / (stretch * (low - vogel))
    return _laws(energy, prefactor, vogel)


def _curves(ensemble: Ensemble, inputs: Table, temperatures: tuple[float, ...]) -> FloatArray:
    """log10 sigma of each member, electrolyte and temperature, (m, n, t)."""
    columns: dict[str, Any] = dict(inputs.items())
    made = [ensemble(Table({**columns, "temperature": np.full(inputs.n_rows, float(t))})) for t in temperatures]
    return np.stack(made, axis=2)


def _laws(energy: FloatArray, prefactor: FloatArray, vogel: FloatArray) -> list[Arrhenius]:
    return [
        Arrhenius(
            activation=float(energy[:, row].mean()),
            log10_prefactor=float(prefactor[:, row].mean()),
            vogel=float(vogel[:, row].mean()),
            activation_spread=float(energy[:, row].std()),
            prefactor_spread=float(prefactor[:, row].std()),
            vogel_spread=float(vogel[:, row].std()),
        )
        for row in range(energy.shape[1])
    ]

"""What is left of an RDF after the known potential between two NPs is taken out, on a scale that fits all diameters."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.domain.rdf import standard_grid
from nanonet.errors import InputError
from nanonet.parts import describe, load_part, save_part
from nanonet.representations.base import Representation, as_targets, load_state, not_fitted, save_state
from nanonet.representations.transforms import PCA, Identity
from nanonet.units import LJ_MINIMUM, TEMPERATURE

#: Points per bin over which the Boltzmann factor is averaged.
FINE = 21
#: Largest |ln g| that is worked with.
LARGEST = 690.0
#: Bins behind the core's edge from which ln y is continued into the core, and the steepest slope of it [1/sigma].
EDGE, STEEPEST = 4, 12.0


class Cavity:
    """c = of.encode(ln y(s)), the cavity function of the NPs, y(r) = g(r) exp(U(r)/kT), at s = r - 2^(1/6) D.

    U is the Lennard-Jones potential of two NPs (depth eps_np_np, diameter D, cut at 2.5 D and shifted there) and kT
    that of the simulations, 1. ln y is minus the potential of mean force that the polymer and the other NPs make; it
    is smooth where g rises from 0 to its peak within two bins, and goes on into the core. s is the distance beyond the
    minimum of U: NPs in contact lie near 0 (the melt presses weakly attractive ones 0.1 to 0.5 sigma closer), NPs with
    a monomer between them 2^(1/6) sigma further out, whatever their diameter. So the edge of the core,
    the steepest part of g and the one that depends most on D, is put in and need not be learned.

    The Boltzmann factor is averaged over each bin, weighted by r^2, as g is. Bins in front of the first one with g at
    or above ``floor`` are in the core: there ln y is continued by a straight line through the first bins behind. Where
    an RDF ends before the grid of s does, ln y keeps its last value. Between bins it is interpolated by cubics
    (Lagrange, four points).

    Args:
        of: the representation of ln y (n, n_s), of numbers of any sign; default eight principal components.
        low, high: ends of the grid of s [sigma].
        step: its step [sigma].
        floor: smallest g that is told from 0.

    Raises:
        InputError: the grid has fewer than 8 points, the floor is not positive, or ``of`` needs numbers of one sign.

    Source: J.-P. Hansen and I. R. McDonald, Theory of Simple Liquids (4th ed., 2013), for y(r).
    """

    requires_fit: bool = True
    lowest: float = 0.0
    needs: tuple[str, ...] = ("D", "eps_np_np")

    def __init__(
        self,
        *,
        of: Representation | None = None,
        low: float = -1.6,
        high: float = 7.7,
        step: float = 0.05,
        floor: float = 0.001,
    ) -> None:
        self.of: Representation = PCA(n_components=8, of=Identity(lowest=None)) if of is None else of
        if not step > 0 or not (high - low) / step > 7 or not 0 < floor < math.inf or self.of.lowest > -math.inf:
            raise InputError(
                "a grid of s needs 8 points or more, floor must be positive and `of` take numbers of any sign, "
                f"got {low!r} to {high!r} in steps of {step!r}, {floor!r} and {type(self.of).__name__}"
            )
        self.low, self.high, self.step, self.floor = float(low), float(high), float(step), float(floor)
        # Twice a cubic through neighbouring points.
        self.tolerance = self.of.tolerance + 0.01
        self._n_bins: int | None = None

    def _s(self) -> FloatArray:
        return self.low + self.step * np.arange(round((self.high - self.low) / self.step) + 1)

    def _grid(self) -> FloatArray:
        if self._n_bins is None:
            raise not_fitted(self)
        return standard_grid()

    def fit(self, targets: ArrayLike, inputs: Table) -> Self:
        """Fit ``of`` to the cavity functions. Returns itself.

        Raises:
            InputError: bins other than those of the standard grid, or inputs that lack D or eps_np_np.
        """
        g = as_targets(targets, n_bins=len(standard_grid()), lowest=self.lowest)
        self._n_bins = g.shape[1]
        self.of.fit(self._log_cavity(g, inputs))
        return self

    def encode(self, targets: ArrayLike, inputs: Table) -> FloatArray:
        """Codes of the cavity functions."""
        g = as_targets(targets, n_bins=len(self._grid()), lowest=self.lowest)
        return np.asarray(self.of.encode(self._log_cavity(g, inputs)), dtype=np.float64)

    def decode(self, codes: ArrayLike, inputs: Table) -> FloatArray:
        """RDFs of codes; what lies below the floor is 0."""
        g = np.exp(np.clip(self._log_g(self.of.decode(codes)[None], inputs)[0], -LARGEST, LARGEST))
        return np.where(g < self.floor, 0.0, g)

    def spread(self, members: FloatArray, inputs: Table) -> FloatArray:
        """Standard deviation over members (m, n, d) of log10 max(g, floor) at each bin, shape (n, n_bins) [decades]."""
        curves = self.of.decode(np.concatenate(list(members)))
        log_g = self._log_g(curves.reshape(len(members), -1, curves.shape[1]), inputs)
        return np.asarray(np.maximum(log_g, math.log(self.floor)).std(axis=0) / math.log(10.0))

    def _log_g(self, curves: FloatArray, inputs: Table) -> FloatArray:
        """Ln g of ln y on the grid of s, shape (m, n, n_s), for the inputs of the n records; shape (m, n, n_bins)."""
        r = self._grid()
        shift, depth = self._numbers(inputs, curves.shape[1])
        found = [_cubic(self.low, self.step, curves[:, row], r - by) for row, by in enumerate(shift)]
        return np.stack(found, axis=1) + _log_boltzmann(r, shift / LJ_MINIMUM, depth)

    def _numbers(self, inputs: Table, n: int) -> tuple[FloatArray, FloatArray]:
        """2^(1/6) D and eps_np_np of each record."""
        missing = [name for name in self.needs if name not in inputs]
        if missing or inputs.n_rows != n:
            raise InputError(
                f"{n} RDFs need inputs with the columns {', '.join(self.needs)}, one row each; "
                f"got {inputs.n_rows} rows, and {', '.join(missing) or 'no column'} is missing"
            )
        return LJ_MINIMUM * np.asarray(inputs["D"], dtype=float), np.asarray(inputs["eps_np_np"], dtype=float)

    def _log_cavity(self, g: FloatArray, inputs: Table) -> FloatArray:
        """The logarithm of y on the grid of s, shape (n, n_s)."""
        r, s = standard_grid(), self._s()
        shift, depth = self._numbers(inputs, len(g))
        log_b = _log_boltzmann(r, shift / LJ_MINIMUM, depth)
        made = np.zeros((len(g), len(s)))
        for row, by in enumerate(shift):
            outside = np.flatnonzero(g[row] >= self.floor)
            if not outside.size:
                continue
            first = int(outside[0])
            log_y = np.log(np.maximum(g[row], self.floor)) - log_b[row]
            behind = slice(first, min(first + EDGE, len(r)))
            slope = np.polyfit(r[behind], log_y[behind], 1)[0] if len(r[behind]) > 1 else 0.0
            log_y[:first] = log_y[first] + np.clip(slope, -STEEPEST, 0.0) * (r[:first] - r[first])
            made[row] = _cubic(float(r[0]), float(r[1] - r[0]), log_y, s + by)
        return made

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "of": describe(self.of),
            "low": self.low,
            "high": self.high,
            "step": self.step,
            "floor": self.floor,
        }

    def save(self, folder: Path) -> None:
        """Write the configuration, and the inner representation in ``of/``."""
        save_state(self, folder, {"n_bins": np.array(len(self._grid()))})
        save_part(self.of, folder / "of")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("n_bins",))
        part = cls(**{**config, "of": load_part(folder / "of", Representation)})  # type: ignore[type-abstract]
        part._n_bins = int(state["n_bins"])
        return part


def _log_boltzmann(r: FloatArray, diameter: FloatArray, depth: FloatArray) -> FloatArray:
    """Logarithm of the mean over each bin of exp(-U/kT), weighted by r^2; shape (n, n_bins)."""
    width = float(r[1] - r[0])
    fine = np.maximum(r[:, None] + width * (np.arange(FINE) / (FINE - 1) - 0.5), 1e-3 * width)
    ratio = (diameter[:, None, None] / fine) ** 6
    cut = 2.5**-6
    energy = 4.0 * depth[:, None, None] / TEMPERATURE * (ratio**2 - ratio - (cut**2 - cut))
    energy = np.where(fine < 2.5 * diameter[:, None, None], energy, 0.0)
    # ln mean exp(-U), also where every exp(-U) underflows.
    least = energy.min(axis=2, keepdims=True)
    weight = fine**2 / (fine**2).sum(axis=1, keepdims=True)
    found = np.log((weight * np.exp(least - energy)).sum(axis=2)) - least[:, :, 0]
    return np.asarray(np.maximum(found, -LARGEST))


def _cubic(start: float, step: float, values: FloatArray, at: FloatArray) -> FloatArray:
    """Values (..., n) on an even grid, interpolated by the cubic through the four nearest points; constant beyond."""
    count = values.shape[-1]
    place = np.clip((at - start) / step, 0.0, count - 1.0)
    first = np.clip(np.floor(place).astype(int) - 1, 0, count - 4)
    t = place - first
    weights = (
        -(t - 1) * (t - 2) * (t - 3) / 6,
        t * (t - 2) * (t - 3) / 2,
        -t * (t - 1) * (t - 3) / 2,
        t * (t - 1) * (t - 2) / 6,
    )
    return np.asarray(sum(weight * values[..., first + k] for k, weight in enumerate(weights)))

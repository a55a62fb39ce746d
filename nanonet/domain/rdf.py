"""The radial distribution function (RDF) of nanoparticles and what is read off it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.domain.composition import Composition
from nanonet.errors import InputError
from nanonet.units import LJ_MINIMUM, MONOMER_DIAMETER, N_BINS, R_MAX

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Phase = Literal["aggregated", "bridged", "dispersed"]
#: All of them.
PHASES: tuple[Phase, ...] = get_args(Phase)

#: Least noise, in units of 1 + g, at which ripples are told from peaks where an RDF has no noise of its own.
RESOLUTION = 0.02
#: Half-width of a two-sided 90 % interval of a normal distribution, in standard errors.
Z90 = 1.6448536269514722


class Peak(NamedTuple):
    """A peak of g(r): position r [sigma] and height g."""

    position: float
    height: float


def standard_grid() -> FloatArray:
    """Centres of the 100 bins of 0.1 sigma between 0 and 10 sigma."""
    width = R_MAX / N_BINS
    return (np.arange(N_BINS) + 0.5) * width


def shell_means(r: FloatArray, g: FloatArray, low: float, high: float) -> FloatArray:
    """Mean of each of many g over the spherical shell from ``low`` to ``high`` [sigma], weighted by r^2.

    The bins count with the part of their volume that lies in the shell.

    Args:
        r: centres of equal bins [sigma], shape (n_bins,).
        g: shape (..., n_bins).
        low: inner radius of the shell [sigma].
        high: outer radius [sigma].

    Raises:
        InputError: the shell is empty or reaches beyond the grid.
    """
    half = 0.5 * float(r[1] - r[0])
    begin, end = float(r[0]) - half, float(r[-1]) + half
    if not low < high or low < begin - 1e-9 or high > end + 1e-9:
        raise InputError(
            f"a shell from {low:g} to {high:g} sigma is not inside the grid, {max(begin, 0.0):g} to {end:g} sigma"
        )
    inner = np.clip(r - half, low, high)
    outer = np.clip(r + half, low, high)
    weight = outer**3 - inner**3
    return np.asarray(np.sum(weight * g, axis=-1) / np.sum(weight))


def classify_phases(r: FloatArray, g: FloatArray, diameter: float, threshold: float = 2.0) -> NDArray[np.str_]:
    """Phase of each of many g of nanoparticles of one diameter, as :meth:`RDF.classify_phase` defines it.

    Args:
        r: centres of equal bins [sigma], shape (n_bins,).
        g: shape (..., n_bins).
        diameter: of the NPs [sigma].
        threshold: on the mean of g in a shell, above which its phase counts.

    Returns:
        One of :data:`PHASES` for each, shape (...).

    Raises:
        InputError: the shells reach beyond the grid.
    """
    contact = LJ_MINIMUM * diameter + MONOMER_DIAMETER / 4
    bridge = LJ_MINIMUM * (diameter + MONOMER_DIAMETER) + MONOMER_DIAMETER / 4
    in_contact = shell_means(r, g, 0.8 * diameter, contact)
    in_bridge = shell_means(r, g, contact, bridge)
    named = np.where(in_contact >= in_bridge, "aggregated", "bridged")
    return np.where(np.maximum(in_contact, in_bridge) <= threshold, "dispersed", named)


@dataclass(frozen=True, eq=False)
class RDF:
    """NP-NP radial distribution function of one composition.

    g(r) = V/(n(n-1)) < sum over pairs i != j of delta(r - r_ij) > / (4 pi r^2), the average over
    frames of each frame normalised with its own volume V; n is the number of NPs, so that g
    tends to 1 for an ideal gas of any n (the finite-size normalisation).

    Args:
        r: centres of equal bins [sigma], shape (n_bins,).
        g: mean of g over each bin, shape (n_bins,), not negative.
        error: standard error of g per bin, shape (n_bins,); ``None`` where it is not known.
        n_frames: number of configurations behind g; ``None`` for a prediction.
        composition: what it is the RDF of.
        band: lower and upper end of a 90 % band, each of shape (n_bins,), of a prediction; without
            it ``g_low`` and ``g_high`` follow from the standard error, g -/+ 1.645 error.
        in_domain: for a prediction, whether the composition lies where the training data are.

    Raises:
        InputError: shapes differ, g is negative or not finite, or the bins are not equal.
    """

    r: FloatArray
    g: FloatArray
    error: FloatArray | None = None
    n_frames: int | None = None
    composition: Composition | None = None
    band: tuple[FloatArray, FloatArray] | None = None
    in_domain: bool | None = None

    def __post_init__(self) -> None:
        r = frozen_array(self.r, name="r", ndim=1)
        if r.size < 3:
            raise InputError(f"an RDF needs at least 3 bins, got {r.size}")
        steps = np.diff(r)
        if r[0] <= 0 or steps.min() <= 0 or np.ptp(steps) > 1e-6 * steps.mean():
            raise InputError("r must be the centres of equal bins in rising order, starting above 0")
        g = frozen_array(self.g, name="g", ndim=1, shape=r.shape)
        if g.min() < 0:
            where = int(np.argmin(g))
            raise InputError(f"g must not be negative, got {g[where]:g} at r = {r[where]:g}")
        object.__setattr__(self, "r", r)
        object.__setattr__(self, "g", g)
        if self.error is not None:
            error = frozen_array(self.error, name="error", ndim=1, shape=r.shape)
            if error.min() < 0:
                raise InputError(f"a standard error must not be negative, got {error.min():g}")
            object.__setattr__(self, "error", error)
        if self.band is not None:
            if not isinstance(self.band, tuple | list) or len(self.band) != 2:
                raise InputError(f"band must be two arrays, its lower and its upper end, got {self.band!r:.80}")
            low, high = (frozen_array(edge, name="band", ndim=1, shape=r.shape) for edge in self.band)
            if low.min() < 0:
                raise InputError(f"band must not be negative, got {low.min():g}; g is at least 0")
            if (low > high).any():
                where = int(np.argmax(low > high))
                raise InputError(
                    f"the lower end of the band lies above its upper end, {low[where]:g} > {high[where]:g} "
                    f"at r = {r[where]:g}; give (lower, upper)"
                )
            object.__setattr__(self, "band", (low, high))

    @property
    def bin_width(self) -> float:
        """Width of a bin [sigma]."""
        return float(self.r[1] - self.r[0])

    @property
    def g_low(self) -> FloatArray | None:
        """Lower end of the 90 % band, never below 0; ``None`` if there is neither band nor error."""
        if self.band is not None:
            return self.band[0]
        return None if self.error is None else np.maximum(self.g - Z90 * self.error, 0.0)

    @property
    def g_high(self) -> FloatArray | None:
        """Upper end of the 90 % band; ``None`` if there is neither band nor error."""
        if self.band is not None:
            return self.band[1]
        return None if self.error is None else self.g + Z90 * self.error

    @property
    def noise(self) -> FloatArray:
        """Standard error per bin: as given; of a prediction, which has a band instead, 0.02 (1 + g); or 0.

        The band says how far the whole curve may be off: neighbouring bins err alike, so that it is no noise in which
        a peak could be lost.
        """
        if self.error is not None:
            return self.error
        return RESOLUTION * (1.0 + self.g) if self.band is not None else np.zeros_like(self.g)

    @property
    def first_peak(self) -> Peak | None:
        """:meth:`find_first_peak` at its default of 3 standard errors."""
        return self.find_first_peak()

    def find_first_peak(self, n_sigma: float = 3.0) -> Peak | None:
        """First peak that stands out of the noise, or ``None``.

        The first local maximum that stands more than ``n_sigma`` standard errors (of the difference,
        sqrt(error_max^2 + error_min^2)) above both neighbouring minima; a maximum at either end of
        the range has no second minimum and does not count. Position and height are those of the
        parabola through the highest bin and its two neighbours. Standard errors are those of
        :attr:`noise`; how sure a predicted peak is, its band there says.

        The extremes of 100 bins are compared: where g is flat and the noise of neighbouring bins
        independent, 3 standard errors find a peak in 59 % of the RDFs, 4 in 2 %.
        """
        index = _first_significant_maximum(self.g, self.noise, n_sigma)
        if index is None:
            return None
        left, top, right = (float(self.g[index + k]) for k in (-1, 0, 1))
        curvature = left - 2.0 * top + right
        shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
        return Peak(
            position=float(self.r[index]) + shift * self.bin_width,
            height=top - 0.25 * (left - right) * shift,
        )

    def shell_mean(self, low: float, high: float) -> float:
        """Mean of g over the spherical shell from ``low`` to ``high`` [sigma], weighted by r^2.

        The bins count with the part of their volume that lies in the shell.

        Raises:
            InputError: the shell is empty or reaches beyond the grid.
        """
        return float(shell_means(self.r, self.g, low, high))

    @property
    def phase(self) -> Phase:
        """:meth:`classify_phase` with its default threshold."""
        return self.classify_phase()

    def classify_phase(self, threshold: float = 2.0) -> Phase:
        """How the NPs are distributed: aggregated, bridged or dispersed.

        The r^2-weighted mean of g is taken in the contact shell, 0.8 D to 2^(1/6) D + d/4, and in
        the bridge shell, from there to 2^(1/6) (D + d) + d/4, where one layer of polymer lies
        between two NPs. The larger of the two means names the phase if it is above ``threshold``;
        otherwise the NPs are dispersed. d = 1 is the monomer's diameter.

        Raises:
            InputError: the RDF has no composition, so that D is not known, or its shells reach beyond
                the grid (D above 7.6 on the standard grid).
        """
        if self.composition is None:
            raise InputError("the phase needs the NP diameter: give the RDF its composition")
        return cast("Phase", classify_phases(self.r, self.g, self.composition.D, threshold).item())

    def decades_from(self, other: RDF, floor: float = 0.01) -> float:
        """sqrt(mean over the bins of (log10 max(g, f) - log10 max(g', f))^2) [decades], f the ``floor``.

        Raises:
            InputError: the other RDF has other bins, or the floor is not positive.
        """
        if self.r.shape != other.r.shape or not np.allclose(self.r, other.r):
            raise InputError(f"RDFs are compared bin by bin, got {self.r.size} and {other.r.size} bins that differ")
        if not floor > 0:
            raise InputError(f"the floor must be positive, got {floor!r}")
        mine, theirs = (np.log10(np.maximum(rdf.g, floor)) for rdf in (self, other))
        return float(np.sqrt(np.mean((mine - theirs) ** 2)))

    def plot(self, ax: Axes | None = None, *, log: bool = False, label: str | None = None, **style: Any) -> Axes:
        """Draw g(r) with its 90 % band and its first peak; returns the axes.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        from nanonet.domain._plot import plot_rdf

        low, high = self.g_low, self.g_high
        band = None if low is None or high is None else (low, high)
        return plot_rdf(self.r, self.g, band, self.first_peak, self.composition, ax, log=log, label=label, **style)


def _first_significant_maximum(g: FloatArray, noise: FloatArray, n_sigma: float) -> int | None:
    """Index of the first maximum that rises and falls by more than the noise, or ``None``.

    One walk: remember the lowest bin so far, and the highest since; the peak is confirmed once g has fallen far enough
    below a top that is far enough above the bottom.
    """

    def clear(top: int, bottom: int) -> bool:
        return bool(g[top] - g[bottom] > n_sigma * np.hypot(noise[top], noise[bottom]))

    low = top = 0
    for index in range(1, g.size):
        if g[index] > g[top]:
            top = index
        elif clear(top, low) and clear(top, index):
            return top
        elif g[index] < g[low]:
            low = top = index
    return None

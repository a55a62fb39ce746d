"""The parts of an RDF: the edge of the core, the first peak, the tail; and where its bins lie beyond the contact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.table import Table
from nanonet.domain import RDF
from nanonet.domain.rdf import RESOLUTION
from nanonet.errors import DataError
from nanonet.units import LJ_MINIMUM, MONOMER_DIAMETER

#: Below this g a bin before the edge belongs to the empty core.
SMALLEST = 0.01
NAMES = ("core edge", "first peak", "tail")


def rdf_regions(dataset: Dataset) -> dict[str, NDArray[np.bool_]]:
    """Which bins of each true RDF belong to which region; a bin belongs to one of them or to none.

    With h = half the height of the first peak (``RDF.first_peak``, the noise at least 0.02 (1 + g)), or 1/2 where no
    peak stands out of the noise, and r_h the first bin in which g reaches h:

    * core edge: r < r_h and g >= 0.01; where nanoparticles begin to touch. Bins below 0.01 are the empty core, and in
      no region;
    * first peak: of the bins from r_h on, those from one monomer diameter before the peak to the bin with the lowest g
      within one monomer diameter behind it; empty without a peak;
    * tail: the other bins from r_h on, to the end of the axis.

    Args:
        dataset: RDFs, n records over r in sigma.

    Returns:
        Name to a mask of shape (n, n_bins), in the order of :data:`NAMES`.

    Raises:
        DataError: the targets are no curves.
    """
    if dataset.axis is None:
        raise DataError(f"regions are of curves over r, got the number {dataset.target}")
    r = dataset.axis.array()
    noise = np.zeros_like(dataset.targets) if dataset.noise is None else dataset.noise
    error = np.maximum(noise, RESOLUTION * (1.0 + dataset.targets))
    rows = [_of_one(RDF(r=r, g=g, error=own)) for g, own in zip(dataset.targets, error, strict=True)]
    found = np.array(rows).reshape(len(rows), len(NAMES), len(r))
    return {name: found[:, number] for number, name in enumerate(NAMES)}


def rdf_places(inputs: Table, axis: Axis) -> FloatArray:
    """Where bins lie beyond the contact of two NPs, r_c = 2^(1/6) D: the same structure at the same place for all D.

    p = r - r_c beyond it, where layers of monomers decide, and p = 3 (r / r_c - 1) in front of it, where the wall of
    the potential does, which scales with D; the two agree at r = r_c, and in slope for r_c = 3 sigma.

    Args:
        inputs: n compositions.
        axis: r [sigma].

    Returns:
        p [sigma], shape (n, n_bins).
    """
    contact = LJ_MINIMUM * inputs["D"][:, None]
    r = axis.array()[None, :]
    return np.where(r < contact, 3.0 * (r / contact - 1.0), r - contact)


def _of_one(rdf: RDF) -> NDArray[np.bool_]:
    """Masks of one RDF, shape (3, n_bins)."""
    r, g, peak = rdf.r, rdf.g, rdf.first_peak
    reached = g >= 0.5 * (1.0 if peak is None else peak.height)
    begin = int(np.argmax(reached)) if reached.any() else len(g)
    number = np.arange(len(g))
    edge = (number < begin) & (g >= SMALLEST)
    around = np.zeros(len(g), dtype=bool)
    if peak is not None:
        top = int(np.argmin(np.abs(r - peak.position)))
        reach = round(MONOMER_DIAMETER / rdf.bin_width)
        end = top + int(np.argmin(g[top : top + reach + 1]))
        around = (number >= max(begin, top - reach)) & (number <= end)
    return np.stack([edge, around, (number >= begin) & ~around])

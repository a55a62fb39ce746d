"""The NP-NP radial distribution function, frame by frame with freud, and its standard error."""

from __future__ import annotations

import numpy as np

from nanonet.arrays import FloatArray, frozen_array
from nanonet.domain import Trajectory
from nanonet.errors import InputError
from nanonet.units import N_BINS, R_MAX

#: Fewest coarse blocks that an error is still estimated from.
MIN_BLOCKS = 5


class RDFAccumulator:
    """Mean of g(r) over frames, each normalised with its own box.

    freud normalises accumulated counts with the last box it saw, which is wrong where the box
    fluctuates: each frame is therefore computed for itself and the normalised g is averaged,
    g(r) = < V_f counts_f(r) / (n (n - 1) shell(r)) >_f. This is freud's ``finite_size``
    normalisation: a self-RDF of n particles tends to 1, not to (n - 1)/n.

    Args:
        r_max: largest distance [sigma].
        bins: number of equal bins from 0 to ``r_max``.
    """

    def __init__(self, r_max: float = R_MAX, bins: int = N_BINS) -> None:
        import freud

        self.r_max = float(r_max)
        self.bins = int(bins)
        self._freud = freud
        self._rdf = freud.density.RDF(bins=bins, r_max=r_max, normalization_mode="finite_size")
        self._sum = np.zeros(bins)
        self.n_frames = 0

    @property
    def r(self) -> FloatArray:
        """Bin centres [sigma]."""
        return (np.arange(self.bins) + 0.5) * (self.r_max / self.bins)

    def add(self, box: FloatArray, positions: FloatArray) -> None:
        """Add one frame: edge lengths (3,) and wrapped positions (n, 3).

        Raises:
            InputError: fewer than two particles, or ``r_max`` over half the box.
        """
        if len(positions) < 2:
            raise InputError(f"an RDF needs at least 2 nanoparticles, got {len(positions)}")
        if self.r_max >= 0.5 * float(np.min(box)):
            raise InputError(
                f"r_max = {self.r_max:g} sigma is not below half the box, L = {np.min(box):.4g} sigma; "
                "use a larger box or a smaller r_max"
            )
        system = (self._freud.box.Box(*box), np.asarray(positions, dtype=np.float32))
        self._rdf.compute(system, reset=True)
        self._sum += self._rdf.rdf
        self.n_frames += 1

    def add_trajectory(self, trajectory: Trajectory) -> None:
        """Add all frames of a trajectory."""
        for box, positions in zip(trajectory.box, trajectory.positions, strict=True):
            self.add(box, positions)

    @property
    def g(self) -> FloatArray:
        """Mean of g per bin.

        Raises:
            InputError: no frame was added yet.
        """
        if not self.n_frames:
            raise InputError("there is no RDF yet: add at least one frame")
        return self._sum / self.n_frames


def block_mean(blocks: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean over blocks, shape (n_blocks, ...), weighted by their numbers of frames."""
    return np.average(np.asarray(blocks, dtype=float), axis=0, weights=weights)


def coarsen(blocks: FloatArray, weights: FloatArray, factor: int) -> tuple[FloatArray, FloatArray]:
    """Neighbouring blocks joined ``factor`` at a time; a rest too short to fill one joins the last."""
    count = len(blocks) // factor
    owner = np.minimum(np.arange(len(blocks)) // factor, count - 1)
    joined_weights: FloatArray = np.bincount(owner, weights=weights, minlength=count).astype(float)
    joined = np.zeros((count, *np.shape(blocks)[1:]))
    np.add.at(joined, owner, blocks * np.reshape(weights, (-1,) + (1,) * (np.ndim(blocks) - 1)))
    return joined / joined_weights.reshape((-1,) + (1,) * (np.ndim(blocks) - 1)), joined_weights


def standard_error(blocks: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Standard error of the mean over successive blocks, their correlation included.

    Blocks are joined two, four, eight ... at a time as long as at least 5 remain (Flyvbjerg and
    Petersen, J. Chem. Phys. 91, 461 (1989)). The variance of the mean rises with the length of the
    blocks until they are independent; the joining at which it is largest, pooled over all bins so
    that the noise of single bins does not decide, is used for every bin.

    Args:
        blocks: one value or one curve per block, shape (n_blocks,) or (n_blocks, n_bins).
        weights: frames in each block; equal if not given.

    Raises:
        InputError: fewer than 2 blocks.
    """
    data = np.asarray(blocks, dtype=float)
    if len(data) < 2:
        raise InputError(f"a standard error needs at least 2 blocks, got {len(data)}")
    frames = np.ones(len(data)) if weights is None else frozen_array(weights, name="weights", ndim=1)
    best, largest, factor = None, -np.inf, 1
    while factor == 1 or len(data) // factor >= MIN_BLOCKS:
        joined, joined_weights = coarsen(data, frames, factor)
        share = joined_weights / joined_weights.sum()
        shaped = share.reshape((-1,) + (1,) * (data.ndim - 1))
        deviation = joined - (shaped * joined).sum(axis=0)
        # weighted variance of the mean, unbiased for equal weights
        variance = (shaped**2 * deviation**2).sum(axis=0) / (1.0 - (share**2).sum())
        pooled = float(variance.mean())
        if pooled > largest:
            best, largest = variance, pooled
        factor *= 2
    return np.sqrt(np.asarray(best))

"""What a simulation engine returns: NP positions and thermodynamics, frame by frame."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.errors import InputError


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Nanoparticle positions of one stretch of a simulation, all boxes orthorhombic.

    Args:
        step: number of the integration step of each frame, strictly rising, shape (n_frames,).
        positions: NP positions wrapped into the box, -L/2 to L/2 [sigma], shape (n_frames, n_np, 3).
        images: how often each NP has crossed the box, so that positions + images * L is
            unwrapped, shape (n_frames, n_np, 3).
        box: edge lengths L of each frame [sigma], shape (n_frames, 3).
        dt: time step [tau].
        thermo: per-frame series, each of shape (n_frames,): ``temperature`` [epsilon/k_B],
            ``pressure`` [epsilon/sigma^3], ``energy`` (potential energy per bead) [epsilon],
            ``density`` (monomers per volume) [sigma^-3], and chain ``r2_end`` and ``rg2`` [sigma^2]
            where chains are present.

    Raises:
        InputError: shapes differ, a value is not finite, or a box is not positive.
    """

    step: NDArray[np.int64]
    positions: FloatArray
    images: NDArray[np.int32]
    box: FloatArray
    dt: float
    thermo: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        step = frozen_array(self.step, name="step", ndim=1, dtype=np.int64)
        positions = frozen_array(self.positions, name="positions", ndim=3, shape=(step.size, None, 3))
        images = frozen_array(self.images, name="images", ndim=3, dtype=np.int32, shape=positions.shape)
        box = frozen_array(self.box, name="box", ndim=2, shape=(step.size, 3))
        if step.size and box.min() <= 0:
            raise InputError(f"box lengths must be positive, got {box.min():g}")
        if step.size > 1 and np.diff(step).min() <= 0:
            late = int(np.argmax(np.diff(step) <= 0)) + 1
            raise InputError(
                f"steps must rise strictly from frame to frame, got {step[late]} after {step[late - 1]} at frame {late}"
            )
        if isinstance(self.dt, bool) or not isinstance(self.dt, numbers.Real) or not 0 < float(self.dt) < math.inf:
            raise InputError(f"dt must be positive and finite, a time step in tau, got {self.dt!r}")
        thermo = {
            name: frozen_array(series, name=f"thermo[{name}]", ndim=1, shape=step.shape)
            for name, series in self.thermo.items()
        }
        for name, value in (("step", step), ("positions", positions), ("images", images), ("box", box)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "thermo", thermo)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.step.size)

    @property
    def n_np(self) -> int:
        """Number of nanoparticles."""
        return int(self.positions.shape[1])

    @property
    def unwrapped(self) -> FloatArray:
        """Positions that do not jump at the box's faces, shape (n_frames, n_np, 3) [sigma].

        In a box that fluctuates an image shift counts with the frame's own edge length.
        """
        return self.positions + self.images * self.box[:, None, :]

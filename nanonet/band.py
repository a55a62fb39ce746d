"""The width of a prediction's band, from the ensemble's spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray, frozen_array, two_axes
from nanonet.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class Scale:
    """The scale on which errors of a target are alike.

    u(y) = log10 max(y, floor) where ``log`` is true, else u(y) = y.

    Args:
        log: whether errors are alike in the logarithm.
        floor: smallest value that still counts, positive; 0.01 for RDFs: below it both simulation
            and image hold little but noise.
    """

    log: bool = False
    floor: float = 0.01

    def __post_init__(self) -> None:
        if self.log and not self.floor > 0:
            raise ConfigError(f"the floor of a logarithmic scale must be positive, got {self.floor!r}")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"log": self.log, "floor": self.floor}

    def to(self, values: FloatArray) -> FloatArray:
        """u(y)."""
        return np.log10(np.maximum(values, self.floor)) if self.log else np.asarray(values, dtype=float)

    def back(self, values: FloatArray) -> FloatArray:
        """y(u)."""
        # Beyond 1e300 there is nothing to tell apart, and an overflow would not be a number.
        return 10.0 ** np.clip(values, -300.0, 300.0) if self.log else np.asarray(values, dtype=float)


@dataclass(frozen=True, eq=False)
class Band:
    """A band u(y) -/+ w_j sqrt(s0^2 + s^2) around a prediction y, of one width per bin j, or per place.

    Where bins of different records that have the same number are not alike (an RDF begins where the NPs touch), widths
    belong to places on a scale that is common to all records: w(p_j), linear between the points of ``grid``, constant
    beyond; the problem says where the bins of a record lie (:func:`nanonet.data.problem.places`).

    s is the standard deviation of the members in code space (root mean square over the codes), one number per record,
    so that the band needs no decoding of members; or s_j at each bin, where the representation knows it
    (:class:`nanonet.representations.base.Spreading`): members may agree on the tail of an RDF and not on its peak. s0
    and the w_j come from held-out records (:func:`nanonet.training.calibration.calibrate`).

    Args:
        scale: on which the band is symmetric.
        width: w_j, shape (length,) for curves or (1,) for numbers, not negative.
        offset: s0, positive.
        level: share of held-out values inside, such as 0.9.
        grid: places that the widths belong to, rising, of the shape of ``width``; ``None`` for a width per bin.
    """

    scale: Scale
    width: FloatArray
    offset: float
    level: float
    grid: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", frozen_array(self.width, name="width", ndim=1))
        if self.width.size == 0 or self.width.min() < 0 or not self.offset > 0 or not 0 < self.level < 1:
            raise ConfigError("a band needs widths that are not negative, a positive offset and a level in (0, 1)")
        if self.grid is not None:
            object.__setattr__(self, "grid", frozen_array(self.grid, name="grid", ndim=1, shape=self.width.shape))
            if not (np.diff(self.grid) > 0).all():
                raise ConfigError("the places that the widths of a band belong to must rise")

    def half_width(self, spread: FloatArray, places: FloatArray | None = None) -> FloatArray:
        """w_j sqrt(s0^2 + s^2) on the scale u, shape (n, length), of spreads s, (n,) or (n, length).

        Args:
            spread: s.
            places: where the bins of each record lie, shape (n, length), for a band that has a width per place.

        Raises:
            ConfigError: the band needs places and has none.
        """
        width = self.width
        if self.grid is not None:
            if places is None:
                raise ConfigError("this band has a width per place, and the problem does not say where the bins lie")
            width = np.interp(places, self.grid, self.width)
        return two_axes(np.sqrt(self.offset**2 + np.asarray(spread) ** 2)) * width

    def around(
        self, targets: FloatArray, spread: FloatArray, places: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper ends, of the shape of ``targets`` (n,) or (n, length); ``places`` as above.

        On a logarithmic scale the band of a value at or below the floor begins at that value, and
        the band always holds the prediction itself.
        """
        half = self.half_width(spread, places).reshape(targets.shape if targets.ndim == 1 else (len(targets), -1))
        middle = self.scale.to(targets)
        low, high = self.scale.back(middle - half), self.scale.back(middle + half)
        if self.scale.log:
            low = np.where(low <= self.scale.floor, 0.0, low)
        return np.minimum(low, targets), np.maximum(high, targets)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "scale": self.scale.get_config(),
            "width": self.width.tolist(),
            "offset": self.offset,
            "level": self.level,
            "grid": None if self.grid is None else self.grid.tolist(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Band:
        """From what :meth:`to_json` gave.

        Raises:
            CheckpointError: something is missing or out of range.
        """
        try:
            return cls(
                scale=Scale(**values["scale"]),
                width=np.array(values["width"], dtype=float),
                offset=float(values["offset"]),
                level=float(values["level"]),
                grid=None if values.get("grid") is None else np.array(values["grid"], dtype=float),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the calibration in the manifest cannot be used ({error})") from error

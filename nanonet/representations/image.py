"""The RDF as a picture: a white line on black, as nanoNET sees it, and the way back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.arrays import FloatArray
from nanonet.errors import InputError, MissingDependencyError
from nanonet.representations.base import as_codes, as_targets, load_state, save_state
from nanonet.representations.linefit import LineFit


class RDFImage:
    """Image of an RDF: a white line on black.

    The line joins the points (r_k, log10 g_k). The bins fill the width, so that on the standard
    grid x runs from 0 to 10 sigma; y runs from log10 ``g_min`` at the centre of the bottom row
    to log10 ``g_max`` at the centre of the top row. On 64 rows and from 0.001 to 300 a row is
    0.087 decades.

    *Encoding* draws with a round pen at ``supersampling`` times the size, on whole sub-pixels, and
    averages. Values below ``g_min`` lie on the bottom row; values above ``g_max`` leave the image
    and lie on the top row.

    *Decoding* is sub-pixel: it fits the ordinates to the ink, knowing the pen
    (:mod:`nanonet.representations.linefit`); it needs NumPy only. What lies within half a row of
    the bottom (below 0.0011) reads as g = 0. The round trip keeps |log10 g' - log10 g| where
    g >= 0.01 within 0.03 for 90 % of the bins of an RDF, if its bins scatter by less than about
    5 %: 64 columns cannot hold the noise of 100 bins, and the fit leaves it out. An image that
    was not drawn but predicted may be blurred and of low contrast: each column is stretched to
    its brightest pixel. A column without ink is bridged from its neighbours, and an image
    without ink reads as g = 0 everywhere.

    Codes are numbers from 0 (black) to 1 (white) of shape (n, size, size, 1), the first row on top.
    Values beyond 0 and 1 are clipped; shape (n, size, size) is taken as well.

    Args:
        size: width and height [pixel].
        n_bins: number of bins of g.
        g_min: value of the bottom row.
        g_max: value of the top row.
        line_width: diameter of the pen [pixel], 2 to 6; drawn as the next odd number of sub-pixels,
            which alone has a centre.
        supersampling: sub-pixels per pixel and direction.
        iterations: Gauss-Newton steps of the inverse.

    Raises:
        InputError: an argument is out of range.

    Source: Ayush, Seth and Patra (nanoNET) for size, axes and colours; the pen is ours.
    """

    tolerance: float = 0.03
    requires_fit: bool = False
    lowest: float = 0.0

    def __init__(
        self,
        *,
        size: int = 64,
        n_bins: int = 100,
        g_min: float = 0.001,
        g_max: float = 300.0,
        line_width: float = 2.0,
        supersampling: int = 16,
        iterations: int = 4,
    ) -> None:
        for name, value, low, high in (
            ("size", size, 8, 1024),
            ("n_bins", n_bins, 4, 10_000),
            ("supersampling", supersampling, 1, 64),
            ("iterations", iterations, 0, 100),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InputError(f"{name} must be a whole number from {low} to {high}, got {value!r}")
        if not (0 < g_min < g_max < math.inf):
            raise InputError(f"g_min and g_max must be finite with 0 < g_min < g_max, got {g_min!r} and {g_max!r}")
        if not 2 <= line_width <= 6:
            raise InputError(
                f"line_width must be from 2 to 6 pixels, got {line_width!r}; thinner lines lose sub-pixels"
            )
        self.size, self.n_bins, self.supersampling, self.iterations = size, n_bins, supersampling, iterations
        self.g_min, self.g_max, self.line_width = float(g_min), float(g_max), float(line_width)
        self._low, self._high = math.log10(self.g_min), math.log10(self.g_max)
        self._pen = 2 * round((line_width * supersampling - 1) / 2) + 1
        vertices = (np.arange(n_bins, dtype=np.float64) + 0.5) * (size / n_bins)
        self._vertices = self._snap(vertices)
        #: The fit behind :meth:`decode`.
        self.line = LineFit(
            (self._vertices + 0.5) / supersampling,
            size=size,
            width=self._pen / supersampling,
            iterations=iterations,
        )

    def fit(self, targets: ArrayLike) -> Self:
        """Check the targets; there is nothing to learn. Returns itself.

        Raises:
            InputError: see :func:`~nanonet.representations.base.as_targets`.
        """
        as_targets(targets, n_bins=self.n_bins, lowest=self.lowest)
        return self

    def encode(self, targets: ArrayLike) -> NDArray[np.float32]:
        """Images of shape (n, size, size, 1), 0 to 1, of RDFs of shape (n, n_bins).

        Raises:
            InputError: see :func:`~nanonet.representations.base.as_targets`.
            MissingDependencyError: Pillow is not installed.
        """
        g = as_targets(targets, n_bins=self.n_bins, lowest=self.lowest)
        try:
            from PIL import Image, ImageDraw
        except ImportError as error:
            raise MissingDependencyError(
                "drawing RDF images needs Pillow, which is not installed: pip install 'nanonet[train]'"
            ) from error
        side, radius = self.size * self.supersampling, self._pen // 2
        across = self._vertices.tolist()
        images = np.empty((len(g), self.size, self.size, 1), dtype=np.float32)
        for image, down in zip(images, self._snap(self.rows(g)).tolist(), strict=True):
            canvas = Image.new("L", (side, side))
            draw = ImageDraw.Draw(canvas)
            points = list(zip(across, down, strict=True))
            draw.line(points, fill=255, width=self._pen)
            for x, y in points:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
            image[..., 0] = np.asarray(canvas.reduce(self.supersampling))
        images /= 255.0
        return images

    def decode(self, codes: ArrayLike) -> FloatArray:
        """RDFs of shape (n, n_bins) on images of shape (n, size, size, 1) or (n, size, size).

        Raises:
            InputError: another shape, empty, or not finite.
        """
        side = (self.size, self.size)
        try:
            shape = np.shape(codes)
        except ValueError:
            shape = ()  # ragged: as_codes says so
        if shape[1:] == (*side, 1):
            codes = np.reshape(np.asarray(codes), shape[:3])
        images = as_codes(codes, shape=side, dtype=np.float32)
        np.clip(images, 0.0, 1.0, out=images)
        return self.values(self.line.fit(images).astype(np.float64))

    def rows(self, g: FloatArray) -> FloatArray:
        """Ordinate of g in the image [pixel from the upper edge]: size - 1/2 at ``g_min``, 1/2 at ``g_max``."""
        height = np.log10(np.clip(g, self.g_min, self.g_max))
        return 0.5 + (self._high - height) * ((self.size - 1) / (self._high - self._low))

    def values(self, rows: FloatArray) -> FloatArray:
        """The inverse of :meth:`rows`; 0 within half a row of the bottom."""
        g = 10.0 ** (self._high - (rows - 0.5) * ((self._high - self._low) / (self.size - 1)))
        return np.where(rows > self.size - 1, 0.0, np.minimum(g, self.g_max))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            "size": self.size,
            "n_bins": self.n_bins,
            "g_min": self.g_min,
            "g_max": self.g_max,
            "line_width": self.line_width,
            "supersampling": self.supersampling,
            "iterations": self.iterations,
        }

    def save(self, folder: Path) -> None:
        """Write the configuration; there is nothing else."""
        save_state(self, folder, {})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            CheckpointError: see :func:`~nanonet.representations.base.load_state`.
        """
        config, _ = load_state(cls, folder, ())
        return cls(**config)

    def _snap(self, pixels: FloatArray) -> NDArray[np.int64]:
        """Index of the sub-pixel whose centre is nearest to a place in the image [pixel]."""
        return np.rint(pixels * self.supersampling - 0.5).astype(np.int64)

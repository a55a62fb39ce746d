"""Reading a drawn line back: the ordinates of a polyline from its anti-aliased image.

The polyline has fixed abscissae x_k and unknown ordinates u_k, both in pixels, u downwards from
the upper edge. A pen of diameter w went along it, so the ink of a pixel is the part of its area
that lies closer than w/2 to the line. Reading it back takes two steps:

1. *Rolling the pen along the edges.* The upper edge of the ink is the line dilated by the pen;
   erosion by the same pen gives the line's closing, which is exact at peaks; the lower edge gives
   its opening, exact in valleys. Where the two differ, the curve's bend says which one holds.
2. *A few Gauss-Newton steps* on the difference between the ink seen and the ink that the pen would
   leave. A pixel depends only on the segment nearest to it, hence on two neighbouring ordinates,
   and the normal equations are tridiagonal: a handful of NumPy calls for any number of images.

A centroid of each column does neither: it averages a peak with its flanks.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray

Float32Array = NDArray[np.float32]

#: Steps are damped by _STIFF (change of one ordinate) and _SMOOTH (difference of neighbouring
#: changes), in units of the ink's curvature: what the image does not determine stays as it was.
_STIFF, _SMOOTH = 0.02, 0.05
#: Mean square misfit [ink^2] up to which an image counts as drawn; beyond it, as when a network has
#: predicted it, the smoothing grows in proportion, up to _MOST_DOUBT times.
_MISFIT, _MOST_DOUBT = 1e-3, 20.0
#: Longest change of an ordinate in one step [pixel].
_LONGEST = 2.0
#: Least difference of ink between neighbouring pixels that makes an edge.
_EDGE = 0.05
#: A column whose darkest spot is all there is: below this ink it counts as empty.
_EMPTY = 0.1
#: Columns are read at this many places per pixel in the first step.
_FINE = 4
#: How much smaller the pen is that rolls in narrow peaks [pixel].
_SOFT = 0.25
#: Images worked on at a time, so that their arrays stay in the cache.
_CHUNK = 64
#: Threads that share the chunks of one call.
_MOST_THREADS = 4


class LineFit:
    """Fits the ordinates of a polyline to images of it.

    Args:
        x: abscissae of the vertices in rising order [pixel], shape (n_bins,).
        size: width and height of the image [pixel].
        width: diameter w of the pen [pixel], at least 2: every column it crosses has a fully inked pixel.
        iterations: number of Gauss-Newton steps.
    """

    def __init__(self, x: FloatArray, *, size: int, width: float, iterations: int) -> None:
        self.x, self.size, self.width, self.iterations = np.asarray(x, dtype=float), size, float(width), iterations
        self.top, self.bottom = 0.5, size - 0.5
        n_segments = self.x.size - 1
        center = np.arange(size) + 0.5
        # Which segments can be the nearest one to an inked pixel of each column.
        reach = self.width / 2 + 0.6
        first = np.clip(np.searchsorted(self.x, center - reach) - 1, 0, n_segments - 1)
        last = np.clip(np.searchsorted(self.x, center + reach) - 1, 0, n_segments - 1)
        count = int((last - first).max()) + 1
        self._segments = np.minimum(first, n_segments - count)[:, None] + np.arange(count)
        self._dx = (center[:, None] - self.x[self._segments]).astype(np.float32)
        self._run = np.diff(self.x).astype(np.float32)
        # Where the vertices lie between the places at which columns are read in the first step.
        fine = size * _FINE
        at = np.clip(self.x * _FINE - 0.5, 0, fine - 1)
        self._at = np.minimum(at.astype(int), fine - 2)
        self._part = (at - self._at).astype(np.float32)
        self._pen = _pen_profile(self.width / 2)
        self._tip = _pen_profile(self.width / 2 - _SOFT) + np.float32(_SOFT)

    def fit(self, images: Float32Array) -> Float32Array:
        """Ordinates [pixel] of the lines on images of shape (n, size, size) with ink from 0 to 1.

        The contrast of each column is stretched to its brightest pixel. A column without ink says
        nothing and is bridged from its neighbours; an image without ink reads as a line at the bottom.

        Returns:
            shape (n, n_bins), between the centres of the first and the last row.
        """
        chunks = [images[begin : begin + _CHUNK] for begin in range(0, len(images), _CHUNK)]
        if len(chunks) < 2:
            return self._fit_chunk(images)
        # NumPy lets go of the interpreter while it computes, so threads share the work.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(len(chunks), os.cpu_count() or 1, _MOST_THREADS)) as pool:
            return np.concatenate(list(pool.map(self._fit_chunk, chunks)))

    def _fit_chunk(self, images: Float32Array) -> Float32Array:
        brightest = images.max(axis=1, keepdims=True)
        ink = images * (np.float32(1.0) / np.maximum(brightest, _EMPTY)) * (brightest >= _EMPTY)
        return self._refine(ink, self.start(ink)).astype(np.float32)

    def start(self, ink: Float32Array) -> Float32Array:
        """The first step alone: ordinates by rolling the pen along both edges of the ink."""
        upper, lower = self._edges(ink)
        closing, opening = _roll(upper, lower, self._pen)
        middle, gap = 0.5 * (closing + opening), opening - closing
        # Pixels soften the flanks of a narrow peak: there the full pen would stop too early.
        narrow = np.clip(0.5 * (gap - 1.0), 0.0, 1.0)
        peak, valley = _roll(upper, lower, self._tip)
        peak, valley = closing + narrow * (peak - closing), opening + narrow * (valley - opening)
        # Above the mean of one column to either side: a peak, where the closing is exact.
        sums = np.cumsum(_widened(middle, _FINE + 1), axis=1, dtype=np.float64)
        around = ((sums[:, 2 * _FINE + 1 : -1] - sums[:, : -2 * _FINE - 2]) / (2 * _FINE + 1)).astype(np.float32)
        bend = np.clip(4.0 * (around - middle) / np.maximum(np.abs(gap), 0.2), -1.0, 1.0)
        line = middle + np.maximum(bend, 0.0) * (peak - middle) + np.maximum(-bend, 0.0) * (valley - middle)
        line = line[:, self._at] * (1 - self._part) + line[:, self._at + 1] * self._part
        return np.clip(line, self.top, self.bottom)

    def draw(self, ordinates: Float32Array) -> Float32Array:
        """Images (n, size, size) of the ink that the pen would leave: the model behind the fit."""
        n = len(ordinates)
        column = np.tile(np.arange(self.size), n * self.size)
        row = np.tile(np.repeat(np.arange(self.size), self.size), n)
        image = np.repeat(np.arange(n), self.size**2)
        segment, dx, run = self._candidates(image, column)
        _, t, ex, ey, distance, _ = _nearest(ordinates.ravel(), segment, dx, run, (row + 0.5).astype(np.float32))
        return self._ink(t, ex, ey, distance)[0].reshape(n, self.size, self.size)

    def _edges(self, ink: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Upper and lower edge of the ink, at _FINE places per column, shape (n, _FINE size)."""
        n, size = len(ink), self.size
        finer = np.empty((n, size, size * _FINE), dtype=np.float32)
        padded = _widened(ink, 1)
        for k in range(_FINE):  # linear between the centres of columns
            shift = np.float32((k + 0.5) / _FINE - 0.5)
            other = padded[:, :, :-2] if shift < 0 else padded[:, :, 2:]
            finer[:, :, k::_FINE] = ink + np.abs(shift) * (other - ink)
        inked = finer >= 0.5
        first, last = inked.argmax(axis=1), size - 1 - inked[:, ::-1].argmax(axis=1)
        image, place = np.arange(n)[:, None], np.arange(finer.shape[2])

        def at(row: NDArray[np.int64]) -> Float32Array:
            inside = (row >= 0) & (row < size)
            return finer[image, np.clip(row, 0, size - 1), place] * inside

        upper = (first + 1 - at(first) - at(first - 1)).astype(np.float32)
        lower = (last + at(last) + at(last + 1)).astype(np.float32)
        # The frame cuts a line on the bottom or the top row in half.
        lower = np.where(last == size - 1, np.float32(self.bottom + self.width / 2), lower)
        upper = np.where(first == 0, np.minimum(upper, np.float32(self.top)), upper)
        seen: NDArray[np.bool_] = np.asarray(inked.any(axis=1))
        if not seen.all():
            for i in np.flatnonzero(~seen.all(axis=1)):
                if seen[i].any():
                    upper[i] = np.interp(place, place[seen[i]], upper[i, seen[i]])
                    lower[i] = np.interp(place, place[seen[i]], lower[i, seen[i]])
                else:
                    upper[i], lower[i] = self.bottom - self.width / 2, self.bottom + self.width / 2
        return upper, lower

    def _refine(self, ink: Float32Array, start: Float32Array) -> Float32Array:
        """Gauss-Newton steps on the pixels at the edges of the ink."""
        image, row, column = np.nonzero(_at_edges(ink))
        if not image.size:
            return start
        seen, y = ink[image, row, column], (row + 0.5).astype(np.float32)
        segment, dx, run = self._candidates(image, column)
        ordinates = start
        doubt: FloatArray = np.zeros((len(ink), 1))
        for iteration in range(self.iterations):
            k, t, ex, ey, distance, nearest = _nearest(ordinates.ravel(), segment, dx, run, y)
            drawn, slope = self._ink(t, ex, ey, distance)
            residual = drawn - seen
            if iteration:
                doubt = self._doubt(residual, image, len(ink))
            step = _solve_tridiagonal(*self._normal(k, t, slope * ey, distance, residual, ordinates - start, doubt))
            ordinates = np.clip(ordinates + np.clip(step, -_LONGEST, _LONGEST), self.top, self.bottom)
            if iteration == 0 and segment.shape[1] > 3:
                # From now on only pixels near the edge, and the segments around the nearest one.
                keep = np.flatnonzero(np.abs(distance - self.width / 2) < 1.5)
                around = np.clip(nearest[keep] - 1, 0, segment.shape[1] - 3)
                pick = (keep * segment.shape[1] + around)[:, None] + np.arange(3)
                segment, dx, run = segment.ravel()[pick], dx.ravel()[pick], run.ravel()[pick]
                seen, y, image = seen[keep], y[keep], image[keep]
        return ordinates

    @staticmethod
    def _doubt(residual: Float32Array, image: NDArray[np.int64], n: int) -> FloatArray:
        """How much each image holds that no pen has drawn: extra smoothing of the way from the start, (n, 1)."""
        square = np.bincount(image, residual * residual, n) / np.maximum(np.bincount(image, minlength=n), 1)
        return np.asarray(_SMOOTH * np.clip(square / _MISFIT - 1.0, 0.0, _MOST_DOUBT))[:, None]

    def _candidates(
        self, image: NDArray[np.int64], column: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Float32Array, Float32Array]:
        """For each pixel the segments that may be nearest: index among all images', dx and run."""
        local = self._segments[column]
        return local + (image * self.x.size)[:, None], self._dx[column], self._run[local]

    def _ink(
        self, t: Float32Array, ex: Float32Array, ey: Float32Array, distance: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Ink of pixels at a vector (ex, ey) from place t of a segment, and -d(ink)/d(distance).

        The part of a unit square on one side of a straight edge. Around a vertex the edge is round:
        averaged over the square it lies 1/(24 radius) = 1/(12 w) further in.
        """
        inverse = 1.0 / np.maximum(distance, 1e-6)
        nx, ny = np.abs(ex) * inverse, np.abs(ey) * inverse
        long, short = np.maximum(np.maximum(nx, ny), 0.5), np.maximum(np.minimum(nx, ny), 0.02)
        depth = self.width / 2 - distance - ((t <= 0) | (t >= 1)) * np.float32(1 / (12 * self.width))
        outer, inner, scale = 0.5 * (long + short), 0.5 * (long - short), long * short
        a, b = np.maximum(depth + outer, 0), np.maximum(depth + inner, 0)
        c, d = np.maximum(depth - inner, 0), np.maximum(depth - outer, 0)
        return (a * a - b * b - c * c + d * d) / (2.0 * scale), (a - b - c + d) / scale

    def _normal(
        self,
        k: NDArray[np.int64],
        t: Float32Array,
        pull: Float32Array,
        distance: Float32Array,
        residual: Float32Array,
        way: Float32Array,
        doubt: FloatArray,
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Diagonal, off-diagonal and right-hand side of the damped normal equations, each (n, n_bins).

        They minimise |residual + J step|^2 + _STIFF |step|^2 + _SMOOTH |D step|^2 + doubt |D (way + step)|^2;
        D takes differences of neighbours, ``way`` is how far the ordinates have come from the start.
        """
        both = pull / np.maximum(distance, 1e-6)
        after = both * t
        before = both - after

        def summed(index: NDArray[np.int64], weight: NDArray[np.floating[Any]]) -> FloatArray:
            return np.asarray(np.bincount(index, weight, way.size), dtype=np.float64).reshape(way.shape)

        smooth = _SMOOTH + doubt
        diagonal = summed(k, before * before) + summed(k + 1, after * after) + (_STIFF + 2.0 * smooth)
        diagonal[:, [0, -1]] -= smooth
        beside = summed(k, before * after) - smooth
        right = -summed(k, before * residual) - summed(k + 1, after * residual)
        bent = doubt * np.diff(way, axis=1)
        right[:, :-1] += bent
        right[:, 1:] -= bent
        return diagonal, beside, right


def _pen_profile(radius: float) -> Float32Array:
    """Half the height of a round pen at each place across it, _FINE places per pixel."""
    margin = int(radius * _FINE + 1e-9)
    offset = np.arange(-margin, margin + 1) / _FINE
    return np.sqrt(np.maximum(radius**2 - offset**2, 0.0)).astype(np.float32)


def _roll(upper: Float32Array, lower: Float32Array, pen: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Where a pen that rolls inside along the upper and the lower edge has its centre: closing and opening."""
    margin, fine = len(pen) // 2, upper.shape[1]
    upper, lower = _widened(upper, margin), _widened(lower, margin)
    closing, opening = upper[:, :fine] + pen[0], lower[:, :fine] - pen[0]
    for k in range(1, len(pen)):
        closing = np.maximum(closing, upper[:, k : k + fine] + pen[k])
        opening = np.minimum(opening, lower[:, k : k + fine] - pen[k])
    return closing, opening


def _nearest(
    ordinates: Float32Array, segment: NDArray[np.int64], dx: Float32Array, run: Float32Array, y: Float32Array
) -> tuple[NDArray[np.int64], Float32Array, Float32Array, Float32Array, Float32Array, NDArray[np.int64]]:
    """The nearest segment of each pixel.

    Returns:
        its index, the place t in 0..1 on it, the vector from there and its length [pixel], and
        which of the candidates it was.
    """
    u = ordinates[segment]
    rise = ordinates[segment + 1] - u
    dy = y[:, None] - u
    t = np.clip((dx * run + dy * rise) / (run * run + rise * rise), 0.0, 1.0)
    ex, ey = dx - t * run, dy - t * rise
    square = ex * ex + ey * ey
    nearest = square.argmin(axis=1)
    pick = np.arange(len(y)) * segment.shape[1] + nearest
    segment, t, ex, ey, square = (array.ravel()[pick] for array in (segment, t, ex, ey, square))
    return segment, t, ex, ey, np.sqrt(square), nearest


def _at_edges(ink: Float32Array) -> NDArray[np.bool_]:
    """Pixels that differ from a neighbour, and those above and below them."""
    edge = np.zeros(ink.shape, dtype=bool)
    beside = np.abs(ink[:, :, 1:] - ink[:, :, :-1]) > _EDGE
    edge[:, :, 1:] |= beside
    edge[:, :, :-1] |= beside
    below = np.abs(ink[:, 1:] - ink[:, :-1]) > _EDGE
    edge[:, 1:] |= below
    edge[:, :-1] |= below
    wide = edge.copy()
    wide[:, 1:] |= edge[:, :-1]
    wide[:, :-1] |= edge[:, 1:]
    return wide


def _widened(array: Float32Array, margin: int) -> Float32Array:
    """The last axis continued by ``margin`` copies of either end (np.pad is slow on small arrays)."""
    first, last = np.repeat(array[..., :1], margin, axis=-1), np.repeat(array[..., -1:], margin, axis=-1)
    return np.concatenate([first, array, last], axis=-1)


def _solve_tridiagonal(diagonal: FloatArray, beside: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions of n symmetric tridiagonal systems, arrays (n, m); ``beside[:, -1]`` is not used.

    Elimination without pivoting, which damped normal equations do not need. One system is faster
    in plain Python numbers, many are faster side by side.
    """
    if len(diagonal) == 1:
        return np.array([_solve_one(diagonal[0].tolist(), beside[0].tolist(), right[0].tolist())])
    a, b, y = np.ascontiguousarray(diagonal.T), np.ascontiguousarray(beside.T), np.ascontiguousarray(right.T)
    ratio = np.empty_like(a)
    pivot = a[0]
    y[0] /= pivot
    for k in range(len(a) - 1):
        ratio[k] = b[k] / pivot
        pivot = a[k + 1] - b[k] * ratio[k]
        y[k + 1] = (y[k + 1] - b[k] * y[k]) / pivot
    for k in range(len(a) - 2, -1, -1):
        y[k] -= ratio[k] * y[k + 1]
    return y.T


def _solve_one(a: list[float], b: list[float], y: list[float]) -> list[float]:
    pivot, value = a[0], y[0] / a[0]
    ratios, values = [], [value]
    for a_k, b_k, y_k in zip(a[1:], b[:-1], y[1:], strict=True):
        ratio = b_k / pivot
        pivot = a_k - b_k * ratio
        value = (y_k - b_k * value) / pivot
        ratios.append(ratio)
        values.append(value)
    solution = [value]
    for ratio, eliminated in zip(reversed(ratios), reversed(values[:-1]), strict=True):
        value = eliminated - ratio * value
        solution.append(value)
    solution.reverse()
    return solution

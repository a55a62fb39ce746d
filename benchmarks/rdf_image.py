"""What reading an RDF off its image costs, and what it loses: three inverses on the same images, in one run.

The *fast inverse* is the one of `RDFImage.decode`; *full least squares* fits all pixels at once with
SciPy's trust region, from the same start and with the same model of the pen, until it no longer improves; the *column
centroid* is the obvious inverse. The error is the median over the images of the 90th percentile of
|Δ log10 g| where g ≥ 0.01, the peak's is the median of the relative error of the highest bin. The images are of
made-up RDFs with steep cores, first peaks of 3, 20 and 100, and noise up to 3 %.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks import Figure, repeat
from nanonet.arrays import FloatArray
from nanonet.representations.image import RDFImage
from tests.synthetic import log_error, synthetic_rdfs


def centroid(image: RDFImage, pictures: NDArray[np.float32]) -> FloatArray:
    """The mean row of the ink in each column, interpolated to the bins."""
    ink = pictures[..., 0]
    places = np.arange(image.size) + 0.5
    rows = (ink * places[:, None]).sum(axis=1) / ink.sum(axis=1)
    bins = (np.arange(image.n_bins) + 0.5) * image.size / image.n_bins
    return image.values(np.array([np.interp(bins, places, row) for row in rows]))


def least_squares(image: RDFImage, picture: NDArray[np.float32]) -> FloatArray:
    """The ordinates that minimise the squared difference of all pixels of one image."""
    from scipy.optimize import least_squares as solve
    from scipy.sparse import lil_matrix

    model, ink = image.line, picture[None, :, :, 0]
    column = np.tile(np.arange(image.size) + 0.5, image.size)
    near = np.abs(column[:, None] - model.x[None, :]) < 0.5 * model.width + 2.0
    found = solve(
        lambda rows: (model.draw(rows[None].astype(np.float32)) - ink).ravel().astype(float),
        model.start(ink)[0].clip(0.51, image.size - 0.51),
        bounds=(0.5, image.size - 0.5),
        jac_sparsity=lil_matrix(near),
        diff_step=1e-3,
    )
    return image.values(found.x[None])


def measure() -> Iterator[Figure]:
    """Errors and times side by side."""
    g, _ = synthetic_rdfs(1000, seed=11)
    image = RDFImage()
    drawing, drawing_spread = repeat(lambda: image.encode(g), times=3)
    pictures = image.encode(g)
    few = 27
    full = np.concatenate([least_squares(image, picture) for picture in pictures[:few]])
    readings = {
        "fast inverse": image.decode(pictures[:few]),
        "full least squares": full,
        "column centroid": centroid(image, pictures[:few]),
    }
    for name, read in readings.items():
        asked = 0.03 if name == "fast inverse" else None
        yield Figure(f"error, {name}", float(np.median(log_error(g[:few], read))), "decades", at_most=asked)
        lost = np.abs(read.max(axis=1) / g[:few].max(axis=1) - 1.0)
        yield Figure(f"peak height lost, {name}", float(np.median(lost)), "1", at_most=0.05 if asked else None)

    one, one_spread = repeat(lambda: image.decode(pictures[:1]), times=101, warm_up=5)
    many, many_spread = repeat(lambda: image.decode(pictures), times=5)
    plain, plain_spread = repeat(lambda: centroid(image, pictures[:1]), times=101, warm_up=5)
    slow, slow_spread = repeat(lambda: least_squares(image, pictures[0]), times=3)
    yield Figure("time of one image, fast inverse", 1e3 * one, "ms", 1e3 * one_spread, at_most=1.5)
    yield Figure("time of one image, full least squares", 1e3 * slow, "ms", 1e3 * slow_spread)
    yield Figure("time of one image, column centroid", 1e3 * plain, "ms", 1e3 * plain_spread)
    yield Figure("full least squares / fast inverse", slow / one, "1", note="ratio of times, one image")
    yield Figure("time of 1,000 images, fast inverse", many, "s", many_spread)
    yield Figure("time of 1,000 images, drawing", drawing, "s", drawing_spread)

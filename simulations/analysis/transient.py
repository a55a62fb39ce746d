"""Where the relaxation from the start ends within a series of blocks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import InputError


def transient(series: Iterable[FloatArray]) -> int | None:
    """How many of the first blocks still relax, by the marginal standard error rule (MSER).

    Of each series x the d first blocks are left out that make

        s(d) = sum_{k >= d} (x_k - mean_{k >= d} x)^2 / (n - d)^2

    smallest, the variance of the mean of the rest as far as its blocks are independent: leaving out a block that is
    off takes more from the sum than the shorter rest costs. At most half of the blocks are tried. A minimum there
    says that the relaxation has not ended, as far as one can see (K. P. White, Simulation 69, 323 (1997)).
    Of several series the one that takes longest counts.

    The rule cuts by chance, too: of 20 stationary, independent blocks it leaves out 1.3 on average, and 2.6 where
    neighbours correlate by 0.6. It is therefore only asked where something speaks against the whole.

    Args:
        series: block means, each of shape (n,), or (n, n_bins) where the bins of a curve are judged together.

    Returns:
        Number of blocks, or ``None`` where none of the halves would do.

    Raises:
        InputError: fewer than 4 blocks, or series of different lengths.
    """
    blocks = [np.asarray(one, dtype=float) for one in series]
    lengths = {len(one) for one in blocks}
    if len(lengths) != 1 or min(lengths) < 4:
        raise InputError(f"a transient is looked for in series of one length, at least 4 blocks; got {sorted(lengths)}")
    most = lengths.pop() // 2
    ends = [_minimum(one.reshape(len(one), -1), most) for one in blocks]
    return None if max(ends) == most else max(ends)


def _minimum(rows: FloatArray, most: int) -> int:
    n = len(rows)
    spread = [float(((rows[d:] - rows[d:].mean(axis=0)) ** 2).sum()) / (n - d) ** 2 for d in range(most + 1)]
    return int(np.argmin(spread))

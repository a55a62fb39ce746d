"""Read-only float arrays for frozen types, and the checks that every border needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.errors import InputError

FloatArray = NDArray[np.floating[Any]]


def two_axes(values: FloatArray) -> FloatArray:
    """Numbers (n,) as (n, 1); others as they are."""
    return values[:, None] if values.ndim == 1 else values


def of_rows(values: FloatArray) -> FloatArray:
    """One number per row: numbers (n,) as they are, of (n, length) the root mean square over the length."""
    return values if values.ndim == 1 else np.asarray(np.sqrt((values**2).mean(axis=1)))


def frozen_array(
    value: ArrayLike,
    *,
    name: str,
    ndim: int,
    dtype: type = np.float64,
    finite: bool = True,
    shape: Iterable[int | None] | None = None,
) -> NDArray:
    """A read-only copy of ``value`` with ``ndim`` axes.

    Args:
        value: anything NumPy can turn into numbers.
        name: how error messages call it.
        ndim: the number of axes expected.
        dtype: the element type of the copy.
        finite: refuse NaN and infinity.
        shape: expected length of each axis, ``None`` where any will do.

    Raises:
        InputError: not numeric, other shape, not finite, or not whole where ``dtype`` is an integer.
    """
    try:
        if np.issubdtype(dtype, np.integer):
            _check_whole(np.asarray(value), name=name, dtype=dtype)
        array: NDArray[Any] = np.array(value, dtype=dtype)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be numbers, got {value!r:.80} ({error})") from error
    if array.ndim != ndim:
        raise InputError(f"{name} must have {ndim} axes, got shape {array.shape}")
    if shape is not None:
        expected = tuple(shape)
        if len(expected) != ndim or any(
            want is not None and want != got for want, got in zip(expected, array.shape, strict=True)
        ):
            raise InputError(f"{name} must have shape {expected}, got {array.shape}")
    if finite and array.size and not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InputError(f"{name} must be finite, got {array[tuple(bad)]} at index {bad}")
    array.flags.writeable = False
    return array


def _check_whole(array: NDArray[Any], *, name: str, dtype: type) -> None:
    """Refuse numbers that an integer type would change silently."""
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f":
        good = (array == np.rint(array)) & (array >= limits.min) & (array <= limits.max)
    elif array.dtype.kind in "iu":
        good = (array >= limits.min) & (array <= limits.max)
    else:
        return
    if not good.all():
        bad = np.argwhere(~good)[0].tolist()
        raise InputError(
            f"{name} must be whole numbers from {limits.min} to {limits.max}, got {array[tuple(bad)]} at index {bad}"
        )

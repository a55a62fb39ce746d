"""The contract of a representation, a two-way mapping of the target, and what all of them need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.arrays import FloatArray
from nanonet.data.table import Table
from nanonet.errors import CheckpointError, InputError, NotFittedError
from nanonet.parts import TARGET, describe, load_arrays, load_config, save_arrays


@runtime_checkable
class Representation(Protocol):
    """Maps targets to codes that a regressor can learn, and codes back to targets.

    A code c of a target g is c = encode(g), and decode(c) is g up to the stated tolerance. A
    representation is fitted on the training part only, keeps every number it has learned in
    itself, so that predictions leave in physical units, and changes none of the arrays it is given.

    Targets are plain numbers of shape (n, n_bins): for nanoNET the RDFs g(r) [1] of n records on
    one grid of r. Codes have n as their first axis; the other axes are the representation's own.

    Every class also states, as attributes:

    * ``tolerance``: largest 90th percentile of |log10 g' - log10 g| over the bins with g >= 0.01 of
      one target, g' = decode(encode(g)), for targets like those it was fitted on; infinite where
      no promise can be made (a learned compression);
    * ``requires_fit``: whether ``encode`` and ``decode`` need a ``fit`` (or a ``load``) first;
    * ``lowest``: smallest target it takes, 0 for an RDF, minus infinity for any number;
    * ``gaps``, if it has it: NaN among the targets says that a number is not known, and is NaN among the codes.
    """

    tolerance: float
    requires_fit: bool
    lowest: float

    def fit(self, targets: ArrayLike) -> Self:
        """Learn from training targets of shape (n, n_bins); returns itself.

        Raises:
            InputError: not numbers, another shape, empty, not finite, or below ``lowest``.
        """
        ...

    def encode(self, targets: ArrayLike) -> NDArray[Any]:
        """Codes of shape (n, ...) of targets of shape (n, n_bins).

        Raises:
            NotFittedError: it needs a fit and had none.
            InputError: as in :meth:`fit`, or another number of bins than at the fit.
        """
        ...

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Targets of shape (n, n_bins) of codes of shape (n, ...): finite, and not below ``lowest``.

        Raises:
            NotFittedError: it needs a fit and had none.
            InputError: codes of another shape, empty, or not finite.
        """
        ...

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as plain JSON types."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything learned into ``folder``, without pickle.

        :func:`nanonet.parts.save_part` writes the configuration beside it.

        Raises:
            NotFittedError: it needs a fit and had none.
        """
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The representation that :func:`nanonet.parts.save_part` wrote into ``folder``.

        Raises:
            CheckpointError: a file is missing, unreadable or of another class.
        """
        ...


@runtime_checkable
class Spreading(Protocol):
    """A conditioned representation that knows cheaply how far the members of an ensemble are apart at each bin."""

    def spread(self, members: FloatArray, inputs: Table) -> FloatArray:
        """Standard deviation over the members at each bin, on a scale of the representation's own.

        Args:
            members: codes that they predict, shape (m, n, d).
            inputs: of the n records.

        Returns:
            Shape (n, n_bins), finite and not negative; 0 where all members say the same.
        """
        ...


@runtime_checkable
class Conditioned(Protocol):
    """A representation whose mapping depends on the inputs of each record, as where a curve begins on a diameter.

    As :class:`Representation`, but ``fit``, ``encode`` and ``decode`` are also given the inputs, one row per target or
    code. What it needs of them must not be fitted: it is known of a record that is only to be predicted.
    """

    tolerance: float
    requires_fit: bool
    lowest: float
    #: Columns of the inputs that it needs.
    needs: tuple[str, ...]

    def fit(self, targets: ArrayLike, inputs: Table) -> Self:
        """Learn from training targets of shape (n, n_bins) and their inputs; returns itself."""
        ...

    def encode(self, targets: ArrayLike, inputs: Table) -> NDArray[Any]:
        """Codes of shape (n, ...) of targets of shape (n, n_bins)."""
        ...

    def decode(self, codes: ArrayLike, inputs: Table) -> FloatArray:
        """Targets of shape (n, n_bins) of codes of shape (n, ...)."""
        ...

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as plain JSON types."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything learned into ``folder``, without pickle."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The representation that :func:`nanonet.parts.save_part` wrote into ``folder``."""
        ...


def as_targets(targets: ArrayLike, *, n_bins: int | None, lowest: float, gaps: bool = False) -> FloatArray:
    """Targets as a new float array of shape (n, n_bins).

    Args:
        targets: what the caller gave.
        n_bins: number of bins expected, ``None`` where any will do.
        lowest: smallest value allowed.
        gaps: NaN is allowed, for what is not known.

    Raises:
        InputError: not numbers, another shape, empty, not finite, or below ``lowest``.
    """
    wanted = f"(n, {'n_bins' if n_bins is None else n_bins})"
    array = _numbers(targets, name="targets", wanted=wanted)
    if array.ndim != 2 or not array.size or n_bins not in (None, array.shape[1]):
        raise InputError(
            f"targets have shape {array.shape}, expected {wanted} with n at least 1; "
            "give one row per record, all on one grid (one RDF: rdf.g[None])"
        )
    bad = (np.isinf(array) if gaps else ~np.isfinite(array)) | (array < lowest)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        least = "" if np.isneginf(lowest) else f" and at least {lowest:g}"
        raise InputError(
            f"targets[{row}, {column}] is {array[row, column]}, expected a finite number{least}; "
            "leave that record out or mend it"
        )
    return array


def as_codes(codes: ArrayLike, *, shape: tuple[int, ...], dtype: type = np.float64) -> NDArray[Any]:
    """Codes as a new array of shape (n, *shape) of floats of type ``dtype``.

    Raises:
        InputError: not numbers, another shape, empty, or not finite.
    """
    wanted = f"(n, {', '.join(map(str, shape))})"
    array = _numbers(codes, name="codes", wanted=wanted, dtype=dtype)
    if array.shape[1:] != shape or not array.size:
        raise InputError(
            f"codes have shape {array.shape}, expected {wanted} with n at least 1; make them with encode()"
        )
    if not np.isfinite(array).all():
        index = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InputError(f"codes{index} is {array[tuple(index)]}, expected finite numbers; mend what predicts them")
    return array


def _numbers(value: ArrayLike, *, name: str, wanted: str, dtype: type = np.float64) -> NDArray[Any]:
    try:
        with np.errstate(over="ignore"):  # too large for the type becomes infinite, and is refused as that
            return np.array(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must be an array of numbers of shape {wanted}, got {value!r:.80} ({error}); "
            "convert it with numpy.asarray first"
        ) from error


def not_fitted(part: object) -> NotFittedError:
    """The error of a representation that is used before it was fitted."""
    return NotFittedError(
        f"{type(part).__name__} has learned nothing yet; call fit(targets) with the training targets, or load() one"
    )


def save_state(part: Representation | Conditioned, folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the configuration (``part.json``) and what was learned (``state.npz``) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part.json").write_text(json.dumps(describe(part), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if arrays:
        save_arrays(folder / "state.npz", **arrays)


def load_state(cls: type, folder: Path, names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Configuration and arrays that :func:`save_state` wrote for class ``cls``.

    Raises:
        CheckpointError: a file is missing, unreadable or of another class.
    """
    file = folder / "part.json"
    expected = f"{cls.__module__}.{cls.__qualname__}"
    try:
        target = json.loads(file.read_text(encoding="utf-8"))[TARGET]
        config = load_config(folder)
    except FileNotFoundError as error:
        raise CheckpointError(f"a part is missing: no {file}; copy or make the checkpoint again") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{file} does not describe a {cls.__name__} ({error}); make the checkpoint again"
        ) from error
    if target != expected:
        raise CheckpointError(f"{file} holds {target!r}, expected {expected!r}; load it with its own class")
    return config, load_arrays(folder / "state.npz", *names) if names else {}

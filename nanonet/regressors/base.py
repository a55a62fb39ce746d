"""The contract of regressors, and the checks that all of them need."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.errors import InputError, NotFittedError

#: Group of each record, or nothing where every record is its own.
Groups = NDArray[np.str_] | None


@runtime_checkable
class Regressor(Protocol):
    """x (n, p) -> codes (n, d), by several members.

    The prediction is the mean over the members; their standard deviation (with n in the
    denominator) is the regressor's own, uncalibrated spread. A method that states a mean and a
    standard deviation s has two members, mean - s and mean + s.
    """

    #: Least coefficient of determination on 8 training points on a line; a method that does
    #: not even try (the mean) states a low one.
    memorises: ClassVar[float]

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Learn; the same data and configuration give the same regressor. Returns itself.

        Args:
            x: features, shape (n, p).
            codes: shape (n, d), finite; regressors that say so also take NaN for what is not known.
            groups: group of each record. A regressor that splits its training data itself, to choose
                a setting or when to stop, keeps groups together; the others take no notice.
        """

    def predict(self, x: FloatArray) -> FloatArray:
        """Mean over the members, shape (n, d).

        Raises:
            NotFittedError: before :meth:`fit`.
            InputError: x has another number of columns than in :meth:`fit`.
        """

    def members(self, x: FloatArray) -> FloatArray:
        """Prediction of each member, shape (m, n, d)."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that build an unfitted regressor like this one."""

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""


def training_arrays(x: ArrayLike, codes: ArrayLike, *, gaps: bool = False) -> tuple[FloatArray, FloatArray]:
    """Features (n, p) and codes (n, d) as arrays of equal length, finite.

    Args:
        x: features.
        codes: what to learn.
        gaps: codes may be NaN, which says that they are not known; each is known for some row.

    Raises:
        InputError: other shapes, no rows, or values that are not finite.
    """
    features = frozen_array(x, name="x", ndim=2)
    targets = frozen_array(codes, name="codes", ndim=2, finite=False)
    known = np.isfinite(targets)
    if not gaps and np.isnan(targets).any():
        raise InputError(
            f"codes must be known, and {int(np.isnan(targets).sum())} of {targets.size} are NaN; let a network learn "
            "them together, or a regressor of each by itself (regressor=each)"
        )
    if np.isinf(targets).any() or (targets.size and not known.any(axis=0).all()):
        raise InputError("codes must be finite or, where this is allowed, NaN, and each known for at least one row")
    if len(features) != len(targets) or not len(features):
        raise InputError(f"x and codes need the same number of rows, at least one, got {len(features)}, {len(targets)}")
    return features, targets


def standardised(codes: FloatArray) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Codes (n, d) in units of their deviation from their mean, and both, by name; NaN stays NaN.

    A code that does not vary keeps its unit.
    """
    mean, scale = np.nanmean(codes, axis=0), np.nanstd(codes, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return (codes - mean) / scale, {"mean": mean, "scale": scale}


def query_array(x: ArrayLike, columns: int | None, name: str) -> FloatArray:
    """Features (n, p) as a finite array with the number of columns seen in fitting.

    Raises:
        NotFittedError: ``columns`` is ``None``: the regressor ``name`` was not fitted.
        InputError: another number of columns.
    """
    if columns is None:
        raise NotFittedError(f"{name} was asked for a prediction before it was fitted; call fit() first")
    return frozen_array(x, name="x", ndim=2, shape=(None, columns))

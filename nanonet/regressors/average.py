"""A weighted mean of different regressors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.errors import ConfigError, MissingDependencyError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_arrays, load_config, load_part, save_arrays, save_part
from nanonet.regressors.base import Groups, Regressor, training_arrays
from nanonet.regressors.folds import out_of_fold


class Average:
    """y = sum_k w_k y_k over regressors k of different kinds.

    Two members, mean -/+ s, with s^2 = sum_k w_k (s_k^2 + (y_k - y)^2): what each of them does not
    know, and how far they are apart.

    Args:
        of: at least two regressors, unfitted.
        weights: one for each, not negative; equal ones if not given.
        folds: above 1: the weights are learned instead, as those of least square error (not
            negative, sum 1, the same for all codes) on inner folds that keep groups together.
        seed: of these folds.
        balance: in learning the weights, records of a group of n weigh (n + 20)^-balance each, 0 to 1.

    Raises:
        ConfigError: fewer than two, weights that do not fit, or a balance out of its range.
    """

    memorises: ClassVar[float] = 0.5

    def __init__(
        self,
        of: Sequence[Regressor],
        weights: Sequence[float] | None = None,
        folds: int = 0,
        seed: int | None = 0,
        balance: float = 0.0,
    ) -> None:
        if not 0 <= balance <= 1:
            raise ConfigError(f"balance must lie in [0, 1], got {balance!r}")
        if len(of) < 2:
            raise ConfigError(f"an average needs at least 2 regressors, got {len(of)}")
        if weights is not None and (len(weights) != len(of) or min(weights) < 0 or not sum(weights) > 0):
            raise ConfigError(f"weights must be {len(of)} numbers, not negative and not all 0, got {list(weights)!r}")
        if weights is not None and folds > 1:
            raise ConfigError("give weights, or folds to learn them, not both")
        self.of = list(of)
        self.weights = None if weights is None else [float(value) for value in weights]
        self.folds, self.seed, self.balance = int(folds), seed, float(balance)
        self._fitted: list[Regressor] | None = None
        self._share: FloatArray = np.array(self.weights or [1.0] * len(of))
        self._share = self._share / self._share.sum()

    @property
    def share(self) -> FloatArray:
        """The weights in use, with sum 1."""
        return self._share

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit every one of them, and the weights where these are learned."""
        x, codes = training_arrays(x, codes)
        if self.folds > 1:
            found = [
                out_of_fold(lambda r=one: build(describe(r)), x, codes, groups, self.folds, self.seed)  # type: ignore[misc]
                for one in self.of
            ]
            self._share = _least_squares(found, codes, _balanced(len(x), groups, self.balance))
        self._fitted = [build(describe(one)).fit(x, codes, groups) for one in self.of]
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the spread, shape (2, n, d)."""
        if self._fitted is None:
            raise NotFittedError("an average was asked for a prediction before it was fitted; call fit() first")
        parts = [one.members(x) for one in self._fitted]
        means = np.stack([part.mean(axis=0) for part in parts])
        variances = np.stack([part.var(axis=0) for part in parts])
        mean = np.tensordot(self._share, means, axes=1)
        spread = np.sqrt(np.tensordot(self._share, variances + (means - mean) ** 2, axes=1))
        return np.stack([mean - spread, mean + spread])

    def predict(self, x: FloatArray) -> FloatArray:
        """Weighted mean, shape (n, d)."""
        return self.members(x).mean(axis=0)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the regressors as descriptions."""
        return {
            "of": [describe(one) for one in self.of],
            "weights": self.weights,
            "folds": self.folds,
            "seed": self.seed,
            "balance": self.balance,
        }

    def save(self, folder: Path) -> None:
        """Write every one into a folder of its own."""
        if self._fitted is None:
            raise NotFittedError("an average must be fitted before it is saved")
        for number, one in enumerate(self._fitted):
            save_part(one, folder / f"part{number}")
        save_arrays(folder / "average.npz", share=self._share)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read every one."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        kind: type[Regressor] = Regressor  # type: ignore[type-abstract]
        made._fitted = [load_part(folder / f"part{number}", kind) for number in range(len(made.of))]
        made._share = load_arrays(folder / "average.npz", "share")["share"]
        return made


def _balanced(n: int, groups: Groups, balance: float) -> FloatArray:
    """Weight of each record, with mean 1."""
    names = np.arange(n) if groups is None else np.asarray(groups)
    _, which, counts = np.unique(names, return_inverse=True, return_counts=True)
    weight = (counts[which] + 20.0) ** -balance
    return np.asarray(weight / weight.mean())


def _least_squares(found: list[FloatArray], codes: FloatArray, weight: FloatArray) -> FloatArray:
    """Weights w >= 0 with sum 1 that minimise |sum_k w_k y_k - y|^2, codes in units of their deviation.

    ``weight`` is that of each record in the sum of squares.
    """
    try:
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingDependencyError(
            "learning weights needs SciPy, which is not installed: pip install 'nanonet[train]'"
        ) from error
    scale = np.where(codes.std(axis=0) > 0, codes.std(axis=0), 1.0)
    # With weights of sum 1 the error is sum_k w_k (y_k - y); a heavy row keeps the sum there.
    errors = np.stack([(np.sqrt(weight)[:, None] * (one - codes) / scale).ravel() for one in found], axis=1)
    heavy = 1e3 * max(1.0, float(np.abs(errors).max())) * np.ones((1, len(found)))
    weights, _ = nnls(np.vstack([errors, heavy]), np.append(np.zeros(len(errors)), heavy[0, 0]))
    return weights / weights.sum() if weights.sum() > 0 else np.full(len(found), 1.0 / len(found))

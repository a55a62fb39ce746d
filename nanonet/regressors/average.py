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
    know, and how far they are apart. With ``seats`` the members are theirs instead, so that what a
    code's spread means for a curve is still known: regressor k has n_k of them and a weight w_k that
    is its share of the seats. Has it more members than seats, each seat is the mean of equally many
    of them, has it fewer, each of them has equally many seats.

    Args:
        of: at least two regressors, unfitted.
        weights: one for each, not negative; equal ones if not given.
        folds: above 1: the weights are learned instead, as those of least square error (not
            negative, sum 1, the same for all codes) on inner folds that keep groups together.
        seed: of these folds.
        balance: in learning the weights, records of a group of n weigh (n + 20)^-balance each, 0 to 1.
        seats: how many members of the average are those of each regressor; in place of weights.

    Raises:
        ConfigError: fewer than two, weights or seats that do not fit, or a balance out of its range.
    """

    memorises: ClassVar[float] = 0.5

    def __init__(
        self,
        of: Sequence[Regressor],
        weights: Sequence[float] | None = None,
        folds: int = 0,
        seed: int | None = 0,
        balance: float = 0.0,
        seats: Sequence[int] | None = None,
    ) -> None:
        if not 0 <= balance <= 1:
            raise ConfigError(f"balance must lie in [0, 1], got {balance!r}")
        if len(of) < 2:
            raise ConfigError(f"an average needs at least 2 regressors, got {len(of)}")
        if weights is not None and (len(weights) != len(of) or min(weights) < 0 or not sum(weights) > 0):
            raise ConfigError(f"weights must be {len(of)} numbers, not negative and not all 0, got {list(weights)!r}")
        if weights is not None and folds > 1:
            raise ConfigError("give weights, or folds to learn them, not both")
        if seats is not None and (len(seats) != len(of) or min(seats) < 1):
            raise ConfigError(f"seats must be {len(of)} positive numbers, got {list(seats)!r}")
        if seats is not None and (weights is not None or folds > 1):
            raise ConfigError("seats are weights already; give seats alone, or weights, or folds to learn them")
        self.of = list(of)
        self.weights = None if weights is None else [float(value) for value in weights]
        self.folds, self.seed, self.balance = int(folds), seed, float(balance)
        self.seats = None if seats is None else [int(count) for count in seats]
        self._fitted: list[Regressor] | None = None
        self._share: FloatArray = np.array(self.weights or self.seats or [1.0] * len(of), dtype=float)
        self._share = self._share / self._share.sum()

    @property
    def share(self) -> FloatArray:
        """The weights in use, with sum 1."""
        return self._share

    def fit(self, x: FloatArray, codes: FloatArray, groups: Groups = None) -> Self:
        """Fit every one of them, and the weights where these are learned.

        Raises:
            ConfigError: the members of one cannot be dealt out evenly among its seats.
        """
        x, codes = training_arrays(x, codes)
        if self.folds > 1:
            found = [
                out_of_fold(lambda r=one: build(describe(r)), x, codes, groups, self.folds, self.seed)  # type: ignore[misc]
                for one in self.of
            ]
            self._share = _least_squares(found, codes, _balanced(len(x), groups, self.balance))
        fitted = [build(describe(one)).fit(x, codes, groups) for one in self.of]
        for one, count in zip(fitted, self.seats or (), strict=bool(self.seats)):
            own = len(one.members(x[:1]))
            if own % count and count % own:
                raise ConfigError(
                    f"{type(one).__name__} has {own} members and cannot deal them out evenly among {count} seats; "
                    "give it a number of seats or members of which one divides the other"
                )
        self._fitted = fitted
        return self

    def members(self, x: FloatArray) -> FloatArray:
        """Mean minus and plus the spread, shape (2, n, d); with ``seats`` one for each seat, (sum of seats, n, d)."""
        if self._fitted is None:
            raise NotFittedError("an average was asked for a prediction before it was fitted; call fit() first")
        parts = [one.members(x) for one in self._fitted]
        if self.seats:
            return np.concatenate([_seated(part, count) for part, count in zip(parts, self.seats, strict=True)])
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
            "seats": self.seats,
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


def _seated(members: FloatArray, seats: int) -> FloatArray:
    """Members (m, n, d) dealt out among seats (s, n, d), with the same mean; one of m and s divides the other."""
    if len(members) <= seats:
        return np.tile(members, (seats // len(members), 1, 1))
    return np.asarray(members.reshape(seats, -1, *members.shape[1:]).mean(axis=1))


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

"""Plain transforms of a target: as it is, logarithm, standard scores, principal components."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from nanonet.arrays import FloatArray
from nanonet.errors import InputError
from nanonet.parts import describe, load_part, save_part
from nanonet.representations.base import Representation, as_codes, as_targets, load_state, not_fitted, save_state

T = TypeVar("T")

#: Round trip of a transform that loses nothing: rounding alone.
_EXACT = 1e-9
#: Largest |log10| of a number that Log10 gives back.
_LARGEST = 300.0


class Identity:
    """The target itself: c = g, shape (n, n_bins).

    Codes below ``lowest`` decode to ``lowest``.

    Args:
        lowest: smallest target allowed, 0 for an RDF; ``None`` for any number.
    """

    tolerance: float = _EXACT
    requires_fit: bool = True

    def __init__(self, *, lowest: float | None = 0.0) -> None:
        self.lowest = -math.inf if lowest is None else float(lowest)
        if math.isnan(self.lowest):
            raise InputError("lowest must be a number or None (any target), got nan")
        self._n_bins: int | None = None

    def fit(self, targets: ArrayLike) -> Self:
        """Keep the number of bins. Returns itself."""
        self._n_bins = as_targets(targets, n_bins=None, lowest=self.lowest).shape[1]
        return self

    def encode(self, targets: ArrayLike) -> FloatArray:
        """A copy of the targets."""
        return as_targets(targets, n_bins=_fitted(self, self._n_bins), lowest=self.lowest)

    def decode(self, codes: ArrayLike) -> FloatArray:
        """A copy of the codes, not below ``lowest``."""
        return np.maximum(as_codes(codes, shape=(_fitted(self, self._n_bins),)), self.lowest)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"lowest": None if math.isinf(self.lowest) else self.lowest}

    def save(self, folder: Path) -> None:
        """Write configuration and number of bins."""
        save_state(self, folder, {"n_bins": np.array(_fitted(self, self._n_bins))})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("n_bins",))
        part = cls(**config)
        part._n_bins = int(state["n_bins"])
        return part


class Log10:
    """Decadic logarithm with a floor: c = log10 max(g, floor), shape (n, n_bins).

    Decoding is 10^c; codes down at the floor read as g = 0, so an empty core stays empty.

    Args:
        floor: smallest value that is told from zero, in the unit of the target.
    """

    tolerance: float = _EXACT
    requires_fit: bool = True
    lowest: float = 0.0

    def __init__(self, *, floor: float = 0.001) -> None:
        if not 0 < floor < math.inf:
            raise InputError(f"floor must be finite and above 0, got {floor!r}")
        self.floor = float(floor)
        self._n_bins: int | None = None

    def fit(self, targets: ArrayLike) -> Self:
        """Keep the number of bins. Returns itself."""
        self._n_bins = as_targets(targets, n_bins=None, lowest=self.lowest).shape[1]
        return self

    def encode(self, targets: ArrayLike) -> FloatArray:
        """Logarithms of the targets."""
        g = as_targets(targets, n_bins=_fitted(self, self._n_bins), lowest=self.lowest)
        return np.log10(np.maximum(g, self.floor))

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Powers of ten; 0 at the floor and below, at most 10^300."""
        logs = as_codes(codes, shape=(_fitted(self, self._n_bins),))
        return np.where(logs <= math.log10(self.floor) + _EXACT, 0.0, 10.0 ** np.clip(logs, -_LARGEST, _LARGEST))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"floor": self.floor}

    def save(self, folder: Path) -> None:
        """Write configuration and number of bins."""
        save_state(self, folder, {"n_bins": np.array(_fitted(self, self._n_bins))})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("n_bins",))
        part = cls(**config)
        part._n_bins = int(state["n_bins"])
        return part


class Standardized:
    """Standard scores of another representation's codes: c = (b - mean) / deviation, element by element.

    b = of.encode(g); mean and standard deviation (n in the denominator) are those of the training
    targets. Elements that do not vary in training get deviation 1.

    Args:
        of: the representation applied first; default the logarithm, :class:`Log10`.
    """

    requires_fit: bool = True

    def __init__(self, *, of: Representation | None = None) -> None:
        self.of: Representation = Log10() if of is None else of
        self.tolerance, self.lowest = self.of.tolerance + _EXACT, self.of.lowest
        self._mean: FloatArray | None = None
        self._deviation: FloatArray = np.ones(0)

    def fit(self, targets: ArrayLike) -> Self:
        """Learn mean and deviation. Returns itself."""
        codes = np.asarray(self.of.fit(targets).encode(targets), dtype=np.float64)
        deviation = codes.std(axis=0)
        # A spread below rounding is no spread.
        varies = deviation > 1e-12 * np.maximum(1.0, np.abs(codes).max(axis=0))
        self._mean, self._deviation = codes.mean(axis=0), np.where(varies, deviation, 1.0)
        return self

    def encode(self, targets: ArrayLike) -> FloatArray:
        """Standard scores, of the shape of the inner codes."""
        mean = _fitted(self, self._mean)
        return (np.asarray(self.of.encode(targets), dtype=np.float64) - mean) / self._deviation

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Targets of standard scores."""
        mean = _fitted(self, self._mean)
        return self.of.decode(as_codes(codes, shape=mean.shape) * self._deviation + mean)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"of": describe(self.of)}

    def save(self, folder: Path) -> None:
        """Write configuration, mean and deviation, and the inner representation in ``of/``."""
        save_state(self, folder, {"mean": _fitted(self, self._mean), "deviation": self._deviation})
        save_part(self.of, folder / "of")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("mean", "deviation"))
        part = cls(**_with_inner(config, folder))
        part._mean, part._deviation = state["mean"], state["deviation"]
        return part


class PCA:
    """Principal components of another representation's codes: c = (b - mean) V, shape (n, n_components).

    b = of.encode(g), flattened; the rows of V^T are the directions of largest variance of the
    training targets, orthonormal, the element of largest magnitude of each positive. What lies
    outside these directions is lost, hence no promise on the round trip.

    Args:
        n_components: number of directions; fewer than the training targets and at most the bins.
        of: the representation applied first; default the logarithm, :class:`Log10`.
    """

    tolerance: float = math.inf
    requires_fit: bool = True

    def __init__(self, *, n_components: int = 8, of: Representation | None = None) -> None:
        if isinstance(n_components, bool) or not isinstance(n_components, int) or n_components < 1:
            raise InputError(f"n_components must be a whole number of at least 1, got {n_components!r}")
        self.n_components = n_components
        self.of: Representation = Log10() if of is None else of
        self.lowest = self.of.lowest
        self._mean: FloatArray | None = None
        self._components: FloatArray = np.ones((0, 0))
        #: Part of the variance that each direction holds, shape (n_components,).
        self.explained: FloatArray = np.ones(0)

    def fit(self, targets: ArrayLike) -> Self:
        """Learn mean and directions. Returns itself.

        Raises:
            InputError: too few targets or bins for ``n_components``.
        """
        codes = np.asarray(self.of.fit(targets).encode(targets), dtype=np.float64)
        mean = codes.mean(axis=0)
        flat = (codes - mean).reshape(len(codes), -1)
        most = min(len(flat) - 1, flat.shape[1])
        if self.n_components > most:
            raise InputError(
                f"{self.n_components} components need at least {self.n_components + 1} targets of as many numbers, "
                f"got {len(flat)} of {flat.shape[1]}; ask for at most {most} components or give more targets"
            )
        _, singular, rows = np.linalg.svd(flat, full_matrices=False)
        kept = rows[: self.n_components]
        sign = np.sign(kept[np.arange(len(kept)), np.abs(kept).argmax(axis=1)])
        self._mean, self._components = mean, kept * sign[:, None]
        total = float(np.sum(singular**2))
        self.explained = singular[: self.n_components] ** 2 / total if total > 0 else np.zeros(self.n_components)
        return self

    def encode(self, targets: ArrayLike) -> FloatArray:
        """Coordinates along the components."""
        mean = _fitted(self, self._mean)
        codes = np.asarray(self.of.encode(targets), dtype=np.float64) - mean
        return codes.reshape(len(codes), -1) @ self._components.T

    def decode(self, codes: ArrayLike) -> FloatArray:
        """Targets of coordinates."""
        mean = _fitted(self, self._mean)
        flat = as_codes(codes, shape=(self.n_components,)) @ self._components
        return self.of.decode(flat.reshape(-1, *mean.shape) + mean)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"n_components": self.n_components, "of": describe(self.of)}

    def save(self, folder: Path) -> None:
        """Write configuration, mean and components, and the inner representation in ``of/``."""
        arrays = {"mean": _fitted(self, self._mean), "components": self._components, "explained": self.explained}
        save_state(self, folder, arrays)
        save_part(self.of, folder / "of")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        config, state = load_state(cls, folder, ("mean", "components", "explained"))
        part = cls(**_with_inner(config, folder))
        part._mean, part._components, part.explained = state["mean"], state["components"], state["explained"]
        return part


def _fitted(part: object, learned: T | None) -> T:
    if learned is None:
        raise not_fitted(part)
    return learned


def _with_inner(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {**config, "of": load_part(folder / "of", Representation)}  # type: ignore[type-abstract]

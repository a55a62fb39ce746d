"""Acquisition: which candidates to ask next, given what a model believes of them.

Pure functions of arrays that know no model and no problem; so the active-learning loop and the
designs of new simulations choose in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray, frozen_array
from nanonet.errors import ConfigError, InputError
from nanonet.parts import describe


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed of n open candidates. What a model does not say is ``None``.

    Args:
        x: features, shape (n, p); distances between candidates are taken in them.
        probability: that each candidate is a find, shape (n,), 0 to 1.
        mean, std: of the target of each, shape (n,); std at least 0, with the noise of an answer.
        threshold: what the target has to exceed to be a find, shape (n,).
        asked: features of what was asked before, shape (k, p); ``None`` where nobody knows.

    Raises:
        InputError: other shapes, values that are not finite, or outside these limits.
    """

    x: FloatArray
    probability: FloatArray | None = None
    mean: FloatArray | None = None
    std: FloatArray | None = None
    threshold: FloatArray | None = None
    asked: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", frozen_array(self.x, name="features of the candidates", ndim=2))
        if self.asked is not None:
            asked = frozen_array(self.asked, name="features of what was asked", ndim=2)
            if asked.shape[1] != self.x.shape[1]:
                raise InputError(f"what was asked has {asked.shape[1]} features, the candidates have {self.x.shape[1]}")
            object.__setattr__(self, "asked", asked)
        for name in ("probability", "mean", "std", "threshold"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozen_array(value, name=name, ndim=1, shape=(len(self.x),)))
        if self.std is not None and (self.std < 0).any():
            raise InputError(f"a standard deviation is at least 0, got {self.std.min():g}")
        if self.probability is not None and not ((self.probability >= 0) & (self.probability <= 1)).all():
            raise InputError(f"a probability is 0 to 1, got {self.probability.min():g} to {self.probability.max():g}")

    def __len__(self) -> int:
        return len(self.x)

    def need(self, *names: str) -> tuple[FloatArray, ...]:
        """The arrays of these names.

        Raises:
            InputError: the model does not say one of them.
        """
        found = {name: getattr(self, name) for name in names}
        missing = [name for name, value in found.items() if value is None]
        if missing:
            raise InputError(
                f"this acquisition needs the {' and '.join(missing)} of each candidate, which the model does not give; "
                "use a regressor for mean and std, a goal for the threshold, either for the probability"
            )
        return tuple(found.values())


@runtime_checkable
class Acquisition(Protocol):
    """Chooses a batch among open candidates."""

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """Rows of the chosen candidates, best first: ``count`` different ones, or all if there are fewer.

        Args:
            belief: of n candidates.
            count: size of the batch.
            random: for draws, and to break ties, of which a forest makes many.
        """

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this acquisition."""


def top(scores: FloatArray, count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Rows of the ``count`` largest scores, best first, equal ones in random order."""
    return np.lexsort((random.random(len(scores)), -np.asarray(scores)))[:count]


class _Scored:
    """Takes the candidates of the highest score."""

    def scores(self, belief: Belief) -> FloatArray:
        """One number per candidate, shape (n,); the largest are chosen."""
        raise NotImplementedError

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """See :class:`Acquisition`."""
        return top(self.scores(belief), count, random)

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


class Random:
    """Every candidate with the same chance; needs no model."""

    needs_model = False

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """See :class:`Acquisition`."""
        return random.permutation(len(belief))[:count]

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


class InOrder:
    """The candidates in their own order, such as that of a design; needs no model."""

    needs_model = False

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """See :class:`Acquisition`."""
        return np.arange(min(count, len(belief)), dtype=np.intp)

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


class Certainty(_Scored):
    """Those that are most probably a find: score p. Pure exploitation (Xu and Luo 2024)."""

    def scores(self, belief: Belief) -> FloatArray:
        """The probability itself."""
        return belief.need("probability")[0]


class Uncertainty(_Scored):
    """Those of which the model is least sure: score -|p - 1/2|. Pure exploration (Xu and Luo 2024)."""

    def scores(self, belief: Belief) -> FloatArray:
        """Larger the nearer p is to 1/2."""
        return -np.abs(belief.need("probability")[0] - 0.5)


class Excess(_Scored):
    """Those whose mean is farthest above the threshold: score m - t, whatever the spread."""

    def scores(self, belief: Belief) -> FloatArray:
        """How far the mean is above the threshold."""
        mean, threshold = belief.need("mean", "threshold")
        return mean - threshold


class ImprovementProbability(_Scored):
    """Probability of improvement: score Phi((m - t) / s), for a normal belief (Kushner 1964).

    Where s = 0 it is 1 above the threshold, 1/2 on it and 0 below.

    Args:
        margin: added to the threshold, in the unit of the target.
    """

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = float(margin)

    def scores(self, belief: Belief) -> FloatArray:
        """Chance of an answer above the threshold."""
        mean, std, threshold = belief.need("mean", "std", "threshold")
        return exceedance(mean, std, threshold + self.margin)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"margin": self.margin}


class ExpectedImprovement(ImprovementProbability):
    """Mean amount above the threshold: score s (u Phi(u) + phi(u)), u = (m - t) / s (Jones 1998).

    Where s = 0 it is max(m - t, 0).
    """

    def scores(self, belief: Belief) -> FloatArray:
        """Mean of what an answer is above the threshold."""
        mean, std, threshold = belief.need("mean", "std", "threshold")
        gain = mean - threshold - self.margin
        u = np.divide(gain, std, out=np.zeros_like(gain), where=std > 0)
        inside = std * (u * _cdf(u) + np.exp(-0.5 * u**2) / np.sqrt(2.0 * np.pi))
        return np.where(std > 0, inside, np.maximum(gain, 0.0))


class Disagreement(_Scored):
    """Those on which the members of a model disagree most: score s. Exploration without a goal."""

    def scores(self, belief: Belief) -> FloatArray:
        """The spread itself."""
        return belief.need("std")[0]


class Mixed:
    """A batch of several acquisitions, each after the other with its share.

    The paper's *balanced* is certainty and uncertainty in equal shares; its loop with the simulations
    mixes certainty and random. A candidate that two of them want is taken once.

    Args:
        of: acquisitions.
        shares: of the batch, one per acquisition, equal if not given. Numbers are rounded so
            that they add up to the batch; the first ones get what is left over.

    Raises:
        ConfigError: no acquisitions, or shares that are not one positive number for each.
    """

    def __init__(self, of: Sequence[Acquisition], shares: Sequence[float] | None = None) -> None:
        self.of = list(of)
        self.shares = [1.0] * len(self.of) if shares is None else [float(share) for share in shares]
        if not self.of or len(self.shares) != len(self.of) or not all(share > 0 for share in self.shares):
            raise ConfigError(
                f"a mixture needs acquisitions and one positive share for each, got {len(self.of)} and {shares!r}"
            )

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """See :class:`Acquisition`."""
        exact = np.cumsum(self.shares) / np.sum(self.shares) * min(count, len(belief))
        ends = np.ceil(exact - 1e-9).astype(int)
        chosen: list[int] = []
        for part, end in zip(self.of, ends, strict=True):
            # Each may want what others have taken already, so it is asked for enough.
            wanted = part.choose(belief, min(len(belief), int(end)), random).tolist()
            chosen += [row for row in wanted if row not in chosen][: int(end) - len(chosen)]
        return np.array(chosen, dtype=np.intp)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the parts as descriptions."""
        return {"of": [describe(part) for part in self.of], "shares": self.shares}


class Diverse:
    """A batch that is spread out: farthest points among the best of another acquisition.

    Of the ``among`` * count candidates that ``of`` likes best, the best one is taken; then again and
    again the one that is farthest, in features, from all that were taken.

    Args:
        of: another acquisition.
        among: how many times the batch the list is long; 1 changes nothing.

    Raises:
        ConfigError: ``among`` is below 1.
    """

    def __init__(self, of: Acquisition, among: float = 3.0) -> None:
        if not among >= 1:
            raise ConfigError(f"among must be at least 1 times the batch, got {among!r}")
        self.of, self.among = of, float(among)

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """See :class:`Acquisition`."""
        listed = self.of.choose(belief, max(count, int(np.ceil(self.among * count))), random)
        return listed[spread_out(belief.x[listed], count)]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the acquisition as a description."""
        return {"of": describe(self.of), "among": self.among}


class Farthest:
    """Fills gaps: again and again the candidate that is farthest, in features, from all that were asked.

    The greedy solution of the k-centre problem, whose largest gap is at most twice the smallest
    possible one (Gonzalez 1985). What was asked before counts from the first choice on, so near
    copies of it come last; where nothing was asked, the first choice is the best of ``of``, or any.

    Args:
        of: choose only among what this acquisition likes best; ``None`` for all candidates.
        among: how many times the batch that list is long.

    Raises:
        ConfigError: ``among`` is below 1.
    """

    def __init__(self, of: Acquisition | None = None, among: float = 3.0) -> None:
        if not among >= 1:
            raise ConfigError(f"among must be at least 1 times the batch, got {among!r}")
        self.of, self.among = of, float(among)

    def choose(self, belief: Belief, count: int, random: np.random.Generator) -> NDArray[np.intp]:
        """See :class:`Acquisition`."""
        if self.of is None:
            # In random order, so that of equally far ones any may come first.
            listed = random.permutation(len(belief))
        else:
            listed = self.of.choose(belief, max(count, int(np.ceil(self.among * count))), random)
        return listed[spread_out(belief.x[listed], count, belief.asked)]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the acquisition as a description."""
        return {"of": None if self.of is None else describe(self.of), "among": self.among}


def spread_out(x: FloatArray, count: int, asked: FloatArray | None = None) -> NDArray[np.intp]:
    """``count`` rows of x (n, p), each the one farthest from those taken so far (greedy).

    The first is the one farthest from ``asked`` (k, p), or row 0 if there are none.
    """
    if not len(x):
        return np.zeros(0, dtype=np.intp)
    if asked is not None and len(asked):
        nearest = np.min([((x - point) ** 2).sum(axis=1) for point in asked], axis=0)
        taken = [int(nearest.argmax())]
        nearest = np.minimum(nearest, ((x - x[taken[0]]) ** 2).sum(axis=1))
    else:
        taken = [0]
        nearest = ((x - x[0]) ** 2).sum(axis=1)
    while len(taken) < min(count, len(x)):
        nearest[taken] = -1.0
        taken.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((x - x[taken[-1]]) ** 2).sum(axis=1))
    return np.array(taken[:count], dtype=np.intp)


def exceedance(mean: FloatArray, std: FloatArray, threshold: FloatArray) -> FloatArray:
    """P(y > threshold) of normal y, shape (n,); without spread 0, 1/2 or 1."""
    gain = mean - threshold
    u = np.divide(gain, std, out=np.zeros_like(gain), where=std > 0)
    return np.where(std > 0, _cdf(u), 0.5 * (1.0 + np.sign(gain)))


def _cdf(u: FloatArray) -> FloatArray:
    """Of the standard normal distribution."""
    return 0.5 * (1.0 + np.array([erf(value) for value in (u / np.sqrt(2.0)).tolist()]))

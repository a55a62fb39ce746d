"""Which compositions a trained model wants to see next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from nanonet.acquisition import Acquisition, Belief, Disagreement, Diverse
from nanonet.domain import Composition
from nanonet.errors import ConfigError, InputError
from nanonet.seeds import generator
from simulations.design import Sobol


class Active:
    """Points of a dense Sobol pool that an acquisition chooses by what a trained model believes.

    The belief is the spread of the model's members in code space (:class:`nanonet.surrogate.Surrogate`)
    and the features of each point, so acquisitions that need no goal will do: where the members
    disagree most the next simulation teaches most, and a batch is spread out so that its points
    do not all teach the same. Points come in batches of ``n``; the later ones take the place of those
    that are too large for a box. The order follows from the model, the seed and the settings.

    Args:
        n: how many to propose.
        model: name or folder of a checkpoint for nanocomposites; the default one if not given.
        pool: points to choose from.
        seed: of the pool, and of draws; another one than that of the design the model learned from.
        box: ranges that differ from the default.
        acquisition: how to choose; farthest points among the greatest disagreement if not given.

    Raises:
        ConfigError: a pool smaller than ``n``, a model of another problem, or one whose members agree.
        CheckpointError: there is no such checkpoint.
    """

    def __init__(
        self,
        n: int,
        *,
        model: str | None = None,
        pool: int = 1024,
        seed: int = 1,
        box: Mapping[str, Sequence[float]] | None = None,
        acquisition: Acquisition | None = None,
    ) -> None:
        if isinstance(pool, bool) or not isinstance(pool, int) or pool < n:
            raise ConfigError(f"a pool needs at least the {n} points that are asked for, got {pool!r}")
        self.source = Sobol(n, seed=seed, box=box)
        self.n, self.seed, self.pool, self.model = self.source.n, int(seed), pool, model
        self.acquisition = Diverse(Disagreement()) if acquisition is None else acquisition
        if not isinstance(self.acquisition, Acquisition):
            raise ConfigError(f"design.acquisition must name an acquisition, got {type(self.acquisition).__name__}")

    def compositions(self) -> Iterator[Composition]:
        """See :class:`simulations.design.Design`; as many as the pool has."""
        points = list(islice(self.source.compositions(), self.pool))
        x, spread = self._believed(points)
        rest, batch = np.arange(len(points)), 0
        while rest.size:
            belief = Belief(x=x[rest], std=spread[rest])
            chosen = self.acquisition.choose(belief, self.n or 1, generator(self.seed, "proposal", batch))
            yield from (points[row] for row in rest[chosen])
            rest, batch = np.delete(rest, chosen), batch + 1

    def _believed(self, points: list[Composition]) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, p) of the points, and the spread (n,) of the model's members."""
        from nanonet.inference import load

        checkpoint: Any = load(self.model).checkpoint
        try:
            inputs, _ = checkpoint.problem.parse(points, {})
        except InputError as error:
            raise ConfigError(
                f"the model {checkpoint.name} is for {checkpoint.problem.name} and takes no compositions ({error}); "
                "name one for nanocomposites with design.model=..."
            ) from error
        _, spread = checkpoint.surrogate.predict_with_spread(inputs)
        if not np.ptp(spread) > 0:
            raise ConfigError(
                f"the members of the model {checkpoint.name} agree alike everywhere, so it has no wishes; "
                "train one with members (a forest, bagged networks) and name it with design.model=..."
            )
        return checkpoint.surrogate.features.transform(inputs), spread

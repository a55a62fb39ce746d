"""Which compositions a trained model wants to see next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.acquisition import Acquisition, Belief, Disagreement, Farthest
from nanonet.arrays import FloatArray
from nanonet.domain import Composition
from nanonet.errors import CheckpointError, ConfigError, DataError, InputError, SystemSizeError
from nanonet.seeds import generator
from simulations.builder import system_size
from simulations.design import Sobol
from simulations.workspace import Workspace, group_name, write_json

#: What was proposed before, in the workspace: a file per model and settings.
PROPOSALS = "proposals"
#: Length of the list of greatest disagreement, in batches. The members of a forest disagree most along the borders of
#: its leaves, so a short list of a dense pool lies in one narrow layer of it.
AMONG = 16.0
#: Numbers that a record has exactly as they were asked for; its density is measured.
EXACT = ("D", "N", "eps_np_np", "eps_p_np")


class Active:
    """Points of a dense Sobol pool that an acquisition chooses by what a trained model believes.

    The belief is the spread of the model's members in code space (:class:`nanonet.surrogate.Surrogate`)
    and the features of each point, so acquisitions that need no goal will do: where the members
    disagree most the next simulation teaches most, and points far from each other, from those the model
    learned from and from those in the workspace do not all teach the same.

    No point is proposed that is in the workspace, finished or not, or that the model learned from. What was
    proposed is kept in the workspace, so that the same command with the same model goes on with it; a model that
    was trained anew proposes anew. Points come in batches of ``n``. The order follows from the model,
    the workspace, the seed and the settings.

    Args:
        n: how many to propose.
        model: name or folder of a checkpoint for nanocomposites; the default one if not given.
        pool: points to choose from.
        seed: of the pool, and of draws; another one than that of the design the model learned from.
        box: ranges that differ from the default.
        acquisition: how to choose; farthest points among the greatest disagreement if not given.
        workspace: folder of state points, which need not be there; none if not given.
        n_np_min: least number of nanoparticles.
        n_beads_max: most beads; points that need more are not proposed. No limit if not given.

    Raises:
        ConfigError: a pool smaller than ``n``, a model of another problem, or one whose members agree;
            or fewer than ``n`` points of the pool are new and small enough.
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
        workspace: str | None = None,
        n_np_min: int = 16,
        n_beads_max: int | None = None,
    ) -> None:
        self.source = Sobol(n, seed=seed, box=box)
        if isinstance(pool, bool) or not isinstance(pool, int) or pool < n:
            raise ConfigError(f"a pool needs at least the {n} points that are asked for, got {pool!r}")
        self.n, self.seed, self.pool, self.model = self.source.n, int(seed), pool, model
        self.acquisition = Farthest(Disagreement(), AMONG) if acquisition is None else acquisition
        if not isinstance(self.acquisition, Acquisition):
            raise ConfigError(f"design.acquisition must name an acquisition, got {type(self.acquisition).__name__}")
        self.workspace = None if workspace is None else Path(workspace)
        self.n_np_min, self.n_beads_max = n_np_min, n_beads_max

    def compositions(self) -> Iterator[Composition]:
        """See :class:`simulations.design.Design`; as many as the pool has, or those that were kept."""
        kept = self._kept()
        if kept is not None:
            yield from kept
            return
        begun = self._begun()
        points = self._pool({group_name(point) for point in begun})
        x, spread, asked = self._believed(points, begun)
        rest, batch = np.arange(len(points)), 0
        while rest.size:
            belief = Belief(x=x[rest], std=spread[rest], asked=asked)
            chosen = self.acquisition.choose(belief, self.n or 1, generator(self.seed, "proposal", batch))
            yield from (points[row] for row in rest[chosen])
            asked = np.concatenate([asked, x[rest[chosen]]])
            rest, batch = np.delete(rest, chosen), batch + 1

    def remember(self, points: Sequence[Composition]) -> None:
        """Keep what was proposed, for the next time with the same model and settings."""
        file = self._file()
        if file is not None and not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, {"model": str(self.model), "points": [point.to_dict() for point in points]})

    # -- what is known ------------------------------------------------------------------------------

    def _file(self) -> Path | None:
        """Where the proposal of this model with these settings is kept."""
        if self.workspace is None:
            return None
        settings = [self.n, self.pool, self.seed, self.source.box, self.n_np_min, self.n_beads_max]
        acquisition = [type(self.acquisition).__name__, self.acquisition.get_config()]
        text = json.dumps([_identity(self.model), settings, acquisition], sort_keys=True)
        return self.workspace / PROPOSALS / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"

    def _kept(self) -> list[Composition] | None:
        file = self._file()
        if file is None or not file.is_file():
            return None
        try:
            return [Composition(**point) for point in json.loads(file.read_text(encoding="utf-8"))["points"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} does not hold what was proposed ({error}); delete it to propose anew") from error

    def _begun(self) -> list[Composition]:
        """Compositions in the workspace, finished or not."""
        if self.workspace is None or not (self.workspace / "workspace").is_dir():
            return []
        return [point.composition for point in Workspace.existing(self.workspace).points()]

    def _pool(self, taken: set[str]) -> list[Composition]:
        """Points of the Sobol sequence that are new and small enough."""
        columns = _checkpoint(self.model).coverage.columns
        known = np.stack([columns[name] for name in EXACT], axis=1) if set(EXACT) <= set(columns) else np.zeros((0, 4))
        new = []
        for point in islice(self.source.compositions(), self.pool):
            own = np.array([getattr(point, name) for name in EXACT], dtype=float)
            learned = bool((np.abs(known - own) <= 1e-6 * np.abs(own)).all(axis=1).any())
            if group_name(point) not in taken and not learned and self._fits(point):
                new.append(point)
        if len(new) < (self.n or 1):
            raise ConfigError(
                f"of the {self.pool} points of the pool {len(new)} are new and need no more than {self.n_beads_max} "
                f"beads, {self.n} are asked for; take a larger pool (design.pool) or a smaller box (design.box.D)"
            )
        return new

    def _fits(self, point: Composition) -> bool:
        if self.n_beads_max is None:
            return True
        try:
            system_size(point, n_np_min=self.n_np_min, n_beads_max=self.n_beads_max)
        except SystemSizeError:
            return False
        return True

    def _believed(
        self, points: list[Composition], begun: list[Composition]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Features (n, p) of the points, spread (n,) of the model's members there, features (k, p) of what is known."""
        checkpoint = _checkpoint(self.model)
        surrogate, coverage = checkpoint.surrogate, checkpoint.coverage
        try:
            inputs, _ = checkpoint.problem.parse([*points, *begun], {})
        except InputError as error:
            raise ConfigError(
                f"the model {checkpoint.name} is for {checkpoint.problem.name} and takes no compositions ({error}); "
                "name one for nanocomposites with design.model=..."
            ) from error
        x = coverage.place(surrogate.features.transform(inputs))
        spread = surrogate.disagreement(inputs.take(slice(0, len(points))))
        if not np.ptp(spread) > 0:
            raise ConfigError(
                f"the members of the model {checkpoint.name} agree alike everywhere, so it has no wishes; "
                "train one with members (a forest, bagged networks) and name it with design.model=..."
            )
        return x[: len(points)], spread, np.concatenate([coverage.x, x[len(points) :]])


def _checkpoint(model: str | None) -> Any:
    from nanonet.inference import load

    try:
        return load(model).checkpoint
    except CheckpointError as error:
        raise CheckpointError(f"this design asks a trained model, design.model={model or 'null'}: {error}") from error


def _identity(model: str | None) -> str:
    """Hash of the checkpoint's manifest, which holds those of all its files."""
    from nanonet.inference import find

    _checkpoint(model)
    return hashlib.sha256((find(model) / "manifest.json").read_bytes()).hexdigest()

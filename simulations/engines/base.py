"""The contract of a simulation engine, and what its adapters share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.domain import Trajectory
from nanonet.errors import UnstableRunError
from simulations.forcefield import ForceField
from simulations.protocol import Stage
from simulations.state import State

#: Called now and then with (name of the stage, steps done, steps in all).
Progress = Callable[[str, int, int], None]

#: File of NP configurations that every engine streams into its working folder.
FRAMES = "frames.gsd"
#: File from which the engine that wrote it goes on, with all degrees of freedom.
RESTART = "restart.bin"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Energy, forces and virial pressure of one configuration, no kinetic part.

    Args:
        energy: potential energy [epsilon].
        pressure: virial W / (3 V) with W = sum of r . F over pairs [epsilon/sigma^3].
        forces: on every bead [epsilon/sigma], shape (n, 3).
    """

    energy: float
    pressure: float
    forces: FloatArray


@runtime_checkable
class Engine(Protocol):
    """Integrates the equations of motion of one system.

    ``run`` goes through the stages in order and returns the frames that they sampled. It writes
    ``FRAMES`` while it goes and ``RESTART`` at the end into ``workdir``. The same state, stages and
    seed give the same trajectory on the same machine. With ``restart`` it goes on from that file
    instead of ``state``, whose types and bonds still describe the system.

    Raises (run):
        UnstableRunError: coordinates or energies left the physical range.
        RestartError: ``restart`` is not what this engine wrote.
        EngineNotInstalledError: the engine or the device it was asked for is missing.
    """

    name: str

    def run(
        self,
        state: State,
        forcefield: ForceField,
        stages: Sequence[Stage],
        workdir: Path,
        seed: int,
        *,
        restart: Path | None = None,
        progress: Progress | None = None,
    ) -> Trajectory:
        """Run the stages; see the class."""
        ...

    def evaluate(self, state: State, forcefield: ForceField) -> Evaluation:
        """Energy, forces and virial pressure of ``state``."""
        ...

    def get_config(self) -> dict[str, Any]:
        """What makes an equal engine, as plain values."""
        ...

    def versions(self) -> dict[str, str]:
        """Versions of what computes, for the record."""
        ...

    def hardware(self) -> str:
        """What it computes on: cpu or gpu."""
        ...


class ChainMoments:
    """Mean squared end-to-end distance and radius of gyration of the chains of a state."""

    def __init__(self, state: State) -> None:
        ends = state.chain_ends()
        self._first, self._last = ends[:-1], ends[1:] - 1
        self._starts = ends[:-1]
        self._lengths = np.diff(ends)

    @property
    def present(self) -> bool:
        """Whether there are chains of more than one monomer."""
        return self._lengths.size > 0 and bool(self._lengths.max() > 1)

    def __call__(self, unwrapped: FloatArray) -> tuple[float, float]:
        """<R^2> and <Rg^2> [sigma^2] from unwrapped monomer positions, shape (n_monomers, 3)."""
        span = unwrapped[self._last] - unwrapped[self._first]
        r2 = float((span * span).sum(axis=1).mean())
        centre = np.add.reduceat(unwrapped, self._starts) / self._lengths[:, None]
        square = np.add.reduceat((unwrapped * unwrapped).sum(axis=1), self._starts) / self._lengths
        return r2, float((square - (centre * centre).sum(axis=1)).mean())


def check_finite(thermo: dict[str, float], step: int, name: str) -> None:
    """Refuse to go on from a configuration that is not physical.

    Raises:
        UnstableRunError: a value is not finite or the temperature is beyond ten times its target.
    """
    bad = {key: value for key, value in thermo.items() if not np.isfinite(value)}
    if bad or thermo.get("temperature", 0.0) > 10.0:
        values = ", ".join(f"{key} = {value:g}" for key, value in (bad or thermo).items())
        raise UnstableRunError(
            f"{name} exploded at step {step:,}: {values}; a smaller time step or a longer push-off may help"
        )

"""An ideal gas: positions drawn at random, in a box that fluctuates. For tests; needs no MD code.

Its g(r) is exactly 1, whatever the force field says, and its pressure is that of an ideal gas of
nanoparticles; every other part of the pipeline can be held against that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.domain import Trajectory
from nanonet.errors import RestartError
from nanonet.seeds import generator
from simulations.engines.base import FRAMES, RESTART, ChainMoments, Evaluation, Progress
from simulations.engines.frames import FrameWriter, read_frames
from simulations.forcefield import ForceField
from simulations.protocol import Stage
from simulations.state import State


class Ideal:
    """Engine whose nanoparticles do not interact (u = 0).

    Args:
        box_spread: half-width of the uniform distribution of the edge length, as a fraction.
        pause: seconds to wait at each frame, so that a test can interrupt a run.
    """

    name = "ideal"

    def __init__(self, *, box_spread: float = 0.0, pause: float = 0.0) -> None:
        self.box_spread = float(box_spread)
        self.pause = float(pause)

    def get_config(self) -> dict[str, Any]:
        """See :class:`~simulations.engines.base.Engine`."""
        return {"box_spread": self.box_spread, "pause": self.pause}

    def versions(self) -> dict[str, str]:
        """See :class:`~simulations.engines.base.Engine`."""
        return {"numpy": np.__version__}

    def hardware(self) -> str:
        """See :class:`~simulations.engines.base.Engine`."""
        return "cpu"

    def evaluate(self, state: State, forcefield: ForceField) -> Evaluation:
        """Nothing interacts: all zero."""
        return Evaluation(energy=0.0, pressure=0.0, forces=np.zeros((len(state.typeid), 3)))

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
        """See :class:`~simulations.engines.base.Engine`."""
        step, unwrapped = self._begin(state, restart)
        rng = generator(seed, "ideal", step)
        moments = ChainMoments(state)
        monomers = (state.positions + state.images * state.box)[: state.n_monomers]
        sizes = moments(monomers) if moments.present else None
        with FrameWriter(workdir / FRAMES, stages[-1].dt) as frames:
            for stage in stages:
                every = stage.sample_every or stage.steps
                for done in range(every, stage.steps + 1, every):
                    step += every
                    time.sleep(self.pause)
                    # a jump to anywhere in the neighbouring cells: ideal, yet it diffuses
                    unwrapped = unwrapped + rng.uniform(-1.0, 1.0, unwrapped.shape) * state.box
                    if stage.sample_every:
                        box = state.box * (1.0 + self.box_spread * rng.uniform(-1.0, 1.0))
                        fraction = unwrapped / state.box
                        image = np.floor(fraction + 0.5).astype(np.int32)
                        thermo = {
                            "temperature": stage.temperature + 0.01 * rng.normal(),
                            "pressure": stage.pressure + 0.05 * rng.normal(),
                            "energy": 0.01 * rng.normal(),
                            "density": state.n_monomers / float(np.prod(box)),
                        }
                        if sizes is not None:
                            thermo["r2_end"], thermo["rg2"] = sizes
                        frames.append(step, (fraction - image) * box, image, box, thermo)
                    if progress is not None:
                        progress(stage.kind, done, stage.steps)
        text = json.dumps({"step": step, "unwrapped": unwrapped.tolist()})
        (workdir / RESTART).write_text(text)
        return read_frames(workdir / FRAMES)

    @staticmethod
    def _begin(state: State, restart: Path | None) -> tuple[int, np.ndarray]:
        if restart is None:
            chosen = slice(state.n_monomers, None)
            return 0, np.array((state.positions + state.images * state.box)[chosen])
        try:
            saved = json.loads(restart.read_text())
            step, unwrapped = int(saved["step"]), np.array(saved["unwrapped"], dtype=float)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RestartError(f"{restart} is not a restart file of the ideal engine ({error})") from error
        if unwrapped.shape != (state.n_np, 3):
            raise RestartError(f"the restart file {restart} holds {len(unwrapped)} NPs, expected {state.n_np}")
        return step, unwrapped

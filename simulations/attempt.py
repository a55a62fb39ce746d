"""One attempt at a state point's box: its folder, its blocks, and where it stands in its protocol."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nanonet.seeds import derive
from simulations.analysis.checks import drift
from simulations.builder import SystemSize, build, system_size
from simulations.protocol import Protocol
from simulations.workspace import Block, PointFolder, volume_factor_of, write_json

#: Fewest blocks in which a drift of the equilibration is looked for.
_SETTLED_BLOCKS = 5


@dataclass(frozen=True)
class Run:
    """The blocks of one attempt, read: where it stands in its protocol."""

    blocks: Sequence[Block]
    protocol: Protocol
    diameter: float
    least_length: float

    def of(self, phase: str) -> list[Block]:
        """Blocks of one phase."""
        return [block for block in self.blocks if block.phase == phase]

    @property
    def core_hours(self) -> float:
        """Cost of all blocks [core hours]."""
        return sum(block.info["core_seconds"] for block in self.blocks) / 3600.0

    def steps(self, phase: str) -> int:
        """Steps done in a phase."""
        return len(self.of(phase)) * self.protocol.block_steps

    def msd(self, phase: str, skip: int = 0) -> float:
        """NP mean-square displacement since the phase began, or since its first ``skip`` blocks ended [D^2]."""
        blocks = self.of(phase)[skip:]
        if not blocks:
            return 0.0
        start = self.blocks[blocks[0].index - 1] if blocks[0].index else blocks[0]
        key = "unwrapped" if blocks[0].index else "unwrapped_first"
        moved = blocks[-1].data()["unwrapped"] - start.data()[key]
        return float((moved**2).sum(axis=1).mean()) / self.diameter**2

    def limits(self, phase: str) -> tuple[int, float, float]:
        """Least steps, displacement to wait for, and core hours at which waiting ends."""
        p = self.protocol
        cap = math.inf if p.cap_core_hours is None else p.cap_core_hours
        if phase == "equilibration":
            return p.equilibration_steps, p.equilibration_msd, cap / 3.0
        return p.production_steps, p.production_msd, cap

    def complete(self, phase: str) -> tuple[bool, bool]:
        """Whether a phase is done, and whether it ended at its cap."""
        if phase == "production" and self.protocol.extend_blocks:
            end = self.production_end()
            return (False, False) if end is None else (len(self.of(phase)) >= end[0], end[1])
        steps, msd, cap = self.limits(phase)
        if self.steps(phase) < steps:
            # the least number of steps is owed, unless the cap is reached in production
            capped = phase == "production" and self.core_hours >= cap
            return capped, capped
        if (msd == 0 or self.msd(phase) >= msd) and (phase == "production" or self.settled()):
            return True, False
        capped = self.core_hours >= cap
        return capped, capped

    def settled(self) -> bool:
        """Whether density and energy no longer drift over the last half of the equilibration."""
        limit = self.protocol.equilibration_drift
        if limit is None:
            return True
        blocks = self.of("equilibration")
        last = [block.data() for block in blocks[-max(_SETTLED_BLOCKS, len(blocks) // 2) :]]
        if len(last) < _SETTLED_BLOCKS:
            return False
        series = ([float(data[f"thermo_{name}"].mean()) for data in last] for name in ("density", "energy"))
        return all(abs(drift(np.array(means))) < limit for means in series)

    def production_end(self) -> tuple[int, bool] | None:
        """Blocks of the whole production, those it is extended by included, and whether it ended at its cap.

        ``None`` while the production has not come to where it would end without the extension.
        """
        blocks = self.of("production")
        before = len(self.blocks) - len(blocks)
        plain = replace(self.protocol, extend_blocks=0)
        for count in range(1, len(blocks) + 1):
            done, capped = replace(self, blocks=self.blocks[: before + count], protocol=plain).complete("production")
            if done:
                return count + self.protocol.extend_blocks, capped
        return None

    def steps_wanted(self, phase: str) -> int:
        """Estimate of the steps a phase needs, from how fast its NPs move so far."""
        if phase == "production" and self.protocol.extend_blocks and (end := self.production_end()) is not None:
            return end[0] * self.protocol.block_steps
        extra = self.protocol.extend_blocks * self.protocol.block_steps if phase == "production" else 0
        steps, msd, cap = self.limits(phase)
        done, moved, spent = self.steps(phase), self.msd(phase), self.core_hours
        if msd and done and moved > 0:
            steps = max(steps, int(done * msd / moved))
        total = len(self.blocks) * self.protocol.block_steps
        if total and math.isfinite(cap):
            steps = max(done, min(steps, done + int(max(cap - spent, 0.0) * total / max(spent, 1e-9))))
        return steps + extra

    @property
    def phase(self) -> str:
        """What the next block belongs to; finished when there is none."""
        if self.of("production"):
            return "finished" if self.complete("production")[0] else "production"
        return "production" if self.complete("equilibration")[0] else "equilibration"


def open_run(point: PointFolder, protocol: Protocol, attempt: Path, blocks: Sequence[Block] | None = None) -> Run:
    """The current attempt of a state point as a :class:`Run`."""
    size = json.loads((attempt / "size.json").read_text())
    chosen = point.blocks(attempt) if blocks is None else list(blocks)
    return Run(chosen, protocol, point.composition.D, size["least_length"])


def current_attempt(point: PointFolder, protocol: Protocol) -> Path:
    """Folder of the current attempt; the first is made, size and configuration included.

    Raises:
        SystemSizeError: the composition needs more beads than the protocol allows.
    """
    ready = ready_attempts(point)
    return ready[-1] if ready else new_attempt(point, protocol, 0, 1.0)


def ready_attempts(point: PointFolder) -> list[Path]:
    """Folders of the attempts that are whole, oldest first."""
    return [folder for folder in point.attempts() if (folder / "size.json").is_file()]


def new_attempt(point: PointFolder, protocol: Protocol, number: int, enlarge: float) -> Path:
    """Size a box, build its first configuration, and keep both in a folder of their own.

    Args:
        point: the state point.
        protocol: its limits of size.
        number: of the attempt, from 0.
        enlarge: factor on the least edge, above 1 where the last box settled too small.

    Raises:
        SystemSizeError: the composition needs more beads than the protocol allows.
    """
    composition, statepoint = point.composition, point.statepoint
    size: SystemSize = system_size(
        composition,
        n_np_min=protocol.n_np_min,
        n_beads_max=protocol.n_beads_max,
        enlarge=enlarge,
        volume_factor=volume_factor_of(statepoint),
    )
    folder = point.path / f"attempt-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    seed = derive(statepoint["seed"], point.id, number)
    state = build(composition, size, seed=seed, start=statepoint["start"])
    state.save(folder / "state.npz")
    # written last: an attempt without it is made again
    write_json(
        folder / "size.json",
        {
            "n_np": size.n_np,
            "n_chains": size.n_chains,
            "n_monomers": size.n_monomers,
            "length": size.length,
            "least_length": size.least_length,
            "enlarge": enlarge,
            "number": number,
        },
    )
    return folder

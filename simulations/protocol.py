"""What happens to a system, as data: stages that every engine understands.

A stage names *what* is done; an adapter decides how its engine does it. Four kinds exist:

``soften``   non-bonded forces replaced by a soft cosine repulsion that is ramped up, bonds whole,
             monomers under friction, NPs where they are: takes the overlaps out of random walks without
             breaking a bond. While chains can still pass through one another they also forget how they were
             built, if the ramp takes several of their relaxation times.
``relax``    full forces with limited displacement per step and strong friction.
``nvt``      Langevin dynamics at constant volume.
``npt``      Nose-Hoover thermostat and isotropic barostat (Martyna-Tobias-Klein).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nanonet.errors import ConfigError
from nanonet.units import PRESSURE, TEMPERATURE

StageKind = Literal["soften", "relax", "nvt", "npt"]
KINDS: tuple[StageKind, ...] = ("soften", "relax", "nvt", "npt")


_ONCE_FIXED = ("soften_friction", 10.0)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of a simulation under the same equations of motion.

    Args:
        kind: soften, relax, nvt or npt.
        steps: number of integration steps.
        dt: time step [tau].
        temperature: [epsilon/k_B].
        pressure: [epsilon/sigma^3], for npt.
        tau_t: thermostat time constant [tau], for npt.
        tau_p: barostat time constant [tau], for npt.
        friction: Langevin friction gamma/m [1/tau], for soften, relax and nvt.
        max_displacement: largest move in a step [sigma], for soften and relax.
        softness: final height of the soft repulsion [epsilon], for soften.
        sample_every: steps between frames; 0 keeps none.

    Raises:
        ConfigError: unknown kind, or a value out of range.
    """

    kind: StageKind
    steps: int
    dt: float = 0.005
    temperature: float = TEMPERATURE
    pressure: float = PRESSURE
    tau_t: float = 0.5
    tau_p: float = 5.0
    friction: float = 1.0
    max_displacement: float = 0.1
    softness: float = 60.0
    sample_every: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"a stage is one of {', '.join(KINDS)}, got {self.kind!r}")
        if isinstance(self.steps, bool) or self.steps != int(self.steps) or self.steps < 1:
            raise ConfigError(f"a stage has a whole number of steps above 0, got {self.steps!r}")
        for name in ("dt", "temperature", "tau_t", "tau_p", "friction", "max_displacement", "softness"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0:
                raise ConfigError(f"stage {self.kind}: {name} must be positive, got {value!r}")
        if self.sample_every < 0 or (self.sample_every and self.steps % self.sample_every):
            raise ConfigError(
                f"sample_every must divide the {self.steps} steps of the stage, got {self.sample_every!r}; "
                "a block then ends with a frame"
            )


@dataclass(frozen=True)
class Protocol:
    """A preset: how a state point is prepared, sampled and when it has been sampled enough.

    The work is cut into blocks of ``block_steps``. Equilibration ends after at least
    ``equilibration_steps`` *and* an NP mean-square displacement of ``equilibration_msd`` D^2 *and*
    when density and energy drift by less than ``equilibration_drift`` standard errors over its last
    half; production ends after at least ``production_steps`` and ``production_msd`` D^2. Both give up
    waiting when ``cap_core_hours`` are spent (a third of it for the equilibration); the record of
    such a run says that it is capped. With the two displacements 0 and no limit to the drift the run
    has a fixed length.

    Args:
        name: of the preset.
        dt: time step [tau].
        soften_steps, relax_steps: of the two preparing stages. A short ramp stretches the chains, by 15 % in
            <R^2> after 4,000 steps, and it takes them all of a simulation to shrink again.
        soften_friction: of the first of the two [1/tau]; low, so that chains move.
        equilibration_steps, production_steps: least numbers of steps.
        equilibration_msd, production_msd: displacements to wait for [D^2].
        equilibration_drift: drift to wait for [standard errors]; ``None`` does not look at it.
        block_steps: steps in a block, the unit of work that is never lost.
        sample_every: steps between configurations.
        cap_core_hours: largest cost of a state point [core hours]; ``None`` for no cap.
        n_np_min: least number of NPs in the box.
        n_beads_max: most beads (monomers and NPs) in the box.
        temperature, pressure, tau_t, tau_p: ensemble, see :class:`Stage`. The source names no
            time constants; ours are 100 and 1,000 steps.
        trainable: whether a record may pass the verdict and enter training.
        extend_blocks: blocks added to the production beyond where it would end.

    Raises:
        ConfigError: a value is out of range, or the blocks do not fit.
    """

    name: str
    dt: float = 0.005
    soften_steps: int = 50_000
    soften_friction: float = 1.0
    relax_steps: int = 4_000
    equilibration_steps: int = 50_000
    production_steps: int = 200_000
    equilibration_msd: float = 1.0
    production_msd: float = 2.0
    equilibration_drift: float | None = None
    block_steps: int = 10_000
    sample_every: int = 200
    cap_core_hours: float | None = 2.0
    n_np_min: int = 16
    n_beads_max: int = 20_000
    temperature: float = TEMPERATURE
    pressure: float = PRESSURE
    tau_t: float = 0.5
    tau_p: float = 5.0
    trainable: bool = True
    extend_blocks: int = 0

    def __post_init__(self) -> None:
        for name in ("soften_steps", "relax_steps", "block_steps", "sample_every", "n_np_min", "n_beads_max"):
            value = getattr(self, name)
            if isinstance(value, bool) or value != int(value) or value < 1:
                raise ConfigError(f"protocol {self.name}: {name} must be a whole number above 0, got {value!r}")
        for name in ("equilibration_steps", "production_steps"):
            value = getattr(self, name)
            if value < self.block_steps or value % self.block_steps:
                raise ConfigError(
                    f"protocol {self.name}: {name} must be a multiple of block_steps = {self.block_steps}, "
                    f"got {value!r}"
                )
        if self.block_steps % self.sample_every:
            raise ConfigError(
                f"protocol {self.name}: sample_every = {self.sample_every} must divide block_steps = {self.block_steps}"
            )
        for name in ("equilibration_msd", "production_msd"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"protocol {self.name}: {name} must be 0 or more, got {getattr(self, name)!r}")
        if not 0 < self.soften_friction < math.inf:
            raise ConfigError(
                f"protocol {self.name}: soften_friction must be above 0 and finite, in 1/tau, "
                f"got {self.soften_friction!r}"
            )
        if self.equilibration_drift is not None and not self.equilibration_drift > 0:
            raise ConfigError(f"protocol {self.name}: equilibration_drift must be positive or null")
        if self.cap_core_hours is not None and not self.cap_core_hours > 0:
            raise ConfigError(f"protocol {self.name}: cap_core_hours must be positive or null")
        extend = self.extend_blocks
        if isinstance(extend, bool) or not isinstance(extend, int) or extend < 0:
            raise ConfigError(f"extend_blocks must be a whole number of blocks, 0 or more, got {extend!r}")

    def preparation(self) -> tuple[Stage, ...]:
        """The stages that turn the builder's state into one under full forces."""
        return (
            Stage("soften", self.soften_steps, dt=self.dt, temperature=self.temperature, friction=self.soften_friction),
            Stage("relax", self.relax_steps, dt=self.dt, temperature=self.temperature, friction=10.0),
        )

    def block(self, *, prepare: bool) -> tuple[Stage, ...]:
        """The stages of one block; the first of a state point begins with the preparation."""
        run = Stage(
            "npt",
            self.block_steps,
            dt=self.dt,
            temperature=self.temperature,
            pressure=self.pressure,
            tau_t=self.tau_t,
            tau_p=self.tau_p,
            sample_every=self.sample_every,
        )
        return (*self.preparation(), run) if prepare else (run,)

    def identity(self) -> dict[str, Any]:
        """The settings that change the numbers a simulation gives; they name its state point.

        Lengths, caps and limits are left out, so that a longer run extends the same state point.
        """
        names = (
            "dt",
            "soften_steps",
            "soften_friction",
            "relax_steps",
            "block_steps",
            "sample_every",
            "n_np_min",
            "temperature",
            "pressure",
            "tau_t",
            "tau_p",
        )
        # the friction was always 10 before it could be chosen: such state points keep the names they had
        return {name: getattr(self, name) for name in names if (name, getattr(self, name)) != _ONCE_FIXED}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Protocol:
        """From a configuration; unknown names are refused.

        Raises:
            ConfigError: an unknown setting; the message lists those there are.
        """
        known = list(cls.__dataclass_fields__)
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ConfigError(f"a protocol has no {', '.join(unknown)}; its settings are {', '.join(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """All settings by name."""
        return asdict(self)


def stages_from_dicts(items: list[dict[str, Any]]) -> tuple[Stage, ...]:
    """Stages from plain mappings, as a child process receives them."""
    return tuple(Stage(**item) for item in items)

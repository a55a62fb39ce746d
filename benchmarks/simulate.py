"""What a simulation costs: our LAMMPS run, its sampling, our pair style, large nanoparticles, HOOMD-blue's lists.

Processor seconds of the process that integrates are compared, so that other work on the machine disturbs them
little, and the two sides of a comparison take turns. HOOMD-blue on a GPU has rows of its own where one is at hand;
where there are none it was not run.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import Figure, repeat, summary
from nanonet.domain import Composition
from nanonet.errors import EngineNotInstalledError
from simulations.analysis.rdf import RDFAccumulator
from simulations.builder import SystemSize, build, expected_volume, least_length, system_size
from simulations.engines.base import RESTART
from simulations.engines.lammps import Lammps
from simulations.engines.supervised import Supervised
from simulations.forcefield import ForceField, nanocomposite
from simulations.protocol import Protocol, Stage
from simulations.state import State

ROOT = Path(__file__).resolve().parents[1]
#: Repetitions of a comparison, and steps of its longest run.
PAIRS, STEPS = 3, 4_000
LAMMPS = "simulations.engines.lammps.Lammps"
#: What a careful user would type: the same system and physics, one log line per 200 steps.
SCRIPT = """
units lj
atom_style bond
newton on
special_bonds fene
neighbor 0.3 {neighbor}
neigh_modify every 1 delay 2 check yes one 10000 page 200000
read_restart {restart}
{comm}
pair_style lj/cut/opt {largest}
pair_modify shift yes
{coefficients}
bond_style fene
bond_coeff 1 30.0 1.5 1.0 1.0
timestep 0.005
fix ensemble all npt temp 1.0 1.0 0.5 iso 1.0 1.0 5.0
thermo 200
group np type 2
dump np np custom 200 {dump} id x y z
run {steps}
"""


def composition(diameter: float, phi: float) -> Composition:
    """A composition of middling interactions."""
    return Composition.from_phi(D=diameter, N=32, phi=phi, eps_np_np=1.0, eps_p_np=1.0)


def of_beads(c: Composition, beads: int) -> SystemSize:
    """A box of about ``beads`` beads with the composition's concentration."""
    per_np = system_size(c, n_beads_max=10**6)
    n_np = max(2, round(beads * per_np.n_np / per_np.n_beads))
    n_chains = round((beads - n_np) / c.N)
    volume = expected_volume(n_chains * c.N, n_np, c.D)
    return SystemSize(n_np, n_chains, n_chains * c.N, volume ** (1 / 3), least_length(c))


def prepare(c: Composition, size: SystemSize, folder: Path, steps: int = 1500) -> State:
    """Relax a box and leave a restart file in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    state = build(c, size, seed=1)
    protocol = Protocol("benchmark", soften_steps=1500, relax_steps=1500)
    stages = (*protocol.preparation(), Stage("npt", steps, sample_every=steps))
    Lammps().run(state, nanocomposite(c), stages, folder, 1)
    return state


def cpu_of(command: Callable[[], object]) -> float:
    """Processor seconds of the children that ``command`` waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plain(ff: ForceField, restart: Path, folder: Path, steps: int, neighbor: str = "multi") -> None:
    """Run the hand-written script in a process of its own."""
    pairs = {("P", "P"): "1 1", ("P", "N"): "1 2", ("N", "N"): "2 2"}
    text = SCRIPT.format(
        neighbor=neighbor,
        comm="comm_modify mode multi" if neighbor == "multi" else "comm_modify mode single",
        restart=restart,
        largest=ff.largest_cut,
        coefficients="\n".join(
            f"pair_coeff {pairs[key]} {term.epsilon} {term.sigma} {term.r_cut}" for key, term in ff.pairs.items()
        ),
        dump=folder / "plain.dump",
        steps=steps,
    )
    (folder / "plain.in").write_text(text)
    code = (
        "import sys; from simulations.engines.lammps import load_lammps; "
        "m = load_lammps().lammps(cmdargs=['-log', 'none', '-screen', 'none', '-nocite']); m.file(sys.argv[1])"
    )
    subprocess.run([sys.executable, "-c", code, str(folder / "plain.in")], check=True, cwd=ROOT)


def against_plain(folder: Path) -> Iterator[Figure]:
    """Ours, with child, sampling, RDF and restart file, against the script."""
    c = composition(3.0, 0.05)
    state = prepare(c, system_size(c), folder / "pair")
    ff, restart = nanocomposite(c), folder / "pair" / RESTART
    ratios, shares = [], []
    for _ in range(PAIRS):
        theirs = cpu_of(lambda: plain(ff, restart, folder, STEPS))
        engine = Supervised(LAMMPS, {})
        trajectory = engine.run(state, ff, _npt(STEPS), _work(folder), 2, restart=restart)
        begin = time.process_time()
        rdf = RDFAccumulator()
        rdf.add_trajectory(trajectory)
        analysis = time.process_time() - begin
        ratios.append(theirs / (engine.core_seconds + analysis))
        shares.append(100 * (analysis / engine.core_seconds + sampling_share(state, ff, restart, folder)))
    beads = f"D = 3, {len(state.typeid):,} beads, {STEPS:,} steps, process start and restart file included"
    yield Figure("our steps/s over a hand-written LAMMPS script's", *_pair(ratios), at_least=0.97, note=beads)
    middle, spread = summary(shares)
    yield Figure("sampling and RDF analysis, share of a run", middle, "%", spread, at_most=2.0, note="a frame per tau")


def sampling_share(state: State, ff: ForceField, restart: Path, folder: Path) -> float:
    """Processor time inside the sampling calls over that of the run."""
    from simulations.engines import lammps as adapter
    from simulations.engines.frames import FrameWriter

    spent = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            begin = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent[0] += time.process_time() - begin

        return wrapper

    with (
        patch.object(adapter.Session, "sample", timed(adapter.Session.sample)),
        patch.object(FrameWriter, "append", timed(FrameWriter.append)),
    ):
        begin = time.process_time()
        Lammps().run(state, ff, _npt(STEPS // 2), _work(folder), 2, restart=restart)
        return spent[0] / (time.process_time() - begin)


def against_diameter(folder: Path) -> Iterator[Figure]:
    """Steps/s at D = 5 over D = 2 at equal beads: ours, a script with one list per size, a naive one."""
    systems = {}
    for diameter in (2.0, 5.0):
        c = composition(diameter, 0.06)
        place = folder / f"D{diameter:g}"
        systems[diameter] = (prepare(c, of_beads(c, 16_000), place), nanocomposite(c), place / RESTART)

    def ours(diameter: float) -> float:
        state, ff, restart = systems[diameter]
        engine = Supervised(LAMMPS, {})
        engine.run(state, ff, _npt(STEPS // 5), _work(folder), 2, restart=restart)
        return engine.core_seconds

    def script(neighbor: str, steps: int) -> Callable[[float], float]:
        return lambda diameter: cpu_of(lambda: plain(*systems[diameter][1:], folder, steps, neighbor))

    kinds = {
        "ours": (ours, 0.55),
        "a script with `neighbor multi`": (script("multi", STEPS // 5), None),
        "a script with `neighbor bin`": (script("bin", STEPS // 20), None),
    }
    for name, (seconds, asked) in kinds.items():
        ratios = [seconds(2.0) / seconds(5.0) for _ in range(PAIRS)]
        yield Figure(f"steps/s at D = 5 over D = 2: {name}", *_pair(ratios), at_least=asked, note="16,000 beads each")


def of_pairs(folder: Path) -> Iterator[Figure]:
    """Steps/s with our pair style over those with LAMMPS' own, in a child, sampling and all."""
    for diameter, phi in ((2.0, 0.03), (3.0, 0.05), (5.0, 0.06)):
        c = composition(diameter, phi)
        place = folder / f"pairs{diameter:g}"
        state, ff = prepare(c, system_size(c), place), nanocomposite(c)
        seconds: dict[str, list[float]] = {"opt": [], "clusters": []}
        for _ in range(PAIRS):
            for pairs, spent in seconds.items():
                engine = Supervised(LAMMPS, {"pairs": pairs})
                engine.run(state, ff, _npt(STEPS // 2), _work(folder), 2, restart=place / RESTART)
                spent.append(engine.core_seconds)
        ratios = [slow / fast for slow, fast in zip(*seconds.values(), strict=True)]
        note = f"{len(state.typeid):,} beads; {STEPS // 2 / summary(seconds['clusters'])[0]:.0f} steps/s with ours"
        yield Figure(f"steps/s with lj/cut/clusters over lj/cut/opt, D = {diameter:g}", *_pair(ratios), note=note)


def of_softening() -> Iterator[Figure]:
    """Steps/s of the soft push-off with our pair style over those with LAMMPS' own, thermostat included."""
    c = composition(2.0, 0.03)
    state, ff = build(c, system_size(c), seed=1), nanocomposite(c)
    stages = (Stage("soften", STEPS // 2), Stage("relax", 100), Stage("npt", 1, sample_every=1))
    ratios, fast = [], []
    for _ in range(PAIRS):
        spent: dict[str, float] = {}
        for pairs in ("opt", "clusters"):
            engine = Supervised(LAMMPS, {"pairs": pairs})
            with tempfile.TemporaryDirectory() as folder:
                engine.run(state, ff, stages, Path(folder), 2)
            spent[pairs] = engine.core_seconds
        ratios.append(spent["opt"] / spent["clusters"])
        fast.append(STEPS // 2 / spent["clusters"])
    note = f"{len(state.typeid):,} beads; {summary(fast)[0]:.0f} steps/s with ours, thermostat included"
    yield Figure("steps/s of softening with soft/clusters over soft, D = 2", *_pair(ratios), note=note)


def building() -> Iterator[Figure]:
    """Time to build 16,000 beads."""
    c = composition(3.0, 0.05)
    size = of_beads(c, 16_000)
    middle, spread = repeat(lambda: build(c, size, seed=1))
    yield Figure(f"building {size.n_beads:,} beads", middle, "s", spread, at_most=2.0)


def memory(folder: Path) -> Iterator[Figure]:
    """Peak resident memory of the child that runs 16,000 beads with D = 5, whose lists are the largest."""
    code = (
        "import resource, sys; from pathlib import Path; from simulations.engines.child import main; "
        "status = main(Path(sys.argv[1])); "
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
        "Path(sys.argv[1], 'peak').write_text(str(peak)); sys.exit(status)"
    )
    c = composition(5.0, 0.06)
    work = _work(folder)
    stages = (Stage("soften", 1500), Stage("relax", 500), Stage("npt", 200, sample_every=200))
    # leaves the job file that the second process, which reports its memory, runs again
    Supervised(LAMMPS, {}).run(build(c, of_beads(c, 16_000), seed=1), nanocomposite(c), stages, work, 2)
    # its standard input stays open: the child leaves when that closes
    command = [sys.executable, "-c", code, str(work)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            time.sleep(0.2)
    if child.returncode:
        raise RuntimeError(f"the run whose memory was to be measured ended with exit status {child.returncode}")
    peak = int((work / "peak").read_text()) / 1024
    yield Figure("peak memory of a run of 16,000 beads", peak, "MB", at_most=600.0, note="D = 5")


def hoomd(folder: Path) -> Iterator[Figure]:
    """Steps/s of HOOMD-blue by neighbour list and diameter, on the CPU and on a GPU where there is one."""
    try:
        from simulations.engines.hoomd import Hoomd, load_hoomd

        module = load_hoomd()
    except (ImportError, EngineNotInstalledError) as error:
        print(f"  HOOMD-blue: not run ({error})")
        return
    devices = ["cpu", "gpu"] if module.device.GPU.get_available_devices() else ["cpu"]
    for diameter, phi in ((2.0, 0.03), (3.0, 0.05), (5.0, 0.08)):
        c = composition(diameter, phi)
        place = folder / f"hoomd{diameter:g}"
        place.mkdir(exist_ok=True)
        size, ff = system_size(c), nanocomposite(c)
        state = build(c, size, seed=1)
        stages = Protocol("benchmark", soften_steps=2000, relax_steps=1000).preparation()
        Hoomd(nlist="tree").run(state, ff, (*stages, Stage("npt", 100, sample_every=100)), place, 1)
        for device in devices:
            steps = 200 if device == "cpu" else 20_000
            for nlist in ("tree", "stencil", "cell"):
                engine = Hoomd(nlist=nlist, device=device)
                begin = time.perf_counter()
                engine.run(state, ff, (Stage("npt", 20, sample_every=20),), place, 2, restart=place / RESTART)
                start = time.perf_counter() - begin
                begin = time.perf_counter()
                engine.run(state, ff, (Stage("npt", steps, sample_every=steps),), place, 2, restart=place / RESTART)
                rate = (steps - 20) / (time.perf_counter() - begin - start)
                what = f"HOOMD-blue {module.version.version}, {device}, {nlist}, D = {diameter:g}"
                yield Figure(what, rate, "steps/s", note=f"{size.n_beads:,} beads, wall time")


def measure() -> Iterator[Figure]:
    """All of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from building()
        yield from memory(folder)
        yield from against_plain(folder)
        yield from of_pairs(folder)
        yield from of_softening()
        yield from against_diameter(folder)
        yield from hoomd(folder)


def _npt(steps: int) -> tuple[Stage, ...]:
    return (Stage("npt", steps, sample_every=200),)


def _work(folder: Path) -> Path:
    work = folder / "ours"
    work.mkdir(exist_ok=True)
    return work


def _pair(ratios: list[float]) -> tuple[float, str, float]:
    middle, spread = summary(ratios)
    return middle, "1", spread

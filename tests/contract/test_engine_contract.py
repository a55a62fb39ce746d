"""What every engine in conf/engine owes: a new engine is a module and a YAML file, its tests run by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from nanonet.domain import Composition, Trajectory
from nanonet.errors import EngineNotInstalledError, RestartError, UnstableRunError
from nanonet.paths import CONF
from simulations import reference
from simulations.builder import SystemSize, build
from simulations.engines.base import FRAMES, RESTART, Engine
from simulations.engines.child import make_engine
from simulations.engines.frames import read_frames
from simulations.engines.supervised import Supervised
from simulations.forcefield import ForceField, nanocomposite
from simulations.protocol import Stage
from simulations.state import State

ENGINES = sorted(file.stem for file in (CONF / "engine").glob("*.yaml"))
#: Other options of an engine that change what it computes with: after a colon.
VARIANTS = {"lammps:opt": {"pairs": "opt"}}
PREPARE = (Stage("soften", 500, friction=10.0), Stage("relax", 500, friction=10.0))
THERMO = {"temperature", "pressure", "energy", "density"}


def described(name: str) -> tuple[str, dict[str, Any]]:
    """Dotted name of the class, and its options."""
    options = yaml.safe_load((CONF / "engine" / f"{name.partition(':')[0]}.yaml").read_text())
    return options.pop("_target_"), options | VARIANTS.get(name, {})


@pytest.fixture(params=[*ENGINES, *VARIANTS])
def name(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> str:
    """Each engine that is installed; the one that is being validated must be."""
    target, options = described(request.param)
    try:
        make_engine(target, options).versions()
    except EngineNotInstalledError as error:
        if pytestconfig.getoption("validate") and pytestconfig.getoption("engine") == request.param:
            pytest.fail(f"{request.param} is to be validated, but: {error}")
        pytest.skip(f"needs the engine {request.param}: {error}")
    return request.param


@pytest.fixture
def engine(name: str) -> Engine:
    return make_engine(*described(name))


@pytest.fixture(scope="module")
def system() -> tuple[State, ForceField]:
    """8 NPs as small as a monomer and 30 chains: L = 7, wider than twice the largest cut-off and buffer."""
    composition = Composition(D=1, N=10, rho=0.02, eps_np_np=1.0, eps_p_np=1.0)
    edge = (300 / 0.92 + 8 * np.pi / 6 * 1.2**3) ** (1.0 / 3.0)
    return build(composition, SystemSize(8, 30, 300, edge, 5.8), seed=3), nanocomposite(composition)


def gas(positions: np.ndarray, edge: float) -> State:
    n = len(positions)
    return State(positions, np.zeros((n, 3)), np.ones(n), np.zeros((0, 2)), np.full(3, edge))


def honours(engine: Engine, forcefield: ForceField) -> bool:
    """Whether a pair of NPs has the force field's energy; an engine that ignores it must give 0 everywhere."""
    r = np.array([0.95, 1.0, 1.12, 1.5, 2.3, 2.6]) * forcefield.pairs["N", "N"].sigma
    edge = 2.5 * forcefield.largest_cut
    energy = np.array([engine.evaluate(gas(np.array([[0, 0, 0], [x, 0, 0]]), edge), forcefield).energy for x in r])
    if not energy.any():
        return False
    np.testing.assert_allclose(energy, forcefield.pairs["N", "N"].energy(r), rtol=1e-6, atol=1e-9)
    return True


def same(first: Trajectory, second: Trajectory) -> None:
    """Bit by bit."""
    for field in ("step", "positions", "images", "box"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
    assert set(first.thermo) == set(second.thermo)
    for field, series in first.thermo.items():
        np.testing.assert_array_equal(series, second.thermo[field])


def test_conf_names_the_engines_that_ship() -> None:
    assert {"ideal", "lammps"} <= set(ENGINES)


def test_an_engine_describes_itself(name: str, engine: Engine) -> None:
    target, options = described(name)
    assert isinstance(engine, Engine)
    assert engine.name == name.partition(":")[0]
    config = engine.get_config()
    assert json.loads(json.dumps(config)) == config
    assert config == options, "conf/engine lists every option with the value it has"
    assert make_engine(target, config).get_config() == config
    versions = engine.versions()
    assert versions
    assert all(isinstance(key, str) and isinstance(value, str) and value for key, value in versions.items())


def test_evaluate_gives_the_reference_or_nothing(engine: Engine, system: tuple[State, ForceField]) -> None:
    built, forcefield = system
    # every second bead of the builder's overlapping chains would give forces of 1e20: take the NPs and one chain
    state = State(
        np.concatenate([built.positions[:10], built.positions[300:]]),
        np.concatenate([built.images[:10], built.images[300:]]),
        np.repeat([0, 1], [10, 8]),
        built.bonds[:9],
        built.box,
    )
    answer = engine.evaluate(state, forcefield)
    assert answer.forces.shape == (18, 3)
    if honours(engine, forcefield):
        expected = reference.evaluate(state, forcefield)
        assert answer.energy == pytest.approx(expected.energy, rel=1e-6)
        assert answer.pressure == pytest.approx(expected.pressure, rel=1e-6)
        np.testing.assert_allclose(answer.forces, expected.forces, rtol=1e-5, atol=1e-6 * np.abs(expected.forces).max())
    else:
        assert answer.energy == 0.0
        assert not answer.forces.any()


def test_a_run_has_its_frames_shapes_and_boxes(
    engine: Engine, system: tuple[State, ForceField], tmp_path: Path
) -> None:
    state, forcefield = system
    seen: list[tuple[str, int, int]] = []
    stages = [*PREPARE, Stage("nvt", 200, sample_every=50), Stage("npt", 400, sample_every=50)]
    trajectory = engine.run(state, forcefield, stages, tmp_path, 5, progress=lambda *report: seen.append(report))

    np.testing.assert_array_equal(trajectory.step, 1_000 + 50 * np.arange(1, 13))
    assert trajectory.positions.shape == (12, 8, 3)
    assert trajectory.dt == 0.005
    assert THERMO | {"r2_end", "rg2"} == set(trajectory.thermo)
    assert (np.ptp(trajectory.box, axis=1) == 0).all(), "the barostat is isotropic"
    np.testing.assert_allclose(trajectory.box[:4], np.broadcast_to(state.box, (4, 3)), rtol=1e-6)
    # frames are stored in single precision
    assert (np.abs(trajectory.positions) <= 0.5 * trajectory.box[:, None] * (1 + 1e-6)).all()
    np.testing.assert_allclose(trajectory.thermo["density"], 300 / trajectory.box.prod(axis=1), rtol=1e-9)
    assert (np.abs(trajectory.thermo["temperature"] - 1.0) < 0.5).all()
    assert (trajectory.thermo["rg2"] < trajectory.thermo["r2_end"]).all()
    if honours(engine, forcefield):
        assert (np.diff(trajectory.box[4:, 0]) != 0).all(), "the barostat moves the box"
        # unwrapped positions do not jump: thermal speed times 50 steps, five times over
        assert np.abs(np.diff(trajectory.unwrapped, axis=0)).max() < 1.25

    same(trajectory, read_frames(tmp_path / FRAMES))
    assert (tmp_path / RESTART).is_file()
    assert {report[0] for report in seen} == {"soften", "relax", "nvt", "npt"}
    for stage in stages:
        done = [report[1] for report in seen if report[0] == stage.kind]
        assert done == sorted(done)
        assert done[-1] == stage.steps
        assert {report[2] for report in seen if report[0] == stage.kind} == {stage.steps}


def test_nanoparticles_stay_while_the_chains_soften(
    engine: Engine, system: tuple[State, ForceField], tmp_path: Path
) -> None:
    """Free ones would diffuse by more than a monomer; the few steps after it hardly move them."""
    if engine.name == "ideal":
        pytest.skip("the ideal gas has no chains to soften")
    state, forcefield = system
    stages = [Stage("soften", 2_000, friction=1.0), Stage("relax", 20, friction=10.0), Stage("nvt", 1, sample_every=1)]
    trajectory = engine.run(state, forcefield, stages, tmp_path, 5)
    particles = state.typeid == 1
    moved = trajectory.unwrapped[0] - (state.positions + state.images * state.box)[particles]
    assert np.sqrt((moved**2).sum(axis=1)).max() < 0.5


def test_the_seed_decides_the_trajectory(engine: Engine, system: tuple[State, ForceField], tmp_path: Path) -> None:
    stages = [*PREPARE, Stage("nvt", 100, sample_every=50), Stage("npt", 100, sample_every=50)]
    runs = []
    for number, seed in enumerate((5, 5, 6)):
        (tmp_path / str(number)).mkdir()
        runs.append(engine.run(*system, stages, tmp_path / str(number), seed))
    same(runs[0], runs[1])
    assert np.abs(runs[0].positions - runs[2].positions).max() > 1e-3


def test_a_resumed_run_goes_on(engine: Engine, system: tuple[State, ForceField], tmp_path: Path) -> None:
    state, forcefield = system
    folders = [tmp_path / part for part in ("start", "one", "two", "whole", "again")]
    for folder in folders:
        folder.mkdir()
    start, one, two, whole, again = folders
    engine.run(state, forcefield, [*PREPARE, Stage("npt", 500, sample_every=500)], start, 5)

    def run(folder: Path, steps: int, restart: Path) -> Trajectory:
        return engine.run(
            state, forcefield, [Stage("npt", steps, sample_every=10)], folder, 5, restart=restart / RESTART
        )

    first, second, unbroken = run(one, 20, start), run(two, 20, one), run(whole, 40, start)
    assert first.step[0] == 1_510
    np.testing.assert_array_equal(np.concatenate([first.step, second.step]), unbroken.step)
    same(second, run(again, 20, one))
    if honours(engine, forcefield):
        # thermostat and barostat go on as they were: no random numbers, and no time yet for chaos
        resumed = np.concatenate([first.unwrapped, second.unwrapped])
        np.testing.assert_allclose(resumed, unbroken.unwrapped, atol=1e-3)
        boxes = np.concatenate([first.box, second.box])
        np.testing.assert_allclose(boxes, unbroken.box, rtol=1e-5)
        assert np.ptp(unbroken.box) > 1e-4 * state.box[0]


@pytest.mark.parametrize("damage", ["missing", "garbage", "cut", "other system"])
def test_a_bad_restart_file_is_refused(
    name: str, system: tuple[State, ForceField], tmp_path: Path, damage: str
) -> None:
    state, forcefield = system
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    # in a child: an engine that ends its process ends that one
    engine = Supervised(*described(name))
    file = good / RESTART
    if damage == "garbage":
        file.write_bytes(b"this is not a restart file" * 40)
    elif damage == "cut":
        engine.run(state, forcefield, [*PREPARE, Stage("npt", 100, sample_every=100)], good, 5)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    elif damage == "other system":
        edge = 30.0
        other = gas(np.random.default_rng(0).uniform(-0.45, 0.45, (5, 3)) * edge, edge)
        engine.run(other, forcefield, [Stage("relax", 10, friction=10.0), Stage("nvt", 10, sample_every=10)], good, 5)
    with pytest.raises(RestartError, match=r"restart\.bin"):
        engine.run(state, forcefield, [Stage("npt", 100, sample_every=100)], bad, 5, restart=file)


def test_dilute_pairs_follow_boltzmann(engine: Engine, tmp_path: Path) -> None:
    """Short statistics here; the strict test is in tests/validation."""
    count, rho, low, high = 100, 0.01, 0.9, 1.5
    edge = (count / rho) ** (1.0 / 3.0)
    forcefield = nanocomposite(Composition(D=1, N=10, rho=rho, eps_np_np=1.0, eps_p_np=1.0))
    axis = (np.arange(5) - 2.0) * edge / 5
    sites = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)[:count]
    stages = [Stage("nvt", 4_000, dt=0.01, friction=0.2), Stage("nvt", 60_000, dt=0.01, friction=0.2, sample_every=200)]
    trajectory = engine.run(gas(sites, edge), forcefield, stages, tmp_path, 7)
    pairs = []
    for positions in trajectory.positions:
        delta = positions[:, None] - positions[None]
        r = np.linalg.norm(delta - edge * np.round(delta / edge), axis=-1)[np.triu_indices(count, 1)]
        pairs.append(((r > low) & (r < high)).sum())
    blocks = np.array(pairs).reshape(30, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(30)
    fine = np.linspace(low, high, 601)
    u = forcefield.pairs["N", "N"].energy(fine)
    ideal = 4.0 / 3.0 * np.pi * (high**3 - low**3)
    interacting = np.trapezoid(4.0 * np.pi * fine**2 * np.exp(-u), fine)
    expected, other = (interacting, ideal) if honours(engine, forcefield) else (ideal, interacting)
    n_pairs = count * (count - 1) / 2 / edge**3
    assert error < 0.05 * expected * n_pairs
    assert abs(blocks.mean() - expected * n_pairs) < 4.0 * error
    assert abs(blocks.mean() - other * n_pairs) > 8.0 * error


def test_a_supervised_run_is_the_same_run(name: str, system: tuple[State, ForceField], tmp_path: Path) -> None:
    target, options = described(name)
    supervised = Supervised(target, options)
    stages = [*PREPARE, Stage("npt", 100, sample_every=50)]
    (tmp_path / "here").mkdir()
    (tmp_path / "child").mkdir()
    seen: list[tuple[str, int, int]] = []
    direct = make_engine(target, options)
    here = direct.run(*system, stages, tmp_path / "here", 5)
    child = supervised.run(*system, stages, tmp_path / "child", 5, progress=lambda *report: seen.append(report))
    same(here, child)
    assert supervised.name == direct.name
    assert supervised.versions() == direct.versions()
    assert supervised.get_config() == direct.get_config()
    assert supervised.core_seconds > 0
    assert seen[-1] == ("npt", 100, 100)


def test_beads_on_top_of_each_other_end_the_run_and_nothing_else(name: str, tmp_path: Path) -> None:
    engine = Supervised(*described(name))
    forcefield = nanocomposite(Composition(D=1, N=10, rho=0.01, eps_np_np=1.0, eps_p_np=1.0))
    positions = np.random.default_rng(1).uniform(-0.5, 0.5, (300, 3)) * 6.0
    stages = [Stage("nvt", 2_000, dt=0.01, sample_every=100)]
    if honours(make_engine(*described(name)), forcefield):
        with pytest.raises(UnstableRunError):
            engine.run(gas(positions, 6.0), forcefield, stages, tmp_path, 5)
    else:
        assert engine.run(gas(positions, 6.0), forcefield, stages, tmp_path, 5).n_frames == 20

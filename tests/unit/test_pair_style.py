"""Our pair style for LAMMPS: the same physics as LAMMPS' own, or refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.domain import Composition
from nanonet.errors import EngineError, EngineWarning
from simulations.engines import clusters
from simulations.engines.base import RESTART
from simulations.engines.lammps import Lammps, Session
from simulations.engines.supervised import Supervised, _tell
from simulations.engines.trial import configuration
from simulations.forcefield import ForceField, kremer_grest_melt, nanocomposite
from simulations.protocol import Stage
from simulations.state import State

pytest.importorskip("lammps", reason="needs lammps; pip install 'nanonet[simulate]'")


def compiled() -> bool:
    try:
        Lammps(pairs="clusters").versions()
    except EngineError:
        return False
    return True


needs_compiler = pytest.mark.skipif(not compiled(), reason="needs a C++ compiler")


def of(diameter: float) -> ForceField:
    return nanocomposite(Composition(D=diameter, N=20, rho=5e-4, eps_np_np=1.5, eps_p_np=0.7))


@needs_compiler
@pytest.mark.parametrize(
    ("diameter", "edge", "neighbor"), [(1, 12.0, "multi"), (2.5, 14.0, "multi"), (4, 24.0, "bin"), (5, 25.9, "multi")]
)
def test_forces_energy_and_pressure_are_those_of_lammps(diameter: float, edge: float, neighbor: str) -> None:
    state, forcefield = configuration(edge, diameter), of(diameter)
    ours = Lammps(pairs="clusters", neighbor=neighbor).evaluate(state, forcefield)
    theirs = Lammps(pairs="opt", neighbor=neighbor).evaluate(state, forcefield)
    assert {len(set(state.typeid)), np.bincount(state.bonds.ravel()).max()} == {2}, "both kinds, and chains"
    np.testing.assert_allclose(ours.forces, theirs.forces, rtol=0, atol=1e-11 * np.abs(theirs.forces).max())
    assert ours.energy == pytest.approx(theirs.energy, rel=1e-12)
    assert ours.pressure == pytest.approx(theirs.pressure, rel=1e-11)


@needs_compiler
@pytest.mark.parametrize(("diameter", "edge", "height"), [(1, 12.0, 1.0), (2.5, 14.0, 60.0), (5, 25.9, 20.0)])
def test_soft_forces_energy_and_pressure_are_those_of_lammps(diameter: float, edge: float, height: float) -> None:
    """Beads on top of one another as well, where the cosine is flat."""
    state, forcefield = configuration(edge, diameter), of(diameter)
    positions = state.positions.copy()
    positions[100:110] = positions[300:310] + 1e-3
    state = State(positions, state.images, state.typeid, np.zeros((0, 2), dtype=int), state.box)
    ours, theirs = (Lammps(pairs=pairs).evaluate(state, forcefield, softness=height) for pairs in ("clusters", "opt"))
    assert np.abs(theirs.forces).max() > 1.0
    np.testing.assert_allclose(ours.forces, theirs.forces, rtol=0, atol=1e-11 * np.abs(theirs.forces).max())
    assert ours.energy == pytest.approx(theirs.energy, rel=1e-11)
    assert ours.pressure == pytest.approx(theirs.pressure, rel=1e-11)


@needs_compiler
def test_the_soft_height_is_ramped_as_with_lammps(tmp_path: Path) -> None:
    """A height that stayed at 0 would leave the beads where bonds and friction take them."""
    state, forcefield = configuration(14.0, 2.5), of(2.5)
    runs = {}
    for pairs in ("clusters", "opt"):
        (tmp_path / pairs).mkdir()
        stages = [Stage("soften", 200, friction=1.0, max_displacement=0.02), Stage("npt", 1, sample_every=1)]
        runs[pairs] = Lammps(pairs=pairs).run(state, forcefield, stages, tmp_path / pairs, 3).thermo
    for name in ("energy", "rg2"):
        np.testing.assert_allclose(runs["clusters"][name], runs["opt"][name], rtol=1e-8)
    half = [replace(stages[0], softness=30.0), stages[1]]
    other = Lammps(pairs="clusters").run(state, forcefield, half, tmp_path, 3).thermo
    assert abs(other["energy"][-1] / runs["opt"]["energy"][-1] - 1) > 1e-3, "the height counts"


@needs_compiler
def test_a_repulsive_melt_is_that_of_lammps() -> None:
    """A cut-off of 1.12 instead of 2.5: cells and columns have other sizes."""
    state = configuration(14.0, 1.0)
    ours, theirs = (Lammps(pairs=pairs).evaluate(state, kremer_grest_melt()) for pairs in ("clusters", "opt"))
    np.testing.assert_allclose(ours.forces, theirs.forces, rtol=0, atol=1e-11 * np.abs(theirs.forces).max())


@needs_compiler
@pytest.mark.parametrize("kinds", [[0, 1], [0, 0], [1, 1]], ids=["both", "small", "large"])
def test_a_few_beads_in_a_wide_box(kinds: list[int]) -> None:
    """Pairs all over a box of 900 sigma, some of them across its boundaries; one kind may be missing."""
    rng = np.random.default_rng(4)
    first = rng.uniform(-450.0, 450.0, (60, 3))
    first[:20, 0] = 449.5
    step = rng.normal(size=(60, 3))
    second = first + 1.9 * step / np.linalg.norm(step, axis=1)[:, None]
    positions = np.concatenate([first, second])
    positions -= 900.0 * np.round(positions / 900.0)
    state = State(
        positions, np.zeros_like(positions), np.repeat(kinds, 60), np.zeros((0, 2), dtype=int), np.full(3, 900.0)
    )
    ours, theirs = (Lammps(pairs=pairs).evaluate(state, of(2.0)) for pairs in ("clusters", "opt"))
    assert (np.abs(theirs.forces).max(axis=1) > 0).all()
    np.testing.assert_allclose(ours.forces, theirs.forces, rtol=0, atol=1e-11 * np.abs(theirs.forces).max())


@needs_compiler
@pytest.mark.parametrize("skin", [1.0, 0.3, 0.1], ids=["sifted", "rebuilt", "narrower than what is near"])
def test_trajectories_stay_together_over_many_lists(tmp_path: Path, skin: float) -> None:
    """Lists sifted some twenty times, or rebuilt, in a box that changes: a pair that was missed would show at once."""
    state, forcefield = configuration(14.0, 2.5), of(2.5)
    stages = [Stage("relax", 200, friction=10.0), Stage("npt", 100, sample_every=10)]
    runs = {}
    for pairs in ("clusters", "opt"):
        (tmp_path / pairs).mkdir()
        runs[pairs] = Lammps(pairs=pairs, skin=skin).run(state, forcefield, stages, tmp_path / pairs, 3)
    np.testing.assert_allclose(runs["clusters"].unwrapped, runs["opt"].unwrapped, atol=1e-4)
    np.testing.assert_allclose(runs["clusters"].thermo["pressure"], runs["opt"].thermo["pressure"], atol=1e-3)
    assert np.ptp(runs["opt"].unwrapped, axis=0).max() > 0.05, "beads move"


@needs_compiler
@pytest.mark.parametrize(("first", "second"), [("clusters", "opt"), ("opt", "clusters")])
def test_either_goes_on_from_the_others_restart_file(tmp_path: Path, first: str, second: str) -> None:
    state, forcefield = configuration(14.0, 2.5), of(2.5)
    stages = [Stage("relax", 100, friction=10.0), Stage("npt", 20, sample_every=20)]
    Lammps(pairs=first).run(state, forcefield, stages, tmp_path, 3)
    ends = []
    for pairs in (first, second):
        (tmp_path / pairs).mkdir()
        run = Lammps(pairs=pairs).run(
            state, forcefield, [Stage("npt", 50, sample_every=50)], tmp_path / pairs, 3, restart=tmp_path / RESTART
        )
        ends.append(run.unwrapped)
    np.testing.assert_allclose(*ends, atol=1e-4)


@needs_compiler
def test_a_bead_with_three_bonds_is_refused() -> None:
    state = configuration(14.0, 2.5)
    branch = [[state.bonds[0, 1], state.bonds[-1, 0]]]
    branched = State(state.positions, state.images, state.typeid, np.concatenate([state.bonds, branch]), state.box)
    with pytest.raises(EngineError, match="at most two bonds"):
        Lammps(pairs="clusters").evaluate(branched, of(2.5))


@needs_compiler
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("t.force12 = 12.0", "t.force12 = 12.1"), r"does not do what lj/cut and soft do.*forces differ by"),
        (("TERMS = 13", "TERMS = 7"), r"does not do what lj/cut and soft do.*soft forces differ by"),
        (("", ""), None),
        (
            ("[7] = {&ss, &ssi, &ls, &lsi, &lis,", "[6] = {&ss, &ssi, &ls, &lsi,"),
            r"does not do what lj/cut and soft do.*forces differ by",
        ),
        (("class PairLJCutClusters", "klass PairLJCutClusters"), r"does not compile.*klass"),
    ],
    ids=["a wrong force", "a wrong soft force", "nothing", "a forgotten kind of pair", "a typing error"],
)
def test_what_does_not_compute_the_same_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: tuple[str, str], message: str | None
) -> None:
    source = tmp_path / "damaged.cpp"
    text = clusters.SOURCE.read_text()
    assert message is None or damage[0] in text
    source.write_text(text.replace(*damage))
    monkeypatch.setattr(clusters, "SOURCE", source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = tmp_path / "cache" / "nanonet" / "lammps"
    if message is None:
        assert Lammps(pairs="clusters").versions()["pairs"] == clusters.STYLE
        assert len(list(kept.glob("*.so"))) == 1
        return
    with pytest.raises(EngineError, match=re.compile(message, re.DOTALL)):
        Lammps(pairs="clusters").versions()
    with pytest.warns(EngineWarning, match=re.compile(f"LAMMPS computes pairs by its own.*{message}", re.DOTALL)):
        assert Lammps(pairs="auto").versions()["pairs"] == "lj/cut/opt"
    assert not list(kept.glob("*"))


@needs_compiler
def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Lammps(pairs="clusters").versions()

    def refuse(command: list[str], failure: str) -> None:
        raise AssertionError(command)

    monkeypatch.setattr(clusters, "_finish", refuse)
    assert Lammps(pairs="clusters").versions()["pairs"] == clusters.STYLE


def test_without_a_compiler_lammps_own_is_used_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert Lammps().versions()["pairs"] == "lj/cut/opt"
    with pytest.raises(EngineError, match=r"needs a C\+\+ compiler"):
        Lammps(pairs="clusters").versions()


def test_a_campaign_is_told_once_that_pairs_take_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each block of a state point has a child of its own, which finds out anew."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    engine = Supervised("simulations.engines.lammps.Lammps")
    _tell.cache_clear()
    for _ in range(2):
        stages = [Stage("nvt", 10, sample_every=10)]
        engine.run(configuration(14.0, 2.5), of(2.5), [Stage("relax", 10), *stages], tmp_path, 1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert re.search(r"about three times the time of ours: .*needs a C\+\+ compiler", caplog.text)


@needs_compiler
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="cannot be kept in"):
        Lammps(pairs="clusters").versions()
    assert Lammps().versions()["pairs"] == "lj/cut/opt"


def test_without_headers_it_says_which(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"pair\.h is missing|mpi\.h is missing|needs a C\+\+ compiler"):
        clusters.plugin(tmp_path, 20250722)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(EngineError, match="'auto', 'clusters' or 'opt', got 'fast'"):
        Lammps(pairs="fast")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"pairs": "clusters"}, 1.0, marks=needs_compiler),
        ({"pairs": "opt"}, 0.3),
        ({"pairs": "opt", "skin": 0.45}, 0.45),
    ],
)
def test_lists_are_as_wide_as_suits_the_pair_style(
    options: dict[str, Any], expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    command = Session.command
    monkeypatch.setattr(Session, "command", lambda self, line: (said.append(line), command(self, line))[1])
    Lammps(**options).evaluate(configuration(14.0, 2.5), of(2.5))
    assert f"neighbor {expected:g} multi" in said


@pytest.mark.parametrize("skin", [0.0, -0.3, 2.5, float("nan")])
def test_a_skin_that_cannot_be_is_refused(skin: float) -> None:
    with pytest.raises(EngineError, match="skin must be above 0 and at most 2 sigma"):
        Lammps(skin=skin)

"""State points of the ideal engine, run in this process: a few blocks in no time."""

from __future__ import annotations

from nanonet.domain import Composition
from simulations import pipeline
from simulations.pipeline import advance
from simulations.protocol import Protocol
from simulations.workspace import PointFolder, StatePoint, Workspace

ENGINE = "simulations.engines.ideal.Ideal"
COMPOSITION = Composition.from_phi(D=2, N=25, phi=0.06, eps_np_np=0.5, eps_p_np=0.5)
#: Named as no smoke run, so that its records may be exported.
PROTOCOL = Protocol(
    "quick",
    soften_steps=10,
    relax_steps=10,
    block_steps=20,
    sample_every=10,
    equilibration_steps=20,
    production_steps=160,
    equilibration_msd=0.0,
    production_msd=0.0,
    cap_core_hours=None,
    n_np_min=4,
    n_beads_max=10_000,
)


def run_here(self: pipeline.Supervised, *args: object, **keywords: object) -> object:
    """Stands in for ``Supervised.run``."""
    from simulations.engines.child import make_engine

    return make_engine(self.target, self.options).run(*args, **keywords)


def finish(space: Workspace, start: str = "dispersed", protocol: Protocol = PROTOCOL, replica: int = 0) -> PointFolder:
    """A finished state point."""
    point = space.point(StatePoint(COMPOSITION, protocol, "ideal", replica, start))
    while advance(str(space.path), point.id, protocol, ENGINE, {}).outcome != "finished":
        pass
    return point

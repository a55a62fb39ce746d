"""Frozen, self-validating types of the science: what crosses every border of the package."""

from nanonet.domain.composition import Composition
from nanonet.domain.rdf import RDF, Peak, Phase
from nanonet.domain.trajectory import Trajectory

__all__ = ["RDF", "Composition", "Peak", "Phase", "Trajectory"]

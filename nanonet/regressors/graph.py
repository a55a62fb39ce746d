"""Message-passing network on molecular graphs (Keras)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from nanonet.networks.fit import Fit
from nanonet.networks.readers import GraphReader
from nanonet.regressors.network import LawNetwork
from nanonet.regressors.pretraining import Pretraining


class GraphNetwork(LawNetwork):
    """Message passing over the graph in the last columns of x, beside the plain ones; a law at the end.

    Args:
        fit: how it is fitted.
        atoms, neighbours: as of :class:`nanonet.chemistry.packed.Graph`, which makes these columns.
        classes, bonds: numbers of classes of atoms and of kinds of bonds there.
        width: numbers per atom.
        rounds: of messages.
        hidden, activation, law, dropout, most, n_members, seed, pretraining: as for
            :class:`nanonet.regressors.network.LawNetwork`.
    """

    memorises: ClassVar[float] = 0.5
    extra: ClassVar[tuple[str, ...]] = ("atoms", "neighbours", "classes", "bonds", "width", "rounds")

    def __init__(
        self,
        fit: Fit,
        atoms: int = 60,
        neighbours: int = 4,
        classes: int = 168,
        bonds: int = 4,
        width: int = 32,
        rounds: int = 3,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        law: str = "arrhenius",
        dropout: float = 0.0,
        most: int | None = None,
        n_members: int = 1,
        seed: int | None = 0,
        pretraining: Pretraining | None = None,
    ) -> None:
        super().__init__(fit, hidden, activation, law, dropout, most, n_members, seed, pretraining)
        self.atoms = int(atoms)
        self.neighbours = int(neighbours)
        self.classes = int(classes)
        self.bonds = int(bonds)
        self.width = int(width)
        self.rounds = int(rounds)
        self.reader()

    def reader(self) -> GraphReader:
        """What reads the graph."""
        return GraphReader(self.atoms, self.neighbours, self.classes, self.bonds, self.width, self.rounds)

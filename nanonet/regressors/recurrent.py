"""Recurrent network on SMILES (Keras)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from nanonet.networks.fit import Fit
from nanonet.networks.readers import TokenReader
from nanonet.regressors.network import LawNetwork
from nanonet.regressors.pretraining import Pretraining


class RecurrentNetwork(LawNetwork):
    """Gated recurrent units, in both directions, over the letters in the last columns of x; a law at the end.

    Args:
        fit: how it is fitted.
        length: letters, as of :class:`nanonet.chemistry.packed.Tokens`, which makes these columns.
        letters: how many different ones there are.
        width: numbers per letter.
        hidden, activation, law, dropout, most, n_members, seed, pretraining: as for
            :class:`nanonet.regressors.network.LawNetwork`.
    """

    memorises: ClassVar[float] = 0.5
    extra: ClassVar[tuple[str, ...]] = ("length", "letters", "width")

    def __init__(
        self,
        fit: Fit,
        length: int = 80,
        letters: int = 57,
        width: int = 32,
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
        self.length = int(length)
        self.letters = int(letters)
        self.width = int(width)
        self.reader()

    def reader(self) -> TokenReader:
        """What reads the text."""
        return TokenReader(self.length, self.letters, "recurrent", self.width)

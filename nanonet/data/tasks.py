"""What networks that read structures can learn beforehand: numbers of structures that are not the target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nanonet.arrays import FloatArray, frozen_array
from nanonet.chemistry.descriptors import Descriptors
from nanonet.data.corpus import sample
from nanonet.data.electrolyte_md import QUANTITIES, SimulatedElectrolytes
from nanonet.errors import ConfigError

#: Descriptors that say something about a chain: size, polarity, flexibility, shape, kinds of atoms.
DESCRIPTORS = (
    "TPSA", "MolLogP", "MolMR", "FractionCSP3", "NumRotatableBonds", "RingCount", "NumAromaticRings", "NumHAcceptors",
    "NumHDonors", "NumHeteroatoms", "HeavyAtomCount", "LabuteASA", "BertzCT", "Chi1v", "Kappa3",
)  # fmt: skip


class DescribedStructures:
    """RDKit's descriptors of repeat units without any measurement (as Hatakeyama-Sato et al. 2020 did).

    Args:
        most: so many repeat units of :func:`nanonet.data.corpus.sample`.
        names: of the descriptors; :data:`DESCRIPTORS` if not given.
        seed: of the draw.

    Raises:
        ConfigError: ``most`` is not positive, or a name that RDKit does not have.
    """

    def __init__(self, most: int = 5000, names: Sequence[str] | None = None, seed: int | None = 0) -> None:
        if most < 1:
            raise ConfigError(f"most must be at least 1 structure, got {most!r}")
        self.most, self.names, self.seed = int(most), list(DESCRIPTORS if names is None else names), seed

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"most": self.most, "names": self.names, "seed": self.seed}

    def read(self) -> tuple[list[str], FloatArray]:
        """Repeat units and their descriptors."""
        found, numbers = _described(self.most, tuple(self.names), self.seed or 0)
        return list(found), numbers


@lru_cache(maxsize=4)
def _described(most: int, names: tuple[str, ...], seed: int) -> tuple[tuple[str, ...], FloatArray]:
    kept = tuple(sample(most, seed))
    return kept, frozen_array(Descriptors(names).encode(kept), name="descriptors", ndim=2)


class SimulatedTransport:
    """All transport quantities of the MD table at once: conductivity, three diffusivities, transference number.

    Logarithms but for the transference number, of which values below 0 or above 1 are not known. Conductivities of
    the batch ``base`` lie higher than the others by the difference of the means, which is taken off.

    Args:
        path: as for :class:`nanonet.data.electrolyte_md.SimulatedElectrolytes`.
        quantities: some or all of its :data:`nanonet.data.electrolyte_md.QUANTITIES`.

    Raises:
        ConfigError: no quantity, or one that is not known.
    """

    def __init__(self, path: str | None = None, quantities: Sequence[str] = tuple(QUANTITIES)) -> None:
        if not quantities or not set(quantities) <= set(QUANTITIES):
            raise ConfigError(f"quantities are of {', '.join(QUANTITIES)}, got {', '.join(quantities) or 'none'}")
        self.path, self.quantities = path, list(quantities)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {"path": self.path, "quantities": self.quantities}

    def read(self) -> tuple[list[str], FloatArray]:
        """One row per simulation."""
        found, numbers = _transport(self.path, tuple(self.quantities))
        return list(found), numbers


@lru_cache(maxsize=4)
def _transport(path: str | None, quantities: tuple[str, ...]) -> tuple[tuple[str, ...], FloatArray]:
    data = SimulatedElectrolytes(path, n_clusters=0, quantity=quantities).read()
    base = data.inputs["batch"] == "base"
    numbers = data.targets.copy()
    if base.any() and not base.all():
        numbers[base] += np.nanmean(numbers[~base], axis=0) - np.nanmean(numbers[base], axis=0)
    numbers.flags.writeable = False
    return tuple(data.inputs["polymer"].tolist()), numbers

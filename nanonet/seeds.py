"""Independent random streams from one seed and a path of names.

``derive(seed, "builder", 3)`` depends on nothing but its arguments, so two parts of a run
never share a stream and adding a part does not change the others.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *path: str | int, bits: int = 31) -> int:
    """A positive integer of at most ``bits`` bits, from SHA-256 of the seed and the path.

    31 bits suit LAMMPS (1 to 900,000,000 after reduction) and Keras; HOOMD takes 16.
    """
    text = "/".join(str(part) for part in (seed, *path))
    value = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return value % (2**bits - 1) + 1


def generator(seed: int, *path: str | int) -> np.random.Generator:
    """A NumPy generator for the stream named by ``path``."""
    return np.random.default_rng(derive(seed, *path, bits=63))

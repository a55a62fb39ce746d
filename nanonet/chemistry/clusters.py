"""Chemistry clusters of polymers, to hold whole kinds of chemistry out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nanonet.chemistry.fingerprints import Morgan
from nanonet.errors import InputError, MissingDependencyError


def clusters(polymers: Sequence[str], count: int, bits: int = 1024, seed: int = 0) -> NDArray[np.str_]:
    """Name of the cluster of each record, ``c00`` to the last.

    k-means (Lloyd's, best of three starts) on the count Morgan fingerprints (radius 2) of the
    different repeat units. Nothing of a target takes part.

    Args:
        polymers: canonical SMILES of each record.
        count: number of clusters, at least 1.
        bits: places of the fingerprint.
        seed: of the starts.

    Raises:
        InputError: fewer different polymers than clusters.
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingDependencyError(
            "chemistry clusters need scikit-learn, which is not installed: pip install 'nanonet[train]'"
        ) from error
    unique, which = np.unique(np.asarray(polymers, dtype=str), return_inverse=True)
    if not 1 <= count <= len(unique):
        raise InputError(f"there are {len(unique)} polymers for {count} clusters; ask for 1 to {len(unique)}")
    x = Morgan(radius=2, bits=bits, counts=True).encode(unique.tolist())
    found = KMeans(n_clusters=count, n_init=3, random_state=seed).fit_predict(x[:, x.any(axis=0)])
    width = max(2, len(str(count - 1)))
    return np.array([f"c{number:0{width}d}" for number in found[which]], dtype=str)

"""Polymer embedding: 300 numbers learned from the company that substructures keep."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nanonet import paths
from nanonet.arrays import FloatArray
from nanonet.chemistry.base import remembered, stacked
from nanonet.chemistry.fingerprints import generator
from nanonet.chemistry.smiles import molecule, rdkit
from nanonet.errors import CheckpointError, ConfigError, MissingDependencyError
from nanonet.parts import load_arrays, save_arrays

#: Name of the embedding that ships, in the folder of the checkpoints.
SHIPPED = "polymer_embedding"
#: Stands for every substructure that training saw too seldom or never.
UNSEEN = "unseen"
#: Rows per file, so that each stays below 2 MB.
ROWS = 2500
CARD = "embedding.json"


def sentence(smiles: str, radius: int = 1) -> list[str]:
    """The words of a structure: Morgan's identifiers of radius 0, 1, ... of each atom, in its order.

    An atom has no word of a radius at which its neighbourhood is that of another one (RDKit leaves
    redundant ones out).
    """
    rdkit()
    from rdkit.Chem import rdFingerprintGenerator

    mol = molecule(smiles)
    details = rdFingerprintGenerator.AdditionalOutput()
    details.AllocateBitInfoMap()
    generator(radius, 2048).GetSparseCountFingerprint(mol, additionalOutput=details)
    places = sorted(
        (atom, level, str(word)) for word, found in details.GetBitInfoMap().items() for atom, level in found
    )
    return [word for _, _, word in places]


class PolymerEmbedding:
    """x = sum of the vectors of a structure's words (mol2vec; Jaeger, Fulle and Turk 2018).

    Vectors come from a skip-gram network: words that have the same neighbours get similar vectors.
    A word that training saw too seldom counts as the word "unseen". Kept as float16.

    Args:
        average: the mean over the words instead of their sum: it does not grow with how much of a
            chain is written down as its repeat unit, as a conductivity does not.
        path: folder of an embedding; the one that ships with nanonet if not given.
        digest: SHA-256 of its words and vectors; an embedding with another one is refused, so that
            a model never meets vectors that it was not trained on. ``None``: any.

    Raises:
        CheckpointError: no embedding there, damaged, or with another digest.
    """

    def __init__(self, average: bool = False, path: str | None = None, digest: str | None = None) -> None:
        self.average, self.path, self._expected = bool(average), path, digest
        self._folder = Path(path).expanduser() if path else paths.CHECKPOINTS / SHIPPED
        self._table: tuple[dict[str, int], FloatArray, str, int] | None = None

    def _loaded(self) -> tuple[dict[str, int], FloatArray, str, int]:
        if self._table is None:
            table = _read(self._folder.resolve())
            if self._expected not in (None, table[2]):
                raise CheckpointError(
                    f"the embedding in {self._folder} is another one than the model was trained with (SHA-256 "
                    f"{table[2][:12]}, expected {str(self._expected)[:12]}); copy the one that belongs to the model"
                )
            self._table = table
        return self._table

    @property
    def digest(self) -> str:
        """SHA-256 of words and vectors."""
        return self._loaded()[2]

    @property
    def names(self) -> tuple[str, ...]:
        """``embedding[0]``, ..."""
        return tuple(f"embedding[{place}]" for place in range(self._loaded()[1].shape[1]))

    def encode(self, smiles: Sequence[str]) -> FloatArray:
        """Sums of vectors, shape (n, 300)."""
        index, vectors, digest, radius = self._loaded()

        def compute(text: str) -> np.ndarray:
            rows = [index.get(word, index[UNSEEN]) for word in sentence(text, radius)]
            return vectors[rows].mean(axis=0) if self.average else vectors[rows].sum(axis=0)

        return stacked(remembered(("embedding", digest, self.average), smiles, compute), vectors.shape[1])

    def unseen(self, smiles: str) -> float:
        """Share of the words of a structure that training saw too seldom, 0 to 1."""
        index, _, _, radius = self._loaded()
        words = sentence(smiles, radius)
        return sum(word not in index for word in words) / max(1, len(words))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the digest of the embedding that was used."""
        return {
            "average": self.average,
            "path": self.path,
            "digest": self._expected if self._table is None else self._table[2],
        }


def train_embedding(
    corpus: Iterable[str],
    *,
    size: int = 300,
    radius: int = 1,
    window: int = 10,
    least: int = 3,
    epochs: int = 10,
    negative: int = 5,
    seed: int = 0,
) -> tuple[list[str], FloatArray, dict[str, Any]]:
    """Words, vectors (words, size) and facts of a skip-gram network over the sentences of a corpus.

    One thread, a seed and a hash that does not depend on the process make it repeat itself.

    Args:
        corpus: SMILES that :func:`nanonet.chemistry.smiles.canonical` made, each once.
        size: numbers in a vector.
        radius: of the largest substructures, in bonds.
        window: how many words on either side are neighbours.
        least: words that occur less often are the word "unseen".
        epochs: passes over the corpus.
        negative: words drawn as not being neighbours, for each that is.
        seed: of vectors and draws.

    Raises:
        MissingDependencyError: gensim is not installed.
        ConfigError: an empty corpus.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise MissingDependencyError(
            "training an embedding needs gensim, which is not installed: pip install 'nanonet[chem]'"
        ) from error
    sentences = [sentence(text, radius) for text in corpus]
    if not sentences:
        raise ConfigError("an embedding needs a corpus of at least one structure, got none")
    counts = Counter(word for words in sentences for word in words)
    kept = {word for word, count in counts.items() if count >= least}
    prepared = [[word if word in kept else UNSEEN for word in words] for words in sentences]
    model = Word2Vec(
        prepared,
        vector_size=size,
        window=window,
        min_count=1,
        sg=1,
        negative=negative,
        epochs=epochs,
        seed=seed,
        workers=1,
        hashfxn=_hash,
    )
    words = list(model.wv.index_to_key)
    vectors = np.array(model.wv.vectors, dtype=np.float16)
    if UNSEEN not in words:
        words.append(UNSEEN)
        vectors = np.vstack([vectors, vectors.mean(axis=0, keepdims=True)]).astype(np.float16)
    facts = {
        "structures": len(sentences),
        "words": int(sum(counts.values())),
        "different_words": len(counts),
        "kept_words": len(words),
        "settings": {"size": size, "radius": radius, "window": window, "least": least, "epochs": epochs,
                     "negative": negative, "seed": seed},
    }  # fmt: skip
    return words, vectors, facts


def _hash(text: str) -> int:
    """Python's own hash of a text differs from process to process."""
    return zlib.crc32(text.encode())


def _digest(words: Sequence[str], vectors: np.ndarray) -> str:
    hasher = hashlib.sha256("\0".join(words).encode())
    hasher.update(np.ascontiguousarray(vectors, dtype=np.float16).tobytes())
    return hasher.hexdigest()


def save_embedding(folder: Path, words: Sequence[str], vectors: np.ndarray, facts: dict[str, Any]) -> str:
    """Write words and vectors as plain arrays of at most :data:`ROWS` rows a file; returns the digest."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("vectors*.npz"):
        stale.unlink()
    half = np.asarray(vectors, dtype=np.float16)
    files = []
    for number, start in enumerate(range(0, len(words), ROWS)):
        files.append(f"vectors{number}.npz")
        part = slice(start, start + ROWS)
        save_arrays(folder / files[-1], words=np.array(words[part], dtype=str), vectors=half[part])
    content = {"digest": _digest(words, half), "radius": facts["settings"]["radius"], "files": files, **facts}
    (folder / CARD).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return str(content["digest"])


@lru_cache(maxsize=4)
def _read(folder: Path) -> tuple[dict[str, int], FloatArray, str, int]:
    """Word to row, vectors, digest and radius."""
    file = folder / CARD
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
        parts = [load_arrays(folder / str(name), "words", "vectors") for name in card["files"]]
        digest, radius = str(card["digest"]), int(card["radius"])
    except FileNotFoundError as error:
        raise CheckpointError(
            f"there is no polymer embedding in {folder} (no {CARD}); copy it again, or make it with "
            "`python -m nanonet.embed`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} does not describe a polymer embedding ({error!r}); copy it again") from error
    words = [str(word) for part in parts for word in part["words"]]
    vectors = np.concatenate([part["vectors"] for part in parts])
    if _digest(words, vectors) != digest or UNSEEN not in words:
        raise CheckpointError(f"the embedding in {folder} was altered after it was written; copy it again")
    return {word: row for row, word in enumerate(words)}, vectors.astype(float), digest, radius

"""Structures without labels, of which an embedding is learned."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator

from nanonet.chemistry.smiles import MARKS, canonical, capped
from nanonet.data.fetch import BLEND_TC, HTPMD, POLYINFO, POLYMERS, SPE, PublicFile, fetch
from nanonet.errors import DataError, SmilesError
from nanonet.seeds import generator

#: Files and their columns with repeat units; no label of any of them is read.
SOURCES: tuple[tuple[PublicFile, tuple[str, ...]], ...] = (
    (BLEND_TC, ("SMILES1", "SMILES2")),
    (SPE, ("smiles",)),
    (HTPMD, ("mol_smiles",)),
    (POLYINFO, ("smiles",)),
    (POLYMERS, ("SMILES",)),
)
#: Those of them without any measurement.
UNLABELLED = SOURCES[3:]


def structures() -> tuple[list[str], dict[str, int]]:
    """Canonical SMILES of all :data:`SOURCES`, each once, and how many each file brought.

    Repeat units keep their ends ``*``; a text without any mark of an end is a molecule and is taken as
    it is. What has one mark, or three, is left out and counted under ``left out``.

    Raises:
        DataError: a file cannot be had or lacks a column.
    """
    found: dict[str, None] = {}
    counts: dict[str, int] = {}
    left_out = 0
    for file, columns in SOURCES:
        before = len(found)
        for text in dict.fromkeys(_texts(file, columns)):
            try:
                found[canonical(text)] = None
            except SmilesError:
                if any(mark in text for mark in ("*", *MARKS.values())):
                    left_out += 1
                    continue
                found[canonical(text, ends=0)] = None
        counts[file.path] = len(found) - before
    return list(found), counts | {"left out": left_out}


def sample(most: int, seed: int = 0) -> list[str]:
    """Canonical SMILES of ``most`` repeat units of the unlabelled files, drawn at random; sorted.

    They have two ends, to which hydrogen can be bound, as descriptors want it; others are passed over.

    Raises:
        DataError: a file cannot be had or lacks a column.
    """
    texts = sorted({text for file, columns in UNLABELLED for text in _texts(file, columns)})
    found: set[str] = set()
    for number in generator(seed, "corpus").permutation(len(texts)):
        if len(found) == most:
            break
        try:
            smiles = canonical(texts[number])
            capped(smiles)
            found.add(smiles)
        except SmilesError:
            continue
    return sorted(found)


def _texts(file: PublicFile, columns: tuple[str, ...]) -> Iterator[str]:
    data = fetch(file).read_bytes()
    text = (gzip.decompress(data) if file.path.endswith(".gz") else data).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text))
    missing = sorted(set(columns) - set(rows.fieldnames or ()))
    if missing:
        raise DataError(
            f"{file.path} lacks the columns {', '.join(missing)}; it has {', '.join(rows.fieldnames or ())}"
        )
    for row in rows:
        for column in columns:
            if row[column]:
                yield row[column]

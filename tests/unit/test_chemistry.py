"""Repeat units as text and as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanonet.chemistry.base import Encoder
from nanonet.chemistry.descriptors import Descriptors
from nanonet.chemistry.embedding import PolymerEmbedding, save_embedding, sentence, train_embedding
from nanonet.chemistry.fingerprints import Morgan
from nanonet.chemistry.smiles import canonical, canonicals, capped
from nanonet.errors import CheckpointError, ConfigError, SmilesError

UNITS = [
    canonical(text)
    for text in ("*CC*", "*CCO*", "*CC(*)c1ccccc1", "*CC(*)C(=O)OC", "*CCCCCCNC(=O)CCCCC(=O)N*", "*c1ccc(*)s1")
]


@pytest.mark.parametrize(
    "text", ["*CCO*", "*OCC*", "[Cu]CCO[Au]", "[Au]CCO[Cu]", "[Mg]CCO[Mg]", "[*]CCO[*]", " *CCO* "]
)
def test_one_text_for_one_structure(text: str) -> None:
    assert canonical(text) == "*CCO*"


@pytest.mark.parametrize("text", UNITS)
def test_canonical_stays_so(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


def test_a_metal_in_a_salt_stays_what_it_is() -> None:
    assert canonical("[Mg+2].[Cl-].[Cl-]", 0) == canonical("[Cl-].[Mg+2].[Cl-]", 0)
    assert "Mg" in canonical("[Mg+2].[Cl-].[Cl-]", 0)
    assert canonical("[Li+]", ends=0) == "[Li+]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CCO", "has 0 ends `\\*`, expected 2"),
        ("*CCO", "has 1 ends"),
        ("*C(*)C*", "has 3 ends"),
        ("[Cu]CC[Cu]", "has 0 ends"),
        ("[Mg]CCO", "has 0 ends"),
        ("*C*C", "2 neighbours"),
        ("*CC(", "cannot be read"),
        ("polystyrene", "cannot be read"),
        ("*C(C)(C)(C)C*", "valence"),
        ("", "must be SMILES text"),
        (None, "must be SMILES text"),
    ],
)
def test_what_is_no_repeat_unit(text: Any, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SmilesError, match=said):
        canonical(text)
    assert capfd.readouterr().err == ""


def test_a_column_names_the_row() -> None:
    with pytest.raises(SmilesError, match=r"row 1, column 'PID': SMILES 'CC'"):
        canonicals(["*CC*", "CC"], "PID")
    with pytest.raises(SmilesError, match="an ion or a molecule has no ends"):
        canonicals(["*CC*"], "salt", ends=0)


def test_ends_become_hydrogen() -> None:
    from nanonet.chemistry.smiles import rdkit

    assert rdkit().Chem.MolToSmiles(capped("*n1cccc1*")) == "c1cc[nH]c1"


@pytest.mark.parametrize("encoder", [Morgan(), Morgan(counts=True), Descriptors(), Descriptors(["MolWt", "TPSA"])])
def test_encoders(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    x = encoder.encode(UNITS)
    assert x.shape == (len(UNITS), len(encoder.names))
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(encoder.encode(UNITS[::-1])[::-1], x)
    assert encoder.encode([]).shape == (0, len(encoder.names))
    assert type(encoder)(**encoder.get_config()).encode(UNITS[:1]).tolist() == x[:1].tolist()


def test_counts_are_at_least_the_bits() -> None:
    bits, counts = Morgan().encode(UNITS), Morgan(counts=True).encode(UNITS)
    assert set(np.unique(bits)) == {0.0, 1.0}
    np.testing.assert_array_equal(bits, counts > 0)
    assert counts.max() > 1


def test_descriptors_are_those_of_the_closed_unit() -> None:
    assert Descriptors(["MolWt"]).encode(["*CC*"])[0, 0] == pytest.approx(30.07, abs=0.01)
    with pytest.raises(ConfigError, match="Mass"):
        Descriptors(["Mass"]).encode(["*CC*"])


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="at least 1 bit"):
        Morgan(bits=0)


def test_a_sentence_has_two_words_for_each_atom() -> None:
    words = sentence("*CCO*")
    # Five atoms; radius 1 of one of them is redundant or not, radius 0 never is.
    assert len(set(words)) >= 4
    assert words == sentence("*CCO*")


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedding")
    save_embedding(folder, *train_embedding(UNITS * 5, size=12, least=2, epochs=2))
    return folder


def test_an_embedding_is_the_sum_of_its_words(embedding: Path) -> None:
    made = PolymerEmbedding(path=str(embedding))
    x = made.encode(UNITS)
    assert x.shape == (len(UNITS), 12)
    assert len(np.unique(x.round(6), axis=0)) == len(UNITS)
    words = [len(sentence(text)) for text in UNITS]
    np.testing.assert_allclose(PolymerEmbedding(True, str(embedding)).encode(UNITS).T * words, x.T)
    assert made.unseen("*CC*") == 0.0
    assert made.unseen("*[Si](C)(C)O*") > 0.3
    assert np.isfinite(made.encode(["*[Si](C)(C)O*"])).all()
    assert PolymerEmbedding(**made.get_config()).encode(UNITS).tolist() == x.tolist()


def test_training_repeats_itself(embedding: Path, tmp_path: Path) -> None:
    save_embedding(tmp_path, *train_embedding(UNITS * 5, size=12, least=2, epochs=2))
    assert PolymerEmbedding(path=str(tmp_path)).digest == PolymerEmbedding(path=str(embedding)).digest


def test_another_embedding_is_refused(embedding: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="another one than the model was trained with"):
        PolymerEmbedding(path=str(embedding), digest="0" * 64).encode(["*CC*"])
    with pytest.raises(CheckpointError, match="no polymer embedding"):
        PolymerEmbedding(path=str(tmp_path)).encode(["*CC*"])
    for file in embedding.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with np.load(tmp_path / "vectors0.npz") as archive:
        altered = {**archive, "vectors": archive["vectors"] + 1}
    np.savez(tmp_path / "vectors0.npz", **altered)
    with pytest.raises(CheckpointError, match="altered"):
        PolymerEmbedding(path=str(tmp_path)).encode(["*CC*"])
    with pytest.raises(ConfigError, match="at least one structure"):
        train_embedding([])

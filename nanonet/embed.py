"""``python -m nanonet.embed``: train the polymer embedding on the public structures.

An entry point that knows Hydra; it hands plain values to :func:`nanonet.chemistry.embedding.train_embedding`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nanonet.chemistry.embedding import save_embedding, train_embedding
from nanonet.data.corpus import SOURCES, structures
from nanonet.errors import MissingDependencyError
from nanonet.paths import CONF
from nanonet.training.launch import guided, launch

try:
    import hydra
    from omegaconf import DictConfig, OmegaConf
except ImportError as error:
    raise MissingDependencyError(
        "training needs hydra-core, which is not installed: pip install 'nanonet[train]'"
    ) from error

log = logging.getLogger(__name__)


def embed(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Train on the public structures, and write embedding and card into ``folder``."""
    corpus, counts = structures()
    log.info("%d structures: %s", len(corpus), counts)
    words, vectors, facts = train_embedding(corpus, **settings)
    digest = save_embedding(folder, words, vectors, {**facts, "sources": counts})
    (folder / "README.md").write_text(_card(facts, counts, digest), encoding="utf-8")
    log.info("%d words, SHA-256 %s", len(words), digest)
    return folder


def _card(facts: Mapping[str, Any], counts: Mapping[str, int], digest: str) -> str:
    files = {file.path: file for file, _ in SOURCES}
    settings = facts["settings"]
    what = (
        f"{settings['size']} numbers for each of {facts['kept_words']} substructures (Morgan identifiers of radius 0 "
        f"to {settings['radius']}), by a skip-gram network over the sentences of {facts['structures']} structures "
        f"({facts['words']} words, {facts['different_words']} different ones). A polymer is the sum, or the mean, of "
        "the vectors of its substructures. No label was read."
    )
    limits = (
        "**Limits.** The corpus is of virtual polymers and of those that people measured or simulated; a substructure "
        f"that occurs less than {settings['least']} times counts as one and the same word (`PolymerEmbedding.unseen` "
        "says how much of a structure that is). Cis and trans, tacticity and chain length are not told apart. "
        "Vectors are kept as float16."
    )
    lines = [
        "# Polymer embedding",
        "",
        what,
        "",
        "```bash",
        "python -m nanonet.embed folder=checkpoints/polymer_embedding",
        "```",
        "",
        "| file | new structures | address | licence |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {count} | {files[name].url} | {files[name].licence} |"
            for name, count in counts.items()
            if name in files
        ),
        "",
        f"Structures left out, because they do not have two ends: {counts['left out']}.",
        f"Settings: `{json.dumps(settings)}`; one thread, so that it repeats itself.",
        f"SHA-256 of words and vectors: `{digest}`.",
        "",
        limits,
        "",
    ]
    return "\n".join(lines)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="embed")
def main(config: DictConfig) -> None:
    """Train as the configuration says."""
    values: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    folder = Path(values.pop("folder"))
    launch(lambda: embed(folder, {str(key): value for key, value in values.items()}))


if __name__ == "__main__":
    guided(main, "nanonet.embed")

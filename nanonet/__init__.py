"""nanonet: the structure of polymer nanocomposites from their composition.

Everything public is loaded when it is first used (PEP 562), so that ``import nanonet`` costs
nothing and no part pulls in a library that another part needs.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {
    "predict": "nanonet.inference",
    "load": "nanonet.inference",
    "Composition": "nanonet.domain.composition",
    "RDF": "nanonet.domain.rdf",
    "Blend": "nanonet.domain.blend",
}
__all__ = ["RDF", "Blend", "Composition", "__version__", "load", "predict"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'nanonet' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

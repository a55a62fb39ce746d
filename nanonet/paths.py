"""Where the package finds its configuration, checkpoints and reference data.

In a checkout they lie beside the package; in a wheel they travel inside it (``_share``).
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_SHARE = PACKAGE / "_share"
ROOT = PACKAGE.parent

#: Hydra configuration tree; absolute, so that console scripts find it as well.
CONF = _SHARE / "conf" if (_SHARE / "conf").is_dir() else ROOT / "conf"
#: Shipped checkpoints.
CHECKPOINTS = _SHARE / "checkpoints" if (_SHARE / "checkpoints").is_dir() else ROOT / "checkpoints"
#: Shipped simulation records.
REFERENCE = PACKAGE / "data" / "reference"
RECORDS = REFERENCE / "records.nc"


def local_data() -> Path | None:
    """The folder that ``NANONET_DATA`` names, to be used instead of downloads, or ``None``."""
    value = os.environ.get("NANONET_DATA", "").strip()
    return Path(value).expanduser() if value else None

"""What the two entry points that know Hydra share; itself without Hydra."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from nanonet.errors import NanonetError


def launch(work: Callable[[], Path]) -> None:
    """Do ``work`` with progress on stderr and print the folder that it leaves.

    An error of ours is one line on stderr and exit status 1, not a traceback.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # Messages of libraries that are of no use to whoever trains.
    for name in ("matplotlib", "tf2onnx", "absl", "h5py", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        folder = work()
    except NanonetError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    sys.stdout.write(f"{folder}\n")

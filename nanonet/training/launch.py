"""What the two entry points that know Hydra share; itself without Hydra."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from nanonet.errors import NanonetError
from nanonet.paths import CONF

#: Whether the work of the entry point began, after which errors are its own.
_STATE = {"begun": False}


def guided(main: Callable[[], None], module: str) -> None:
    """Run an entry point; where its settings do not fit together, say below Hydra's message how to see them all.

    Hydra suggests to add a key that it does not know, which is no help where the key has a typo.
    """
    try:
        main()
    except SystemExit as end:
        if end.code and not _STATE["begun"]:
            # What chooses a file of a group stays; all else may be what is wrong.
            names = {item: item.lstrip("+").partition("=")[0] for item in sys.argv[1:]}
            given = " ".join(item for item, name in names.items() if name and (CONF / name).is_dir())
            shown = " ".join(part for part in ("python -m", module, given) if part)
            sys.stderr.write(f"all settings, with their values: {shown} --cfg job\n")
        raise


def launch(work: Callable[[], Path]) -> None:
    """Do ``work`` with progress on stderr and print the folder that it leaves.

    An error of ours is one line on stderr and exit status 1, not a traceback.
    """
    _STATE["begun"] = True
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

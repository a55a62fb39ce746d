"""What setup.cfg cannot say: a wheel carries conf/ and checkpoints/ inside the package.

They are the user's, so in a checkout they lie at the top; in a wheel there is no top, and
nanonet/paths.py finds the copies in nanonet/_share.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithShare(build_py):
    """``build_py`` that also copies the shared folders; an editable install needs no copy."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if self.editable_mode:
            return
        share = Path(self.build_lib) / "nanonet" / "_share"
        for name in ("conf", "checkpoints"):
            # Stale copies of an earlier build would travel along.
            shutil.rmtree(share / name, ignore_errors=True)
            if Path(name).is_dir():
                shutil.copytree(name, share / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))


setup(cmdclass={"build_py": BuildWithShare})

"""How long a user waits before the first line of work: cold start of the package, each time in a new process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks import Figure, repeat


def measure() -> Iterator[Figure]:
    """Wall time of whole Python processes."""

    def process(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    for what, code in (
        ("python alone", "pass"),
        ("import nanonet", "import nanonet"),
        ("a Composition", "import nanonet; nanonet.Composition(D=3, N=40, rho=0.0042, eps_np_np=0.5, eps_p_np=1.0)"),
    ):
        seconds, spread = repeat(process(code), times=11)
        yield Figure(what, seconds, "s", spread)

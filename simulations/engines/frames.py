"""NP configurations on disk: streamed to GSD frame by frame, read back as a trajectory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.domain import Trajectory
from nanonet.errors import EngineNotInstalledError, RestartError


def _gsd():  # type: ignore[no-untyped-def]
    try:
        import gsd.hoomd
    except ImportError as error:
        raise EngineNotInstalledError(
            "trajectories need gsd, which is not installed: pip install 'nanonet[simulate]'"
        ) from error
    return gsd.hoomd


class FrameWriter:
    """Appends frames to a new GSD file; memory does not grow with their number."""

    def __init__(self, path: Path, dt: float) -> None:
        self._hoomd = _gsd()
        self._file = self._hoomd.open(path, mode="w")
        self._dt = dt

    def append(
        self, step: int, positions: FloatArray, images: NDArray[Any], box: FloatArray, thermo: dict[str, float]
    ) -> None:
        """Write one frame: wrapped NP positions, images, edge lengths and scalars."""
        frame = self._hoomd.Frame()
        frame.configuration.step = step
        frame.configuration.box = [*box, 0.0, 0.0, 0.0]
        frame.particles.N = len(positions)
        frame.particles.types = ["N"]
        frame.particles.position = np.asarray(positions, dtype=np.float32)
        frame.particles.image = np.asarray(images, dtype=np.int32)
        # doubles of the box and of the scalars go into the log: GSD's own box is single precision
        frame.log = {name: np.array([value], dtype=np.float64) for name, value in thermo.items()}
        frame.log["box"] = np.asarray(box, dtype=np.float64)
        frame.log["dt"] = np.array([self._dt])
        self._file.append(frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_frames(path: Path) -> Trajectory:
    """All frames of a file that :class:`FrameWriter` wrote.

    Raises:
        RestartError: the file is missing, cut short or empty.
    """
    hoomd = _gsd()
    try:
        with hoomd.open(path, mode="r") as file:
            frames = list(_frames(file))
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise RestartError(f"{path} is not a whole GSD trajectory ({error}); its block has to be run again") from error
    if not frames:
        raise RestartError(f"{path} holds no frames; its block has to be run again")
    names = [name for name in frames[0].log if name not in ("box", "dt")]
    return Trajectory(
        step=np.array([frame.configuration.step for frame in frames]),
        positions=np.array([frame.particles.position for frame in frames]),
        images=np.array([frame.particles.image for frame in frames]),
        box=np.array([frame.log["box"] for frame in frames]),
        dt=float(frames[0].log["dt"][0]),
        thermo={name: np.array([frame.log[name][0] for frame in frames]) for name in names},
    )


def _frames(file) -> Iterator:  # type: ignore[no-untyped-def]
    for index in range(len(file)):
        yield file[index]

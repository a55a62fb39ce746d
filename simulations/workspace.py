"""One folder per state point, named by its content; blocks that are whole or not there at all.

signac keeps the state points: the folder's name is the hash of what defines the simulation
(composition, physical settings, engine, replica, start, seed). Inside, each attempt at a box has
its own blocks::

    <id>/signac_statepoint.json
    <id>/lock                           held by the process that writes (flock), with its name
    <id>/status.json                    what is going on, for people
    <id>/attempt-0/state.npz            the builder's configuration
    <id>/attempt-0/blocks/00000/        block.json, frames.gsd, block.npz and, in the last two, restart.bin
    <id>/failed.json                    why the point was given up
    <id>/record.json, record.npz        the result
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import socket
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nanonet.domain import Composition
from nanonet.errors import ConfigError, RestartError, WorkspaceLockedError
from simulations.builder import Start
from simulations.engines.base import RESTART
from simulations.protocol import Protocol

log = logging.getLogger(__name__)

#: Version of what a state point consists of; part of its name.
SCHEMA = 1
_STATEPOINT = "signac_statepoint.json"
_VOLUME = "volume_factor"
#: Restart files kept: the newest, and one to fall back on.
_RESTARTS_KEPT = 2


@dataclass(frozen=True)
class StatePoint:
    """What defines one simulation, and so names its folder.

    Args:
        composition: what to simulate; its rho is the one asked for.
        protocol: only its name and physical settings count, see ``Protocol.identity``.
        engine: name of the engine.
        replica: 0, 1, 2 ...; replicas differ in nothing but their seeds.
        start: dispersed or aggregated.
        seed: of the campaign.
        volume_factor: how many times the volume that the size rule gives.
    """

    composition: Composition
    protocol: Protocol
    engine: str = "lammps"
    replica: int = 0
    start: Start = "dispersed"
    seed: int = 0
    volume_factor: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """As signac stores it."""
        # rounded to 12 digits: a value computed in two ways is one state point
        composition = {name: float(f"{value:.12g}") for name, value in self.composition.to_dict().items()}
        return {
            "schema": SCHEMA,
            "composition": {**composition, "N": self.composition.N},
            "protocol": {"name": self.protocol.name, **self.protocol.identity()},
            "engine": self.engine,
            "replica": self.replica,
            "start": self.start,
            "seed": self.seed,
            # before it could be chosen it was 1: such state points keep the names they had
            **({} if self.volume_factor == 1 else {_VOLUME: float(self.volume_factor)}),
        }

    @property
    def group(self) -> str:
        """Name shared by all simulations of this composition."""
        return group_name(self.composition)


def volume_factor_of(statepoint: Mapping[str, Any]) -> float:
    """How many times the volume of the size rule a state point, as signac stores it, has."""
    return float(statepoint.get(_VOLUME, 1.0))


def group_name(composition: Composition) -> str:
    """Short hash of a composition asked for, the same for all its replicas and starts."""
    text = ",".join(f"{value:.9g}" for value in composition.to_array())
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Workspace:
    """A folder of state points.

    Args:
        path: created if missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import signac

        self.path = Path(path).resolve()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise ConfigError(f"the workspace {self.path} is a file, expected a folder; name another") from error
        # signac has its jobs in <project>/workspace
        self._project = signac.init_project(path=str(self.path))

    def point(self, statepoint: StatePoint) -> PointFolder:
        """The folder of a state point, made if missing."""
        from signac.errors import JobsCorruptedError

        job = self._project.open_job(statepoint.to_dict())
        try:
            job.init()
        except JobsCorruptedError:
            # killed while signac wrote the file, which the name determines
            job.init(force=True)
        return PointFolder(Path(job.path))

    def point_of(self, identifier: str) -> PointFolder:
        """The folder of a known state point."""
        return point_by_id(self.path, identifier)

    def points(self) -> list[PointFolder]:
        """Folders of all state points, by name; one whose making was cut short is left out."""
        folders = [PointFolder(Path(self._project.workspace) / job.id) for job in self._project]
        return sorted((point for point in folders if point.read_json(_STATEPOINT)), key=lambda point: point.id)

    @classmethod
    def existing(cls, path: str | os.PathLike[str]) -> Workspace:
        """A workspace that is there already; nothing is created.

        Raises:
            ConfigError: there is none.
        """
        if not (Path(path) / "workspace").is_dir() or not (Path(path) / ".signac").is_dir():
            raise ConfigError(f"there is no workspace {path}; run `make simulate` first, or give workspace=DIR")
        return cls(path)

    @contextlib.contextmanager
    def campaign(self) -> Iterator[None]:
        """Hold the workspace for one campaign.

        Raises:
            WorkspaceLockedError: another campaign holds it; the message names its process.
        """
        with locked(self.path / "campaign.lock", f"the workspace {self.path}"):
            yield


@dataclass(frozen=True)
class Block:
    """A finished block: a folder whose ``block.json`` was written last."""

    folder: Path
    info: Mapping[str, Any]

    @property
    def index(self) -> int:
        """Number of the block in its attempt, from 0."""
        return int(self.info["index"])

    @property
    def phase(self) -> str:
        """Equilibration or production."""
        return str(self.info["phase"])

    def data(self) -> dict[str, np.ndarray]:
        """Arrays of ``block.npz``: g, n_frames, thermodynamic series, last NP positions.

        Raises:
            RestartError: the file is missing or damaged.
        """
        try:
            with (self.folder / "block.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise RestartError(
                f"{self.folder / 'block.npz'} is missing or damaged ({error}); "
                f"delete {self.folder.parent.parent} to start this state point again"
            ) from error

    def restart(self) -> Path | None:
        """The restart file if it is there and unaltered."""
        file = self.folder / RESTART
        want = self.info["sha256"].get(RESTART)
        if not file.is_file():
            return None
        if sha256(file) != want:
            log.warning("restart file %s was cut short or altered (its hash differs); using the one before", file)
            return None
        return file


class PointFolder:
    """Folder of one state point."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @property
    def statepoint(self) -> dict[str, Any]:
        """What defines the simulation."""
        return json.loads((self.path / _STATEPOINT).read_text())

    @property
    def composition(self) -> Composition:
        """The composition asked for."""
        return Composition(**self.statepoint["composition"])

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Hold the state point; yields the lock's file descriptor, for an engine's process to inherit.

        Raises:
            WorkspaceLockedError: another process writes here; the message names it.
        """
        with locked(self.path / "lock", f"state point {self.id}") as descriptor:
            yield descriptor

    def attempts(self) -> list[Path]:
        """Folders of the attempts, oldest first."""
        return sorted(self.path.glob("attempt-*"), key=lambda folder: int(folder.name.partition("-")[2]))

    def blocks(self, attempt: Path) -> list[Block]:
        """Whole blocks of an attempt in order, up to the first gap."""
        found = []
        for index in range(10**9):
            folder = attempt / "blocks" / f"{index:05d}"
            try:
                info = json.loads((folder / "block.json").read_text())
            except (OSError, ValueError):
                break
            found.append(Block(folder, info))
        return found

    def resume_from(self, blocks: list[Block]) -> tuple[list[Block], Path | None]:
        """Blocks to keep and the restart file to go on from.

        A last block whose restart file is damaged is run again from the one before.

        Raises:
            RestartError: no restart file is left that can be used.
        """
        for keep in range(len(blocks), 0, -1):
            file = blocks[keep - 1].restart()
            if file is not None:
                return blocks[:keep], file
        if blocks:
            raise RestartError(
                f"none of the restart files of state point {self.id} is whole; "
                f"delete {blocks[0].folder.parent.parent} to start this state point again"
            )
        return [], None

    def work_folder(self, attempt: Path, index: int) -> Path:
        """An empty folder for a block that is being made; leftovers of killed runs are removed."""
        parent = attempt / "blocks"
        parent.mkdir(parents=True, exist_ok=True)
        for stale in parent.glob(".work-*"):
            shutil.rmtree(stale, ignore_errors=True)
        folder = parent / f".work-{index:05d}"
        folder.mkdir()
        return folder

    def commit(self, work: Path, attempt: Path, info: dict[str, Any], keep: list[Block]) -> Block:
        """Turn a working folder into a block, atomically, and drop restart files no longer needed."""
        for name in ("state.npz", "job.json", "engine.err"):
            (work / name).unlink(missing_ok=True)
        info = {**info, "sha256": {file.name: sha256(file) for file in sorted(work.iterdir())}}
        (work / "block.json").write_text(json.dumps(info, indent=1))
        for file in work.iterdir():
            _sync(file)
        _sync(work)
        target = attempt / "blocks" / f"{info['index']:05d}"
        # a block whose restart file was damaged is made again, from the one before; the last goes first,
        # so that what a kill leaves is still the beginning of one run
        for old in sorted(target.parent.glob("[0-9]*"), reverse=True):
            if int(old.name) >= info["index"]:
                old.rename(old.with_name(f".work-replaced-{old.name}"))
        work.rename(target)
        _sync(target.parent)
        for stale in target.parent.glob(".work-replaced-*"):
            shutil.rmtree(stale, ignore_errors=True)
        for block in keep[: max(0, len(keep) + 1 - _RESTARTS_KEPT)]:
            (block.folder / RESTART).unlink(missing_ok=True)
        return Block(target, info)

    def write_status(self, **status: Any) -> None:
        """Say what is going on; never the reason for a failure."""
        with contextlib.suppress(OSError):
            write_json(self.path / "status.json", {"time": time.time(), "process": process_name(), **status})

    def holder(self) -> str | None:
        """Who writes here now: the lock's process and machine, ``None`` if nobody does."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return os.pread(descriptor, 200, 0).decode(errors="replace").partition(" since")[0] or "a process"
        else:
            return None
        finally:
            os.close(descriptor)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Content of a JSON file of this folder, ``None`` if it is missing or not whole."""
        try:
            value = json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None


def sha256(file: Path) -> str:
    """Hash of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file that appears whole or not at all."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, indent=1))
    os.replace(temporary, file)


def process_name() -> str:
    """This process, for people: number and machine."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@contextlib.contextmanager
def locked(file: Path, what: str) -> Iterator[int]:
    """Hold an advisory lock (flock) on ``file``; it ends with the process, however that ends.

    Raises:
        WorkspaceLockedError: somebody else holds it; the message names the holder.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                text = f"{what} cannot be locked ({error.strerror}); put it on a file system that has flock"
                raise OSError(error.errno, text) from error
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise WorkspaceLockedError(
                f"{what} is held by {holder}; wait until it ends, or stop it, and run the same command again"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{process_name()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def point_by_id(path: str | os.PathLike[str], identifier: str) -> PointFolder:
    """The folder of a known state point, without reading the others.

    Raises:
        ConfigError: there is none of that name.
    """
    folder = Path(path) / "workspace" / identifier
    if not (folder / _STATEPOINT).is_file():
        raise ConfigError(f"the workspace {path} has no state point {identifier}")
    return PointFolder(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

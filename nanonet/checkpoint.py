"""A trained surrogate as a folder: parts without pickle, and a manifest that vouches for them.

::

    manifest.json     schema, hashes of all files, versions, problem, calibration, metrics
    README.md         the model card
    coverage.npz      training inputs, for the domain check
    features/  regressor/  representation/

Nothing in it is code. A folder whose hashes fit may still come from a stranger, so classes are
taken from nanonet only, ``.keras`` files may name classes of Keras only, and scikit-learn parts
types of scikit-learn only.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from nanonet import __version__
from nanonet.band import Band
from nanonet.coverage import Coverage
from nanonet.data.dataset import Axis
from nanonet.data.problem import Problem, covered
from nanonet.data.table import Table
from nanonet.errors import CheckpointError
from nanonet.parts import build, describe
from nanonet.surrogate import Surrogate

#: Version of the folder format; readers refuse newer ones.
SCHEMA = 1
MANIFEST = "manifest.json"
#: Packages whose versions a checkpoint records, where they are installed.
PACKAGES = (
    "nanonet", "numpy", "keras", "tensorflow", "scikit-learn", "onnxruntime", "pillow", "skops", "rdkit", "lightgbm",
)  # fmt: skip


@dataclass
class Checkpoint:
    """A surrogate and everything that a prediction with it needs.

    Args:
        name: what it is called.
        surrogate: fitted.
        problem: how to ask it.
        coverage: where it was trained.
        band: calibrated width of its error band, ``None`` if it was not calibrated.
        target: name of the target; ``unit``: its unit; ``axis``: what a curve runs along.
        info: anything to keep beside: data (hash, numbers), metrics, seed, configuration.
        card: text of the model card.
    """

    name: str
    surrogate: Surrogate
    problem: Problem
    coverage: Coverage
    band: Band | None
    target: str
    unit: str
    axis: Axis | None
    info: dict[str, Any] = field(default_factory=dict)
    card: str = ""

    def save(self, folder: Path, extra: Mapping[str, Path] | None = None) -> Path:
        """Write to ``folder``, which appears whole or not at all; one that is there is replaced.

        Args:
            folder: of this checkpoint alone.
            extra: further files to take in, name in the folder to source (figures of the card).

        Raises:
            CheckpointError: the folder holds something that is not a checkpoint.
        """
        if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            raise CheckpointError(f"{folder} is not empty and not a checkpoint; name another folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            self.surrogate.save(partial)
            self.coverage.save(partial / "coverage.npz")
            (partial / "README.md").write_text(self.card or f"# {self.name}\n", encoding="utf-8")
            for target, source in (extra or {}).items():
                (partial / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, partial / target)
            _write_manifest(partial, self._manifest())
            partial.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return folder

    def _manifest(self) -> dict[str, Any]:
        surrogate = self.surrogate
        return {
            "nanonet_checkpoint": SCHEMA,
            "name": self.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "problem": describe(self.problem) | {"name": self.problem.name},
            "target": {
                "name": self.target,
                "unit": self.unit,
                "axis": None if self.axis is None else asdict(self.axis),
            },
            "parts": surrogate.describe(),
            "code_shape": list(surrogate.code_shape or ()),
            "scalar": surrogate.scalar,
            "band": None if self.band is None else self.band.to_json(),
            "domain": self.coverage.to_json(),
            "versions": versions(),
            "info": self.info,
        }

    def outside(self, inputs: Table) -> list[str]:
        """For each of n inputs why it is outside the region of the training data, or an empty text if it is inside."""
        return self.coverage.outside(covered(self.problem, inputs), self.surrogate.features.transform(inputs))

    @classmethod
    def load(cls, folder: Path) -> Checkpoint:
        """Read and check a folder.

        Raises:
            CheckpointError: no such folder, a newer schema, a missing or altered file, or a part
                that is not to be trusted.
        """
        manifest = read_manifest(folder)
        for file in sorted(folder.rglob("*.keras")):
            from nanonet.networks.export import check_archive

            check_archive(file)
        try:
            axis = manifest["target"]["axis"]
            problem = {key: value for key, value in manifest["problem"].items() if key != "name"}
            made = cls(
                name=str(manifest["name"]),
                surrogate=Surrogate.load(folder, tuple(manifest["code_shape"]), bool(manifest["scalar"])),
                problem=build(problem, where="problem"),
                coverage=Coverage.load(folder / "coverage.npz"),
                band=None if manifest["band"] is None else Band.from_json(manifest["band"]),
                target=str(manifest["target"]["name"]),
                unit=str(manifest["target"]["unit"]),
                axis=None if axis is None else _axis(axis),
                info=manifest["info"] | {"created": manifest["created"], "versions": manifest["versions"]},
            )
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{folder / MANIFEST} cannot be used ({error!r}); copy the checkpoint again"
            ) from error
        if not isinstance(made.problem, Problem):
            raise CheckpointError(f"{folder / MANIFEST} names {manifest['problem']}, which is not a problem")
        return made


def _axis(stored: Mapping[str, Any]) -> Axis:
    """An axis as it stands in a manifest, where sequences are lists."""
    sequences = {key: tuple(stored[key]) for key in ("values", "labels", "units") if key in stored}
    return Axis(name=stored["name"], unit=stored["unit"], **sequences)


def versions() -> dict[str, str]:
    """Versions of Python and of the :data:`PACKAGES` that are installed."""
    found = {"python": platform.python_version(), "nanonet": __version__}
    for name in PACKAGES:
        try:
            found.setdefault(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
    return found


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its own seal."""
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=True).encode()).hexdigest()


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    manifest["files"] = {file.relative_to(folder).as_posix(): _digest(file) for file in files}
    manifest = json.loads(json.dumps(manifest))
    manifest["seal"] = _seal(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a checkpoint, after its schema and all its hashes were checked.

    Raises:
        CheckpointError: see :meth:`Checkpoint.load`.
    """
    file = folder / MANIFEST
    if not file.is_file():
        raise CheckpointError(
            f"{folder} is not a checkpoint (no {MANIFEST}); "
            "train one with `python -m nanonet.train +experiment=nanonet`"
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        schema = int(manifest["nanonet_checkpoint"])
        files = dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is not the manifest of a checkpoint ({error!r}); copy it again") from error
    if schema > SCHEMA:
        raise CheckpointError(f"{folder} has schema {schema}, this nanonet reads up to {SCHEMA}; upgrade nanonet")
    if manifest.get("seal") != _seal(manifest):
        raise CheckpointError(f"{file} was altered after it was written; copy the checkpoint again")
    for name, expected in files.items():
        part = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise CheckpointError(f"{file} names {name!r}, a file outside the checkpoint")
        if not part.is_file():
            raise CheckpointError(f"a part is missing: no {part}; copy the checkpoint again")
        if _digest(part) != expected:
            raise CheckpointError(f"{part} was altered after it was written; copy the checkpoint again")
    return manifest

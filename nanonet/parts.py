"""Building parts from configuration, and writing and reading them, without running foreign code.

A part is any object with ``get_config()``, ``save(folder)`` and a classmethod ``load(folder)``:
features, regressors, representations, data readers. In a YAML file and in a checkpoint it is
named by ``_target_``, the dotted path of its class. A configuration may come from anywhere, so
only classes of our own packages are ever imported by name.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.errors import CheckpointError, ConfigError
from nanonet.seeds import derive

#: Key that names the class, as in Hydra.
TARGET = "_target_"
#: File that names the class of a part, in its folder.
PART = "part.json"
#: Packages whose classes a configuration may name.
PACKAGES = ("nanonet",)

T = TypeVar("T")


@runtime_checkable
class Part(Protocol):
    """What a surrogate is made of."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that build an unfitted part like this one; plain JSON values."""

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing folder, without pickle."""


def locate(target: object) -> type:
    """The class that ``target`` names.

    Raises:
        ConfigError: not a dotted path into :data:`PACKAGES`, or no class of them is there.
    """
    if not isinstance(target, str) or target.split(".")[0] not in PACKAGES or "." not in target:
        raise ConfigError(
            f"{TARGET} must name a class of {' or '.join(PACKAGES)}, got {target!r}; "
            "a configuration may not run other code"
        )
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        missing = getattr(error, "name", None)
        if isinstance(error, ModuleNotFoundError) and missing and missing.split(".")[0] not in PACKAGES:
            raise
        raise ConfigError(f"{TARGET} names {target!r}, which does not exist ({error})") from error
    if not isinstance(found, type) or found.__module__.split(".")[0] not in PACKAGES:
        raise ConfigError(f"{TARGET} names {target!r}, which is not a class of {' or '.join(PACKAGES)}")
    return found


def build(config: Mapping[str, Any], *, seed: int | None = None, where: str = "config") -> Any:
    """The object that ``config`` describes; nested descriptions are built first.

    A key ``seed`` that is ``None`` gets a stream of its own, derived from ``seed`` and from the
    place of the part in the configuration, so that adding a part does not change the others.

    Args:
        config: a mapping with ``_target_`` and keyword arguments of that class.
        seed: of the run; ``None`` leaves seeds as they are.
        where: how error messages call this place.

    Raises:
        ConfigError: no ``_target_``, an argument that the class does not take or that is missing.
    """
    if not isinstance(config, Mapping) or TARGET not in config:
        raise ConfigError(f"{where} must be a mapping with {TARGET}, got {config!r:.80}")
    cls = locate(config[TARGET])
    arguments: dict[str, Any] = {}
    for key, value in config.items():
        if key == TARGET:
            continue
        place = f"{where}.{key}"
        if key == "seed" and value is None and seed is not None:
            arguments[key] = derive(seed, where, "seed")
        else:
            arguments[str(key)] = _value(value, seed=seed, where=place)
    accepted = inspect.signature(cls).parameters
    unknown = sorted(set(arguments) - set(accepted))
    missing = [
        name
        for name, parameter in accepted.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        and name not in arguments
    ]
    if unknown or missing:
        raise ConfigError(
            f"{where}: {cls.__name__} takes {', '.join(accepted) or 'no arguments'}"
            + (f"; not known: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )
    try:
        return cls(**arguments)
    except TypeError as error:
        raise ConfigError(f"{where}: {cls.__name__} cannot be made of {arguments!r:.200} ({error})") from error


def _value(value: Any, *, seed: int | None, where: str) -> Any:
    if isinstance(value, Mapping):
        if TARGET in value:
            return build(value, seed=seed, where=where)
        return {str(key): _value(item, seed=seed, where=f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item, seed=seed, where=f"{where}[{index}]") for index, item in enumerate(value)]
    return value


def describe(part: Any) -> dict[str, Any]:
    """The configuration that :func:`build` would make an unfitted copy of ``part`` from."""
    cls = type(part)
    return {TARGET: f"{cls.__module__}.{cls.__qualname__}", **part.get_config()}


def save_part(part: Part, folder: Path) -> None:
    """Write a part and the name of its class, so that :func:`load_part` needs only the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PART).write_text(json.dumps(describe(part), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.save(folder)


def load_part(folder: Path, kind: type[T]) -> T:
    """The part written to ``folder`` by :func:`save_part`.

    Args:
        folder: where it was written.
        kind: the contract that it must fulfil.

    Raises:
        CheckpointError: nothing there, a class that is not ours, or not of this ``kind``.
    """
    file, target = folder / PART, _read_description(folder)[TARGET]
    try:
        cls = locate(target)
    except ConfigError as error:
        raise CheckpointError(f"{file} does not describe a part of nanonet ({error})") from error
    if not hasattr(cls, "load"):
        raise CheckpointError(f"{file} names {target}, which is not a part that can be loaded")
    try:
        part = cls.load(folder)
    except CheckpointError:
        raise
    except (TypeError, ValueError, KeyError, OSError) as error:
        raise CheckpointError(f"{folder} does not hold a {cls.__name__} that can be read ({error})") from error
    if not isinstance(part, kind):
        raise CheckpointError(f"{file} holds {target}, expected a {kind.__name__.lower()}")
    return part


def save_arrays(file: Path, **arrays: Any) -> None:
    """Write named arrays of numbers or text."""
    contents: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez_compressed(file, **contents)


def load_arrays(file: Path, *names: str) -> dict[str, NDArray]:
    """The arrays called ``names``, written by :func:`save_arrays`.

    Raises:
        CheckpointError: no such file, an array is missing, or it holds objects (pickle).
    """
    try:
        # Opened here, because NumPy leaves a file that is no archive open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except FileNotFoundError as error:
        raise CheckpointError(f"a part is missing: no {file}; copy or make the checkpoint again") from error
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{file} does not hold the arrays {', '.join(names)} as plain numbers ({error}); "
            "copy or make the checkpoint again"
        ) from error


def load_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Keyword arguments of the part in ``folder``, without its class.

    Raises:
        CheckpointError: there is no part in it.
    """
    config = _read_description(Path(folder))
    return {key: value for key, value in config.items() if key != TARGET}


def _read_description(folder: Path) -> dict[str, Any]:
    file = folder / PART
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"a part is missing: no {file}; copy or make the checkpoint again") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} does not describe a part of nanonet ({error})") from error
    if not isinstance(config, dict) or TARGET not in config:
        raise CheckpointError(f"{file} does not describe a part of nanonet: it lacks {TARGET}")
    return config

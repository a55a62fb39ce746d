"""Every error that nanonet raises on purpose.

Each class is a :class:`NanonetError` *and* the builtin that a caller would expect, so
``except ValueError`` and ``except NanonetError`` both work. A message names the value
received, the value expected and the remedy.
"""

from __future__ import annotations


class NanonetError(Exception):
    """Base class of the errors that nanonet raises on purpose."""


class InputError(NanonetError, ValueError):
    """A value, shape or name given by the caller is not usable."""


class CompositionError(InputError):
    """A composition is not a physical one."""


class SmilesError(InputError):
    """A text is not the structure that was expected: not SMILES, or without the ends of a repeat unit."""


class BlendError(InputError):
    """A blend is not a physical one."""


class ElectrolyteError(InputError):
    """An electrolyte is not a physical one."""


class SystemSizeError(InputError):
    """A composition needs a simulation box that the limits do not allow."""


class DataError(NanonetError, ValueError):
    """A data set is missing, incomplete, altered or not of the expected form."""


class ConfigError(NanonetError, ValueError):
    """A configuration names something that does not exist or does not fit."""


class NotFittedError(NanonetError, RuntimeError):
    """A part was used before it was fitted."""


class CheckpointError(NanonetError, ValueError):
    """A checkpoint is missing a part, altered, too new or not to be trusted."""


class EngineError(NanonetError, RuntimeError):
    """A simulation engine stopped, or was asked for something it cannot do."""


class EngineNotInstalledError(EngineError, ImportError):
    """A simulation engine or a device it needs is not on this machine."""


class UnstableRunError(EngineError):
    """A simulation left the physical range: not finite, or lost particles."""


class EngineKilledError(EngineError):
    """Somebody ended a simulation engine's process; the simulation itself is not to blame."""


class RestartError(EngineError):
    """A restart file is missing, cut short or altered."""


class WorkspaceLockedError(NanonetError, RuntimeError):
    """Another process is writing this workspace or state point."""


class WorkerError(NanonetError, RuntimeError):
    """A process that worked for us was ended from outside."""


class MissingDependencyError(NanonetError, ImportError):
    """An optional dependency is needed here and is not installed."""


class EngineWarning(UserWarning):
    """An engine does its work otherwise, or more slowly, than it could."""


class DomainWarning(UserWarning):
    """A prediction was asked for outside the region that the training data cover."""

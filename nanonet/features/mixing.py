"""What the rule of mixing says of a blend, from its polymers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.chemistry.base import Encoder
from nanonet.data.table import Table
from nanonet.errors import ConfigError, InputError, NotFittedError
from nanonet.parts import TARGET, build, describe, load_arrays, load_config, save_arrays
from nanonet.process import Process, fit_process


class Mixing:
    """x = (m, b): m = w t_1 + (1 - w) t_2 of the polymers' own values t, b = 1 for two different ones, else 0.

    Without ``denoise`` t are the inputs ``values``, as recorded. Recorded values have noise, and those of
    single polymers are the target itself. With ``denoise``, t is what a Gaussian process on the
    structures predicts. It learns from the polymers of the training inputs, each once (mean where it has
    several values), and for these it answers without their own value (leave-one-out, with the mean and
    the hyperparameters of all of them): so no record meets its own target, and inputs of records that
    are predicted are not used.

    Args:
        denoise: see above.
        encoders: structures -> numbers, for the process.
        columns: names of the two inputs with canonical SMILES.
        share: name of the input with the share of the first, 0 to 1.
        values: names of the two inputs with the polymers' own values.

    Raises:
        ConfigError: ``denoise`` without encoders.
    """

    def __init__(
        self,
        denoise: bool = False,
        encoders: Sequence[Encoder] = (),
        columns: Sequence[str] = ("smiles1", "smiles2"),
        share: str = "fraction",
        values: Sequence[str] = ("tc1", "tc2"),
    ) -> None:
        self.denoise, self.encoders = bool(denoise), list(encoders)
        self.columns, self.share, self.values = tuple(columns), str(share), tuple(values)
        if self.denoise and not self.encoders:
            raise ConfigError("denoise needs encoders that tell which polymers are alike, got none")
        self._process: Process | None = None
        self._centre: FloatArray | None = None
        self._width: FloatArray | None = None
        self._known: dict[str, float] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """``mixture``, ``different``."""
        return ("mixture", "different")

    def fit(self, inputs: Table) -> Self:
        """Learn the polymers' own values, if they are to be denoised."""
        own = self._recorded(inputs)
        if not self.denoise:
            self._known = {}
            return self
        found: dict[str, set[float]] = {}
        for column, values in zip(self.columns, own.T, strict=True):
            for text, value in zip(inputs[column].tolist(), values.tolist(), strict=True):
                found.setdefault(text, set()).add(value)
        names = sorted(found)
        mean = np.array([np.mean(sorted(found[name])) for name in names])
        numbers = self._numbers(names)
        deviation = numbers.std(axis=0)
        self._centre, self._width = numbers.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        self._process = fit_process((numbers - self._centre) / self._width, mean, kernel="rbf")
        self._known = dict(zip(names, self._process.leave_one_out().tolist(), strict=True))
        return self

    def _numbers(self, smiles: Sequence[str]) -> FloatArray:
        return np.concatenate([encoder.encode(smiles) for encoder in self.encoders], axis=1)

    def _recorded(self, inputs: Table) -> FloatArray:
        for name in self.values:
            if inputs[name].dtype.kind != "f":
                raise InputError(f"column {name!r} must hold numbers, got text such as {inputs[name][0]!r}")
        own = np.stack([inputs[name] for name in self.values], axis=1)
        missing = np.flatnonzero(~np.isfinite(own).all(axis=1))
        if len(missing):
            raise InputError(
                f"row {missing[0]} lacks {' or '.join(self.values)} ({len(missing)} rows do); this model mixes the "
                "polymers' own values: give them, or take a model that needs structures only"
            )
        return own

    def _denoised(self, smiles: Sequence[str]) -> FloatArray:
        known, process, centre, width = self._known, self._process, self._centre, self._width
        if known is None or process is None or centre is None or width is None:
            raise NotFittedError("features were used before they were fitted; call fit() first")
        unique = sorted(set(smiles) - set(known))
        new = process.mean((self._numbers(unique) - centre) / width) if unique else np.zeros(0)
        values = {**known, **dict(zip(unique, new.tolist(), strict=True))}
        return np.array([values[text] for text in smiles])

    def transform(self, inputs: Table) -> FloatArray:
        """x, shape (n, 2)."""
        if self._known is None:
            raise NotFittedError("features were used before they were fitted; call fit() first")
        first, second = (inputs[name].tolist() for name in self.columns)
        if self.denoise:
            own = np.stack([self._denoised(first), self._denoised(second)], axis=1)
        else:
            own = self._recorded(inputs)
        share = inputs[self.share]
        if share.dtype.kind != "f" or not ((share >= 0) & (share <= 1)).all():
            raise InputError(f"{self.share} must hold numbers from 0 to 1, got {share.tolist()!r:.80}")
        different = np.array([a != b for a, b in zip(first, second, strict=True)], dtype=float)
        return np.stack([share * own[:, 0] + (1.0 - share) * own[:, 1], different], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; the encoders as descriptions."""
        return {
            "denoise": self.denoise,
            "encoders": [describe(encoder) for encoder in self.encoders],
            "columns": list(self.columns),
            "share": self.share,
            "values": list(self.values),
        }

    def save(self, folder: Path) -> None:
        """Write the polymers that were learned from."""
        if self._known is None:
            raise NotFittedError("features must be fitted before they are saved")
        names: NDArray[np.str_] = np.array(list(self._known), dtype=str)
        arrays: dict[str, Any] = {"names": names, "known": np.array(list(self._known.values()), dtype=float)}
        if self._process is not None:
            arrays |= self._process.to_arrays() | {"centre": self._centre, "width": self._width}
        save_arrays(folder / "mixing.npz", **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read them."""
        made: Self = build({TARGET: f"{cls.__module__}.{cls.__qualname__}", **load_config(folder)})
        file = folder / "mixing.npz"
        stored = load_arrays(file, "names", "known")
        made._known = dict(zip(stored["names"].tolist(), stored["known"].tolist(), strict=True))
        if made.denoise:
            made._process = Process.from_arrays(load_arrays(file, *Process.ARRAYS))
            scale = load_arrays(file, "centre", "width")
            made._centre, made._width = scale["centre"], scale["width"]
        return made

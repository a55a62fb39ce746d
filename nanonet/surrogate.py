"""A surrogate is features -> regressor -> representation, for every problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanonet.arrays import FloatArray, frozen_array, of_rows
from nanonet.data.table import Table
from nanonet.errors import InputError, NotFittedError
from nanonet.features.base import Features
from nanonet.mixtures import MixtureFeatures, MixtureRegressor
from nanonet.parts import describe, load_part, save_part
from nanonet.regressors.base import Regressor
from nanonet.representations.base import Conditioned, Representation, Spreading


class Surrogate:
    """y(inputs) = decode(regressor(features(inputs))), a decoder and a regressor fitted to data.

    The representation is fitted to the training targets and the regressor to their codes; both
    see the training part only.

    Args:
        features: inputs -> x (n, p).
        regressor: x -> codes (n, d).
        representation: targets (n, length) <-> codes (n, ...), which are made flat for the
            regressor. Targets of one number per record are passed as (n, 1). One that is
            :class:`nanonet.representations.base.Conditioned` is given the inputs beside them.
    """

    def __init__(self, features: Features, regressor: Regressor, representation: Representation | Conditioned) -> None:
        self.features, self.regressor, self.representation = features, regressor, representation
        #: Shape of one code and whether a target is one number; known after fitting.
        self.code_shape: tuple[int, ...] | None = None
        self.scalar = False

    def fit(self, inputs: Table, targets: ArrayLike, groups: NDArray[np.str_] | None = None) -> Self:
        """Fit the parts; returns itself.

        Args:
            inputs: n records.
            targets: of the same, shape (n,) or (n, length).
            groups: group of each, which a regressor that splits its training data keeps together.

        Raises:
            InputError: other numbers of inputs and targets, or a part refuses them.
        """
        values = self._targets(targets)
        if len(values) != inputs.n_rows:
            raise InputError(
                f"there are {inputs.n_rows} inputs and {len(values)} targets; they must be of one record each"
            )
        self.scalar = np.ndim(targets) == 1
        x = self.features.fit(inputs).transform(inputs)
        part = self.representation
        if isinstance(part, Conditioned):
            codes = np.asarray(part.fit(values, inputs).encode(values, inputs), dtype=float)
        else:
            codes = np.asarray(part.fit(values).encode(values), dtype=float)
        self.code_shape = codes.shape[1:]
        self.regressor.fit(x, codes.reshape(len(codes), -1), groups)
        return self

    @staticmethod
    def _targets(targets: ArrayLike) -> FloatArray:
        # Whether one of several numbers may be unknown (NaN) is for the representation to say.
        values = frozen_array(targets, name="targets", ndim=np.ndim(targets), finite=False)
        return values[:, None] if values.ndim == 1 else values

    def _decode(self, codes: FloatArray, inputs: Table) -> FloatArray:
        if self.code_shape is None:
            raise NotFittedError("the surrogate was used before it was fitted; call fit() first")
        shaped, part = codes.reshape(len(codes), *self.code_shape), self.representation
        decoded = part.decode(shaped, inputs) if isinstance(part, Conditioned) else part.decode(shaped)
        return decoded[:, 0] if self.scalar else decoded

    def predict(self, inputs: Table) -> FloatArray:
        """Targets, shape (n,) or (n, length), in their physical unit."""
        return self._decode(self._codes_of(inputs), inputs)

    @property
    def by_parts(self) -> bool:
        """Whether a prediction needs each part of mixtures once (:mod:`nanonet.mixtures`), and no features of these."""
        return isinstance(self.features, MixtureFeatures) and isinstance(self.regressor, MixtureRegressor)

    def _codes_of(self, inputs: Table) -> FloatArray:
        if isinstance(self.features, MixtureFeatures) and isinstance(self.regressor, MixtureRegressor):
            return self.regressor.predict_mixtures(self.features.mixtures(inputs))
        return self.regressor.predict(self.features.transform(inputs))

    def _members(self, inputs: Table) -> FloatArray:
        if isinstance(self.features, MixtureFeatures) and isinstance(self.regressor, MixtureRegressor):
            return self.regressor.members_of_mixtures(self.features.mixtures(inputs))
        return self.regressor.members(self.features.transform(inputs))

    def predict_with_spread(self, inputs: Table) -> tuple[FloatArray, FloatArray]:
        """Targets, and the spread of the members, for one evaluation of them.

        s = sqrt(mean over codes of the members' variance), shape (n,), or s_j at each bin, (n, length), where the
        representation is :class:`nanonet.representations.base.Spreading`. See :class:`nanonet.band.Band`.
        """
        members = self._members(inputs)
        targets = self._decode(members.mean(axis=0), inputs)
        if isinstance(self.representation, Spreading):
            return targets, self.representation.spread(members, inputs)
        return targets, np.sqrt(members.var(axis=0).mean(axis=1))

    def disagreement(self, inputs: Table) -> FloatArray:
        """One number (n,) per record that rises with how far the members are apart."""
        return of_rows(self.predict_with_spread(inputs)[1])

    def ensemble(self, inputs: Table) -> FloatArray:
        """Decoded prediction of each member, shape (m, n) or (m, n, length)."""
        return np.stack([self._decode(codes, inputs) for codes in self._members(inputs)])

    def codes(self, targets: ArrayLike, inputs: Table) -> FloatArray:
        """Flat codes (n, d) of targets of records with these inputs."""
        values, part = self._targets(targets), self.representation
        encoded = part.encode(values, inputs) if isinstance(part, Conditioned) else part.encode(values)
        codes = np.asarray(encoded, dtype=float)
        return codes.reshape(len(codes), -1)

    def predicted_codes(self, inputs: Table) -> FloatArray:
        """Flat codes (n, d) that the regressor predicts."""
        return self._codes_of(inputs)

    def roundtrip(self, targets: ArrayLike, inputs: Table) -> FloatArray:
        """decode(encode(targets)): the representation floor, below which no regressor gets.

        Where one of several numbers is not known (NaN), its code is 0 and what comes back means nothing.
        """
        return self._decode(np.nan_to_num(self.codes(targets, inputs), nan=0.0), inputs)

    def describe(self) -> dict[str, Any]:
        """Descriptions of the parts, as in a configuration."""
        return {name: describe(getattr(self, name)) for name in ("features", "regressor", "representation")}

    def save(self, folder: Path) -> None:
        """Write each part into a folder of its own."""
        if self.code_shape is None:
            raise NotFittedError("a surrogate must be fitted before it is saved")
        for name in ("features", "regressor", "representation"):
            save_part(getattr(self, name), folder / name)

    @classmethod
    def load(cls, folder: Path, code_shape: tuple[int, ...], scalar: bool) -> Self:
        """Read the parts.

        Raises:
            CheckpointError: a part is missing, damaged or of another kind.
        """
        made = cls(
            features=load_part(folder / "features", Features),  # type: ignore[type-abstract]
            regressor=load_part(folder / "regressor", Regressor),  # type: ignore[type-abstract]
            representation=load_part(folder / "representation", Representation),  # type: ignore[type-abstract]
        )
        made.code_shape, made.scalar = code_shape, scalar
        return made

"""The contract of a problem: where its records come from, and how people ask and are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nanonet.arrays import FloatArray
from nanonet.data.dataset import Axis, Dataset
from nanonet.data.table import Table
from nanonet.errors import DataError


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says about n records, as plain arrays.

    Args:
        inputs: what it was asked, n rows.
        targets: shape (n,) or (n, length), in physical units.
        low, high: ends of the band, same shape; ``None`` for a model that was not calibrated.
        outside: for each record why it is outside the training region, or an empty text.
        axis: what the last dimension of a curve runs along.
        target: name of the target.
    """

    inputs: Table
    targets: FloatArray
    low: FloatArray | None
    high: FloatArray | None
    outside: tuple[str, ...]
    axis: Axis | None
    target: str

    @property
    def in_domain(self) -> NDArray[np.bool_]:
        """Whether each record lies where the training data are, shape (n,)."""
        return np.array([not reason for reason in self.outside], dtype=bool)


@runtime_checkable
class Problem(Protocol):
    """A data set and the types that its users think in."""

    #: Short name, as in messages.
    name: str

    def read(self) -> Dataset:
        """The records to learn from, with their groups.

        Raises:
            DataError: there are none, or they are damaged.
        """

    def parse(self, value: Any, numbers: Mapping[str, Any]) -> tuple[Table, bool]:
        """What a user asks for as a table, and whether it was a single record.

        Args:
            value: one positional value in any of the forms that the problem takes, or ``None``.
            numbers: keyword arguments.

        Raises:
            InputError: not one of these forms, or not physical.
        """

    def present(self, prediction: Prediction) -> list[Any]:
        """One object per record in the types of the domain."""

    def get_config(self) -> dict[str, Any]:
        """Keyword arguments that make this problem."""


#: From predictions of each member (inputs -> (m, n) or (m, n, length)) and inputs to one answer per record.
Question = Callable[[Callable[[Table], FloatArray], Table], list[Any]]


def questions(problem: Problem) -> Mapping[str, Question]:
    """What a problem can answer beside its target, by name: its attribute ``questions``, if it has one.

    A loaded model has a method for each of them.
    """
    found: Mapping[str, Question] = getattr(problem, "questions", {})
    return found


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a model says about records that it has not learned from.

    Args:
        dataset: the records, n; with repeated splits one may occur several times.
        predicted: of the shape of their targets.
        low, high: ends of the band, or ``None``.
    """

    dataset: Dataset
    predicted: FloatArray
    low: FloatArray | None
    high: FloatArray | None


#: Draws on an empty ``matplotlib.figure.Figure``; false if the records do not have what it shows.
Drawing = Callable[[Any, HeldOut], bool]


def drawings(problem: Problem) -> Mapping[str, Drawing]:
    """Figures of held-out records that only this problem has, by title: its attribute ``drawings``, if it has one.

    A run draws them beside the general ones, into a file that is named after the title.
    """
    found: Mapping[str, Drawing] = getattr(problem, "drawings", {})
    return found


#: What held-out records tell beside the metrics, as plain values (numbers, texts, lists, mappings of them).
Finding = Callable[[HeldOut], Any]


def findings(problem: Problem) -> Mapping[str, Finding]:
    """Numbers of held-out records that only this problem has, by name: its attribute ``findings``, if it has one.

    A run writes them into metrics.json, a comparison those of each model into results.json.
    """
    found: Mapping[str, Finding] = getattr(problem, "findings", {})
    return found


#: From records to the parts of their curves, by name: which values belong to it, of the shape of the targets.
Regions = Callable[[Dataset], Mapping[str, NDArray[np.bool_]]]


def regions(problem: Problem, dataset: Dataset) -> Mapping[str, NDArray[np.bool_]]:
    """Parts of the curves in which a band is judged apart: the problem's attribute ``regions``, if it has one.

    It is a function of the records, so that the true curves say where a part begins and ends; a value is in one part
    or in none.

    Args:
        problem: of the records.
        dataset: n records.

    Raises:
        DataError: masks of another shape than the targets, or a value in two parts.
    """
    find: Regions | None = getattr(problem, "regions", None)
    if find is None:
        return {}
    found = {str(name): np.asarray(mask, dtype=bool) for name, mask in find(dataset).items()}
    for name, mask in found.items():
        if mask.shape != dataset.targets.shape:
            raise DataError(
                f"the region {name!r} of {problem.name} has shape {mask.shape}; it needs one truth value for each of "
                f"{dataset.targets.shape} targets"
            )
    if found and (np.sum(list(found.values()), axis=0) > 1).any():
        raise DataError(f"regions of {problem.name} overlap; a value belongs to one of {', '.join(found)} or to none")
    return found


def covered(problem: Problem, inputs: Table) -> Table:
    """The quantities whose ranges make the region of the training data: the inputs, and what the problem adds.

    That is its attribute ``covered``, if it has one: a function from n inputs to columns (n,) that follow from several
    of them, such as a volume fraction, which may lie outside where each of these lies inside.
    """
    find: Callable[[Table], Mapping[str, Any]] | None = getattr(problem, "covered", None)
    return inputs if find is None else Table({**dict(inputs.items()), **find(inputs)})


def units(problem: Problem) -> Mapping[str, str]:
    """Units of the inputs, and of what :func:`covered` adds, by name: the problem's attribute ``units``, if it has one.

    A quantity without a unit has none here, or ``1``.
    """
    found: Mapping[str, str] = getattr(problem, "units", {})
    return found


#: From inputs and the target's axis to where the elements of each target lie, shape (n, length).
Places = Callable[[Table, Axis], FloatArray]


def places(problem: Problem, inputs: Table, axis: Axis | None) -> FloatArray | None:
    """Where the elements of the targets lie on a scale on which those of different records are alike.

    The problem's attribute ``places``, if it has one. It is a function of the inputs, so that it is also known of a
    record that is only predicted; the width of a band belongs to a place.

    Args:
        problem: of the records.
        inputs: n records.
        axis: of the target; without one there is nothing to place.

    Returns:
        Shape (n, length), or ``None``: element k of one target is like element k of another.

    Raises:
        DataError: another shape, or not finite.
    """
    find: Places | None = getattr(problem, "places", None)
    if find is None or axis is None:
        return None
    found = np.asarray(find(inputs, axis), dtype=float)
    expected = (inputs.n_rows, len(axis.values))
    if found.shape != expected or not np.isfinite(found).all():
        raise DataError(f"the places of {problem.name} must be finite and of shape {expected}, got {found.shape}")
    return found

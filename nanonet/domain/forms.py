"""Compositions from the many forms in which people have them at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nanonet.domain.composition import Composition
from nanonet.errors import InputError

#: What a user may give, for error messages.
FORMS = (
    "give the five numbers D, N, rho (or phi), eps_np_np, eps_p_np as keywords, a Composition, a mapping, "
    "a row of five numbers, a DataFrame or mapping of columns, a list of these, or an array of shape (n, 5)"
)


def compositions(value: Any, numbers: Mapping[str, Any]) -> tuple[list[Composition], bool]:
    """Compositions in any of the :data:`FORMS`, and whether it was a single one.

    Args:
        value: one of the forms, or ``None``.
        numbers: the five numbers by name, or nothing.

    Raises:
        InputError: none of these forms, or both a value and numbers.
        CompositionError: a number is missing or not physical; in a table, in which row.
    """
    if value is not None and numbers:
        raise InputError(f"give either a value or keywords, got both ({', '.join(numbers)}); {FORMS}")
    if value is None:
        if not numbers:
            raise InputError(f"there is no composition; {FORMS}")
        return [Composition.from_mapping(numbers)], True
    rows, single = _rows(value)
    if not rows:
        raise InputError(f"there are no compositions in an empty {type(value).__name__}; {FORMS}")
    return [_composition(row, None if single else index) for index, row in enumerate(rows)], single


def _composition(row: Any, index: int | None) -> Composition:
    try:
        if isinstance(row, Composition):
            return row
        if isinstance(row, Mapping):
            return Composition.from_mapping(row)
        names = Composition.names()
        if len(row) != len(names):
            raise InputError(f"a row has the five numbers {', '.join(names)}, got {len(row)} values")
        return Composition(**dict(zip(names, row, strict=True)))
    except InputError as error:
        raise error if index is None else type(error)(f"row {index}: {error}") from error


def _rows(value: Any) -> tuple[list[Any], bool]:
    """Rows of any accepted form, and whether the form was that of a single composition."""
    if isinstance(value, Composition):
        return [value], True
    if isinstance(value, Mapping):
        table = any(_is_list(item) or isinstance(item, np.ndarray) for item in value.values())
        return (_columns(value), False) if table else ([value], True)
    if hasattr(value, "to_dict"):
        # A pandas object, without importing pandas: a DataFrame has columns, a Series has not.
        if hasattr(value, "columns"):
            return _columns({str(name): value[name].tolist() for name in value.columns}), False
        return [value.to_dict()], True
    if isinstance(value, np.ndarray):
        return _array_rows(value)
    if _is_list(value):
        return _list_rows(value)
    raise InputError(f"{value!r:.80} of type {type(value).__name__} is not a composition; {FORMS}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _list_rows(value: Sequence[Any]) -> tuple[list[Any], bool]:
    nested = [isinstance(item, Composition | Mapping | np.ndarray) or _is_list(item) for item in value]
    if not any(nested):
        return ([list(value)], True) if value else ([], False)
    if not all(nested):
        raise InputError(f"a list holds compositions, mappings or rows, not also single values, got {value!r:.80}")
    rows = [item.tolist() if isinstance(item, np.ndarray) else item for item in value]
    for index, row in enumerate(rows):
        if not isinstance(row, Composition | Mapping) and not _is_list(row):
            raise InputError(f"row {index} must be a row of five numbers, got {row!r:.60}")
    return rows, False


def _array_rows(value: np.ndarray) -> tuple[list[Any], bool]:
    if value.dtype.names:
        return _columns({name: np.atleast_1d(value[name]) for name in value.dtype.names}), False
    if value.ndim == 1 and value.size:
        return [value.tolist()], True
    if value.ndim == 2 and value.shape[1]:
        return value.tolist(), False
    if value.size:
        raise InputError(f"an array of compositions has shape (n, 5), got {value.shape}; {FORMS}")
    return [], False


def _columns(columns: Mapping[Any, Any]) -> list[dict[str, Any]]:
    made: dict[str, list[Any]] = {}
    for name, values in columns.items():
        if not _is_list(values) and not (isinstance(values, np.ndarray) and values.ndim == 1):
            raise InputError(f"column {name!r} must hold one value per row, got {values!r:.60}")
        made[str(name)] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    lengths = {name: len(values) for name, values in made.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"columns must have the same length, got {lengths}")
    return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]

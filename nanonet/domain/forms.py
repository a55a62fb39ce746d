"""Records of a problem (compositions, blends) from the many forms in which people have them at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nanonet.domain.composition import Composition
from nanonet.errors import InputError


@dataclass(frozen=True)
class Form:
    """What a type of the domain is called, and which values make one.

    Args:
        kind: the frozen type; it has ``from_mapping`` and raises :class:`InputError`.
        names: of its arguments, in the order in which a bare row gives them.
        noun, nouns: of one and of many, for error messages.
        row: what a bare row holds, for error messages.
        forms: all that may be given, for error messages.
    """

    kind: type
    names: tuple[str, ...]
    noun: str
    nouns: str
    row: str
    forms: str


COMPOSITION = Form(
    kind=Composition,
    names=Composition.names(),
    noun="composition",
    nouns="compositions",
    row="five numbers",
    forms=(
        "give the five numbers D, N, rho (or phi), eps_np_np, eps_p_np as keywords, a Composition, a mapping, "
        "a row of five numbers, a DataFrame or mapping of columns, a list of these, or an array of shape (n, 5)"
    ),
)


def compositions(value: Any, numbers: Mapping[str, Any]) -> tuple[list[Composition], bool]:
    """Compositions, and whether it was a single one; see :func:`records`."""
    return records(value, numbers, COMPOSITION)


def records(value: Any, numbers: Mapping[str, Any], form: Form) -> tuple[list[Any], bool]:
    """Objects of the domain in any of their forms, and whether it was a single one.

    Args:
        value: one of the forms, or ``None``.
        numbers: the arguments of one by name, or nothing.
        form: which type.

    Raises:
        InputError: none of these forms, or both a value and numbers; or the error of the type, in
            a table with the row.
    """
    if value is not None and numbers:
        raise InputError(f"give either a value or keywords, got both ({', '.join(numbers)}); {form.forms}")
    if value is None:
        if not numbers:
            raise InputError(f"there is no {form.noun}; {form.forms}")
        return [form.kind.from_mapping(numbers)], True  # type: ignore[attr-defined]
    rows, single = _rows(value, form)
    if not rows:
        raise InputError(f"there are no {form.nouns} in an empty {type(value).__name__}; {form.forms}")
    return [_record(row, None if single else index, form) for index, row in enumerate(rows)], single


def _record(row: Any, index: int | None, form: Form) -> Any:
    try:
        if isinstance(row, form.kind):
            return row
        if isinstance(row, Mapping):
            return form.kind.from_mapping(row)  # type: ignore[attr-defined]
        if len(row) != len(form.names):
            raise InputError(f"a row has the {form.row} {', '.join(form.names)}, got {len(row)} values")
        return form.kind(**dict(zip(form.names, row, strict=True)))
    except InputError as error:
        raise error if index is None else type(error)(f"row {index}: {error}") from error


def _rows(value: Any, form: Form) -> tuple[list[Any], bool]:
    """Rows of any accepted form, and whether the form was that of a single record."""
    if isinstance(value, form.kind):
        return [value], True
    if isinstance(value, Mapping):
        table = any(_is_list(item) or isinstance(item, np.ndarray) for item in value.values())
        return (_columns(value), False) if table else ([value], True)
    if hasattr(value, "to_dict") and not isinstance(value, type):
        # A pandas object, without importing pandas: a DataFrame has columns, a Series has not.
        if hasattr(value, "columns"):
            names = [str(name) for name in value.columns]
            if len(set(names)) < len(names):
                twice = sorted({name for name in names if names.count(name) > 1})
                raise InputError(f"the columns of a table have different names, got {', '.join(twice)} twice")
            return _columns(
                {name: value[column].tolist() for name, column in zip(names, value.columns, strict=True)}
            ), False
        return [value.to_dict()], True
    if isinstance(value, np.ndarray):
        return _array_rows(value, form)
    if _is_list(value):
        return _list_rows(value, form)
    raise InputError(f"{value!r:.80} of type {type(value).__name__} is not a {form.noun}; {form.forms}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _list_rows(value: Sequence[Any], form: Form) -> tuple[list[Any], bool]:
    nested = [isinstance(item, form.kind | Mapping | np.ndarray) or _is_list(item) for item in value]
    if not any(nested):
        return ([list(value)], True) if value else ([], False)
    if not all(nested):
        raise InputError(f"a list holds {form.nouns}, mappings or rows, not also single values, got {value!r:.80}")
    rows = [item.tolist() if isinstance(item, np.ndarray) else item for item in value]
    for index, row in enumerate(rows):
        if not isinstance(row, form.kind | Mapping) and not _is_list(row):
            raise InputError(f"row {index} must be a row of {form.row}, got {row!r:.60}")
    return rows, False


def _array_rows(value: np.ndarray, form: Form) -> tuple[list[Any], bool]:
    if value.dtype.names:
        return _columns({name: np.atleast_1d(value[name]) for name in value.dtype.names}), False
    if value.ndim == 1 and value.size:
        return [value.tolist()], True
    if value.ndim == 2 and value.shape[1]:
        return value.tolist(), False
    if value.size:
        raise InputError(f"an array of {form.nouns} has shape (n, {len(form.names)}), got {value.shape}; {form.forms}")
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

"""Columns as users have them -> integers where they lie, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Integer arrays, and what they stand for: values (False), codes (True), codes into a list.
Pieces = tuple[list[NDArray[Any]], bool | list[int] | list[str]]


@dataclass(frozen=True, slots=True)
class Column:
    """One entry a row, as integers in one or several pieces; nothing is copied that need not be."""

    pieces: list[NDArray[Any]]
    """Integer arrays of any width."""
    values: Sequence[Any] | None
    """The value that each integer stands for; ``None``: integers stand for themselves."""
    at: Callable[[int], Any]
    """The value of a row."""

    def as_codes(self) -> Pieces:
        """Return integers that differ where values do; negative codes stand for missing values."""
        return self.pieces, self.values is not None

    def as_values(self, name: str) -> Pieces:
        """Return the integers or texts themselves.

        Raises:
            ValueError: integers beyond 64 bits.
        """
        if self.values is None:
            return self.pieces, False
        if self.values and isinstance(self.values[0], str):
            return self.pieces, list(self.values)
        numbers = [int(value) for value in self.values]
        for value in numbers:
            if not -(2**63) <= value < 2**64:
                raise ValueError(f"column {name!r} holds {value}: integers have 64 bits")
        if numbers and min(numbers) < 0 and max(numbers) >= 2**63:
            raise ValueError(
                f"column {name!r} holds {min(numbers)} and {max(numbers)}: integers "
                "have 64 bits, signed or unsigned"
            )
        return self.pieces, [number - 2**64 * (number >= 2**63) for number in numbers]

    def as_numbers(self, name: str, what: str) -> list[NDArray[Any]]:
        """Return the integers themselves, in pieces; a list becomes an array as small as they need.

        Raises:
            ValueError: texts, where ``what`` was expected; integers beyond 64 bits.
        """
        pieces, meaning = self.as_values(name)
        if isinstance(meaning, bool):
            return pieces
        texts = [value for value in meaning if isinstance(value, str)]
        if texts:
            raise ValueError(f"column {name!r} holds {texts[0]!r}: give {what}")
        numbers = narrowed(np.array(self.values, object))
        return [numbers[piece] for piece in pieces]

    def by_name(self, name: str) -> tuple[Pieces, list[str]]:
        """Return numbers into the sorted names that occur, and these.

        Raises:
            ValueError: values that are not strings.
        """
        filled = any(len(piece) for piece in self.pieces)
        values = [self.at(0)] if self.values is None and filled else self.values or []
        wrong = next((value for value in values if not isinstance(value, str)), None)
        if wrong is not None:
            raise ValueError(f"column {name!r} holds {wrong!r}: names are strings")
        used = np.zeros(len(values), bool)
        for piece in self.pieces:
            for first in range(0, len(piece), _AT_ONCE):
                used[np.unique(piece[first : first + _AT_ONCE])] = True
        names = sorted({value for value, occurs in zip(values, used, strict=True) if occurs})
        number_of = {value: number for number, value in enumerate(names)}
        # A name that does not occur has no number, and none is asked for.
        return (self.pieces, [number_of.get(value, -1) for value in values]), names


def narrowed(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return integers of 64 bits as an array of the narrowest of a few types that they fit."""
    low, high = (int(numbers.min()), int(numbers.max())) if numbers.size else (0, 0)
    kinds: tuple[Any, ...] = (np.uint8, np.uint16, np.int32, np.uint32, np.int64)
    fits = (kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return numbers.astype(next(fits, np.uint64), copy=False)


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, or what pandas and masked arrays have for it."""
    return (
        value is None
        or (isinstance(value, float) and value != value)
        or type(value).__name__ in ("NAType", "NaTType", "MaskedConstant")
    )


# Codes looked at together: bounds the copies that NumPy makes.
_AT_ONCE = 1 << 20
_STRINGS = {str, np.str_}
_INTEGERS = {
    int,
    *(np.int8, np.int16, np.int32, np.int64, np.longlong),
    *(np.uint8, np.uint16, np.uint32, np.uint64, np.ulonglong),
}


# What messages ask for in a column of any integers or strings.
_EITHER = "strings only or integers only"


def read(
    name: str, column: Iterable[Any], *, missing: bool = False, needed: str = _EITHER
) -> Column:
    """Read a column of strings or of integers: a list, an array, an Arrow or pandas column.

    Args:
        name: for messages.
        column: (n,) values.
        missing: whether ``None``, NaN, a null or a masked entry may stand for no value.
        needed: what to give, for messages.

    Raises:
        ValueError: values of another type, missing ones unless allowed, a table.
    """
    if hasattr(column, "dictionary_encode"):
        return _arrow(name, column, missing, needed)
    # Of a text its letters would be taken for values, and of a table the names of its columns.
    if isinstance(column, str | bytes | Mapping) or hasattr(column, "columns"):
        raise _no_column(name, column)
    if isinstance(getattr(column, "dtype", None), np.dtype) and hasattr(column, "to_numpy"):
        column = column.to_numpy()  # pandas
    # Where messages look values up, long after what is made here of a column has gone.
    kept: Any = getattr(column, "iloc", column)
    if isinstance(column, np.ma.MaskedArray):
        column = column.tolist() if np.ma.getmaskarray(column).any() else column.data
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        return _integers(name, column)
    values = column if isinstance(column, list) else _values(name, column)
    if kept is column and not isinstance(column, Sequence | np.ndarray):
        kept = values  # may be gone through but once
    return _listed(name, values, missing, needed, lambda row: _plain(kept[row]))


def _values(name: str, column: Any) -> list[Any]:
    if not (hasattr(column, "__iter__") or hasattr(column, "__getitem__")):
        raise _no_column(name, column)
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    if not isinstance(values, list):  # of an array without dimensions
        raise _no_column(name, column)
    return values


def _no_column(name: str, column: Any) -> ValueError:
    return ValueError(
        f"column {name!r} is of type {type(column).__name__}: give one value a row, as a list, an "
        "array or a column of a table"
    )


def _listed(
    name: str, values: list[Any], missing: bool, needed: str, at: Callable[[int], Any]
) -> Column:
    given = [value for value in values if not is_missing(value)] if missing else values
    kinds = set(map(type, given))
    if not (kinds <= _STRINGS or kinds <= _INTEGERS):
        expected = _STRINGS if kinds & _STRINGS else _INTEGERS
        row = next(
            row
            for row, value in enumerate(values)
            if type(value) not in expected and not (missing and is_missing(value))
        )
        raise _wrong(name, values[row], row, missing, needed)
    distinct = list(dict.fromkeys(given))
    _check_texts(name, distinct)
    code_of = {value: code for code, value in enumerate(distinct)}
    # A value that is missing has no code, and no value that is given is left without one.
    codes = np.fromiter((code_of.get(value, -1) for value in values), np.int64, len(values))
    return Column([codes], distinct, at)


def _plain(value: Any) -> Any:
    """A value as messages show it."""
    return value.item() if isinstance(value, np.generic) else value


def _integers(name: str, array: NDArray[Any]) -> Column:
    if array.ndim != 1:
        raise ValueError(f"column {name!r} has shape {array.shape}: give one value a row")
    native = np.require(array, array.dtype.newbyteorder("="), ["C", "A"])
    return Column([native], None, lambda row: array[row].item())


def _arrow(name: str, column: Any, missing: bool, needed: str) -> Column:
    def at(row: int) -> Any:
        return column[row].as_py()

    if column.null_count and not missing:
        row = column.is_null().to_pylist().index(True)
        raise _wrong(name, None, row, missing, needed)
    kind = str(column.type)
    if kind.removeprefix("u").startswith("int") and not column.null_count:
        return Column([_aligned(chunk) for chunk in _chunks(column)], None, at)
    texts = ("string", "large_string", "string_view", "dictionary")
    if not kind.startswith(texts):
        return _listed(name, column.to_pylist(), missing, needed, at)
    encoded = column if kind.startswith("dictionary") else column.dictionary_encode()
    if hasattr(encoded, "unify_dictionaries"):
        encoded = encoded.unify_dictionaries()
    chunks = _chunks(encoded)
    values = chunks[0].dictionary.to_pylist() if chunks else []
    kinds = set(map(type, values))
    codes = [chunk.indices for chunk in chunks]
    signed = not codes or str(codes[0].type).startswith("int")
    sound = (kinds <= {str} or kinds <= {int}) and len(set(values)) == len(values)
    if not sound or (encoded.null_count and not signed):
        # A dictionary that repeats a value, or holds a null: rare, and worth a copy.
        return _listed(name, column.to_pylist(), missing, needed, at)
    _check_texts(name, values)
    return Column(
        [_aligned(own.fill_null(-1) if own.null_count else own) for own in codes], values, at
    )


def _aligned(chunk: Any) -> NDArray[Any]:
    """The integers of an Arrow array; a copy where its buffer begins at any byte."""
    return np.require(chunk.to_numpy(), requirements=["C", "A"])


def _chunks(column: Any) -> list[Any]:
    return list(column.chunks) if hasattr(column, "chunks") else [column]


def _check_texts(name: str, values: Sequence[Any]) -> None:
    """Raise ``ValueError`` for text that no encoding can write."""
    for value in values:
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise ValueError(
                    f"column {name!r} holds {value!r}, which is no Unicode text: half of a "
                    "surrogate pair stands alone"
                ) from error


def _wrong(name: str, value: Any, row: int, missing: bool, needed: str) -> ValueError:
    gaps = "or None for no value" if missing else "without missing values"
    return ValueError(f"column {name!r} holds {value!r} at row {row}: give {needed}, {gaps}")

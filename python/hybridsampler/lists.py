"""Lists as callers give them: of ids, as columns of a sparse matrix (CSR), and of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridsampler import _core

Lists = tuple[ArrayLike, ArrayLike] | tuple[ArrayLike, ArrayLike, ArrayLike]
"""``(indptr, ids)`` or ``(indptr, ids, grades)``."""

_ARROW_ROWS = 65_536


def csr_columns(name: str, lists: Any, *known: int) -> tuple[Any, ...]:
    """Return the columns of lists of ids; ``known``: how many there may be, 2 or 3.

    Raises:
        TypeError: no tuple of so many.
    """
    # A list may well be one of the ids of each query, and two such lists would pass for columns.
    if not isinstance(lists, tuple) or len(lists) not in known:
        form = "(indptr, ids)" + (" or (indptr, ids, grades)" if 3 in known else "")
        found = (
            f"{len(lists)} columns"
            if isinstance(lists, tuple)
            else f"of type {type(lists).__name__}"
        )
        # A sparse matrix has the columns, and its values may be no integers.
        hint = ", of a matrix (m.indptr, m.indices)" if hasattr(lists, "indptr") else ""
        raise TypeError(f"{name} is {found}: give a tuple {form}, CSR lists of ids{hint}")
    return lists


def integers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return (n,) integers, without a copy where they are int64.

    Raises:
        TypeError: a masked array.
        ValueError: anything else; an integer of 2^63 or more.
    """
    if hasattr(values, "filled"):  # what is masked would count
        kind = type(values).__name__
        raise TypeError(f"{name} is a {kind}: give a plain array of integers, none of them masked")
    try:
        array = np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{name} is no array ({error}): give a 1-d array of integers") from error
    if array.size == 0 and array.ndim == 1:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        if isinstance(values, list | tuple) and set(map(type, values)) == {int}:
            # NumPy makes floats or objects of integers that no type of its own holds together.
            beyond = next(value for value in values if not -(2**63) <= value < 2**63)
            raise ValueError(f"{name} holds {beyond}: integers go from -2**63 to 2**63 - 1")
        raise ValueError(
            f"{name}: give a 1-d array of integers, not {array.ndim}-d of {array.dtype}"
        )
    if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {array.max()}: integers go up to 2**63 - 1")
    return np.require(array, np.int64, ["C", "A"])


def numbered(
    name: str, languages: Sequence[str], rows: int | None, known: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], NDArray[np.uint32]]:
    """Return the names by number, new ones behind those that are known, and each row's number.

    Raises:
        ValueError: as :func:`check_names`; a name that is no text.
        TypeError: as :func:`check_names`; a name that is no str.
    """
    check_names(name, languages, rows)
    if not hasattr(languages, "to_pylist"):
        return _numbered(name, languages, 0, known)
    # Of an Arrow column no item is a str. A list of all of them would take far more than it does.
    codes = [np.empty(0, np.uint32)]
    for first in range(0, len(languages), _ARROW_ROWS):
        part: Any = languages[first : first + _ARROW_ROWS]
        known, numbers = _numbered(name, part.to_pylist(), first, known)
        codes.append(numbers)
    return known, np.concatenate(codes)


def _numbered(
    name: str, languages: Sequence[str], first: int, known: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.uint32]]:
    """Number the names of the rows from ``first`` on."""
    try:
        return _core.number_names(languages, known)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name}: {error.object!r} has half of a surrogate pair and is no text: change it"
        ) from error
    except TypeError:
        for row, language in enumerate(languages, first):
            if not isinstance(language, str):
                arrow = ", column.to_pylist()" if hasattr(language, "as_py") else ""
                raise TypeError(
                    f"{name}: row {row} has {language!r}: give names as str{arrow}"
                ) from None
        raise


def check_names(name: str, languages: Sequence[str], rows: int | None) -> None:
    """Refuse what is not one name for each row; ``rows=None``: how many is not known yet.

    Raises:
        ValueError: more or fewer names than rows.
        TypeError: no sequence of names.
    """
    # Mappings, sets and data frames give, in an order or number of their own, something else.
    unordered = isinstance(languages, str | bytes | Mapping | Set) or hasattr(languages, "columns")
    if unordered or not hasattr(languages, "__len__"):
        kind, some = type(languages).__name__, "" if rows is None else f"{rows} "
        raise TypeError(f"{name} is of type {kind}: give a list of {some}names, one for each row")
    if rows is not None and len(languages) != rows:
        raise ValueError(f"{name} has {len(languages)} entries for {rows} rows: give one each")

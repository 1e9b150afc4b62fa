"""Lists of ids, one for each query, as callers give them: columns of a sparse matrix (CSR)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Lists = tuple[ArrayLike, ArrayLike] | tuple[ArrayLike, ArrayLike, ArrayLike]
"""``(indptr, ids)`` or ``(indptr, ids, grades)``."""


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
        raise TypeError(f"{name} is {found}: give a tuple {form}, CSR lists of ids")
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
    array = np.asarray(values)
    if array.size == 0 and array.ndim == 1:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: give a 1-d array of integers, not {array.ndim}-d of {array.dtype}"
        )
    if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {array.max()}: integers go up to 2**63 - 1")
    return np.require(array, np.int64, ["C", "A"])

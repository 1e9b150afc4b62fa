"""Columns that a corpus is built from: sound ones, kinds of them, and what becomes of others."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from hybridsampler import ParallelCorpus

Built = dict[str, Any]


def complete() -> Built:
    return {
        "group": ["a", "a", "b", "b", "c", "c"],
        "language": ["en", "de", "en", "de", "fr", "es"],
        "source": ["wiki"] * 4 + ["law"] * 2,
    }


def refused(changes: Built, *parts: str) -> None:
    """Building fails with a message that holds every part: the value named and the remedy."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  parts: below
        ParallelCorpus.from_columns(**(complete() | changes))
    for part in parts:
        assert part in str(caught.value)


def plain_numbers(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    """A column, and an array to change it by."""
    return values, values


def mapped(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    path = folder / f"{len(list(folder.iterdir()))}"
    values.tofile(path)
    return np.memmap(path, values.dtype, "r"), np.memmap(path, values.dtype, "r+")


def arrow(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    return pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)]), values


def chunked(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    column, _ = arrow(values, folder)
    third = len(values) // 3
    chunks = [column[:0], column[:third], column[third : 2 * third], column[2 * third :]]
    return pa.chunked_array(chunks), values


def series(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    return pd.Series(values, copy=False), values

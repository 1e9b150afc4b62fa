"""Tables with the columns that ir_measures names, as buffers of text and arrays of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridsampler.files import shown
from hybridsampler.parquet_file import opened_parquet
from hybridsampler.trec.mistaken import check_columns

Texts = tuple[NDArray[np.int64], NDArray[np.uint8]]
"""Where each text begins and the last ends, and the texts one after the other, as UTF-8."""
Columns = tuple[str, Texts, Texts, NDArray[Any]]
"""A name for errors; queries, documents, and scores (float64) or grades (int64)."""

_IDS = ("query_id", "doc_id")


def read_parquet(path: Path, data: bytes, value: str) -> Columns:
    """Read the three columns of a Parquet file."""
    with opened_parquet(path, data) as file:
        names = file.schema_arrow.names
        _check_names(shown(path), names, value)
        table = file.read(columns=[*_IDS, value])
    if not table.num_rows:
        raise ValueError(
            f"{shown(path)} has no row of {', '.join(_IDS)} and {value}: is it the right file?"
        )
    return columns(shown(path), table, value)


def columns(name: str, source: Any, value: str) -> Columns:
    """Take the three columns out of a table; ``name`` is what errors call it."""
    if hasattr(source, "itertuples"):  # pandas
        source = _narrowed(name, source, value)
    table = _table(name, source)
    _check_names(name, table.schema.names, value)
    for column in (*_IDS, value):
        _check_filled(name, column, table[column])
    queries, documents = (_texts(name, column, table[column]) for column in _IDS)
    return name, queries, documents, _numbers(name, value, table[value])


def _narrowed(name: str, frame: Any, value: str) -> Any:
    """A frame with the three columns alone, whether they are columns of it or levels of its index.

    Arrow would take the others too: slowly, where they are texts, and not where they hold objects.
    """
    wanted = (*_IDS, value)
    levels = [level for level in frame.index.names if level in wanted]
    if levels := [level for level in levels if level not in frame.columns]:
        frame = frame.reset_index(levels)
    names = [*map(str, frame.columns)]
    _check_names(name, names, value)
    kept = [place for place, column in enumerate(names) if column in wanted]
    return frame.iloc[:, kept].reset_index(drop=True)


def _check_filled(name: str, column: str, values: Any) -> None:
    if values.null_count:
        row = values.is_null().to_pylist().index(True) + 1
        raise ValueError(f"{name}, row {row}: no {column}: fill it in or leave the row out")


def _check_names(name: str, names: Sequence[str], value: str) -> None:
    check_columns(name, names, _IDS, value)
    for column in (*_IDS, value):
        if (found := names.count(column)) != 1:
            what = f"{found} columns {column!r}" if found else f"no column {column!r}"
            raise ValueError(
                f"{name} has {what}: it needs one each of query_id, doc_id and {value}; found "
                f"{', '.join(names)}"
            )


def _texts(name: str, column: str, values: Any) -> Texts:
    import pyarrow as pa

    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()):
        raise TypeError(f"{name}: {column} is a column of {kind}: give ids as strings")
    if pa.types.is_dictionary(values.type):  # Arrow unpacks no dictionary of string views
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_string()))
            for chunk in values.chunks
        ]
        values = pa.chunked_array(chunks, pa.dictionary(values.type.index_type, pa.large_string()))
    array = values.cast(pa.large_string()).combine_chunks()
    _check_filled(name, column, array)  # a dictionary may hold a null, which its indices hide
    _, offsets, data = array.buffers()
    starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return starts, np.frombuffer(data or b"", np.uint8)


def _numbers(name: str, column: str, values: Any) -> NDArray[Any]:
    import pyarrow as pa

    whole = pa.types.is_integer(values.type)
    if not (whole or (column == "score" and pa.types.is_floating(values.type))):
        needed = "floats or whole numbers" if column == "score" else "whole numbers"
        raise TypeError(f"{name}: {column} is a column of {values.type}: give {needed}")
    try:
        # Of a score the nearest double is taken, as in files; Arrow would refuse to round.
        array = values.cast(pa.float64(), safe=False) if column == "score" else values.cast("int64")
    except pa.ArrowInvalid as error:
        raise ValueError(f"{name}: {column} has a number that is too large ({error})") from error
    numbers: NDArray[Any] = np.ascontiguousarray(array.to_numpy())
    return numbers


def _table(name: str, source: Any) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(f"{name} is a table, which needs pyarrow: pip install pyarrow") from error
    try:
        return pa.table(source)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds {error.object!r}, which has half of a surrogate pair and is no text: "
            "change it"
        ) from error
    except (
        pa.ArrowInvalid,
        pa.ArrowNotImplementedError,  # complex numbers
        TypeError,  # Arrow's own too
    ) as error:  # such as numbers and texts in one column of pandas
        told = " ".join(map(str, error.args))
        raise TypeError(f"{name} cannot be read ({told}): give columns of one type each") from error

"""Parquet files of vectors, written as the tools of the field write them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def as_lists(rows: Any, kind: str) -> pa.Array:
    """(n, d) numbers as a column: ".fixed" lists, ".lists" or ".large" lists of any length."""
    values = pa.array(np.ascontiguousarray(rows).ravel())
    if kind == ".fixed":
        return pa.FixedSizeListArray.from_arrays(values, rows.shape[1])
    offsets = np.arange(len(rows) + 1) * rows.shape[1]
    if kind == ".large":
        return pa.LargeListArray.from_arrays(offsets, values)
    return pa.ListArray.from_arrays(offsets.astype(np.int32), values)


def write_parquet(path: Path, column: pa.Array, row_group: int = 1 << 20, **others: Any) -> Path:
    """A file with the column between two that are no vectors, and any others."""
    columns = {"id": [str(i) for i in range(len(column))], "embedding": column}
    tokens = pa.array([[1, 2]] * len(column), pa.list_(pa.int32()))
    pq.write_table(pa.table({**columns, "tokens": tokens, **others}), path, row_group)
    return path

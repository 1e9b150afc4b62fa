"""Parquet files, opened for one reading; what is wrong with them is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hybridsampler.files import shown

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# Read at a time from a column of a row group, which may be larger than the memory.
_BUFFER_BYTES = 1 << 20


@contextmanager
def opened_parquet(path: Path, data: bytes | None = None) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, and turn Arrow's errors while it is read into ours.

    Args:
        path: of the file.
        data: its bytes, where they were read already.

    Raises:
        ValueError: not Parquet, or damaged.
        ImportError: without pyarrow.
        OSError: as the file system does.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            f"{shown(path)} needs pyarrow: pip install 'hybridsampler[train]'", name="pyarrow"
        ) from error
    try:
        # Buffered and not fetched ahead: else whole columns of row groups would be held.
        with pq.ParquetFile(
            path if data is None else BytesIO(data),
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
            memory_map=False,
        ) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # Damage is an OSError of Arrow's without a number; one with a number is the system's.
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise
        told = " ".join(str(error).split())  # Arrow's messages may have several lines
        raise ValueError(
            f"{shown(path)} is no sound Parquet file ({told}): write or fetch it again"
        ) from error

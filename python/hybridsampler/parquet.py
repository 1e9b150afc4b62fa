"""Columns of vectors in Parquet files, of which a part of one row group is held at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybridsampler.files import check_unchanged, stamp_of
from hybridsampler.parquet_file import opened_parquet
from hybridsampler.vectors import wrong_type

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


_SHOWN_COLUMNS = 8


class ParquetRows:
    """(n, d) vectors in the one column of a Parquet file that holds lists of floats.

    Its lists are of fixed size or not, and then all of one length, of float32 or float16.
    """

    def __init__(self, path: Path) -> None:
        """Find the column and its dimension; of the vectors at most the first is read.

        Raises:
            ValueError: not Parquet, or damaged; no column of lists of floats, or several; a first
                vector that is null or empty.
            TypeError: lists of float64.
            ImportError: without pyarrow.
        """
        self._path, self._stamp = path, stamp_of(path)
        with opened_parquet(self._path) as file:
            rows = file.metadata.num_rows
            self._column, dimension = self._find(file.schema_arrow)
            # Row `_starts[g]` is the first of row group `g`.
            sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            self._starts = np.cumsum([0, *sizes])
        self.shape = (rows, 0 if dimension is None else dimension)
        if dimension is None and rows:
            with self._opened() as file:
                first = next(self._batches(file, 0, 1, 1))[1]
            self.shape = (rows, first.column(0).value_lengths()[0].as_py() or 0)
            self._vectors(0, first)
        if rows and not self.shape[1]:
            raise ValueError(f"{path}: {self._column!r} has empty lists: give vectors")

    def blocks(self, start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        """Give the rows from ``start`` to before ``stop`` in order, at most ``size`` at a time.

        Raises:
            ValueError: a null or a list of another length, naming the row; a file that changed or
                is damaged.
            OSError: as the file system does.
        """
        with self._opened() as file:
            for first, batch in self._batches(file, start, stop, size):
                yield self._vectors(first, batch)

    def take(
        self, rows: NDArray[np.int64], size: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Give the rows of these numbers, ascending, at most ``size`` at a time, and which.

        The row groups without any are not read. Raises as :meth:`blocks`.
        """
        groups = np.searchsorted(self._starts, rows, side="right")
        with self._opened() as file:  # once: a footer tells of every row group
            for own in np.split(rows, np.flatnonzero(np.diff(groups)) + 1):
                for first, batch in self._batches(file, int(own[0]), int(own[-1]) + 1, size):
                    some = own[slice(*np.searchsorted(own, [first, first + len(batch)]))]
                    if len(some):
                        yield some, self._vectors(first, batch)[some - first]

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        """Open the file again, which has to be the one that it was."""
        check_unchanged(self._path, self._stamp)
        with opened_parquet(self._path) as file:
            yield file

    def _batches(
        self, file: pq.ParquetFile, start: int, stop: int, size: int
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Give the column from ``start`` to before ``stop``, each part with its first row."""
        # The row groups that hold `start` and the row before `stop`.
        first, last = np.searchsorted(self._starts[1:], [start + 1, stop]).tolist()
        for group in range(first, last + 1):
            at, end = int(self._starts[group]), int(self._starts[group + 1])
            for batch in file.iter_batches(size, [group], [self._column], use_threads=False):
                low, high = max(start - at, 0), min(stop - at, len(batch))
                if low < high:
                    yield at + low, batch.slice(low, high - low)
                at += len(batch)
                if at >= stop:
                    break
            if at < min(end, stop):  # of which Arrow says nothing
                raise ValueError(
                    f"{self._path} is no sound Parquet file (row group {group} ends before "
                    f"row {at}): write or fetch it again"
                )

    def _vectors(self, first: int, batch: pa.RecordBatch) -> NDArray[Any]:
        """Return lists as rows; ``first`` is the number of the first in the file."""
        lists, dimension = batch.column(0), self.shape[1]
        lengths = lists.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False)
        values = lists.flatten()  # leaves out what null lists hide
        wrong = np.flatnonzero(lengths != dimension)
        if len(wrong):
            row, length = first + int(wrong[0]), int(lengths[wrong[0]])
            what = "is null" if length < 0 else f"has {length} numbers, not {dimension}"
            raise ValueError(
                f"{self._path}: row {row} of {self._column!r} {what}: give every row one vector "
                "of the same model"
            )
        if values.null_count:
            null = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
            raise ValueError(
                f"{self._path}: row {first + null // dimension} of {self._column!r} has a null at "
                f"{null % dimension}: give every row a whole vector"
            )
        return np.asarray(values.to_numpy().reshape(len(lists), dimension))

    def _find(self, schema: pa.Schema) -> tuple[str, int | None]:
        """Return the name of the column, and the dimension if its type knows it."""
        import pyarrow.types as kinds

        def lists(kind: pa.DataType) -> bool:
            tests = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
            return any(test(kind) for test in tests)

        fields = [f for f in schema if lists(f.type) and kinds.is_floating(f.type.value_type)]
        if not fields:
            shown = [f"{field.name!r} ({field.type})" for field in schema][:_SHOWN_COLUMNS]
            more = len(schema) - len(shown)  # a table of one column a component has hundreds
            columns = (", ".join(shown) or "none") + (f" and {more} more" if more else "")
            raise ValueError(
                f"{self._path} has no column of lists of floats (its columns: {columns}): write "
                "the vectors as lists of float32 or float16, one a row"
            )
        if len(fields) > 1:
            names = ", ".join(repr(field.name) for field in fields)
            raise ValueError(
                f"{self._path} has {len(fields)} columns of lists of floats ({names}): leave the "
                "vectors to rank as the only one"
            )
        name, kind = fields[0].name, fields[0].type
        if schema.names.count(name) > 1:
            raise ValueError(f"{self._path} has several columns {name!r}: rename the others")
        if kinds.is_float64(kind.value_type):
            raise wrong_type(f"{self._path}: {name!r}", "float64")
        return name, kind.list_size if kinds.is_fixed_size_list(kind) else None

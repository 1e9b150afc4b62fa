"""Candidates that are read in parts: arrays, shards on disk, the blocks of an encoder."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hybridsampler.shards import RandomRows, RawRows, Rows, open_shard
from hybridsampler.vectors import as_rows, check_dense

# What is read at a time: at most this many rows, and at most this much as float32.
_BLOCK_ROWS = 8192
_BLOCK_BYTES = 4 << 20
# Picked rows are copies, of which the last is still held while the next is made.
_PICKED_BYTES = 1 << 20
# What is in memory as the scorer takes it, or on a device, where it is counted, need not be copied,
# and counts faster in large blocks.
_VIEWED_ROWS = 65_536
_VIEWED_BYTES = 64 << 20


class Candidates:
    """(N, d) vectors, numbered through all parts, of which only blocks are held.

    Made by :func:`open_candidates`. ``len()`` is N.
    """

    shape: tuple[int, int]
    """(N, d); d is 0 where Parquet files have no rows and do not know it."""

    numbers: range
    """Those of the candidates; a :meth:`part` has those of the whole."""

    def __init__(self, parts: Sequence[Rows], first: int = 0) -> None:
        """Number the rows of the parts, which have one dimension, in their order."""
        most = np.iinfo(np.int64).max - sum(part.shape[0] for part in parts)
        if not 0 <= first <= most:
            raise ValueError(f"first={first}: give the number of the first candidate, 0 to {most}")
        self._parts = parts
        self._starts = np.cumsum([first, *(part.shape[0] for part in parts)])
        self.numbers = range(first, int(self._starts[-1]))
        self.shape = (len(self.numbers), max(part.shape[1] for part in parts))
        fitting = [size // max(1, 4 * self.shape[1]) for size in (_BLOCK_BYTES, _PICKED_BYTES)]
        self._step, self._picked = (max(1, min(_BLOCK_ROWS, rows)) for rows in fitting)

    def __len__(self) -> int:
        """Number of candidates."""
        return self.shape[0]

    def part(self, start: int, stop: int) -> Candidates:
        """Return the candidates from ``start`` to before ``stop``; nothing is read.

        Raises:
            ValueError: start and stop that do not lie among the numbers in this order.
        """
        self._check_range(start, stop)
        part = copy.copy(self)
        part.numbers = range(start, stop)
        part.shape = (len(part.numbers), self.shape[1])  # of Python's int, whatever was given
        return part

    def blocks(
        self, start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Give candidates in order, as ``(ids, block)``: (n,) int64 and (n, d) vectors.

        A block has at most 8,192 rows and 4 MiB as float32; of a float32 array in memory and of a
        tensor on a device 65,536 rows and 64 MiB (but at least one row). Small shards and row
        groups share a block.

        Args:
            start: the first candidate; those before it are not read, of a Parquet file only their
                row groups are not; ``None``: the first of all.
            stop: the candidate before which to stop; ``None``: none.

        Raises:
            ValueError: start and stop that do not lie among the numbers in this order; a file that
                changed so that it cannot be read any more; in a Parquet file a null or a vector
                of another length.
            OSError: as the file system does.
        """
        start = self.numbers.start if start is None else start
        stop = self.numbers.stop if stop is None else stop
        self._check_range(start, stop)
        at = start
        for block in _joined(self._pieces(start, stop), self._step):
            yield np.arange(at, at + len(block)), block
            at += len(block)

    def _pieces(self, start: int, stop: int) -> Iterator[Any]:
        """Give candidates in order, as their parts give them."""
        for first, part in zip(self._starts[:-1].tolist(), self._parts, strict=True):
            low, high = max(start - first, 0), min(stop - first, part.shape[0])
            if low < high:
                yield from part.blocks(low, high, self._step)

    def rows(
        self, ids: NDArray[np.int64], *, more: bool = False
    ) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Give some candidates, as :meth:`blocks` does; of files only their rows are read.

        Of Parquet files the row groups that hold them are read, each once. A block has at most
        1 MiB, or 64 MiB where nothing has to be copied.

        Args:
            ids: (n,) integers, ascending, each once.
            more: whether candidates between them may come too, where that spares a copy.

        Raises:
            ValueError: ids that are none of the numbers or not ascending; else as :meth:`blocks`.
            OSError: as the file system does.
        """
        first, stop = self.numbers.start, self.numbers.stop
        rising = np.less(ids[:-1], ids[1:]).all()  # differences of unsigned integers are never < 0
        if len(ids) and not (ids[0] >= first and ids[-1] < stop and rising):
            raise ValueError(f"give ids from {first} to {stop - 1}, ascending, each once")
        cuts = np.searchsorted(ids, self._starts[1:-1])
        for start, part, own in zip(
            self._starts[:-1].tolist(), self._parts, np.split(ids, cuts), strict=True
        ):
            if len(own):
                take = part.cover if more and isinstance(part, _Array) else part.take
                for some, block in take(own - start, self._picked):
                    yield some + start, block

    def _check_range(self, start: int, stop: int) -> None:
        if not self.numbers.start <= start <= stop <= self.numbers.stop:
            raise ValueError(
                f"start={start}, stop={stop}: give {self.numbers.start} <= start <= stop <= "
                f"{self.numbers.stop}, the numbers of the candidates"
            )


@contextmanager
def open_candidates(
    source: Any, *, spool_folder: str | os.PathLike[str] | None = None, first: int = 0
) -> Iterator[Candidates]:
    """Give candidates as blocks, whatever holds them; memory does not grow with their number.

    Args:
        source: (N, d) float32, float16 or bfloat16, as one of

            - an array, a memory map, a torch tensor, or a table of d columns (pandas, polars,
              Arrow), which is made one array;
            - the path of a ``.npy``, ``.safetensors`` or ``.parquet`` file, or a list of such
              paths, whose rows are numbered through in the given order; a ``.safetensors`` file
              holds one tensor, a ``.parquet`` file one column of lists of floats;
            - an iterable of (n, d) blocks, as an encoder gives them: it is gone through once, and
              the blocks are kept in a temporary file, which is gone when the context ends, also
              when the process is killed;
            - what this function gave, or a :meth:`Candidates.part` of it, which stays as it is.
        spool_folder: where that file is made; ``None``: where the system has temporary files.
        first: the number of the first candidate.

    Raises:
        ValueError: no candidates; a shape that is not (n, d); parts of different dimension or, for
            blocks, dtype; a file of another kind or one that is damaged; numbers below 0 or that
            64 bits do not hold. The message names the file or the number of the block.
        TypeError: float64 or other vectors that are not float32, float16 or bfloat16; a source of
            another kind.
        FileNotFoundError: a file that does not exist.
        ImportError: ``.safetensors`` or ``.parquet`` files without the extra ``train``.
        OSError: as the file system does, for example when the spool folder is full.
    """
    if isinstance(source, (str, os.PathLike)):
        source = [source]
    if isinstance(source, Candidates):
        yield source
    elif hasattr(source, "shape"):
        yield Candidates([_Array(source)], first)
    elif isinstance(source, (list, tuple)) and all(_is_path(item) for item in source):
        yield Candidates(_shards([Path(item) for item in source]), first)
    elif isinstance(source, Iterable) and not isinstance(source, Mapping):  # of names
        check_spool_folder(spool_folder)
        import tempfile  # and with it much that arrays and shards do not need

        # Without a name in the folder, so that it is gone even when the process is killed.
        with tempfile.TemporaryFile(dir=spool_folder) as file:
            yield Candidates([_spooled(file, source)], first)
    else:
        raise TypeError(
            f"candidates are of type {type(source).__name__}: give an array, the paths of .npy, "
            ".safetensors or .parquet files, or an iterable of (n, d) blocks"
        )


def check_spool_folder(folder: str | os.PathLike[str] | None) -> None:
    """Refuse, with ``FileNotFoundError``, a place for temporary files that is no folder."""
    if folder is not None and not Path(folder).is_dir():
        raise FileNotFoundError(f"spool_folder={str(folder)!r} is no folder: create it")


def check_opened(candidates: object) -> None:
    """Refuse, with ``TypeError``, what is yet to be opened, such as a path or an array."""
    if not isinstance(candidates, Candidates):
        raise TypeError(
            f"candidates are of type {type(candidates).__name__}: open them, with "
            "open_candidates(...) as candidates"
        )


def _joined(pieces: Iterator[Any], most: int) -> Iterator[Any]:
    """Give pieces, which follow one another, in blocks of at most ``most`` rows.

    What fills half a block is given at once and as it is; smaller ones are put together, as each
    block costs the scorer a look at all queries.
    """
    held: list[Any] = []
    rows = 0
    for piece in pieces:
        if held and rows + len(piece) > most:
            yield _one(held)
            held, rows = [], 0
        held.append(piece)
        rows += len(piece)
        if 2 * rows >= most:
            yield _one(held)
            held, rows = [], 0
    if held:
        yield _one(held)


def _one(pieces: list[Any]) -> Any:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _is_path(item: Any) -> bool:
    return isinstance(item, (str, os.PathLike))


class _Array(RandomRows):
    """Rows that are in memory, or in a memory map that the caller opened."""

    def __init__(self, values: Any) -> None:
        # The [] of a data frame or an Arrow table takes columns.
        if hasattr(values, "to_numpy"):
            values = values.to_numpy()
        elif hasattr(values, "__array__") and not hasattr(values, "dtype"):
            values = np.asarray(values)
        if len(values.shape) != 2:
            shape = tuple(values.shape)
            raise ValueError(f"candidates has shape {shape}: give one row a vector, (n, d)")
        if hasattr(values, "detach"):
            check_dense("candidates", values)
        # Refuses other types now, and not after the anchors.
        dtype = as_rows("candidates", values[:0]).dtype
        if hasattr(values, "detach") and dtype == np.float32 and str(values.device) == "cpu":
            values = as_rows("candidates", values)
        self.shape = (values.shape[0], values.shape[1])
        self._values = values
        whole = isinstance(values, np.ndarray) and dtype == np.float32 and values.flags.c_contiguous
        away = hasattr(values, "detach") and values.device.type != "cpu"
        # Rows of which views are given as they are. Judged ones have to come from a device.
        fitting = min(_VIEWED_ROWS, _VIEWED_BYTES // max(1, 4 * self.shape[1]))
        self._viewed = fitting if whole or away else 0
        self._covered = fitting if whole else 0

    def blocks(self, start: int, stop: int, size: int) -> Iterator[Any]:
        """Give the rows from ``start`` to before ``stop`` in order, as few blocks as may be."""
        return super().blocks(start, stop, max(size, self._viewed))

    def cover(self, rows: NDArray[np.int64], size: int) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Give rows as ``take`` does; where they lie close together, views with those between."""
        at = 0
        while at < len(rows):
            end = np.searchsorted(rows, rows[at] + max(size, self._covered))
            first, last = int(rows[at]), int(rows[end - 1])
            if 2 * (end - at) > last - first:
                yield np.arange(first, last + 1), self._slice(first, last + 1)
            else:
                end = min(end, at + size)
                yield rows[at:end], self._pick(rows[at:end])
            at = end

    def _slice(self, start: int, stop: int) -> Any:
        return self._values[start:stop]

    def _pick(self, rows: NDArray[np.int64]) -> Any:
        return self._values[rows]


def _shards(paths: list[Path]) -> list[Rows]:
    if not paths:
        raise ValueError("the list of candidates is empty: name at least one file")
    shards = [open_shard(path) for path in paths]
    # A Parquet file without rows that does not know its dimension fits any.
    known = [(path, shard.shape[1]) for path, shard in zip(paths, shards, strict=True)]
    known = [(path, dimension) for path, dimension in known if dimension]
    for path, dimension in known:
        if dimension != known[0][1]:
            raise ValueError(
                f"{path} has dimension {dimension} but {known[0][0]} has {known[0][1]}: encode all "
                "candidates with one model"
            )
    return shards


def _spooled(file: IO[bytes], blocks: Iterable[Any]) -> RawRows:
    """Write the blocks to the file, each as it comes."""
    first, count = None, 0
    for number, block in enumerate(blocks):
        if _is_path(block):
            raise TypeError(
                f"block {number} is {str(block)!r}: give paths, and nothing else, as a list"
            )
        rows_apart = getattr(block, "dtype", None) is np.dtype(object)  # as_rows tells of them
        if len(np.shape(block)) == 1 and not rows_apart:
            raise ValueError(
                f"block {number} is a single vector, of {len(block)} numbers: give (n, d) blocks, "
                "or all vectors as one array, which numpy.stack makes of a list"
            )
        rows = as_rows(f"block {number}", block)
        first = rows[:0] if first is None else first
        for what, mine, others in (
            ("dimension", rows.shape[1], first.shape[1]),
            ("dtype", rows.dtype, first.dtype),
        ):
            if mine != others:
                raise ValueError(
                    f"block {number} has {what} {mine} but those before it {others}: encode all "
                    "candidates with one model in one way"
                )
        try:
            file.write(np.ascontiguousarray(rows).data)
            file.flush()
        except OSError as error:
            raise OSError(
                error.errno,
                f"block {number} does not go into the temporary file ({error.strerror}): choose a "
                "folder with more room by spool_folder=",
            ) from error
        count += len(rows)
    if first is None:
        raise ValueError("the candidates are an iterable without a block: give (n, d) blocks")
    lock = Lock()

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        if file.closed:
            raise ValueError(
                "the candidates' temporary file has gone: read it inside with open_candidates(...)"
            )
        with lock:  # threads that read parts have one file, and it one place
            yield file

    return RawRows("the temporary file", opened, first.dtype, (count, first.shape[1]))

"""Files of (n, d) vectors, of which only the rows that are asked for are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridsampler.files import check_unchanged, stamp_of
from hybridsampler.parquet import ParquetRows
from hybridsampler.vectors import as_rows, wrong_type


class Rows(Protocol):
    """(n, d) vectors in one place."""

    shape: tuple[int, int]

    def blocks(self, start: int, stop: int, size: int) -> Iterator[Any]:
        """Give the rows from ``start`` to before ``stop`` in order, at most ``size`` at a time."""

    def take(self, rows: NDArray[np.int64], size: int) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Give the rows of these numbers, ascending, at most ``size`` at a time, and which."""


class RandomRows(ABC):
    """Rows of which any cost the same to reach."""

    shape: tuple[int, int]

    @abstractmethod
    def _slice(self, start: int, stop: int) -> Any:
        """Return the rows from ``start`` to before ``stop``."""

    @abstractmethod
    def _pick(self, rows: NDArray[np.int64]) -> Any:
        """Return the rows of these numbers, one or more, ascending."""

    def blocks(self, start: int, stop: int, size: int) -> Iterator[Any]:
        """Give the rows from ``start`` to before ``stop`` in order, at most ``size`` at a time."""
        for first in range(start, stop, size):
            yield self._slice(first, min(first + size, stop))

    def take(self, rows: NDArray[np.int64], size: int) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """Give the rows of these numbers, ascending, at most ``size`` at a time, and which."""
        for first in range(0, len(rows), size):
            some = rows[first : first + size]
            yield some, self._pick(some)


class RawRows(RandomRows):
    """Rows that lie in a file one after the other.

    Args:
        name: what the file is, for the errors.
        opened: opens the file for one reading.
        dtype: of the numbers; uint16 are the bits of bfloat16, which are widened to float32.
        shape: (n, d).
        offset: byte at which the first row begins.
    """

    def __init__(
        self,
        name: str,
        opened: Callable[[], AbstractContextManager[IO[bytes]]],
        dtype: np.dtype[Any],
        shape: tuple[int, int],
        offset: int = 0,
    ) -> None:
        """Take note of what lies where; nothing is read."""
        self._name, self._opened, self._dtype, self._offset = name, opened, dtype, offset
        self.shape = shape

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        with self._opened() as file:
            return self._run(file, start, stop)

    def _pick(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        with self._opened() as file:
            return np.concatenate([self._run(file, *run) for run in _runs(rows)])

    def _run(self, file: IO[bytes], start: int, stop: int) -> NDArray[Any]:
        dimension = self.shape[1]
        file.seek(self._offset + start * dimension * self._dtype.itemsize)
        found = np.fromfile(file, self._dtype, (stop - start) * dimension)
        if found.size != (stop - start) * dimension:
            raise ValueError(
                f"{self._name} has become shorter since it was opened: write it again and leave it "
                "alone while it is read"
            )
        if self._dtype == np.uint16:  # bfloat16 is the upper half of float32
            found = (found.astype(np.uint32) << 16).view(np.float32)
        return found.reshape(stop - start, dimension)


VECTOR_FORMS = (".npy", ".safetensors", ".parquet")


def open_shard(path: Path) -> Rows:
    """Open a ``.npy``, ``.safetensors`` or ``.parquet`` file by its header.

    Raises:
        ValueError: another kind of file, another shape than (n, d), a damaged file, a ``.npy`` of
            Python objects or in Fortran order, a Parquet file without one column of vectors. The
            message names the file.
        TypeError: numbers of a type that the scorer does not take.
        FileNotFoundError: no such file.
        OSError: else as the file system does.
        ImportError: a ``.safetensors`` or ``.parquet`` file without the extra ``train``.
    """
    kinds: dict[str, Callable[[Path], Rows]] = {
        ".npy": _npy,
        ".safetensors": _safetensors,
        ".parquet": ParquetRows,
    }
    if path.suffix not in kinds:
        if path.is_dir():
            raise ValueError(
                f"{path} is a folder: list its files in the order of their rows, which "
                "sorted(pathlib.Path(folder).glob('*.npy')) does where their numbers have one "
                "length: 02 and 10, not 2 and 10"
            )
        raise ValueError(
            f"{path} is neither .npy nor .safetensors nor .parquet: convert it, or where it holds "
            "bare numbers give numpy.memmap(path, numpy.float16, 'r', shape=(n, d))"
        )
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: check the path")
    return kinds[path.suffix](path)


def _opening(path: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    """Return what opens the file again and again, as long as it is the one that it is now."""
    stamp = stamp_of(path)

    def opened() -> IO[bytes]:
        check_unchanged(path, stamp)
        return path.open("rb")

    return opened


def _npy(path: Path) -> RawRows:
    opened = _opening(path)  # before its header is read
    try:
        # Never unpickles. The map is made for its checks of the header and the length alone: pages
        # of a map would count as memory of the process, and a failing disk would kill it.
        stored = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # a damaged header lets errors of many kinds out of its parser
        raise ValueError(
            f"{path} is no sound .npy file ({error}): write it again, with numpy.save, or fetch it "
            "again"
        ) from error
    as_rows(str(path), stored)
    if not stored.flags.c_contiguous:
        raise ValueError(
            f"{path} is in Fortran order, in which a row is spread over the whole file: save "
            "numpy.ascontiguousarray(rows)"
        )
    length = path.stat().st_size
    if length != stored.offset + stored.nbytes:
        raise ValueError(
            f"{path} has {length} bytes but its array ends at {stored.offset + stored.nbytes}: "
            "write one array into one file"
        )
    return RawRows(str(path), opened, stored.dtype, stored.shape, stored.offset)


# The types of safetensors that the scorer takes; NumPy knows bfloat16 by its bits alone.
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}


def _safetensors(path: Path) -> RawRows:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(
            f"{path} needs safetensors: pip install 'hybridsampler[train]'", name="safetensors"
        ) from error
    opened = _opening(path)  # before its header is read
    with opened():  # of one that may not be read the library says that it is not there
        pass
    try:
        with safe_open(path, "numpy") as file:
            names = list(file.keys())
            if len(names) != 1:
                raise ValueError(
                    f"{path} holds {len(names)} tensors ({', '.join(names) or 'none'}): write the "
                    "vectors alone into a file"
                )
            tensor = file.get_slice(names[0])
            shape, kind = tuple(tensor.get_shape()), tensor.get_dtype()
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no sound .safetensors file ({error}): write or fetch it again"
        ) from error
    if len(shape) != 2:
        raise ValueError(f"{path} has shape {shape}: give one row a vector, (n, d)")
    if kind not in _DTYPES:
        raise wrong_type(str(path), kind)
    # The library has checked that the one tensor fills the file to its end. It is not asked for the
    # rows: it maps files, and those of bfloat16 through torch, which cannot map what is larger than
    # the memory.
    dtype = _DTYPES[kind]
    offset = path.stat().st_size - shape[0] * shape[1] * dtype.itemsize
    return RawRows(str(path), opened, dtype, shape, offset)


def _runs(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Give the (start, stop) of rows that follow one another."""
    for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
        yield int(run[0]), int(run[-1]) + 1

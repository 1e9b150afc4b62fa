"""Lines and rows of files; whatever is broken is named with its file and place."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hybridsampler.parquet_file import opened_parquet

# A file of rows is known by its name.
ROW_FORMS = (".jsonl", ".jsonl.gz", ".parquet")


def broken(path: Path, number: int, problem: str) -> ValueError:
    """Return the error that names a file and its line; rows of Parquet count from 1 as well."""
    word = "row " if path.suffix == ".parquet" else ""
    return ValueError(f"{path}:{word}{number}: {problem}")


def no_text(value: str) -> str | None:
    """What is wrong with a string of JSON, where escapes can write what UTF-8 cannot hold."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = ascii(value[error.start])
        return f"holds half a character, one of two surrogates ({half}): write it whole"
    return None


def check_filled(path: Path, number: int, **values: str) -> None:
    """Refuse a row of which one of these values is empty."""
    for name, value in values.items():
        if not value.strip():
            raise broken(path, number, f"{name!r} is empty: fill it in or leave the row out")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give (number from 1, text without its end) of each line that is not empty.

    A name that ends in `.gz` is decompressed on the way.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no UTF-8, a carriage return before the end of a line, or a `.gz` that is not
            whole.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: check the path")
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                # A byte order mark is what some editors begin a file with.
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if "\r" in text:  # what other readers take for the end of a line
                    problem = "a carriage return inside the line: end lines with a line feed"
                    raise broken(path, number, problem)
                if text:
                    yield number, text
    except UnicodeDecodeError as error:
        raise broken(path, number, f"not UTF-8 ({error})") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} is not a whole .gz file ({error}, after line {number}): fetch it again"
        ) from error


def read_rows(
    path: Path, columns: Mapping[str, type], optional: Sequence[str] = (), *, alone: bool = False
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Give (number from 1, values of `columns`) of each row of JSON lines or Parquet.

    Args:
        path: ends in one of `ROW_FORMS`.
        columns: name and type, `str` or `int`, of what to read.
        optional: those that may be absent or null; their value is None then.
        alone: refuse other columns, which may be an optional one under another name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a line that is no JSON object, or has a key twice; a value that is missing or of
            another type; a file that is not Parquet. File and line are named.
    """
    read = _parquet_rows if path.suffix == ".parquet" else _json_rows
    for number, values in read(path, list(columns), optional, alone):
        for (name, kind), value in zip(columns.items(), values, strict=True):
            if type(value) is kind:
                if isinstance(value, str) and (problem := no_text(value)):
                    raise broken(path, number, f"{name!r} {problem}")
                continue
            if value is None and name in optional:
                continue
            if value is None:
                raise broken(path, number, f"{name!r} is missing")
            found = type(value).__name__
            raise broken(path, number, f"{name!r} is {found}, not {kind.__name__}: convert it")
        yield number, values


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys come twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs] if len(self) < len(pairs) else []
        self.twice = [key for key in self if keys.count(key) > 1]


def _unknown(found: Iterable[str], names: Sequence[str]) -> str | None:
    """What is wrong with columns of which one is not among the names."""
    for name in found:
        if name not in names:
            return f"{name!r} is none of {', '.join(names)}: rename it or leave it out"
    return None


def _json_rows(
    path: Path, names: Sequence[str], optional: Sequence[str], alone: bool
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for number, text in read_lines(path):
        try:
            row = json.loads(text, object_pairs_hook=_Object)
        except (ValueError, RecursionError) as error:
            raise broken(path, number, f"not JSON ({error})") from error
        if not isinstance(row, _Object):
            raise broken(path, number, f"a JSON {type(row).__name__}, not an object with {names}")
        if row.twice:
            raise broken(path, number, f"the key {row.twice[0]!r} comes twice: keep one")
        if alone and (problem := _unknown(row, names)):
            raise broken(path, number, problem)
        yield number, tuple(row.get(name) for name in names)


def _parquet_rows(
    path: Path, names: Sequence[str], optional: Sequence[str], alone: bool
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: check the path")
    with opened_parquet(path) as file:
        there = file.schema_arrow.names
        if alone and (problem := _unknown(there, names)):
            raise ValueError(f"{path}: column {problem}")
        for name in names:
            if name not in there and name not in optional:
                raise ValueError(
                    f"{path}: column {name!r} is missing; the file has {', '.join(there)}"
                )
            if there.count(name) > 1:
                raise ValueError(f"{path} has several columns {name!r}: rename the others")
        number = 0
        for batch in file.iter_batches(8192, columns=[name for name in names if name in there]):
            empty = [None] * len(batch)
            held = [batch[name].to_pylist() if name in there else empty for name in names]
            for values in zip(*held, strict=True):
                number += 1
                yield number, values

"""Runs and qrels from where users have them: files, dictionaries, tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Protocol

from hybridsampler._core import Qrels, Run
from hybridsampler.files import readable, shown
from hybridsampler.threads import known_threads
from hybridsampler.trec.mistaken import check_start, if_scores
from hybridsampler.trec.tables import Columns, columns, read_parquet

_GZIP = b"\x1f\x8b"
# Text behind the four bytes of Parquet's means that they begin the name of a query.
_PARQUET = re.compile(rb"PAR1(?![\s!-~\xc2-\xf4])")
# Read at first, to see what a file is: more than its magic bytes, comments and a line.
_START_BYTES = 1 << 16


class Table(Protocol):
    """A pandas or polars DataFrame, an Arrow table, or another table that Arrow can read."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand over the rows."""


Source = str | os.PathLike[str] | dict[str, Any] | Table


def read_run(source: Source | Run, *, threads: int | None = None) -> Run:
    """Read a run: the documents that a system retrieved for each query, with their scores.

    Args:
        source: one of

            - a file in TREC's form, lines of ``query Q0 document rank score tag`` between spaces or
              tabs, plain or gzipped. Blank lines, lines that begin with ``#``, the second, fourth
              and sixth column and what follows are ignored: ranks are worked out from the scores;
            - a Parquet file, or a table (pandas, polars, Arrow), with the columns ``query_id``,
              ``doc_id`` (strings) and ``score`` (numbers); others are not read; needs pyarrow;
            - a dictionary ``{query: {document: score}}``; scores are whatever ``float`` takes
              as a number;
            - a run that was read before.

            What a file is, its first bytes tell, not its name. Scores are the nearest float64.
        threads: how many to use; ``None``: one for each processor. Changes no digit.

    Raises:
        ValueError: a broken line, a score that is no number or not finite, a document that comes
            twice for a query, ids that are not UTF-8 or empty, a file without a line, columns that
            are missing or of another type, fewer than one thread. Names the file, the line or row,
            and what to do.
        TypeError: a source, an id, a score or a number of threads of another type.
        OSError: a file that cannot be read.
        ImportError: a table or Parquet without pyarrow.
    """
    threads = known_threads(threads)
    if isinstance(source, Run):
        return source
    if isinstance(source, dict):
        return Run.from_dict(source, threads)
    match _read("run", source, "score"):
        case Path() as path:
            return Run.read(path, shown(path), threads)
        case str() as name, bytes() as text:
            return Run.parse(text, name, threads)
        case table:
            return Run.from_columns(*table, threads)


def read_qrels(source: Source | Qrels, *, threads: int | None = None) -> Qrels:
    """Read qrels: which documents were judged for each query, and how relevant they are.

    Args:
        source: as for :func:`read_run`, with lines of ``query iteration document grade``; columns
            ``query_id``, ``doc_id`` and ``relevance``; or ``{query: {document: grade}}``. A grade
            is a whole number: 0 is judged and not relevant.
        threads: as for :func:`read_run`.

    Raises:
        ValueError: as for :func:`read_run`; a grade that is negative or no whole number; a document
            that is judged twice, even with the same grade.
        TypeError, OSError, ImportError: as for :func:`read_run`.
    """
    threads = known_threads(threads)
    if isinstance(source, Qrels):
        return source
    if isinstance(source, dict):
        with if_scores(source):
            return Qrels.from_dict(source, threads)
    match _read("qrels", source, "relevance"):
        case Path() as path:
            return Qrels.read(path, shown(path), threads)
        case str() as name, bytes() as text:
            return Qrels.parse(text, name, threads)
        case table:
            return Qrels.from_columns(*table, threads)


def _read(kind: str, source: Any, value: str) -> Path | tuple[str, bytes] | Columns:
    """The path of a text, the name and the text that had to be unpacked, or columns of a table."""
    if hasattr(source, "__arrow_c_stream__"):
        return columns(f"the {kind}", source, value)
    table = f"a table with the columns query_id, doc_id and {value}"
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"{kind} of type {type(source).__name__}: give a path, a dict of dicts or {table}"
        )
    path = Path(source)
    expected = f"give the {kind} as a TREC file, plain or gzipped, or as Parquet, {table}"
    with readable(path, expected), path.open("rb") as file:
        start = file.read(_START_BYTES)
        if not (_PARQUET.match(start) or start.startswith(_GZIP)) and path.is_file():
            check_start(path, start, len(start) == _START_BYTES, value)
            return path
        data = start + file.read()  # of a pipe too, which is read but once
    if _PARQUET.match(data):
        return read_parquet(path, data, value)
    text = _unpacked(path, data) if data.startswith(_GZIP) else data
    check_start(path, text[:_START_BYTES], len(text) > _START_BYTES, value)
    return shown(path), text


def _unpacked(path: Path, data: bytes) -> bytes:
    """The text of a file that was packed with gzip."""
    import gzip
    import zlib

    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{shown(path)} is damaged ({error}): write it again with gzip") from error

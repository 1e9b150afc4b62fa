"""The training files of a study: Parquet with one text pair a row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from hybridsampler.corpus import ParallelCorpus
from hybridsampler.parquet_file import opened_parquet
from hybridsampler.study.config import Data

TEXTS = ("query", "passage")
NAMES = ("group_id", "lang", *TEXTS)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Text pairs, and which of them are translations of each other."""

    corpus: ParallelCorpus
    queries: list[str]
    passages: list[str]
    digest: str
    """SHA-256 of the rows that were read."""


def read_training_data(data: Data, base: Path) -> TrainingData:
    """Read the rows of the files that ``data`` names, relative to ``base``.

    A file without a column ``source`` is one source, named after the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not Parquet, a missing column, two files that would be one source, a language
            that the files lack, an empty text, or what :meth:`ParallelCorpus.from_columns` refuses.
    """
    paths = [base / name for name in ([data.train] if isinstance(data.train, str) else data.train)]
    tables = []
    named: dict[str, Path] = {}
    for path in paths:
        table = _read(path, data)
        if "source" not in table.column_names:
            # Groups of two files would be taken for each other's translations.
            if path.stem in named:
                raise ValueError(
                    f"{named[path.stem]} and {path} would both be the source {path.stem!r}: "
                    "rename one, or give each a column 'source'"
                )
            named[path.stem] = path
            table = table.add_column(0, "source", pa.array([path.stem] * len(table)))
        tables.append(table)
    where = ", ".join(str(path) for path in paths)
    try:  # int32 goes with int64, and a column that may lack values with one that may not
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        told = " ".join(str(error).split())  # Arrow's messages may have several lines
        raise ValueError(
            f"{where}: the files do not fit together ({told}): give each column one type in all"
        ) from error
    if data.languages is not None:
        known = sorted(set(table["lang"].to_pylist()))
        for name in data.languages:
            if name not in known:
                raise ValueError(f"{where}: unknown language {name!r}: it has {', '.join(known)}")
        table = table.filter(pc.is_in(table["lang"], pa.array(data.languages)))
    texts = {name: table[name].to_pylist() for name in TEXTS}
    for name, column in texts.items():
        for row, text in enumerate(column):
            if not text.strip():
                raise ValueError(f"{where}: {name} {row} is empty: leave out rows without text")
    try:
        corpus = ParallelCorpus.from_columns(
            group=table["group_id"],
            language=table["lang"],
            source=table["source"],
            passage_key={name: table[name] for name in data.passage_key},
            length=None if data.length is None else table[data.length],
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    digest = hashlib.sha256()
    for name in table.column_names:
        for value in table[name].to_pylist():
            text = str(value)
            digest.update(f"{len(text)} {text}".encode())
    return TrainingData(corpus, texts["query"], texts["passage"], digest.hexdigest())


def _read(path: Path, data: Data) -> pa.Table:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; it should hold the training data")
    further = [*data.passage_key, *([] if data.length is None else [data.length])]
    with opened_parquet(path) as file:
        there = file.schema_arrow.names
        for name in (*NAMES, *further):
            if name not in there:
                raise ValueError(
                    f"{path}: column {name!r} is missing; the file has {', '.join(there)}"
                )
        names = [*(["source"] if "source" in there else []), *NAMES]
        wanted = list(dict.fromkeys([*names, *further]))
        table = file.read(columns=wanted).select(wanted)
    for name in names:
        kind = table[name].type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"{path}: column {name!r} is of type {kind}: make it strings")
        if table[name].null_count:
            raise ValueError(f"{path}: column {name!r} has missing values: leave out such rows")
    return table

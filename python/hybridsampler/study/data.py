"""The training file of a study: a Parquet file with one text pair a row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hybridsampler.corpus import ParallelCorpus

COLUMNS = ("source", "group_id", "lang", "query", "passage")


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Text pairs, and which of them are translations of each other."""

    corpus: ParallelCorpus
    queries: list[str]
    passages: list[str]
    digest: str
    """SHA-256 of the rows that were read."""


def read_training_data(path: Path, languages: Sequence[str] | None = None) -> TrainingData:
    """Read the rows in ``languages`` (all by default).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not Parquet, a missing column, a language that the file lacks, an empty text, or
            what :meth:`ParallelCorpus.from_columns` refuses.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; it should hold the training data")
    try:
        schema = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from error
    missing = [name for name in COLUMNS if name not in schema.names]
    if missing:
        raise ValueError(
            f"{path}: column {missing[0]!r} is missing; the file has {', '.join(schema.names)}"
        )
    table = pq.read_table(path, columns=list(COLUMNS))
    for name in COLUMNS:
        kind = table[name].type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"{path}: column {name!r} is of type {kind}: make it strings")
        if table[name].null_count:
            raise ValueError(f"{path}: column {name!r} has missing values: leave out such rows")
    if languages is not None:
        known = sorted(set(table["lang"].to_pylist()))
        for name in languages:
            if name not in known:
                raise ValueError(f"{path}: unknown language {name!r}: it has {', '.join(known)}")
        table = table.filter(pc.is_in(table["lang"], pa.array(languages)))
    texts = {name: table[name].to_pylist() for name in ("query", "passage")}
    for name, column in texts.items():
        for row, text in enumerate(column):
            if not text.strip():
                raise ValueError(f"{path}: {name} {row} is empty: leave out rows without text")
    try:
        corpus = ParallelCorpus.from_columns(
            group=table["group_id"], language=table["lang"], source=table["source"]
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    digest = hashlib.sha256()
    for name in COLUMNS:
        for text in table[name].to_pylist():
            digest.update(f"{len(text)} {text}".encode())
    return TrainingData(corpus, texts["query"], texts["passage"], digest.hexdigest())

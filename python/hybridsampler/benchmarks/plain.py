"""A user's own benchmark: three tables, as Parquet or JSON lines. docs/benchmarks.md has examples.

| table | columns |
|---|---|
| `queries` | `id`, `text`, `language` |
| `candidates` | `id`, `text`, `language` |
| `qrels` | `query_id`, `candidate_id`, and `grade`, which is 1 where it is missing |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.corpus_files import CorpusFile, Row
from hybridsampler.benchmarks.hub import open_folder
from hybridsampler.benchmarks.judgements import Judgements, Queries, join
from hybridsampler.benchmarks.lines import ROW_FORMS, broken, check_filled, read_rows
from hybridsampler.benchmarks.numbered import OF_ALL, check_shards, in_order

_TEXTS: dict[str, type] = {"id": str, "text": str, "language": str}
_PAIRS: dict[str, type] = {"query_id": str, "candidate_id": str, "grade": int}
_TABLES = ("queries", "candidates", "qrels")


def load_plain(source: str | Path) -> Benchmark:
    """Read a folder with `queries`, `candidates` and `qrels` into a benchmark of its name.

    A table is one file, such as `queries.jsonl`, `queries.jsonl.gz` or `queries.parquet`, or files
    `queries-*.jsonl` and so on, in the order of their names, in which numbers count. Of those named
    `queries-00000-of-00002.jsonl` all have to be there. A query id may come once in each language:
    its judgements are those of all. Candidates are read from their files when they are gone
    through, so there may be millions.

    Args:
        source: the folder, or `owner/name` of a data set of the hub that holds such files.

    Raises:
        FileNotFoundError: no folder, or a table is missing.
        OSError: a data set of the hub that cannot be fetched.
        ImportError: Parquet without the extra `train`.
        ValueError: a broken line, a missing or empty value, an id that comes twice, a judgement of
            an unknown query or candidate, white space around a language, a grade below 0, an empty
            table, a column of the qrels that is none of the above. File and line are named.
            Files of which one is missing or that are of different sets.
    """
    patterns = [f"{table}*{form}" for table in _TABLES for form in ROW_FORMS]
    folder = open_folder(source, patterns)
    tables = {table: _files(folder, table) for table in _TABLES}
    queries, judgements = Queries(), Judgements()
    for path in tables["queries"]:
        for row in _texts(path):
            queries.add(path, row.number, row.id, row.text, row.language)
    for path in tables["qrels"]:
        for number, (query_id, candidate_id, grade) in read_rows(
            path, _PAIRS, ["grade"], alone=True
        ):
            judgements.add(path, number, query_id, candidate_id, 1 if grade is None else grade)
    for table, rows in (("queries", queries.ids), ("qrels", judgements.of)):
        if not rows:
            raise ValueError(f"{tables[table][0]} holds no row: write the {table} into it")
    files = [CorpusFile(path, _texts) for path in tables["candidates"]]
    name = str(source) if folder != Path(source) else folder.resolve().name
    return join(name, queries, judgements, files, monolingual=False)


def _files(folder: Path, table: str) -> list[Path]:
    """The one file of a table, or its several ones."""
    single = [path for form in ROW_FORMS if (path := folder / f"{table}{form}").is_file()]
    several = in_order(path for form in ROW_FORMS for path in folder.glob(f"{table}-*{form}"))
    check_shards(several, OF_ALL)
    found = single + several
    if not found:
        forms = ", ".join(f"{table}{form}" for form in ROW_FORMS)
        raise FileNotFoundError(f"{folder} has no {table}: write one of {forms}")
    if single and len(found) > 1:
        raise ValueError(f"{table} is there twice, as {found[0]} and {found[1]}: keep one")
    return found


def _texts(path: Path) -> Iterator[Row]:
    for number, (key, text, language) in read_rows(path, _TEXTS):
        check_filled(path, number, id=key, text=text, language=language)
        if (name := language.strip()) != language:  # else it would be one more language
            problem = f"'language' is {language!r}, with white space around it: write {name!r}"
            raise broken(path, number, problem)
        yield Row(number, key, text, language)

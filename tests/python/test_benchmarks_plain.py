"""A user's own benchmark, as JSON lines and as Parquet."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark_files import CANDIDATES, QRELS, QUERIES
from hybridsampler.benchmarks import load_plain
from hybridsampler.encoders import NgramEncoder


def fails(message: str, error: type[Exception] = ValueError) -> Any:
    return pytest.raises(error, match=re.escape(message))


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
        return path
    raw = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


# Parquet has a column or has it not, so a grade that is missing is null.
NULLS: list[dict[str, Any]] = [{"grade": None} | row for row in QRELS]


def _folder(
    root: Path,
    form: str = ".jsonl",
    *,
    queries: Sequence[dict[str, Any]] = QUERIES,
    candidates: Sequence[dict[str, Any]] = CANDIDATES,
    qrels: Sequence[dict[str, Any]] = NULLS,
) -> Path:
    for name, rows in (("queries", queries), ("candidates", candidates), ("qrels", qrels)):
        _write(root / f"{name}{form}", rows)
    return root


@pytest.mark.parametrize("form", [".jsonl", ".jsonl.gz", ".parquet"])
def test_every_form_gives_the_same(tmp_path: Path, form: str) -> None:
    found = load_plain(_folder(tmp_path / "ants", form))
    assert found.name == "ants"
    assert not found.monolingual
    assert found.queries == ["Who digs?", "Wer gräbt?", "Who flies?"]
    assert found.query_ids == ["q1", "q1", "q2"]
    assert found.query_languages == ["en", "de", "en"]
    assert list(found.candidates) == ["Ants dig.", "Ameisen graben.", "Bees fly."]
    assert list(found.candidate_ids) == ["c1", "c2", "c3"]
    assert list(found.candidate_languages) == ["en", "de", "en"]
    # A question's judgements are those of all its languages; a grade that is missing is 1.
    assert found.indptr.tolist() == [0, 2, 4, 5]
    assert found.indices.tolist() == [0, 1, 0, 1, 2]
    assert found.grades.tolist() == [0, 2, 0, 2, 1]


def test_shards_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    _folder(tmp_path)
    (tmp_path / "candidates.jsonl").unlink()
    _write(tmp_path / "candidates-00001-of-00002.parquet", CANDIDATES[1:])
    _write(tmp_path / "candidates-00000-of-00002.parquet", CANDIDATES[:1])
    assert list(load_plain(tmp_path).candidate_ids) == ["c1", "c2", "c3"]
    _write(tmp_path / "candidates.jsonl", CANDIDATES)
    with fails(f"candidates is there twice, as {tmp_path / 'candidates.jsonl'} and "):
        load_plain(tmp_path)


def _shards(root: Path, *names: str) -> Path:
    """A folder whose candidates are the named files, a row each."""
    (_folder(root) / "candidates.jsonl").unlink()
    for name, row in zip(names, CANDIDATES, strict=False):
        _write(root / name, [row])
    return root


def test_numbers_in_names_count_as_such_whatever_the_form(tmp_path: Path) -> None:
    names = ("candidates-2.parquet", "candidates-9.jsonl.gz", "candidates-10.jsonl")
    assert list(load_plain(_shards(tmp_path / "a", *names)).candidate_ids) == ["c1", "c2", "c3"]
    # Each set has numbers of its own.
    sets = [f"candidates-{n}.jsonl" for n in ("de-0-of-1", "en-0-of-2", "en-1-of-2")]
    assert list(load_plain(_shards(tmp_path / "b", *sets)).candidate_ids) == ["c1", "c2", "c3"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["candidates-00000-of-00003.jsonl"],
            "{folder}/candidates-00001-of-00003.jsonl is missing: fetch or write it",
        ),
        (
            ["candidates-00000-of-00003.jsonl", "candidates-00002-of-00003.parquet"],
            "{folder}/candidates-00001-of-00003.jsonl is missing: fetch or write it",
        ),
        (
            ["candidates-00001-of-00003.jsonl.gz", "candidates-00002-of-00003.jsonl.gz"],
            "{folder}/candidates-00000-of-00003.jsonl.gz is missing: fetch or write it",
        ),
        (
            ["candidates-00000-of-00001.jsonl", "candidates-00001-of-00002.jsonl"],
            "{folder}/candidates-00000-of-00001.jsonl is one of 1 shards but "
            "{folder}/candidates-00001-of-00002.jsonl one of 2: keep those of one set",
        ),
        (
            ["candidates-0-of-2.jsonl", "candidates-1-of-2.jsonl", "candidates-2-of-2.jsonl"],
            "{folder}/candidates-2-of-2.jsonl is none of 2 shards: number them from 0 to 1",
        ),
        (
            ["candidates-0-of-2.jsonl", "candidates-0-of-2.parquet"],
            "shard 0 is there twice, as {folder}/candidates-0-of-2.jsonl and "
            "{folder}/candidates-0-of-2.parquet: keep one",
        ),
    ],
)
def test_shards_that_are_no_whole_set(tmp_path: Path, names: list[str], message: str) -> None:
    with fails(message.format(folder=tmp_path)):
        load_plain(_shards(tmp_path, *names))


def test_candidates_that_changed_since_they_were_counted(tmp_path: Path) -> None:
    """The judgements name places of the file as it was."""
    benchmark = load_plain(_folder(tmp_path))
    path = tmp_path / "candidates.jsonl"
    was = path.stat().st_mtime_ns
    _write(path, CANDIDATES[::-1])
    os.utime(path, ns=(was, was + 1))
    with fails(f"{path} has changed since the benchmark was loaded: load it again"):
        list(benchmark.candidates)
    _write(path, CANDIDATES[:2])
    os.utime(path, ns=(was, was))
    with fails(f"{path} has changed since the benchmark was loaded: load it again"):
        list(benchmark.candidate_ids)
    assert list(load_plain(_folder(tmp_path)).candidates) == [row["text"] for row in CANDIDATES]


def test_candidates_in_files_are_encoded_as_a_list(tmp_path: Path) -> None:
    """What takes places or slices of them would read the files anew for each."""
    benchmark = load_plain(_folder(tmp_path))
    encoder = NgramEncoder(buckets=64, dimension=8)
    with fails(
        "the texts of candidates in files are read in order and have no places: take list() of "
        "them, or let score_encoder encode them, which never holds them all",
        TypeError,
    ):
        encoder.encode(benchmark.candidates)  # type: ignore[arg-type]  # what is refused
    with fails("the ids of candidates in files are read in order", TypeError):
        benchmark.candidate_ids[0]  # type: ignore[index]  # what is refused
    assert encoder.encode(list(benchmark.candidates)).shape == (3, 8)


def test_queries_may_have_no_judgement(tmp_path: Path) -> None:
    assert load_plain(_folder(tmp_path, qrels=QRELS[:1])).indptr.tolist() == [0, 0, 0, 1]


ROW: dict[str, Any] = dict(CANDIDATES[0])
BROKEN = [
    ("queries", [], "queries.jsonl holds no row: write the queries into it"),
    ("candidates", [], "candidates.jsonl holds no candidate: fetch or write it again"),
    ("qrels", [], "qrels.jsonl holds no row: write the qrels into it"),
    ("queries", [ROW | {"text": " "}], "queries.jsonl:1: 'text' is empty: fill it in or leave"),
    ("candidates", [ROW, ROW | {"id": ""}], "candidates.jsonl:2: 'id' is empty: fill it in"),
    ("candidates", [ROW | {"language": None}], "candidates.jsonl:1: 'language' is missing"),
    ("candidates", [ROW | {"id": 3}], "candidates.jsonl:1: 'id' is int, not str: convert it"),
    ("queries", [{"id": "a", "text": "b"}], "queries.jsonl:1: 'language' is missing"),
    (  # one language under two names, of which neither pool would be whole
        "candidates",
        [ROW, ROW | {"id": "c4", "language": "en "}],
        "candidates.jsonl:2: 'language' is 'en ', with white space around it: write 'en'",
    ),
    (
        "queries",
        [QUERIES[0] | {"language": "\ten"}],
        "queries.jsonl:1: 'language' is '\\ten', with white space around it: write 'en'",
    ),
    (
        "queries",
        [*QUERIES, QUERIES[0]],
        "queries.jsonl:4: query 'q1' in 'en' is there already, in {folder}/queries.jsonl:1; give",
    ),
    (
        "candidates",
        [*CANDIDATES, ROW | {"language": "de"}],
        "candidates.jsonl:4: candidate 'c1' is there already, in {folder}/candidates.jsonl:1; ids",
    ),
    (
        "qrels",
        [QRELS[0] | {"grade": -3}],
        "qrels.jsonl:1: grade -3 is below 0: give 0 to a candidate that is not relevant",
    ),
    ("qrels", [QRELS[0] | {"grade": 2**63}], "qrels.jsonl:1: grade 9223372036854775808 is above"),
    ("qrels", [QRELS[0] | {"grade": 0.5}], "qrels.jsonl:1: 'grade' is float, not int: convert"),
    ("qrels", [QRELS[0] | {"grade": True}], "qrels.jsonl:1: 'grade' is bool, not int: convert"),
    ("qrels", [QRELS[0], QRELS[0]], "qrels.jsonl:2: candidate 'c3' is judged for query 'q2' alre"),
    (
        "qrels",
        [QRELS[0], {"query_id": "q1", "candidate_id": "c1", "relevance": 0}],
        "qrels.jsonl:2: 'relevance' is none of query_id, candidate_id, grade: rename it or leave "
        "it out",
    ),
    (
        "qrels",
        [*QRELS, {"query_id": "q1", "candidate_id": "c9"}],
        "qrels.jsonl:4: candidate 'c9' is none of the 3 candidates: judgements and candidates",
    ),
    (
        "qrels",
        [{"query_id": "q7", "candidate_id": "c1"}],
        "qrels.jsonl:1: query 'q7' is none of the 3 queries: judgements and queries belong",
    ),
]


@pytest.mark.parametrize(("table", "rows", "message"), BROKEN, ids=[case[2] for case in BROKEN])
def test_a_broken_table(tmp_path: Path, table: str, rows: Any, message: str) -> None:
    with fails(f"{tmp_path}/{message.format(folder=tmp_path)}"):
        load_plain(_folder(tmp_path, **{table: rows}))


def test_a_key_that_comes_twice(tmp_path: Path) -> None:
    """JSON's readers keep the last without a word."""
    path = _folder(tmp_path) / "qrels.jsonl"
    path.write_text('{"query_id": "q1", "candidate_id": "c1", "grade": 0, "grade": 1}\n')
    with fails(f"{path}:1: the key 'grade' comes twice: keep one"):
        load_plain(tmp_path)
    # Of what nobody reads, that nobody reads it.
    path.write_text('{"query_id": "q1", "candidate_id": "c1", "more": {"a": 1, "a": 2}}\n')
    with fails(f"{path}:1: 'more' is none of query_id, candidate_id, grade: rename it or leave it"):
        load_plain(tmp_path)


@pytest.mark.parametrize("end", ["\r\n", "\r"], ids=["windows", "mac"])
def test_ends_of_lines(tmp_path: Path, end: str) -> None:
    """A carriage return alone once ended the lines of a Mac: all of them would be one."""
    path = _folder(tmp_path) / "queries.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("\n", end), "utf-8", newline="")
    if end == "\r\n":
        assert load_plain(tmp_path).queries == [row["text"] for row in QUERIES]
        return
    with fails(f"{path}:1: a carriage return inside the line: end lines with a line feed"):
        load_plain(tmp_path)


def test_columns_of_parquet_that_no_judgement_has(tmp_path: Path) -> None:
    rows = [row | {"relevance": 0} for row in NULLS]
    path = _write(_folder(tmp_path, ".parquet") / "qrels.parquet", rows)
    with fails(f"{path}: column 'relevance' is none of query_id, candidate_id, grade: rename it"):
        load_plain(tmp_path)
    _write(path, NULLS)
    _write(tmp_path / "queries.parquet", [row | {"topic": "ants"} for row in QUERIES])
    assert len(load_plain(tmp_path).queries) == 3


def test_broken_parquet(tmp_path: Path) -> None:
    path = _write(_folder(tmp_path, ".parquet") / "candidates.parquet", [{"id": "c", "text": "t"}])
    with fails(f"{path}: column 'language' is missing; the file has id, text"):
        load_plain(tmp_path)
    _write(path, [*CANDIDATES, ROW | {"id": "c4", "text": None}])
    with fails(f"{path}:row 4: 'text' is missing"):
        load_plain(tmp_path)
    _write(path, [{"id": 1, "text": "t", "language": "en"}])
    with fails(f"{path}:row 1: 'id' is int, not str: convert it"):
        load_plain(tmp_path)
    twice = pa.Table.from_arrays([pa.array(["c"])] * 4, ["id", "text", "language", "id"])
    pq.write_table(twice, path)
    with fails(f"{path} has several columns 'id': rename the others"):
        load_plain(tmp_path)
    _write(path, [ROW | {"text": "x" * 1000} for _ in range(3)])
    whole = path.read_bytes()
    for at in (4, len(whole) - 200):  # of a column, and of the footer
        path.write_bytes(whole[:at] + b"\xff" * 60 + whole[at + 60 :])
        with pytest.raises(ValueError, match=f"^{path} is no sound Parquet file .*again$"):
            load_plain(tmp_path)
    path.write_bytes(b"none")
    with fails(f"{path} is no sound Parquet file ("):
        load_plain(tmp_path)


def test_tables_that_are_not_there(tmp_path: Path) -> None:
    with fails(
        f"{tmp_path} has no queries: write one of queries.jsonl, queries.jsonl.gz, queries.parquet",
        FileNotFoundError,
    ):
        load_plain(tmp_path)
    (_folder(tmp_path) / "qrels.jsonl").unlink()
    with fails(f"{tmp_path} has no qrels: write one of qrels.jsonl", FileNotFoundError):
        load_plain(tmp_path)
    with fails(f"{tmp_path}/none is not a folder; give the folder of the data", FileNotFoundError):
        load_plain(tmp_path / "none")


def test_the_example_of_the_documentation_is_sound(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text(encoding="utf-8")
    tables = re.findall(r"`(\w+\.jsonl)`: .*?```\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in tables] == ["queries.jsonl", "candidates.jsonl", "qrels.jsonl"]
    for name, lines in tables:
        (tmp_path / name).write_text(lines, encoding="utf-8")
    found = load_plain(tmp_path)
    assert found.languages == ["de", "en"]
    assert found.grades.tolist() == [2, 1, 0] * 2

"""Runs and qrels from files and tables: the same from each, and every mistake named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import os
import re
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler import score_run
from hybridsampler.trec import read_qrels, read_run

RUN = {"1": {"d1": 2.5, "d2": 1e-3, "文書": -7.0}, "q-2": {"d1": 0.1, "d3": 0.1}}
QRELS = {"1": {"d1": 0, "文書": 2}, "q-2": {"d1": 1}}
MEASURES = ["AP", "nDCG@10", "R@100", "RR"]


def run_text(run: dict[str, dict[str, float]]) -> str:
    return "".join(
        f"{query} Q0 {document} 0 {score!r} tag\n"
        for query, documents in run.items()
        for document, score in documents.items()
    )


def qrels_text(qrels: dict[str, dict[str, int]]) -> str:
    return "".join(
        f"{query} 0 {document} {grade}\n"
        for query, documents in qrels.items()
        for document, grade in documents.items()
    )


def frame(lists: dict[str, dict[str, Any]], value: str) -> Any:
    rows = [(q, d, v) for q, documents in lists.items() for d, v in documents.items()]
    return pd.DataFrame(rows, columns=["query_id", "doc_id", value])


def same(run: Any, qrels: Any) -> bool:
    """Whether these give what the dictionaries give."""
    expected, found = score_run(RUN, QRELS, MEASURES), score_run(run, qrels, MEASURES)
    return (
        found.queries == expected.queries
        and (found.missing, found.unjudged) == (expected.missing, expected.unjudged)
        and all(
            found.per_query(name).tolist() == expected.per_query(name).tolist()
            for name in expected.measures
        )
    )


def test_files_say_what_dictionaries_say(tmp_path: Path) -> None:
    run, qrels = tmp_path / "run.trec", tmp_path / "qrels"
    run.write_text(f"# made by hand\n\n{run_text(RUN)}", encoding="utf-8")
    qrels.write_bytes(qrels_text(QRELS).replace(" ", "\t").replace("\n", "\r\n").encode())
    assert same(run, qrels)
    assert same(str(run), str(qrels))
    packed = tmp_path / "run.gz", tmp_path / "packed-without-a-suffix"
    packed[0].write_bytes(gzip.compress(run.read_bytes()))
    # Two members, as two packed files that were joined.
    middle = len(lines := qrels.read_bytes().splitlines(keepends=True)) // 2
    halves = [b"".join(lines[:middle]), b"".join(lines[middle:])]
    packed[1].write_bytes(b"".join(map(gzip.compress, halves)))
    assert same(*packed)


def test_large_files_are_read_by_several_threads(tmp_path: Path) -> None:
    # Parts of 4 MiB; a line that crosses them is read whole.
    line = "q Q0 document-{:06d} 1 {} a tag of a run of the year\n"
    text = "".join(line.format(number, number % 1000) for number in range(200_000))
    assert len(text) > 2 << 22
    path = tmp_path / "run"
    path.write_text(text, encoding="utf-8")
    runs = [read_run(path, threads=threads) for threads in (1, 2, 5)]
    judged = {"q": {f"document-{number:06d}": 1 for number in range(0, 200_000, 1999)}}
    values = [score_run(run, judged, ["AP", "nDCG"]) for run in runs]
    assert {len(run) for run in runs} == {200_000}
    assert len({(scores["AP"], scores["nDCG"]) for scores in values}) == 1
    path.write_text(text + "q Q0 document-000007 1 3 t\n", encoding="utf-8")
    for threads in (1, 2, 5):
        with pytest.raises(ValueError, match=r"line 200001: .* on line 8 with 7: keep one"):
            read_run(path, threads=threads)


def test_fewer_than_one_thread_are_refused() -> None:
    for threads in (0, -1):
        message = f"^threads={threads}: give at least 1, or None for all processors$"
        for read in (read_run, read_qrels):
            with pytest.raises(ValueError, match=message):
                read(QRELS, threads=threads)
        with pytest.raises(ValueError, match=message):
            score_run(read_run(RUN), read_qrels(QRELS), threads=threads)


def test_numbers_of_threads_are_whole() -> None:
    several: list[Any] = ["2", 2.0]
    for threads in several:
        message = f"^threads={threads!r}: give a whole number of at least 1, or None for all proces"
        for read in (read_run, read_qrels):
            with pytest.raises(TypeError, match=message):
                read(QRELS, threads=threads)
        with pytest.raises(TypeError, match=message):
            score_run("none", "none", threads=threads)


def test_no_number_of_threads_is_too_large(tmp_path: Path) -> None:
    run, qrels = tmp_path / "run", tmp_path / "qrels"
    run.write_text(run_text(RUN), encoding="utf-8")
    qrels.write_text(qrels_text(QRELS), encoding="utf-8")
    expected = score_run(RUN, QRELS, MEASURES)
    for threads in (10**5, 2**64):
        for ranked, judged in ((run, qrels), (RUN, QRELS), (read_run(RUN), read_qrels(QRELS))):
            found = score_run(ranked, judged, MEASURES, threads=threads)
            assert [found[name] for name in MEASURES] == [expected[name] for name in MEASURES]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_are_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for data in (run_text(RUN).encode(), gzip.compress(run_text(RUN).encode())):
        writer = threading.Thread(target=pipe.write_bytes, args=(data,))
        writer.start()
        assert same(read_run(pipe), QRELS)
        writer.join()


def test_tables_say_what_dictionaries_say(tmp_path: Path) -> None:
    run, qrels = frame(RUN, "score"), frame(QRELS, "relevance")
    assert same(run, qrels)
    assert same(run.assign(rank=1, name="x"), qrels.assign(iteration="0"))
    assert same(run.astype({"score": "float32"}), qrels)
    tables = (
        pa.table(run),
        pa.table(qrels).cast(
            pa.schema(
                {"query_id": pa.large_string(), "doc_id": pa.string(), "relevance": pa.uint8()}
            )
        ),
    )
    assert same(*tables)
    files = tmp_path / "run.parquet", tmp_path / "qrels"
    pq.write_table(tables[0], files[0], row_group_size=2)
    pq.write_table(tables[1].append_column("more", pa.array([1] * len(qrels))), files[1])
    assert same(*files)
    # Slices, several chunks and dictionaries of strings are read where they lie.
    halves = pa.concat_tables([tables[0].slice(0, 2), tables[0].slice(2)])
    categories = pa.table(run.astype({"query_id": "category", "doc_id": "category"}))
    for table in (halves, categories, pa.concat_tables([tables[0], tables[0]]).slice(len(run))):
        assert same(table, tables[1])


def test_other_columns_of_a_frame_may_hold_anything() -> None:
    """And come twice; the ids may be its index, and any other index counts for nothing."""
    run, qrels = frame(RUN, "score"), frame(QRELS, "relevance")
    odd = run.assign(notes=[{}, [1], "x", object(), 1j])
    assert same(odd, qrels)
    assert same(pd.concat([odd, odd[["notes"]]], axis=1), qrels)
    assert same(odd.set_index(["query_id", "doc_id"]), qrels.set_index("doc_id"))
    assert same(odd.set_index(pd.Index([1, "a", None, 1, 2.5], name="doc_id")), qrels)
    assert same(run.set_index([[3, 1, 2, 0, 9], ["x"] * 5]), qrels.convert_dtypes())
    assert same(run.convert_dtypes(dtype_backend="pyarrow"), qrels)


@pytest.mark.parametrize(("kind", "most"), [("int64", 2**63 - 1), ("uint64", 2**64 - 1)])
def test_scores_are_the_nearest_floats_whatever_holds_them(
    tmp_path: Path, kind: str, most: int
) -> None:
    """Documents whose scores differ beyond 2^53 may tie, and the order of their ids decides."""
    scores = [most, most - 1, 2**53 + 3, 2**53 + 2, 2**53 + 1, 2**53]
    run = {"q": {f"d{n}": score for n, score in enumerate(scores)}}
    plain = {"q": {document: float(score) for document, score in run["q"].items()}}
    lines = [f"q Q0 {document} 0 {score} x" for document, score in run["q"].items()]
    file = tmp_path / "run"
    file.write_text("\n".join(lines), encoding="utf-8")
    for document in plain["q"]:
        qrels = {"q": {document: 1}}
        expected = score_run(plain, qrels, ["RR"])["RR"]
        for source in (run, frame(run, "score").astype({"score": kind}), file):
            assert score_run(source, qrels, ["RR"])["RR"] == expected


def test_ids_may_be_kept_once_each_as_polars_keeps_categories() -> None:
    """Arrow itself unpacks no dictionary of string views."""
    table = pa.table(frame(RUN, "score"))
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        for column in range(2):
            ids = table.column(column).combine_chunks().dictionary_encode()
            ids = pa.DictionaryArray.from_arrays(ids.indices, ids.dictionary.cast(kind))
            kept = table.set_column(column, table.field(column).name, ids)
            assert same(kept, QRELS)
            assert same(
                pa.concat_tables([kept.slice(0, 2), kept.slice(2, 0), kept.slice(2)]), QRELS
            )


def test_rows_of_a_query_need_not_stand_together(tmp_path: Path) -> None:
    lines = run_text(RUN).splitlines()
    path = tmp_path / "run"
    path.write_text("\n".join(sorted(lines, key=lambda line: line.split()[2])), encoding="utf-8")
    shuffled = frame(RUN, "score").sort_values("doc_id")
    assert same(path, QRELS)
    assert same(shuffled, QRELS)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_a_file_keeps_every_digit(tmp_path_factory: pytest.TempPathFactory, pair: Any) -> None:
    run = {"q": dict(zip("ab", pair, strict=True))}
    path = tmp_path_factory.getbasetemp() / "run"
    path.write_text(run_text(run), encoding="utf-8")
    for ties in ("trec", "docid"):
        values = [score_run(each, {"q": {"a": 1}}, ["RR"], ties=ties)["RR"] for each in (run, path)]
        assert values[0] == values[1]


def refused(read: Any, source: Any, message: str, kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        read(source)


def test_a_broken_line_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("1 Q0 d1 1 2.5 tag\n# comment\n1 Q0 d2 2 high tag\n", encoding="utf-8")
    refused(read_run, path, f'{path}, line 3: score "high" is no number: write it like 12.5 or 1e')
    path.write_text("1 0 d1 1\n1 0 d2 -1\n", encoding="utf-8")
    refused(read_qrels, path, f"{path}, line 2: grade -1 is negative, which every collection uses")
    path.write_text("1 Q0 d1 1\t2.5\n", encoding="utf-8")
    refused(read_run, path, f"{path}, line 1: 5 columns where 6 are needed: query Q0 document rank")
    path.write_text("1 0 d1 1\n1 0 d2 0\n1 0 d1 1\n", encoding="utf-8")
    twice = 'document "d1" of query "1" is judged twice, here with 1 and on line 1 with 1: keep one'
    refused(read_qrels, path, f"{path}, line 3: {twice} of them")
    path.write_bytes(gzip.compress(b"1 0 d1 1\n1 0 d2 2 3\n"))
    line = f'{path}, line 2: "3" follows the 4 columns query iteration document grade: take it out'
    refused(read_qrels, path, line)


def test_a_run_in_the_place_of_qrels_is_told_where_it_belongs(tmp_path: Path) -> None:
    run, qrels = tmp_path / "run", tmp_path / "qrels"
    for packed in (bytes, gzip.compress):
        run.write_bytes(packed(b"# comment\n\n" + run_text(RUN).encode()))
        qrels.write_bytes(packed(b"\xef\xbb\xbf" + qrels_text(QRELS).encode()))
        first = f"{qrels} looks like qrels, not like a run: the run comes first, then the qrels"
        second = f"{run} looks like a run, not like qrels: the run comes first, then the qrels"
        refused(lambda given: score_run(*given), (qrels, run), first)
        refused(lambda given: score_run(*given), (run, run), second)
    tables = frame(QRELS, "relevance"), frame(RUN, "score")
    first = "the run looks like qrels, not like a run: the run comes first, then the qrels"
    refused(lambda given: score_run(*given), tables, first)
    for file, table in zip((qrels, run), tables, strict=True):
        pq.write_table(pa.table(table), file)
    refused(read_run, qrels, f"{qrels} looks like qrels, not like a run: the run comes first, then")
    refused(read_qrels, run, f"{run} looks like a run, not like qrels: the run comes first, then")
    # Qrels of BEIR are no run, though their grades are called scores.
    beir = pd.DataFrame({"query-id": ["q"], "corpus-id": ["d"], "score": [1]})
    refused(read_qrels, beir, "the qrels has no column 'query_id': it needs one each of query_id")
    grade = 'query "1", document "d1": the grade 2.5 is '
    with pytest.raises(TypeError, match=f"^{grade}.*; if these are scores: the run comes first, "):
        score_run(QRELS, RUN)
    with pytest.raises(TypeError, match=r"^[^;]*the grade nan [^;]*$"):  # a value that is missing
        read_qrels({"1": {"d1": math.nan}})
    with pytest.raises(TypeError, match=r"^[^;]*the grade 2 is of type str[^;]*$"):
        read_qrels({"1": {"d1": "2", "d2": 10**400, "d3": math.inf}})
    with pytest.raises(TypeError, match=r"^[^;]*the id of a document is 1[^;]*$"):
        read_qrels({"1": {1: 0.5}})
    # A line that does not end in the bytes that are looked at tells nothing.
    columns = b"q1 Q0 d1 1"
    run.write_bytes(b"#" + b"x" * ((1 << 16) - 2 - len(columns)) + b"\n" + columns + b" 2.0 tag\n")
    assert read_run(run).queries == ["q1"]
    # What is wrong with lines that are of neither kind, the lines themselves say.
    qrels.write_bytes(b"1 0 d1 1\r1 0 d2 2\r")
    refused(read_qrels, qrels, f"{qrels}, line 1: a carriage return inside the line")
    qrels.write_bytes(b"1 0 d1 high\n")
    refused(read_run, qrels, f"{qrels}, line 1: 4 columns where 6 are needed")
    with pytest.raises(TypeError, match=r"a whole number of 64 bits$"):
        read_qrels({"1": {"d1": 1.0}})


def test_files_that_are_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    line = "query Q0 document rank score tag"
    refused(read_run, path, f'{path} has no line of the form "{line}": is it the right file?')
    path.write_bytes("1 Q0 d1 1 2.5 tag\n".encode("utf-16"))
    refused(read_run, path, f"{path}, line 1: a zero byte: this is no UTF-8 text, unpack it or co")
    path.write_bytes("1 Q0 d\xe9j\xe0 1 2.5 tag\n".encode("latin-1"))
    refused(read_run, path, f'{path}, line 1: "d\\xe9j\\xe0" is not UTF-8: convert the file, as wi')
    path.write_bytes(gzip.compress(run_text(RUN).encode())[:-9])
    refused(read_run, path, f"{path} is damaged (")
    pq.write_table(pa.table({"query_id": ["1"], "doc_id": ["a"], "score": [1.0]}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    refused(read_run, path, f"{path} is no sound Parquet file (")
    # What Arrow says of such a column has several lines.
    path.write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    with pytest.raises(ValueError, match=f"^{path} is no sound Parquet file .*again$"):
        read_run(path)


@pytest.mark.parametrize(
    ("name", "unpack", "data"),
    [
        ("bzip2", "bunzip2", bz2.compress(b"1 Q0 d1 1 2.5 tag\n")),
        ("bzip2", "bunzip2", bz2.compress(b"")),
        ("xz", "unxz", lzma.compress(b"1 Q0 d1 1 2.5 tag\n")),
        ("zstd", "unzstd", bytes.fromhex("28b52ffd0458090000615b6e8ca9")),
        ("zip", "unzip", b"PK\x03\x04\x0a" + bytes(25)),
    ],
    ids=["bzip2", "bzip2 of nothing", "xz", "zstd", "zip"],
)
def test_what_is_packed_otherwise_says_how_to_unpack_it(
    tmp_path: Path, name: str, unpack: str, data: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    message = f"{path} is packed with {name}, and gzip alone is read: unpack it, as with {unpack}"
    refused(read_run, path, message)
    refused(read_qrels, path, message)


def test_names_of_files_need_not_be_utf8(tmp_path: Path) -> None:
    run, qrels = (tmp_path / os.fsdecode(name + b"_\xff") for name in (b"run", b"qrels"))
    for packed in (bytes, gzip.compress):
        run.write_bytes(packed(run_text(RUN).encode()))
        qrels.write_bytes(packed(qrels_text(QRELS).encode()))
        assert same(run, qrels)
        refused(read_run, qrels, f"{tmp_path}/qrels_\\xff looks like qrels")
        run.write_bytes(packed(b"1 Q0 d1 1 high tag\n"))
        refused(read_run, run, f'{tmp_path}/run_\\xff, line 1: score "high" is no number')
    for path, table in ((run, frame(RUN, "score")), (qrels, frame(QRELS, "relevance"))):
        with path.open("wb") as file:
            pq.write_table(pa.table(table), file)
    assert same(run, qrels)
    run.write_bytes(run.read_bytes()[:-9])
    refused(read_run, run, f"{tmp_path}/run_\\xff is no sound Parquet file (")
    run.write_bytes(gzip.compress(b"1 Q0 d1 1 2.5 tag\n")[:-9])
    refused(read_run, run, f"{tmp_path}/run_\\xff is damaged (")
    run.unlink()
    refused(read_run, run, f"{tmp_path}/run_\\xff cannot be read (", FileNotFoundError)


def test_a_query_may_begin_as_a_packed_file_does(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("BZh9 Q0 d1 1 2.5 tag\nPK Q0 d1 1 2.5 tag\n", encoding="utf-8")
    assert read_run(path).queries == ["BZh9", "PK"]
    for query in ("PAR1", "PAR12", "PAR1é"):
        path.write_text(f"{query} Q0 d1 1 2.5 tag\n", encoding="utf-8")
        assert read_run(path).queries == [query]


def test_judgements_know_the_line_or_row_that_they_come_from(tmp_path: Path) -> None:
    text = "# grades\n2 0 b 1\n\n1 0 a 0\r\n2 0 a 2\n"
    path = tmp_path / "qrels"
    expected = [("2", "b", 1, 2), ("2", "a", 2, 5), ("1", "a", 0, 4)]
    for data in (text.encode(), gzip.compress(text.encode())):
        path.write_bytes(data)
        assert read_qrels(path).rows() == expected
    rows = [("2", "b", 1, 1), ("2", "a", 2, 3), ("1", "a", 0, 2)]
    columns = {"query_id": ["2", "1", "2"], "doc_id": ["b", "a", "a"], "relevance": [1, 0, 2]}
    assert read_qrels(pa.table(columns)).rows() == rows
    assert read_qrels({"1": {"a": 0}, "2": {"b": 1}}).rows() == [("1", "a", 0, 1), ("2", "b", 1, 2)]
    assert read_qrels({}).rows() == []


def test_files_that_cannot_be_read_say_what_belongs_there(tmp_path: Path) -> None:
    form = "as a TREC file, plain or gzipped, or as Parquet, a table with the columns"
    path = tmp_path / "none"
    message = f"{path} cannot be read (No such file or directory): give the run {form} query_id, "
    refused(read_run, path, message + "doc_id and score", FileNotFoundError)
    message = f"{tmp_path} cannot be read (Is a directory): give the qrels {form} query_id, doc_id "
    refused(read_qrels, tmp_path, message + "and relevance", IsADirectoryError)


def half_a_letter() -> pa.Array:
    """A column of texts that is damaged: the bytes are no UTF-8, and Arrow does not look."""
    offsets = (0).to_bytes(4, sys.byteorder) + (1).to_bytes(4, sys.byteorder)
    return pa.StringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(b"\xc3"))


def test_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    good = frame(RUN, "score")
    needs = "it needs one each of query_id, doc_id and score; found"
    cases: list[tuple[Any, str, type[Exception]]] = [
        (
            good.rename(columns={"doc_id": "docno"}),
            f"the run has no column 'doc_id': {needs} query_id, docno, score",
            ValueError,
        ),
        (
            good.assign(query_id=1),
            "the run: query_id is a column of int64: give ids as strings",
            TypeError,
        ),
        (
            pa.table({"query_id": ["q"], "doc_id": half_a_letter(), "score": [1.0]}),
            "the run, row 1: doc_id is no UTF-8: write it as such",
            ValueError,
        ),
        (
            good.assign(score="1"),
            "the run: score is a column of large_string: give floats or whole numbers",
            TypeError,
        ),
        (
            good.assign(score=Decimal("2.5")),
            "the run: score is a column of decimal128(2, 1): give floats or whole numbers",
            TypeError,
        ),
        (
            good.assign(score=[1.0, 2.0, float("nan"), 1.0, 2.0]),
            "the run, row 3: no score: fill it in or leave the row out",
            ValueError,
        ),
        (
            pa.table(good.assign(score=0.0)).set_column(
                2, "score", pa.array([1.0, 2.0, 3.0, float("nan"), 0.0])
            ),
            "the run, row 4: score NaN is not finite and has no place in a ranking: leave the docu",
            ValueError,
        ),
        (
            good.assign(doc_id=["a", "b", None, "c", "d"]),
            "the run, row 3: no doc_id: fill it in or leave the row out",
            ValueError,
        ),
        (
            good.assign(doc_id=["a", "", "b", "c", "d"]),
            "the run, row 2: the id of a document is empty: give it a name",
            ValueError,
        ),
        (
            good.assign(doc_id="a"),
            'the run, row 2: document "a" of query "1" is ranked twice, here with 0.001 and on row '
            "1 with 2.5: keep one of them",
            ValueError,
        ),
    ]
    for table, message, kind in cases:
        refused(read_run, table, message, kind)
        path = tmp_path / "run.parquet"
        pq.write_table(pa.table(table), path)
        refused(read_run, path, message.replace("the run", str(path), 1), kind)
    twice = pa.table([["q"], ["d"], [1.0], [2.0]], ["query_id", "doc_id", "score", "score"])
    refused(read_run, twice, f"the run has 2 columns 'score': {needs} query_id, doc_id, score, sco")
    refused(
        read_run,
        pd.concat([good, good[["score"]]], axis=1),
        f"the run has 2 columns 'score': {needs} query_id, doc_id, score, score",
    )
    refused(
        read_run,
        good.set_index("query_id").assign(more=1).drop(columns="doc_id"),
        f"the run has no column 'doc_id': {needs} query_id, score, more",
    )
    half = good.assign(doc_id=pd.Series(["a", "b", "x\ud800", "c", "d"], dtype=object))
    refused(
        read_run,
        half,
        "the run holds 'x\\ud800', which has half of a surrogate pair and is no text: change it",
    )
    ids = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["q", None]))
    refused(
        read_run,
        pa.table({"query_id": ids, "doc_id": ["a", "b"], "score": [1.0, 2.0]}),
        "the run, row 2: no query_id: fill it in or leave the row out",
    )
    with pytest.raises(TypeError, match=r"^the run cannot be read \(Sparse .*one type each$"):
        read_run(good.astype({"score": pd.SparseDtype(float)}))
    with pytest.raises(TypeError, match=r"^the run cannot be read \(.*one type each$"):
        read_run(good["score"])  # a column
    mixed = good.assign(doc_id=["a", 1, "b", "c", "d"])
    with pytest.raises(TypeError, match=r"^the run cannot be read \(.*score.*one type each$"):
        read_run(good.assign(score=1j))
    with pytest.raises(TypeError, match=r"^the run cannot be read \(.*doc_id.*one type each$"):
        read_run(mixed)
    judged = frame(QRELS, "relevance")
    message = "the qrels: relevance is a column of double: give whole numbers"
    refused(read_qrels, judged.assign(relevance=1.0), message, TypeError)
    refused(read_qrels, judged.assign(relevance=-2), "the qrels, row 1: grade -2 is negative, whic")
    large = pa.table(judged.assign(relevance=2**63)).cast(
        pa.schema([("query_id", pa.string()), ("doc_id", pa.string()), ("relevance", pa.uint64())])
    )
    refused(read_qrels, large, "the qrels: relevance has a number that is too large (")


def test_files_without_a_row_are_refused_as_those_without_a_line(tmp_path: Path) -> None:
    path = tmp_path / "table"
    for read, table, value in (
        (read_run, frame(RUN, "score"), "score"),
        (read_qrels, frame(QRELS, "relevance"), "relevance"),
    ):
        pq.write_table(pa.table(table)[:0], path)
        message = f"{path} has no row of query_id, doc_id and {value}: is it the right file?"
        refused(read, path, message)


def test_tables_say_that_they_need_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    table = frame(RUN, "score")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    message = "the run is a table, which needs pyarrow: pip install pyarrow"
    refused(read_run, table, message, ImportError)

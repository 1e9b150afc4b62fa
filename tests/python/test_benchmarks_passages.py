"""MIRACL and Mr. TyDi: the official files in small, as folders and as data sets of the hub."""

from __future__ import annotations

import re
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark_files import as_json, miracl, mr_tydi, write_lines
from hybridsampler.benchmarks import Benchmark, load_miracl, load_mr_tydi
from hybridsampler.benchmarks.corpus_files import CorpusFile, Row, scan


def fails(message: str, error: type[Exception] = ValueError) -> Any:
    return pytest.raises(error, match=re.escape(message))


def _texts(found: Benchmark) -> list[str]:
    return list(found.candidates)


def test_miracl_in_its_official_layout(tmp_path: Path) -> None:
    found = load_miracl(miracl(tmp_path))
    assert found.name == "MIRACL dev"
    assert found.monolingual
    assert found.languages == ["sw", "yo"]
    assert found.queries == ["Mji mkuu ni upi?", "Nani aliandika?", "Kí ni olú-ìlú?"]
    assert found.query_ids == ["sw/0", "sw/12", "yo/0"]
    assert found.query_languages == ["sw", "sw", "yo"]
    assert list(found.candidate_ids) == ["sw/3#0", "sw/7#0", "sw/7#1", "sw/9#0", "yo/3#0"]
    assert list(found.candidate_languages) == ["sw"] * 4 + ["yo"]
    texts = ["Dodoma ni mji.", "Kitabu ni  kizuri\u2028.", "Kitabu kiliandikwa.", "Bila jina."]
    assert _texts(found) == [*texts, "Abuja ni olú-ìlú."]
    assert _texts(found) == _texts(found)  # again, from the files
    assert len(found.candidates) == len(found.candidate_ids) == 5
    assert found.indptr.tolist() == [0, 2, 4, 5]
    assert found.indices.tolist() == [0, 2, 1, 2, 4]
    assert found.grades.tolist() == [0, 1, 1, 1, 1]
    assert found.runs() == [("sw", 0, 4), ("yo", 4, 5)]
    assert found.candidate_contexts is None


def test_the_two_data_sets_may_lie_in_folders_and_languages_are_chosen(tmp_path: Path) -> None:
    together = load_miracl(miracl(tmp_path / "together"), ["yo"])
    assert together.queries == ["Kí ni olú-ìlú?"]
    assert together.indices.tolist() == [0]
    apart = tmp_path / "apart"
    for path in (tmp_path / "together").iterdir():
        into = apart / ("miracl-corpus" if "corpus" in path.name else "miracl")
        into.mkdir(parents=True, exist_ok=True)
        shutil.copytree(path, into / path.name)
    assert _texts(load_miracl(apart)) == _texts(load_miracl(tmp_path / "together"))
    with fails(f"{apart} has no language 'de'; it has sw, yo"):
        load_miracl(apart, ["de"])


def test_a_benchmark_that_is_loaded_again_is_the_same(tmp_path: Path) -> None:
    miracl(tmp_path / "miracl")
    assert load_miracl(tmp_path / "miracl") == load_miracl(tmp_path / "miracl")
    assert load_miracl(tmp_path / "miracl") != load_miracl(tmp_path / "miracl", ["sw"])
    mr_tydi(tmp_path / "tydi", archive=False)
    assert load_mr_tydi(tmp_path / "tydi") == load_mr_tydi(tmp_path / "tydi")


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "hub"])
def test_mr_tydi_as_it_was_published(tmp_path: Path, archive: bool) -> None:
    found = load_mr_tydi(mr_tydi(tmp_path, archive=archive))
    assert found.name == "Mr. TyDi"
    assert found.monolingual
    assert found.languages == ["sw", "te"]
    assert found.query_ids == ["sw/0", "sw/12", "te/0"]
    texts = ["Dodoma ni mji.", "Kitabu ni  kizuri\u2028.", "Kitabu kiliandikwa.", "Bila jina."]
    assert _texts(found) == [*texts, "Abuja ni olú-ìlú."]  # in both forms
    assert found.indices.tolist() == [2, 1, 2, 4]
    assert found.grades.tolist() == [1, 1, 1, 1]
    assert load_mr_tydi(tmp_path, ["te"]).query_languages == ["te"]


def test_what_comes_after_the_title_of_an_archive_stays_as_it_is(tmp_path: Path) -> None:
    path = mr_tydi(tmp_path, archive=True) / "mrtydi-v1.1-swahili/collection/docs.jsonl.gz"
    contents = ["Kitabu\n\nni\n\nkizuri", "Kitabu\nni kizuri", "Kitabu"]
    keys = ["7#0", "7#1", "3#0"]
    rows = [{"id": key, "contents": each} for key, each in zip(keys, contents, strict=True)]
    write_lines(path, as_json(rows))
    assert _texts(load_mr_tydi(tmp_path, ["sw"])) == ["Kitabu ni\n\nkizuri", *contents[1:]]


def _shard(root: Path, number: int, *keys: str) -> Path:
    rows = ({"docid": key, "title": "", "text": key} for key in keys)
    return write_lines(root / f"miracl-corpus-v1.0-yo/docs-{number}.jsonl.gz", as_json(rows))


def test_shards_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    miracl(tmp_path)
    for number in range(1, 12):
        _shard(tmp_path, number, f"{number}#1")
    found = load_miracl(tmp_path, ["yo"])
    assert list(found.candidate_ids) == ["yo/3#0", *(f"yo/{n}#1" for n in range(1, 12))]


def test_a_shard_that_is_missing(tmp_path: Path) -> None:
    first = _shard(miracl(tmp_path), 0, "3#0", "4#0")
    _shard(tmp_path, 2, "5#0")
    with fails(f"{first.parent}/docs-1.jsonl.gz is missing: fetch or write it"):
        load_miracl(tmp_path)
    _shard(tmp_path, 1, "6#0")
    assert len(load_miracl(tmp_path, ["yo"]).candidates) == 4
    first.unlink()
    with fails(f"{first} is missing: fetch or write it"):
        load_miracl(tmp_path)
    _shard(tmp_path, 0, "3#0")
    again = _shard(tmp_path / "again", 0, "7#0")
    with fails(f"shard 0 is there twice, as {again} and {first}: keep one"):
        load_miracl(tmp_path)


# Any corpus, against a naive reading


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_any_corpus_equals_the_naive_reading(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ids = data.draw(st.lists(st.text("ab#é漢", min_size=1, max_size=4), min_size=1, unique=True))
    texts = data.draw(st.lists(st.text(max_size=6), min_size=len(ids), max_size=len(ids)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(ids) - 1), max_size=12)) if ids[1:] else [])
    pairs = st.tuples(st.sampled_from(["1", "2", "30"]), st.sampled_from(ids))
    judged = data.draw(st.dictionaries(pairs, st.integers(0, 3), min_size=1))
    root = tmp_path_factory.mktemp("any")
    topics = {query: f"what is {query}?" for query in ("30", "1", "2")}
    stem = "miracl-v1.0-fi"
    write_lines(root / f"{stem}/topics/topics.{stem}-dev.tsv", map("\t".join, topics.items()))
    lines = (f"{query} Q0 {key} {grade}" for (query, key), grade in judged.items())
    write_lines(root / f"{stem}/qrels/qrels.{stem}-dev.tsv", lines)
    for number, part in enumerate(np.split(np.arange(len(ids)), cuts)):
        rows = [{"docid": ids[row], "title": "t", "text": texts[row]} for row in part]
        write_lines(root / f"miracl-corpus-v1.0-fi/docs-{number}.jsonl.gz", as_json(rows))
    found = load_miracl(root)
    assert list(found.candidate_ids) == [f"fi/{key}" for key in ids]
    assert _texts(found) == [f"t {text}".strip() for text in texts]
    for q, query in enumerate(topics):
        row = slice(found.indptr[q], found.indptr[q + 1])
        grades = {ids[i]: g for i, g in zip(found.indices[row], found.grades[row], strict=True)}
        assert grades == {key: g for (other, key), g in judged.items() if other == query}


def test_texts_are_never_all_held(tmp_path: Path) -> None:
    """40 MB of passages are read in parts; what stays is a few bytes each."""
    root, text = miracl(tmp_path), "x" * 4000
    rows = ({"docid": f"{n}#0", "title": "", "text": text} for n in range(10, 10_010))
    write_lines(root / "miracl-corpus-v1.0-yo/docs-1.jsonl.gz", as_json(rows))
    tracemalloc.start()
    found = load_miracl(root)
    assert len(found.candidates) == 10_005
    assert sum(map(len, found.candidates)) > 40_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_corpus_takes_as_few_bytes_as_is_said(tmp_path: Path) -> None:
    """Ten a candidate, a sixteenth of them to grow into, and one to compare."""
    count, path = 200_000, tmp_path / "corpus"
    path.touch()

    def rows(_: Path) -> Iterator[Row]:
        return (Row(number, str(number), "", "sw") for number in range(count))

    tracemalloc.start()
    found = scan([CorpusFile(path, rows)], [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.languages) == count
    assert peak < 12 * count


# Errors: each names the file and the line


SW = "miracl-v1.0-sw"
TOPICS_SW = f"{SW}/topics/topics.{SW}-dev.tsv"
QRELS_SW = f"{SW}/qrels/qrels.{SW}-dev.tsv"
SHARD = "miracl-corpus-v1.0-sw/docs-1.jsonl.gz"
GOOD = '{"docid": "7#1", "title": "a", "text": "b"}'


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        (TOPICS_SW, ["0\tMji?", "12 Nani?"], ":2: '12 Nani?' is not 'id<TAB>query'"),
        (TOPICS_SW, ["0\t "], ":1: '0\\t ' is not 'id<TAB>query'"),
        (TOPICS_SW, ["\tMji?"], ":1: '\\tMji?' is not 'id<TAB>query'"),
        (TOPICS_SW, [], " holds no query: fetch it again"),
        (
            TOPICS_SW,
            ["0\tMji?\r12\tNani?"],
            ":1: a carriage return inside the line: end lines with a line feed",
        ),
        (
            TOPICS_SW,
            ["0\tMji?", "0\tMji?"],
            ":2: query 'sw/0' in 'sw' is there already, in {path}:1; give each a different id",
        ),
        # Judgements are read by the reader of qrels, with its rules and words.
        (
            QRELS_SW,
            ["0 Q0 7#1 1", "0 7#1 1"],
            ", line 2: 3 columns where 4 are needed: query itera",
        ),
        (
            QRELS_SW,
            ["0 Q0 7#1 1.5"],
            ', line 1: grade "1.5" is no whole number of 64 bits: write 0',
        ),
        (QRELS_SW, ["0 Q0 7#1 -1"], ", line 1: grade -1 is negative, which every collection uses"),
        (QRELS_SW, ["0 Q0 7#1 " + "9" * 20], ', line 1: grade "99999999999999999999" is no whole'),
        (QRELS_SW, ["0 Q0 7#1 \u0663"], ', line 1: grade "\u0663" is no whole number of 64 bits'),
        (
            QRELS_SW,
            ["0 Q0 7#1 1", "", "0 Q0 7#1 0"],
            ', line 3: document "7#1" of query "0" is judged twice, here with 0 and on line 1 with',
        ),
        (QRELS_SW, [], ' has no line of the form "query iteration document grade": is it the righ'),
        (QRELS_SW, ["# sw", "", "5 Q0 7#1 1"], ":3: query 'sw/5' is none of the 3 queries: judgem"),
        (QRELS_SW, ["5 Q0 7#1 1"], ":1: query 'sw/5' is none of the 3 queries: judgements and"),
        (
            QRELS_SW,
            ["12 Q0 7#1 1", "0 Q0 7#1 1", "12 Q0 7#0 1", "0 Q0 7#9 1"],
            ":4: candidate 'sw/7#9' is none of the 5 candidates: judgements and candidates belong",
        ),
        (SHARD, [GOOD, "{"], ":2: not JSON (Expecting property name"),
        (SHARD, ["[" * 100_000], ":1: not JSON ("),
        (SHARD, ["[1]"], ":1: a JSON list, not an object with ['docid', 'title', 'text']"),
        (SHARD, ['{"docid": "7#1", "title": "a"}'], ":1: 'text' is missing"),
        (SHARD, ['{"docid": "7", "text": "\\ud800"}'], ":1: 'text' holds half a character, one of"),
        (SHARD, ['{"docid": 7, "text": "a"}'], ":1: 'docid' is int, not str: convert it"),
        (
            SHARD,
            ['{"docid": " ", "text": "a"}'],
            ":1: 'docid' is empty: fill it in or leave the ro",
        ),
        (SHARD, [], " holds no candidate: fetch or write it again"),
        (
            SHARD,
            [GOOD, GOOD.replace("7#1", "3#0")],
            ":2: candidate 'sw/3#0' is there already, in {folder}/docs-0.jsonl.gz:1; ids must be",
        ),
    ],
)
def test_a_broken_file(tmp_path: Path, name: str, lines: list[str], message: str) -> None:
    path = write_lines(miracl(tmp_path) / name, lines)
    with fails(f"{path}{message.format(path=path, folder=path.parent)}"):
        load_miracl(tmp_path)


def test_an_id_that_is_empty(tmp_path: Path) -> None:
    path = mr_tydi(tmp_path, archive=True) / "mrtydi-v1.1-swahili/collection/docs.jsonl.gz"
    write_lines(path, as_json([{"id": "", "contents": "a"}]))
    with fails(f"{path}:1: 'id' is empty: fill it in or leave the row out"):
        load_mr_tydi(tmp_path)


def test_passages_without_text_are_candidates_of_their_collection(tmp_path: Path) -> None:
    shard = (miracl(tmp_path) / SHARD).with_name("docs-3.jsonl.gz")
    write_lines(shard, ['{"docid": "70#0", "title": "", "text": ""}'])
    assert list(load_miracl(tmp_path).candidates).count("") == 1


def test_ids_may_hold_spaces_of_other_scripts(tmp_path: Path) -> None:
    folder = miracl(tmp_path)
    write_lines(folder / TOPICS_SW, ["0\tMji?"])
    write_lines(folder / QRELS_SW, ["0\tQ0\t7\u30001 2 "])
    write_lines(folder / SHARD, [GOOD.replace("7#1", "7\u30001")])
    found = load_miracl(tmp_path, ["sw"])
    assert [list(found.candidate_ids)[at] for at in found.indices] == ["sw/7\u30001"]


def test_files_that_are_damaged(tmp_path: Path) -> None:
    shard = miracl(tmp_path) / SHARD
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-6])
    with fails(f"{shard} is not a whole .gz file (Compressed file ended before"):
        load_miracl(tmp_path)
    shard.write_bytes(b"no gzip")
    with fails(f"{shard} is not a whole .gz file (Not a gzipped file"):
        load_miracl(tmp_path)
    shard.write_bytes(whole)
    topics = tmp_path / TOPICS_SW
    topics.write_bytes(b"0\tMji?\n12\t\xff\n")
    with fails(f"{topics}:2: not UTF-8 ('utf-8' codec can't decode byte 0xff"):
        load_miracl(tmp_path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with fails(
        f"{tmp_path / 'none'} is not a folder; give the folder with the files of MIRACL dev, or "
        "nothing to fetch them from the hub",
        FileNotFoundError,
    ):
        load_miracl(tmp_path / "none")
    with fails(
        f"{tmp_path} has no topics of Mr. TyDi, no mrtydi-v1.1-LANG/topic.test.tsv or "
        "mrtydi-v1.1-LANG/ir-format-data/topics.test.txt",
        FileNotFoundError,
    ):
        load_mr_tydi(tmp_path)
    miracl(tmp_path)
    (tmp_path / QRELS_SW).unlink()
    with fails(f"{tmp_path} has no judgements at {QRELS_SW}", FileNotFoundError):
        load_miracl(tmp_path)
    shutil.rmtree(tmp_path / "miracl-corpus-v1.0-yo")
    with fails(
        f"{tmp_path} has no passages at miracl-corpus-v1.0-yo/docs-*.jsonl.gz", FileNotFoundError
    ):
        load_miracl(tmp_path, ["yo"])
    shutil.copytree(tmp_path / "miracl-v1.0-yo", tmp_path / "copy" / "miracl-v1.0-yo")
    with fails("topics of yo are there twice, "):
        load_miracl(tmp_path, ["yo"])


def test_a_file_may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does(
    tmp_path: Path,
) -> None:
    topics = miracl(tmp_path) / TOPICS_SW
    topics.write_bytes("\ufeff0\tMji?\r\n\r\n12\tNani?\r\n".encode())
    found = load_miracl(tmp_path, ["sw"])
    assert (found.query_ids, found.queries) == (["sw/0", "sw/12"], ["Mji?", "Nani?"])

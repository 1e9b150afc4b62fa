"""Folders in LAReQA's layout that are refused: errors name the file or the value, and the place."""

import gzip
import json
import lzma
import os
from pathlib import Path
from typing import Any

import pytest

from hybridsampler.benchmarks import load_xquad_r
from hybridsampler.benchmarks.lareqa import load_lareqa
from lareqa_files import ENGLISH, GERMAN, english, fails, write


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with fails(f"{tmp_path / 'none'} is not a folder; give the folder of", FileNotFoundError):
        load_xquad_r(tmp_path / "none")
    (tmp_path / "README.md").write_text("no data")
    remedy = (
        "LANG.json, LANG.json.gz or LANG.json.xz: give the folder that en.json and its like lie"
    )
    with fails(f"{tmp_path} has no {remedy}", FileNotFoundError):
        load_xquad_r(tmp_path)


def test_a_language_in_two_forms(tmp_path: Path) -> None:
    write(tmp_path, en=ENGLISH)
    (tmp_path / "en.json.gz").write_bytes(gzip.compress(json.dumps(ENGLISH).encode()))
    both = f"{tmp_path / 'en.json'} and {tmp_path / 'en.json.gz'}"
    with fails(f"language 'en' is there twice, as {both}; keep one"):
        load_xquad_r(tmp_path)


def test_a_language_whose_name_is_not_utf8(tmp_path: Path) -> None:
    write(tmp_path, en=ENGLISH)
    (tmp_path / "en.json").rename(tmp_path / os.fsdecode(b"e\xff.json"))
    with fails(f"{tmp_path}/e\\xff.json names a language in letters that are not UTF-8: rename"):
        load_xquad_r(tmp_path)


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (["en", "fr"], "has no language 'fr'; it has de, en"),
        (["en", "de", "en"], "languages names 'en' more than once; name each once"),
        ([], "languages is empty; name at least one, or give None for all"),
        ("en", "languages is the string 'en'; give a list, ['en']"),
        (["en", None], "has no language None; it has de, en"),
    ],
)
def test_languages_that_cannot_be_read(tmp_path: Path, languages: Any, message: str) -> None:
    with fails(message):
        load_xquad_r(write(tmp_path, en=ENGLISH, de=GERMAN), languages)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("en.json", b'{"data": [\n}', "is not JSON (Expecting value: line 2 column 1 (char 11))"),
        ("en.json", b"", "is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("en.json", b'{"data": "\xff"}', "is not JSON ('utf-8' codec can't decode byte 0xff"),
        ("en.json", b"[" * 1_000_000, "is not JSON ("),
        (
            "en.json",
            b'{"data": [], "version": 1, "data": [1]}',
            "is not JSON (an object has the key 'data' twice);",
        ),
        ("en.json.gz", b"{}", "is not a whole .json.gz file (Not a gzipped file"),
        ("en.json.gz", gzip.compress(b"{}")[:-4], "is not a whole .json.gz file ("),
        ("en.json.gz", b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 9, "is not a whole .json.gz file ("),
        ("en.json.xz", b"{}", "is not a whole .json.xz file ("),
        ("en.json.xz", lzma.compress(b"{}")[:-4], "is not a whole .json.xz file ("),
    ],
)
def test_a_broken_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with fails(f"{tmp_path / name} {message}") as caught:
        load_xquad_r(tmp_path)
    assert "take the file from https://github.com/google-research-datasets/lareqa" in str(
        caught.value
    )


P = ("data", 0, "paragraphs", 0)


BROKEN = [
    (english("data"), "the top level has no 'data'"),
    ([], "the top level has no 'data'"),
    (english("data", value={}), "the top level: 'data' is dict, not list"),
    (english("data", value=[]), "'data' holds no question"),
    (english("data", 1, "paragraphs"), "data[1] has no 'paragraphs'"),
    (english("data", 1, value=3), "data[1] has no 'paragraphs'"),
    (english(*P, "context"), "data[0].paragraphs[0] has no 'context'"),
    (
        english(*P, "context", value="\udc00"),
        "data[0].paragraphs[0]: 'context' holds half a character, one of two surrogates",
    ),
    (english(*P, "context", value=7), "data[0].paragraphs[0]: 'context' is int, not str"),
    (english(*P, "qas"), "data[0].paragraphs[0] has no 'qas'"),
    (english(*P, "sentence_breaks"), "data[0].paragraphs[0] has no 'sentence_breaks'"),
    (
        english(*P, "sentence_breaks", 1, value=[8, 19]),
        "data[0].paragraphs[0].sentence_breaks[1] is [8, 19], "
        "not [start, end] with 9 <= start < end <= 29",
    ),
    (
        english(*P, "sentence_breaks", 0, value=[False, 9]),
        "data[0].paragraphs[0].sentence_breaks[0] is [False, 9], not [start, end] with 0 <= start",
    ),
    (
        english(*P, "sentence_breaks", 2, value=[20, 30]),
        "data[0].paragraphs[0].sentence_breaks[2] is [20, 30], "
        "not [start, end] with 19 <= start < end <= 29",
    ),
    (english(*P, "sentence_breaks", 1, value=[10, 10]), "sentence_breaks[1] is [10, 10], not"),
    (english(*P, "sentence_breaks", 1, value=[10]), "sentence_breaks[1] is [10], not"),
    (english(*P, "sentence_breaks", 1, value="10-19"), "sentence_breaks[1] is '10-19', not"),
    (english(*P, "qas", 1, "id"), "data[0].paragraphs[0].qas[1] has no 'id'"),
    (english(*P, "qas", 1, "question"), "data[0].paragraphs[0].qas[1] has no 'question'"),
    (english(*P, "qas", 1, "answers"), "data[0].paragraphs[0].qas[1] has no 'answers'"),
    (english(*P, "qas", 1, "answers", value=[]), "paragraphs[0].qas[1].answers is empty"),
    (
        english(*P, "qas", 1, "answers", 0, "answer_start"),
        "data[0].paragraphs[0].qas[1].answers[0] has no 'answer_start'",
    ),
    (
        english(*P, "qas", 1, "answers", 0, "answer_start", value=True),
        "data[0].paragraphs[0].qas[1].answers[0]: 'answer_start' is bool, not int",
    ),
    *(
        (
            english(*P, "qas", 1, "answers", 0, "answer_start", value=start),
            f"paragraphs[0].qas[1].answers[0] starts at {start}, which lies in no sentence",
        )
        for start in (-1, 9, 29, 1000)
    ),
    (
        english("data", 1, "paragraphs", 0, "qas", 0, "id", value="q1"),
        "data[1].paragraphs[0].qas[0] repeats question id 'q1' of data[0].paragraphs[0].qas[0]",
    ),
]


@pytest.mark.parametrize(("document", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_a_broken_document(tmp_path: Path, document: Any, message: str) -> None:
    write(tmp_path, en=document, de=GERMAN)
    with fails(message) as caught:
        load_xquad_r(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'en.json'}: ")
    assert "https://github.com/google-research-datasets/lareqa" in str(caught.value)


def test_questions_that_are_not_parallel(tmp_path: Path) -> None:
    write(tmp_path, en=english("data", 1, "paragraphs", 0, "qas", 0), de=GERMAN)
    with fails(
        f"{tmp_path}: question 'q3', asked in 'de', has relevant sentences in ['de']; "
        "XQuAD-R has exactly one in each of ['de', 'en'], take its files from"
    ):
        load_xquad_r(tmp_path)
    assert load_lareqa("MLQA-R", tmp_path, None).indptr.tolist() == [0, 1, 3, 5, 7, 9]


def test_two_answers_in_one_language_are_not_xquad_r(tmp_path: Path) -> None:
    two = [{"answer_start": 20}, {"answer_start": 0}, {"answer_start": 21}]
    write(tmp_path, en=english(*P, "qas", 0, "answers", value=two))
    assert load_lareqa("MLQA-R", tmp_path, None).indices.tolist() == [0, 2, 1, 3]
    with fails("question 'q1', asked in 'en', has relevant sentences in ['en', 'en']; XQuAD-R"):
        load_xquad_r(tmp_path)

"""Benchmarks: the shipped XQuAD-R against the paper's counts, the rules against a naive oracle."""

import gzip
import importlib.util
import json
import lzma
import re
import tempfile
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridsampler.benchmarks import Benchmark, load_xquad_r
from hybridsampler.benchmarks.lareqa import load_lareqa

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "examples" / "data"
SHIPPED = DATA / "xquad-r"
OFFICIAL = ROOT.parent / "shared" / "data" / "xquad-r"
CANDIDATES = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244,
    "ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip


@pytest.fixture(scope="module")
def xquad_r() -> Benchmark:
    return load_xquad_r(SHIPPED)


# The shipped data


def test_counts_are_the_papers(xquad_r: Benchmark) -> None:
    assert xquad_r.name == "XQuAD-R"
    assert xquad_r.languages == sorted(CANDIDATES)
    assert Counter(xquad_r.query_languages) == dict.fromkeys(CANDIDATES, 1190)
    assert Counter(xquad_r.candidate_languages) == CANDIDATES
    assert len(xquad_r.queries) == 13_090
    assert len(xquad_r.candidates) == 13_014
    assert len(xquad_r.indices) == 143_990
    assert len(np.unique(xquad_r.indices)) == 8_519


def test_every_query_has_one_relevant_candidate_in_each_language(xquad_r: Benchmark) -> None:
    languages = np.array(xquad_r.candidate_languages)[xquad_r.indices].reshape(-1, 11)
    assert (languages == sorted(CANDIDATES)).all()


def test_equal_texts_are_not_merged(xquad_r: Benchmark) -> None:
    english = texts_in("en", xquad_r.queries, xquad_r.query_languages)
    assert (len(english), len(set(english))) == (1190, 1187)
    for language in ("ar", "hi", "ru", "tr", "zh"):
        sentences = texts_in(language, xquad_r.candidates, xquad_r.candidate_languages)
        assert len(set(sentences)) < len(sentences) == CANDIDATES[language]


def texts_in(language: str, texts: list[str], languages: list[str]) -> list[str]:
    return [text for text, found in zip(texts, languages, strict=True) if found == language]


def test_a_known_question(xquad_r: Benchmark) -> None:
    asked = zip(xquad_r.query_ids, xquad_r.query_languages, strict=True)
    q = list(asked).index(("56beb4343aeaaa14008c925b", "en"))
    assert xquad_r.queries[q] == "How many points did the Panthers defense surrender?"
    relevant = xquad_r.indices[xquad_r.indptr[q] : xquad_r.indptr[q + 1]]
    answer = next(i for i in relevant if xquad_r.candidate_languages[i] == "en")
    assert xquad_r.candidate_ids[answer] == "en/0/0"
    assert xquad_r.candidates[answer].startswith("The Panthers defense gave up just 308 points")
    assert xquad_r.candidate_contexts[answer].startswith(xquad_r.candidates[answer])


@pytest.mark.parametrize("form", [".json", ".json.gz"])
def test_every_form_gives_the_same_benchmark(tmp_path: Path, form: str) -> None:
    for language in ("th", "en"):
        raw = lzma.decompress((SHIPPED / f"{language}.json.xz").read_bytes())
        (tmp_path / f"{language}{form}").write_bytes(
            gzip.compress(raw) if form == ".json.gz" else raw
        )
    plain = load_xquad_r(tmp_path)
    assert plain == load_xquad_r(str(SHIPPED), languages=["th", "en"])
    assert plain.languages == ["en", "th"]
    assert len(plain.indices) == 2 * 2 * 1190


def test_the_order_of_the_languages_does_not_matter() -> None:
    assert load_xquad_r(SHIPPED, ["th", "en"]) == load_xquad_r(SHIPPED, iter(["en", "th"]))


def test_shipped_files_are_the_official_bytes() -> None:
    if not OFFICIAL.is_dir():
        pytest.skip(f"{OFFICIAL} is not there: the official files are compared in development only")
    for language in CANDIDATES:
        shipped = lzma.decompress((SHIPPED / f"{language}.json.xz").read_bytes())
        assert shipped == (OFFICIAL / f"{language}.json").read_bytes(), language


# The training data beside it


def test_training_data_holds_no_text_of_the_benchmark(xquad_r: Benchmark) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(DATA / "train.parquet", columns=["query", "passage"])
    held_out = {*xquad_r.queries, *xquad_r.candidates, *xquad_r.candidate_contexts}
    for column in ("query", "passage"):
        assert held_out.isdisjoint(table[column].to_pylist())


def test_training_data_is_what_the_script_makes() -> None:
    pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    full = OFFICIAL.parent / "train"
    if not full.is_dir():
        pytest.skip(f"{full} is not there: the full training files do not ship")
    spec = importlib.util.spec_from_file_location("make_train", DATA / "make_train.py")
    assert spec is not None
    assert spec.loader is not None
    make_train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_train)
    shipped = parquet.read_table(DATA / "train.parquet")
    assert shipped.equals(make_train.build(full))
    groups = set(zip(shipped["source"].to_pylist(), shipped["group_id"].to_pylist(), strict=True))
    assert Counter(source for source, _ in groups) == {"ntrex": 1868, "lessons": 680}
    assert len(shipped) == len(groups) * len(CANDIDATES)
    assert set(shipped["lang"].to_pylist()) == set(CANDIDATES)


# A small benchmark, made by hand: two languages, parallel, with equal sentences and a gap

ENGLISH = {
    "data": [
        {
            "title": "Ants",
            "paragraphs": [
                {
                    "context": "Ants dig. They eat. Ants dig.",
                    "sentence_breaks": [[0, 9], [10, 19], [20, 29]],
                    "qas": [
                        {"id": "q1", "question": "Who digs?", "answers": [{"answer_start": 20}]},
                        {"id": "q2", "question": "Who eats?", "answers": [{"answer_start": 10}]},
                    ],
                }
            ],
        },
        {
            "title": "Bees",
            "paragraphs": [
                {
                    "context": "Bees fly.",
                    "sentence_breaks": [[0, 9]],
                    "qas": [
                        {"id": "q3", "question": "Who flies?", "answers": [{"answer_start": 8}]}
                    ],
                }
            ],
        },
    ],
}
GERMAN = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "Bienen fliegen. Ameisen graben. Sie essen.",
                    "sentence_breaks": [[0, 15], [16, 31], [32, 42]],
                    "qas": [
                        {"id": "q3", "question": "Wer fliegt?", "answers": [{"answer_start": 0}]},
                        {"id": "q1", "question": "Wer gräbt?", "answers": [{"answer_start": 16}]},
                        {"id": "q2", "question": "Wer isst?", "answers": [{"answer_start": 36}]},
                    ],
                }
            ]
        }
    ],
}


def write(folder: Path, **documents: Any) -> Path:
    for language, document in documents.items():
        (folder / f"{language}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def english(*path: str | int, value: Any = None) -> Any:
    """A copy of ENGLISH with the value at `path` replaced, or taken out where it is None."""
    document = json.loads(json.dumps(ENGLISH))
    *before, last = path
    inner = document
    for step in before:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return document


def test_a_small_benchmark_made_by_hand(tmp_path: Path) -> None:
    ants, bees, german = (
        "Ants dig. They eat. Ants dig.",
        "Bees fly.",
        "Bienen fliegen. Ameisen graben. Sie essen.",
    )
    expected = Benchmark(
        name="XQuAD-R",
        queries=["Wer fliegt?", "Wer gräbt?", "Wer isst?", "Who digs?", "Who eats?", "Who flies?"],
        query_ids=["q3", "q1", "q2", "q1", "q2", "q3"],
        query_languages=["de", "de", "de", "en", "en", "en"],
        candidates=[
            "Bienen fliegen.", "Ameisen graben.", "Sie essen.",
            "Ants dig.", "They eat.", "Ants dig.", "Bees fly.",
        ],
        candidate_ids=["de/0/0", "de/0/1", "de/0/2", "en/0/0", "en/0/1", "en/0/2", "en/1/0"],
        candidate_contexts=[german, german, german, ants, ants, ants, bees],
        candidate_languages=["de", "de", "de", "en", "en", "en", "en"],
        indptr=np.array([0, 2, 4, 6, 8, 10, 12]),
        indices=np.array([0, 6, 1, 5, 2, 4, 1, 5, 2, 4, 0, 6]),
    )  # fmt: skip
    found = load_xquad_r(write(tmp_path, en=ENGLISH, de=GERMAN))
    for field in fields(Benchmark):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))
    assert found == expected
    assert found.languages == ["de", "en"]
    assert found.indptr.dtype == found.indices.dtype == np.int64


# Any benchmark in LAReQA's layout, parallel or not, against a naive oracle


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """One language: paragraphs of sentences with gaps, questions with one or more answers."""
    free = draw(st.permutations(list("abcdef")))
    paragraphs: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        context, breaks = "", []
        for _ in range(draw(st.integers(1, 3))):
            context += " " * draw(st.integers(0, 2))
            sentence = draw(st.text("xyé𝄞", min_size=1, max_size=3))
            breaks.append([len(context), len(context) + len(sentence)])
            context += sentence
        inside = [at for start, end in breaks for at in range(start, end)]
        answers = st.lists(st.sampled_from(inside), min_size=1, max_size=3)
        paragraphs.append({
            "context": context,
            "sentence_breaks": breaks,
            "qas": [
                {
                    "id": free.pop(),
                    "question": draw(st.sampled_from(["who?", "why?"])),
                    "answers": [{"answer_start": start} for start in draw(answers)],
                }
                for _ in range(draw(st.integers(0 if paragraphs else 1, 2)))
            ],
        })  # fmt: skip
    return {"data": [{"paragraphs": paragraphs[:1]}, {"paragraphs": paragraphs[1:]}]}


def naive(files: dict[str, Any]) -> tuple[list[str], list[str], list[set[str]]]:
    """(question, id, language) and candidate lines, and per query the relevant candidate ids."""
    queries: list[tuple[str, str, str]] = []
    candidates: list[str] = []
    starts: list[tuple[str, str]] = []
    for language in sorted(files):
        number = 0
        for article in files[language]["data"]:
            for paragraph in article["paragraphs"]:
                for s, (start, end) in enumerate(paragraph["sentence_breaks"]):
                    text = paragraph["context"][start:end]
                    name = f"{language}/{number}/{s}"
                    candidates.append(f"{name} {language} {text} {paragraph['context']}")
                    starts += [
                        (question["id"], name)
                        for question in paragraph["qas"]
                        for answer in question["answers"]
                        if start <= answer["answer_start"] < end
                    ]
                queries += [(q["question"], q["id"], language) for q in paragraph["qas"]]
                number += 1
    relevant = [{name for other, name in starts if other == query[1]} for query in queries]
    return [" ".join(query) for query in queries], candidates, relevant


@settings(deadline=None)
@given(files=st.dictionaries(st.sampled_from(["de", "en", "zh"]), documents(), min_size=1))
def test_any_folder_equals_the_naive_oracle(files: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = load_lareqa("any", write(Path(folder), **files), None)
    queries, candidates, relevant = naive(files)
    asked = zip(found.queries, found.query_ids, found.query_languages, strict=True)
    assert [" ".join(query) for query in asked] == queries
    offered = zip(
        found.candidate_ids,
        found.candidate_languages,
        found.candidates,
        found.candidate_contexts,
        strict=True,
    )
    assert [" ".join(candidate) for candidate in offered] == candidates
    slices = np.split(found.indices, found.indptr[1:-1])
    assert [[found.candidate_ids[i] for i in row] for row in slices] == [
        [name for name in found.candidate_ids if name in names] for names in relevant
    ]


# Errors: each names the file or the value, and the place


def fails(message: str, error: type[Exception] = ValueError) -> Any:
    return pytest.raises(error, match=re.escape(message))


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with fails(f"{tmp_path / 'none'} is not a folder; give the folder of", FileNotFoundError):
        load_xquad_r(tmp_path / "none")
    (tmp_path / "README.md").write_text("no data")
    with fails(f"{tmp_path} has no LANG.json, LANG.json.gz or LANG.json.xz", FileNotFoundError):
        load_xquad_r(tmp_path)


def test_a_language_in_two_forms(tmp_path: Path) -> None:
    write(tmp_path, en=ENGLISH)
    (tmp_path / "en.json.gz").write_bytes(gzip.compress(json.dumps(ENGLISH).encode()))
    both = f"{tmp_path / 'en.json'} and {tmp_path / 'en.json.gz'}"
    with fails(f"language 'en' is there twice, as {both}; keep one"):
        load_xquad_r(tmp_path)


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (["en", "fr"], "has no language 'fr'; it has de, en"),
        (["en", "de", "en"], "languages names 'en' more than once; name each once"),
        ([], "languages is empty; name at least one, or give None for all"),
        ("en", "languages is the string 'en'; give a list, ['en']"),
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
    (english(*P, "context", value=7), "data[0].paragraphs[0]: 'context' is int, not str"),
    (english(*P, "qas"), "data[0].paragraphs[0] has no 'qas'"),
    (english(*P, "sentence_breaks"), "data[0].paragraphs[0] has no 'sentence_breaks'"),
    (
        english(*P, "sentence_breaks", 1, value=[8, 19]),
        "data[0].paragraphs[0].sentence_breaks[1] is [8, 19], "
        "not [start, end] with 9 <= start < end <= 29",
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


# Benchmark itself

GOOD: dict[str, Any] = {
    "name": "hand",
    "queries": ["a?", "b?"],
    "query_ids": ["a", "b"],
    "query_languages": ["en", "fr"],
    "candidates": ["x", "y", "z"],
    "candidate_ids": ["0", "1", "2"],
    "candidate_contexts": ["x y", "x y", "z"],
    "candidate_languages": ["de", "en", "fr"],
    "indptr": np.array([0, 2, 3]),
    "indices": np.array([0, 2, 1]),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_ids": ["a"]}, "query_ids has 1 entries but queries has 2; give one for each"),
        ({"query_languages": []}, "query_languages has 0 entries but queries has 2"),
        ({"candidate_ids": ["0"]}, "candidate_ids has 1 entries but candidates has 3"),
        ({"candidate_contexts": ["x"]}, "candidate_contexts has 1 entries but candidates has 3"),
        ({"candidate_languages": ["x"]}, "candidate_languages has 1 entries but candidates has 3"),
        (
            {"candidate_ids": ["0", "1", "0"]},
            "candidate_ids[2] = '0' repeats candidate_ids[0]; ids must be unique",
        ),
        ({"indptr": np.array([0, 3])}, "indptr has 2 entries for 2 queries; it needs 3"),
        ({"indptr": np.array([1, 2, 3])}, "indptr runs from 1 to 3; it must run from 0 to"),
        ({"indptr": np.array([0, 2, 4])}, "indptr runs from 0 to 4; it must run from 0 to"),
        ({"indptr": np.array([0, 4, 3])}, "indptr falls from 4 to 3 at query 1"),
        ({"indptr": np.zeros(3, np.int32)}, "indptr is int32 of shape (3,); give a one-dim"),
        ({"indices": [0, 2, 1]}, "indices is list; give a one-dimensional int64 array"),
        ({"indices": np.zeros((3, 1), np.int64)}, "indices is int64 of shape (3, 1); give"),
        (
            {"indices": np.array([0, 2, 3])},
            "indices[2] = 3 (query 1, 'b' in 'fr') is not one of the 3 candidates",
        ),
        ({"indices": np.array([-1, 2, 1])}, "indices[0] = -1 (query 0, 'a' in 'en') is not one"),
        (
            {"indices": np.array([2, 0, 1])},
            "indices of query 0, 'a' in 'en' go from 2 to 0; they must be strictly ascending",
        ),
        ({"indices": np.array([2, 2, 1])}, "indices of query 0, 'a' in 'en' go from 2 to 2;"),
    ],
)
def test_a_benchmark_that_does_not_hold_together(changes: dict[str, Any], message: str) -> None:
    with fails(message):
        Benchmark(**(GOOD | changes))


@given(st.lists(st.sets(st.integers(0, 2)), max_size=6))
def test_every_ascending_relevance_is_accepted(relevant: list[set[int]]) -> None:
    benchmark = Benchmark(
        **GOOD
        | {
            "queries": [""] * len(relevant),
            "query_ids": [""] * len(relevant),
            "query_languages": ["en"] * len(relevant),
            "indptr": np.cumsum([0, *map(len, relevant)]),
            "indices": np.array([i for row in relevant for i in sorted(row)], np.int64),
        }
    )
    assert benchmark.languages == ["de", "en", "fr"]


def test_equality_sees_every_field() -> None:
    good = Benchmark(**GOOD)
    assert good == Benchmark(**GOOD)
    assert good != "hand"
    changes: list[dict[str, Any]] = [
        {"name": "other"},
        {"queries": ["a?", "c?"]},
        {"candidate_contexts": ["x y", "x y", "zz"]},
        {"indptr": np.array([0, 1, 3]), "indices": np.array([0, 1, 2])},
        {"indices": np.array([0, 2, 2])},
    ]
    for change in changes:
        assert good != Benchmark(**(GOOD | change))
    with pytest.raises(TypeError, match="unhashable type: 'Benchmark'"):
        hash(good)

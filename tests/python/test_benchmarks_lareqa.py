"""XQuAD-R and MLQA-R: the paper's counts, and the rules of the layout against a naive oracle."""

import gzip
import importlib.util
import json
import lzma
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridsampler.benchmarks import Benchmark, load_mlqa_r, load_xquad_r
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


def texts_in(language: str, texts: Iterable[str], languages: Iterable[str]) -> list[str]:
    return [text for text, found in zip(texts, languages, strict=True) if found == language]


def test_a_known_question(xquad_r: Benchmark) -> None:
    asked = zip(xquad_r.query_ids, xquad_r.query_languages, strict=True)
    q = list(asked).index(("56beb4343aeaaa14008c925b", "en"))
    assert xquad_r.queries[q] == "How many points did the Panthers defense surrender?"
    relevant = xquad_r.indices[xquad_r.indptr[q] : xquad_r.indptr[q + 1]]
    answer = next(i for i in relevant if xquad_r.candidate_languages[i] == "en")
    assert list(xquad_r.candidate_ids)[answer] == "en/0/0"
    sentence = list(xquad_r.candidates)[answer]
    assert sentence.startswith("The Panthers defense gave up just 308 points")
    assert contexts(xquad_r)[answer].startswith(sentence)


def contexts(benchmark: Benchmark) -> list[str]:
    assert benchmark.candidate_contexts is not None
    return list(benchmark.candidate_contexts)


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
    held_out = {*xquad_r.queries, *xquad_r.candidates, *contexts(xquad_r)}
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
        grades=np.ones(12, np.int64),
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
        contexts(found),
        strict=True,
    )
    assert [" ".join(candidate) for candidate in offered] == candidates
    slices = np.split(found.indices, found.indptr[1:-1])
    ids = list(found.candidate_ids)
    assert [[ids[i] for i in row] for row in slices] == [
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


# MLQA-R: the same layout, not parallel. The official files do not ship: CC BY-NC.

MLQA_R = Path(os.environ.get("HYBRIDSAMPLER_MLQA_R", OFFICIAL.parent / "mlqa-r"))
# Queries and candidates, from Table 3 of arXiv 2004.05484 as arXiv 2408.10536 repeats it.
MLQA_R_COUNTS = {
    "ar": (517, 2545), "de": (512, 2362), "en": (1148, 6264), "es": (500, 1787),
    "hi": (507, 2426), "vi": (511, 2828), "zh": (504, 2322),
}  # fmt: skip


def counts(benchmark: Benchmark) -> dict[str, tuple[int, int]]:
    queries = Counter(benchmark.query_languages)
    candidates = Counter(benchmark.candidate_languages)
    return {name: (queries[name], candidates[name]) for name in benchmark.languages}


def test_the_official_mlqa_r_has_the_counts_of_the_paper() -> None:
    if not MLQA_R.is_dir():
        pytest.skip(f"{MLQA_R} is not there: name the official folder by HYBRIDSAMPLER_MLQA_R")
    assert counts(load_mlqa_r(MLQA_R)) == MLQA_R_COUNTS


def mlqa(asked: dict[str, list[int]], sentences: dict[str, int]) -> dict[str, Any]:
    """Files of languages in which question `q` is number `q` of the sentences of its language."""
    files = {}
    for language, questions in asked.items():
        context = " ".join(f"{language}{n:03d}." for n in range(sentences[language]))
        width = len(language) + 5
        files[language] = {
            "version": 1.0,
            "data": [
                {
                    "title": language,
                    "paragraphs": [
                        {
                            "context": context,
                            "qas": [
                                {
                                    "question": f"{language} {q}?",
                                    "answers": [{"text": f"{q}", "answer_start": q * width}],
                                    "id": f"q{q}",
                                }
                                for q in questions
                            ],
                            "sentence_breaks": [
                                [n * width, n * width + width - 1]
                                for n in range(sentences[language])
                            ],
                            "sentences": [f"{language}{n}." for n in range(sentences[language])],
                        }
                    ],
                }
            ],
        }
    return files


def test_mlqa_r_is_not_parallel(tmp_path: Path) -> None:
    asked = {"de": [0, 2, 3], "en": [0, 1, 2, 3], "vi": [1, 0], "zh": [0, 2]}
    sentences = {"de": 7, "en": 9, "vi": 4, "zh": 3}
    found = load_mlqa_r(write(tmp_path, **mlqa(asked, sentences)))
    assert found.name == "MLQA-R"
    assert counts(found) == {name: (len(asked[name]), sentences[name]) for name in asked}
    firsts = {"de": 0, "en": 7, "vi": 16, "zh": 20}
    expected = [
        [firsts[name] + q for name in asked if q in asked[name]]
        for language in asked
        for q in asked[language]
    ]
    assert [row.tolist() for row in np.split(found.indices, found.indptr[1:-1])] == expected
    assert found.grades.tolist() == [1] * len(found.indices)
    assert set(np.diff(found.indptr)) == {2, 4, 3}


def test_questions_of_one_language_or_of_five_are_not_mlqa_r(tmp_path: Path) -> None:
    languages = ["ar", "de", "en", "es", "hi"]
    asked = {name: [0, 1] for name in languages} | {"ar": [0]}
    write(tmp_path, **mlqa(asked, dict.fromkeys(languages, 3)))
    source = "take its files from https://github.com/google-research-datasets/lareqa"
    with fails(
        f"{tmp_path}: question 'q0', asked in 'ar', has 5 relevant sentences; "
        f"MLQA-R has 2 to 4, {source}"
    ):
        load_mlqa_r(tmp_path)
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    write(lonely, **mlqa({"de": [0, 1], "en": [0]}, {"de": 2, "en": 2}))
    with fails("question 'q1', asked in 'de', has 1 relevant sentences; MLQA-R has 2 to 4"):
        load_mlqa_r(lonely)
    # With languages left out nobody can tell.
    assert counts(load_mlqa_r(lonely, ["de"])) == {"de": (2, 2)}

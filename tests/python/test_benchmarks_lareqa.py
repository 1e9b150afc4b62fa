"""XQuAD-R: the paper's counts, and the rules of the layout against a naive oracle."""

import gzip
import importlib.util
import lzma
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

from hybridsampler.benchmarks import Benchmark, load_xquad_r
from hybridsampler.benchmarks.lareqa import load_lareqa
from lareqa_files import ENGLISH, GERMAN, write

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


def test_repr_tells_the_size(xquad_r: Benchmark) -> None:
    assert repr(xquad_r) == (
        "<Benchmark 'XQuAD-R': 13,090 queries, 13,014 candidates, "
        "ar, de, el, en, es, hi, ru, th, tr, vi, zh>"
    )


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

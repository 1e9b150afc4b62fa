"""MLQA-R: LAReQA's layout, not parallel. The official files do not ship: CC BY-NC."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybridsampler.benchmarks import Benchmark, load_mlqa_r
from lareqa_files import fails, write

ROOT = Path(__file__).resolve().parents[2]

MLQA_R = Path(os.environ.get("HYBRIDSAMPLER_MLQA_R", ROOT.parent / "shared" / "data" / "mlqa-r"))


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

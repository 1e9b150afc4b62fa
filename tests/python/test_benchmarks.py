"""What every benchmark promises, and the benchmarks by name."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.benchmarks import BENCHMARKS, Benchmark, load_benchmark, load_xquad_r
from hybridsampler.benchmarks.languages import LanguageColumn

SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "data" / "xquad-r"


def fails(message: str, error: type[Exception] = ValueError) -> Any:
    return pytest.raises(error, match=re.escape(message))


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
    "grades": np.array([1, 0, 3]),
}
OWN: dict[str, Any] = GOOD | {
    "candidate_languages": ["en", "en", "fr"],
    "indices": np.array([0, 1, 2]),
    "monolingual": True,
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
        ({"grades": np.array([1])}, "grades has 1 entries but indices has 3; give one for each"),
        ({"grades": [1, 1, 1]}, "grades is list; give a one-dimensional int64 array"),
        (
            {"grades": np.array([1, 1, -2])},
            "grades[2] = -2 (query 1, 'b' in 'fr') is below 0; give 0 to a candidate that is not",
        ),
        (
            OWN | {"candidate_languages": ["en", "fr", "en"], "indices": np.array([0, 2, 1])},
            "candidate_languages comes back to 'en' at 2; in a monolingual benchmark the candid",
        ),
        (
            OWN | {"query_languages": ["en", "de"]},
            "query 1, 'b', is in 'de', in which there is no candidate; in a monolingual benchmark",
        ),
        (
            OWN | {"indices": np.array([0, 2, 2])},
            "candidate 2, judged for query 0, 'a' in 'en', is in 'fr'; in a monolingual benchmark",
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
            "grades": np.zeros(sum(map(len, relevant)), np.int64),
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
        {"grades": np.array([1, 0, 2])},
        {"candidate_contexts": None},
    ]
    for change in changes:
        assert good != Benchmark(**(GOOD | change))
    with pytest.raises(TypeError, match="unhashable type: 'Benchmark'"):
        hash(good)


def test_contexts_may_be_missing_and_queries_may_stay_among_their_own() -> None:
    benchmark = Benchmark(**(OWN | {"candidate_contexts": None}))
    assert benchmark.runs() == [("en", 0, 2), ("fr", 2, 3)]
    assert [part.tolist() for part in benchmark.judged] == [[0, 2, 3], [0, 1, 2], [1, 0, 3]]


@given(st.lists(st.sampled_from(["de", "en", "zh-Hant", ""]), max_size=12), st.data())
def test_a_column_of_languages_is_the_list_of_its_names(
    names: list[str], data: st.DataObject
) -> None:
    column = LanguageColumn.of(names)
    assert list(column) == names
    assert column == LanguageColumn.of(iter(names))
    assert LanguageColumn.of(column) is column
    part = data.draw(st.slices(len(names)))
    assert list(column[part]) == names[part]
    assert [column[at] for at in range(len(names))] == names
    assert column.present() == set(names)
    assert column[part].present() == set(names[part])
    runs = column.runs()
    assert [name for name, start, stop in runs for _ in range(start, stop)] == names
    assert all(first[0] != second[0] for first, second in pairwise(runs))
    assert column != [*names, "en"]
    assert column != LanguageColumn.of([*names, "en"])


def test_too_many_languages_are_refused() -> None:
    with fails("there are 65537 different languages, at most 65,536 can be told apart"):
        LanguageColumn.of(map(str, range(65_537)))


# By name


def test_a_benchmark_by_name() -> None:
    assert list(BENCHMARKS) == ["xquad-r", "mlqa-r", "miracl", "mr-tydi", "plain"]
    assert load_benchmark("xquad-r", SHIPPED, ["en"]) == load_xquad_r(SHIPPED, ["en"])
    with fails("unknown benchmark 'xquad': choose from xquad-r, mlqa-r, miracl, mr-tydi, plain"):
        load_benchmark("xquad", SHIPPED)
    with fails("mlqa-r has no data set of its own on the hub: give its folder"):
        load_benchmark("mlqa-r")
    with fails("a plain benchmark is read whole: leave the languages out"):
        load_benchmark("plain", SHIPPED, ["en"])

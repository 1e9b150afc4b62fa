"""evaluate: what it refuses, by which words."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from counting import refusal
from hybridsampler import Evaluation, RankCounter, evaluate
from hybridsampler.evaluation import SETTINGS
from hybridsampler.measures import Measure
from hybridsampler.pools import PoolSizes
from hybridsampler.reporting import Request
from hybridsampler.scoring import Options
from naive_ranking import (
    csr,
)
from three_languages import CANDIDATES, COMPLETE, LANGUAGES, by_hand

SOUND: dict[str, Any] = {
    "queries": np.array([[1], [-1], [1]], np.float32),
    "candidates": CANDIDATES,
    "relevant": csr(relevant for *_, relevant in COMPLETE),
    "query_languages": ["en", "de", "fr"],
    "candidate_languages": LANGUAGES,
}
NOT_FINITE = CANDIDATES.copy()
NOT_FINITE[4] = np.nan
NOT_JUDGED = CANDIDATES.copy()
NOT_JUDGED[5] = np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"query_languages": ["en", "de"]},
            "query_languages has 2 entries for 3 rows: give one each",
        ),
        (
            {"query_languages": ["en"] * 4},
            "query_languages has 4 entries for 3 rows: give one each",
        ),
        (
            {"candidate_languages": LANGUAGES[1:]},
            "candidate 5 is judged but the candidates are 0 to 4, as candidate_languages has 5 "
            "entries",
        ),
        (
            {"candidate_languages": [*LANGUAGES, "en"]},
            "candidate_languages has 7 entries for 6 rows: give one each",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 6, 2])},
            "candidate 6 is judged but the candidates are 0 to 5, as candidate_languages has 6 "
            "entries",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, -2, 2])},
            "query 1 names candidate -2: ids are 0 or more",
        ),
        (
            {"relevant": ([0, 1, 2], [0, 1])},
            "there are 3 queries but judged lists for 2: give one list each",
        ),
        (
            {"relevant": ([0, 1, 2, 4], [0, 1, 2])},
            "relevant: indptr must rise from 0 to the number of indices, 3; it holds 4 numbers "
            "from 0 to 4",
        ),
        (
            {"relevant": ([0, 1, 3, 4], [0, 1, 1, 2])},
            "candidate 1 is judged twice for query 1: name it once",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 1, 2], [1, -3, 1])},
            "query 1 gives candidate 1 the negative grade -3: grades are 0 (judged, not relevant) "
            "or more",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 1, 2], [1, 1])},
            "3 judged candidates have 2 grades: give one each",
        ),
        (
            {"relevant": ([0, 1, 1, 2], [0, 1])},
            "query 1 has no relevant candidate (1 queries have none): leave such queries out, or "
            "give empty='zero' or empty='skip'",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 1, 2], [1, 0, 0])},
            "query 1 has no relevant candidate (2 queries have none): leave such queries out, or "
            "give empty='zero' or empty='skip'",
        ),
        (
            {"queries": np.array([[1], [1], [np.inf]], np.float32)},
            "query 2 holds NaN or infinity: scores need finite vectors; check the encoder's output",
        ),
        (
            {"candidates": NOT_JUDGED, "relevant": ([0, 1, 2, 3], [0, 1, 2])},
            "candidate 5 (row 5 of its block) holds NaN or infinity: scores need finite vectors; "
            "check the encoder's output",
        ),
        (
            {"queries": np.ones((3, 2), np.float32)},
            "the candidates have dimension 1 but the queries 2: encode both with one model",
        ),
        (
            {"measures": ["AP", "ERR"]},
            "unknown measure 'ERR': choose AP, nDCG, RR, R, P, Success or Judged, written as AP, "
            "AP(rel=2)@100 or nDCG(dcg='exp-log2')@10, or trec_eval's map, map_cut_10, ndcg, "
            "ndcg_cut_10, recip_rank, P_10, recall_10 or success_10",
        ),
        ({"measures": ["R"]}, "measure 'R' needs a cutoff of at least 1, as in R@10"),
        ({"similarity": "euclid"}, "similarity='euclid': choose 'dot' or 'cosine'"),
        ({"empty": "drop"}, "empty='drop': choose 'zero', 'skip' or 'error'"),
        (
            {"exclude": ([0, 1, 1, 1], [1])},
            "query 0 excludes candidate 1, which it also judges: do one or the other",
        ),
        ({"threads": 0}, "threads=0: give at least 1, or None for all processors"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    with refusal(message):
        evaluate(**SOUND | arguments)


def test_a_judged_candidate_that_is_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match=r"^candidate 4 \(row \d of its block\) holds NaN or inf"):
        evaluate(**SOUND | {"candidates": NOT_FINITE})


def test_threads_are_a_whole_number() -> None:
    message = "threads={!r}: give a whole number of at least 1, or None for all processors"
    for threads in ("2", 2.0):
        with refusal(message.format(threads), TypeError):
            evaluate(**SOUND | {"threads": threads})
    measured = [
        evaluate(**SOUND | {"threads": threads})["multilingual"]
        for threads in (1, np.int64(3), 2**100)
    ]
    assert measured == measured[:1] * 3


def test_float64_is_refused() -> None:
    for name in ("queries", "candidates"):
        with pytest.raises(TypeError, match=r" has dtype float64: give float32, float16 or bfloa"):
            evaluate(**SOUND | {name: SOUND[name].astype(np.float64)})


def test_languages_that_are_no_names() -> None:
    """Numbers and missing values would be languages of their own, and no query monolingual."""
    for name, languages, message in (
        (
            "query_languages",
            ["en", None, "de"],
            "query_languages: row 1 has None: give names as st",
        ),
        ("query_languages", [1, 2, 1], "query_languages: row 0 has 1: give names as str"),
        (
            "candidate_languages",
            [*LANGUAGES[:5], 2],
            "candidate_languages: row 5 has 2: give names as str",
        ),
        (
            "query_languages",
            list(pa.array(["en", "de", "de"])),
            "query_languages: row 0 has <pyarrow.StringScalar: 'en'>: give names as str, "
            "column.to_pylist()",
        ),
        (
            "query_languages",
            "abc",
            "query_languages is of type str: give a list of 3 names, one for each row",
        ),
        (
            "candidate_languages",
            iter(LANGUAGES),
            "candidate_languages is of type list_iterator: give a list of names, one for each",
        ),
        ("candidate_languages", None, "candidate_languages is of type NoneType: give a list of na"),
        (
            "query_languages",
            {"q1": "en", "q2": "de", "q3": "de"},
            "query_languages is of type dict: give a list of 3 names, one for each row",
        ),
        (
            "candidate_languages",
            set("abcdef"),
            "candidate_languages is of type set: give a list of names, one for each row",
        ),
        (
            "query_languages",
            pandas.DataFrame({"language": ["en", "de", "de"]}),
            "query_languages is of type DataFrame: give a list of 3 names, one for each row",
        ),
    ):
        with pytest.raises(TypeError, match=f"^{message}"):
            evaluate(**SOUND | {name: languages})


@pytest.mark.parametrize(
    "wrong",
    [
        {"candidate_languages": None},
        {"candidate_languages": [*LANGUAGES[:5], None]},
        {"relevant": ([0, 1, 2, 3], [0, 6, 2])},
    ],
)
def test_no_encoder_works_for_what_is_refused(wrong: dict[str, Any]) -> None:
    encoded = []

    def blocks() -> Iterator[Any]:
        for block in np.split(CANDIDATES, 3):
            encoded.append(block)
            yield block

    with pytest.raises((ValueError, TypeError), match=r"^candidate"):
        evaluate(**SOUND | wrong | {"candidates": blocks()})
    assert not encoded
    evaluate(**SOUND | {"candidates": blocks()})
    assert len(encoded) == 3


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ("AP", "measures='AP': give a list of names, as in ['AP']"),
        (None, "measures=None: give a list of names, as in ['AP']"),
        (["AP", 3], "measure 3 is of type int: give names as str"),
    ],
)
def test_measures_that_are_no_list_of_names(measures: Any, message: str) -> None:
    with refusal(message, TypeError):
        evaluate(**SOUND | {"measures": measures})


@pytest.mark.parametrize(
    ("name", "lists", "found"),
    [
        ("relevant", None, "of type NoneType"),
        ("relevant", {0: [1]}, "of type dict"),
        ("relevant", [[0, 1, 2, 3], [0, 1, 2]], "of type list"),
        ("relevant", ([0, 0, 0, 0],), "1 columns"),
        ("relevant", ([0, 0, 0, 0], [], [], []), "4 columns"),
        ("exclude", ([0, 0, 0, 0], [], []), "3 columns"),
        ("exclude", 5, "of type int"),
    ],
)
def test_lists_of_other_forms(name: str, lists: Any, found: str) -> None:
    form = "(indptr, ids) or (indptr, ids, grades)" if name == "relevant" else "(indptr, ids)"
    with refusal(f"{name} is {found}: give a tuple {form}, CSR lists of ids", TypeError):
        evaluate(**SOUND | {name: lists})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("queries", [[1.0], [-1.0, 2.0], [1.0]],
         r"queries is no array \(.*\): give one row a vector, \(n, d\), all of one length"),
        ("relevant", ([0, 1, 2, 3], [[0], [1, 2]]),
         r"ids is no array \(.*\): give a 1-d array of integers"),
    ],
)  # fmt: skip
def test_lists_of_different_lengths(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        evaluate(**SOUND | {name: value})


def test_the_columns_of_a_sparse_matrix_are_named() -> None:
    told = (
        "relevant is of type csr_matrix: give a tuple (indptr, ids) or (indptr, ids, grades), CSR "
        "lists of ids, of a matrix (m.indptr, m.indices)"
    )
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    with refusal(told, TypeError):
        evaluate(**SOUND | {"relevant": matrix})
    evaluate(**SOUND | {"relevant": (matrix.indptr, matrix.indices)})


def test_rows_that_are_objects_are_to_be_stacked() -> None:
    """As a column of a data frame has them."""
    rows = np.empty(3, object)
    rows[:] = list(SOUND["queries"])
    message = "queries has dtype object: give float32, float16 or bfloat16; its rows are Python obj"
    with pytest.raises(TypeError, match=f"^{message}.* one array with numpy.stack"):
        evaluate(**SOUND | {"queries": rows})


def test_arrays_with_values_that_are_not_there() -> None:
    """What a mask hides would be scored, and NumPy takes a sparse array for one thing."""
    remedy = "give a plain array, (n, d), with a value everywhere"
    hidden = np.ma.masked_array(CANDIDATES, CANDIDATES > 8)
    for name in ("queries", "candidates"):
        with refusal(f"{name} is a MaskedArray: {remedy}", TypeError):
            evaluate(**SOUND | {name: hidden[: len(SOUND[name])]})
    with refusal(f"candidates is a csr_matrix: {remedy}", TypeError):
        evaluate(**SOUND | {"candidates": scipy.sparse.csr_matrix(CANDIDATES)})
    for name in ("queries", "candidates"):
        tensor = torch.tensor(SOUND[name]).to_sparse()
        with refusal(f"{name} is a sparse_coo tensor: {remedy}", TypeError):
            evaluate(**SOUND | {name: tensor})


@pytest.mark.parametrize(
    ("name", "column", "known_as"),
    [
        ("relevant", 0, "indptr"),
        ("relevant", 1, "ids"),
        ("relevant", 2, "grades"),
        ("exclude", 0, "indptr"),
        ("exclude", 1, "ids"),
    ],
)
def test_lists_with_values_that_are_not_there(name: str, column: int, known_as: str) -> None:
    """What a mask hides would count as relevant, or be left out."""
    lists = {"relevant": [[0, 1, 2, 3], [0, 1, 2], [1, 1, 1]], "exclude": [[0, 1, 1, 1], [5]]}[name]
    hidden = list(map(np.array, lists))
    evaluate(**SOUND | {name: tuple(hidden)})
    hidden[column] = np.ma.masked_array(lists[column], [True] + [False] * (len(lists[column]) - 1))
    message = f"{known_as} is a MaskedArray: give a plain array of integers, none of them masked"
    with refusal(message, TypeError):
        evaluate(**SOUND | {name: tuple(hidden)})


def test_candidates_of_whom_there_are_none() -> None:
    nobody = {"candidates": CANDIDATES[:0], "candidate_languages": []}
    message = "candidate 5 is judged but the candidates are none at all, as candidate_languages has"
    with refusal(f"{message} 0 entries"):
        evaluate(**SOUND | nobody)


def test_no_measure_at_all() -> None:
    message = "measures is empty: name at least one, such as 'AP'"
    with refusal(message):
        evaluate(**SOUND | {"measures": []})
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    with refusal(message):
        Evaluation(counter, ["en", "de", "fr"], [])
    with refusal(message):
        Options(measures=())
    with refusal(message):
        Request("xquad-r", model="any", measures=[])


def test_an_unknown_tie_policy() -> None:
    with pytest.raises(
        ValueError, match=r"^ties=.chance.: choose 'pessimistic', 'optimistic', 'trec' or 'docid'$"
    ):
        evaluate(**SOUND | {"ties": "chance"})


def test_an_unknown_setting() -> None:
    result = by_hand(COMPLETE)
    message = "unknown setting 'bilingual': choose one of monolingual, cross_lingual, multilingual"
    unknown: Any = "bilingual"
    with refusal(message):
        result[unknown]
    for call in (result.by_language, result.per_query):
        with refusal(message):
            call(unknown, "AP")


def test_a_measure_that_was_not_asked_for() -> None:
    result = by_hand(COMPLETE, ["AP", "R@1"])
    message = "measure 'RR' was not asked for: there are AP, R@1"
    with refusal(message):
        result.matrix("RR")
    for setting in SETTINGS:
        with refusal(message):
            result.per_query(setting, "RR")
        with refusal(message):
            result.by_language(setting, "RR")


@pytest.mark.parametrize("languages", [["en", "de"], ["en", "de", "fr", "fr"]])
def test_an_evaluation_needs_a_language_for_each_query(languages: list[str]) -> None:
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES, range(6), LANGUAGES)
    with pytest.raises(ValueError, match=f"query_languages has {len(languages)} entries for 3"):
        Evaluation(counter, languages, [Measure.parse("AP")])


def test_judged_needs_the_sizes_of_the_pools() -> None:
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES, range(6), LANGUAGES)
    measures = [Measure.parse("Judged@4")]
    with refusal(
        "measure 'Judged@4' needs to know how many candidates were ranked for each query: give "
        "their pools"
    ):
        Evaluation(counter, ["en", "de", "fr"], measures)
    sizes = PoolSizes.count(LANGUAGES, 3)
    result = Evaluation(counter, ["en", "de", "fr"], measures, sizes=sizes)
    assert result["monolingual"] == {"Judged@4": 1 / 2}


def test_an_evaluation_of_a_counter_that_has_not_seen_all() -> None:
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES[:4], range(4), LANGUAGES[:4])
    with refusal(
        "candidate 4 is judged but was never added: add every block of candidates before asking "
        "for ranks"
    ):
        Evaluation(counter, ["en", "de", "fr"], [Measure.parse("AP")])
    counter.add(CANDIDATES[4:], [4, 5], LANGUAGES[4:])
    result = Evaluation(counter, ["en", "de", "fr"], [Measure.parse("AP")])
    assert result["cross_lingual"]["AP"] == 5 / 6

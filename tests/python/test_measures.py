"""Measures of one query: by hand, the textbook's loops, and trec_eval as pytrec_eval wraps it."""

import math
import re
from collections.abc import Sequence
from typing import Any

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.measures import (
    Judgements,
    Measure,
    filled,
    known_policy,
    mean,
    parse_measures,
)
from naive_ranking import Float64, Found, generators, log2, oracle_mean, oracle_measure

NAMES = (
    *("AP", "AP@1", "AP@3", "AP@100", "AP(rel=2)", "AP(rel=3)@20"),
    *("nDCG", "nDCG@1", "nDCG@3", "nDCG@100", "nDCG(dcg='exp-log2')", "nDCG(dcg='exp-log2')@3"),
    *("RR", "RR@1", "RR@3", "RR(rel=2)@10", "R@1", "R@3", "R@100", "R(rel=2)@10"),
    *("P@1", "P@3", "P@100", "P(rel=3)@5"),
    *("Success@1", "Success@3", "Success@100", "Success(rel=2)@5"),
    *("Judged", "Judged@1", "Judged@3", "Judged@100"),
)


def judgements(judged: Sequence[Sequence[Found]], pool: int = 10**7) -> Judgements:
    columns = [(q, *found) for q, listed in enumerate(judged) for found in listed]
    query, rank, grade = np.array(columns, np.int64).reshape(-1, 3).T
    return Judgements(query, grade, rank, len(judged), np.full(len(judged), pool))


def measured(name: str, *ranks: list[int]) -> Float64:
    return Measure.parse(name).per_query(judgements([[Found(r) for r in of] for of in ranks]))


def graded(name: str, *judged: tuple[int, int]) -> float:
    """One query; pairs of rank and grade."""
    [value] = (
        Measure.parse(name).per_query(judgements([[Found(*pair) for pair in judged]])).tolist()
    )
    assert value == oracle_measure(name, [Found(*pair) for pair in judged], 10**6)
    return float(value)


# By hand

BY_HAND = [
    # AP: the precision at each relevant rank, summed and divided by all that are relevant.
    ("AP", [1], 1.0),
    ("AP", [4], 0.25),
    ("AP", [1, 2, 3], 1.0),
    ("AP", [2, 4], (1 / 2 + 2 / 4) / 2),
    ("AP", [1, 3, 6], (1 / 1 + 2 / 3 + 3 / 6) / 3),
    ("AP", [13_000], 1 / 13_000),
    ("AP@3", [1, 3, 6], (1 / 1 + 2 / 3) / 3),
    ("AP@6", [1, 3, 6], (1 / 1 + 2 / 3 + 3 / 6) / 3),
    ("AP@5", [6], 0.0),
    # R: the share of the relevant that is found.
    ("R@1", [1, 3, 6, 7], 0.25),
    ("R@3", [1, 3, 6, 7], 0.5),
    ("R@7", [1, 3, 6, 7], 1.0),
    ("R@10", [11], 0.0),
    # P: the share of what is found that is relevant.
    ("P@1", [1, 3, 6, 7], 1.0),
    ("P@3", [1, 3, 6, 7], 2 / 3),
    ("P@10", [1, 3, 6, 7], 0.4),
    ("P@10", [1], 0.1),
    ("P@5", [6], 0.0),
    # RR: one over the first rank.
    ("RR", [1, 9], 1.0),
    ("RR", [7, 3], 1 / 3),
    ("RR", [5_000], 1 / 5_000),
    ("RR@3", [3, 4], 1 / 3),
    ("RR@2", [3, 4], 0.0),
    # Success: whether anything was found.
    ("Success@1", [1], 1.0),
    ("Success@2", [3, 4], 0.0),
    ("Success@5", [2, 3, 4], 1.0),
    # nDCG: what is one relevant candidate worth at rank 3, 7, 15? 1/2, 1/3, 1/4.
    ("nDCG", [1], 1.0),
    ("nDCG", [3], 1 / 2),
    ("nDCG", [7], 1 / 3),
    ("nDCG@10", [15], 0.0),
    ("nDCG", [1, 2], 1.0),
    ("nDCG@1", [1, 2], 1.0),
    # Judged: the share of the first k that is judged.
    ("Judged@4", [1, 4, 5], 0.5),
    ("Judged@1", [2], 0.0),
]


@pytest.mark.parametrize(("name", "ranks", "value"), BY_HAND)
def test_values_worked_out_by_hand(name: str, ranks: list[int], value: float) -> None:
    assert measured(name, ranks).tolist() == [value]
    assert oracle_measure(name, [Found(rank) for rank in ranks], 10**7) == value


def test_graded_values_worked_out_by_hand() -> None:
    # Grades 1 and 3 at the ranks 1 and 3: 1 / 1 + 3 / 2; at best 3 / 1 + 1 / log2(3).
    assert graded("nDCG", (1, 1), (3, 3)) == (1 + 3 / 2) / (3 + 1 / log2(3))
    assert graded("nDCG@1", (1, 1), (3, 3)) == 1 / 3
    assert graded("nDCG@2", (1, 1), (3, 3)) == 1 / (3 + 1 / log2(3))
    assert graded("nDCG(dcg='exp-log2')", (1, 1), (3, 3)) == (1 + 7 / 2) / (7 + 1 / log2(3))
    # Grade 0 is judged: it is worth nothing, and Judged counts it.
    assert graded("nDCG", (1, 0), (3, 2)) == 1 / 2
    assert graded("Judged@4", (1, 0), (3, 2)) == 1 / 2
    assert graded("AP", (1, 0), (4, 2)) == 1 / 4
    # rel: what is below is not relevant.
    assert graded("AP(rel=2)", (1, 1), (4, 2), (5, 3)) == (1 / 4 + 2 / 5) / 2
    assert graded("RR(rel=3)@10", (1, 1), (4, 2), (5, 3)) == 1 / 5
    assert graded("R(rel=2)@4", (1, 1), (4, 2), (5, 3)) == 1 / 2
    assert graded("P(rel=2)@4", (1, 1), (4, 2), (5, 3)) == 1 / 4
    assert graded("Success(rel=3)@4", (1, 1), (4, 2), (5, 3)) == 0


def test_what_was_not_retrieved_counts_in_the_divisor() -> None:
    assert graded("AP", (1, 1), (0, 1)) == 1 / 2
    assert graded("R@10", (1, 1), (0, 1), (0, 1), (2, 1)) == 2 / 4
    assert graded("nDCG", (1, 1), (0, 2)) == 1 / (2 + 1 / log2(3))
    assert graded("Judged@2", (1, 1), (0, 2)) == 1 / 2
    for name in ("AP", "RR", "nDCG", "R@5", "P@5", "Success@5", "Judged@5"):
        assert graded(name, (0, 1)) == 0


def test_judged_divides_by_the_pool_where_it_is_smaller() -> None:
    found = judgements([[Found(1), Found(3, 0)]], pool=4)
    for name, value in {"Judged@10": 2 / 4, "Judged": 2 / 4, "Judged@2": 1 / 2}.items():
        assert Measure.parse(name).per_query(found).tolist() == [value]
    nothing = judgements([[], [Found(0)]], pool=4)
    assert Measure.parse("Judged@10").per_query(nothing).tolist() == [0, 0]
    empty = Measure.parse("Judged@10").per_query(judgements([[Found(0)], []], pool=0))
    assert np.isnan(empty).all()


def test_ap_divides_by_the_relevant_not_by_those_found() -> None:
    """torchmetrics divides by hits found: 1.0 where three of four were found first."""
    assert measured("AP@3", [1, 2, 3, 40]).tolist() == [0.75]


def test_ap_at_k_divides_by_the_relevant_not_by_k() -> None:
    """sentence-transformers divides by min(k, R)."""
    assert measured("AP@2", [1, 2, 3, 4]).tolist() == [0.5]


def test_rr_with_a_cutoff_agrees_with_rr_without() -> None:
    """ir_measures gave one tied run RR .333 and RR@10 1.0, from two providers."""
    for rank in range(1, 11):
        assert measured("RR", [rank]) == measured("RR@10", [rank]) == [1 / rank]


def test_queries_are_kept_apart() -> None:
    assert measured("AP", [2, 4], [1], [3]).tolist() == [0.5, 1.0, 1 / 3]
    assert measured("P@3", [2, 4], [1, 2, 3], [4]).tolist() == [1 / 3, 1.0, 0.0]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("Judged")])
def test_a_query_without_a_relevant_candidate_has_no_value(name: str) -> None:
    of = Measure.parse(name)
    found = of.per_query(judgements([[], [Found(1, 3)], [Found(2, 0)], []]))
    assert np.isnan(found).tolist() == [True, False, True, True]
    assert of.empty(judgements([[], [Found(0, 3)]])).tolist() == [True, False]
    assert np.isnan(measured(name, [], [])).all()
    assert measured(name).tolist() == []


# Like the textbook


def found_ones() -> st.SearchStrategy[list[Found]]:
    """Judged candidates of one query at different ranks, some not retrieved."""
    ranks = st.sets(st.integers(1, 120) | st.integers(1, 50_000), max_size=20)
    retrieved = ranks.flatmap(
        lambda ranks: st.tuples(*(st.builds(Found, st.just(r), st.integers(0, 4)) for r in ranks))
    )
    missed = st.lists(st.builds(Found, st.just(0), st.integers(0, 4)), max_size=4)
    return st.builds(lambda a, b: [*a, *b], retrieved, missed)


@given(
    judged=st.lists(found_ones(), max_size=8),
    pool=st.integers(50_000, 60_000),
    rng=generators(),
)
def test_measures_equal_the_textbook_in_any_order(
    judged: list[list[Found]], pool: int, rng: np.random.Generator
) -> None:
    given_columns = judgements(judged, pool)
    order = rng.permutation(len(given_columns.query))
    columns = [getattr(given_columns, name)[order] for name in ("query", "grade", "rank")]
    before = [column.copy() for column in columns]
    query, grade, rank = columns
    shuffled = Judgements(query, grade, rank, len(judged), given_columns.pool)
    for name in NAMES:
        found = Measure.parse(name).per_query(shuffled)
        assert found.dtype == np.float64
        expected = np.array([oracle_measure(name, of, pool) for of in judged], np.float64)
        assert np.array_equal(found, expected, equal_nan=True), name
    for column, was in zip(columns, before, strict=True):
        assert (column == was).all()


def test_precisions_are_added_in_the_order_of_the_ranks() -> None:
    """Added from the last, this sum has another last digit."""
    ranks = [[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]]
    terms = [i / r for i, r in enumerate(ranks[0], start=1)]
    forwards, backwards = 0.0, 0.0
    for term in terms:
        forwards += term
    for term in reversed(terms):
        backwards += term
    assert forwards != backwards
    assert measured("AP", *ranks).tolist() == [forwards / 10]
    assert measured("AP", ranks[0][::-1]).tolist() == [forwards / 10]


def test_the_best_ranking_is_worth_exactly_1() -> None:
    grades = sorted([grade for grade in range(1, 54) for _ in range(20)], reverse=True)
    best = [Found(rank, grade) for rank, grade in enumerate(grades, start=1)]
    for name in ("nDCG", "nDCG@10", "nDCG@5000", "nDCG(dcg='exp-log2')"):
        assert Measure.parse(name).per_query(judgements([best])).tolist() == [1.0]


def test_discounts_are_the_nearest_floats() -> None:
    """Platforms round log2(28599) and log2(145985) to the one side or the other."""
    for rank in (28_598, 145_984, 1_493_688):
        assert measured("nDCG", [rank]).tolist() == [1 / log2(rank + 1)]


# Like trec_eval

TREC = (
    *("map", "ndcg", "recip_rank"),
    *(f"{kind}_{k}" for kind in ("map_cut", "ndcg_cut", "P", "recall", "success") for k in (1, 5)),
)


@given(
    rng=generators(),
    queries=st.integers(1, 4),
    documents=st.integers(1, 40),
    scores=st.integers(1, 6),
    level=st.integers(1, 3),
)
def test_measures_equal_those_of_trec_eval(
    rng: np.random.Generator, queries: int, documents: int, scores: int, level: int
) -> None:
    """Tied scores, unjudged, graded and unretrieved documents; ranked as trec_eval does."""
    run: dict[str, dict[str, float]] = {}
    qrels: dict[str, dict[str, int]] = {}
    judged: list[list[Found]] = []
    for q in range(queries):
        names = [f"d{d:02}" for d in range(documents)]
        grades = {name: int(rng.integers(0, 4)) for name in names if rng.random() < 0.6}
        grades |= {f"x{q}": int(rng.integers(level, 4)), "y": 0}
        points = {name: float(rng.integers(scores)) for name in names if rng.random() < 0.8}
        points |= {"z": 0.0}
        ranked = sorted(points, key=lambda name: (points[name], name), reverse=True)
        rank = {name: r for r, name in enumerate(ranked, start=1)}
        run[f"q{q}"], qrels[f"q{q}"] = points, grades
        judged.append([Found(rank.get(name, 0), grade) for name, grade in grades.items()])
    found = judgements(judged)
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(TREC), relevance_level=level).evaluate(run)
    for name in TREC:
        of = Measure.parse(name)
        if of.name == "nDCG":
            values = of.per_query(found)
        else:
            values = Measure(of.name, of.cutoff, rel=level).per_query(found)
        expected = np.array([theirs[f"q{q}"][name] for q in range(queries)])
        if of.name == "nDCG":  # their logarithm is the platform's
            np.testing.assert_allclose(values, expected, rtol=1e-14, err_msg=name)
        else:
            assert np.array_equal(values, expected), name


def test_judged_equals_that_of_ir_measures() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 5, 30):
        run = {"q": {f"d{d}": float(d) for d in range(size)}}
        grades = {f"d{d}": int(rng.integers(0, 3)) for d in range(50) if rng.random() < 0.5}
        ranks = [Found(size - d if (d := int(n[1:])) < size else 0, g) for n, g in grades.items()]
        for name in ("Judged", "Judged@1", "Judged@10"):
            theirs = ir_measures.parse_measure(name).iter_calc({"q": grades}, run)
            [other] = [metric.value for metric in theirs]
            ours = Measure.parse(name).per_query(judgements([ranks], pool=size))
            assert ours.tolist() == [other]


# Names


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_written_as_it_is_read(name: str) -> None:
    assert str(Measure.parse(name)) == name


def test_a_name_has_parts() -> None:
    assert Measure.parse("AP") == Measure("AP", None, rel=1, dcg="log2")
    assert Measure.parse("R(rel=2)@100") == Measure("R", 100, rel=2)
    assert Measure.parse("nDCG(dcg='exp-log2')@10") == Measure("nDCG", 10, dcg="exp-log2")


@pytest.mark.parametrize(
    "text",
    [*NAMES, "AP(rel=1)@3", "AP()", "AP( rel = 2 )@5", "AP(cutoff=10)", "AP(rel=2,cutoff=3)",
     'nDCG(dcg="exp-log2")@10', "nDCG(dcg='log2')", "MAP", "MAP@5", "MRR@10", "NDCG@20",
     "Recall@5", "Recall(rel=2)@5", "Precision@5"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:ast:DeprecationWarning")
def test_names_are_those_of_ir_measures(text: str) -> None:
    ours = Measure.parse(text)
    assert str(ours) == str(ir_measures.parse_measure(text))
    assert Measure.parse(str(ours)) == ours


def test_measures_of_ir_measures_are_taken_by_their_names() -> None:
    theirs = [ir_measures.AP(rel=2) @ 100, ir_measures.nDCG @ 10, ir_measures.RR]
    ours = [Measure("AP", 100, rel=2), Measure("nDCG", 10), Measure("RR")]
    assert parse_measures(theirs) == parse_measures(ours) == ours
    with pytest.raises(ValueError, match="'judged_only=True' is no parameter"):
        parse_measures([ir_measures.P(judged_only=True) @ 5])
    with pytest.raises(TypeError, match="measure 3 is of type int: give names as str"):
        parse_measures([3])  # type: ignore[list-item]  # what is refused


@pytest.mark.parametrize(
    "text",
    ["map", "map_cut_100", "map_cut.5", "ndcg", "ndcg_cut_10", "recip_rank", "P_5", "P.7",
     "recall_100", "success_5"],
)  # fmt: skip
def test_names_are_those_of_trec_eval(text: str) -> None:
    [theirs] = ir_measures.parse_trec_measure(text)
    assert str(Measure.parse(text)) == str(theirs)


@pytest.mark.parametrize(
    ("text", "name"),
    [("mAP", "AP"), ("ap", "AP"), ("map@5", "AP@5"), ("Map(rel=2)@5", "AP(rel=2)@5"),
     ("ndcg@10", "nDCG@10"), ("NDCG@10", "nDCG@10"), ("Ndcg", "nDCG"), ("mrr@10", "RR@10"),
     ("rr", "RR"), ("r@100", "R@100"), ("recall@100", "R@100"), ("RECALL@100", "R@100"),
     ("p@5", "P@5"), ("precision@5", "P@5"), ("success@1", "Success@1"),
     ("judged@10", "Judged@10"), ("Map_cut_10", "AP@10"), ("NDCG_CUT_10", "nDCG@10"),
     ("Recip_Rank", "RR"), ("p_10", "P@10")],
)  # fmt: skip
def test_names_may_be_in_any_case(text: str, name: str) -> None:
    assert str(Measure.parse(text)) == name


def refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measure.parse(text)


@pytest.mark.parametrize(
    "name",
    ["", "MAP10", "AP@", "AP@x", "AP@-1", "AP@1.5", "AP 10", " AP", "AP\n", "AP@3\n",
     "AP@3@4", "@3", "AP(rel=2", "AP(rel=2)(rel=2)", "map_10", "map_cut", "ndcg_cut",
     "recip_rank_5", "map_cut_5,10", "AP,", "AP,XP", "Rprec", "ERR@20", "AP@1234567890123456789"],
)  # fmt: skip
def test_an_unknown_measure(name: str) -> None:
    refused(
        name,
        f"unknown measure {name!r}: choose AP, nDCG, RR, R, P, Success or Judged, written as AP, "
        "AP(rel=2)@100 or nDCG(dcg='exp-log2')@10, or trec_eval's map, map_cut_10, ndcg, "
        "ndcg_cut_10, recip_rank, P_10, recall_10 or success_10",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("nDGC@10", "nDCG@10"), ("NDCGE", "nDCG"), ("Recal(rel=2)@5", "R(rel=2)@5"),
     ("sucess@1", "Success@1"), ("ndcg_at_10", "nDCG@10"), ("map_at_100", "AP@100"),
     ("mrr_at_10", "RR@10"), ("recall_at_10", "R@10"), ("precision_at_5", "P@5"),
     ("hit_rate_at_5", "Success@5"), ("cosine_ndcg@10", "nDCG@10"), ("dot_accuracy@1", "Success@1"),
     ("Hits@10", "Success@10"), ("hit@3", "Success@3")],
)  # fmt: skip
def test_a_name_that_is_nearly_one(name: str, meant: str) -> None:
    """Or one of mteb, of sentence-transformers, of knowledge graphs."""
    message = f"unknown measure {name!r} (did you mean {meant}?): choose AP, nDCG, "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Measure.parse(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AP,R@10", "'AP' and 'R@10'"),
        ("map, AP(rel=2,cutoff=3),P_5", "'map' and 'AP(rel=2,cutoff=3)' and 'P_5'"),
    ],
)
def test_names_in_one(name: str, meant: str) -> None:
    message = f"unknown measure {name!r} (give {meant} one by one): choose AP, nDCG, "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Measure.parse(name)


@pytest.mark.parametrize("name", ["PEER@20", "peer", "MRV", "rank_distance", "Rank distance"])
def test_language_bias_is_no_measure(name: str) -> None:
    told = "(language bias is asked of an Evaluation: rank_distance, peer(10), mrv())"
    message = f"unknown measure {name!r} {told}: choose AP, nDCG, "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Measure.parse(name)


@pytest.mark.parametrize("name", ["R", "P", "Success", "AP@0", "RR@0", "R@0", "P@00", "Judged@0"])
def test_a_measure_without_the_cutoff_it_needs(name: str) -> None:
    kind = name.partition("@")[0]
    written = name.replace("00", "0")
    refused(name, f"measure {written!r} needs a cutoff of at least 1, as in {kind}@10")


def test_a_cutoff_beyond_all_rankings() -> None:
    assert str(Measure("AP", 2**63 - 1)) == f"AP@{2**63 - 1}"
    message = f"measure 'AP@{2**63}': cutoffs are below 2^63: give a smaller one"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measure("AP", 2**63)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("AP(depth=2)", "measure 'AP(depth=2)': AP takes cutoff and rel, not depth"),
        ("nDCG(rel=2)@3", "measure 'nDCG(rel=2)@3': nDCG takes cutoff and dcg, not rel"),
        ("P(dcg='log2')@3", "measure \"P(dcg='log2')@3\": P takes cutoff and rel, not dcg"),
        ("Judged(rel=2)", "measure 'Judged(rel=2)': Judged takes cutoff, not rel"),
        ("AP(2)", "measure 'AP(2)': '2' is no parameter; write rel=2 or dcg='exp-log2'"),
        ("AP(rel=x)", "measure 'AP(rel=x)': 'rel=x' is no parameter; write rel=2 or "
                      "dcg='exp-log2'"),
        ("AP(rel=2,rel=2)", "measure 'AP(rel=2,rel=2)': rel is given twice"),
        ("AP(cutoff=5)@6", "measure 'AP(cutoff=5)@6': cutoff is given twice"),
        ("R(cutoff=5,rel=2)@5", "measure 'R(cutoff=5,rel=2)@5': cutoff is given twice"),
        ("AP(rel=0)", "measure 'AP(rel=0)': rel=0; give a grade of at least 1"),
        ("AP(rel=-2)@5", "measure 'AP(rel=-2)@5': rel=-2; give a grade of at least 1"),
        ("AP(rel='2')", "measure \"AP(rel='2')\": rel='2'; give a grade of at least 1"),
        ("nDCG(dcg=2)", "measure 'nDCG(dcg=2)': dcg=2; choose 'log2' or 'exp-log2'"),
        ("nDCG(dcg='ln')", "measure \"nDCG(dcg='ln')\": dcg='ln'; choose 'log2' or 'exp-log2'"),
        ("R(cutoff='x')", "measure 'R@x' needs a cutoff of at least 1, as in R@10"),
    ],
)  # fmt: skip
def test_wrong_parameters(name: str, message: str) -> None:
    refused(name, message)


def test_numbers_of_numpy_are_numbers() -> None:
    given: list[tuple[Any, Any]] = [(np.int64(5), np.uint8(1)), (np.int32(6), np.int64(2))]
    for cutoff, rel in given:
        measure = Measure("AP", cutoff=cutoff, rel=rel)
        assert measure == Measure.parse(str(measure)) == Measure("AP", int(cutoff), int(rel))
        assert type(measure.cutoff) is type(measure.rel) is int


def test_a_measure_made_by_hand_is_checked_too() -> None:
    with pytest.raises(ValueError, match=r"^unknown measure 'MAP': choose from AP, RR, R, P, "):
        Measure("MAP")
    with pytest.raises(ValueError, match=r"^measure 'nDCG\(rel=2\)': nDCG takes no rel$"):
        Measure("nDCG", rel=2)


# Bad judgements


@pytest.mark.parametrize(
    ("query", "grade", "rank", "pool", "message"),
    [
        ([0], [1, 1], [1], None, "query, grade and rank have 1, 2 and 1 entries: give one each"),
        ([0], [1], [1], [3], "pool has 1 entries for 2 queries"),
        ([2], [1], [1], None, "query 2 is judged but there are 2 queries"),
        ([-1], [1], [1], None, "query -1 is judged but there are 2 queries"),
        ([0, 1], [1, -2], [1, 1], None, "query 1 has the grade -2: a grade is 0 or more"),
        ([0, 1], [1, 2], [1, -1], None, "query 1 has the rank -1: a rank is 0 or more"),
        ([0], [1], [1 << 33], None, "query 0 has the rank 8589934592: a rank is below 8589934592"),
        ([1, 0, 1], [1, 2, 1], [4, 4, 4], None, "query 1 has two candidates at rank 4"),
        ([0, 1], [1, 0], [3, 4], [3, 3], "query 1 has a candidate at rank 4 of 3"),
    ],
)
def test_bad_judgements_are_refused(
    query: list[int], grade: list[int], rank: list[int], pool: list[int] | None, message: str
) -> None:
    columns = [np.array(column, np.int64) for column in (query, grade, rank)]
    sizes = None if pool is None else np.array(pool)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Judgements(columns[0], columns[1], columns[2], 2, sizes)
    if message.startswith(("query 0 ", "query 1 ")):  # one of those that have names
        named = re.sub(r"^query (\d)", r"query 'q\1'", message)
        with pytest.raises(ValueError, match=f"^{re.escape(named)}$"):
            Judgements(columns[0], columns[1], columns[2], 2, sizes, ["q0", "q1"])


def test_judged_needs_the_pools() -> None:
    found = Judgements(np.zeros(1, np.int64), np.ones(1, np.int64), np.ones(1, np.int64), 1)
    assert Measure.parse("AP").per_query(found).tolist() == [1]
    message = (
        "measure 'Judged@10' needs to know how many candidates were ranked for each query: give "
        "their pools"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measure.parse("Judged@10").per_query(found)


def test_an_absurd_grade_has_no_exponential_gain() -> None:
    assert graded("nDCG(dcg='exp-log2')", (3, 53)) == 1 / 2
    assert graded("nDCG", (3, 2**40)) == 1 / 2
    message = (
        "measure \"nDCG(dcg='exp-log2')@9\": query 1 has the grade 54, and 2^grade - 1 is exact up "
        "to grade 53: give grades on a smaller scale"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measure.parse("nDCG(dcg='exp-log2')@9").per_query(
            judgements([[Found(1, 1)], [Found(2, 54), Found(1, 1)]])
        )


# Policies and means


def test_policies_say_what_stands_where_nothing_was_measured() -> None:
    values, where = np.array([0.5, np.nan, 1.0]), np.array([False, True, False])
    assert filled(values, where, "zero").tolist() == [0.5, 0, 1]
    for policy in ("skip", "error"):
        left = filled(values, where, known_policy("empty", policy))
        assert np.array_equal(left, values, equal_nan=True)
    with pytest.raises(ValueError, match=r"^missing='drop': choose 'zero', 'skip' or 'error'$"):
        known_policy("missing", "drop")


def test_a_mean_is_the_rounded_sum_divided_by_the_number() -> None:
    assert mean([1.0, 0.0, 0.5]) == 0.5
    assert mean([1e16, 1.0, -1e16]) == 1 / 3  # one after the other: 0
    assert mean([0.1] * 10) == 0.1  # one after the other: 0.09999999999999999
    assert mean(iter([0.25, 0.75])) == 0.5
    assert math.isnan(mean([]))


@given(st.lists(st.floats(0, 1) | st.floats(-1e20, 1e20), min_size=1, max_size=50))
def test_means_are_correctly_rounded(values: list[float]) -> None:
    assert mean(values) == oracle_mean(values) == mean(values[::-1])

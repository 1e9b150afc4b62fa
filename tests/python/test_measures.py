"""Measures of one query: values worked out by hand, and the textbook's loops."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler.measures import Measure, mean, rank_distance
from naive_ranking import Float64, generators, oracle_mean, oracle_measure

NAMES = ("AP", "AP@1", "AP@3", "AP@100", "RR", "RR@1", "RR@3", "R@1", "R@3", "R@100",
         "P@1", "P@3", "P@100", "Success@1", "Success@3", "Success@100")  # fmt: skip


def columns(ranks: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    query = [q for q, listed in enumerate(ranks) for _ in listed]
    rank = [rank for listed in ranks for rank in listed]
    return np.array(query, np.int64), np.array(rank, np.int64)


def measured(name: str, *ranks: list[int]) -> Float64:
    return Measure.parse(name).per_query(*columns(list(ranks)), len(ranks))


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
]


@pytest.mark.parametrize(("name", "ranks", "value"), BY_HAND)
def test_values_worked_out_by_hand(name: str, ranks: list[int], value: float) -> None:
    assert measured(name, ranks).tolist() == [value]
    assert oracle_measure(name, ranks) == value


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


@pytest.mark.parametrize("name", NAMES)
def test_a_query_without_a_relevant_candidate_has_no_value(name: str) -> None:
    found = measured(name, [], [1], [], [])
    assert np.isnan(found).tolist() == [True, False, True, True]
    assert np.isnan(measured(name, [], [])).all()
    assert measured(name).tolist() == []


# Like the textbook


@given(
    ranks=st.lists(st.sets(st.integers(1, 120) | st.integers(1, 50_000), max_size=20), max_size=12),
    name=st.sampled_from(NAMES),
    rng=generators(),
)
def test_measures_equal_the_textbook_in_any_order(
    ranks: list[set[int]], name: str, rng: np.random.Generator
) -> None:
    query, rank = columns([list(listed) for listed in ranks])
    order = rng.permutation(len(query))
    before = query[order], rank[order]
    found = Measure.parse(name).per_query(*before, len(ranks))
    assert found.dtype == np.float64
    expected = np.array([oracle_measure(name, listed) for listed in ranks], np.float64)
    assert np.array_equal(found, expected, equal_nan=True)
    assert (before[0] == query[order]).all()
    assert (before[1] == rank[order]).all()


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


# Names


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_written_as_it_is_read(name: str) -> None:
    assert str(Measure.parse(name)) == name


def test_a_name_has_parts() -> None:
    assert (Measure.parse("AP").name, Measure.parse("AP").cutoff) == ("AP", None)
    assert (Measure.parse("R@100").name, Measure.parse("R@100").cutoff) == ("R", 100)


@pytest.mark.parametrize(
    "name",
    ["", "ap", "MAP", "mAP", "NDCG", "Recall@10", "AP@", "AP@x", "AP@-1", "AP@1.5", "AP 10",
     " AP", "AP\n", "AP@3\n", "AP@3@4", "@3"],
)  # fmt: skip
def test_an_unknown_measure(name: str) -> None:
    message = f"unknown measure {name!r}: choose from AP, AP@k, R@k, RR, RR@k, P@k, Success@k"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measure.parse(name)


@pytest.mark.parametrize("name", ["R", "P", "Success", "AP@0", "RR@0", "R@0", "P@00", "Success@0"])
def test_a_measure_without_the_cutoff_it_needs(name: str) -> None:
    kind = name.partition("@")[0]
    message = f"measure {name!r} needs a cutoff of at least 1, as in {kind}@10"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Measure.parse(name)


# Rank distance


def test_rank_distance_is_the_largest_minus_the_smallest_rank() -> None:
    query, rank = columns([[5, 1, 3], [], [7], [400, 2]])
    assert np.array_equal(rank_distance(query, rank, 4), [4, np.nan, 0, 398], equal_nan=True)
    assert np.isnan(rank_distance(*columns([[], []]), 2)).all()
    assert rank_distance(*columns([]), 0).tolist() == []


def test_rank_distance_is_at_least_the_number_of_languages_less_one() -> None:
    """Floor L - 1: the relevant of L languages, one each, in a row."""
    assert rank_distance(*columns([list(range(4, 15))]), 1).tolist() == [10]


@given(ranks=st.lists(st.sets(st.integers(1, 10**12), max_size=8), max_size=12), rng=generators())
def test_rank_distance_equals_the_textbook_in_any_order(
    ranks: list[set[int]], rng: np.random.Generator
) -> None:
    query, rank = columns([list(listed) for listed in ranks])
    order = rng.permutation(len(query))
    found = rank_distance(query[order], rank[order], len(ranks))
    expected = [float(max(listed) - min(listed)) if listed else math.nan for listed in ranks]
    assert np.array_equal(found, np.array(expected, np.float64), equal_nan=True)


# Means


def test_a_mean_is_the_rounded_sum_divided_by_the_number() -> None:
    assert mean([1.0, 0.0, 0.5]) == 0.5
    assert mean([1e16, 1.0, -1e16]) == 1 / 3  # one after the other: 0
    assert mean([0.1] * 10) == 0.1  # one after the other: 0.09999999999999999
    assert mean(iter([0.25, 0.75])) == 0.5
    assert math.isnan(mean([]))


@given(st.lists(st.floats(0, 1) | st.floats(-1e20, 1e20), min_size=1, max_size=50))
def test_means_are_correctly_rounded(values: list[float]) -> None:
    assert mean(values) == oracle_mean(values) == mean(values[::-1])

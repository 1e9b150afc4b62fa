"""RankCounter under the dot product, which changes nothing, and under the cosine."""

import math
from typing import get_args

import numpy as np
import pytest

from counting import (
    add,
    anchor,
    assert_exact,
    blocks,
    counted,
    counter_of,
    whole,
    zero_rows,
)
from hybridsampler import RankCounter
from hybridsampler.ranking import Similarity
from naive_ranking import (
    Task,
    as_rows,
    oracle_ranks,
    random_task,
    scores,
)


def test_the_dot_product_changes_nothing_and_the_cosine_divides_by_norms() -> None:
    task = Task(
        np.array([[2, 0]], np.float32),
        np.array([[9, 9], [3, 0], [0, 5], [0, 0]], np.float32),
        [0, 1, 2, 3],
        ["en"] * 4,
        [dict.fromkeys(range(4), 1)],
    )
    assert counted(task, "dot").ranks().overall.tolist() == [1, 2, 3, 4]
    assert counted(task, "cosine").ranks().overall.tolist() == [2, 1, 3, 4]


def test_the_cosine_rounds_to_float32_once() -> None:
    """Rows on one ray are told apart by nothing but the rounding of their components."""
    rng = np.random.default_rng(7)
    ray = rng.standard_normal((1, 65)).astype(np.float32)
    candidates = (ray * rng.uniform(0.1, 9, (40, 1))).astype(np.float32)
    queries = rng.standard_normal((8, 65)).astype(np.float32)
    task = Task(
        queries, candidates, list(range(40)), ["en"] * 40, [dict.fromkeys(range(40), 1)] * 8
    )
    assert_exact(counted(task, "cosine"), task, "cosine")
    found = as_rows(counted(task, "cosine").ranks())
    norms = np.sqrt(np.square(candidates).sum(1, keepdims=True))
    in_float32 = scores(queries, candidates / norms)
    unrounded = scores(queries, candidates / norms.astype(np.float64))
    not_divided = scores(queries, candidates)
    for other in (in_float32, unrounded, not_divided):
        assert oracle_ranks(task, other, "pessimistic") != found


def test_the_cosine_divides_and_does_not_multiply_by_the_reciprocal() -> None:
    """A row, one of a billion, for which the two round to different float32."""
    rare = [float.fromhex("0x1.cc5db4p+1"), float.fromhex("0x1.867a0ep+0")]
    same = [float.fromhex("0x1.345deep+1"), float.fromhex("0x1.058d90p+0")]
    task = Task(
        np.array([[1, 0]], np.float32),
        np.array([rare, same], np.float32),
        [0, 1],
        ["en"] * 2,
        [{0: 1}],
    )
    norm = math.sqrt(rare[0] ** 2 + rare[1] ** 2)
    assert np.float32(rare[0] / norm) != np.float32(rare[0] * (1 / norm))
    assert counted(task, "cosine").ties == 1
    assert_exact(counted(task, "cosine"), task, "cosine")


def test_zero_rows_stay_zero_and_are_counted_under_the_cosine() -> None:
    task = Task(
        np.array([[0, 0], [0, 1], [-0.0, 0]], np.float32),
        np.array([[1, 1], [0, 0], [0, -0.0], [0, -1]], np.float32),
        [0, 1, 2, 3],
        ["en"] * 4,
        [{0: 1}, {1: 1}, {3: 1}],
    )
    counter = counter_of(task, "cosine")
    assert counter.zero_rows == 2  # queries
    anchor(counter, task, whole(task))
    assert counter.zero_rows == 2
    add(counter, task, whole(task))
    assert counter.zero_rows == 4
    assert counted(task, "dot").zero_rows == 0
    assert [row.overall for row in as_rows(counter.ranks())] == [4, 3, 4]
    assert_exact(counter, task, "cosine")


def test_zero_rows_of_merged_counters_are_counted_once() -> None:
    task = random_task(np.random.default_rng(8), "zeros", queries=20, candidates=20, dimension=3)
    counters = [counter_of(task, "cosine") for _ in range(3)]
    for counter in counters:
        anchor(counter, task, whole(task))
    for counter, rows in zip(counters, blocks(whole(task), 7), strict=True):
        add(counter, task, rows)
    counters[2].merge(counters[0])
    counters[2].merge(counters[1])
    assert zero_rows(task, "cosine") > 10
    assert counters[2].zero_rows == zero_rows(task, "cosine")


@pytest.mark.parametrize("similarity", get_args(Similarity))
def test_a_block_of_several_pieces_counts_as_small_ones_do(similarity: Similarity) -> None:
    rng = np.random.default_rng(0)
    candidates = rng.standard_normal((3_000, 1_024), np.float32)  # 12 MiB, pieces of 4
    candidates[[5, 1_500, 2_999]] = 0
    queries = rng.standard_normal((9, 1_024), np.float32)
    judged = (np.arange(0, 9 * 17 + 1, 17), rng.permutation(3_000)[: 9 * 17])
    languages = rng.choice(["de", "en", "fr"], 3_000).tolist()
    found = []
    for size in (3_000, 1_100, 90):
        counter = RankCounter(queries, judged, similarity=similarity, threads=2)
        for ids in blocks(np.arange(3_000), size):
            counter.anchor(candidates[ids], ids)
        for ids in blocks(np.arange(3_000), size):
            counter.add(candidates[ids], ids, [languages[c] for c in ids])
        found.append((as_rows(counter.ranks()), counter.ties, counter.zero_rows))
    assert found[0] == found[1] == found[2]
    assert found[0][2] == (3 if similarity == "cosine" else 0)


def test_the_cosine_of_huge_and_tiny_rows_is_that_of_their_directions() -> None:
    directions = np.array([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0]], np.float32)
    for scale in (np.finfo(np.float32).max, 1e30, 1e-30, 2.0**-149):
        task = Task(
            np.array([[1, 0]], np.float32),
            directions * np.float32(scale),
            [0, 1, 2, 3, 4],
            ["en"] * 5,
            [dict.fromkeys(range(5), 1)],
        )
        counter = counted(task, "cosine")
        assert counter.ranks().overall.tolist() == [1, 2, 3, 4, 5]
        assert (counter.ties, counter.zero_rows) == (0, 0)

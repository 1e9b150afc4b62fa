"""Ranks show the score's order of additions, in float64, whatever the scale of the vectors."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from counting import (
    add,
    anchor,
    assert_exact,
    blocks,
    counted,
    counter_of,
    overall,
    tiny_task,
    whole,
    zero_rows,
)
from hybridsampler.ranking import Similarity
from naive_ranking import (
    POLICIES,
    SIMILARITIES,
    Float32,
    Float64,
    Scorer,
    Task,
    as_rows,
    oracle_ranks,
    random_task,
    task_scores,
    vectors,
)


def pairwise(lanes: Float64) -> Float64:
    """Neighbours are added, not halves."""
    while len(lanes) > 1:
        lanes = lanes[::2] + lanes[1::2]
    return np.asarray(lanes[0])


def one_by_one(lanes: Float64) -> Float64:
    total = np.zeros(lanes.shape[1:])
    for lane in lanes:
        total = total + lane
    return total


def halves(lanes: Float64) -> Float64:
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return np.asarray(lanes[0])


def other_order(
    count: int,
    finish: Callable[[Float64], Float64] = halves,
    *,
    descending: bool = False,
    contiguous: bool = False,
) -> Scorer:
    def scorer(queries: Float32, candidates: Float32) -> Float64:
        lanes = np.zeros((count, len(queries), len(candidates)))
        dimension = queries.shape[1]
        for k in range(dimension)[:: -1 if descending else 1]:
            lane = k * count // dimension if contiguous else k % count
            product = queries[:, k].astype(np.float64)[:, None] * candidates[:, k]
            lanes[lane] += product
        return finish(lanes)

    return scorer


def in_float32(queries: Float32, candidates: Float32) -> Float64:
    lanes = np.zeros((32, len(queries), len(candidates)), np.float32)
    for k in range(queries.shape[1]):
        lanes[k % 32] += queries[:, k, None] * candidates[None, :, k]
    return halves(lanes.astype(np.float64))


def exactly(queries: Float32, candidates: Float32) -> Float64:
    longer = np.longdouble
    return np.asarray((queries.astype(longer) @ candidates.astype(longer).T).astype(np.float64))


WRONG: dict[str, Scorer] = {
    "16 lanes": other_order(16),
    "64 lanes": other_order(64),
    "1 lane": other_order(1),
    "neighbouring lanes": other_order(32, pairwise),
    "lanes one by one": other_order(32, one_by_one),
    "components descending": other_order(32, descending=True),
    "a lane takes neighbouring components": other_order(32, contiguous=True),
    "float32": in_float32,
    "exact sum": exactly,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_ranks_show_in_which_order_products_are_added(wrong: str) -> None:
    """Any other order gives other ranks here, so that the tests above can tell."""
    rng = np.random.default_rng(4)
    task = random_task(rng, "shuffled", queries=40, candidates=60, dimension=130, most_judged=20)
    found = as_rows(counted(task).ranks())
    assert found == oracle_ranks(task, task_scores(task), "pessimistic")
    assert found != oracle_ranks(task, task_scores(task, "dot", WRONG[wrong]), "pessimistic")


def test_one_document_stored_twice_is_tied_for_every_query() -> None:
    """A matrix product gave 45 % of the queries two scores (numpy's GEMM, peers' trap)."""
    rng = np.random.default_rng(5)
    queries, candidates = vectors(rng, "random", 150, 90, 769)
    candidates[[3, 47, 89]] = candidates[11]
    twins = dict.fromkeys([3, 11, 47, 89], 1)
    task = Task(queries, candidates, list(range(90)), ["en"] * 90, [twins] * 150)
    for size in (1, 7, 64, 90):
        counter = counter_of(task, threads=2)
        anchor(counter, task, whole(task))
        for rows in blocks(whole(task), size):
            add(counter, task, rows)
        assert counter.ties == 150 * 4 * 3
        ascending = counter.ranks("docid").overall.reshape(150, 4)
        assert (ascending - ascending[:, :1] == [0, 1, 2, 3]).all()
        descending = counter.ranks("trec").overall.reshape(150, 4)
        assert (descending[:, 3:] - descending == [-3, -2, -1, 0]).all()


def test_scores_a_hair_apart_are_no_tie() -> None:
    """1e-12 apart is a tie for pytrec_eval, which reads scores as float32."""
    task = Task(
        np.ones((1, 2), np.float32),
        np.array([[1, 0], [1, 1e-12], [1, -1e-12]], np.float32),
        [0, 1, 2],
        ["en"] * 3,
        [{0: 1, 1: 1, 2: 1}],
    )
    assert counted(task).ties == 0
    for ties in POLICIES:
        assert overall(task, ties) == {1: 1, 0: 2, 2: 3}


def test_plus_and_minus_zero_are_one_score() -> None:
    task = tiny_task([0.0, -0.0, 0.0], {1: 1})
    assert counted(task).ties == 2
    assert overall(task) == {1: 3}
    assert overall(task, "optimistic") == {1: 1}
    assert overall(task, "docid") == {1: 2}


def test_scores_beyond_float32_keep_their_order() -> None:
    most = float(np.finfo(np.float32).max)
    least = 2.0**-149
    values = [[most, most], [most, most / 2], [least, 0], [0, 0], [-least, 0], [-most, -most]]
    task = Task(
        np.array([[most, most], [least, least]], np.float32),
        np.array(values, np.float32),
        [0, 1, 2, 3, 4, 5],
        ["en"] * 6,
        [dict.fromkeys(range(6), 1)] * 2,
    )
    ranks = counted(task).ranks()
    assert ranks.overall.tolist() == [1, 2, 3, 4, 5, 6] * 2
    assert counted(task).ties == 0


@pytest.mark.parametrize("exponent", [-149, -140, -127, -126, -60, 0, 40, 90])
def test_queries_that_are_their_own_mean(exponent: int) -> None:
    rng = np.random.default_rng(9)
    candidates = rng.standard_normal((600, 8), dtype=np.float32)
    query = np.full(8, 2.0**exponent, np.float32)
    judged = dict.fromkeys(range(0, 600, 7), 1)
    task = Task(np.array([query] * 3), candidates, list(range(600)), ["en"] * 600, [judged] * 3)
    assert_exact(counted(task), task)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_denormals_count_though_the_caller_flushes_them(
    similarity: Similarity, threads: int
) -> None:
    rng = np.random.default_rng(6)
    task = random_task(rng, "denormal", queries=70, candidates=12, dimension=40)
    expected = oracle_ranks(task, task_scores(task, similarity), "pessimistic")
    assert len(expected) > 100
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        counter = counted(task, similarity, threads)
        found = as_rows(counter.ranks())
        still_flushed = float(torch.tensor(2.0**-140) * torch.tensor(0.5)) == 0
    finally:
        torch.set_flush_denormal(False)
    assert still_flushed, "the caller's floating-point state is to be restored"
    assert found == expected
    assert counter.zero_rows == zero_rows(task, similarity)

"""RankCounter: equal to the naive oracle digit for digit, however the work is cut."""

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
)
from hybridsampler import RankCounter
from hybridsampler.ranking import Similarity
from naive_ranking import (
    FAMILIES,
    POLICIES,
    SIMILARITIES,
    Task,
    as_rows,
    generators,
    oracle_ranks,
    oracle_ties,
    random_task,
    scores,
    task_scores,
    vectors,
)

# The oracle itself


def test_oracle_score_follows_the_contract_step_by_step() -> None:
    rng = np.random.default_rng(0)
    for dimension in (1, 31, 32, 33, 64, 65, 100, 130):
        for family in ("random", "shuffled", "absorbing", "any scale"):
            a, b = (rows[0] for rows in vectors(rng, family, 1, 1, dimension))
            lanes = [0.0] * 32
            for k in range(dimension):
                lanes[k % 32] += float(a[k]) * float(b[k])
            lanes = [lanes[j] + lanes[j + 16] for j in range(16)]
            lanes = [lanes[j] + lanes[j + 8] for j in range(8)]
            lanes = [lanes[j] + lanes[j + 4] for j in range(4)]
            lanes = [lanes[j] + lanes[j + 2] for j in range(2)]
            assert scores(a[None], b[None])[0, 0] == lanes[0] + lanes[1]


def test_oracle_sorts_a_pool_worked_out_by_hand() -> None:
    # Scores 2, 5, 2, 2, 1, 2; ids 0 to 5; grades of 0, 2, 3 are 1, 0, 2; 5 is excluded.
    task = tiny_task([2, 5, 2, 2, 1, 2], {0: 1, 2: 0, 3: 2})
    task = dataclasses.replace(task, excluded=[{5}], languages=["a", "b", "b", "a", "a", "a"])
    expected = {
        "pessimistic": {0: (2, 3), 2: (2, 2), 3: (3, 4)},  # whole pool: 1 2 0 3 4
        "optimistic": {0: (2, 3), 2: (2, 4), 3: (1, 2)},  # 1 3 0 2 4
        "trec": {0: (2, 4), 2: (2, 3), 3: (1, 2)},  # 1 3 2 0 4
        "docid": {0: (1, 2), 2: (2, 3), 3: (2, 4)},  # 1 0 2 3 4
    }
    # Language a: pessimistic 0 3 4 (ids), optimistic 3 0 4; language b always 1 2.
    expected["pessimistic"][0], expected["pessimistic"][3] = (1, 3), (2, 4)
    score = task_scores(task)
    for ties in POLICIES:
        rows = oracle_ranks(task, score, ties)
        assert {row.id: (row.within, row.overall) for row in rows} == expected[ties], ties
        assert as_rows(counted(task).ranks(ties)) == rows
    # 0, 2 and 3 are each tied with the two others; the excluded 5 is no candidate.
    assert oracle_ties(task, score) == counted(task).ties == 6


# Equal to the oracle


@settings(max_examples=5 * settings().max_examples)
@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    dimension=st.integers(1, 130),
    queries=st.integers(0, 40),
    candidates=st.integers(1, 30),
    similarity=st.sampled_from(SIMILARITIES),
    threads=st.sampled_from([1, 2, 3, 7, None]),
    sizes=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_ranks_equal_the_oracle(
    rng: np.random.Generator,
    family: str,
    dimension: int,
    queries: int,
    candidates: int,
    similarity: Similarity,
    threads: int | None,
    sizes: tuple[int, int],
) -> None:
    task = random_task(rng, family, queries=queries, candidates=candidates, dimension=dimension)
    counter = counter_of(task, similarity, threads)
    for rows in blocks(rng.permutation(candidates), sizes[0]):
        anchor(counter, task, rows)
    for rows in blocks(rng.permutation(candidates), sizes[1]):
        add(counter, task, rows)
    assert_exact(counter, task, similarity)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("family", ["random", "shuffled", "absorbing"])
def test_every_dimension(family: str, similarity: Similarity) -> None:
    rng = np.random.default_rng(1)
    for dimension in range(1, 131):
        task = random_task(rng, family, queries=4, candidates=12, dimension=dimension)
        assert_exact(counted(task, similarity), task, similarity)


@pytest.mark.parametrize("threads", [1, 2, 3, 7, None])
@pytest.mark.parametrize("family", ["shuffled", "duplicated"])
def test_more_queries_than_threads_take_at_once(family: str, threads: int | None) -> None:
    rng = np.random.default_rng(2)
    task = random_task(rng, family, queries=300, candidates=150, dimension=67)
    counter = counter_of(task, "dot", threads)
    anchor(counter, task, whole(task))
    for rows in blocks(rng.permutation(150), 70):
        add(counter, task, rows)
    assert_exact(counter, task)


@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    dimension=st.integers(1, 70),
    shards=st.integers(2, 5),
    similarity=st.sampled_from(SIMILARITIES),
    size=st.integers(1, 12),
)
def test_shards_merge_in_any_order(
    rng: np.random.Generator,
    family: str,
    dimension: int,
    shards: int,
    similarity: Similarity,
    size: int,
) -> None:
    task = random_task(rng, family, queries=6, candidates=24, dimension=dimension)
    owner = rng.integers(0, shards, 24)  # some shards may be empty
    parts = [rng.permutation(np.flatnonzero(owner == shard)) for shard in range(shards)]
    counters = [counter_of(task, similarity) for _ in parts]
    for counter, part in zip(counters, parts, strict=True):
        anchor(counter, task, part)
    for one in rng.permutation(shards):
        for other in rng.permutation(shards):
            if one != other:
                counters[one].merge(counters[other])
    for counter, part in zip(counters, parts, strict=True):
        for rows in blocks(part, size):
            add(counter, task, rows)
    while len(counters) > 1:  # any tree of merges
        from_ = counters.pop(int(rng.integers(len(counters))))
        into = counters[int(rng.integers(len(counters)))]
        before = from_.candidates, from_.ties, from_.zero_rows
        into.merge(from_)
        assert (from_.candidates, from_.ties, from_.zero_rows) == before
    assert_exact(counters[0], task, similarity)


def test_a_counter_without_anchors_takes_over_anchors_and_counts() -> None:
    task = random_task(
        np.random.default_rng(3), "duplicated", queries=9, candidates=20, dimension=5
    )
    empty = counter_of(task)
    empty.merge(counted(task))
    assert_exact(empty, task)


def test_merging_counters_that_saw_languages_in_different_order() -> None:
    task = Task(
        np.ones((1, 1), np.float32),
        np.array([[6], [5], [4], [3], [2], [1]], np.float32),
        [0, 1, 2, 3, 4, 5],
        ["en", "de", "fr", "fr", "de", "en"],
        [{2: 1, 3: 1, 4: 1, 5: 1}],
    )
    for first in ([0, 1, 2], [2, 1, 0], [3, 4, 5], [5, 4, 3]):
        a, b = counter_of(task), counter_of(task)
        for counter in (a, b):
            anchor(counter, task, whole(task))
        second = [c for c in (5, 0, 4, 1, 3, 2) if c not in first]
        add(a, task, np.array(first))
        add(b, task, np.array(second))
        a.merge(b)
        assert_exact(a, task)
        assert a.ranks().languages == tuple(task.languages[c] for c in first)
        assert [(row.id, row.within) for row in as_rows(a.ranks())] == [
            (2, 1), (3, 2), (4, 2), (5, 2)
        ]  # fmt: skip


def test_the_order_of_the_ids_of_a_query_is_kept() -> None:
    task = tiny_task([1, 2, 3, 4], {2: 1, 0: 0, 3: 2})
    ranks = counted(task).ranks()
    assert ranks.id.tolist() == [2, 0, 3]
    assert ranks.grade.tolist() == [1, 0, 2]
    assert ranks.overall.tolist() == [2, 4, 1]
    assert {field.name: getattr(ranks, field.name).dtype for field in dataclasses.fields(ranks)
            if field.name != "languages"} == dict.fromkeys(
        ("query", "id", "grade", "language", "within", "overall"), np.dtype(np.int64)
    )  # fmt: skip


# Ties


def test_equal_scores_are_ordered_as_the_policy_says() -> None:
    task = tiny_task([7, 7, 7, 7, 7], {1: 0, 2: 2, 3: 1})  # 0 and 4 are unjudged
    assert overall(task, "pessimistic") == {1: 3, 3: 4, 2: 5}
    assert overall(task, "optimistic") == {2: 1, 3: 2, 1: 3}
    assert overall(task, "trec") == {3: 2, 2: 3, 1: 4}
    assert overall(task, "docid") == {1: 2, 2: 3, 3: 4}
    assert counted(task).ties == 12


def test_equal_grades_stand_by_id_whatever_the_order_of_the_list() -> None:
    for judged in ({1: 1, 3: 1}, {3: 1, 1: 1}):
        task = tiny_task([7, 7, 7, 7], judged)
        assert overall(task, "pessimistic") == {1: 3, 3: 4}
        assert overall(task, "optimistic") == {1: 1, 3: 2}


def test_three_tied_documents_are_not_to_the_querys_favour() -> None:
    """ranx gave AP 1.0 for one relevant document among three with one score."""
    task = tiny_task([1, 1, 1], {0: 1})
    assert overall(task) == {0: 3}


def test_scores_of_zero_and_below_stay_candidates() -> None:
    """torchmetrics drops documents with a score of 0 or less from the relevant ones."""
    task = tiny_task([-3, -1, 0, -2], {0: 1, 1: 1, 2: 1})
    assert overall(task) == {2: 1, 1: 2, 0: 4}


def test_a_judged_candidate_is_told_by_its_id_not_by_its_score() -> None:
    task = tiny_task([5, 5], {1: 1})
    assert overall(task, "docid") == {1: 2}
    assert overall(task, "trec") == {1: 1}
    assert counted(tiny_task([5], {0: 1})).ties == 0


def test_ids_go_up_to_the_last_int64() -> None:
    last = 2**63 - 1
    task = dataclasses.replace(
        tiny_task([1, 1, 1, 1], {last: 1, 0: 1}), ids=[last - 1, last, 0, 2**40]
    )
    assert overall(task, "docid") == {0: 1, last: 4}
    assert overall(task, "trec") == {last: 1, 0: 4}
    assert_exact(counted(task), task)


def test_the_whole_ranking_counts_not_only_its_top() -> None:
    """Cut at 1,000 of 13,000, AP changed for three queries in four (peers)."""
    values = np.arange(13_000, 0, -1).tolist()
    assert overall(tiny_task(values, {12_999: 1, 1_000: 1})) == {12_999: 13_000, 1_000: 1_001}


# Lists


def test_excluded_candidates_are_no_candidates_of_their_query() -> None:
    task = dataclasses.replace(
        tiny_task([9, 5, 5, 1], {2: 1}),
        queries=np.ones((2, 1), np.float32),
        judged=[{2: 1}, {2: 1}],
        excluded=[{0, 1}, set()],
    )
    counter = counted(task)
    assert counter.ranks().overall.tolist() == [1, 3]
    assert counter.ties == 1  # of the second query
    assert counter.candidates == 4
    assert_exact(counter, task)


def test_an_excluded_candidate_need_not_exist() -> None:
    task = dataclasses.replace(tiny_task([9, 5], {1: 1}), excluded=[{7}])
    assert overall(task) == {1: 2}


def test_queries_without_judged_candidates_have_no_ranks() -> None:
    task = dataclasses.replace(
        tiny_task([9, 5], {}),
        queries=np.ones((4, 1), np.float32),
        judged=[{}, {1: 0}, {}, {0: 1}],
    )
    ranks = counted(task).ranks()
    assert ranks.query.tolist() == [1, 3]
    assert ranks.overall.tolist() == [2, 1]
    nothing = counted(dataclasses.replace(task, judged=[{}] * 4)).ranks()
    assert nothing.query.tolist() == nothing.id.tolist() == nothing.overall.tolist() == []
    no_queries = dataclasses.replace(task, queries=np.ones((0, 1), np.float32), judged=[])
    assert as_rows(counted(no_queries).ranks()) == []


def test_a_query_may_judge_many() -> None:
    """Ranks come in time in proportion to the judged: to compare each two took minutes."""
    many = 100_000
    rows = np.arange(many + 1, dtype=np.float32)[:, None]
    rows[-1] = rows[7]  # one tie is enough for all to be looked at
    counter = RankCounter(np.ones((1, 1), np.float32), ([0, many], np.arange(many)))
    counter.anchor(rows, np.arange(many + 1))
    counter.add(rows, np.arange(many + 1), ["en", "de"] * (many // 2) + ["de"])
    began = time.monotonic()
    ranks = counter.ranks()
    assert time.monotonic() - began < 5
    assert counter.ties == 1
    expected = many - np.arange(many) + (np.arange(many) <= 7)
    assert np.array_equal(ranks.overall, expected)
    assert ranks.within[5:9].tolist() == [49_999, 49_997, 49_998, 49_996]


def test_grades_are_one_unless_given() -> None:
    counter = RankCounter(np.ones((1, 1), np.float32), ([0, 2], [1, 0]))
    block = np.array([[1], [2]], np.float32)
    counter.anchor(block, [0, 1])
    counter.add(block, [0, 1], ["en", "en"])
    assert counter.ranks().grade.tolist() == [1, 1]
    assert counter.ranks().overall.tolist() == [1, 2]


def test_an_empty_block_is_welcome() -> None:
    task = tiny_task([1, 2], {0: 1})
    counter = counter_of(task)
    nothing = np.array([], np.int64)
    anchor(counter, task, nothing)
    anchor(counter, task, whole(task))
    add(counter, task, nothing)
    add(counter, task, whole(task))
    add(counter, task, nothing)
    assert_exact(counter, task)


def test_anchoring_again_changes_nothing() -> None:
    task = tiny_task([3, 2, 1], {2: 1, 1: 1})
    counter = counter_of(task)
    for _ in range(2):
        anchor(counter, task, np.array([2, 1]))
    add(counter, task, np.array([0, 1]))
    anchor(counter, task, np.array([2, 1]))
    add(counter, task, np.array([2]))
    assert_exact(counter, task)


def test_ranks_can_be_asked_for_while_candidates_still_come() -> None:
    task = tiny_task([3, 2, 1], {2: 1})
    counter = counter_of(task)
    anchor(counter, task, whole(task))
    add(counter, task, np.array([2]))
    assert counter.ranks().overall.tolist() == [1]
    assert counter.candidates == 1
    add(counter, task, np.array([0, 1]))
    assert counter.ranks().overall.tolist() == [3]

"""What decided the comparisons, as RankCounter reports it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from counting import add, anchor, assert_exact, counted, counter_of, whole
from hybridsampler import RankCounter
from naive_ranking import (
    FAMILIES,
    Task,
    generators,
    random_task,
    task_scores,
)


def comparisons(task: Task) -> int:
    return sum(1 for judged in task.judged if judged) * len(task.ids)


@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    queries=st.integers(0, 20),
    candidates=st.integers(1, 30),
    cut=st.integers(0, 30),
)
def test_the_report_counts_every_comparison_once(
    rng: np.random.Generator, family: str, queries: int, candidates: int, cut: int
) -> None:
    task = random_task(rng, family, queries=queries, candidates=candidates, dimension=40)
    parts = [whole(task)[:cut], whole(task)[cut:]]
    counters = [counter_of(task), counter_of(task)]
    for counter, rows in zip(counters, parts, strict=True):
        anchor(counter, task, whole(task))
        add(counter, task, rows)
        judging = sum(1 for judged in task.judged if judged)
        assert counter.report.comparisons == judging * len(rows)
    counters[0].merge_bytes(counters[1].to_bytes())
    assert counters[0].report.comparisons == comparisons(task)
    assert counted(task).report == counted(task, threads=3).report


def test_equal_scores_are_scored_in_full() -> None:
    """No bound tells them apart."""
    task = random_task(np.random.default_rng(9), "signs", queries=40, candidates=300, dimension=33)
    report = counted(task).report
    assert counted(task).ties > 1000
    assert report.reference >= len({(q, c) for q, c, _ in tied(task)})


def tied(task: Task) -> list[tuple[int, int, int]]:
    score = task_scores(task)
    number = {i: c for c, i in enumerate(task.ids)}
    return [
        (q, c, number[judged])
        for q, grades in enumerate(task.judged)
        for judged in grades
        for c in np.flatnonzero(score[q] == score[q, number[judged]]).tolist()
    ]


def test_each_block_is_screened_by_what_settles_it() -> None:
    """Integers where scores are apart; float32 where they are closer than integers tell."""
    rng = np.random.default_rng(10)
    apart = random_task(rng, "random", queries=60, candidates=600, dimension=96)
    counter = counted(apart)
    assert_exact(counter, apart)
    report = counter.report
    assert report.int8 + report.int16 > 0.8 * report.comparisons
    close = random_task(rng, "clustered", queries=60, candidates=600, dimension=96)
    counter = counted(close)
    assert_exact(counter, close)
    report = counter.report
    assert (report.int8, report.int16, report.elsewhere) == (0, 0, 0)
    assert report.float32 > 0.8 * report.comparisons


def test_a_large_block_is_welcome_where_no_query_judges_anything() -> None:
    rng = np.random.default_rng(12)
    counter = RankCounter(
        rng.standard_normal((20, 64), np.float32), (np.zeros(21, np.int64), np.empty(0, np.int64))
    )
    counter.add(rng.standard_normal((600, 64), np.float32), np.arange(600), ["en"] * 600)
    assert (counter.candidates, counter.report.comparisons) == (600, 0)

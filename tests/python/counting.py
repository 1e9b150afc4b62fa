"""Counters of a task, and what they must tell: equal to the naive oracle digit for digit."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hybridsampler import RankCounter
from hybridsampler.ranking import Similarity, Ties
from naive_ranking import POLICIES, Task, as_rows, oracle_ranks, oracle_ties, task_scores

Raises = AbstractContextManager[object]


def counter_of(
    task: Task, similarity: Similarity = "dot", threads: int | None = 1, queries: Any = None
) -> RankCounter:
    return RankCounter(
        task.queries if queries is None else queries,
        task.judged_lists(),
        task.excluded_lists(),
        similarity=similarity,
        threads=threads,
    )


def anchor(counter: RankCounter, task: Task, rows: NDArray[np.int64]) -> None:
    counter.anchor(task.candidates[rows], [task.ids[c] for c in rows])


def add(counter: RankCounter, task: Task, rows: NDArray[np.int64]) -> None:
    counter.add(
        task.candidates[rows], [task.ids[c] for c in rows], [task.languages[c] for c in rows]
    )


def blocks(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def whole(task: Task) -> NDArray[np.int64]:
    return np.arange(len(task.ids))


def counted(task: Task, similarity: Similarity = "dot", threads: int | None = 1) -> RankCounter:
    counter = counter_of(task, similarity, threads)
    anchor(counter, task, whole(task))
    add(counter, task, whole(task))
    return counter


def zero_rows(task: Task, similarity: Similarity) -> int:
    if similarity == "dot":
        return 0
    return sum(not row.any() for rows in (task.queries, task.candidates) for row in rows)


def assert_exact(counter: RankCounter, task: Task, similarity: Similarity = "dot") -> None:
    """Everything that the counter tells equals what the oracle finds."""
    score = task_scores(task, similarity)
    for ties in POLICIES:
        assert as_rows(counter.ranks(ties)) == oracle_ranks(task, score, ties), ties
    assert as_rows(counter.ranks()) == as_rows(counter.ranks("pessimistic"))
    assert counter.candidates == len(task.ids)
    assert counter.ties == oracle_ties(task, score)
    assert counter.zero_rows == zero_rows(task, similarity)


def refusal(message: str, kind: type[Exception] = ValueError) -> Raises:
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


FIVE = Task(
    np.array([[1, 0], [0, 1], [1, 1]], np.float32),
    np.array([[0, 3], [4, 1], [4, 1], [2, 2], [0, 0]], np.float32),
    [10, 11, 12, 13, 14],
    ["en", "de", "en", "de", "fr"],
    [{11: 1, 13: 2}, {}, {14: 1, 10: 0}],
    [{12}, set(), set()],
)


def refused_type(name: str, dtype: str) -> Raises:
    if dtype == "float64":
        remedy = (
            "rounding float64 would change the ranking unseen, so round it yourself with "
            ".astype(numpy.float32)"
        )
    else:
        remedy = (
            "such vectors are codes, as of a quantised index, so give the ones that they were made "
            "of"
        )
    given = f"{name} has dtype {dtype}: give float32, float16 or bfloat16; "
    return refusal(given + remedy, TypeError)


CHANGED = (
    "the vector of judged candidate {} changed between two blocks: encode each candidate once (an "
    "encoder in training mode, or different batching, changes it)"
)
DIFFER = (
    "the counters differ in queries, judgements, exclusions or similarity: merge counters of one "
    "evaluation"
)


def tiny_task(values: Sequence[float], judged: dict[int, int], language: str = "en") -> Task:
    """One query; the score of candidate i is values[i]."""
    return Task(
        np.ones((1, 1), np.float32),
        np.array(values, np.float32)[:, None],
        list(range(len(values))),
        [language] * len(values),
        [judged],
    )


def overall(task: Task, ties: Ties = "pessimistic") -> dict[int, int]:
    return {row.id: row.overall for row in as_rows(counted(task).ranks(ties))}

"""RankCounter.merge: what it refuses, by which words, and that refusals change nothing."""

import dataclasses

import numpy as np
import pytest

from counting import (
    CHANGED,
    DIFFER,
    FIVE,
    add,
    anchor,
    assert_exact,
    counted,
    counter_of,
    refusal,
    whole,
)
from hybridsampler.ranking import Similarity
from naive_ranking import Task


@pytest.mark.parametrize(
    ("other", "similarity"),
    [
        (dataclasses.replace(FIVE, queries=FIVE.queries * np.float32(1.5)), "dot"),
        (dataclasses.replace(FIVE, queries=FIVE.queries[:, :1]), "dot"),
        (dataclasses.replace(FIVE, judged=[{11: 1, 13: 1}, {}, {14: 1, 10: 1}]), "dot"),
        (dataclasses.replace(FIVE, judged=[{11: 1}, {13: 1}, {14: 1, 10: 0}]), "dot"),
        (dataclasses.replace(FIVE, excluded=[]), "dot"),
        (dataclasses.replace(FIVE, excluded=[{14}, set(), set()]), "dot"),
        (FIVE, "cosine"),
    ],
    ids=["queries", "dimension", "grade", "judged", "no exclusion", "exclusion", "similarity"],
)
def test_counters_of_different_evaluations_do_not_merge(
    other: Task, similarity: Similarity
) -> None:
    counter = counted(FIVE)
    with refusal(DIFFER):
        counter.merge(counter_of(other, similarity))
    assert_exact(counter, FIVE)


def test_a_candidate_that_two_counters_have_counted() -> None:
    a, b = counter_of(FIVE), counter_of(FIVE)
    for counter, rows in ((a, [0, 1, 3]), (b, [4, 3, 2])):
        anchor(counter, FIVE, whole(FIVE))
        add(counter, FIVE, np.array(rows))
    with refusal("candidate 13 was added to both counters: add each candidate to one"):
        a.merge(b)
    assert a.candidates == 3
    add(a, FIVE, np.array([2, 4]))
    assert_exact(a, FIVE)


def test_more_languages_than_there_are_do_not_come_together() -> None:
    a, b = counter_of(FIVE), counter_of(FIVE)
    for counter, first in ((a, 100), (b, 10_000)):
        anchor(counter, FIVE, whole(FIVE))
        rows = np.ones((6000, FIVE.candidates.shape[1]), np.float32)
        ids = np.arange(first, first + 6000)
        counter.add(rows, ids, [f"d{name}" for name in ids])
    before = a.to_bytes()
    with refusal("there are 12,000 languages: give each candidate's language, not its id"):
        a.merge(b)
    assert a.to_bytes() == before


def test_counters_that_know_different_vectors_of_a_judged_candidate() -> None:
    a, b = counter_of(FIVE), counter_of(FIVE)
    anchor(a, FIVE, np.array([0, 1, 3]))
    b.anchor(np.array([[9, 9], [2, 2.5]], np.float32), [14, 13])
    with refusal(CHANGED.format(13)):
        a.merge(b)
    anchor(a, FIVE, np.array([4]))  # the 14 of the other was not taken over
    add(a, FIVE, whole(FIVE))
    assert_exact(a, FIVE)


def test_a_merged_anchor_is_held_to_its_vector() -> None:
    a, b = counter_of(FIVE), counter_of(FIVE)
    anchor(a, FIVE, np.array([0, 1]))
    anchor(b, FIVE, np.array([3, 4]))
    a.merge(b)
    changed = np.array([[2, 2.5]], np.float32)
    with refusal(CHANGED.format(13)):
        a.anchor(changed, [13])
    with refusal(CHANGED.format(13)):
        a.add(changed, [13], ["xx"])
    add(a, FIVE, whole(FIVE))
    assert_exact(a, FIVE)


def test_a_counter_is_not_merged_into_itself() -> None:
    counter = counted(FIVE)
    with refusal("a counter cannot be merged into itself: its candidates count once"):
        counter.merge(counter)
    assert_exact(counter, FIVE)

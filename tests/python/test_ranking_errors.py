"""RankCounter: what it refuses, by which words, and that refusals change nothing."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from counting import (
    CHANGED,
    FIVE,
    Raises,
    add,
    anchor,
    assert_exact,
    blocks,
    counted,
    counter_of,
    refusal,
    refused_type,
    whole,
)
from hybridsampler import RankCounter
from hybridsampler.ranking import Similarity
from naive_ranking import FAMILIES, Row, Task, as_rows, generators, random_task

JUDGED = ([0, 1, 2], [0, 1])
TWO = np.ones((2, 3), np.float32)
VECTORS = "give vectors, of texts those of an encoder, of a file numpy.load(path)"


@pytest.mark.parametrize(
    ("arguments", "raises"),
    [
        ({"queries": TWO.astype(np.float64)}, refused_type("queries", "float64")),
        ({"queries": TWO.astype(np.int16)}, refused_type("queries", "int16")),
        ({"queries": torch.ones(2, 3).double()}, refused_type("queries", "float64")),
        ({"queries": torch.ones(2, 3).short()}, refused_type("queries", "int16")),
        (
            {"queries": np.ones(3, np.float32)},
            refusal("queries has shape (3,): give one row a vector, (n, d)"),
        ),
        (
            {"queries": torch.ones((1, 2, 3))},
            refusal("queries has shape (1, 2, 3): give one row a vector, (n, d)"),
        ),
        *(
            ({"queries": text}, refusal(f"queries holds text: {VECTORS}", TypeError))
            for text in ("q.npy", Path("q.npy"), ["Who digs?", "Wer gräbt?"])
        ),
        (
            {"queries": np.ones((2, 0), np.float32)},
            refusal(
                "the queries have dimension 0: give vectors of at least one component"
            ),
        ),
        (
            {"queries": np.array([[1, 2], [3, np.nan]], np.float32)},
            refusal(
                "query 1 holds NaN or infinity: scores need finite vectors; check the encoder's "
                "output"
            ),
        ),
        (
            {"queries": np.array([[-np.inf, 2], [3, np.nan]], np.float16)},
            refusal(
                "query 0 holds NaN or infinity: scores need finite vectors; check the encoder's "
                "output"
            ),
        ),
        (
            {"judged": ([0, 2], [0, 1])},
            refusal("there are 2 queries but judged lists for 1: give one list each"),
        ),
        (
            {"judged": ([0, 1, 3], [0, 1])},
            refusal(
                "relevant: indptr must rise from 0 to the number of indices, 2; it holds 3 numbers "
                "from 0 to 3"
            ),
        ),
        (
            {"judged": ([1, 1, 2], [0, 1])},
            refusal(
                "relevant: indptr must rise from 0 to the number of indices, 2; it holds 3 numbers "
                "from 1 to 2"
            ),
        ),
        (
            {"judged": ([0, 3, 2], [0, 1])},
            refusal(
                "relevant: indptr must rise from 0 to the number of indices, 2; it holds 3 numbers "
                "from 0 to 2"
            ),
        ),
        (
            {"judged": ([], [])},
            refusal(
                "relevant: indptr must rise from 0 to the number of indices, 0; it holds 0 numbers "
                "from 0 to 0"
            ),
        ),
        (
            {"judged": ([0, 1, 2], [0, -4])},
            refusal("query 1 names candidate -4: ids are 0 or more"),
        ),
        (
            {"judged": ([0, 0, 3], [6, 5, 6])},
            refusal("candidate 6 is judged twice for query 1: name it once"),
        ),
        (
            {"judged": ([0, 1, 2], [0, 1], [1, 1, 1])},
            refusal("2 judged candidates have 3 grades: give one each"),
        ),
        (
            {"judged": ([0, 1, 2], [0, 7], [0, -1])},
            refusal(
                "query 1 gives candidate 7 the negative grade -1: grades are 0 (judged, not "
                "relevant) or more"
            ),
        ),
        (
            {"judged": ([0, 1, 2], [0.0, 1.0])},
            refusal("ids: give a 1-d array of integers, not 1-d of float64"),
        ),
        (
            {"judged": ([0, 1, 2], [[0, 1]])},
            refusal("ids: give a 1-d array of integers, not 2-d of int64"),
        ),
        (
            {"judged": ([0, 1, 2], [0, 1], [True, False])},
            refusal("grades: give a 1-d array of integers, not 1-d of bool"),
        ),
        (
            {"judged": ([0, 1, 2], np.array([0, 2**63], np.uint64))},
            refusal("ids holds 9223372036854775808: integers go up to 2**63 - 1"),
        ),
        *(
            (
                {"judged": ([0, 1, 2], [0, beyond])},
                refusal(f"ids holds {beyond}: integers go from -2**63 to 2**63 - 1"),
            )
            for beyond in (2**64, -(2**63) - 5)
        ),
        (
            {"judged": ([0, 1, 2], (-(2**63), 2**63))},
            refusal("ids holds 9223372036854775808: integers go from -2**63 to 2**63 - 1"),
        ),
        (
            {"exclude": ([0, 1], [5])},
            refusal("exclude lists 1 queries but there are 2: give one list each"),
        ),
        (
            {"exclude": ([0, 1, 1], [])},
            refusal(
                "exclude: indptr must rise from 0 to the number of indices, 0; it holds 3 numbers "
                "from 0 to 1"
            ),
        ),
        (
            {"exclude": ([0, 0, 2], [5, 5])},
            refusal("candidate 5 is excluded twice for query 1: name it once"),
        ),
        (
            {"exclude": ([0, 1, 1], [-5])},
            refusal("query 0 names candidate -5: ids are 0 or more"),
        ),
        (
            {"exclude": ([0, 0, 1], [1])},
            refusal("query 1 excludes candidate 1, which it also judges: do one or the other"),
        ),
        ({"similarity": "l2"}, refusal("similarity='l2': choose 'dot' or 'cosine'")),
        ({"threads": 0}, refusal("threads=0: give at least 1, or None for all processors")),
    ],
)  # fmt: skip
def test_a_counter_is_refused(arguments: dict[str, Any], raises: Raises) -> None:
    sound: dict[str, Any] = {"queries": TWO, "judged": JUDGED}
    with raises:
        RankCounter(**sound | arguments)


def test_a_candidate_may_be_excluded_by_one_query_and_judged_by_another() -> None:
    task = Task(TWO, TWO, [0, 1], ["en", "en"], [{0: 1}, {1: 1}], [{1}, {0}])
    assert [row.overall for row in as_rows(counted(task).ranks())] == [1, 1]


# Blocks that add() refuses after 10 and 11 were added: vectors, ids, languages.
REFUSED: dict[str, tuple[Any, Any, Any, Raises]] = {
    "NaN": (
        [[2, 2], [np.nan, 0]], [13, 14], ["de", "xx"],
        refusal("candidate 14 (row 1 of its block) holds NaN or infinity: scores need finite "
                "vectors; check the encoder's output"),
    ),
    "infinity": (
        [[4, -np.inf], [2, 2]], [12, 13], ["xx", "de"],
        refusal("candidate 12 (row 0 of its block) holds NaN or infinity: scores need finite "
                "vectors; check the encoder's output"),
    ),
    "another dimension": (
        [[2, 2, 2]], [13], ["xx"],
        refusal("the candidates have dimension 3 but the queries 2: encode both with one model"),
    ),
    "float64": (
        np.array([[2.0, 2]]), [13], ["xx"],
        refused_type("block", "float64"),
    ),
    "one vector": (
        [2, 2], [13], ["xx"],
        refusal("block has shape (2,): give one row a vector, (n, d)"),
    ),
    "more ids": (
        [[2, 2]], [13, 14], ["xx", "xx"],
        refusal("a block of 1 candidates has 2 ids: give one each"),
    ),
    "fewer ids": (
        [[2, 2], [0, 0]], [13], ["xx"],
        refusal("a block of 2 candidates has 1 ids: give one each"),
    ),
    "fewer languages": (
        [[2, 2], [0, 0]], [13, 14], ["xx"],
        refusal("2 candidates have 1 languages: give one each"),
    ),
    "more languages": (
        [[2, 2]], [13], ["xx", "xx"],
        refusal("1 candidates have 2 languages: give one each"),
    ),
    "a negative id": (
        [[2, 2], [0, 0]], [13, -1], ["xx", "xx"],
        refusal("candidate id -1 is negative: ids are 0 or more"),
    ),
    "ids that are no integers": (
        [[2, 2]], ["13"], ["xx"],
        refusal("ids: give a 1-d array of integers, not 1-d of <U2"),
    ),
    "masked ids": (
        [[2, 2], [0, 0]], np.ma.masked_array([13, 14], [False, True]), ["xx", "xx"],
        refusal(
            "ids is a MaskedArray: give a plain array of integers, none of them masked", TypeError
        ),
    ),
    "an id seen in an earlier block": (
        [[2, 2], [4, 1]], [13, 11], ["xx", "xx"],
        refusal("candidate 11 was added twice: every id stands for one candidate"),
    ),
    "an id twice in the block": (
        [[4, 1], [2, 2], [4, 1]], [12, 13, 12], ["xx", "xx", "xx"],
        refusal("candidate 12 was added twice: every id stands for one candidate"),
    ),
    "a changed vector": (
        [[4, 1], [2, 2.5]], [12, 13], ["xx", "xx"],
        refusal(CHANGED.format(13)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_block_leaves_the_counts_as_they_were(case: str) -> None:
    values, ids, languages, raises = REFUSED[case]
    block = values if isinstance(values, np.ndarray) else np.array(values, np.float32)
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    add(counter, FIVE, np.array([0, 1]))
    before = counter.candidates, counter.ties
    with raises:
        counter.add(block, ids, languages)
    assert (counter.candidates, counter.ties) == before == (2, 0)
    add(counter, FIVE, np.array([2, 3, 4]))
    assert_exact(counter, FIVE)
    assert counter.ranks().languages == ("en", "de", "fr")


@pytest.mark.parametrize(
    "case", [case for case in REFUSED if "language" not in case and "twice" not in case
             and "earlier" not in case]
)  # fmt: skip
def test_a_refused_anchor_leaves_the_anchors_as_they_were(case: str) -> None:
    values, ids, _, raises = REFUSED[case]
    block = values if isinstance(values, np.ndarray) else np.array(values, np.float32)
    counter = counter_of(FIVE)
    anchor(counter, FIVE, np.array([1, 2, 3]))
    with raises:
        counter.anchor(block, ids)
    anchor(counter, FIVE, np.array([0, 4]))
    add(counter, FIVE, whole(FIVE))
    assert_exact(counter, FIVE)


def test_an_anchor_refused_for_one_row_takes_no_other_row() -> None:
    counter = counter_of(FIVE)
    anchor(counter, FIVE, np.array([1, 3]))
    with refusal(CHANGED.format(13)):
        counter.anchor(np.array([[7, 7], [2, 2.5]], np.float32), [10, 13])
    anchor(counter, FIVE, np.array([0, 4]))  # were 10 known as (7, 7), this would be refused
    add(counter, FIVE, whole(FIVE))
    assert_exact(counter, FIVE)


def test_one_judged_id_with_two_vectors_in_a_block() -> None:
    with refusal(CHANGED.format(13)):
        counter_of(FIVE).anchor(np.array([[2, 2], [2, 3]], np.float32), [13, 13])


def test_a_vector_that_changed_by_one_bit_between_the_phases() -> None:
    task = random_task(np.random.default_rng(12), "random", queries=3, candidates=5, dimension=40)
    task = dataclasses.replace(task, ids=[0, 1, 2, 3, 4], judged=[{3: 0}, {}, {}], excluded=[])
    for component in range(40):
        counter = counter_of(task)
        anchor(counter, task, np.array([3]))
        changed = task.candidates.copy()
        changed[3, component] = np.nextafter(changed[3, component], np.float32(np.inf))
        with refusal(CHANGED.format(3)):
            counter.add(changed, task.ids, task.languages)
        add(counter, task, whole(task))
        assert_exact(counter, task)


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("row", [0, 1234, 5999])
def test_a_refused_large_block_counts_nothing(row: int, similarity: Similarity) -> None:
    # Above 4 MiB the vectors are checked while others are counted, by two threads.
    random = np.random.default_rng(row)
    queries = random.standard_normal((3, 256), np.float32)
    block = random.standard_normal((6000, 256), np.float32)
    assert block.nbytes > 4 << 20
    ids, languages = np.arange(len(block)), [f"language {c % 3}" for c in range(len(block))]
    lists = ([0, 1, 3, 4], [row, row, 7, 7])

    def wrong(candidate: int, component: int, value: float) -> NDArray[np.float32]:
        vectors = block.copy()
        vectors[candidate, component] = value
        return vectors

    other = (row + 1) % len(block)  # which no query judges
    next_up = float(np.nextafter(block[row, 100], np.float32(np.inf)))
    finite = " holds NaN or infinity: scores need finite vectors; check the encoder's output"
    refused = [
        (wrong(row, 255, np.nan), f"candidate {row} (row {row} of its block){finite}"),
        (wrong(other, 0, -np.inf), f"candidate {other} (row {other} of its block){finite}"),
        (wrong(row, 100, next_up), CHANGED.format(row)),
    ]
    counter, expected = (
        RankCounter(queries, lists, similarity=similarity, threads=2) for _ in range(2)
    )
    for one in (counter, expected):
        one.anchor(block, ids)
    known = counter.to_bytes()
    for vectors, message in refused:
        with refusal(message):
            counter.add(vectors, ids, languages)
        assert counter.to_bytes() == known
    counter.add(block, ids, languages)
    for start in range(0, len(block), 500):
        part = slice(start, start + 500)
        expected.add(block[part], ids[part], languages[part])
    for mine, theirs in zip(
        dataclasses.astuple(counter.ranks()), dataclasses.astuple(expected.ranks()), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_a_judged_candidate_that_was_not_anchored() -> None:
    counter = counter_of(FIVE)
    message = (
        "judged candidate {} has no anchor ({} of 4 judged candidates have none): call anchor() "
        "with the blocks that hold the judged candidates before the first add()"
    )
    with refusal(message.format(11, 4)):
        add(counter, FIVE, whole(FIVE))
    anchor(counter, FIVE, np.array([1, 2, 4]))
    with refusal(message.format(13, 2)):
        add(counter, FIVE, whole(FIVE))
    assert counter.candidates == 0
    anchor(counter, FIVE, np.array([0, 3]))
    add(counter, FIVE, whole(FIVE))
    assert_exact(counter, FIVE)


def test_a_judged_candidate_that_was_never_added() -> None:
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    add(counter, FIVE, np.array([0, 1, 2, 3]))
    with refusal(
        "candidate 14 is judged but was never added: add every block of candidates before asking "
        "for ranks"
    ):
        counter.ranks()
    add(counter, FIVE, np.array([4]))
    assert_exact(counter, FIVE)


def test_an_unknown_tie_policy() -> None:
    counter = counted(FIVE)
    with pytest.raises(
        ValueError,
        match=r"^ties=.random.: choose 'pessimistic', 'optimistic', 'trec' or 'docid'$",
    ):
        counter.ranks("random")  # type: ignore[arg-type]
    assert_exact(counter, FIVE)


@given(rng=generators(), family=st.sampled_from(FAMILIES), size=st.integers(1, 8))
def test_errors_between_blocks_change_nothing(
    rng: np.random.Generator, family: str, size: int
) -> None:
    task = random_task(rng, family, queries=5, candidates=18, dimension=6)
    counter, other = counter_of(task), counter_of(task)
    for one in (counter, other):
        anchor(one, task, whole(task))
    add(other, task, np.array([17]))
    order = rng.permutation(18)
    for rows in blocks(order, size):
        bad = task.candidates[rows].copy()
        bad[rng.integers(len(rows)), rng.integers(6)] = np.inf
        with pytest.raises(ValueError, match="holds NaN or infinity"):
            counter.add(bad, [task.ids[c] for c in rows], ["xx"] * len(rows))
        add(counter, task, rows)
        with pytest.raises(ValueError, match="was added twice"):
            add(counter, task, np.append(order, rows[:1]))
    with pytest.raises(ValueError, match="was added to both counters"):
        counter.merge(other)
    assert_exact(counter, task)


def test_rows_hold_plain_numbers() -> None:
    assert as_rows(counted(FIVE).ranks())[0] == Row(0, 11, 1, "de", 1, 1)


def test_a_doubled_vector_has_changed_under_the_cosine_too() -> None:
    block = np.array([[1, 2], [3, 4]], np.float32)
    counter = RankCounter(np.ones((1, 2), np.float32), ([0, 1], [0]), similarity="cosine")
    counter.anchor(block, [0, 1])
    with pytest.raises(ValueError, match="the vector of judged candidate 0 changed between two"):
        counter.add(2 * block, [0, 1], ["en", "en"])
    counter.add(block, [0, 1], ["en", "en"])


def test_one_word_is_not_a_list_of_languages() -> None:
    block = np.ones((2, 2), np.float32)
    counter = RankCounter(block, ([0, 1, 1], [0]))
    counter.anchor(block, [0, 1])
    with pytest.raises(ValueError, match="languages='en': give one name for each candidate"):
        counter.add(block, [0, 1], "en")


def test_a_language_that_cannot_be_saved_is_refused_before_it_is_counted() -> None:
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    with refusal("languages: '\\ud800' has half of a surrogate pair and is no text: change it"):
        add(counter, dataclasses.replace(FIVE, languages=["en", *["\ud800"] * 4]), whole(FIVE))
    add(counter, FIVE, whole(FIVE))
    assert_exact(counter, FIVE)
    counter.to_bytes()


@pytest.mark.parametrize(
    "languages",
    [dict.fromkeys("abcde", "en"), set("abcde"), (name for name in FIVE.languages), None],
    ids=["dict", "set", "generator", "None"],
)
def test_what_has_no_name_for_each_candidate_in_order_is_refused(languages: Any) -> None:
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    told = (
        f"languages is of type {type(languages).__name__}: give a list of names, one for each row"
    )
    with refusal(told, TypeError):
        counter.add(FIVE.candidates, FIVE.ids, languages)
    add(counter, FIVE, whole(FIVE))
    assert_exact(counter, FIVE)


def test_ids_in_place_of_languages_are_refused_before_they_fill_the_memory() -> None:
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    before = counter.to_bytes()
    rows = np.ones((10_001, FIVE.candidates.shape[1]), np.float32)
    message = "there are 10,001 languages: give each candidate's language, not its id"
    with refusal(message):
        counter.add(rows, np.arange(100, 10_101), [f"d{row}" for row in range(10_001)])
    assert counter.to_bytes() == before
    add(counter, FIVE, whole(FIVE))
    assert_exact(counter, FIVE)


def test_who_comes_between_is_found_out() -> None:
    """Languages get numbers before the core counts; another caller's would be taken for them."""
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))

    class Languages(list[str]):
        """Another caller, while these are gone through."""

        def __iter__(self) -> Iterator[str]:
            counter.add(FIVE.candidates[:1], FIVE.ids[:1], ["another"])
            return super().__iter__()

    rest = FIVE.candidates[1:], FIVE.ids[1:]
    with pytest.raises(RuntimeError, match=r"^another caller has changed this counter meanwhile"):
        counter.add(*rest, Languages(FIVE.languages[1:]))
    assert counter.candidates == 1
    counter.add(*rest, FIVE.languages[1:])
    assert counter.ranks().languages[0] == "another"
    assert counter.candidates == 5

"""RankCounter: which types and layouts of vectors it takes, and which arrays it keeps."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from counting import FIVE, add, anchor, assert_exact, counted, counter_of, whole
from hybridsampler import RankCounter
from hybridsampler.ranking import Similarity
from naive_ranking import FAMILIES, POLICIES, SIMILARITIES, Float32, generators, random_task


def from_the_second_byte(array: NDArray[Any]) -> NDArray[Any]:
    """The same where no processor would put it, as in a map of a file behind a header."""
    moved = np.frombuffer(b"\0" + array.tobytes(), array.dtype, array.size, 1)
    assert array.size == 0 or not moved.flags.aligned
    return moved.reshape(array.shape)


GIVEN: dict[str, Callable[[Float32], Any]] = {
    "float32": lambda rows: rows,
    "float16": lambda rows: rows.astype(np.float16),
    "Fortran order": np.asfortranarray,
    "every other row and column": lambda rows: np.repeat(np.repeat(rows, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda rows: rows[::-1, ::-1].copy()[::-1, ::-1],
    "from the second byte": from_the_second_byte,
    "torch float32": torch.tensor,
    "torch float16": lambda rows: torch.tensor(rows).half(),
    "torch bfloat16": lambda rows: torch.tensor(rows).bfloat16(),
    "torch, transposed": lambda rows: torch.tensor(rows.T.copy()).T,
    "torch, with gradient": lambda rows: torch.tensor(rows, requires_grad=True),
}


def rounded(rows: Float32, given: str) -> Float32:
    """The float32 vectors that have exactly the numbers that the type keeps."""
    if "bfloat16" in given:  # round to nearest even, the lower half cut off
        bits = rows.view(np.uint32).astype(np.int64)
        kept = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
        return kept.astype(np.uint32).view(np.float32)
    return rows.astype(np.float16).astype(np.float32) if "float16" in given else rows


@given(
    rng=generators(),
    given_as=st.tuples(st.sampled_from(sorted(GIVEN)), st.sampled_from(sorted(GIVEN))),
    family=st.sampled_from(FAMILIES),
    dimension=st.integers(1, 130),
    similarity=st.sampled_from(SIMILARITIES),
)
def test_vectors_of_any_type_and_layout(
    rng: np.random.Generator,
    given_as: tuple[str, str],
    family: str,
    dimension: int,
    similarity: Similarity,
) -> None:
    task = random_task(rng, family, queries=5, candidates=14, dimension=dimension)
    most = 6e4 if "torch float16" in given_as or "float16" in given_as else 1e38
    of_queries, of_candidates = given_as
    task = dataclasses.replace(
        task,
        queries=rounded(np.clip(task.queries, -most, most), of_queries),
        candidates=rounded(np.clip(task.candidates, -most, most), of_candidates),
    )
    counter = counter_of(task, similarity, queries=GIVEN[of_queries](task.queries))
    block = GIVEN[of_candidates](task.candidates)
    counter.anchor(block, task.ids)
    counter.add(block, np.array(task.ids, np.uint64), task.languages)
    assert_exact(counter, task, similarity)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_memory_map_is_read_where_it_lies(tmp_path: Path, dtype: type[np.floating[Any]]) -> None:
    task = random_task(
        np.random.default_rng(9), "clustered", queries=6, candidates=50, dimension=33
    )
    task = dataclasses.replace(task, candidates=task.candidates.astype(dtype).astype(np.float32))
    task.candidates.astype(dtype).tofile(tmp_path / "rows")
    stored = np.memmap(tmp_path / "rows", dtype, "r", shape=(50, 33))
    counter = counter_of(task, "cosine")
    judged = np.array(sorted({task.ids.index(i) for grades in task.judged for i in grades}))
    anchor(counter, dataclasses.replace(task, candidates=stored), judged)
    for first in range(0, 50, 8):
        block = slice(first, first + 8)
        counter.add(stored[block], task.ids[block], task.languages[block])
    assert_exact(counter, task, "cosine")


def test_ids_may_begin_at_any_byte() -> None:
    task = dataclasses.replace(FIVE, excluded=[{14}, set(), {11}])
    *judged, grades = map(from_the_second_byte, task.judged_lists())
    excluded = task.excluded_lists()
    assert excluded is not None
    exclude = from_the_second_byte(excluded[0]), from_the_second_byte(excluded[1])
    counter = RankCounter(task.queries, (judged[0], judged[1], grades), exclude)
    ids = from_the_second_byte(np.array(task.ids))
    counter.anchor(task.candidates, ids)
    counter.add(task.candidates, ids, task.languages)
    assert_exact(counter, task)


def test_what_is_given_stays_as_it_is() -> None:
    task = random_task(np.random.default_rng(10), "random", queries=3, candidates=9, dimension=4)
    queries, candidates = task.queries.copy(), task.candidates.copy()
    counted(task, "cosine")
    assert (task.queries == queries).all()
    assert (task.candidates == candidates).all()


def test_what_was_given_may_change_afterwards() -> None:
    task = random_task(np.random.default_rng(11), "random", queries=20, candidates=9, dimension=4)
    queries, (indptr, ids, grades) = task.queries.copy(), task.judged_lists()
    exclude = task.excluded_lists() or (np.zeros(21, np.int64), np.empty(0, np.int64))
    block, block_ids = task.candidates.copy(), np.array(task.ids)
    counter = RankCounter(queries, (indptr, ids, grades), exclude)
    counter.anchor(block, block_ids)
    counter.add(block, block_ids, task.languages)
    for array in (queries, indptr, ids, grades, *exclude, block, block_ids):
        array[:] = 0
    assert_exact(counter, task)


def test_an_array_that_an_object_holds_may_change_afterwards() -> None:
    class Holder:
        def __init__(self, rows: Float32) -> None:
            self.rows = rows

        def __array__(self, dtype: object = None, copy: object = None) -> Float32:
            return self.rows

    task = random_task(np.random.default_rng(11), "random", queries=20, candidates=9, dimension=4)
    holder = Holder(task.queries.copy())
    counter = RankCounter(holder, task.judged_lists(), task.excluded_lists())
    holder.rows[:] = 0
    anchor(counter, task, whole(task))
    add(counter, task, whole(task))
    assert_exact(counter, task)


def test_queries_are_copied_unless_they_may_be_borrowed() -> None:
    task = random_task(np.random.default_rng(12), "random", queries=20, candidates=9, dimension=4)
    kept = {borrow: task.queries.copy() for borrow in (False, True)}
    own, borrowing = (
        RankCounter(queries, task.judged_lists(), task.excluded_lists(), borrow=borrow)
        for borrow, queries in kept.items()
    )
    kept[False][:] = 0
    for counter, other in ((own, borrowing), (borrowing, own)):
        anchor(counter, task, whole(task))
        other.merge(counter)
        other.merge_bytes(counter.to_bytes())
    for counter in (own, borrowing, own.blank(), borrowing.blank()):
        anchor(counter, task, whole(task))
        add(counter, task, whole(task))
        assert_exact(counter, task)


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("form", [np.asarray, torch.tensor, lambda rows: rows.astype(np.float16)])
def test_borrowed_queries_give_the_same(form: Callable[[Any], Any], similarity: Similarity) -> None:
    task = random_task(np.random.default_rng(13), "random", queries=8, candidates=9, dimension=4)
    task = dataclasses.replace(task, queries=task.queries.astype(np.float16).astype(np.float32))
    counter = RankCounter(
        form(task.queries),
        task.judged_lists(),
        task.excluded_lists(),
        similarity=similarity,
        borrow=True,
    )
    anchor(counter, task, whole(task))
    add(counter, task, whole(task))
    assert_exact(counter, task, similarity)


def test_what_was_returned_may_change_afterwards() -> None:
    counter = counted(FIVE)
    for ties in POLICIES:
        ranks = counter.ranks(ties)
        for field in dataclasses.fields(ranks):
            if field.name != "languages":
                getattr(ranks, field.name)[:] = 0
    assert_exact(counter, FIVE)

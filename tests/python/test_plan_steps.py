"""Which steps and slices a plan takes."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import regular
from hybridsampler import BatchPlan, Mix
from plans import Case, assert_no_false_negatives, cases, one_stream


@given(cases(random_draws=False), st.sampled_from([2**31, 2**32, 2**53, 2**58, "last"]))
def test_huge_steps(case: Case, start: int | str) -> None:
    plan = case.plan()
    end = 2**63 // plan.batch_size
    first = end - 7 if isinstance(start, str) else start
    assert_no_false_negatives(case.data, plan[first : first + 7])
    with pytest.raises(IndexError, match=f"have no end before {end}"):
        plan[end]


@pytest.mark.parametrize(
    "step",
    [
        2**63 - 1,
        2**63,
        2**64 - 2,
        2**64 - 1,
        2**64,
        2**70,
        slice(2**64 - 2, 2**64),
        slice(2**64, 2**64 + 1),
    ],
)
def test_steps_beyond_all_need_work_or_are_refused(step: Any) -> None:
    data = regular(10, ["de", "en"])
    plan = BatchPlan(data.corpus, Mix(monolingual=1, cross_lingual=1), 4)
    try:
        batches = plan[step]
    except (IndexError, OverflowError, ValueError):
        return
    assert_no_false_negatives(data, batches.reshape(-1, 4, 2))


@pytest.mark.parametrize("steps", [2**50, 2**59, 2**62])
def test_slices_beyond_all_memory_are_an_error_not_the_end(steps: int) -> None:
    """In a process of its own: a failed allocation in the core must not abort Python."""
    program = f"""
from hybridsampler import BatchPlan, Mix, ParallelCorpus
corpus = ParallelCorpus.from_columns(group=range(9), language=["en"] * 9)
try:
    BatchPlan(corpus, Mix(monolingual=1), 3)[0:{steps}]
except (MemoryError, IndexError, OverflowError, ValueError):
    print("refused")
"""
    command = [sys.executable, "-c", program]
    child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert child.stdout == "refused\n", child.stderr[-300:]


@pytest.mark.parametrize("steps", [2**50, 2**60])
def test_batches_beyond_all_memory_are_a_memory_error(steps: int) -> None:
    plan = one_stream(30, 4)
    with pytest.raises(MemoryError):
        plan[0:steps]
    with pytest.raises(MemoryError):
        plan.codes(slice(0, steps), range(4))


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint64, np.uint8, np.array])
def test_numpy_integers_are_steps(kind: Any) -> None:
    plan = one_stream(30, 4)
    assert (plan[kind(7)] == plan[7]).all()
    assert (plan[kind(7) : kind(9)] == plan[7:9]).all()
    assert plan.stream(kind(7)) == plan.stream(7)


def test_numpy_integers_are_sizes_and_seeds() -> None:
    corpus, mix = regular(30, ["de"]).corpus, Mix(monolingual=1)
    plan = BatchPlan(corpus, mix, np.int64(4), np.uint64(2**64 - 1))  # type: ignore[arg-type]  # as ints
    assert (plan[0:9] == BatchPlan(corpus, mix, 4, 2**64 - 1)[0:9]).all()
    assert plan.identity == BatchPlan(corpus, mix, 4, 2**64 - 1).identity


def test_slices_may_be_empty_and_lack_a_start() -> None:
    plan = one_stream(30, 4)
    for empty in (plan[3:3], plan[5:2], plan[:0]):
        assert empty.shape == (0, 4, 2)
    assert (plan[:5] == plan[0:5]).all()


@pytest.mark.parametrize("step", [-1, -(2**70), slice(-1, 3), slice(0, -1)])
def test_negative_steps(step: Any) -> None:
    with pytest.raises(IndexError, match="steps count from 0 and have no end"):
        one_stream(30, 4)[step]


def test_negative_step_of_stream() -> None:
    with pytest.raises(IndexError, match="step -1: steps count from 0"):
        one_stream(30, 4).stream(-1)


@pytest.mark.parametrize("steps", [slice(3, None), slice(0, 9, 2), slice(9, 0, -1), slice(None)])
def test_slices_without_end_or_with_a_stride(steps: slice) -> None:
    with pytest.raises(IndexError, match=r"ask for plan\[a:b\]"):
        one_stream(30, 4)[steps]


@pytest.mark.parametrize("places", [range(-1, 2), range(3, 5), range(2, 1), range(0, 4, 2)])
def test_codes_of_places_that_a_batch_has_not(places: range) -> None:
    with pytest.raises(IndexError, match=r"the places of a batch are in range\(0, 4\)"):
        one_stream(30, 4).codes(slice(0, 3), places)


@pytest.mark.parametrize("step", [1.0, "1", None, (0, 1)])
def test_steps_are_integers(step: Any) -> None:
    with pytest.raises(TypeError):
        one_stream(30, 4)[step]

"""States and numbers that HybridBatchSampler refuses."""

import re
from typing import Any

import numpy as np
import pytest

from corpora import regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix
from samplers import rest, small_plan

# States that are refused


def refused(state: Any, *parts: str, sampler: HybridBatchSampler | None = None) -> None:
    """Neither a sampler nor its iterator takes the state; both say why and stay as they were."""
    sampler = sampler or HybridBatchSampler(small_plan())
    sampler.load_state_dict(sampler.state_at(4))
    batches = iter(sampler)
    for holder in (sampler, batches):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  parts: below
            holder.load_state_dict(state)
        for part in parts:
            assert part in str(caught.value)
        assert holder.state_dict()["step"] == 4
    assert (rest(sampler, batches) == sampler.plan[4:11]).all()


def test_state_of_another_version() -> None:
    state = HybridBatchSampler(small_plan()).state_dict() | {"version": 2}
    refused(state, "the state has version 2", "reads 1", "resume with the version that saved it")


def test_state_of_another_plan_version() -> None:
    state = HybridBatchSampler(small_plan()).state_dict()
    state["plan"]["plan_version"] = 7
    refused(state, "plan_version: saved 7, now 2", "resume with")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("seed", {"seed": 3}),
        ("batch_size", {"batch_size": 6}),
        ("mix", {"mix": Mix(monolingual=1)}),
        ("mix", {"mix": Mix(monolingual=1, cross_lingual=1, mixed=1, draws="random")}),
        ("mix", {"mix": Mix(monolingual=1, cross_lingual=1, mixed=1, source_temperature=2)}),
        ("corpus", {"corpus": regular(40, ["de", "en", "fr"]).corpus}),
    ],
)
def test_state_of_another_plan_says_what_differs(name: str, change: dict[str, Any]) -> None:
    mine = small_plan()
    mix = Mix(monolingual=1, cross_lingual=1, mixed=1)
    arguments: dict[str, Any] = {"corpus": mine.corpus, "mix": mix, "batch_size": 12, "seed": 0}
    other = HybridBatchSampler(BatchPlan(**arguments | change))
    state = other.state_dict()
    saved, now = other.plan.identity[name], mine.identity[name]
    with pytest.raises(ValueError, match="belongs to another plan") as caught:
        HybridBatchSampler(mine).load_state_dict(state)
    message = str(caught.value)
    assert f"{name}: saved {saved!r}, now {now!r}" in message
    assert "resume with the corpus, mix, batch size and seed that it was saved with" in message
    for same in {"seed", "batch_size", "mix", "corpus", "plan_version"} - {name}:
        assert f"{same}: saved" not in message
    refused(state, f"{name}: saved")


def test_state_that_differs_in_two_ways_names_both() -> None:
    state = HybridBatchSampler(small_plan(seed=9, batch_size=6)).state_dict()
    refused(state, "batch_size: saved 6, now 12", "seed: saved 9, now 0")


@pytest.mark.parametrize("state", [{}, {"step": 3}, {"version": 1, "plan": {}}])
def test_what_is_no_state(state: dict[str, Any]) -> None:
    lacking = sorted({"version", "step", "plan"} - set(state))
    refused(state, f"not a state of HybridBatchSampler: it lacks {lacking}")


@pytest.mark.parametrize("value", [8 / 2, "4"])
@pytest.mark.parametrize("name", ["num_replicas", "rank", "steps_per_epoch"])
def test_numbers_that_are_no_whole_numbers(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name}={value!r}: give a whole number"):
        HybridBatchSampler(small_plan(), **{name: value})
    with pytest.raises(TypeError, match=f"epoch={value!r}: give a whole number"):
        HybridBatchSampler(small_plan()).set_epoch(value)


@pytest.mark.parametrize("state", [None, [3], 3])
def test_a_state_is_a_dictionary(state: Any) -> None:
    """Such as what a checkpoint without one gives for it."""
    refused(state, f"not a state of HybridBatchSampler: it is of type {type(state).__name__}")


def test_a_step_may_be_numpy_s() -> None:
    sampler = HybridBatchSampler(small_plan())
    expected = [*sampler][2:]
    sampler.load_state_dict(sampler.state_at(0) | {"step": np.int64(2)})
    assert type(sampler.state_dict()["step"]) is int
    assert [*sampler] == expected


@pytest.mark.parametrize("step", [-1, 1.0, "3", None])
def test_state_with_a_bad_step(step: Any) -> None:
    state = HybridBatchSampler(small_plan()).state_dict() | {"step": step}
    refused(state, f"the state holds step {step!r}", "an integer of 0 or more")


# Bad numbers


def not_built(*parts: str, **arguments: Any) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  parts: below
        HybridBatchSampler(small_plan(), **arguments)
    for part in parts:
        assert part in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("world", [5, 7, 8, 24])
def test_batch_size_that_the_world_does_not_divide(world: int) -> None:
    not_built(
        f"batch_size=12 is not divisible by num_replicas={world}",
        "every rank takes an equal slice of the global batch",
        num_replicas=world,
        rank=0,
    )


def test_batch_size_that_the_world_does_not_divide_names_the_remedy() -> None:
    message = not_built(num_replicas=5, rank=0)
    assert re.search(r"\b(give|use|choose|make|take) ", message)


@pytest.mark.parametrize("world", [0, -2])
def test_no_ranks(world: int) -> None:
    not_built(f"num_replicas={world}", num_replicas=world, rank=0)


@pytest.mark.parametrize("rank", [-1, 4, 5])
def test_rank_out_of_range(rank: int) -> None:
    not_built(f"rank={rank}", "ranks go from 0 to num_replicas - 1=3", num_replicas=4, rank=rank)


@pytest.mark.parametrize("steps", [0, -3])
def test_empty_epoch(steps: int) -> None:
    not_built(
        f"an epoch of {steps} steps",
        "the corpus has 132 rows, the batch size is 12",
        "give steps_per_epoch",
        steps_per_epoch=steps,
    )


def test_negative_epoch() -> None:
    with pytest.raises(ValueError, match=r"epoch=-1: epochs count from 0"):
        HybridBatchSampler(small_plan()).set_epoch(-1)

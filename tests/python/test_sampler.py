"""HybridBatchSampler: equal slices on any number of ranks, resumed at any step."""

import copy
import json
import pickle
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch.distributed
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils.data import DataLoader, DistributedSampler

from corpora import Columns, columns, joined, mixes, regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset

Ints = NDArray[np.int64]
# Python 3.12 and later warn of every fork of a process with threads, such as a DataLoader's.
FORKS = "ignore:This process .* is multi-threaded:DeprecationWarning"
WORLDS = (1, 2, 3, 4, 6, 12)


def decoded(sampler: HybridBatchSampler, batch: list[int]) -> Ints:
    """(b, 2) query and passage rows that a batch of the sampler stands for."""
    rows = len(sampler.plan.corpus)
    assert all(type(pair) is int for pair in batch)
    pairs = [divmod(code - rows, rows) if code >= rows else (code, code) for code in batch]
    return np.array(pairs)


def rest(sampler: HybridBatchSampler, batches: Iterator[list[int]]) -> Ints:
    """(steps, b, 2) pairs of all batches to come."""
    own = [decoded(sampler, batch) for batch in batches]
    return np.array(own).reshape(-1, sampler.batch_size, 2)


def small_plan(seed: int = 0, batch_size: int = 12) -> BatchPlan:
    """11 steps an epoch at batch size 12."""
    data = joined(
        regular(20, ("ar", "de", "en"), "wiki", prefix="w"),
        regular(36, ("en", "es"), "news", prefix="n"),
        order=1,
    )
    return BatchPlan(data.corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), batch_size, seed)


def epoch(plan: BatchPlan, number: int, steps: int) -> Ints:
    return plan[number * steps : (number + 1) * steps]


# Ranks


@given(st.data())
def test_slices_of_all_ranks_are_the_global_batch(draw: st.DataObject) -> None:
    data: Columns = draw.draw(columns(groups=(2, 24)))
    batch_size = draw.draw(st.integers(1, data.smallest))
    plan = BatchPlan(data.corpus, draw.draw(mixes(data)), batch_size, draw.draw(st.integers(0, 99)))
    expected = plan[0 : len(data) // batch_size]
    for world in range(1, batch_size + 1):
        if batch_size % world:
            continue
        samplers = [HybridBatchSampler(plan, world, rank) for rank in range(world)]
        assert {len(sampler) for sampler in samplers} == {len(expected)}
        assert {sampler.batch_size for sampler in samplers} == {batch_size // world}
        slices = [rest(sampler, iter(sampler)) for sampler in samplers]
        assert (np.concatenate(slices, axis=1) == expected).all()


def test_one_rank_takes_all_unless_told() -> None:
    sampler = HybridBatchSampler(small_plan())
    assert (sampler.num_replicas, sampler.rank, sampler.batch_size) == (1, 0, 12)
    assert sampler.drop_last is True


def test_world_and_rank_come_from_torch_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    assert (sampler.num_replicas, sampler.rank) == (4, 3)
    assert (rest(sampler, iter(sampler)) == plan[0:11][:, 9:]).all()
    told = HybridBatchSampler(plan, num_replicas=2, rank=1)
    assert (told.num_replicas, told.rank) == (2, 1)


def test_ranks_are_found_when_an_epoch_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning's trainer initialises torch.distributed after its loaders are made."""
    plan = small_plan()
    sampler, told = HybridBatchSampler(plan), HybridBatchSampler(plan, num_replicas=1, rank=0)
    sampler.load_state_dict(sampler.state_at(4))
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    batches = iter(sampler)
    assert (sampler.num_replicas, sampler.rank, sampler.batch_size) == (3, 1, 4)
    assert (rest(sampler, batches) == plan[4:11][:, 4:8]).all()
    assert (rest(told, iter(told)) == plan[0:11]).all()
    monkeypatch.undo()
    copied = pickle.loads(pickle.dumps(sampler))
    assert (rest(copied, iter(copied)) == plan[11:22][:, 4:8]).all()


def test_ranks_that_do_not_fit_are_refused_when_an_epoch_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = HybridBatchSampler(small_plan())
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 5)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    with pytest.raises(ValueError, match=r"batch_size=12 .* num_replicas=5"):
        iter(sampler)


def test_what_is_no_plan_is_refused_with_the_words_for_lightning() -> None:
    """Lightning builds the batch sampler of a DataLoader anew, with these arguments."""
    lightnings: Any = DistributedSampler([0] * 12, num_replicas=2, rank=1)  # type: ignore[arg-type]
    remake: Any = HybridBatchSampler
    with pytest.raises(TypeError, match=r"DistributedSampler.*use_distributed_sampler=False"):
        remake(lightnings, batch_size=6, drop_last=True)


@given(st.lists(st.tuples(st.sampled_from(WORLDS), st.integers(0, 9)), min_size=1, max_size=8))
def test_the_world_may_change_at_any_step(stages: list[tuple[int, int]]) -> None:
    """Each stage resumes on another number of ranks from the state that rank 0 saved."""
    plan, state = small_plan(), None
    seen: list[Ints] = []
    for world, steps in stages:
        samplers = [HybridBatchSampler(plan, world, rank) for rank in range(world)]
        for sampler in samplers:
            if state is not None:
                sampler.load_state_dict(state)
        left = len(samplers[0]) - (len(seen) % len(samplers[0]))
        running = [iter(sampler) for sampler in samplers]
        for _ in range(min(steps, left)):
            parts = [decoded(s, next(it)) for s, it in zip(samplers, running, strict=True)]
            seen.append(np.concatenate(parts))
        state = json.loads(json.dumps(samplers[0].state_dict()))
        assert all(sampler.state_dict() == state for sampler in samplers)
    assert state is not None
    assert state["step"] == len(seen)
    assert (np.array(seen).reshape(-1, 12, 2) == plan[0 : len(seen)]).all()


# Epochs


@given(st.integers(1, 40), st.sampled_from(WORLDS))
def test_epoch_e_is_the_steps_from_e_times_len(steps: int, world: int) -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan, world, world - 1, steps_per_epoch=steps)
    assert len(sampler) == steps
    own = slice(12 - 12 // world, 12)
    for number in range(3):
        assert sampler.epoch == number
        assert (rest(sampler, iter(sampler)) == epoch(plan, number, steps)[:, own]).all()
    assert sampler.epoch == 3


@given(columns(groups=(1, 24)), st.data())
def test_an_epoch_is_the_rows_divided_by_the_batch_size(data: Columns, draw: st.DataObject) -> None:
    batch_size = draw.draw(st.integers(1, data.smallest))
    sampler = HybridBatchSampler(BatchPlan(data.corpus, Mix(monolingual=1), batch_size))
    assert len(sampler) == len(data) // batch_size
    assert len(list(sampler)) == len(sampler)


def test_long_epochs_are_the_plan_too() -> None:
    """Batches are made ahead, in runs that grow."""
    plan = small_plan()
    sampler = HybridBatchSampler(plan, steps_per_epoch=9000)
    for number in range(2):
        assert (rest(sampler, iter(sampler)) == epoch(plan, number, 9000)).all()


def test_set_epoch_goes_to_any_epoch() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan, 2, 1)
    for number in (5, 0, 3, 10**6, 2):
        sampler.set_epoch(number)
        assert sampler.epoch == number
        assert (rest(sampler, iter(sampler)) == epoch(plan, number, 11)[:, 6:]).all()
        assert sampler.epoch == number + 1


def test_set_epoch_after_each_epoch_changes_nothing() -> None:
    """Whether a framework calls it or not, and how often."""
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    for number in range(3):
        for _ in range(number):
            sampler.set_epoch(number)
        assert (rest(sampler, iter(sampler)) == epoch(plan, number, 11)).all()


def test_an_epoch_that_is_broken_off_starts_again() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    assert len(list(islice(sampler, 4))) == 4
    assert (rest(sampler, iter(sampler)) == epoch(plan, 0, 11)).all()


def test_an_unused_iter_consumes_nothing() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    for number in range(2):
        before = sampler.state_dict()
        for _ in range(3):
            iter(sampler)
        assert sampler.state_dict() == before
        assert (rest(sampler, iter(sampler)) == epoch(plan, number, 11)).all()


def test_iterators_do_not_disturb_each_other() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    one, two = iter(sampler), iter(sampler)
    first = [decoded(sampler, next(one)) for _ in range(5)]
    assert (rest(sampler, two) == epoch(plan, 0, 11)).all()
    assert (np.concatenate([first, rest(sampler, one)]) == epoch(plan, 0, 11)).all()
    assert sampler.epoch == 1


def test_an_older_iterator_that_ends_moves_nothing() -> None:
    """Such as one that a loader dropped when it began again."""
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    older, newer = iter(sampler), iter(sampler)
    assert (rest(sampler, islice(newer, 3)) == plan[0:3]).all()
    assert len(list(older)) == 11
    assert sampler.epoch == 0
    assert sampler.state_dict()["step"] == 3
    assert (rest(sampler, newer) == plan[3:11]).all()
    assert sampler.epoch == 1


def test_an_iterator_that_came_to_its_end_stays_there() -> None:
    sampler = HybridBatchSampler(small_plan())
    batches = iter(sampler)
    assert len(list(batches)) == 11
    for _ in range(3):
        assert next(batches, None) is None
    assert sampler.epoch == 1


# State


@given(
    # Two epochs before the last step of a plan with batches of 12.
    st.integers(0, 10**4) | st.integers(0, 2**63 // 12 - 80),
    st.integers(1, 40),
    st.sampled_from(WORLDS),
)
def test_resumes_at_any_step_at_once(step: int, steps: int, world: int) -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan, world, 0, steps_per_epoch=steps)
    sampler.load_state_dict(sampler.state_at(step))
    assert sampler.state_dict() == sampler.state_at(step)
    assert sampler.epoch == step // steps
    end = (step // steps + 1) * steps
    assert (rest(sampler, iter(sampler)) == plan[step:end][:, : 12 // world]).all()
    following = plan[end : end + steps][:, : 12 // world]
    assert (rest(sampler, iter(sampler)) == following).all()


@given(st.integers(0, 40))
def test_state_after_any_number_of_batches_is_the_next_step(done: int) -> None:
    """Of the sampler and of its iterator; a fresh sampler goes on from both."""
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    batches = iter(sampler)
    for _ in range(done):
        if next(batches, None) is None:
            batches = iter(sampler)
            next(batches)
    for state in (sampler.state_dict(), batches.state_dict()):
        assert state["step"] == done
        resumed = HybridBatchSampler(plan)
        resumed.load_state_dict(state)
        end = (done // 11 + 1) * 11
        assert (rest(resumed, iter(resumed)) == plan[done:end]).all()


def test_state_is_json_and_a_copy() -> None:
    sampler = HybridBatchSampler(small_plan())
    batches = iter(sampler)
    next(batches)
    for holder in (sampler, batches):
        state = holder.state_dict()
        expected = copy.deepcopy(state)
        assert json.loads(json.dumps(state)) == state
        next(batches)
        assert state == expected
        state["step"] = 7
        state["plan"]["seed"] = -1
        assert holder.state_dict()["plan"] == expected["plan"]
        assert holder.state_dict()["step"] == expected["step"] + 1


def test_there_is_no_state_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="step=-1: steps count from 0"):
        HybridBatchSampler(small_plan()).state_at(-1)


def test_loading_keeps_no_hold_of_the_state() -> None:
    sampler = HybridBatchSampler(small_plan())
    state = sampler.state_at(3)
    sampler.load_state_dict(state)
    state["step"] = 9
    state["plan"].clear()
    assert sampler.state_dict()["step"] == 3


def test_setting_the_current_epoch_keeps_a_loaded_state() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    sampler.load_state_dict(sampler.state_at(25))
    sampler.set_epoch(2)
    sampler.set_epoch(2)
    assert (rest(sampler, iter(sampler)) == plan[25:33]).all()


def test_setting_another_epoch_discards_a_loaded_state() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    sampler.load_state_dict(sampler.state_at(25))
    sampler.set_epoch(3)
    sampler.set_epoch(2)
    assert (rest(sampler, iter(sampler)) == plan[22:33]).all()


def test_a_loaded_state_counts_until_its_epoch_is_through() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    sampler.load_state_dict(sampler.state_at(25))
    iter(sampler)
    assert (rest(sampler, islice(iter(sampler), 3)) == plan[25:28]).all()
    assert (rest(sampler, iter(sampler)) == plan[25:33]).all()
    assert (rest(sampler, iter(sampler)) == plan[33:44]).all()


@pytest.mark.parametrize("done", [0, 1, 5, 10, 11])
def test_the_call_order_of_stateful_data_loaders(done: int) -> None:
    """iter, load_state_dict, iter, iterator.load_state_dict (torchdata's StatefulDataLoader)."""
    plan = small_plan()
    saving = HybridBatchSampler(plan)
    batches = iter(saving)
    for _ in range(done):
        next(batches)
    of_sampler, of_iterator = saving.state_dict(), batches.state_dict()
    resumed = HybridBatchSampler(plan)
    iter(resumed)
    resumed.load_state_dict(of_sampler)
    again = iter(resumed)
    again.load_state_dict(of_iterator)
    expected = plan[done:11] if done < 11 else plan[11:22]
    assert (rest(resumed, again) == expected).all()
    following = plan[11:22] if done < 11 else plan[22:33]
    assert (rest(resumed, iter(resumed)) == following).all()


def test_an_iterator_may_be_ahead_of_the_sampler_s_own_state() -> None:
    """A loader that saves only its iterator's state finds the step, the epoch and the end."""
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    batches = iter(sampler)
    batches.load_state_dict(sampler.state_at(30))
    assert batches.state_dict() == sampler.state_dict() == sampler.state_at(30)
    assert sampler.epoch == 2
    assert (rest(sampler, batches) == plan[30:33]).all()
    assert (rest(sampler, iter(sampler)) == plan[33:44]).all()


def test_an_iterator_may_go_back_after_batches_were_made_ahead() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    batches = iter(sampler)
    assert (rest(sampler, islice(batches, 7)) == plan[0:7]).all()
    batches.load_state_dict(sampler.state_at(2))
    assert (rest(sampler, batches) == plan[2:11]).all()


def test_an_end_of_epoch_state_is_followed_by_a_fresh_iter() -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    batches = iter(sampler)
    list(batches)
    for state in (sampler.state_dict(), batches.state_dict()):
        resumed = HybridBatchSampler(plan)
        resumed.load_state_dict(state)
        assert resumed.epoch == 1
        assert (rest(resumed, iter(resumed)) == plan[11:22]).all()


@pytest.mark.parametrize("number", [int, np.int64, np.int32, np.uint64])
def test_numpy_integers_are_numbers(number: Any) -> None:
    plan = small_plan()
    sampler = HybridBatchSampler(plan, number(3), number(2), number(5))
    sampler.set_epoch(number(2))
    for _ in range(2):
        state = sampler.state_dict()
        assert json.loads(json.dumps(state)) == state
        HybridBatchSampler(plan).load_state_dict(state)
        first = state["step"]
        assert (rest(sampler, iter(sampler)) == plan[first : first + 5][:, 8:]).all()


@pytest.mark.parametrize("number", [np.int64, np.uint64])
def test_numpy_integers_are_steps_of_a_state(number: Any) -> None:
    """A training loop may count its steps in NumPy."""
    sampler = HybridBatchSampler(small_plan())
    state = sampler.state_at(number(4))
    assert json.loads(json.dumps(state)) == sampler.state_at(4)
    sampler.load_state_dict(state)
    assert sampler.state_dict()["step"] == 4


def test_pickled_samplers_go_on_where_they_were() -> None:
    sampler = HybridBatchSampler(small_plan(), 2, 1)
    sampler.load_state_dict(sampler.state_at(25))
    again = pickle.loads(pickle.dumps(sampler))
    assert again.state_dict() == sampler.state_dict()
    assert list(again) == list(sampler)


# States that are refused


def refused(state: Any, *parts: str, sampler: HybridBatchSampler | None = None) -> None:
    """Neither a sampler nor its iterator takes the state; both say why and stay as they were."""
    sampler = sampler or HybridBatchSampler(small_plan())
    sampler.load_state_dict(sampler.state_at(4))
    batches = iter(sampler)
    for holder in (sampler, batches):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
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
    with pytest.raises(ValueError) as caught:  # noqa: PT011
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


# A plain DataLoader


class Texts:
    """Row i is the texts "q i" and "p i"."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> tuple[str, str]:
        assert 0 <= row < self._rows
        return f"q {row}", f"p {row}"


def texts(pairs: Ints) -> list[tuple[str, str]]:
    return [(f"q {query}", f"p {passage}") for query, passage in pairs.tolist()]


def loader_of(sampler: HybridBatchSampler, workers: int, **options: Any) -> DataLoader[Any]:
    corpus = sampler.plan.corpus
    dataset: Any = PairDataset(Texts(len(corpus)), corpus)
    return DataLoader(
        dataset, batch_sampler=sampler, collate_fn=list, num_workers=workers, **options
    )


@pytest.mark.filterwarnings(FORKS)
@pytest.mark.parametrize("workers", [0, 2])
def test_data_loader_gives_exactly_the_pairs_of_the_plan(workers: int) -> None:
    plan = small_plan()
    loaders = [loader_of(HybridBatchSampler(plan, 2, rank), workers) for rank in range(2)]
    for number in range(2):
        assert [len(loader) for loader in loaders] == [11, 11]
        steps = list(zip(*loaders, strict=True))
        assert [one + two for one, two in steps] == [texts(b) for b in epoch(plan, number, 11)]


@pytest.mark.filterwarnings(FORKS)
def test_data_loader_with_persistent_workers() -> None:
    plan = small_plan()
    loader = loader_of(HybridBatchSampler(plan), 2, persistent_workers=True)
    for number in range(3):
        assert list(loader) == [texts(batch) for batch in epoch(plan, number, 11)]


@pytest.mark.filterwarnings(FORKS)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_loop_resumes_from_the_steps_it_has_done(workers: int) -> None:
    """Workers fetch ahead; the loop's own count is what ``state_at`` is for."""
    plan = small_plan()
    sampler = HybridBatchSampler(plan)
    for step, batch in enumerate(loader_of(sampler, workers)):
        assert batch == texts(plan[step])
        if step == 4:
            state = json.loads(json.dumps(sampler.state_at(step + 1)))
            break
    resumed = HybridBatchSampler(plan)
    resumed.load_state_dict(state)
    resumed.set_epoch(0)
    assert list(loader_of(resumed, workers)) == [texts(batch) for batch in plan[5:11]]
    assert list(loader_of(resumed, workers)) == [texts(batch) for batch in plan[11:22]]


def test_data_loader_collates_texts() -> None:
    plan = small_plan()
    dataset: Any = PairDataset(Texts(132), plan.corpus)
    loader: DataLoader[Any] = DataLoader(dataset, batch_sampler=HybridBatchSampler(plan))
    queries, passages = next(iter(loader))
    assert list(zip(queries, passages, strict=True)) == texts(plan[0])

"""HybridBatchSampler: equal slices on any number of ranks, resumed at any step."""

import copy
import json
import pickle
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch.distributed
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from corpora import Columns, columns, mixes
from hybridsampler import BatchPlan, HybridBatchSampler, Mix
from samplers import Ints, decoded, epoch, rest, small_plan

WORLDS = (1, 2, 3, 4, 6, 12)


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

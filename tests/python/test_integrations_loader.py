"""ResumableLoader, and what accelerate does with samplers; an example runs two processes."""

import json
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from accelerate import Accelerator, DataLoaderConfiguration, skip_first_batches
from accelerate.data_loader import BatchSamplerShard, DataLoaderDispatcher
from torch.utils.data import DataLoader

from corpora import regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset
from hybridsampler.integrations.loader import ResumableLoader

# Python 3.12 and later warn of every fork of a process with threads, such as a DataLoader's.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
DATA = regular(24, ("ar", "de", "en"), order=1)
PLAN = BatchPlan(DATA.corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), batch_size=8)
STEPS = 9
ROWS = [(f"query {row}", f"passage {row}") for row in range(len(DATA))]
Texts = list[tuple[str, str]]


def expected(first: int, last: int) -> list[Texts]:
    """The texts of the steps from first to last."""
    return [
        [(f"query {query}", f"passage {passage}") for query, passage in batch]
        for batch in PLAN[first:last].tolist()
    ]


def data_loader(sampler: HybridBatchSampler, workers: int = 0) -> Any:
    dataset: Any = PairDataset(ROWS, DATA.corpus)
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=list,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def resumable(workers: int = 0) -> ResumableLoader:
    return ResumableLoader(data_loader(HybridBatchSampler(PLAN, 1, 0), workers))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("done", [0, 1, 4, STEPS, STEPS + 5])
def test_the_state_is_what_was_handed_out(done: int, workers: int) -> None:
    loader = resumable(workers)
    seen: list[Texts] = []
    while len(seen) < done:
        seen += islice(loader, done - len(seen))
    assert seen == expected(0, done)
    state = json.loads(json.dumps(loader.state_dict()))
    assert state["step"] == done
    resumed = resumable(workers)
    resumed.load_state_dict(state)
    end = (done // STEPS + 1) * STEPS
    assert list(resumed) == expected(done, end)
    assert list(resumed) == expected(end, end + STEPS)
    assert resumed.state_dict()["step"] == end + STEPS


@pytest.mark.parametrize("workers", [0, 2])
def test_a_state_may_be_loaded_into_a_loader_that_went_on(workers: int) -> None:
    """Also when workers have taken the sampler ahead."""
    loader = resumable(workers)
    assert len(list(loader)) == len(loader) == STEPS
    assert len(list(islice(loader, 3))) == 3
    state = loader.state_dict()
    for _ in range(2):
        loader.load_state_dict(state)
        assert list(loader) == expected(STEPS + 3, 2 * STEPS)


def test_a_loader_begins_where_its_sampler_is() -> None:
    sampler = HybridBatchSampler(PLAN, 1, 0)
    sampler.load_state_dict(sampler.state_at(STEPS + 2))
    assert list(ResumableLoader(data_loader(sampler))) == expected(STEPS + 2, 2 * STEPS)


def test_an_epoch_that_is_broken_off_starts_again_unless_another_is_set() -> None:
    """Lightning sets the epoch, by ``loader.sampler``, each time; others may never do so."""
    loader = resumable()
    for _ in range(2):
        assert list(islice(loader, 3)) == expected(0, 3)
    loader.sampler.set_epoch(1)
    assert loader.state_dict()["step"] == STEPS
    for _ in range(2):
        assert list(islice(loader, 3)) == expected(STEPS, STEPS + 3)
    loader.sampler.set_epoch(2)
    assert list(loader) == expected(2 * STEPS, 3 * STEPS)


def test_setting_the_current_epoch_keeps_a_loaded_state() -> None:
    loader = resumable()
    loader.load_state_dict(HybridBatchSampler(PLAN).state_at(STEPS + 5))
    loader.set_epoch(1)
    assert loader.state_dict()["step"] == STEPS + 5
    assert list(loader) == expected(STEPS + 5, 2 * STEPS)
    with pytest.raises(ValueError, match="epoch=-1"):
        loader.set_epoch(-1)


def test_states_of_other_plans_are_refused() -> None:
    other = HybridBatchSampler(BatchPlan(DATA.corpus, Mix(monolingual=1), batch_size=8))
    loader = resumable()
    with pytest.raises(ValueError, match="another plan"):
        loader.load_state_dict(other.state_at(5))
    assert list(loader) == expected(0, STEPS)


@pytest.mark.parametrize(
    "loader",
    [DataLoader([1, 2]), [1, 2]],  # type: ignore[arg-type]
    ids=["DataLoader", "list"],
)
def test_other_loaders_are_refused(loader: Any) -> None:
    with pytest.raises(TypeError, match=r"batch_sampler=HybridBatchSampler\(plan\)"):
        ResumableLoader(loader)


def test_pairs_of_another_corpus_are_refused() -> None:
    """The integers of a plan stand for other pairs where there are more rows."""
    pairs: Any = PairDataset(ROWS * 2, ROWS * 2)
    with pytest.raises(ValueError, match=r"not of the 72 rows of the plan's corpus"):
        ResumableLoader(DataLoader(pairs, batch_sampler=HybridBatchSampler(PLAN)))


# accelerate


def test_accelerate_prepares_it_by_leaving_it_alone() -> None:
    loader = resumable()
    assert Accelerator(cpu=True).prepare(loader) is loader


@pytest.mark.parametrize(("ranks", "split"), [(2, False), (2, True), (1, False)])
@pytest.mark.parametrize("rank", [0, 1])
def test_accelerate_must_not_mix_steps(rank: int, ranks: int, split: bool) -> None:
    """As accelerator.prepare(DataLoader(...)) would, with and without skip_first_batches."""
    sampler = HybridBatchSampler(PLAN, ranks, rank % ranks)
    shard = BatchSamplerShard(sampler, 2, rank, split_batches=split, even_batches=False)
    for loader in (data_loader(shard), skip_first_batches(data_loader(shard), 2)):
        with pytest.raises(ValueError, match=r"ResumableLoader\(loader\)"):
            next(iter(loader))


@pytest.mark.parametrize(("ranks", "split"), [(2, False), (2, True), (1, False)])
def test_accelerate_must_not_dispatch_steps_mixed(ranks: int, split: bool) -> None:
    """As with dispatch_batches=True, where process 0 alone asks for batches."""
    sampler = HybridBatchSampler(PLAN, ranks, 0)
    dataset = data_loader(sampler).dataset
    dispatcher: Any = DataLoaderDispatcher(dataset, split_batches=split, batch_sampler=sampler)
    dispatcher.state = SimpleNamespace(num_processes=2, process_index=0)
    for loader in (dispatcher, skip_first_batches(dispatcher, 2)):
        loader.state = dispatcher.state
        with pytest.raises(ValueError, match=r"ResumableLoader\(loader\)"):
            next(iter(loader))


def test_accelerate_may_cut_global_batches_itself() -> None:
    """With split_batches=True and a sampler of one rank, also where it skips batches.

    An odd number of batches and even_batches=False gave two ranks batches of different number.
    """
    parts = []
    for rank in range(2):
        sampler = HybridBatchSampler(PLAN, num_replicas=1, rank=0)
        shard = BatchSamplerShard(sampler, 2, rank, split_batches=True, even_batches=False)
        loader = data_loader(shard)
        assert len(loader) == STEPS
        parts.append([*loader, *skip_first_batches(loader, 5)])
    whole = [one + two for one, two in zip(*parts, strict=True)]
    assert whole == expected(0, STEPS) + expected(STEPS + 5, 2 * STEPS)


def test_accelerate_alone_goes_through_the_epochs() -> None:
    """In one process it wraps the DataLoader and sets the epochs itself."""
    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration())
    loader = accelerator.prepare(data_loader(HybridBatchSampler(PLAN)))
    for epoch in range(2):
        assert list(loader) == expected(epoch * STEPS, (epoch + 1) * STEPS)

"""HybridBatchSampler in PyTorch's own DataLoader."""

import json
from typing import Any

import pytest
from torch.utils.data import DataLoader

from hybridsampler import HybridBatchSampler, PairDataset
from samplers import FORKS, Ints, epoch, small_plan


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

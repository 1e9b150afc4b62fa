"""torch's DataLoader and torchdata's StatefulDataLoader, with and without worker processes."""

import json
import pickle
from itertools import islice
from typing import Any

import pytest
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from corpora import regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset

pytestmark = [
    # Python 3.12 and later warn of every fork of a process with threads, such as a DataLoader's.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # torchdata 0.11 calls what torch 2.15 deprecates.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]
DATA = regular(24, ("ar", "de", "en"), order=1)
PLAN = BatchPlan(DATA.corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), batch_size=8)
STEPS = 9
ROWS = [(f"query {row}", f"passage {row}") for row in range(len(DATA))]
WORKERS = [{"num_workers": 0}, {"num_workers": 2, "persistent_workers": True}]


def expected(first: int, last: int) -> list[list[tuple[str, str]]]:
    """The texts of the steps from first to last."""
    return [
        [(f"query {query}", f"passage {passage}") for query, passage in batch]
        for batch in PLAN[first:last].tolist()
    ]


def loader_of(kind: Any, **options: Any) -> Any:
    dataset: Any = PairDataset(ROWS, DATA.corpus)
    return kind(dataset, batch_sampler=HybridBatchSampler(PLAN, 1, 0), collate_fn=list, **options)


@pytest.mark.parametrize("options", WORKERS, ids=["alone", "workers"])
def test_data_loaders_go_on_pickled_and_unpickled(options: dict[str, Any]) -> None:
    loader = loader_of(DataLoader, **options)
    assert list(pickle.loads(pickle.dumps(loader))) == expected(0, STEPS)
    loader.batch_sampler.load_state_dict(loader.batch_sampler.state_at(STEPS + 4))
    copied = pickle.loads(pickle.dumps(loader))
    for again in (loader, copied):
        assert len(again) == STEPS
        for first, last in ((STEPS + 4, 2 * STEPS), (2 * STEPS, 3 * STEPS)):
            assert list(again) == expected(first, last)


@pytest.mark.parametrize("options", WORKERS, ids=["alone", "workers"])
@pytest.mark.parametrize("done", [0, 1, 5, STEPS - 1, STEPS, STEPS + 3, 2 * STEPS])
def test_stateful_data_loaders_go_on_after_any_batch(done: int, options: dict[str, Any]) -> None:
    """Stopped in the middle and at the end of an epoch; workers' batches ahead do not count."""
    loader = loader_of(StatefulDataLoader, **options)
    left = done
    while left > STEPS:
        assert len(list(loader)) == STEPS
        left -= STEPS
    batches = iter(loader)
    assert len(list(islice(batches, left))) == left
    state = pickle.loads(pickle.dumps(loader.state_dict()))
    resumed = loader_of(StatefulDataLoader, **options)
    resumed.load_state_dict(state)
    end = (done // STEPS + 1) * STEPS
    assert list(resumed) == expected(done, end)
    assert list(resumed) == expected(end, end + STEPS)


@pytest.mark.parametrize("options", WORKERS, ids=["alone", "workers"])
def test_stateful_data_loaders_stopped_after_the_last_batch(options: dict[str, Any]) -> None:
    loader = loader_of(StatefulDataLoader, **options)
    assert len(list(loader)) == STEPS
    resumed = loader_of(StatefulDataLoader, **options)
    resumed.load_state_dict(loader.state_dict())
    assert list(resumed) == expected(STEPS, 2 * STEPS)


def test_the_sampler_s_state_inside_torchdata_s_is_small() -> None:
    loader = loader_of(StatefulDataLoader)
    batches = iter(loader)
    next(batches)
    assert len(json.dumps(loader.batch_sampler.state_dict())) < 1000
    assert len(pickle.dumps(loader.state_dict())) < 3000

"""Lightning's Trainer in this process; an example runs two."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.distributed
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from corpora import regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset
from hybridsampler.integrations.loader import ResumableLoader

pytestmark = [
    # Python 3.12 and later warn of every fork of a process with threads, such as a DataLoader's.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # Lightning 2.6 calls what torch 2.15 deprecates.
    pytest.mark.filterwarnings(
        "ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning"
    ),
    # On machines of more than two processors it recommends more workers for a DataLoader.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]
DATA = regular(24, ("ar", "de", "en"), order=1)
PLAN = BatchPlan(DATA.corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), batch_size=8)
STEPS = 9
ROWS = [(row, -row) for row in range(len(DATA))]


class Recorder(LightningModule):
    """Something to train, which remembers the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[list[list[int]]] = []

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        queries, passages = batch
        self.seen.append(torch.stack([queries, -passages], dim=1).tolist())
        return ((queries + passages) * self.weight).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def data_loader(workers: int = 0) -> Any:
    dataset: Any = PairDataset(ROWS, DATA.corpus)
    sampler = HybridBatchSampler(PLAN)
    return DataLoader(dataset, batch_sampler=sampler, num_workers=workers)


def trainer(folder: Path, **options: Any) -> Trainer:
    return Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def batches(first: int, last: int) -> Any:
    return PLAN[first:last].tolist()


@pytest.fixture
def alone() -> Iterator[None]:
    """Lightning's DDP leaves its process group and its environment behind."""
    with patch.dict(os.environ, MASTER_ADDR="127.0.0.1"):
        yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("workers", [0, 2])
def test_it_trains_on_the_plan_over_the_epochs(tmp_path: Path, workers: int) -> None:
    for loader in (ResumableLoader(data_loader(workers)), data_loader(workers)):
        model = Recorder()
        trainer(tmp_path, max_epochs=2, enable_checkpointing=False).fit(model, loader)
        assert model.seen == batches(0, 2 * STEPS)


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("done", [4, STEPS, STEPS + 4, 2 * STEPS])
def test_it_goes_on_where_the_checkpoint_was_saved(tmp_path: Path, done: int, workers: int) -> None:
    whole, resumed = Recorder(), Recorder()
    for model, checkpoint in ((whole, None), (resumed, tmp_path / f"step={done}.ckpt")):
        saving = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=done, save_top_k=-1)
        trainer(tmp_path, max_epochs=3, callbacks=[saving]).fit(
            model, ResumableLoader(data_loader(workers)), ckpt_path=checkpoint
        )
    assert whole.seen == batches(0, 3 * STEPS)
    assert resumed.seen == batches(done, 3 * STEPS)


def test_it_goes_on_where_max_steps_ended(tmp_path: Path) -> None:
    """Lightning counts the epoch that it broke off as done, and sets the next."""
    running = trainer(tmp_path, max_steps=STEPS + 4, enable_checkpointing=False)
    running.fit(Recorder(), ResumableLoader(data_loader()))
    running.save_checkpoint(tmp_path / "saved.ckpt")
    resumed = Recorder()
    trainer(tmp_path, max_steps=2 * STEPS, enable_checkpointing=False).fit(
        resumed, ResumableLoader(data_loader()), ckpt_path=tmp_path / "saved.ckpt"
    )
    assert resumed.seen == batches(STEPS + 4, 2 * STEPS)


def test_epochs_that_are_cut_short_are_each_their_own(tmp_path: Path) -> None:
    model = Recorder()
    trainer(tmp_path, max_epochs=3, limit_train_batches=2, enable_checkpointing=False).fit(
        model, ResumableLoader(data_loader())
    )
    assert model.seen == [*batches(0, 2), *batches(9, 11), *batches(18, 20)]


@pytest.mark.usefixtures("alone")
def test_ddp_takes_the_resumable_loader_as_it_is(tmp_path: Path) -> None:
    """With use_distributed_sampler=True, Lightning's default; and the DataLoader with False."""
    for loader, options in (
        (ResumableLoader(data_loader()), {}),
        (data_loader(), {"use_distributed_sampler": False}),
    ):
        model = Recorder()
        trainer(tmp_path, max_epochs=1, strategy="ddp", enable_checkpointing=False, **options).fit(
            model, loader
        )
        assert model.seen == batches(0, STEPS)


@pytest.mark.usefixtures("alone")
def test_ddp_says_what_to_do_instead_of_dealing_out_twice(tmp_path: Path) -> None:
    running = trainer(tmp_path, max_epochs=1, strategy="ddp", enable_checkpointing=False)
    with pytest.raises(TypeError, match=r"DistributedSampler.*use_distributed_sampler=False"):
        running.fit(Recorder(), data_loader())

"""transformers' Trainer in this process; an example runs two."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Trainer, TrainingArguments

from corpora import regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix
from hybridsampler.integrations.transformers import HybridTrainerMixin

pytestmark = [
    # Python 3.12 and later warn of every fork of a process with threads, such as a DataLoader's.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
DATA = regular(24, ("ar", "de", "en"), order=1)
MIX = Mix(monolingual=1, cross_lingual=1, mixed=1)
PLAN = BatchPlan(DATA.corpus, MIX, batch_size=8)
STEPS = 9
ROWS = [{"query": row, "passage": -row, "language": "en"} for row in range(len(DATA))]


class Distance(torch.nn.Module):
    """Something to train."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, query: torch.Tensor, passage: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": ((query + passage) * self.weight).mean()}


class RecordingTrainer(HybridTrainerMixin, Trainer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[list[list[int]]] = []

    def training_step(self, model: Any, inputs: Any, *more: Any) -> Any:
        self.seen.append(torch.stack([inputs["query"], -inputs["passage"]], dim=1).tolist())
        return super().training_step(model, inputs, *more)


def trainer(folder: Path, plan: BatchPlan = PLAN, steps: int = STEPS, **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "per_device_train_batch_size": plan.batch_size,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "report_to": "none",
        "save_strategy": "steps",
        "logging_strategy": "no",
        "use_cpu": True,
    }
    args = TrainingArguments(str(folder), **(defaults | options))
    sampler = HybridBatchSampler(plan, steps_per_epoch=steps)
    return RecordingTrainer(Distance(), args, train_dataset=ROWS, batch_sampler=sampler)


def batches(first: int, last: int) -> Any:
    return PLAN[first:last].tolist()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("accumulation", [1, 2, 4])
def test_it_trains_on_the_plan_over_the_epochs(
    tmp_path: Path, accumulation: int, workers: int
) -> None:
    """Nine batches an epoch: with accumulation the last update of an epoch has fewer."""
    training = trainer(
        tmp_path,
        num_train_epochs=2,
        save_strategy="no",
        gradient_accumulation_steps=accumulation,
        dataloader_num_workers=workers,
        dataloader_persistent_workers=workers > 0,
    )
    result = training.train()
    assert training.seen == batches(0, 2 * STEPS)
    assert training.state.epoch == 2
    assert training.num_examples(training.get_train_dataloader()) == STEPS * PLAN.batch_size
    assert result.metrics["train_samples_per_second"] == pytest.approx(
        2 * STEPS * PLAN.batch_size / result.metrics["train_runtime"], rel=0.01
    )
    training.seen.clear()
    training.train()
    assert training.seen == batches(0, 2 * STEPS)


@pytest.mark.parametrize(
    ("accumulation", "updates"), [(1, 4), (1, STEPS), (1, STEPS + 4), (2, 7), (2, 5), (4, 4)]
)
@pytest.mark.parametrize("restored", [False, True])
def test_it_goes_on_where_the_checkpoint_was_saved(
    tmp_path: Path, accumulation: int, updates: int, restored: bool
) -> None:
    options: dict[str, Any] = {
        "gradient_accumulation_steps": accumulation,
        "save_steps": updates,
        "num_train_epochs": 3,
        "restore_callback_states_from_checkpoint": restored,
    }
    whole = trainer(tmp_path, **options)
    whole.train()
    assert whole.seen == batches(0, 3 * STEPS)
    resumed = trainer(tmp_path, **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{updates}"))
    each = -(-STEPS // accumulation)
    done = updates // each * STEPS + updates % each * accumulation
    assert resumed.seen == batches(done, 3 * STEPS)
    assert resumed.state.global_step == whole.state.global_step
    assert resumed.state.epoch == 3
    assert _saved(tmp_path, updates)["step"] == done


def _saved(folder: Path, updates: int) -> Any:
    path = folder / f"checkpoint-{updates}" / "trainer_state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    return state["stateful_callbacks"]["HybridSamplerState"]["attributes"]["sampler_state"]


class WatchedPlan(BatchPlan):
    """Remembers the steps that it was asked for."""

    def codes(self, steps: slice, places: range) -> Any:
        if steps.start != steps.stop:
            self.first = min(getattr(self, "first", steps.start), steps.start)
        return super().codes(steps, places)


def test_it_makes_no_batch_that_was_trained_before(tmp_path: Path) -> None:
    """A checkpoint of step 1,000,005, in the middle of epoch 1."""
    done = 1_000_005
    trainer(tmp_path, steps=900_000, max_steps=3).train()
    path = tmp_path / "checkpoint-3" / "trainer_state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state["global_step"] = done
    state["stateful_callbacks"]["HybridSamplerState"]["attributes"]["sampler_state"]["step"] = done
    path.write_text(json.dumps(state), encoding="utf-8")
    plan = WatchedPlan(DATA.corpus, MIX, batch_size=8)
    resumed = trainer(tmp_path, plan, steps=900_000, max_steps=done + 2)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert resumed.seen == batches(done, done + 2)
    assert plan.first == done


def test_ignoring_the_data_goes_back_to_the_head_of_the_epoch(tmp_path: Path) -> None:
    """As transformers documents ignore_data_skip."""
    trainer(tmp_path, max_steps=STEPS + 4).train()
    resumed = trainer(tmp_path, max_steps=2 * STEPS, ignore_data_skip=True)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.seen[:5] == batches(STEPS, STEPS + 5)


def test_a_checkpoint_of_another_plan_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, max_steps=4).train()
    other = trainer(tmp_path, BatchPlan(DATA.corpus, MIX, batch_size=8, seed=7), max_steps=9)
    with pytest.raises(ValueError, match="seed: saved 0, now 7"):
        other.train(resume_from_checkpoint=True)


@pytest.mark.parametrize(
    "changed", [{"steps": 3}, {"gradient_accumulation_steps": 2}], ids=["epoch", "accumulation"]
)
def test_a_checkpoint_that_now_means_another_step_is_refused(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    trainer(tmp_path, max_steps=4, gradient_accumulation_steps=4).train()
    with pytest.raises(ValueError, match=r"saved after 13 batches, but .* gradient_accumulation"):
        trainer(tmp_path, max_steps=9, **changed).train(resume_from_checkpoint=True)


def test_a_checkpoint_of_a_plain_trainer_is_refused(tmp_path: Path) -> None:
    args = TrainingArguments(
        str(tmp_path), max_steps=2, disable_tqdm=True, dataloader_pin_memory=False, use_cpu=True
    )
    Trainer(Distance(), args, train_dataset=ROWS).train()
    with pytest.raises(ValueError, match="without HybridTrainerMixin"):
        trainer(tmp_path, max_steps=9).train(resume_from_checkpoint=True)


def test_another_batch_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"batches of 4, but the plan's have 8: set per_device"):
        trainer(tmp_path, per_device_train_batch_size=4).train()


def test_a_plan_is_no_sampler(tmp_path: Path) -> None:
    training = trainer(tmp_path)
    plan: Any = PLAN
    with pytest.raises(TypeError, match=r"a BatchPlan: give HybridBatchSampler\(plan\)"):
        RecordingTrainer(Distance(), training.args, train_dataset=ROWS, batch_sampler=plan)


def test_processes_that_accelerate_takes_for_programs_of_their_own_are_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of torchrun on CPUs, where the batch size is right and the processes are not."""
    training = trainer(tmp_path, per_device_train_batch_size=4)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="2 processes were started, but each takes itself for "):
        training.train()


@pytest.mark.parametrize(("ranks", "rank"), [(2, 0), (2, 1)])
def test_a_sampler_of_other_ranks_is_refused(tmp_path: Path, ranks: int, rank: int) -> None:
    """As num_replicas=1 is in several processes: each of them trained on all of the batch."""
    training = trainer(tmp_path)
    sampler = HybridBatchSampler(PLAN, ranks, rank)
    other = RecordingTrainer(Distance(), training.args, train_dataset=ROWS, batch_sampler=sampler)
    with pytest.raises(
        ValueError, match=rf"num_replicas=2 and rank={rank}, but this is process 0 of 1: leave both"
    ):
        other.train()


def test_no_data_set_is_refused(tmp_path: Path) -> None:
    training = trainer(tmp_path)
    training.train_dataset = None
    with pytest.raises(ValueError, match="there is no train_dataset"):
        training.train()


def test_other_loaders_count_their_own_examples(tmp_path: Path) -> None:
    training = trainer(tmp_path)
    loader: Any = torch.utils.data.DataLoader([0] * 5)  # type: ignore[arg-type]
    assert training.num_examples(loader) == 5

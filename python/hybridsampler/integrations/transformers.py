"""HybridTrainerMixin: hybrid batches for transformers' Trainer and SentenceTransformerTrainer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from hybridsampler.pairs import PairDataset
from hybridsampler.sampler import HybridBatchSampler

if TYPE_CHECKING:
    from transformers import Trainer as Base
else:
    Base = object


class HybridTrainerMixin(Base):
    """Put in front of a Trainer class: it trains on the batches of a ``HybridBatchSampler``.

    ::

        class HybridTrainer(HybridTrainerMixin, SentenceTransformerTrainer):
            pass

        trainer = HybridTrainer(model, args, train_dataset=dataset, batch_sampler=sampler, ...)

    The training data set stays what it is: any map-style data set whose item ``i`` is row ``i`` of
    the corpus and has the columns ``query`` and ``passage``. The collator gets the items of a
    ``PairDataset``: ``{"query": ..., "passage": ...}``, the query of one row and the passage of
    another, and hard negatives if the plan has any. Other columns, such as the language, stay out.

    Every process takes its slice of each global batch. The sampler's state is saved in each
    checkpoint's ``trainer_state.json``. ``trainer.train(resume_from_checkpoint=...)`` goes on with
    the batch after the last one trained, at once, also with another number of processes.

    Args:
        args: of the Trainer.
        batch_sampler: the batches, for all processes: without ``num_replicas`` and ``rank``.
        kwargs: of the Trainer.
    """

    def __init__(self, *args: Any, batch_sampler: HybridBatchSampler, **kwargs: Any) -> None:
        """Build the Trainer.

        Raises:
            TypeError: batches that are no ``HybridBatchSampler``, such as a plan.
        """
        super().__init__(*args, **kwargs)
        if not isinstance(batch_sampler, HybridBatchSampler):
            raise TypeError(
                f"batch_sampler is a {type(batch_sampler).__name__}: give HybridBatchSampler(plan)"
            )
        self._batches = _Batches(batch_sampler)
        self.add_callback(HybridSamplerState())

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of this process.

        Raises:
            ValueError: training arguments whose batch size is not the plan's; a sampler of other
                ranks; no data set, or one of another length than the corpus or without the columns.
        """
        sampler, args = self._batches.sampler, self.args
        plan = sampler.plan
        if args.train_batch_size * args.world_size != plan.batch_size:
            raise ValueError(
                f"per_device_train_batch_size={args.per_device_train_batch_size} and "
                f"{args.world_size} processes make global batches of "
                f"{args.train_batch_size * args.world_size}, but the plan's have "
                f"{plan.batch_size}: {_batch_size_remedy(args.world_size)}"
            )
        iter(sampler)  # finds its rank anew, as each epoch does
        if (sampler.num_replicas, sampler.rank) != (args.world_size, args.process_index):
            raise ValueError(
                f"the sampler has num_replicas={sampler.num_replicas} and rank={sampler.rank}, but "
                f"this is process {args.process_index} of {args.world_size}: leave both out, for "
                "the sampler finds them"
            )
        train_dataset: Any = self.train_dataset
        if train_dataset is None:
            raise ValueError("there is no train_dataset: give the Trainer the rows of the corpus")
        columns = getattr(train_dataset, "column_names", ["query", "passage"])
        if not {"query", "passage"} <= {*columns}:
            raise ValueError(
                f"the train_dataset has the columns {columns}, but batches are made of query and "
                "passage: name two of them so with train_dataset.rename_columns"
            )
        pairs: Any = PairDataset(train_dataset, plan.corpus)
        # Not prepared by accelerate, which would deal the batches out a second time. The Trainer
        # moves each batch to the device itself.
        return DataLoader(
            pairs,
            batch_sampler=self._batches,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory,
            persistent_workers=args.dataloader_persistent_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
            multiprocessing_context=args.dataloader_multiprocessing_context,
            in_order=args.dataloader_in_order,
        )

    def num_examples(self, dataloader: DataLoader[Any]) -> int:
        """Return the pairs of an epoch; the loader's data set counts every possible pair."""
        if isinstance(dataloader.batch_sampler, _Batches):
            return len(dataloader) * dataloader.batch_sampler.sampler.plan.batch_size
        examples: int = super().num_examples(dataloader)
        return examples


def _batch_size_remedy(world: int) -> str:
    """What to do about global batches of another size than the plan's."""
    started = os.environ.get("WORLD_SIZE", "1")  # of torchrun; accelerate heeds it on GPUs alone
    if started.isdecimal() and int(started) > world:
        return (
            f"{started} processes were started, but each takes itself for the only one; on CPUs "
            "start them with accelerate launch, or set use_cpu=True among the training arguments"
        )
    return (
        "set per_device_train_batch_size to the plan's batch size divided by the number of devices"
    )


class _Batches:
    """A sampler for a Trainer, which leaves out what it has trained by drawing it again."""

    def __init__(self, sampler: HybridBatchSampler) -> None:
        self.sampler = sampler
        self._left_out = 0

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[int]]:
        # They are skipped unseen, so there is no need to make them.
        yield from repeat([], self._left_out)
        self._left_out = 0
        yield from self.sampler

    def go_to(self, step: int, left_out: int) -> None:
        """Begin at ``step``, after as many batches that the Trainer skips."""
        self.sampler.load_state_dict(self.sampler.state_at(step))
        self._left_out = left_out


class HybridSamplerState(TrainerCallback, ExportableState):
    """Carries the sampler's state in ``trainer_state.json``; the mixin adds it."""

    def __init__(self) -> None:
        """Wait for the training to begin."""
        self.sampler_state: dict[str, Any] | None = None

    def state(self) -> dict[str, Any]:
        """Return what the Trainer saves."""
        return {"args": {}, "attributes": {"sampler_state": self.sampler_state}}

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Send the sampler where the Trainer goes on.

        Raises:
            ValueError: a checkpoint without a sampler's state, or with one of another plan or step.
        """
        self._batches: _Batches = kwargs["train_dataloader"].batch_sampler
        epoch, trained = self._position(args, state)
        step = epoch * len(self._batches) + trained
        if state.global_step > 0:
            callbacks: Any = state.stateful_callbacks
            own = callbacks.get(type(self).__name__, {"attributes": {}})
            self._check(own["attributes"].get("sampler_state"), step)
        if args.ignore_data_skip:
            step, trained = step - trained, 0
        self._batches.go_to(step, trained)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Note the state for a checkpoint that may follow."""
        epoch, trained = self._position(args, state)
        step = epoch * len(self._batches) + trained
        self.sampler_state = self._batches.sampler.state_at(step)

    def _position(self, args: TrainingArguments, state: TrainerState) -> tuple[int, int]:
        """The epoch and the batches trained in it, counted as the Trainer does when it resumes."""
        each = args.gradient_accumulation_steps
        epoch, updates = divmod(state.global_step, -(-len(self._batches) // each))
        return epoch, updates * each

    def _check(self, saved: dict[str, Any] | None, step: int) -> None:
        if saved is None:
            raise ValueError(
                "the checkpoint holds no state of a HybridBatchSampler: it was saved by a Trainer "
                "without HybridTrainerMixin, whose batches were others"
            )
        self._batches.sampler.load_state_dict(saved)
        if saved["step"] != step:
            raise ValueError(
                f"the checkpoint was saved after {saved['step']} batches, but by these training "
                f"arguments it is after {step}: resume with the gradient_accumulation_steps and "
                "the length of an epoch that it was saved with"
            )

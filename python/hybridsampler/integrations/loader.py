"""ResumableLoader: a DataLoader whose state is the batches that came out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hybridsampler.pairs import PairDataset, check_pairs
from hybridsampler.sampler import HybridBatchSampler


class ResumableLoader:
    """The batches of a DataLoader, with the state that a checkpoint needs.

    Two things go wrong when frameworks get the DataLoader itself. Its sampler is ahead of the
    training, by what workers and trainers fetch in advance; the state here is the step after the
    last batch that was handed out. And accelerate and Lightning deal the batches of a DataLoader
    out among the ranks, though the sampler has done so; what is not a DataLoader they leave alone.

    So ``accelerator.prepare(loader)`` changes nothing and batches are yours to move to the device,
    ``accelerator.register_for_checkpointing(loader)`` saves and loads the step, and Lightning does
    both by itself.

    As with the sampler, going through it once is an epoch, or the rest of one from a loaded state
    on; when one is through, the next ``iter()`` is the next epoch.

    Args:
        loader: ``DataLoader(PairDataset(rows, corpus), batch_sampler=HybridBatchSampler(plan))``,
            with any number of workers.

    Raises:
        TypeError: the batch sampler of ``loader`` is not a ``HybridBatchSampler``.
        ValueError: its pairs are of another number of rows than the plan's corpus.
    """

    def __init__(self, loader: Any) -> None:
        """Take the sampler's position."""
        sampler = getattr(loader, "batch_sampler", None)
        if not isinstance(sampler, HybridBatchSampler):
            raise TypeError(
                f"the loader's batch sampler is {sampler!r}: give a "
                "DataLoader(dataset, batch_sampler=HybridBatchSampler(plan))"
            )
        if isinstance(loader.dataset, PairDataset):
            check_pairs(loader.dataset, sampler.plan.corpus)
        self._loader = loader
        self._sampler = sampler
        self._start = self._step = sampler.state_dict()["step"]

    def __len__(self) -> int:
        """Return the number of batches of an epoch, the same on all ranks."""
        return len(self._sampler)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rest of the current epoch, as the DataLoader collates it."""
        # The place is taken now, not with the first batch: Lightning sets the epoch in between, and
        # counts one that max_steps broke off as done.
        return self._batches(self._start)

    def _batches(self, step: int) -> Iterator[Any]:
        sampler = self._sampler
        # Workers may have taken the sampler further than the training went.
        sampler.load_state_dict(sampler.state_at(step))
        end = (sampler.epoch + 1) * len(sampler)
        for batch in self._loader:
            step += 1
            self._step = step
            if step == end:
                # Now, and not when the next batch is asked for: zip(range(n), loader) never asks.
                self._start = end
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Make the next ``iter()`` start at the head of ``epoch``.

        Setting the current epoch changes nothing, so a loaded state stays.

        Raises:
            ValueError: a negative epoch.
        """
        sampler = self._sampler
        sampler.load_state_dict(sampler.state_at(self._start))
        if epoch != sampler.epoch:
            sampler.set_epoch(epoch)
            self._start = self._step = sampler.state_dict()["step"]

    @property
    def sampler(self) -> ResumableLoader:
        """Itself: Lightning calls ``loader.sampler.set_epoch``."""
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the sampler after the batches that were handed out."""
        return self._sampler.state_at(self._step)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at the step of ``state``.

        Raises:
            ValueError: a state of another version or of another plan; the message says what
                differs.
        """
        self._sampler.load_state_dict(state)
        self._start = self._step = self._sampler.state_dict()["step"]

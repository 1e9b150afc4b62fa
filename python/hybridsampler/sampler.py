"""HybridBatchSampler: a BatchPlan with the face that DataLoader expects."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from hybridsampler.plan import BatchPlan, whole
from hybridsampler.states import differences

STATE_VERSION = 1
# Pairs that an iterator makes at once, after a first batch that comes alone and at once.
_AHEAD = 1 << 14


class HybridBatchSampler:
    """Batches of one rank for ``DataLoader(PairDataset(rows, corpus), batch_sampler=...)``.

    The slices of all ranks, in rank order, are ``plan[t]``, whatever their number: a run may go on
    with another world size. Epoch ``e`` is the steps ``[e * len(sampler), (e + 1) * len(sampler))``
    of the plan.

    Going through it once is an epoch; when one is through, the next ``iter()`` is the next epoch,
    also without :meth:`set_epoch`. The state is the step: resuming costs nothing.

    Args:
        plan: the global batches.
        num_replicas: number of ranks; ``None``: of the initialised ``torch.distributed``, else 1.
        rank: this rank; ``None``: of the initialised ``torch.distributed``, else 0.
            What is ``None`` is asked for again when an epoch begins, because trainers such as
            Lightning's initialise ``torch.distributed`` after their data is made.
        steps_per_epoch: ``None``: the rows of the corpus divided by the batch size.

    Raises:
        ValueError: a batch size that ``num_replicas`` does not divide, a rank out of range, an
            empty epoch.
        TypeError: what is no plan, or no whole number.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse what is no plan, before Python refuses the rest of the arguments.

        Raises:
            TypeError: ``plan`` is something else, such as the ``DistributedSampler`` with which
                Lightning would build the sampler of a DataLoader anew.
        """
        if args and not isinstance(args[0], BatchPlan):
            raise TypeError(
                f"the plan is a {type(args[0]).__name__}: give a BatchPlan. If Lightning's Trainer "
                "is building it, fit ResumableLoader(loader) of hybridsampler.integrations.loader, "
                "or pass Trainer(use_distributed_sampler=False): the sampler knows its rank"
            )
        return super().__new__(cls)

    def __init__(
        self,
        plan: BatchPlan,
        num_replicas: int | None = None,
        rank: int | None = None,
        steps_per_epoch: int | None = None,
    ) -> None:
        """Check the numbers."""
        rows = len(plan.corpus)
        if plan.width == 2:
            # Raises now for too many rows, and not in the first epoch.
            plan.codes(slice(0, 0), range(0))
        if steps_per_epoch is None:
            steps_per_epoch = rows // plan.batch_size
        steps_per_epoch = whole("steps_per_epoch", steps_per_epoch)
        if steps_per_epoch < 1:
            raise ValueError(
                f"an epoch of {steps_per_epoch} steps: the corpus has {rows} rows, the batch size "
                f"is {plan.batch_size}; give steps_per_epoch"
            )
        self.plan = plan
        self._told = (
            None if num_replicas is None else whole("num_replicas", num_replicas),
            None if rank is None else whole("rank", rank),
        )
        self.num_replicas, self.rank = 1, 0
        self._take_place()
        self.drop_last = True
        self._len = steps_per_epoch
        self._epoch = 0
        self._start = 0
        self._latest: _Batches | None = None

    def __len__(self) -> int:
        """Return the number of batches of an epoch, the same on all ranks."""
        return self._len

    def __iter__(self) -> _Batches:
        """Iterate over the rest of the current epoch: all of it, or from a loaded state on.

        Raises:
            ValueError: a batch size that the number of ranks does not divide; a wrapper of
                accelerate's that would mix the batches of different steps.
        """
        self._take_place()
        _refuse_to_be_dealt_out(sys._getframe(1), self.num_replicas)
        self._latest = _Batches(self, self._start, (self._epoch + 1) * self._len)
        return self._latest

    @property
    def epoch(self) -> int:
        """The epoch that the next ``iter()`` goes through."""
        return self._epoch

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to be an argument of sentence-transformers' training arguments.

        They call what they are given; what cannot be called they would leave out without a word.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "a HybridBatchSampler is no function: give it to a trainer with HybridTrainerMixin of "
            "hybridsampler.integrations.transformers, not to its arguments, or to a DataLoader"
        )

    def set_epoch(self, epoch: int) -> None:
        """Make the next ``iter()`` start at the head of ``epoch``.

        Setting the current epoch changes nothing, so a loaded state stays.

        Raises:
            ValueError: a negative epoch.
        """
        epoch = whole("epoch", epoch)
        if epoch < 0:
            raise ValueError(f"epoch={epoch}: epochs count from 0")
        if epoch != self._epoch:
            self._go_to(epoch * self._len)

    def state_dict(self) -> dict[str, Any]:
        """Return the next step, and what the plan depends on. Plain values: JSON or torch.save."""
        latest = self._latest
        step = self._start if latest is None else latest.next_step
        return self.state_at(step)

    def state_at(self, step: int) -> dict[str, Any]:
        """Return the state of a run that has done the steps before ``step``.

        DataLoader workers fetch ahead, so a training loop knows better than the sampler which step
        comes next.

        Raises:
            ValueError: a negative step.
        """
        step = whole("step", step)
        if step < 0:
            raise ValueError(f"step={step}: steps count from 0")
        return {"version": STATE_VERSION, "step": step, "plan": self.plan.identity}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on at the step of ``state``.

        Raises:
            ValueError: a state of another version or of another plan; the message says what
                differs.
        """
        self._go_to(self._checked_step(state))

    def _take_place(self) -> None:
        """Settle number of ranks, rank and with them the size of this rank's batches."""
        # Without torch.distributed what was found before stays: so it is in a copy that was sent to
        # another process.
        world, own = _distributed() or (self.num_replicas, self.rank)
        num_replicas = world if self._told[0] is None else self._told[0]
        rank = own if self._told[1] is None else self._told[1]
        size = self.plan.batch_size
        if num_replicas < 1 or size % num_replicas:
            raise ValueError(
                f"batch_size={size} is not divisible by num_replicas={num_replicas}: every rank "
                "takes an equal slice of the global batch, so give the plan a multiple as batch "
                "size"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(f"rank={rank}: ranks go from 0 to num_replicas - 1={num_replicas - 1}")
        self.num_replicas = num_replicas
        self.rank = rank
        self.batch_size = size // num_replicas

    def _checked_step(self, state: dict[str, Any]) -> int:
        if not isinstance(state, Mapping):
            kind = type(state).__name__
            raise ValueError(f"not a state of HybridBatchSampler: it is of type {kind}, not a dict")
        missing = {"version", "step", "plan"} - set(state)
        if missing:
            raise ValueError(f"not a state of HybridBatchSampler: it lacks {sorted(missing)}")
        if state["version"] != STATE_VERSION:
            raise ValueError(
                f"the state has version {state['version']}, this hybridsampler reads "
                f"{STATE_VERSION}: resume with the version that saved it"
            )
        differing = differences(state["plan"], self.plan.identity)
        if differing:
            raise ValueError(
                f"the state belongs to another plan ({differing}): resume with the corpus, mix, "
                "batch size and seed that it was saved with"
            )
        step = state["step"]
        # Checkpoints of arrays alone give it back as NumPy's integer.
        if not isinstance(step, int | np.integer) or step < 0:
            raise ValueError(f"the state holds step {step!r}: a step is an integer of 0 or more")
        return int(step)

    def _go_to(self, step: int) -> None:
        self._epoch = step // self._len
        self._start = step
        self._latest = None

    def _finished(self, batches: _Batches) -> None:
        """An iterator came to the end of its epoch."""
        if batches is self._latest:
            self._go_to(batches.next_step)


class _Batches(Iterator[list[Any]]):
    """One way through an epoch, with a position of its own."""

    def __init__(self, sampler: HybridBatchSampler, first: int, last: int) -> None:
        self._sampler = sampler
        self._last = last
        self._go_to(first)

    def _go_to(self, step: int) -> None:
        self.next_step = step
        self._ready: Iterator[list[Any]] = iter(())
        self._ahead = 1

    def __next__(self) -> list[Any]:
        batch = next(self._ready, None)
        if batch is None:
            if self.next_step >= self._last:
                raise StopIteration
            self._prepare()
            batch = next(self._ready)
        self.next_step += 1
        if self.next_step == self._last:
            # Now, and not when the next batch is asked for: zip(range(n), loader) never asks.
            self._sampler._finished(self)
        return batch

    def _prepare(self) -> None:
        sampler = self._sampler
        last = min(self.next_step + self._ahead, self._last)
        steps, begin = slice(self.next_step, last), sampler.rank * sampler.batch_size
        own = range(begin, begin + sampler.batch_size)
        # What PairDataset takes: an integer for each pair, or with negatives a tuple. The list of a
        # batch is made when it is due, and most of the time of an epoch goes there. Making lists in
        # Rust took as long, and making many at once longer: numbers of one batch take the memory of
        # those of the last. Neither one buffer for all arrays paid, nor struct in place of tolist.
        if sampler.plan.width == 2:
            self._ready = map(np.ndarray.tolist, sampler.plan.codes(steps, own))
        else:
            self._ready = map(_tuples, sampler.plan[steps][:, own.start : own.stop])
        self._ahead = min(4 * self._ahead, max(1, _AHEAD // sampler.plan.batch_size))

    def state_dict(self) -> dict[str, Any]:
        return self._sampler.state_at(self.next_step)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        step = self._sampler._checked_step(state)
        self._sampler._go_to(step)
        self._sampler._latest = self
        self._last = (self._sampler.epoch + 1) * len(self._sampler)
        self._go_to(step)


def _tuples(batch: NDArray[np.int64]) -> list[Any]:
    return list(map(tuple, batch.tolist()))


def _distributed() -> tuple[int, int] | None:
    """World size and rank of torch.distributed, if the program has imported and initialised it."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return None
    return distributed.get_world_size(), distributed.get_rank()


def _refuse_to_be_dealt_out(frame: FrameType | None, num_replicas: int) -> None:
    """Raise if a class of accelerate's iterates, from ``frame``, that would mix batches up.

    Its BatchSamplerShard gives each rank every other batch, or a part of each batch, of what it
    takes for the batches of one rank; with ``dispatch_batches=True`` DataLoaderDispatcher deals out
    those of rank 0. They have no other contact with a batch sampler.
    """
    while frame is not None:
        caller: Any = frame.f_locals.get("self")
        frame = frame.f_back
        name = type(caller).__name__
        if name not in ("BatchSamplerShard", "DataLoaderDispatcher"):
            continue
        processes = (caller if name == "BatchSamplerShard" else caller.state).num_processes
        if processes > 1 and (num_replicas > 1 or not caller.split_batches):
            raise ValueError(
                f"accelerate would deal out batches of {num_replicas} ranks among {processes} "
                "ranks, which mixes steps: prepare ResumableLoader(loader) of "
                "hybridsampler.integrations.loader, not the DataLoader"
            )

"""Who delivers batches of 128 row numbers as Python lists, and how long each takes.

Every peer imports what it needs when it is made, so that those that are not installed fail
alone, and so that neither imports nor the making of the rows count.
"""

from __future__ import annotations

import gc
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from hybridsampler import HybridBatchSampler
from peers import Peak, least
from rows import BATCH, Columns, Rows, hybrid_plan

# Batches taken between two looks at the clock.
_AT_ONCE = 16


class Contestant(ABC):
    name: ClassVar[str]
    package: ClassVar[str]
    note: ClassVar[str] = ""
    replays: ClassVar[bool] = False
    """Resumes by going through all batches before."""

    def __init__(self, rows: Rows) -> None:
        """Get ready what exists before sampling begins: modules and rows."""
        self.rows = rows.count

    def build(self) -> None:
        """Make what lasts for the whole training."""
        return

    @abstractmethod
    def epoch(self) -> Iterator[Any]:
        """The batches of an epoch, as lists."""

    def resume(self, step: int) -> Any:
        """The batch of ``step`` of the first epoch, in a program that starts anew."""
        self.build()
        return next(islice(self.epoch(), step, None))


class Ours(Contestant):
    name, package = "hybridsampler", "hybridsampler"

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self._columns = Columns.of(rows)

    def build(self) -> None:
        self.plan = hybrid_plan(self._columns.corpus())
        self._sampler = HybridBatchSampler(self.plan)

    def epoch(self) -> Iterator[Any]:
        return iter(self._sampler)

    def resume(self, step: int) -> Any:
        state = self._sampler.state_at(step)
        self.build()
        self._sampler.load_state_dict(state)
        return next(self.epoch())


def profile(rows: Rows) -> dict[str, float]:
    """Seconds of an epoch of ours by what they are spent on, each step done on its own."""
    contestant = Ours(rows)
    contestant.build()
    plan, steps = contestant.plan, rows.count // BATCH
    # As many at a time as the sampler takes.
    spans = [slice(at, min(at + 128, steps)) for at in range(0, steps, 128)]
    codes = [plan.codes(span, range(BATCH)) for span in spans]
    return {
        "integers of pairs as arrays": least(
            lambda: [plan.codes(span, range(BATCH)).size for span in spans]
        ),
        "lists of Python integers": least(lambda: [len(some.tolist()) for some in codes]),
    }


class Numpy(Contestant):
    name, package = "numpy permutation", "numpy"

    def epoch(self) -> Iterator[Any]:
        return self._from(0)

    def resume(self, step: int) -> Any:
        return next(self._from(step))

    def _from(self, step: int) -> Iterator[list[int]]:
        order = np.random.default_rng(0).permutation(self.rows)
        for at in range(step * BATCH, self.rows, BATCH):
            yield order[at : at + BATCH].tolist()


class _Torch(Contestant):
    package, replays = "torch", True

    def __init__(self, rows: Rows) -> None:
        import torch.utils.data

        super().__init__(rows)
        self._torch = torch

    def epoch(self) -> Iterator[Any]:
        return iter(self._torch.utils.data.BatchSampler(self._sampler(), BATCH, drop_last=True))

    @abstractmethod
    def _sampler(self) -> Any: ...


class TorchRandom(_Torch):
    name = "torch RandomSampler"

    def _sampler(self) -> Any:
        generator = self._torch.Generator().manual_seed(0)
        return self._torch.utils.data.RandomSampler(range(self.rows), generator=generator)


class TorchDistributed(_Torch):
    name, note = "torch DistributedSampler", "one rank"

    def _sampler(self) -> Any:
        data: Any = range(self.rows)
        return self._torch.utils.data.DistributedSampler(data, num_replicas=1, rank=0)


class TorchSequential(_Torch):
    name, note = "torch SequentialSampler", "no shuffle: the ceiling of list building"

    def _sampler(self) -> Any:
        return self._torch.utils.data.SequentialSampler(range(self.rows))


class Torchdata(Contestant):
    name, package = "torchdata RandomSampler", "torchdata"

    def __init__(self, rows: Rows) -> None:
        import torch
        import torchdata.stateful_dataloader.sampler

        super().__init__(rows)
        self._torch, self._samplers = torch, torchdata.stateful_dataloader.sampler

    def epoch(self) -> Iterator[Any]:
        generator = self._torch.Generator().manual_seed(0)
        sampler = self._samplers.RandomSampler(range(self.rows), generator=generator)
        batches: Iterator[Any] = iter(self._samplers.BatchSampler(sampler, BATCH, drop_last=True))
        return batches

    def resume(self, step: int) -> Any:
        batches: Any = self.epoch()
        state = batches.state_dict()
        state["samples_yielded"] = state["sampler_iter_state"]["yielded"] = step * BATCH
        batches.load_state_dict(state)
        return next(batches)


class NoDuplicates(Contestant):
    name, package = "ST NoDuplicates", "sentence-transformers"
    note, replays, hashed = "compares texts", True, False

    def __init__(self, rows: Rows) -> None:
        import datasets
        import torch
        from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

        super().__init__(rows)
        datasets.disable_progress_bars()
        self._torch, self._sampler_of = torch, NoDuplicatesBatchSampler
        self._texts = datasets.Dataset(rows.texts())

    def build(self) -> None:
        self._sampler = self._sampler_of(
            self._texts,
            batch_size=BATCH,
            drop_last=True,
            generator=self._torch.Generator(),
            precompute_hashes=self.hashed,
        )

    def epoch(self) -> Iterator[Any]:
        return iter(self._sampler)


class NoDuplicatesHashed(NoDuplicates):
    name = "ST NoDuplicates, hashed"
    note, hashed = "compares hashes of texts, made before the first batch", True


class Grain(Contestant):
    name, package = "grain shuffle", "grain"

    def __init__(self, rows: Rows) -> None:
        import grain

        super().__init__(rows)
        self._grain = grain

    def build(self) -> None:
        rows = self._grain.MapDataset.range(self.rows).shuffle(seed=0)
        self._batches = rows.batch(BATCH, drop_remainder=True, batch_fn=list)

    def epoch(self) -> Iterator[Any]:
        return (self._batches[step] for step in range(len(self._batches)))

    def resume(self, step: int) -> Any:
        self.build()
        return self._batches[step]


class Streaming(Contestant):
    """The order that a StreamingDataset makes at the start of an epoch, by its default settings.

    No sample is read, and shards hold 1,000 rows.
    """

    name, package = "streaming py1e", "mosaicml-streaming"
    note = "the order alone, no shards read"

    def __init__(self, rows: Rows) -> None:
        # It pins older versions than the others take, and so lies apart from them.
        apart = str(Path(sys.prefix) / "streaming")
        if apart not in sys.path:
            sys.path.append(apart)
        from streaming.base.partition import get_partitions
        from streaming.base.shuffle import get_shuffle

        super().__init__(rows)
        self._partitions, self._shuffle = get_partitions, get_shuffle
        whole, rest = divmod(rows.count, 1000)
        self._shards = np.array([1000] * whole + [rest] * (rest > 0))

    def epoch(self) -> Iterator[Any]:
        return self._from(0)

    def resume(self, step: int) -> Any:
        return next(self._from(step))

    def _from(self, step: int) -> Iterator[list[int]]:
        places = self._partitions("relaxed", self.rows, 1, 1, 1, 1, BATCH, step * BATCH)
        shuffled = self._shuffle("py1e", self._shards, 1, 9176, 0, 4_000_000)
        order = np.where(places != -1, shuffled[places], -1).reshape(-1)
        for at in range(0, len(order), BATCH):
            yield order[at : at + BATCH].tolist()


CONTESTANTS: tuple[type[Contestant], ...] = (
    Ours,
    TorchRandom,
    TorchDistributed,
    Torchdata,
    Numpy,
    NoDuplicates,
    NoDuplicatesHashed,
    Grain,
    Streaming,
    TorchSequential,
)


def measure(kind: type[Contestant], rows: Rows, budget: float) -> dict[str, Any]:
    """Time a contestant; run it in a process of its own.

    First batch: from the rows to the batch. Rate: over an epoch and its start, what was built
    being there. Resume: from the rows to the batch in the middle of the epoch. Each is the least
    of up to three times, of which none begins when ``budget`` seconds are over; an epoch not
    through by then is reckoned to its end at the pace so far. Memory: the peak beyond modules and
    rows, through the building, the first batch and an epoch.
    """
    # Of peers that miss what they do not need here, or warn of resampled rows.
    logging.disable(logging.WARNING)
    contestant = kind(rows)
    total = rows.count // BATCH
    gc.collect()
    # Else whoever has imported more pays more for each collection.
    gc.freeze()
    peak = Peak()

    def first() -> None:
        contestant.build()
        next(contestant.epoch())

    begin = perf_counter()
    first()
    cold = perf_counter() - begin
    seconds, done, ended = _epoch(contestant.epoch(), total, budget)
    peak_bytes = peak.grown()
    first_batch = least(first, budget - cold, cold)
    if ended:
        deadline = perf_counter() + budget - seconds
        for _ in range(2):
            if perf_counter() < deadline:
                seconds = min(seconds, _epoch(contestant.epoch(), total, float("inf"))[0])
        delivered = done
    else:
        delivered = total
    middle = total // 2
    if contestant.replays and not ended:
        resume = first_batch + seconds * middle / total
    else:
        resume = least(lambda: contestant.resume(middle), budget)
    # At its end a process complains of what was left frozen.
    gc.unfreeze()
    return {
        "version": version(kind.package),
        "first_batch_seconds": first_batch,
        "rows_per_second": delivered * BATCH / seconds,
        "batches_done": done,
        "estimated": not ended,
        "resume_seconds": resume,
        "resumes_by_replay": contestant.replays,
        "peak_bytes": peak_bytes,
    }


def _epoch(batches: Iterator[Any], total: int, budget: float) -> tuple[float, int, bool]:
    """Seconds of an epoch, the batches that it went through, and whether it came to its end."""
    start = perf_counter()
    next(batches)
    first = perf_counter() - start
    done, elapsed = 1, first
    while done < total:
        taken = sum(1 for _ in islice(batches, min(_AT_ONCE, total - done)))
        done += taken
        elapsed = perf_counter() - start
        if not taken:
            total = done
        elif elapsed > budget and done < total:
            return first + (elapsed - first) * (total - 1) / (done - 1), done, False
    return elapsed, done, True

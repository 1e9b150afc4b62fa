"""Who ranks all candidates from embeddings, and the mean average precision that each finds.

All get the same float32 vectors. Who needs no more than a block of scores gets 250 queries at a
time; the bare products get all, with which they are fastest. Ids and relevance, as Python's own
dicts where a peer wants such, are made before the clock starts; the scores themselves and the
peer's own objects are part of the work.
"""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embeddings import Integers, Work
from hybridsampler import Evaluation, RankCounter, evaluate
from turns import Contestant, Environment

BLOCK = 250
# What OpenBLAS is told to be, where it is told: without these it looks at the processor.
AS_OPENBLAS_CHOOSES: Environment = {"OPENBLAS_CORETYPE": None, "OPENBLAS_L2_SIZE": None}


class Scorer(Contestant):
    def load(self, folder: Path) -> None:
        self.give(Work.load(folder))

    def give(self, work: Work) -> None:
        """Take work that is in memory."""
        self.work = work
        self.queries = len(work.queries)

    def take(self, queries: int) -> None:
        """From now on the first ``queries`` queries are the work."""
        self.queries = queries

    @abstractmethod
    def run(self) -> float | None:
        """The mAP; ``None`` from who ranks nothing."""

    def blocks(self) -> Iterator[slice]:
        for at in range(0, self.queries, BLOCK):
            yield slice(at, min(at + BLOCK, self.queries))


class Ours(Scorer):
    name, package = "hybridsampler", "hybridsampler"
    result: Evaluation | None = None

    def run(self) -> float:
        self.result = None  # Of the run before: its memory is none of this one's.
        indptr = np.arange(self.queries + 1) * self.work.relevant.shape[1]
        self.result = evaluate(
            self.work.queries[: self.queries],
            self.work.candidates,
            (indptr, self.work.relevant[: self.queries].ravel()),
            query_languages=["language 0"] * self.queries,
            candidate_languages=self.work.languages,
            measures=["AP"],
            threads=self.threads,
        )
        return self.result["multilingual"]["AP"]

    def per_query(self) -> list[float]:
        """The exact average precision of each query of the last run."""
        assert self.result is not None, "run first"
        found: list[float] = self.result.per_query("multilingual", "AP").tolist()
        return found

    def facts(self) -> dict[str, Any]:
        return {"report": _plain(getattr(self.result, "report", None))}


def _plain(report: Any) -> Any:
    """What a record can hold of how much was decided on which path."""
    if dataclasses.is_dataclass(report) and not isinstance(report, type):
        return dataclasses.asdict(report)
    return dict(report) if isinstance(report, Mapping) else report


class OursAvxVnni(Ours):
    name, note = "hybridsampler, AVX-VNNI", "AVX-512 forbidden"
    environment: ClassVar[Environment] = {"HYBRIDSAMPLER_SIMD": "avxvnni"}

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        nothing = RankCounter(np.ones((1, 1), np.float32), ([0, 0], []))
        if nothing.report.simd != "avxvnni":
            raise NotImplementedError("this processor has no AVX-VNNI")


class OursAvx2(Ours):
    name, note = "hybridsampler, AVX2", "AVX-512 and AVX-VNNI forbidden"
    environment: ClassVar[Environment] = {"HYBRIDSAMPLER_SIMD": "avx2"}


class Numpy(Scorer):
    package = "numpy"

    def scores(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Blocks of scores, all in the same memory: numpy is slower where each gets its own."""
        buffer = np.empty((BLOCK, len(self.work.candidates)), np.float32)
        for block in self.blocks():
            out = buffer[: block.stop - block.start]
            yield block, np.matmul(self.work.queries[block], self.work.candidates.T, out=out)

    def facts(self) -> dict[str, Any]:
        return {"kernel": openblas_kernel()}


def openblas_kernel() -> str | None:
    """The kernel that numpy's OpenBLAS took; ``None`` where that cannot be told."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    kernels = [
        str(pool["architecture"]) for pool in threadpool_info() if pool["user_api"] == "blas"
    ]
    return kernels[0] if kernels else None


class NumpyProduct(Numpy):
    """All scores at once, into memory that was touched in the run before: numpy's best."""

    name, note = "numpy product", "as installed; no ranking"

    def give(self, work: Work) -> None:
        super().give(work)
        self.memory = np.empty((len(work.queries), len(work.candidates)), np.float32)

    def run(self) -> None:
        queries = self.work.queries[: self.queries]
        np.matmul(queries, self.work.candidates.T, out=self.memory[: self.queries])


class NumpyProductInBlocks(Numpy):
    name, note = "numpy product, in blocks", f"of {BLOCK} queries, into the same memory; no ranking"

    def run(self) -> None:
        for _ in self.scores():
            pass


class NumpyProductChosen(NumpyProduct):
    name, note = "numpy product, unforced", "the kernel that OpenBLAS chooses; no ranking"
    environment: ClassVar[Environment] = AS_OPENBLAS_CHOOSES


class NumpyProductAvx2(NumpyProduct):
    name, note = "numpy product, AVX2", "OpenBLAS told to take AVX2; no ranking"
    environment: ClassVar[Environment] = {**AS_OPENBLAS_CHOOSES, "OPENBLAS_CORETYPE": "Haswell"}


class NumpyArgsort(Numpy):
    name, note = "numpy argsort", "blocks of scores, sorted"

    def run(self) -> float:
        return mean_ap(
            ranks_in(np.argsort(-scores, axis=1), self.work.relevant[block])
            for block, scores in self.scores()
        )


class NumpyCount(Numpy):
    name, note = "numpy count", "blocks of scores, higher ones counted"

    def run(self) -> float:
        return mean_ap(self._ranks(block, scores) for block, scores in self.scores())

    def _ranks(self, block: slice, scores: NDArray[np.float32]) -> Integers:
        own = np.take_along_axis(scores, self.work.relevant[block], axis=1)
        higher = [np.count_nonzero(scores > one[:, None], axis=1) for one in own.T]
        return np.stack(higher, axis=1) + 1


def ranks_in(order: Integers, relevant: Integers) -> Integers:
    """Ranks of the relevant candidates where all are listed in order."""
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(order.shape[1])[None], axis=1)
    return np.take_along_axis(place, relevant, axis=1) + 1


def mean_ap(blocks: Iterator[Integers]) -> float:
    values: list[float] = []
    for ranks in blocks:
        ordered = np.sort(ranks, axis=1)
        precision = np.arange(1, ranks.shape[1] + 1) / ordered
        values += precision.mean(axis=1).tolist()
    return mean(values)


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


class Torch(Scorer):
    package = "torch"
    device = "cpu"

    def __init__(self, threads: int) -> None:
        import torch

        super().__init__(threads)
        self._torch = torch
        torch.set_num_threads(threads)

    def give(self, work: Work) -> None:
        super().give(work)
        self._queries = self._torch.from_numpy(work.queries).to(self.device)
        self._candidates = self._torch.from_numpy(work.candidates).to(self.device)
        self._relevant = self._torch.from_numpy(work.relevant).to(self.device)

    def scores(self, block: slice) -> Any:
        return self._queries[block] @ self._candidates.T


class TorchProduct(Torch):
    """As numpy's: all at once, into memory that was touched in the run before."""

    name, note = "torch product", "float32, all at once; no ranking"

    def give(self, work: Work) -> None:
        super().give(work)
        shape = len(work.queries), len(work.candidates)
        self.memory = self._torch.empty(shape, device=self.device)

    def run(self) -> None:
        queries = self._queries[: self.queries]
        self._torch.mm(queries, self._candidates.T, out=self.memory[: self.queries])


class TorchSort(Torch):
    name, note = "torch sort", "blocks of scores, sorted"

    def run(self) -> float:
        return mean_ap(self._ranks(block) for block in self.blocks())

    def _ranks(self, block: slice) -> Integers:
        order = self._torch.sort(self.scores(block), dim=1, descending=True).indices
        place = self._torch.empty_like(order)
        every = self._torch.arange(order.shape[1], device=self.device)
        place.scatter_(1, order, every.expand_as(order))
        ranks: Integers = (place.gather(1, self._relevant[block]) + 1).cpu().numpy()
        return ranks

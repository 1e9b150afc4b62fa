"""A small plan, and what samplers give of one."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from corpora import joined, regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix

Ints = NDArray[np.int64]

# Python 3.12 and later warn of every fork of a process with threads, such as a DataLoader's.
FORKS = "ignore:This process .* is multi-threaded:DeprecationWarning"


def decoded(sampler: HybridBatchSampler, batch: list[int]) -> Ints:
    """(b, 2) query and passage rows that a batch of the sampler stands for."""
    rows = len(sampler.plan.corpus)
    assert all(type(pair) is int for pair in batch)
    pairs = [divmod(code - rows, rows) if code >= rows else (code, code) for code in batch]
    return np.array(pairs)


def rest(sampler: HybridBatchSampler, batches: Iterator[list[int]]) -> Ints:
    """(steps, b, 2) pairs of all batches to come."""
    own = [decoded(sampler, batch) for batch in batches]
    return np.array(own).reshape(-1, sampler.batch_size, 2)


def small_plan(seed: int = 0, batch_size: int = 12) -> BatchPlan:
    """11 steps an epoch at batch size 12."""
    data = joined(
        regular(20, ("ar", "de", "en"), "wiki", prefix="w"),
        regular(36, ("en", "es"), "news", prefix="n"),
        order=1,
    )
    return BatchPlan(data.corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), batch_size, seed)


def epoch(plan: BatchPlan, number: int, steps: int) -> Ints:
    return plan[number * steps : (number + 1) * steps]

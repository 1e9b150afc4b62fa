"""Batches of 128 pairs as Python lists: our sampler against torch's and numpy, on the same rows.

    python benches/sampler.py [--rows 1000000] [--batches 4000]

All deliver the indices of `--batches` batches of one epoch over `--rows` rows. The peers shuffle
rows and know nothing of languages, groups or pairs; ours delivers pairs of a hybrid mix.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, ParallelCorpus
from peers import report, timed

LANGUAGES = 10
BATCH = 128


def numpy_batches(rows: int) -> Iterator[list[int]]:
    """A permutation of all rows, cut into batches."""
    order = np.random.default_rng(0).permutation(rows)
    for at in range(0, rows, BATCH):
        yield order[at : at + BATCH].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=4_000)
    arguments = parser.parse_args()
    rows, batches = arguments.rows, arguments.batches
    groups = rows // LANGUAGES
    corpus = ParallelCorpus.from_columns(
        group=np.repeat(np.arange(groups), LANGUAGES),
        language=[f"language {number}" for number in range(LANGUAGES)] * groups,
    )
    plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), BATCH)
    everything = range(rows)

    def drain(batch_sampler: Any) -> None:
        for _ in islice(batch_sampler, batches):
            pass

    amount = batches * BATCH
    timings = [
        timed("hybridsampler", lambda: drain(HybridBatchSampler(plan)), amount),
        timed(
            "torch RandomSampler",
            lambda: drain(BatchSampler(RandomSampler(everything), BATCH, drop_last=True)),
            amount,
        ),
        timed("numpy permutation", lambda: drain(numpy_batches(rows)), amount),
        timed(
            "torch SequentialSampler",
            lambda: drain(BatchSampler(SequentialSampler(everything), BATCH, drop_last=True)),
            amount,
            note="no shuffle: the ceiling of list building",
        ),
        timed("hybridsampler plan[a:b]", lambda: plan[0:batches], amount, note="arrays, not lists"),
        timed("hybridsampler plan[1_000_000]", lambda: plan[1_000_000], BATCH, note="one batch"),
    ]
    work = f"{batches:,} batches of {BATCH} from {rows:,} rows, as lists of integers"
    report("sampler", work, timings, "rows")


if __name__ == "__main__":
    main()

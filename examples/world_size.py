"""A run that goes on with another number of processes: 1, 2, 4 and 1 see the same global batches.

python examples/world_size.py"""

import json
import tempfile
from itertools import chain
from pathlib import Path

import pyarrow.parquet as pq
from torch import distributed
from torch.multiprocessing import start_processes
from torch.utils.data import DataLoader

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset, ParallelCorpus

table = pq.read_table("examples/data/train.parquet")
rows = table.to_pylist()
corpus = ParallelCorpus.from_columns(group=table["group_id"], language=table["lang"])
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=128)


def train(rank: int, world: int, first: int, folder: Path) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/{first}", None, world, rank)
    sampler = HybridBatchSampler(plan)
    if first > 0:
        sampler.load_state_dict(json.loads((folder / "state.json").read_text()))
    loader = DataLoader(PairDataset(rows, corpus), batch_sampler=sampler)
    for step, batch in zip(range(first, first + 50), loader, strict=False):
        parts = [None] * world
        distributed.all_gather_object(parts, batch["query"])
        assert [*chain(*parts)] == [rows[query]["query"] for query, _ in plan[step]]
    if rank == 0:
        (folder / "state.json").write_text(json.dumps(sampler.state_at(step + 1)))
        print(f"{world} processes, steps {first} to {step}: the gathered batches are plan[t]")


folder = Path(tempfile.mkdtemp())
for first, world in ((0, 1), (50, 2), (100, 4), (150, 1)):
    start_processes(train, (world, first, folder), nprocs=world, start_method="fork")

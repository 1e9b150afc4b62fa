"""torchdata's StatefulDataLoader: its state holds the sampler's, and does not run ahead of you.

python examples/torchdata_loader.py"""

import json
from itertools import islice

import pyarrow.parquet as pq
from torchdata.stateful_dataloader import StatefulDataLoader

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset, ParallelCorpus

table = pq.read_table("examples/data/train.parquet")
rows = table.select(["query", "passage"]).to_pylist()
corpus = ParallelCorpus.from_columns(
    group=table["group_id"], language=table["lang"], source=table["source"]
)
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=128)


def make_loader() -> StatefulDataLoader:
    pairs, sampler = PairDataset(rows, corpus), HybridBatchSampler(plan)
    return StatefulDataLoader(pairs, batch_sampler=sampler, num_workers=2)


loader = make_loader()
for _ in islice(loader, 100):
    pass  # a training step goes here
saved = json.dumps(loader.state_dict())

resumed = make_loader()
resumed.load_state_dict(json.loads(saved))
for step, batch in enumerate(resumed, start=100):
    assert batch["query"] == [rows[query]["query"] for query, _ in plan[step]]
print(f"resumed at step 100: every batch up to step {step} was plan[t]")

"""torch's DataLoader with two workers, stopped in the middle of epoch 1 and resumed there at once.

python examples/torch_loader.py"""

import json

import pyarrow.parquet as pq
from torch.utils.data import DataLoader

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset, ParallelCorpus

table = pq.read_table("examples/data/train.parquet")
rows = table.select(["query", "passage"]).to_pylist()
corpus = ParallelCorpus.from_columns(
    group=table["group_id"], language=table["lang"], source=table["source"]
)
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=128)


def train(sampler: HybridBatchSampler, step: int, last: int) -> None:
    pairs = PairDataset(rows, corpus)
    loader = DataLoader(pairs, batch_sampler=sampler, num_workers=2, persistent_workers=True)
    while step < last:
        for batch, _ in zip(loader, range(step, last), strict=False):
            assert batch["query"] == [rows[query]["query"] for query, _ in plan[step]]
            step += 1  # a training step goes here
    print(f"trained up to step {last}: every batch was plan[t]")


sampler = HybridBatchSampler(plan)
train(sampler, 0, 300)
saved = json.dumps(sampler.state_at(300))  # workers fetch ahead: say how many steps are done
resumed = HybridBatchSampler(plan)
resumed.load_state_dict(json.loads(saved))
train(resumed, 300, 500)

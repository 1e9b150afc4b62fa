"""accelerate: the ranks share each global batch; saved in the middle of epoch 1 and resumed there.

accelerate launch --num-processes 2 examples/accelerate_loop.py"""

from itertools import islice

import pyarrow.parquet as pq
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch.utils.data import DataLoader

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset, ParallelCorpus
from hybridsampler.integrations.loader import ResumableLoader

table = pq.read_table("examples/data/train.parquet")
rows = table.select(["query", "passage"]).to_pylist()
corpus = ParallelCorpus.from_columns(group=table["group_id"], language=table["lang"])
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=128)
sampler = HybridBatchSampler(plan, steps_per_epoch=50)
pairs = PairDataset(rows, corpus)
accelerator = Accelerator()
loader = accelerator.prepare(ResumableLoader(DataLoader(pairs, batch_sampler=sampler)))
accelerator.register_for_checkpointing(loader)


def train(step: int, batches: int | None = None) -> None:
    for number, batch in enumerate(islice(loader, batches), step):
        queries = [rows[query]["query"] for query, _ in plan[number]]
        assert gather_object(batch["query"]) == queries
    accelerator.print(f"steps {step} to {number}: the gathered batches are plan[t]")


train(0)
train(50, 20)
accelerator.save_state("runs/accelerate")
train(50)  # an epoch that was broken off starts again
accelerator.load_state("runs/accelerate")
train(70)
accelerator.end_training()

"""Lightning's Trainer with DDP in two processes, stopped in the middle of epoch 1 and resumed:
python examples/lightning_ddp.py, or torchrun --nproc-per-node 2 examples/lightning_ddp.py"""

import pyarrow.parquet as pq
import torch
from lightning import LightningModule, Trainer
from torch.utils.data import DataLoader

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset, ParallelCorpus
from hybridsampler.integrations.loader import ResumableLoader

table = pq.read_table("examples/data/train.parquet")
rows = table.select(["query", "passage"]).to_pylist()
corpus = ParallelCorpus.from_columns(group=table["group_id"], language=table["lang"])
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=64)
sampler = HybridBatchSampler(plan, steps_per_epoch=7)


class Retriever(LightningModule):
    def configure_model(self) -> None:
        self.table = torch.nn.EmbeddingBag(256, 16)  # a text is the mean of its bytes' vectors

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters())

    def training_step(self, batch: dict[str, list[str]]) -> torch.Tensor:
        mine = plan[self.global_step].reshape(2, -1, 2)[self.global_rank]
        assert batch["query"] == [rows[query]["query"] for query, _ in mine]
        texts = [torch.tensor([list(text.encode())]) for text in batch["query"] + batch["passage"]]
        queries, passages = torch.cat([self.table(text) for text in texts]).chunk(2)
        return -(queries @ passages.T).log_softmax(dim=1).diagonal().mean()


for last, saved in ((9, None), (14, "runs/lightning.ckpt")):
    loader = ResumableLoader(DataLoader(PairDataset(rows, corpus), batch_sampler=sampler))
    trainer = Trainer(accelerator="cpu", devices=2, strategy="ddp", max_steps=last)
    trainer.fit(Retriever(), loader, ckpt_path=saved)
    trainer.save_checkpoint("runs/lightning.ckpt")
    print(f"trained up to step {last}: the ranks' batches are plan[t]")
torch.distributed.destroy_process_group()

"""transformers' Trainer: stops in epoch 1; run again, in any number of processes, it goes on:
accelerate launch --num-processes 2 examples/trainer.py"""

import os
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from datasets import Dataset
from tiny import save_bert
from torch.utils.data import default_collate
from transformers import AutoModel, AutoTokenizer, Trainer, TrainingArguments

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, ParallelCorpus
from hybridsampler.integrations.transformers import HybridTrainerMixin

dataset = Dataset.from_parquet("examples/data/train.parquet")
corpus = ParallelCorpus.from_columns(group=dataset["group_id"][:], language=dataset["lang"][:])
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=32)
bert = save_bert(dataset["query"][:])  # or a real model's name
model, tokenizer = AutoModel.from_pretrained(bert), AutoTokenizer.from_pretrained(bert)
each = plan.batch_size // int(os.environ.get("WORLD_SIZE", "1"))
sampler = HybridBatchSampler(plan, steps_per_epoch=7)


class HybridTrainer(HybridTrainerMixin, Trainer):
    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        shown = dataset[plan[self.state.global_step][:, 0]]["query"]
        assert gather_object(inputs["query"]) == shown
        texts = inputs["query"] + inputs["passage"]
        tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        queries, passages = model(**tokens.to(self.args.device)).pooler_output.chunk(2)
        return -(queries @ passages.T).log_softmax(dim=1).diagonal().mean()


last = 9 + 5 * len([*Path("runs/trainer").glob("checkpoint-*")])
args = TrainingArguments("runs/trainer", per_device_train_batch_size=each, max_steps=last)
HybridTrainer(model, args, default_collate, dataset, batch_sampler=sampler).train(last > 9)
print(f"trained up to step {last}: the gathered batches are plan[t]")
args.distributed_state.destroy_process_group()

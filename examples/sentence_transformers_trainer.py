"""SentenceTransformerTrainer with cross-lingual pairs from an ordinary datasets.Dataset.

accelerate launch --num-processes 2 examples/sentence_transformers_trainer.py"""

import os
from typing import Any

import sentence_transformers as st
from accelerate.utils import gather_object
from datasets import Dataset
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from tiny import save_bert

from hybridsampler import BatchPlan, HybridBatchSampler, Mix, ParallelCorpus
from hybridsampler.integrations.transformers import HybridTrainerMixin

dataset = Dataset.from_parquet("examples/data/train.parquet")
corpus = ParallelCorpus.from_columns(group=dataset["group_id"][:], language=dataset["lang"][:])
plan = BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), batch_size=32)
model = st.SentenceTransformer(save_bert(dataset["query"][:]))  # or a real model's name
loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=16, gather_across_devices=True)
each = plan.batch_size // int(os.environ.get("WORLD_SIZE", "1"))
args = st.SentenceTransformerTrainingArguments(
    "runs/sentences", per_device_train_batch_size=each, max_steps=8, logging_steps=8
)


class HybridTrainer(HybridTrainerMixin, st.SentenceTransformerTrainer):
    def training_step(self, model: Any, inputs: Any, *more: Any) -> Any:
        for column, name in enumerate(("query", "passage")):
            texts = dataset[plan[self.state.global_step][:, column]][name]
            tokens = self.model.tokenizer(texts, padding=True, truncation=True)["input_ids"]
            assert gather_object(inputs[f"{name}_input_ids"].tolist()) == tokens
        return super().training_step(model, inputs, *more)


HybridTrainer(model, args, dataset, loss=loss, batch_sampler=HybridBatchSampler(plan)).train()
print("8 steps: the gathered batches are plan[t]")
args.distributed_state.destroy_process_group()

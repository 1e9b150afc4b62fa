"""SentenceTransformerTrainer in this process; an example runs two."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers

from corpora import regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix
from hybridsampler.integrations.transformers import HybridTrainerMixin

DATA = regular(2000, ("ar", "de", "en", "fr", "zh"), order=1)
ROWS = len(DATA)
PLAN = BatchPlan(DATA.corpus, Mix(monolingual=1, cross_lingual=1), batch_size=16)
# What a checkpoint holds that grows with the model; all else must stay small.
OF_THE_MODEL = {"model.safetensors", "optimizer.pt", "tokenizer.json", "rng_state.pth"}


class RecordingTrainer(HybridTrainerMixin, SentenceTransformerTrainer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[list[list[int]]] = []
        self.columns: set[str] = set()

    def training_step(self, model: Any, inputs: Any, *more: Any) -> Any:
        self.columns |= set(inputs)
        # One token a text, and token t is row t or passage t - ROWS.
        tokens = [inputs["query_input_ids"], inputs["passage_input_ids"] - ROWS]
        self.seen.append(torch.stack(tokens, dim=1).tolist())
        return super().training_step(model, inputs, *more)


@pytest.fixture(scope="module")
def dataset() -> Any:
    """An ordinary data set, with columns that are no texts to encode."""
    return Dataset.from_dict(
        {
            "language": list(DATA.language),
            "group": list(DATA.group),
            "passage": [f"p{row}" for row in range(ROWS)],
            "query": [f"q{row}" for row in range(ROWS)],
        }
    )


def trainer(folder: Path, dataset: Any, steps: int) -> Any:
    words = [f"{letter}{row}" for letter in "qp" for row in range(ROWS)]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, "q0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=4)], device="cpu")
    args = SentenceTransformerTrainingArguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=PLAN.batch_size,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
        logging_strategy="no",
        use_cpu=True,
    )
    return RecordingTrainer(
        model,
        args,
        dataset,
        loss=MultipleNegativesRankingLoss(model),
        batch_sampler=HybridBatchSampler(PLAN, steps_per_epoch=5),
    )


def test_it_trains_on_the_plan_and_resumes_from_small_checkpoints(
    tmp_path: Path, dataset: Any
) -> None:
    """In the middle of epoch 1, with query and passage in one language and in two."""
    training = trainer(tmp_path, dataset, 8)
    training.train()
    assert training.seen == PLAN[0:8].tolist()
    assert {PLAN.stream(step).kind for step in range(8)} == {"monolingual", "cross_lingual"}
    assert training.columns <= {
        f"{name}_{part}"
        for name in ("query", "passage")
        for part in ("input_ids", "offsets", "modality", "attention_mask", "task")
    }
    assert training.train_dataset is dataset
    checkpoint = tmp_path / "checkpoint-8"
    sizes = {
        path.name: path.stat().st_size
        for path in checkpoint.rglob("*")
        if path.is_file() and path.name not in OF_THE_MODEL
    }
    # 10,000 rows and their groups would take 80,000 bytes or more.
    assert {"training_args.bin", "trainer_state.json"} <= set(sizes)
    assert max(sizes.values()) < 40_000
    assert sizes["training_args.bin"] < 10_000
    assert sizes["trainer_state.json"] < 3_000
    resumed = trainer(tmp_path, dataset, 12)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert resumed.seen == PLAN[8:12].tolist()
    state = json.loads((tmp_path / "checkpoint-12" / "trainer_state.json").read_text())
    saved = state["stateful_callbacks"]["HybridSamplerState"]["attributes"]["sampler_state"]
    assert saved == HybridBatchSampler(PLAN).state_at(12)


def test_a_data_set_of_another_length_is_refused(tmp_path: Path, dataset: Any) -> None:
    shorter = dataset.select(range(ROWS - 1))
    with pytest.raises(ValueError, match=f"{ROWS - 1} rows but the corpus {ROWS}"):
        trainer(tmp_path, shorter, 3).train()


def test_a_data_set_without_the_columns_is_refused(tmp_path: Path, dataset: Any) -> None:
    renamed = dataset.rename_columns({"query": "anchor"})
    with pytest.raises(ValueError, match=r"'anchor'.* made of query and passage: .*rename_columns"):
        trainer(tmp_path, renamed, 3).train()


def test_the_sampler_is_refused_among_the_arguments(tmp_path: Path, dataset: Any) -> None:
    """They call what they are given, and took one that cannot be called for none at all."""
    made = trainer(tmp_path, dataset, 1)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(tmp_path), batch_sampler=HybridBatchSampler(PLAN), report_to="none"
    )
    plain = SentenceTransformerTrainer(
        made.model, arguments, train_dataset=dataset.select_columns(["query", "passage"])
    )
    with pytest.raises(TypeError, match="give it to a trainer with HybridTrainerMixin"):
        plain.get_train_dataloader()

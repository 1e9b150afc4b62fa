"""Sentence-transformers models in small: random vectors of characters, added up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers

LETTERS = [chr(code) for code in range(32, 0x600)]


def static_model(dimension: int = 8, seed: int = 0) -> SentenceTransformer:
    """The mean of the vectors of the characters; one that is not known is a question mark."""
    tokenizer = Tokenizer(models.WordLevel({letter: n for n, letter in enumerate(LETTERS)}, "?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    torch.manual_seed(seed)
    module: Any = StaticEmbedding(tokenizer, embedding_dim=dimension)
    return SentenceTransformer(modules=[module], device="cpu")


def pickled(folder: Path) -> list[Path]:
    """Put the weights of a saved model into pickles, as older versions wrote them."""
    pickles = []
    for path in sorted(folder.rglob("model.safetensors")):
        pickles.append(path.with_name("pytorch_model.bin"))
        torch.save(load_file(path), pickles[-1])
        path.unlink()
    return pickles


def saved_model(folder: Path, **choices: Any) -> Path:
    """Write a static model as sentence-transformers does."""
    static_model(**choices).save_pretrained(str(folder), create_model_card=False)
    return folder

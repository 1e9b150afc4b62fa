"""Contrastive losses over the pairs of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(queries: Tensor, passages: Tensor, temperature: float) -> Tensor:
    """InfoNCE with in-batch negatives and cosine scores (van den Oord et al., arXiv 1807.03748).

    The passage of every other pair is a negative of a query, and so is every further passage.

    Args:
        queries: (B, d) vectors.
        passages: (B + n, d) vectors; row i < B belongs to query i, the others are hard negatives.
        temperature: scores are divided by it.

    Returns:
        The mean over the queries of the cross-entropy of their own passage, a scalar.
    """
    scores = functional.normalize(queries) @ functional.normalize(passages).T / temperature
    own = torch.arange(len(scores), device=scores.device)
    return functional.cross_entropy(scores, own)

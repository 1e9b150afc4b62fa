"""A text as the mean of the vectors of its hashed character n-grams, as in fastText.

It knows no language and no word, only shared letters, so it learns in seconds what larger encoders
learn in hours: the smallest model in which batch mixes can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hybridsampler import _core

Bag = NDArray[np.int32]


def _are_strings(texts: Sequence[str] | Sequence[Bag]) -> TypeGuard[Sequence[str]]:
    return isinstance(texts[0], str)


class NgramEncoder(nn.Module):
    """Texts -> vectors (n, dimension), the mean over their n-grams; an empty text gives zeros.

    A word is a run of letters, marks and digits, lower-cased, with a space before and after it; its
    n-grams of ``shortest`` to ``longest`` characters are hashed into ``buckets`` rows of a table
    (Bojanowski et al., arXiv 1607.04606).

    The table's gradient is sparse: train it with ``torch.optim.SGD``, as fastText is, or with
    ``torch.optim.SparseAdam``. The gradient of a mean over hundreds of n-grams is small, so SGD's
    learning rate is large: 1 and above.

    Args:
        buckets: rows of the table.
        dimension: columns of the table.
        shortest: characters of the shortest n-gram.
        longest: characters of the longest n-gram.
        seed: of the initial weights, normal with standard deviation ``dimension ** -0.5``.
    """

    def __init__(
        self, *, buckets: int, dimension: int, shortest: int = 3, longest: int = 4, seed: int = 0
    ) -> None:
        """Draw the initial weights."""
        super().__init__()
        self.buckets = buckets
        self.shortest = shortest
        self.longest = longest
        generator = torch.Generator().manual_seed(seed)
        weight = torch.empty(buckets, dimension)
        self.weight = nn.Parameter(weight.normal_(0, dimension**-0.5, generator=generator))

    def extra_repr(self) -> str:
        """Tell what makes two encoders alike."""
        buckets, dimension = self.weight.shape
        return f"{buckets=}, {dimension=}, shortest={self.shortest}, longest={self.longest}"

    def hash(self, texts: Sequence[str]) -> list[Bag]:
        """Hash each text to the int32 rows of its n-grams, once for a text that comes often."""
        indptr, ids = _core.hash_ngrams(texts, self.shortest, self.longest, self.buckets)
        return np.split(ids, indptr[1:])[:-1]

    def forward(self, texts: Sequence[str] | Sequence[Bag]) -> Tensor:
        """Encode texts, or the bags that :meth:`hash` made of them."""
        if not len(texts):
            return self.weight[:0]
        bags = self.hash(texts) if _are_strings(texts) else texts
        lengths = torch.tensor([len(bag) for bag in bags])
        ids = torch.from_numpy(np.concatenate(bags)).to(self.weight.device)
        # The rows in use first, so that the sparse gradient has one entry a row, not one an n-gram:
        # summing duplicates there took half of a training step.
        rows, inverse = torch.unique(ids, return_inverse=True)
        used = functional.embedding(rows, self.weight, sparse=True)
        offsets = (lengths.cumsum(0) - lengths).to(ids.device)
        return functional.embedding_bag(inverse, used, offsets, mode="mean")

    @torch.no_grad()
    def encode(self, texts: Sequence[str] | Sequence[Bag], batch_size: int = 1024) -> Tensor:
        """Encode many texts, ``batch_size`` at a time, without gradients."""
        parts = [self(texts[at : at + batch_size]) for at in range(0, len(texts), batch_size)]
        return torch.cat([self.weight[:0], *parts])  # cat takes no empty list

    def encode_queries(self, texts: Sequence[str]) -> Tensor:
        """Encode queries, as :meth:`encode` does all texts."""
        return self.encode(texts)

    def encode_candidates(self, texts: Sequence[str]) -> Tensor:
        """Encode candidates, as :meth:`encode` does all texts."""
        return self.encode(texts)

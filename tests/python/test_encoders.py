"""The n-gram encoder: means of table rows, hashed once or on the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.encoders import NgramEncoder


def _encoder(seed: int = 0) -> NgramEncoder:
    return NgramEncoder(buckets=97, dimension=5, shortest=2, longest=3, seed=seed)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=6))
def test_a_vector_is_the_mean_of_the_rows_of_the_bag(texts: list[str]) -> None:
    encoder = _encoder()
    vectors = encoder(texts).detach()
    for vector, bag in zip(vectors, encoder.hash(texts), strict=True):
        rows = encoder.weight.detach()[torch.from_numpy(bag).long()]
        expected = rows.mean(0) if len(bag) else torch.zeros(5)
        torch.testing.assert_close(vector, expected)


def test_hashed_bags_and_texts_give_the_same_vectors() -> None:
    encoder = _encoder()
    texts = ["Guten Tag", "สวัสดี", "", "good day"]
    assert torch.equal(encoder(texts), encoder(encoder.hash(texts)))
    assert torch.equal(encoder.encode(texts, batch_size=2), encoder(texts).detach())


def test_of_no_text_there_are_no_vectors() -> None:
    encoder = _encoder()
    for encode in (encoder.encode, encoder.encode_queries, encoder.encode_candidates):
        vectors = encode([])
        assert vectors.shape == (0, 5)
        assert vectors.dtype == torch.float32
        assert not vectors.requires_grad
    assert encoder.hash([]) == []
    assert encoder.encode(encoder.hash([])).shape == encoder([]).shape == (0, 5)


def test_gradient_equals_that_of_a_dense_mean() -> None:
    encoder = _encoder()
    texts = ["abcabc", "bcd", "abc"]
    weights = torch.arange(15.0).reshape(3, 5)
    torch.autograd.backward((encoder(texts) * weights).sum())
    assert encoder.weight.grad is not None
    sparse = encoder.weight.grad.to_dense()
    table = encoder.weight.detach().clone().requires_grad_()
    means = [table[torch.from_numpy(bag).long()].mean(0) for bag in encoder.hash(texts)]
    torch.autograd.backward((torch.stack(means) * weights).sum())
    assert table.grad is not None
    torch.testing.assert_close(sparse, table.grad)


def test_the_seed_makes_the_weights_and_leaves_torch_alone() -> None:
    before = torch.get_rng_state()
    assert torch.equal(_encoder(3).weight, _encoder(3).weight)
    assert not torch.equal(_encoder(3).weight, _encoder(4).weight)
    assert torch.equal(before, torch.get_rng_state())


def test_case_and_punctuation_do_not_matter_and_words_do() -> None:
    one, same, other = _encoder().hash(["Ab, cd!", "ab  CD", "abcd"])
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("shortest", [5, 2**63, 2**64 - 1])
def test_no_word_has_ngrams_longer_than_itself(shortest: int) -> None:
    encoder = NgramEncoder(buckets=8, dimension=2, shortest=shortest, longest=2**64 - 1)
    assert [len(bag) for bag in encoder.hash(["ab", "abc", ""])] == [0, int(shortest == 5), 0]


@pytest.mark.parametrize(("shortest", "longest"), [(0, 2), (3, 2)])
def test_impossible_ngrams_are_refused(shortest: int, longest: int) -> None:
    encoder = NgramEncoder(buckets=8, dimension=2, shortest=shortest, longest=longest)
    with pytest.raises(ValueError, match="need 1 <= shortest <= longest"):
        encoder.hash(["text"])

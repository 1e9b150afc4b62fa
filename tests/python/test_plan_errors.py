"""BatchPlan: what it refuses, naming the value and the remedy."""

import re
from typing import Any

import pytest

from corpora import Columns, joined, mix_of, regular
from hybridsampler import BatchPlan, Mix


def refused(data: Columns, mix: Mix, batch_size: int, *parts: str, seed: int = 0) -> None:
    """Building fails with a message that holds every part: the value named and the remedy."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  parts: below
        BatchPlan(data.corpus, mix, batch_size, seed)
    for part in parts:
        assert part in str(caught.value)


TWO = joined(
    regular(6, ["de", "en"], "wiki", prefix="w"), regular(9, ["en", "fr"], "law", prefix="l")
)


@pytest.mark.parametrize("kind", ["monolingual", "cross_lingual", "mixed"])
@pytest.mark.parametrize("batch_size", [7, 9, 10, 2**62])
def test_fewer_groups_than_the_batch_size(kind: str, batch_size: int) -> None:
    refused(
        TWO,
        mix_of(kind),
        batch_size,
        f"{kind} batches of source",
        f"need batch_size={batch_size} groups but it has ",
        "use a batch size of at most ",
        "or give the source weight 0",
    )


@pytest.mark.parametrize("kind", ["monolingual", "cross_lingual", "mixed"])
def test_the_named_remedies_for_few_groups_work(kind: str) -> None:
    refused(TWO, mix_of(kind), 7, "source 'wiki'", "it has 6", "at most 6")
    BatchPlan(TWO.corpus, mix_of(kind), 6)
    BatchPlan(TWO.corpus, mix_of(kind, sources={"wiki": 0, "law": 1}), 9)


def test_sources_without_weight_may_be_small() -> None:
    """A source of one language takes no part in cross-lingual batches."""
    data = joined(regular(1, ["vi"], "talks", prefix="t"), regular(9, ["en", "fr"], "law"))
    BatchPlan(data.corpus, Mix(cross_lingual=1), 9)
    refused(
        data, Mix(cross_lingual=1, monolingual=0.01), 9, "monolingual batches of source 'talks'"
    )


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_below_1(batch_size: int) -> None:
    refused(TWO, Mix(monolingual=1), batch_size, f"batch_size={batch_size}", "give at least 1")


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range(seed: int) -> None:
    refused(TWO, Mix(monolingual=1), 2, f"seed={seed}", "an integer from 0 to 2**64 - 1", seed=seed)


@pytest.mark.parametrize("value", [8 / 2, "4", None])
@pytest.mark.parametrize("name", ["batch_size", "seed", "negatives"])
def test_sizes_and_seeds_that_are_no_whole_numbers(name: str, value: Any) -> None:
    given = {"batch_size": 2, name: value}
    with pytest.raises(TypeError) as caught:
        BatchPlan(TWO.corpus, Mix(monolingual=1), **given)
    assert str(caught.value) == f"{name}={value!r}: give a whole number, as int"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ({"group": [1]}, Mix(monolingual=1)),
            "the corpus is a dict: give ParallelCorpus.from_columns(group=..., language=...)",
        ),
        ((TWO.corpus, 0.5), "the mix is a float: give Mix(monolingual=0.5, cross_lingual=0.5)"),
    ],
)
def test_what_is_no_corpus_or_no_mix(given: tuple[Any, Any], told: str) -> None:
    """As a data set, or the alpha of a hybrid mix."""
    with pytest.raises(TypeError, match=f"^{re.escape(told)}$"):
        BatchPlan(*given, 4)


def test_one_language_and_a_cross_lingual_mix() -> None:
    refused(
        regular(9, ["vi"]),
        Mix(monolingual=1, cross_lingual=0.1),
        3,
        "cross_lingual batches need a source of two or more languages",
        "the languages are vi",
        "give cross_lingual weight 0",
    )


def test_one_language_a_source_and_a_cross_lingual_mix() -> None:
    data = joined(regular(9, ["vi"], "a", prefix="a"), regular(9, ["en"], "b", prefix="b"))
    refused(
        data, Mix(cross_lingual=1), 3, "the languages are en, vi", "give cross_lingual weight 0"
    )


def test_cross_lingual_sources_without_weight() -> None:
    data = joined(regular(9, ["vi"], "a", prefix="a"), regular(9, ["en", "fr"], "b", prefix="b"))
    mix = Mix(cross_lingual=1, sources={"a": 1, "b": 0})
    refused(data, mix, 3, "a source of two or more languages with a positive weight")


def test_unknown_language() -> None:
    mix = Mix(monolingual=1, languages={"de": 1, "en": 1, "fr": 1, "xx": 0})
    refused(TWO, mix, 2, "unknown language 'xx'", "the corpus has de, en, fr")


def test_unknown_source() -> None:
    mix = Mix(monolingual=1, sources={"wiki": 1, "law": 1, "lore": 1})
    refused(TWO, mix, 2, "unknown source 'lore'", "the corpus has law, wiki")


@pytest.mark.parametrize(
    "pair", [("de", "xx"), ("xx", "de"), ("de", "de"), "de", ("de", "en", "fr")]
)
def test_unknown_pair(pair: Any) -> None:
    mix = Mix(cross_lingual=1, pairs={("de", "en"): 1, ("en", "fr"): 1, pair: 0})
    refused(TWO, mix, 2, f"{pair!r} is not an ordered pair of two of the languages de, en, fr")


def test_language_without_a_weight() -> None:
    refused(
        TWO,
        Mix(monolingual=1, languages={"de": 1, "en": 1}),
        2,
        "language 'fr' has no weight",
        "name every language, if need be with 0",
    )


def test_source_without_a_weight() -> None:
    refused(
        TWO,
        Mix(monolingual=1, sources={"law": 1}),
        2,
        "source 'wiki' has no weight",
        "name every source, if need be with 0",
    )


@pytest.mark.parametrize("kind", ["monolingual", "mixed"])
def test_source_whose_languages_have_no_weight(kind: str) -> None:
    refused(
        TWO,
        mix_of(kind, languages={"de": 1, "en": 0, "fr": 0}),
        2,
        f"source 'law' has weight 18 in {kind} batches but all its languages have weight 0",
        "give one of en, fr a positive weight or the source weight 0",
    )


def test_source_whose_pairs_have_no_weight() -> None:
    refused(
        TWO,
        Mix(cross_lingual=1, pairs={("de", "en"): 1}),
        2,
        "source 'law' has weight 18 in cross_lingual batches but all its pairs have weight 0",
        "a positive weight or the source weight 0",
    )

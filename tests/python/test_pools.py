"""Pools: their sizes, with exclusions, and what stands in them."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.pools import Pools, PoolSizes
from hybridsampler.ranks import Ranks
from naive_ranking import csr

LANGUAGES = ["en", "en", "de", "fr", "de", "en"]


def test_sizes_without_exclusions() -> None:
    sizes = PoolSizes.count(LANGUAGES, 2)
    assert sizes.whole().tolist() == [6, 6]
    assert sizes.of("en").tolist() == [3, 3]
    assert sizes.of("zh").tolist() == [0, 0]


@given(
    languages=st.lists(st.sampled_from(["de", "en", "fr"]), max_size=12),
    excluded=st.lists(st.sets(st.integers(0, 14)), max_size=6),
)
def test_sizes_are_what_is_left(languages: list[str], excluded: list[set[int]]) -> None:
    """Ids of no candidate leave nothing out."""
    sizes = PoolSizes.count(languages, len(excluded), csr(excluded))
    left = [[language for i, language in enumerate(languages) if i not in ids] for ids in excluded]
    assert sizes.whole().tolist() == [len(pool) for pool in left]
    for name in ("de", "en", "fr", "zh"):
        assert sizes.of(name).tolist() == [pool.count(name) for pool in left]


def test_languages_are_named_by_text_of_any_kind() -> None:
    names = np.array(LANGUAGES)
    sizes = PoolSizes.count(names, 1, ([0, 1], [4]))  # type: ignore[arg-type]
    assert sizes.of("de").tolist() == [1]


def test_languages_are_told_by_their_order_whatever_their_index() -> None:
    names = pd.Series(LANGUAGES, index=[5, 4, 3, 2, 1, 0])
    for column in (names, names.set_axis(list("abcdef"))):
        sizes = PoolSizes.count(column, 1, ([0, 2], [3, 5]))  # one in French, one in English
        assert [sizes.of(name).tolist() for name in ("en", "de", "fr")] == [[2], [2], [0]]


def test_a_pool_holds_the_judged_of_its_language() -> None:
    ranks = Ranks(
        query=np.array([0, 0, 1]),
        id=np.array([5, 2, 3]),
        grade=np.array([1, 0, 2]),
        language=np.array([0, 1, 2]),
        within=np.array([3, 1, 1]),
        overall=np.array([4, 2, 6]),
        languages=("en", "de", "fr"),
    )
    pools = Pools(ranks, 2, PoolSizes.count(LANGUAGES, 2))
    whole, german = pools.whole, pools.within("de")
    assert (whole.rank.tolist(), whole.grade.tolist()) == ([4, 2, 6], [1, 0, 2])
    assert (german.query.tolist(), german.rank.tolist()) == ([0], [1])
    assert whole.pool is not None
    assert german.pool is not None
    assert (whole.pool.tolist(), german.pool.tolist()) == ([6, 6], [2, 2])
    assert Pools(ranks, 2).within("de").pool is None

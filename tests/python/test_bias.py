"""Language bias: rank distance, PEER and MRV, one query at a time."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler.bias import Spread, kruskal_wallis, mrv, peer, rank_distance
from hybridsampler.measures import Judgements
from naive_ranking import generators

Float64 = NDArray[np.float64]


class Item(NamedTuple):
    """A judged candidate of a query."""

    rank: int
    language: int = 0
    grade: int = 1


def columns(
    queries: Sequence[Sequence[Item]], rng: np.random.Generator | None = None
) -> tuple[Judgements, NDArray[np.int64]]:
    """Judgements, rows in any order, and languages."""
    rows = [(q, *item) for q, items in enumerate(queries) for item in items]
    table = np.array(rows, np.int64).reshape(-1, 4)
    if rng is not None:
        table = rng.permutation(table)
    query, rank, language, grade = table.T
    return Judgements(query, grade, rank, len(queries)), language


def items(languages: int, most: int = 14) -> st.SearchStrategy[list[Item]]:
    """A query's judged candidates, at different ranks or not retrieved."""
    ranks = st.lists(st.integers(1, 60), unique=True, max_size=most)
    missed = st.integers(0, 4).map(lambda count: [0] * count)
    of = st.builds(lambda a, b: [*a, *b], ranks, missed)
    return of.flatmap(
        lambda ranks: st.tuples(
            *(
                st.builds(Item, st.just(r), st.integers(0, languages - 1), st.integers(0, 3))
                for r in ranks
            )
        ).map(list)
    )


# Rank distance


def distances(*ranks: list[int]) -> Float64:
    return rank_distance(columns([[Item(r) for r in of] for of in ranks])[0])


def test_rank_distance_is_the_largest_minus_the_smallest_rank() -> None:
    found = distances([5, 1, 3], [], [7], [400, 2])
    assert np.array_equal(found, [4, np.nan, 0, 398], equal_nan=True)
    assert np.isnan(distances([], [])).all()
    assert distances().tolist() == []


def test_rank_distance_is_at_least_the_number_of_languages_less_one() -> None:
    """Floor L - 1: the relevant of L languages, one each, in a row."""
    assert distances(list(range(4, 15))).tolist() == [10]


def test_rank_distance_sees_the_relevant_alone_and_needs_their_ranks() -> None:
    judged = [[Item(1, grade=0), Item(4), Item(6, grade=2)], [Item(2), Item(0)], [Item(0)]]
    found = rank_distance(columns(judged)[0])
    assert np.array_equal(found, [2, np.nan, np.nan], equal_nan=True)


@given(
    ranks=st.lists(st.sets(st.integers(1, 2**33 - 1), max_size=8), max_size=12), rng=generators()
)
def test_rank_distance_equals_the_textbook_in_any_order(
    ranks: list[set[int]], rng: np.random.Generator
) -> None:
    found = rank_distance(columns([[Item(r) for r in of] for of in ranks], rng)[0])
    expected = [float(max(of) - min(of)) if of else math.nan for of in ranks]
    assert np.array_equal(found, np.array(expected, np.float64), equal_nan=True)


# PEER


POOL = 100


def oracle_p(level: Sequence[Item], cutoff: int) -> float:
    """scipy's test over ranks by language; what is not retrieved has the mean rank of the tail."""
    tail = (cutoff + 1 + POOL) / 2
    by_language: dict[int, list[float]] = {}
    for item in level:
        seen = 1 <= item.rank <= cutoff
        by_language.setdefault(item.language, []).append(item.rank if seen else tail)
    samples = list(by_language.values())
    if len(samples) < 2 or {rank for sample in samples for rank in sample} == {tail}:
        return 1.0
    return float(scipy.stats.kruskal(*samples).pvalue)


def oracle_peer(judged: Sequence[Item], cutoff: int, weights: Mapping[int, float]) -> float:
    levels = {level: [item for item in judged if item.grade == level] for level in weights}
    if not any(levels.values()):
        return math.nan
    return sum(weights[level] * oracle_p(of, cutoff) for level, of in levels.items())


@given(
    queries=st.lists(items(4), max_size=6),
    cutoff=st.integers(1, 70),
    weights=st.sampled_from(
        [{1: 1.0}, {1: 0.5, 2: 0.5}, {1: 0.1, 2: 0.2, 3: 0.7}, {2: 1.0, 3: 0.0}]
    ),
    rng=generators(),
)
def test_peer_equals_the_textbook_in_any_order(
    queries: list[list[Item]], cutoff: int, weights: dict[int, float], rng: np.random.Generator
) -> None:
    found = peer(*columns(queries, rng), cutoff, weights)
    assert np.array_equal(found, peer(*columns(queries), cutoff, weights), equal_nan=True)
    expected = [oracle_peer(judged, cutoff, weights) for judged in queries]
    np.testing.assert_allclose(found, np.array(expected, np.float64), rtol=1e-12)
    assert (np.isnan(found) | ((found >= 0) & (found <= 1))).all()


def peer_of(cutoff: int, *judged: tuple[int, int]) -> float:
    """One query; pairs of rank and language, all of grade 1."""
    [value] = peer(*columns([[Item(*pair) for pair in judged]]), cutoff, {1: 1.0})
    return float(value)


def test_peer_worked_out_by_hand() -> None:
    # Ranks 1 2 against 3 4: H = 3 * (2 + 2) / 5 = 2.4 with one degree of freedom.
    assert math.isclose(peer_of(10, (1, 0), (2, 0), (3, 1), (4, 1)), math.erfc(math.sqrt(1.2)))
    # In turn, with equal mean ranks: nothing speaks against equal expected ranks.
    assert peer_of(10, (1, 0), (2, 1), (3, 1), (4, 0)) == 1
    # Only the order among the relevant counts, not how many others stand between them.
    assert peer_of(99, (10, 0), (20, 0), (35, 1), (40, 1)) == peer_of(
        10, (1, 0), (2, 0), (3, 1), (4, 1)
    )


def test_peer_ties_what_is_below_the_cutoff() -> None:
    """Ranks 1 and 2, and twice 3.5: the mean of what is left."""
    value = peer_of(2, (1, 0), (2, 0), (30, 1), (40, 1))
    expected = scipy.stats.kruskal([1, 2], [3.5, 3.5]).pvalue
    assert math.isclose(value, expected, rel_tol=1e-13)
    assert peer_of(2, (1, 0), (2, 0), (0, 1), (40, 1)) == value
    assert peer_of(2, (1, 0), (2, 0), (40, 1), (30, 1)) == value


def test_peer_is_1_where_there_is_nothing_to_compare() -> None:
    assert peer_of(5, (1, 0)) == 1
    assert peer_of(5, (1, 3), (4, 3), (9, 3)) == 1
    assert peer_of(5, (7, 0), (8, 1), (0, 2)) == 1  # all below the cutoff


def test_peer_is_never_above_1() -> None:
    for weights in (dict.fromkeys(range(1, 10), 1 / 9), {1: 1 + 9e-10}):
        [value] = peer(*columns([[Item(1, 0, 1)]]), 5, weights)
        assert value == 1


def test_peer_falls_as_a_language_is_preferred() -> None:
    fair = [Item(rank, rank % 2) for rank in range(1, 41)]
    unfair = [Item(rank, int(rank > 20)) for rank in range(1, 41)]
    values = peer(*columns([fair, unfair]), 40, {1: 1.0})
    assert values[0] > 0.7
    assert values[1] < 1e-6


def test_kruskal_wallis_equals_scipy_on_large_samples() -> None:
    rng = np.random.default_rng(0)
    for languages in (2, 3, 11):
        language = rng.integers(0, languages, 900)
        rank = rng.permutation(900) + 1 + (language == 0) * 40_000
        rank[rng.random(900) < 0.2] = 0
        [found] = kruskal_wallis(np.zeros(900, np.int64), language, rank, 1)
        samples = [np.where(rank > 0, rank, 10**9)[language == y] for y in range(languages)]
        assert math.isclose(found, scipy.stats.kruskal(*samples).pvalue, rel_tol=1e-11)


@pytest.mark.parametrize(
    ("cutoff", "weights", "message"),
    [
        *(
            (cutoff, {1: 1.0}, f"cutoff {cutoff}: give a whole number of at least 1")
            for cutoff in (0, math.nan, 2.5, True)
        ),
        *(
            (
                5,
                {level: 0.0, 1: 1.0},
                f"weights: level {level} is no relevance level; they are whole numbers from 1: "
                "leave it out",
            )
            for level in (0, 1.5)
        ),
        (5, {1: 1.5, 2: -0.5}, "weights: level 2 has the weight -0.5; give 0 or more"),
        (5, {1: math.nan}, "weights: level 1 has the weight nan; give 0 or more"),
        (5, {1: 0.5, 2: 0.25}, "weights add up to 0.75: give weights that add up to 1"),
        (5, {}, "weights add up to 0.0: give weights that add up to 1"),
    ],
)
def test_peer_refuses(cutoff: Any, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        peer(*columns([[Item(1)]]), cutoff, weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        *(
            (weights, f"weights={weights!r}: give a dict with the weight of each grade, as {{1: 1.")
            for weights in ([1.0], 1.0, "ab")
        ),
        *(
            ({2: 0.5, 1: weight}, f"weights: level 1 has the weight {weight!r}; give a number of 0")
            for weight in ("0.5", None, 0.5j, np.ones(2))
        ),
    ],
)
def test_weights_that_are_none(weights: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        peer(*columns([[Item(1)]]), 5, weights)


def test_weights_may_be_any_real_numbers() -> None:
    judged = columns([[Item(1, 0, 1), Item(2, 1, 2)]])
    plain = peer(*judged, 5, {1: 0.25, 2: 0.75})
    quarters: list[Any] = [Fraction(1, 4), Decimal("0.25"), np.float32(0.25)]
    for quarter in quarters:
        assert np.array_equal(peer(*judged, 5, {1: quarter, 2: 0.75}), plain)


# MRV


def spreads(
    queries: Sequence[Sequence[Item]],
    spread: Spread = "variance",
    rng: np.random.Generator | None = None,
) -> Float64:
    rows = np.array(
        [(q, i.language, i.rank) for q, of in enumerate(queries) for i in of], np.int64
    ).reshape(-1, 3)
    if rng is not None:
        rows = rng.permutation(rows)
    query, language, rank = rows.T
    return mrv(query, language, rank, len(queries), spread)


def oracle_mrv(judged: Sequence[Item]) -> float:
    best: dict[int, int] = {}
    for item in judged:
        best[item.language] = min(item.rank, best.get(item.language, item.rank))
    if len(best) < 2:
        return math.nan
    middle = Fraction(sum(best.values()), len(best))
    return float(sum((rank - middle) ** 2 for rank in best.values()) / len(best))


@given(
    queries=st.lists(
        st.lists(st.builds(Item, st.integers(1, 9) | st.integers(1, 2**32), st.integers(0, 5)))
    ),
    rng=generators(),
)
def test_mrv_equals_the_textbook_in_any_order(
    queries: list[list[Item]], rng: np.random.Generator
) -> None:
    found = spreads(queries, rng=rng)
    assert np.array_equal(found, spreads(queries), equal_nan=True)
    expected = np.array([oracle_mrv(of) for of in queries], np.float64)
    # The mean of the ranks is rounded, to half a last place of 2^32 at most.
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=2.0**-40)
    assert np.array_equal(spreads(queries, "deviation"), np.sqrt(found), equal_nan=True)


def test_mrv_worked_out_by_hand() -> None:
    # Ranks 1, 2, 6 in three languages: mean 3, squared deviations 4, 1, 9.
    assert spreads([[Item(1, 0), Item(2, 1), Item(6, 2)]]).tolist() == [14 / 3]
    assert spreads([[Item(1, 0), Item(3, 4)]], "deviation").tolist() == [1]
    # The best of a language counts.
    assert spreads([[Item(1, 0), Item(9, 1), Item(3, 1), Item(5, 1)]]).tolist() == [1]
    # One language has no spread.
    found = spreads([[Item(1, 0), Item(2, 0)], [], [Item(4, 0), Item(4, 1)]])
    assert np.array_equal(found, [np.nan, np.nan, 0], equal_nan=True)


def test_an_unknown_spread() -> None:
    with pytest.raises(ValueError, match=r"^spread='range': choose 'variance' or 'deviation'$"):
        spreads([[Item(1)]], "range")  # type: ignore[arg-type]

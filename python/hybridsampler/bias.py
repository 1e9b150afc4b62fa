"""Language bias: how the ranks of a query's relevant candidates differ by their language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hybridsampler.chi_square import upper_tail
from hybridsampler.measures import Judgements

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Spread = Literal["variance", "deviation"]


def rank_distance(judgements: Judgements) -> Float64:
    """Largest minus smallest rank of each query's relevant candidates (arXiv 2408.10536).

    Args:
        judgements: of the pool of all languages.

    Returns:
        (queries,) values; NaN for a query without a relevant candidate, or where one was not
        retrieved and so has no rank.
    """
    relevant = judgements.grade > 0
    query, rank = judgements.query[relevant], judgements.rank[relevant]
    largest = np.zeros(judgements.queries, np.int64)
    smallest = np.full(judgements.queries, np.iinfo(np.int64).max)
    np.maximum.at(largest, query, rank)
    np.minimum.at(smallest, query, rank)
    known = (largest > 0) & (smallest > 0)
    return np.where(known, largest - np.where(known, smallest, 0), np.nan)


def peer(
    judgements: Judgements, language: Int64, cutoff: int, weights: Mapping[int, float]
) -> Float64:
    """Probability of equal expected rank: 1 where no language is preferred (arXiv 2405.00978).

    For each relevance level, the p value of the Kruskal-Wallis test that the candidates of that
    grade have the same expected rank in each language; then the weighted sum over the levels.
    Candidates below the cutoff, or not retrieved, are tied at the mean of the ranks that are left.
    A level that has candidates in fewer than two languages, or none within the cutoff, gives 1.

    Args:
        judgements: of the pool of all languages.
        language: (J,) number of the language of each judged candidate, from 0.
        cutoff: how many ranks are looked at, from 1.
        weights: of each relevance level, a grade from 1; they add up to 1.

    Returns:
        (queries,) values from 0 to 1; NaN for a query without a candidate of any of these grades.

    Raises:
        ValueError: a cutoff or a level that is no whole number or below 1; weights that are
            negative, not finite, or do not add up to 1.
        TypeError: weights that are no mapping, or no numbers.
    """
    if not _from_1(cutoff):
        raise ValueError(f"cutoff {cutoff}: give a whole number of at least 1")
    weights = _numbers(weights)
    total = math.fsum(weights.values())
    if abs(total - 1) > 1e-9:  # thirds and tenths as people write them
        raise ValueError(f"weights add up to {total}: give weights that add up to 1")
    values = np.zeros(judgements.queries)
    there = np.zeros(judgements.queries, bool)
    for level in sorted(weights):
        at = judgements.grade == level
        query, rank = judgements.query[at], judgements.rank[at]
        rank = np.where((rank < 1) | (rank > cutoff), 0, rank)
        there[query] = True
        values += weights[level] * kruskal_wallis(query, language[at], rank, judgements.queries)
    # Nine times a ninth is a little more than 1.
    return np.where(there, np.minimum(values, 1.0), np.nan)


def _numbers(weights: Mapping[int, float]) -> dict[int, float]:
    """The weights as floats, each from 0; what that is not is refused."""
    if not isinstance(weights, Mapping):
        raise TypeError(
            f"weights={weights!r}: give a dict with the weight of each grade, as {{1: 1.0}}"
        )
    numbers = {}
    for level, weight in weights.items():
        if not _from_1(level):
            raise ValueError(
                f"weights: level {level} is no relevance level; they are whole numbers from 1: "
                "leave it out"
            )
        try:
            numbers[level] = math.fsum([weight])  # any real number, but unlike float() no text
        except TypeError as error:
            raise TypeError(
                f"weights: level {level} has the weight {weight!r}; give a number of 0 or more"
            ) from error
        if not 0 <= numbers[level] < math.inf:
            raise ValueError(f"weights: level {level} has the weight {weight}; give 0 or more")
    return numbers


def _from_1(number: float) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and number >= 1


def kruskal_wallis(query: Int64, language: Int64, rank: Int64, queries: int) -> Float64:
    """(queries,) p values, by the chi-square approximation, that ranks do not differ by language.

    The statistic is (n - 1) times the squared deviations of the languages' mean ranks divided by
    those of the ranks, which are the places among the n rows of a query; rows of rank 0 are tied at
    the end. On tied ranks this equals Kruskal and Wallis's statistic with their correction for ties
    (1952). Rows in fewer than two languages, or all tied, give 1.
    """
    order = np.lexsort((rank, rank == 0, query))
    query, language, rank = query[order], language[order], rank[order]
    count = np.bincount(query, minlength=queries)
    tied = np.bincount(query[rank == 0], minlength=queries)
    start = np.cumsum(count) - count
    # Ranks are taken twice, less their mean, so that all are integers.
    place = np.arange(1, len(query) + 1) - start[query]
    twice = np.where(rank > 0, 2 * place, (2 * count - tied + 1)[query])
    deviation = twice - (count + 1)[query]
    numbers = int(language.max(initial=0)) + 1
    cell, which, size = np.unique(
        query * numbers + language, return_inverse=True, return_counts=True
    )
    of = cell // numbers
    # Sums of integers below 2^53 are exact in float64.
    moved = np.bincount(which.reshape(-1), weights=deviation, minlength=len(cell))
    between = np.bincount(of, weights=moved * moved / size, minlength=queries)
    within = np.bincount(query, weights=np.square(deviation.astype(np.float64)), minlength=queries)
    languages = np.bincount(of, minlength=queries)
    known = np.flatnonzero((languages > 1) & (within > 0))
    values = np.ones(queries)
    statistic = (count[known] - 1) * between[known] / within[known]
    values[known] = upper_tail(statistic, languages[known] - 1)
    return values


def mrv(
    query: Int64, language: Int64, rank: Int64, queries: int, spread: Spread = "variance"
) -> Float64:
    """Spread of a query's ranks over the languages (mean rank variance, arXiv 2406.18254).

    Each language has one rank, that of its best relevant candidate among the candidates of that
    language; the spread is the mean squared deviation from their mean, or its root.

    Args:
        query: (R,) number of the query of each relevant candidate.
        language: (R,) number of its language, from 0.
        rank: (R,) its rank, from 1, among the candidates of its language.
        queries: how many queries there are.
        spread: ``"variance"``, as published, or ``"deviation"``, as the published code has it.

    Returns:
        (queries,) values; NaN for a query with relevant candidates in fewer than two languages.

    Raises:
        ValueError: another spread.
    """
    if spread not in get_args(Spread):
        raise ValueError(f"spread={spread!r}: choose 'variance' or 'deviation'")
    order = np.lexsort((rank, language, query))
    query, language, rank = query[order], language[order], rank[order]
    best = np.ones(len(query), bool)
    best[1:] = (np.diff(query) != 0) | (np.diff(language) != 0)
    query, rank = query[best], rank[best]
    count = np.bincount(query, minlength=queries)
    known = count > 1
    divisor = np.maximum(count, 1)
    middle = np.bincount(query, weights=rank, minlength=queries) / divisor
    deviation = rank - middle[query]
    values = np.bincount(query, weights=deviation * deviation, minlength=queries) / divisor
    return np.where(known, values if spread == "variance" else np.sqrt(values), np.nan)

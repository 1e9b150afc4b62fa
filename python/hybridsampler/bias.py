"""Language bias: how far the ranks of one query's relevant candidates lie apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridsampler.measures import Judgements


def rank_distance(judgements: Judgements) -> NDArray[np.float64]:
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

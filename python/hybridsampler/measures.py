"""AP, R, RR, P, Success from ranks, and language bias. Names are those of ir_measures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEEDS_CUTOFF = {"AP": False, "RR": False, "R": True, "P": True, "Success": True}


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of a query, by name: ``AP``, ``AP@100``, ``R@10``, ``RR``, ``P@5``, ``Success@1``.

    With R relevant candidates at the ranks r_1 < r_2 < ... and cutoff k:

    - AP: sum of i / r_i over r_i <= k, added in order of i, divided by R (Buckley and Voorhees;
      trec_eval's map and map_cut). Without a cutoff over the whole ranking.
    - R: how many r_i <= k, divided by R.  P: the same divided by k.
    - RR: 1 / r_1, or 0 where r_1 > k.  Success: 1 where r_1 <= k, else 0.
    """

    name: str
    cutoff: int | None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Read a name.

        Raises:
            ValueError: an unknown measure, a cutoff that is missing or below 1.
        """
        match = re.fullmatch(r"([A-Za-z]+)(?:@(\d+))?", text)
        if match is None or match[1] not in _NEEDS_CUTOFF:
            raise ValueError(
                f"unknown measure {text!r}: choose from AP, AP@k, R@k, RR, RR@k, P@k, Success@k"
            )
        cutoff = None if match[2] is None else int(match[2])
        if cutoff == 0 or (cutoff is None and _NEEDS_CUTOFF[match[1]]):
            raise ValueError(f"measure {text!r} needs a cutoff of at least 1, as in {match[1]}@10")
        return cls(match[1], cutoff)

    def __str__(self) -> str:
        """Write the name as :meth:`parse` reads it."""
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    def per_query(
        self, query: NDArray[np.int64], rank: NDArray[np.int64], queries: int
    ) -> NDArray[np.float64]:
        """Compute the measure for each of ``queries`` queries from its relevant candidates.

        Args:
            query: (J,) number of the query of each relevant candidate.
            rank: (J,) its rank in the pool, from 1, different for each of a query.
            queries: how many queries there are.

        Returns:
            (queries,) values; NaN for a query without a relevant candidate.
        """
        order = np.lexsort((rank, query))
        query, rank = query[order], rank[order]
        relevant = np.bincount(query, minlength=queries)
        starts = np.cumsum(relevant) - relevant
        position = np.arange(1, len(query) + 1) - starts[query]
        hit = np.ones(len(rank), bool) if self.cutoff is None else rank <= self.cutoff
        cutoff = math.nan if self.cutoff is None else self.cutoff
        gain: NDArray[np.float64]
        match self.name:
            case "AP":
                gain, divisor = hit * position / rank, relevant.astype(np.float64)
            case "R":
                gain, divisor = hit.astype(np.float64), relevant.astype(np.float64)
            case "P":
                gain, divisor = hit.astype(np.float64), np.full(queries, float(cutoff))
            case "RR":
                gain, divisor = hit * (position == 1) / rank, np.ones(queries)
            case _:
                gain, divisor = hit * (position == 1) * 1.0, np.ones(queries)
        # bincount adds one after the other, so the digits do not depend on the machine.
        total = np.bincount(query, weights=gain, minlength=queries)
        values = np.full(queries, np.nan)
        np.divide(total, divisor, out=values, where=relevant > 0)
        return values


def rank_distance(
    query: NDArray[np.int64], rank: NDArray[np.int64], queries: int
) -> NDArray[np.float64]:
    """Largest minus smallest rank of each query's relevant candidates (arXiv 2408.10536).

    Arguments and result as for :meth:`Measure.per_query`; ranks are those in the pool of all
    languages.
    """
    largest = np.full(queries, -1, np.int64)
    smallest = np.full(queries, np.iinfo(np.int64).max)
    np.maximum.at(largest, query, rank)
    np.minimum.at(smallest, query, rank)
    known = largest >= 0
    return np.where(known, largest - np.where(known, smallest, 0), np.nan)


def mean(values: Iterable[float]) -> float:
    """The correctly rounded sum of the values, divided by their number; NaN for none."""
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else math.nan

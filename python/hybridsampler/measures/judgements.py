"""Judgements: what a measure needs to know of one pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_RANKS = 1 << 33
"""Ranks are below this, as candidates are counted in 32 bits: one number tells query and rank."""


@dataclass(frozen=True, eq=False)
class Judgements:
    """The judged candidates of every query in one pool, as columns of equal length (J,).

    Rows may come in any order.

    Raises:
        ValueError: columns of different lengths, a query that does not exist, a grade or rank below
            0, a rank of 2^33 or more, two candidates of a query at one rank, a rank beyond the
            pool.
    """

    query: NDArray[np.int64]
    """Number of the query, from 0."""
    grade: NDArray[np.int64]
    """0: judged and not relevant."""
    rank: NDArray[np.int64]
    """From 1; 0: not retrieved (runs)."""
    queries: int
    """How many queries there are."""
    pool: NDArray[np.int64] | None = None
    """(queries,) how many candidates were ranked for each; only Judged needs to know."""
    names: Sequence[str] | None = None
    """(queries,) ids by which errors name the queries; ``None``: their numbers."""

    def __post_init__(self) -> None:
        """Check the columns."""
        if not len(self.query) == len(self.grade) == len(self.rank):
            raise ValueError(
                f"query, grade and rank have {len(self.query)}, {len(self.grade)} and "
                f"{len(self.rank)} entries: give one each"
            )
        if self.pool is not None and len(self.pool) != self.queries:
            raise ValueError(f"pool has {len(self.pool)} entries for {self.queries} queries")
        if len(self.query) == 0:
            return
        if self.query.min() < 0 or self.query.max() >= self.queries:
            wrong = self.query.min() if self.query.min() < 0 else self.query.max()
            raise ValueError(f"query {wrong} is judged but there are {self.queries} queries")
        for name, column in (("grade", self.grade), ("rank", self.rank)):
            if column.min() < 0:
                at = int(np.argmin(column))
                raise ValueError(
                    f"query {self.name(at)} has the {name} {column[at]}: a {name} is 0 or more"
                )
        if self.rank.max() >= _RANKS:
            at = int(np.argmax(self.rank))
            raise ValueError(
                f"query {self.name(at)} has the rank {self.rank[at]}: a rank is below {_RANKS}"
            )
        query, rank, _ = self.retrieved
        twice = np.flatnonzero((np.diff(rank) == 0) & (np.diff(query) == 0))
        if len(twice):
            at = int(twice[0])
            named = self._named(int(query[at]))
            raise ValueError(f"query {named} has two candidates at rank {rank[at]}")
        if self.pool is not None and (beyond := rank > self.pool[query]).any():
            at = int(np.argmax(beyond))
            named = self._named(int(query[at]))
            raise ValueError(
                f"query {named} has a candidate at rank {rank[at]} of {self.pool[query[at]]}"
            )

    @cached_property
    def retrieved(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Queries, ranks and grades of the retrieved ones, sorted by query, then rank."""
        at = np.flatnonzero(self.rank > 0)
        # Stable: made for rows that are sorted by query already, as most are.
        at = at[np.argsort(self.query[at] * _RANKS + self.rank[at], kind="stable")]
        return self.query[at], self.rank[at], self.grade[at]

    @cached_property
    def ideal(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Queries, ranks and grades of the relevant ones, retrieved or not, in the best ranking."""
        at = np.flatnonzero(self.grade > 0)
        at = at[np.lexsort((-self.grade[at], self.query[at]))]
        query = self.query[at]
        return query, positions(query, self.queries), self.grade[at]

    def name(self, row: int) -> str:
        """What errors call the query of a row."""
        return self._named(int(self.query[row]))

    def _named(self, query: int) -> str:
        return str(query) if self.names is None else repr(self.names[query])

    def relevant(self, level: int = 1) -> NDArray[np.int64]:
        """(queries,) how many candidates have a grade of ``level`` or more."""
        if level not in self._relevant:
            counts = np.bincount(self.query[self.grade >= level], minlength=self.queries)
            counts.flags.writeable = False
            self._relevant[level] = counts
        return self._relevant[level]

    @cached_property
    def _relevant(self) -> dict[int, NDArray[np.int64]]:
        return {}


def positions(query: NDArray[np.int64], queries: int) -> NDArray[np.int64]:
    """The place, from 1, of each row among the rows of its query; sorted by query."""
    counts = np.bincount(query, minlength=queries)
    starts = np.cumsum(counts) - counts
    return np.arange(1, len(query) + 1) - starts[query]

"""Pools: the candidates that a query is ranked against, all or those of one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridsampler.lists import numbered
from hybridsampler.measures import Judgements
from hybridsampler.ranks import Ranks

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PoolSizes:
    """How many candidates each query is ranked against; 0: there is no pool."""

    candidates: Mapping[str, int]
    """How many there are in each language."""
    excluded: Mapping[str, Int64]
    """(queries,) how many of them are left out for each query; a language may be absent."""
    queries: int
    """How many queries there are."""

    @classmethod
    def count(
        cls,
        candidate_languages: Sequence[str],
        queries: int,
        exclude: tuple[ArrayLike, ArrayLike] | None = None,
        first: int = 0,
    ) -> PoolSizes:
        """Count the candidates from ``first`` on, which have these languages.

        Args:
            candidate_languages: (N,) names.
            queries: how many queries there are.
            exclude: as for :class:`RankCounter`; ids of no candidate are passed over.
            first: the number of the first candidate.
        """
        names, codes = numbered("candidate_languages", candidate_languages, None)
        excluded: dict[str, Int64] = {}
        if exclude is not None:
            indptr, ids = (np.asarray(part, np.int64) for part in exclude)
            query = np.repeat(np.arange(queries), np.diff(indptr))
            there = (ids >= first) & (ids - first < len(candidate_languages))
            query, ids = query[there], ids[there] - first
            language = codes[ids]
            for number in np.unique(language).tolist():
                of_query = np.bincount(query[language == number], minlength=queries)
                excluded[names[number]] = of_query
        sizes = np.bincount(codes, minlength=len(names)).tolist()
        return cls(dict(zip(names, sizes, strict=True)), excluded, queries)

    def of(self, language: str) -> Int64:
        """(queries,) sizes of the pools of one language."""
        size = np.full(self.queries, self.candidates.get(language, 0))
        return size - self.excluded[language] if language in self.excluded else size

    def whole(self) -> Int64:
        """(queries,) sizes of the pools of all languages."""
        size = np.full(self.queries, sum(self.candidates.values()))
        for excluded in self.excluded.values():
            size = size - excluded
        return size


class Pools:
    """The judged candidates of every pool."""

    def __init__(self, ranks: Ranks, queries: int, sizes: PoolSizes | None = None) -> None:
        """Take the ranks of ``queries`` queries."""
        self._ranks = ranks
        self._queries = queries
        self._sizes = sizes
        self._within: dict[str, Judgements] = {}

    @cached_property
    def whole(self) -> Judgements:
        """All languages."""
        ranks, sizes = self._ranks, self._sizes
        pool = None if sizes is None else sizes.whole()
        return Judgements(ranks.query, ranks.grade, ranks.overall, self._queries, pool)

    def within(self, language: str) -> Judgements:
        """One language."""
        if language not in self._within:
            ranks, sizes = self._ranks, self._sizes
            at = ranks.language == ranks.languages.index(language)
            pool = None if sizes is None else sizes.of(language)
            self._within[language] = Judgements(
                ranks.query[at], ranks.grade[at], ranks.within[at], self._queries, pool
            )
        return self._within[language]

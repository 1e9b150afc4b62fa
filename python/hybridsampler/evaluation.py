"""evaluate: measures of the monolingual, cross-lingual and multilingual setting in one pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hybridsampler.candidates import open_candidates
from hybridsampler.measures import Measure, mean, rank_distance
from hybridsampler.ranking import Lists, RankCounter, Ranks, Report, Similarity, Ties

Setting = Literal["monolingual", "cross_lingual", "multilingual"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)


def evaluate(
    queries: Any,
    candidates: Any,
    relevant: Lists,
    *,
    query_languages: Sequence[str],
    candidate_languages: Sequence[str],
    measures: Sequence[str] = ("AP", "R@1", "R@10"),
    similarity: Similarity = "dot",
    ties: Ties = "pessimistic",
    threads: int | None = None,
    spool_folder: str | os.PathLike[str] | None = None,
) -> Evaluation:
    """Rank all candidates for all queries and measure, exactly, in one pass.

    Args:
        queries: (Q, d) float32, float16 or bfloat16.
        candidates: (N, d), of the same types, read in blocks and never all held: an array, a memory
            map, a ``.npy`` or ``.safetensors`` file or a list of such shards, or an iterable of
            blocks from an encoder; see :func:`hybridsampler.candidates.open_candidates`.
        relevant: ``(indptr, indices)`` or ``(indptr, indices, grades)``: CSR lists of candidates
            for each query. Grades of 1 and above are relevant.
        query_languages: (Q,) names.
        candidate_languages: (N,) names.
        measures: names as ir_measures writes them.
        similarity: as for :class:`RankCounter`.
        ties: as for :meth:`RankCounter.ranks`.
        threads: as for :class:`RankCounter`.
        spool_folder: where an encoder's blocks are kept; ``None``: where the system has temporary
            files.

    Raises:
        ValueError: as :class:`RankCounter` and ``open_candidates``; relevance to a candidate that
            does not exist; a query without a relevant candidate; an unknown measure; columns of
            different lengths.
        TypeError: vectors of another type.
        OSError: as ``open_candidates``.
    """
    parsed = [Measure.parse(name) for name in measures]
    if ties not in get_args(Ties):  # now, and not after the whole pass
        raise ValueError(f"ties={ties!r}: choose 'pessimistic', 'optimistic', 'trec' or 'docid'")
    # Before the candidates are touched: no encoder is to work for queries that are refused.
    counter = RankCounter(queries, relevant, similarity=similarity, threads=threads)
    _one_each("query_languages", query_languages, counter.queries)
    judged = np.unique(np.asarray(relevant[1], np.int64))
    with open_candidates(candidates, spool_folder=spool_folder) as opened:
        _one_each("candidate_languages", candidate_languages, len(opened))
        if len(judged) and judged[-1] >= len(opened):
            raise ValueError(
                f"candidate {judged[-1]} is judged but the candidates are 0 to {len(opened) - 1}"
            )
        for ids, block in opened.rows(judged):
            counter.anchor(block, ids)
        for ids, block in opened.blocks():
            counter.add(block, ids, candidate_languages[ids[0] : ids[-1] + 1])
    return Evaluation(counter, query_languages, parsed, ties)


class Evaluation:
    """What :func:`evaluate` found.

    Settings: in ``"monolingual"`` a query of language X is ranked against the candidates of X; in
    ``"cross_lingual"`` against those of each other language in turn; in ``"multilingual"`` against
    all. A query counts in a setting, or for a language, where it has a relevant candidate there.

    ``result[setting][measure]`` is a macro mean as in arXiv 2408.10536: over languages, for
    ``"cross_lingual"`` over ordered pairs of languages.
    """

    def __init__(
        self,
        counter: RankCounter,
        query_languages: Sequence[str],
        measures: Sequence[Measure],
        ties: Ties = "pessimistic",
    ) -> None:
        """Measure a counter that has seen all candidates.

        Raises:
            ValueError: as :meth:`RankCounter.ranks`; a query without a relevant candidate.
        """
        if len(query_languages) != counter.queries:
            raise ValueError(
                f"query_languages has {len(query_languages)} entries for {counter.queries} "
                "queries: give one each"
            )
        self.ranks: Ranks = counter.ranks(ties)
        self.ties = counter.ties
        self.zero_rows = counter.zero_rows
        self.report: Report = counter.report
        self._query_languages = np.array(list(query_languages), object)
        self._measures = {str(measure): measure for measure in measures}
        self._relevant = self.ranks.grade > 0
        judged = np.bincount(self.ranks.query[self._relevant], minlength=len(self._query_languages))
        if not judged.all():
            first, count = int(np.argmin(judged)), int((judged == 0).sum())
            raise ValueError(
                f"query {first} has no relevant candidate ({count} queries have none): leave such "
                "queries out"
            )
        names = sorted(set(self._query_languages.tolist()))
        self.languages: tuple[str, ...] = tuple(names)

    def __getitem__(self, setting: Setting) -> dict[str, float]:
        """Macro means of a setting by measure."""
        _known(setting)
        return {name: self._macro(setting, name) for name in self._measures}

    def _macro(self, setting: Setting, measure: str) -> float:
        if setting == "cross_lingual":
            # Over ordered pairs: one query language may meet fewer others than the next.
            return mean(value for (x, y), value in self.matrix(measure).items() if x != y)
        return mean(self.by_language(setting, measure).values())

    def by_language(self, setting: Setting, measure: str) -> dict[str, float]:
        """Means by query language; in ``"cross_lingual"`` the mean over the other languages.

        Query languages that have no query in the setting have no entry.
        """
        if _known(setting) == "multilingual":
            return self._by_query_language(self.per_query(setting, measure))
        matrix = self.matrix(measure)
        if setting == "monolingual":
            return {x: value for (x, y), value in matrix.items() if x == y}
        rows = {
            x: [value for (query, y), value in matrix.items() if query == x != y]
            for x in self.languages
        }
        return {x: mean(values) for x, values in rows.items() if values}

    def matrix(self, measure: str) -> dict[tuple[str, str], float]:
        """Means by (query language, candidate language), each pool one language."""
        cells = {}
        for name in sorted(set(self.ranks.languages)):
            values = self._within(measure, name)
            for x, value in self._by_query_language(values).items():
                cells[x, name] = value
        return cells

    def per_query(self, setting: Setting, measure: str) -> NDArray[np.float64]:
        """(Q,) values; in ``"cross_lingual"`` the mean over the other languages. NaN: not there."""
        if _known(setting) == "multilingual":
            return self._per_query(measure, self.ranks.overall, self._relevant)
        values = np.full(len(self._query_languages), np.nan)
        if setting == "monolingual":
            for name in self.ranks.languages:
                own = self._query_languages == name
                values[own] = self._within(measure, name)[own]
            return values
        across: list[list[float]] = [[] for _ in values]
        for name in self.ranks.languages:
            within = self._within(measure, name)
            for query in np.flatnonzero((self._query_languages != name) & ~np.isnan(within)):
                across[query].append(within[query])
        return np.array([mean(found) for found in across])

    @property
    def rank_distance(self) -> float:
        """Language bias: macro mean of :attr:`rank_distance_by_language`. Lower is better."""
        return mean(self.rank_distance_by_language.values())

    @property
    def rank_distance_by_language(self) -> dict[str, float]:
        """Mean rank distance of the queries of each language, in the pool of all languages."""
        at = self._relevant
        distances = rank_distance(
            self.ranks.query[at], self.ranks.overall[at], len(self._query_languages)
        )
        return self._by_query_language(distances)

    def _within(self, measure: str, language: str) -> NDArray[np.float64]:
        at = self._relevant & (self.ranks.language == self.ranks.languages.index(language))
        return self._per_query(measure, self.ranks.within, at)

    def _per_query(
        self, measure: str, rank: NDArray[np.int64], at: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        if measure not in self._measures:
            raise ValueError(
                f"measure {measure!r} was not asked for: there are {', '.join(self._measures)}"
            )
        queries = len(self._query_languages)
        return self._measures[measure].per_query(self.ranks.query[at], rank[at], queries)

    def _by_query_language(self, values: NDArray[np.float64]) -> dict[str, float]:
        there = ~np.isnan(values)
        means = {name: values[there & (self._query_languages == name)] for name in self.languages}
        return {name: mean(found.tolist()) for name, found in means.items() if len(found)}


def _one_each(name: str, languages: Sequence[str], rows: int) -> None:
    if isinstance(languages, str) or len(languages) != rows:
        raise ValueError(f"{name} has {len(languages)} entries for {rows} rows: give one each")


def _known(setting: Setting) -> Setting:
    if setting not in SETTINGS:
        raise ValueError(f"unknown setting {setting!r}: choose one of {', '.join(SETTINGS)}")
    return setting

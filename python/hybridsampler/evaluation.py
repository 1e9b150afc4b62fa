"""evaluate: measures of the monolingual, cross-lingual and multilingual setting in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridsampler import bias
from hybridsampler.candidates import Candidates, open_candidates
from hybridsampler.lists import Lists, numbered
from hybridsampler.measures import (
    Measure,
    Policy,
    filled,
    mean,
    parse_measures,
)
from hybridsampler.passes import Checkpoint, count
from hybridsampler.pools import Pools, PoolSizes
from hybridsampler.progress import Tell, shown
from hybridsampler.ranking import RankCounter, Similarity, Ties
from hybridsampler.ranks import Ranks, Report
from hybridsampler.refusals import (
    check_judgements,
    check_measurable,
    check_there,
)

Setting = Literal["monolingual", "cross_lingual", "multilingual"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)


def evaluate(
    queries: Any,
    candidates: Any,
    relevant: Lists,
    *,
    query_languages: Sequence[str],
    candidate_languages: Sequence[str],
    measures: Sequence[str | Measure] = ("AP", "R@1", "R@10"),
    exclude: tuple[ArrayLike, ArrayLike] | None = None,
    similarity: Similarity = "dot",
    ties: Ties = "pessimistic",
    empty: Policy = "error",
    threads: int | None = None,
    spool_folder: str | os.PathLike[str] | None = None,
    progress: bool | Tell = False,
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
) -> Evaluation:
    """Rank all candidates for all queries and measure, exactly, in one pass.

    Args:
        queries: (Q, d) float32, float16 or bfloat16; not to be changed meanwhile, by ``progress``
            for example.
        candidates: (N, d), of the same types, read in blocks and never all held: an array, a memory
            map, a ``.npy``, ``.safetensors`` or ``.parquet`` file, a list of such shards, the
            blocks of an encoder, or opened candidates; see
            :func:`hybridsampler.candidates.open_candidates`.
        relevant: ``(indptr, indices)`` or ``(indptr, indices, grades)``: CSR lists of candidates
            for each query. Grades of 1 and above are relevant, unless a measure says ``rel=``.
        query_languages: (Q,) names: a list, or a column of NumPy, pandas, polars or Arrow.
        candidate_languages: (N,) names.
        measures: names as :meth:`Measure.parse` reads them, or measures.
        exclude: ``(indptr, ids)``: candidates left out of the pools of each query, such as the
            query itself.
        similarity: as for :class:`RankCounter`.
        ties: as for :meth:`RankCounter.ranks`.
        empty: what becomes of a query without a relevant candidate; see :class:`Evaluation`.
        threads: as for :class:`RankCounter`.
        spool_folder: where an encoder's blocks are kept; ``None``: where the system has temporary
            files.
        progress: ``True``: a bar on standard error while candidates are counted; or a function that
            is called after each block with the number of candidates counted and of all.
        checkpoint: a file that keeps what was counted, so that the same call goes on after an
            interrupt or a kill; a path, or :class:`hybridsampler.passes.Checkpoint` to say how
            often. An encoder's blocks are encoded again.

    Raises:
        ValueError: as :class:`RankCounter`, ``open_candidates`` and ``Checkpoint``; relevance to a
            candidate that does not exist; a query without a relevant candidate, if ``empty`` is
            ``"error"``; an unknown measure, or none; columns of different lengths.
        TypeError: vectors of another type, masked vectors or lists, a language that is no str,
            measures that are no list.
        OSError: as ``open_candidates``.
    """
    parsed = parse_measures(measures)
    if ties not in get_args(Ties):  # now, and not after the whole pass
        raise ValueError(f"ties={ties!r}: choose 'pessimistic', 'optimistic', 'trec' or 'docid'")
    # Before the candidates are touched: no encoder is to work for queries that are refused.
    counter = RankCounter(
        queries, relevant, exclude, similarity=similarity, threads=threads, borrow=True
    )
    numbered("query_languages", query_languages, counter.queries)
    check_judgements(relevant, counter.queries, parsed, empty)
    numbered("candidate_languages", candidate_languages, None)
    names = len(candidate_languages)
    first = candidates.numbers.start if isinstance(candidates, Candidates) else 0
    numbers = range(first, first + names)
    check_there(counter, numbers, f", as candidate_languages has {names} entries")
    saved = Checkpoint.of(checkpoint)
    if saved is not None:
        saved.load(counter.blank())  # does it fit the queries?
    with (
        shown(progress, "candidates") as tell,
        open_candidates(candidates, spool_folder=spool_folder) as opened,
    ):
        count(counter, opened, candidate_languages, tell=tell, checkpoint=saved)
    sizes = None
    if empty == "zero" or any(measure.name == "Judged" for measure in parsed):
        sizes = PoolSizes.count(candidate_languages, counter.queries, exclude, first)
    return Evaluation(counter, query_languages, parsed, ties, empty=empty, sizes=sizes)


class Evaluation:
    """What :func:`evaluate` found.

    Settings: in ``"monolingual"`` a query of language X is ranked against the candidates of X; in
    ``"cross_lingual"`` against those of each other language in turn; in ``"multilingual"`` against
    all. A query counts in a setting, or for a language, where it has a relevant candidate there
    (for Judged: any candidate). nDCG's best ranking is that of the same pool.

    A query that has no relevant candidate at all, or none of the grade that a measure asks for with
    ``rel=``, is refused with ``empty="error"``; with ``"skip"`` it counts nowhere; with ``"zero"``
    it counts with 0 wherever there is a pool: in its own language, in each other language, in all.
    Where exclusions leave no candidate, there is none.

    ``result[setting][measure]`` is a macro mean as in arXiv 2408.10536: over languages, for
    ``"cross_lingual"`` over ordered pairs of languages. Measures go by the names of ir_measures.
    """

    def __init__(
        self,
        counter: RankCounter,
        query_languages: Sequence[str],
        measures: Sequence[str | Measure],
        ties: Ties = "pessimistic",
        *,
        empty: Policy = "error",
        sizes: PoolSizes | None = None,
    ) -> None:
        """Measure a counter that has seen all candidates.

        Args:
            counter: with the queries and judged candidates.
            query_languages: (Q,) names.
            measures: as for :func:`evaluate`.
            ties: as for :meth:`RankCounter.ranks`.
            empty: what becomes of a query without a relevant candidate.
            sizes: of the pools; needed by Judged, and by ``empty="zero"`` to tell where exclusions
                leave no pool.

        Raises:
            ValueError: as :meth:`RankCounter.ranks`; a query without a relevant candidate; Judged
                without sizes; an unknown measure, or none.
            TypeError: a language that is no str, measures that are no list.
        """
        parsed = parse_measures(measures)
        names, codes = numbered("query_languages", query_languages, counter.queries)
        self._empty = empty
        self.ranks: Ranks = counter.ranks(ties)
        self.ties = counter.ties
        self.zero_rows = counter.zero_rows
        self.report: Report = counter.report
        self._measures = {str(measure): measure for measure in parsed}
        self.measures: tuple[str, ...] = tuple(self._measures)
        """Names as ir_measures writes them."""
        self._pools = Pools(self.ranks, counter.queries, sizes)
        # Two settings are read off the same one.
        self._matrices: dict[str, dict[tuple[str, str], float]] = {}
        check_measurable(self._pools.whole, parsed, empty)
        self._without = {
            name: measure.empty(self._pools.whole) for name, measure in self._measures.items()
        }
        self.languages: tuple[str, ...] = tuple(sorted(names))
        places = {name: place for place, name in enumerate(self.languages)}
        self._codes = np.array([places[name] for name in names], np.int64)[codes]
        self._query_languages = np.array(self.languages, object)[self._codes]
        self._in_order = np.argsort(self._codes, kind="stable")

    def __getitem__(self, setting: Setting) -> dict[str, float]:
        """Macro means of a setting by measure."""
        _known(setting)
        return {name: self._macro(setting, name) for name in self._measures}

    def __iter__(self) -> Iterator[Setting]:
        """Go through the names of the settings."""
        return iter(SETTINGS)

    def keys(self) -> tuple[Setting, ...]:
        """Names of the settings, by which ``dict(result)`` has all macro means."""
        return SETTINGS

    def __repr__(self) -> str:
        """Show the macro means as a table."""
        width = max(8, *map(len, self.measures))
        rows = [
            f"{setting:<13}" + "".join(f" {value:>{width}.6f}" for value in self[setting].values())
            for setting in SETTINGS
        ]
        return "\n".join(
            [
                f"<Evaluation of {len(self._query_languages):,} queries",
                f"{'':<13}" + "".join(f" {name:>{width}}" for name in self.measures),
                *rows,
                f"rank distance {self.rank_distance:.3f}>",
            ]
        )

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
        across: dict[str, list[float]] = {x: [] for x in self.languages}
        for (x, y), value in matrix.items():
            if x != y:
                across[x].append(value)
        return {x: mean(values) for x, values in across.items() if values}

    def matrix(self, measure: str) -> dict[tuple[str, str], float]:
        """Means by (query language, candidate language), each pool one language."""
        if measure not in self._matrices:
            cells = {}
            for name in sorted(set(self.ranks.languages)):
                values = self._measured(measure, name)
                for x, value in self._by_query_language(values).items():
                    cells[x, name] = value
            self._matrices[measure] = cells
        return dict(self._matrices[measure])

    def per_query(self, setting: Setting, measure: str) -> NDArray[np.float64]:
        """(Q,) values; in ``"cross_lingual"`` the mean over the other languages. NaN: not there."""
        if _known(setting) == "multilingual":
            return self._measured(measure, None)
        values = np.full(len(self._query_languages), np.nan)
        if setting == "monolingual":
            for name in self.ranks.languages:
                own = self._query_languages == name
                values[own] = self._measured(measure, name)[own]
            return values
        across: list[list[float]] = [[] for _ in values]
        for name in self.ranks.languages:
            within = self._measured(measure, name)
            for query in np.flatnonzero((self._query_languages != name) & ~np.isnan(within)):
                across[query].append(within[query])
        return np.array([mean(found) for found in across])

    def columns(self) -> dict[str, NDArray[Any]]:
        """All per-query values, one row for each setting and query, as columns of equal length.

        ``pandas.DataFrame`` and ``pyarrow.table`` take them as they are: ``query`` (int64),
        ``query_language`` and ``setting`` (text), then a float64 column for each measure by its
        name. NaN: the query does not count in the setting.
        """
        queries = len(self._query_languages)
        columns: dict[str, NDArray[Any]] = {
            "query": np.tile(np.arange(queries), len(SETTINGS)),
            "query_language": np.tile(self._query_languages.astype(str), len(SETTINGS)),
            "setting": np.repeat(np.array(SETTINGS), queries),
        }
        for name in self._measures:
            values = [self.per_query(setting, name) for setting in SETTINGS]
            columns[name] = np.concatenate(values)
        return columns

    @property
    def rank_distance(self) -> float:
        """Language bias: macro mean of :attr:`rank_distance_by_language`. Lower is better."""
        return mean(self.rank_distance_by_language.values())

    @property
    def rank_distance_by_language(self) -> dict[str, float]:
        """Mean rank distance of the queries of each language, in the pool of all languages."""
        return self._by_query_language(self.rank_distance_per_query)

    @property
    def rank_distance_per_query(self) -> NDArray[np.float64]:
        """(Q,) rank distances; NaN without a relevant candidate."""
        return bias.rank_distance(self._pools.whole)

    def peer(self, cutoff: int, weights: Mapping[int, float] | None = None) -> float:
        """Language bias as PEER@cutoff: macro mean of :meth:`peer_by_language`. 1 is fair."""
        return mean(self.peer_by_language(cutoff, weights).values())

    def peer_by_language(
        self, cutoff: int, weights: Mapping[int, float] | None = None
    ) -> dict[str, float]:
        """Mean PEER of the queries of each language, in the pool of all languages."""
        return self._by_query_language(self.peer_per_query(cutoff, weights))

    def peer_per_query(
        self, cutoff: int, weights: Mapping[int, float] | None = None
    ) -> NDArray[np.float64]:
        """(Q,) values of :func:`hybridsampler.bias.peer`; NaN without a relevant candidate.

        Args:
            cutoff: how many ranks are looked at.
            weights: by grade; ``None``: the grades that were given, from 1, weigh the same.
        """
        if weights is None:
            levels = np.unique(self.ranks.grade[self.ranks.grade > 0]).tolist()
            weights = dict.fromkeys(levels or [1], 1 / max(len(levels), 1))
        return bias.peer(self._pools.whole, self.ranks.language, cutoff, weights)

    def mrv(self, spread: bias.Spread = "variance") -> float:
        """Language bias as mean rank variance: macro mean of :meth:`mrv_by_language`."""
        return mean(self.mrv_by_language(spread).values())

    def mrv_by_language(self, spread: bias.Spread = "variance") -> dict[str, float]:
        """Mean over the queries of each language, each rank in the pool of its own language."""
        return self._by_query_language(self.mrv_per_query(spread))

    def mrv_per_query(self, spread: bias.Spread = "variance") -> NDArray[np.float64]:
        """(Q,) values of :func:`hybridsampler.bias.mrv`; NaN in fewer than two languages."""
        ranks, at = self.ranks, self.ranks.grade > 0
        queries = len(self._query_languages)
        return bias.mrv(ranks.query[at], ranks.language[at], ranks.within[at], queries, spread)

    def _measured(self, name: str, language: str | None) -> NDArray[np.float64]:
        """(Q,) values in the pool of a language, or of all."""
        asked, name = name, str(Measure.parse(name))
        if name not in self._measures:
            raise ValueError(
                f"measure {asked!r} was not asked for: there are {', '.join(self.measures)}"
            )
        pool = self._pools.whole if language is None else self._pools.within(language)
        values, without = self._measures[name].per_query(pool), self._without[name]
        if pool.pool is not None:
            without = without & (pool.pool > 0)
        return filled(values, without, self._empty)

    def _by_query_language(self, values: NDArray[np.float64]) -> dict[str, float]:
        # Of most candidates' languages few queries' languages have a value, where there are many.
        at = self._in_order[~np.isnan(values[self._in_order])]
        codes, starts = np.unique(self._codes[at], return_index=True)
        found = np.split(values[at], starts[1:])
        return {
            self.languages[code]: mean(own.tolist())
            for code, own in zip(codes.tolist(), found, strict=False)  # one, empty, where none is
        }


def _known(setting: Setting) -> Setting:
    if setting not in SETTINGS:
        raise ValueError(f"unknown setting {setting!r}: choose one of {', '.join(SETTINGS)}")
    return setting

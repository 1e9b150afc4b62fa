"""score_run: measures of a run against qrels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hybridsampler._core import Qrels, Run
from hybridsampler.measures import (
    Judgements,
    Measure,
    Policy,
    filled,
    known_policy,
    mean,
    parse_measures,
)
from hybridsampler.threads import known_threads
from hybridsampler.trec.sources import Source, read_qrels, read_run

Ties = Literal["trec", "docid", "pessimistic", "optimistic"]
ScoreType = Literal["float64", "float32"]

DEFAULT_MEASURES = ("AP", "nDCG@10", "R@100")


def score_run(
    run: Source | Run,
    qrels: Source | Qrels,
    measures: Sequence[str | Measure] = DEFAULT_MEASURES,
    *,
    ties: Ties = "trec",
    score_dtype: ScoreType = "float64",
    missing: Policy = "zero",
    empty: Policy = "zero",
    threads: int | None = None,
) -> RunScores:
    """Measure a run against qrels, over the whole depth of the run.

    Documents are ranked by score, descending; the rank column of a file counts for nothing. Queries
    of the run that are not in the qrels count for nothing either.

    Args:
        run: as for :func:`read_run`.
        qrels: as for :func:`read_qrels`.
        measures: names as ir_measures or trec_eval write them, or measures, ours or ir_measures'.
        ties: the order of equal scores: ``"trec"``: document ids descending, as trec_eval has it;
            ``"docid"``: ascending, as sentence-transformers has it; ``"pessimistic"``: unjudged
            documents and lower grades first, then ids ascending; ``"optimistic"``: higher grades
            first, the unjudged last. Ids are compared as UTF-8 bytes.
        score_dtype: ``"float64"``, as trec_eval 10 compares scores; ``"float32"``, as trec_eval 9
            and pytrec_eval do: scores that round to the same float32 are equal.
        missing: what becomes of a query of the qrels for which the run has no document. ``"zero"``:
            it counts 0, as with ``trec_eval -c`` and in ir_measures; ``"skip"``: it is left out of
            the means, as without ``-c`` and in pytrec_eval; ``"error"``.
        empty: what becomes of a query without a relevant document. ``"zero"``: it counts 0, as in
            trec_eval and ir_measures; ``"skip"``: it is left out of the means; ``"error"``.
        threads: as for :func:`read_run`.

    Raises:
        ValueError: as :func:`read_run` and :func:`read_qrels`; no query in both; no measure; an
            unknown measure, policy or score type; a query that ``missing`` or ``empty`` makes an
            error.
        TypeError, OSError, ImportError: as :func:`read_run`.
    """
    # What needs no file is checked before any is read.
    parsed = parse_measures(measures)
    known_policy("missing", missing)
    known_policy("empty", empty)
    for name, given, known in (("ties", ties, Ties), ("score_dtype", score_dtype, ScoreType)):
        if given not in get_args(known):
            *first, last = map(repr, get_args(known))
            raise ValueError(f"{name}={given!r}: choose {', '.join(first)} or {last}")
    threads = known_threads(threads)
    ranked, judged = read_run(run, threads=threads), read_qrels(qrels, threads=threads)
    judgements = judge(ranked, judged, ties, score_dtype, threads)
    queries, other = judged.queries, ranked.queries
    if not set(queries) & set(other):
        raise ValueError(
            f"no query is in both: the run has {_some(other)}, the qrels have {_some(queries)}"
        )
    unjudged = sorted(set(other) - set(queries))
    return RunScores(queries, unjudged, judgements, parsed, missing, empty)


def judge(
    run: Run, qrels: Qrels, ties: Ties, score_dtype: ScoreType, threads: int | None = None
) -> Judgements:
    """Rank the judged documents; queries are numbered as in the qrels."""
    query, grade, rank, pool = run.rank(qrels, ties, score_dtype == "float32", threads)
    names = qrels.queries
    return Judgements(query, grade, rank, queries=len(names), pool=pool, names=names)


class RunScores:
    """What :func:`score_run` found.

    ``result["AP"]`` is the mean over the queries of the qrels, correctly rounded;
    ``result.per_query("AP")`` has their values. Going through it gives :attr:`measures`.
    """

    def __init__(
        self,
        queries: Sequence[str],
        unjudged: Sequence[str],
        judgements: Judgements,
        measures: Sequence[Measure],
        missing: Policy,
        empty: Policy,
    ) -> None:
        """Measure; :func:`score_run` says what is refused."""
        self.queries: tuple[str, ...] = tuple(queries)
        """Ids of the queries of the qrels, in their order."""
        self.unjudged: tuple[str, ...] = tuple(unjudged)
        """Ids of the queries of the run that are not in the qrels, sorted."""
        self.measures: tuple[str, ...] = tuple(map(str, measures))
        """Names as ir_measures writes them."""
        assert judgements.pool is not None
        absent = judgements.pool == 0
        self.missing: tuple[str, ...] = self._ids(absent)
        """Ids of the queries of the qrels for which the run has no document."""
        self.found = int(np.count_nonzero(judgements.rank))
        """How many judged documents the run has; with none, ids are hardly of the same kind."""
        if missing == "error" and self.missing:
            raise ValueError(
                f"the run has no document for {_some(self.missing)} of the qrels: add it, or give "
                "missing='zero' or missing='skip'"
            )
        self._values = {}
        for measure in measures:
            nothing = measure.empty(judgements)
            if empty == "error" and nothing.any():
                raise ValueError(
                    f"{measure}: no document is relevant to {_some(self._ids(nothing))}: leave "
                    "such queries out, or give empty='zero' or empty='skip'"
                )
            values = filled(measure.per_query(judgements), absent, missing)
            # A query that is both missing and empty is left out if either policy says so.
            leave = absent if missing == "skip" else np.zeros_like(absent)
            self._values[measure] = filled(values, nothing & ~leave, empty)

    def __getitem__(self, measure: str) -> float:
        """The mean over the queries that count; NaN where none does."""
        values = self.per_query(measure)
        return mean(values[~np.isnan(values)].tolist())

    def __contains__(self, measure: str) -> bool:
        """Whether the measure was asked for, by whatever name."""
        try:
            return Measure.parse(measure) in self._values
        except (ValueError, TypeError):
            return False

    def __iter__(self) -> Iterator[str]:
        """Go through the names of the measures."""
        return iter(self.measures)

    def keys(self) -> tuple[str, ...]:
        """Names of the measures, by which ``dict(scores)`` has all means."""
        return self.measures

    def __repr__(self) -> str:
        """Show the means."""
        means = ", ".join(f"{name}: {self[name]!r}" for name in self)
        return f"<RunScores of {len(self.queries)} queries: {means}>"

    def per_query(self, measure: str) -> NDArray[np.float64]:
        """(Q,) values in the order of :attr:`queries`; NaN: left out."""
        parsed = Measure.parse(measure)
        if parsed not in self._values:
            raise ValueError(
                f"measure {measure!r} was not asked for: there are {', '.join(self.measures)}"
            )
        return self._values[parsed].copy()

    def _ids(self, where: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.queries[number] for number in np.flatnonzero(where))


def _some(queries: Sequence[str]) -> str:
    """The first of several ids, and how many more there are."""
    if not queries:
        return "no query"
    more = len(queries) - 1
    return f"query {queries[0]!r}" + (f" and {more} more" if more else "")

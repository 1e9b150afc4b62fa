"""ir_measures: a provider that measures with :func:`hybridsampler.trec.score_run`.

Importing the module registers it as ``"hybridsampler"``. Measures that several providers of
ir_measures share differ there in how they order equal scores; here one order holds for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import ir_measures
from ir_measures import Metric, measures, providers
from ir_measures.providers.base import NOT_PROVIDED, Choices, ParamSpec
from ir_measures.util import QrelsConverter, RunConverter

from hybridsampler.measures import Measure, check_some
from hybridsampler.trec import Qrels, Run, ScoreType, Ties, read_qrels, read_run, score_run


class _AtLeastOne(ParamSpec):
    """A cutoff or grade that :class:`Measure` takes, or none."""

    def validate(self, value: Any) -> bool:
        return value is NOT_PROVIDED or value >= 1

    def __repr__(self) -> str:
        return "AT LEAST 1"


_ANY = _AtLeastOne()
_RELEVANT = {"cutoff": _ANY, "rel": _ANY, "judged_only": Choices(False)}


class HybridsamplerProvider(providers.Provider):
    """AP, nDCG, R, P, RR, Success and Judged, at any cutoff and for any ``rel``.

    ``judged_only`` and ``gains`` are not supported and go to other providers of a pipeline. Queries
    that the run lacks get ir_measures' default, 0, and so do queries without a relevant document.

    Args:
        ties: as for :func:`score_run`.
        score_dtype: as for :func:`score_run`; ``"float32"`` ranks as the provider ``pytrec_eval``.
    """

    NAME = "hybridsampler"
    SUPPORTED_MEASURES = [  # noqa: RUF012  ir_measures declares it so
        measures._AP(**_RELEVANT),
        measures._R(**_RELEVANT),
        measures._P(**_RELEVANT),
        measures._RR(**_RELEVANT),
        measures._Success(**_RELEVANT),
        measures._nDCG(cutoff=_ANY, gains=Choices(NOT_PROVIDED), judged_only=Choices(False)),
        measures._Judged(cutoff=_ANY),
    ]

    def __init__(self, ties: Ties = "trec", score_dtype: ScoreType = "float64") -> None:
        """Take note of the order of equal scores."""
        super().__init__()
        self.ties: Ties = ties
        self.score_dtype: ScoreType = score_dtype

    def _evaluator(self, measures: Iterable[Any], qrels: Any) -> _Evaluator:
        asked = list(measures)
        for measure in asked:
            if not self.supports(measure):  # a pipeline has asked before, other callers have not
                raise ValueError(
                    f"the provider hybridsampler has no {str(measure)!r}: ask the pipeline, "
                    "ir_measures.calc_aggregate, which chooses another provider"
                )
        check_some(asked)
        return _Evaluator(self, asked, _as_qrels(qrels))


class _Evaluator(providers.Evaluator):
    def __init__(self, provider: HybridsamplerProvider, measures: list[Any], qrels: Qrels) -> None:
        super().__init__(measures, qrels.queries)
        self._provider, self._qrels = provider, qrels
        self._ours = {measure: str(_ours(measure)) for measure in measures}

    def _iter_calc(self, run: Any) -> Iterator[Metric]:
        read = _as_run(run)
        # ir_measures itself puts in the queries that the run lacks; it may lack all of them.
        if not set(self._qrels.queries) & set(read.queries):
            return
        ties, score_dtype = self._provider.ties, self._provider.score_dtype
        names = list(self._ours.values())
        scores = score_run(
            read, self._qrels, names, ties=ties, score_dtype=score_dtype, missing="skip"
        )
        columns = {measure: scores.per_query(name).tolist() for measure, name in self._ours.items()}
        missing = set(scores.missing)
        for number, query in enumerate(scores.queries):
            if query not in missing:
                for measure, values in columns.items():
                    yield Metric(query_id=query, measure=measure, value=values[number])


def _ours(measure: Any) -> Measure:
    """The measure of ir_measures as ours."""
    given = {name: measure[name] for name in measure.SUPPORTED_PARAMS if name != "judged_only"}
    given = {name: value for name, value in given.items() if value is not NOT_PROVIDED}
    return Measure(measure.NAME, **given)


def _as_run(run: Any) -> Run:
    if isinstance(run, dict | Run):
        return read_run(run)
    return read_run(_dictionary(RunConverter(run).as_namedtuple_iter(), "score", "ranked"))


def _as_qrels(qrels: Any) -> Qrels:
    if isinstance(qrels, dict | Qrels):
        return read_qrels(qrels)
    return read_qrels(
        _dictionary(QrelsConverter(qrels).as_namedtuple_iter(), "relevance", "judged")
    )


def _dictionary(rows: Iterable[Any], value: str, twice: str) -> dict[str, dict[str, Any]]:
    """Rows with names, as ir_measures takes them, by query; it would keep the last of equal ids."""
    queries: dict[str, dict[str, Any]] = {}
    for row in rows:
        documents = queries.setdefault(row.query_id, {})
        if row.doc_id in documents:
            raise ValueError(
                f"document {row.doc_id!r} of query {row.query_id!r} is {twice} twice, with "
                f"{documents[row.doc_id]} and {getattr(row, value)}: keep one of them"
            )
        documents[row.doc_id] = getattr(row, value)
    return queries


provider = providers.register(HybridsamplerProvider())
calc = provider.calc
calc_aggregate = provider.calc_aggregate
iter_calc = provider.iter_calc
evaluator = provider.evaluator


def prefer() -> None:
    """Let ``ir_measures.calc_aggregate`` and the like ask this provider before all others."""
    pipeline = ir_measures.DefaultPipeline.providers
    if provider not in pipeline:
        pipeline.insert(0, provider)

"""The provider for ir_measures agrees with pytrec_eval's, and orders ties one way for all."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import ir_measures
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, Judged, P, Qrel, R, ScoredDoc, Success, nDCG

from hybridsampler.integrations.ir_measures import (
    HybridsamplerProvider,
    calc,
    calc_aggregate,
    evaluator,
    iter_calc,
    prefer,
    provider,
)

# Scores that float32 holds, many of them equal.
SCORES = st.integers(-4, 4).map(lambda eighths: eighths / 8)
IDS = st.sampled_from([f"d{number}" for number in range(12)])
QUERIES = st.sampled_from(["1", "2", "10", "q"])
RUNS = st.dictionaries(QUERIES, st.dictionaries(IDS, SCORES, min_size=1))
QRELS = st.dictionaries(QUERIES, st.dictionaries(IDS, st.integers(0, 3), min_size=1), min_size=1)

EXACT = [AP, AP @ 3, AP(rel=2), R @ 5, R(rel=2) @ 5, P @ 5, RR, Success @ 1, Success(rel=3) @ 4]
CLOSE = [nDCG, nDCG @ 3, nDCG @ 10]


def listed(metrics: Iterator[Any]) -> dict[tuple[str, str], float]:
    return {(metric.query_id, str(metric.measure)): metric.value for metric in metrics}


@given(RUNS, QRELS)
def test_it_agrees_with_the_provider_pytrec_eval(run: Any, qrels: Any) -> None:
    measures = EXACT + CLOSE
    ours = listed(iter_calc(measures, qrels, run))
    theirs = listed(ir_measures.pytrec_eval.iter_calc(measures, qrels, run))
    assert ours.keys() == theirs.keys()
    for (query, measure), value in theirs.items():
        if measure in map(str, EXACT):
            assert ours[query, measure] == value, (query, measure)
        else:  # logarithms of two libraries; at most 12 terms, see test_trec.py
            assert math.isclose(ours[query, measure], value, rel_tol=60 * 2.0**-53)
    means, others = (each(measures, qrels, run) for each in (calc_aggregate, PEER))
    assert means.keys() == others.keys()
    # ir_measures adds the values in the order in which they come.
    assert all(math.isclose(means[measure], others[measure], rel_tol=1e-14) for measure in means)


PEER = ir_measures.pytrec_eval.calc_aggregate


def test_every_form_of_run_and_qrels_gives_the_same() -> None:
    run = {"1": {"a": 0.5, "b": 0.25}, "2": {"a": 1.0}}
    qrels = {"1": {"b": 1, "c": 2}, "3": {"a": 1}}
    scored = [ScoredDoc(q, d, s) for q, docs in run.items() for d, s in docs.items()]
    judged = [Qrel(q, d, g) for q, docs in qrels.items() for d, g in docs.items()]
    expected = listed(iter_calc([AP, nDCG @ 5, Judged @ 2], qrels, run))
    assert expected["1", "AP"] == 0.25
    assert expected["3", "AP"] == expected["3", "Judged@2"] == 0.0  # the run lacks it
    for forms in ((iter(judged), iter(scored)), (pd.DataFrame(judged), pd.DataFrame(scored))):
        assert listed(iter_calc([AP, nDCG @ 5, Judged @ 2], *forms)) == expected
    aggregated, per_query = calc([AP, nDCG @ 5, Judged @ 2], qrels, run)
    assert aggregated == calc_aggregate([AP, nDCG @ 5, Judged @ 2], qrels, run)
    assert listed(iter(per_query)) == expected
    once = evaluator([AP], qrels)
    assert once.calc_aggregate(run) == once.calc_aggregate(iter(scored)) == {AP: 0.125}
    assert once.calc_aggregate({}) == once.calc_aggregate({"7": {"a": 1.0}}) == {AP: 0.0}


def test_judged_agrees_with_the_provider_judged() -> None:
    run = {"1": {f"d{k}": float(k) for k in range(7)}, "2": {"x": 1.0}}
    qrels = {"1": {"d1": 0, "d5": 1, "d6": 2}, "2": {"y": 1}, "3": {"y": 1}}
    measures = [Judged, Judged @ 1, Judged @ 3, Judged @ 20]
    ours = listed(iter_calc(measures, qrels, run))
    for measure in measures:  # one by one: the peer keeps the cutoff of one for the next
        theirs = listed(ir_measures.judged.iter_calc([measure], qrels, run))
        assert theirs == {key: value for key, value in ours.items() if key[1] == str(measure)}


def test_what_it_supports_it_measures() -> None:
    for measure in (*EXACT, *CLOSE, nDCG(dcg="exp-log2") @ 5, nDCG(dcg="exp-log2"), RR @ 3):
        assert provider.supports(measure), measure
    for measure in (AP(judged_only=True), nDCG(gains={1: 5}), AP(rel=0), ir_measures.Bpref):
        assert not provider.supports(measure), measure
        message = f"the provider hybridsampler has no {str(measure)!r}: ask the pipeline, ir_measu"
        with pytest.raises(ValueError, match=re.escape(message)):
            calc_aggregate([AP, measure], {"q": {"a": 1}}, {"q": {"a": 1.0}})
    assert calc_aggregate([nDCG(dcg="exp-log2")], {"q": {"a": 2, "b": 1}}, {"q": {"b": 1.0}}) == {
        nDCG(dcg="exp-log2"): 1 / (3 + 1 / math.log2(3))
    }


def test_it_is_registered_and_asked_first_when_preferred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ir_measures.providers.registry["hybridsampler"] is provider
    monkeypatch.setattr(
        ir_measures.DefaultPipeline, "providers", list(ir_measures.DefaultPipeline.providers)
    )
    # Two of ir_measures' providers order the same tie in two ways.
    qrels, run = {"q": {"a": 1}}, {"q": {"a": 1.0, "b": 1.0, "c": 1.0}}
    assert ir_measures.calc_aggregate([RR, RR @ 10], qrels, run) == {RR: 1 / 3, RR @ 10: 1.0}
    prefer()
    prefer()
    assert ir_measures.DefaultPipeline.providers.count(provider) == 1
    assert ir_measures.calc_aggregate([RR, RR @ 10], qrels, run) == {RR: 1 / 3, RR @ 10: 1 / 3}


def test_ties_and_score_types_can_be_chosen() -> None:
    qrels, run = {"q": {"a": 1}}, {"q": {"a": 1.0 + 1e-12, "b": 1.0}}
    assert calc_aggregate([RR], qrels, run) == {RR: 1.0}
    single = HybridsamplerProvider(score_dtype="float32")
    assert single.calc_aggregate([RR], qrels, run) == {RR: 0.5}
    assert single.calc_aggregate([RR], qrels, run) == PEER([RR], qrels, run)
    ascending = HybridsamplerProvider(ties="docid", score_dtype="float32")
    assert ascending.calc_aggregate([RR], qrels, run) == {RR: 1.0}


def test_equal_ids_are_refused_where_ir_measures_keeps_the_last() -> None:
    run = [ScoredDoc("q", "a", 1.0), ScoredDoc("q", "a", 2.0)]
    message = "document 'a' of query 'q' is ranked twice, with 1.0 and 2.0: keep one of them"
    with pytest.raises(ValueError, match=re.escape(message)):
        calc_aggregate([AP], {"q": {"a": 1}}, run)
    qrels = [Qrel("q", "a", 1), Qrel("q", "a", 1)]
    message = "document 'a' of query 'q' is judged twice, with 1 and 1: keep one of them"
    with pytest.raises(ValueError, match=re.escape(message)):
        calc_aggregate([AP], qrels, {})


def test_no_measure_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^measures is empty: name at least one, such as 'AP'$"):
        calc_aggregate([], {"q": {"a": 1}}, {"q": {"a": 1.0}})

"""Runs and qrels: equal to trec_eval's rules and to pytrec_eval, from whatever holds them."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import ir_measures
import numpy as np
import pytest
import pytrec_eval
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler import score_run
from hybridsampler.trec import Policy, ScoreType, Ties, read_qrels, read_run

Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]

# Few values, so that ties abound; neighbours that float32 cannot tell apart; values beyond float32.
SCORES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, 1.0 + 1e-7, 2, -3.5, 1e39, 1e300, -1e39, 1e-50]),
    st.floats(allow_nan=False, allow_infinity=False),
)
# Ids of one to four bytes a character: "é" stands before "文" and both behind "z" as bytes.
IDS = st.text("aZ09-_ é文𝔸\x7f", min_size=1, max_size=3)
RUNS = st.dictionaries(IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=30), max_size=8)
GRADES = st.sampled_from([0, 0, 1, 1, 2, 3])
QRELS = st.dictionaries(IDS, st.dictionaries(IDS, GRADES, min_size=1, max_size=20), max_size=8)

# Ours and trec_eval's names; those with equal formulas, term by term, and then nDCG.
EXACT = {
    "AP": "map",
    "AP@3": "map_cut_3",
    "R@2": "recall_2",
    "R@100": "recall_100",
    "P@5": "P_5",
    "RR": "recip_rank",
    "Success@1": "success_1",
    "Success@10": "success_10",
}
CLOSE = {"nDCG": "ndcg", "nDCG@3": "ndcg_cut_3", "nDCG@10": "ndcg_cut_10"}


def close(a: float, b: float, terms: int) -> bool:
    """Whether two nDCGs differ by no more than two libraries' logarithms can make them.

    A logarithm that is off by an ulp, its division, and a sum of n positive terms change DCG by a
    factor of at most 1 + (n + 2) 2^-53; DCG stands above and below the line, and there are two.
    """
    return abs(a - b) <= (4 * terms + 12) * 2.0**-53 * max(a, b)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Run, Qrels]:
    """A run and qrels that share queries and documents."""
    run, qrels = draw(RUNS), draw(QRELS)
    shared = draw(st.dictionaries(IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=30)))
    for query, documents in shared.items():
        run[query] = documents
        judged = draw(st.lists(st.sampled_from(sorted(documents)), min_size=1, unique=True))
        qrels[query] = {document: draw(GRADES) for document in judged} | qrels.get(query, {})
    query = draw(IDS)  # one at least is in both
    run.setdefault(query, {"d": 1.0})
    qrels.setdefault(query, {"d": 1})
    return run, qrels


@given(cases(), st.integers(1, 3))
def test_float32_agrees_with_pytrec_eval(case: tuple[Run, Qrels], level: int) -> None:
    run, qrels = case
    theirs = {*EXACT.values(), *CLOSE.values()}
    expected = pytrec_eval.RelevanceEvaluator(qrels, theirs, relevance_level=level).evaluate(run)
    at = "" if level == 1 else f"(rel={level})"
    names = {
        name.partition("@")[0] + at + "".join(name.partition("@")[1:]): theirs
        for name, theirs in EXACT.items()
    } | CLOSE
    found = score_run(run, qrels, list(names), score_dtype="float32", missing="skip")
    assert set(found.missing) == set(qrels) - set(run)
    assert set(found.unjudged) == set(run) - set(qrels)
    for name, theirs_name in names.items():
        for query, value in zip(found.queries, found.per_query(name).tolist(), strict=True):
            if query in found.missing:
                assert math.isnan(value)
                assert query not in expected
            elif theirs_name in CLOSE.values():
                assert close(value, expected[query][theirs_name], len(qrels[query]))
            else:
                assert value == expected[query][theirs_name], (name, query)


def starting(message: str) -> str:
    """A pattern for an error that begins so."""
    return f"^{re.escape(message)}"


def ranking(documents: dict[str, float], grades: dict[str, int], ties: Ties) -> list[str]:
    """All documents, best first."""

    def key(item: tuple[str, float]) -> Any:
        document, score = item
        name, grade = document.encode(), grades.get(document, -1)
        before = (*(-byte for byte in name), 1)  # descending: a prefix comes last
        return -score, {
            "trec": (before,),
            "docid": (name,),
            "pessimistic": (grade, name),
            "optimistic": (-grade, name),
        }[ties]

    return [document for document, _ in sorted(documents.items(), key=key)]


def naive(name: str, documents: dict[str, float], grades: dict[str, int], ties: Ties) -> float:
    """A measure by its definition, with each sum in order of rank."""
    ranked = ranking(documents, grades, ties)
    name, _, cutoff = name.partition("@")
    k = int(cutoff) if cutoff else len(ranked)
    gains = [grades.get(document, 0) for document in ranked]
    hits = [rank for rank, gain in enumerate(gains, 1) if gain > 0]
    relevant = sum(grade > 0 for grade in grades.values())
    if name == "Judged":
        judged = sum(document in grades for document in ranked[:k])
        return judged / min(k, len(ranked))
    if not relevant:
        return 0.0
    match name:
        case "AP":
            total = 0.0
            for found, rank in enumerate(hits, 1):
                total += found / rank if rank <= k else 0.0
            return total / relevant
        case "R":
            return sum(rank <= k for rank in hits) / relevant
        case "P":
            return sum(rank <= k for rank in hits) / k
        case "RR":
            return 1 / hits[0] if hits and hits[0] <= k else 0.0
        case "Success":
            return float(bool(hits) and hits[0] <= k)
        case _:
            best = sorted(grades.values(), reverse=True)
            return _dcg(gains, k) / _dcg(best, int(cutoff) if cutoff else len(best))


def _dcg(gains: list[int], k: int) -> float:
    total = 0.0
    for rank, gain in enumerate(gains[:k], 1):
        total += gain / math.log2(rank + 1)
    return total


@given(cases(), st.sampled_from(["trec", "docid", "pessimistic", "optimistic"]))
def test_float64_follows_the_rules_of_trec_eval(case: tuple[Run, Qrels], ties: Ties) -> None:
    run, qrels = case
    names = [*EXACT, *CLOSE, "Judged@4", "Judged"]
    found = score_run(run, qrels, names, ties=ties)
    for name in names:
        values = []
        for query, value in zip(found.queries, found.per_query(name).tolist(), strict=True):
            expected = naive(name, run[query], qrels[query], ties) if query in run else 0.0
            if name in CLOSE:
                assert close(value, expected, len(qrels[query]))
            else:
                assert value == expected, (name, query)
            values.append(Fraction(value))
        # One rounding for the sum, and one for the division.
        assert found[name] == float(sum(values)) / len(values)


@given(cases(), st.sampled_from(["zero", "skip"]), st.sampled_from(["zero", "skip"]))
def test_missing_and_empty_queries_count_as_asked(
    case: tuple[Run, Qrels], missing: Policy, empty: Policy
) -> None:
    run, qrels = case
    found = score_run(run, qrels, ["AP"], missing=missing, empty=empty)
    left_out = {query for query in qrels if missing == "skip" and query not in run} | {
        query for query in qrels if empty == "skip" and not any(qrels[query].values())
    }
    values = dict(zip(found.queries, found.per_query("AP").tolist(), strict=True))
    assert list(values) == list(qrels)
    assert {query for query, value in values.items() if math.isnan(value)} == left_out
    kept = [values[query] for query in qrels if query not in left_out]
    assert (math.isnan(found["AP"]) and not kept) or found["AP"] == math.fsum(kept) / len(kept)


@given(cases(), st.integers(1, 5))
def test_threads_change_no_digit(case: tuple[Run, Qrels], threads: int) -> None:
    one, many = (score_run(*case, ["AP", "nDCG"], threads=count) for count in (1, threads))
    for name in one.measures:
        np.testing.assert_array_equal(one.per_query(name), many.per_query(name))


def test_values_are_the_callers_own() -> None:
    found = score_run({"q": {"a": 1.0}}, {"q": {"a": 1}}, ["AP"])
    found.per_query("AP")[:] = 0
    assert found["AP"] == 1.0


def test_float32_ties_what_float64_tells_apart() -> None:
    run: Run = {"q": {"a": 1.0 + 1e-12, "b": 1.0}}
    reciprocal = {
        dtype: score_run(run, {"q": {"a": 1}}, ["RR"], score_dtype=dtype)["RR"]
        for dtype in ("float64", "float32")
    }
    # Tied, "b" stands before "a".
    assert reciprocal == {"float64": 1.0, "float32": 0.5}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("unit", "score_dtype"), [(1e-40, "float32"), (1e-310, "float64")])
def test_denormal_scores_count_though_the_caller_flushes_them(
    unit: float, score_dtype: ScoreType, threads: int
) -> None:
    scores = {"a": unit, "b": 3 * unit, "c": 2 * unit}  # flushed, all would be equal
    run, qrels = {"q": scores, "p": scores}, {"q": {"b": 1}, "p": {"b": 1}}
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        found = score_run(
            run, qrels, ["RR"], ties="pessimistic", score_dtype=score_dtype, threads=threads
        )
    finally:
        torch.set_flush_denormal(False)
    assert found["RR"] == 1


def test_scores_are_whatever_float_takes_as_a_number() -> None:
    scores: list[Any] = [2, True, np.float32(0.5), np.float64(0.25), np.int16(0), -1.5, 10**30]
    run: dict[str, dict[str, Any]] = {"q": {f"d{k}": score for k, score in enumerate(scores)}}
    plain: Run = {"q": {document: float(score) for document, score in run["q"].items()}}
    for document in plain["q"]:
        qrels = {"q": {document: np.int64(1)}}
        assert score_run(run, qrels, ["RR"])["RR"] == score_run(plain, qrels, ["RR"])["RR"]


def test_a_score_that_changes_the_run_while_it_is_read_changes_nothing() -> None:
    class Clears:
        def __float__(self) -> float:
            run.clear()
            documents.clear()
            return 2.0

    documents: dict[str, Any] = {"a": 3.0, "b": Clears(), "c": 1.0}
    run = {"p": documents, "q": {"a": 1.0}}
    read = read_run(run)
    assert (read.queries, len(read), run) == (["p", "q"], 4, {})
    assert score_run(read, {"p": {"c": 1}}, ["RR"])["RR"] == 1 / 3


def test_names_of_trec_eval_and_repeated_names_are_one_measure() -> None:
    scores = score_run({"q": {"a": 1.0}}, {"q": {"a": 1}}, ["map", "AP", "ndcg_cut_10"])
    assert scores.measures == ("AP", "nDCG@10")
    assert scores["map"] == scores["AP"] == 1.0
    with pytest.raises(
        ValueError, match=starting("measure 'RR' was not asked for: there are AP, ")
    ):
        scores["RR"]


def test_scores_show_what_they_are() -> None:
    scores = score_run({"q": {"a": 1.0}}, {"q": {"a": 1}, "r": {"a": 1}}, ["AP", "nDCG@10"])
    assert repr(scores) == "<RunScores of 2 queries: AP: 0.5, nDCG@10: 0.5>"
    assert list(scores) == ["AP", "nDCG@10"]
    assert dict(scores) == {name: scores[name] for name in ("AP", "nDCG@10")}
    there: list[Any] = ["AP", "mAP", "ndcg_cut_10", ir_measures.AP]
    absent: list[Any] = ["RR", "none", 3]
    assert all(name in scores for name in there)
    assert not any(name in scores for name in absent)


def test_what_was_read_once_serves_many_times() -> None:
    run, qrels = read_run({"q": {"a": 1.0, "b": 1.0}}), read_qrels({"q": {"a": 1}})
    assert (len(run), run.queries, len(qrels), qrels.queries) == (2, ["q"], 1, ["q"])
    assert read_run(run) is run
    assert read_qrels(qrels) is qrels
    assert [score_run(run, qrels, ["RR"], ties=ties)["RR"] for ties in ("trec", "docid")] == [
        0.5,
        1,
    ]


GOOD: tuple[Run, Qrels] = ({"q": {"a": 1.0}, "r": {"a": 1.0}}, {"q": {"a": 1}})


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({1: {"a": 1.0}}, "the id of a query is 1: give ids as str"),
        ({"q": {2: 1.0}}, 'query "q": the id of a document is 2: give ids as str'),
        ({"q": {b"a": 1.0}}, "query \"q\": the id of a document is b'a': give ids as str"),
        ({"q": ["a"]}, 'query "q" has documents of type list: give it a dict of documents'),
        (
            {"q": {"a": "1.0"}},
            'query "q", document "a": the score 1.0 is of type str: give a number',
        ),
        (
            {"q": {"a": None}},
            'query "q", document "a": the score None is of type NoneType: give a number',
        ),
        (3, "run of type int: give a path, a dict of dicts or a table with the columns query_id"),
    ],
)
def test_runs_of_other_types_are_refused(run: Any, message: str) -> None:
    with pytest.raises(TypeError, match=starting(message)):
        score_run(run, GOOD[1])


@pytest.mark.parametrize(
    ("run", "qrels", "message"),
    [
        (
            {"q": {"a": math.nan}},
            GOOD[1],
            'query "q", document "a": score NaN is not finite and has no place in a ranking: leave '
            "the document out or give it a number",
        ),
        (
            {"q": {"a": -math.inf}},
            GOOD[1],
            'query "q", document "a": score -inf is not finite and has no place in a ranking: '
            "leave the document out or give it a number",
        ),
        (
            GOOD[0],
            {"q": {"a": -1}},
            'query "q", document "a": grade -1 is negative, which every collection uses in its own '
            "way: write 0 for judged and not relevant, or leave it out for not judged, as "
            "trec_eval takes it",
        ),
        ({"": {"a": 1.0}}, GOOD[1], "the id of a query is empty: give it a name"),
        (
            {"q": {"": 1.0}},
            GOOD[1],
            'query "q", document "": the id of a document is empty: give it a name',
        ),
        (
            {"q": {"\ud800": 1.0}},
            GOOD[1],
            "query \"q\": the id of a document is '\\ud800', which has half of a surrogate pair "
            "and is no text: change it",
        ),
        (
            {"1": {"a": 1.0}, "2": {"a": 1.0}},
            {"q1": {"a": 1}},
            "no query is in both: the run has query '1' and 1 more, the qrels have query 'q1'",
        ),
        ({}, GOOD[1], "no query is in both: the run has no query, the qrels have query 'q'"),
    ],
)
def test_what_cannot_be_ranked_is_refused(run: Any, qrels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=starting(message)):
        score_run(run, qrels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"ties": "index"},
            "ties='index': choose 'trec', 'docid', 'pessimistic' or 'optimistic'",
        ),
        ({"score_dtype": "float16"}, "score_dtype='float16': choose 'float64' or 'float32'"),
        ({"missing": "nan"}, "missing='nan': choose 'zero', 'skip' or 'error'"),
        ({"empty": "nan"}, "empty='nan': choose 'zero', 'skip' or 'error'"),
        ({"measures": ["MAP@"]}, "unknown measure 'MAP@'"),
    ],
)
def test_options_are_checked_before_anything_is_read(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=starting(message)):
        score_run("no such file", "no such file", **options)


def test_grades_are_whole_numbers() -> None:
    place = 'query "q", document "a": the grade'
    message = f"{place} 1.0 is of type float: give a whole number of 64 bits"
    with pytest.raises(TypeError, match=starting(message)):
        read_qrels({"q": {"a": 1.0}})
    with pytest.raises(ValueError, match=starting(f"{place} cannot be read (")):
        read_qrels({"q": {"a": 2**63}})
    message = 'query "q", document "a": the score cannot be read (int too large to convert to float'
    with pytest.raises(ValueError, match=starting(message)):
        read_run({"q": {"a": 10**400}})


def test_one_name_is_no_list_of_names() -> None:
    with pytest.raises(TypeError, match=starting("measures='AP': give a list of names, as in ['A")):
        score_run(*GOOD, "AP")


def test_missing_and_empty_queries_can_be_errors() -> None:
    run: Run = {"q": {"a": 1.0}}
    qrels: Qrels = {"q": {"a": 2}, "r": {"a": 1}, "s": {"a": 0}}
    message = (
        "the run has no document for query 'r' and 1 more of the qrels: add it, or give "
        "missing='zero' or missing='skip'"
    )
    with pytest.raises(ValueError, match=starting(message)):
        score_run(run, qrels, missing="error")
    message = (
        "AP(rel=2): no document is relevant to query 'r' and 1 more: leave such queries out, or "
        "give empty='zero' or empty='skip'"
    )
    with pytest.raises(ValueError, match=starting(message)):
        score_run(run, qrels, ["Judged", "AP(rel=2)"], empty="error")


def test_no_measure_at_all_is_a_list_that_came_out_empty() -> None:
    with pytest.raises(ValueError, match=r"^measures is empty: name at least one, such as 'AP'$"):
        score_run(*GOOD, [])


def test_errors_name_queries_by_their_ids() -> None:
    run = {"first": {"a": 1.0}, "that one": {"a": 1.0}}
    qrels = {"first": {"a": 1}, "that one": {"a": 54}}
    message = (
        "measure \"nDCG(dcg='exp-log2')@10\": query 'that one' has the grade 54, and 2^grade - 1 "
        "is exact up to grade 53: give grades on a smaller scale"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        score_run(run, qrels, ["AP", "nDCG(dcg='exp-log2')@10"])


def test_types_of_scores() -> None:
    # float32 knows no 1e39: such scores are equal there, as trec_eval 9 has them.
    run: Run = {"q": {"a": 1e39, "b": 1e300}}
    found: dict[ScoreType, float] = {
        "float64": score_run(run, {"q": {"b": 1}}, ["RR"], ties="docid")["RR"],
        "float32": score_run(run, {"q": {"b": 1}}, ["RR"], ties="docid", score_dtype="float32")[
            "RR"
        ],
    }
    assert found == {"float64": 1.0, "float32": 0.5}

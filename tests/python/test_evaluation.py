"""evaluate: settings, macro means and language bias, by hand and against the naive oracle."""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas
import pyarrow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler import Evaluation, RankCounter, evaluate
from hybridsampler.evaluation import SETTINGS
from hybridsampler.measures import Measure, Policy, mean
from hybridsampler.pools import PoolSizes
from hybridsampler.ranking import Similarity, Ties
from naive_ranking import (
    FAMILIES,
    POLICIES,
    SIMILARITIES,
    Row,
    Task,
    as_evaluation_task,
    as_rows,
    csr,
    generators,
    log2,
    oracle_evaluation,
    oracle_mean,
    oracle_rank_distance,
    oracle_ranks,
    oracle_ties,
    random_task,
    renumbered,
    task_scores,
)

NAMES = ("AP", "AP@3", "RR", "RR@2", "R@1", "R@10", "P@3", "Success@2", "nDCG", "nDCG@3")
GRADED = (*NAMES, "AP(rel=2)", "R(rel=3)@5", "nDCG(dcg='exp-log2')@4", "Judged@3", "Judged@10")


def refusal(message: str, kind: type[Exception] = ValueError) -> AbstractContextManager[object]:
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


# A corpus of three languages, by hand
#
# candidate   0 en   1 en   2 de   3 de   4 fr   5 fr
# its score     9      5      8      7      6      4     for a query (1,); turned round for (-1,)
# so (1,) ranks 0 2 3 4 1 5, within en 0 1, de 2 3, fr 4 5; (-1,) the other way round.

CANDIDATES = np.array([[9], [5], [8], [7], [6], [4]], np.float32)
LANGUAGES = ["en", "en", "de", "de", "fr", "fr"]


def by_hand(
    queries: Sequence[tuple[str, int, list[int]]],
    measures: Sequence[str] = ("AP",),
    ties: Ties = "pessimistic",
) -> Evaluation:
    """Queries are (language, 1 or -1, relevant candidates)."""
    return evaluate(
        np.array([[sign] for _, sign, _ in queries], np.float32),
        CANDIDATES,
        csr(relevant for *_, relevant in queries),
        query_languages=[language for language, *_ in queries],
        candidate_languages=LANGUAGES,
        measures=measures,
        ties=ties,
    )


COMPLETE = (
    ("en", 1, [1, 3, 4]),  # ranks 5, 3, 4 overall; 2, 2, 1 within
    ("de", -1, [0, 2, 5]),  # 6, 5, 1; 2, 2, 1
    ("fr", 1, [0, 2, 4]),  # 1, 2, 4; 1, 1, 1
)


def test_three_languages_by_hand() -> None:
    result = by_hand(COMPLETE, ["AP", "RR", "R@1", "P@2", "Success@1", "AP@3"])
    ranks = as_rows(result.ranks)
    assert [row.overall for row in ranks] == [5, 3, 4, 6, 5, 1, 1, 2, 4]
    assert [row.within for row in ranks] == [2, 2, 1, 2, 2, 1, 1, 1, 1]
    assert result.languages == ("de", "en", "fr")

    en = (1 / 3 + 2 / 4 + 3 / 5) / 3
    de = (1 / 1 + 2 / 5 + 3 / 6) / 3
    fr = (1 / 1 + 2 / 2 + 3 / 4) / 3
    assert result.per_query("multilingual", "AP").tolist() == [en, de, fr]
    assert result["multilingual"]["AP"] == math.fsum([en, de, fr]) / 3
    assert result.by_language("multilingual", "AP") == {"de": de, "en": en, "fr": fr}
    assert result["multilingual"]["RR"] == math.fsum([1 / 3, 1, 1]) / 3
    assert result["multilingual"]["R@1"] == math.fsum([0, 1 / 3, 1 / 3]) / 3
    assert result["multilingual"]["P@2"] == math.fsum([0, 1 / 2, 1]) / 3
    assert result["multilingual"]["Success@1"] == 2 / 3
    assert result["multilingual"]["AP@3"] == math.fsum([1 / 3 / 3, 1 / 3, 2 / 3]) / 3

    # Each pool has one relevant candidate, at rank 1 or 2.
    assert result.matrix("AP") == {
        ("en", "en"): 1 / 2, ("en", "de"): 1 / 2, ("en", "fr"): 1.0,
        ("de", "en"): 1 / 2, ("de", "de"): 1 / 2, ("de", "fr"): 1.0,
        ("fr", "en"): 1.0, ("fr", "de"): 1.0, ("fr", "fr"): 1.0,
    }  # fmt: skip
    assert result.per_query("monolingual", "AP").tolist() == [0.5, 0.5, 1.0]
    assert result["monolingual"]["AP"] == 2 / 3
    assert result.by_language("monolingual", "AP") == {"de": 0.5, "en": 0.5, "fr": 1.0}
    assert result["monolingual"]["R@1"] == 1 / 3
    assert result["monolingual"]["P@2"] == 1 / 2
    assert result.per_query("cross_lingual", "AP").tolist() == [0.75, 0.75, 1.0]
    assert result["cross_lingual"]["AP"] == 5 / 6
    assert result.by_language("cross_lingual", "AP") == {"de": 0.75, "en": 0.75, "fr": 1.0}
    assert result["cross_lingual"]["R@1"] == 4 / 6
    assert result["cross_lingual"]["P@2"] == 1 / 2

    assert result.rank_distance_by_language == {"de": 5.0, "en": 2.0, "fr": 3.0}
    assert result.rank_distance == 10 / 3


def test_each_language_counts_once_however_many_queries_it_has() -> None:
    result = by_hand([*COMPLETE, ("fr", -1, [0, 2, 4]), ("fr", -1, [1, 3, 5])])
    # The new ones: 6, 5, 3 overall, 2, 2, 2 within; 2, 4, 1 overall, 1, 1, 1 within.
    fr = [(1 + 2 / 2 + 3 / 4) / 3, (1 / 3 + 2 / 5 + 3 / 6) / 3, (1 + 2 / 2 + 3 / 4) / 3]
    means = result.by_language("multilingual", "AP")
    assert means["fr"] == math.fsum(fr) / 3
    assert result["multilingual"]["AP"] == math.fsum(means.values()) / 3
    third = math.fsum([1, 0.5, 1]) / 3
    assert result.matrix("AP")["fr", "fr"] == result.matrix("AP")["fr", "en"] == third
    assert result["monolingual"]["AP"] == math.fsum([0.5, 0.5, third]) / 3
    assert result["cross_lingual"]["AP"] == math.fsum([0.5, 1, 0.5, 1, third, third]) / 6
    assert result.rank_distance_by_language["fr"] == math.fsum([3, 3, 3]) / 3
    assert result.rank_distance == 10 / 3


def test_the_cross_lingual_mean_is_over_ordered_pairs() -> None:
    """en has no relevant candidate in fr: five pairs, each counts once (paper: 110, 42 pairs)."""
    result = by_hand([("en", 1, [1, 3]), *COMPLETE[1:]])
    pairs = {pair: value for pair, value in result.matrix("AP").items() if pair[0] != pair[1]}
    assert pairs == {
        ("en", "de"): 1 / 2,
        ("de", "en"): 1 / 2,
        ("de", "fr"): 1.0,
        ("fr", "en"): 1.0,
        ("fr", "de"): 1.0,
    }
    assert result.by_language("cross_lingual", "AP") == {"de": 0.75, "en": 0.5, "fr": 1.0}
    assert result["cross_lingual"]["AP"] == 4 / 5


def test_a_query_counts_where_it_has_a_relevant_candidate() -> None:
    result = by_hand([("en", 1, [1]), ("de", -1, [5]), ("xx", 1, [3, 2])])
    nan = math.nan
    for setting, values in {
        "monolingual": [1 / 2, nan, nan],
        "cross_lingual": [nan, 1.0, 1.0],
        "multilingual": [1 / 5, 1.0, (1 / 2 + 2 / 3) / 2],
    }.items():
        found = result.per_query(as_setting(setting), "AP")
        assert np.array_equal(found, values, equal_nan=True), setting
    assert result["monolingual"] == {"AP": 1 / 2}
    assert result.by_language("monolingual", "AP") == {"en": 1 / 2}
    assert result.matrix("AP") == {("en", "en"): 1 / 2, ("de", "fr"): 1.0, ("xx", "de"): 1.0}
    assert result["cross_lingual"] == {"AP": 1.0}
    assert result.by_language("cross_lingual", "AP") == {"de": 1.0, "xx": 1.0}
    assert result.languages == ("de", "en", "xx")
    assert result.rank_distance_by_language == {"de": 0.0, "en": 0.0, "xx": 1.0}


def test_one_language_has_no_cross_lingual_setting() -> None:
    result = evaluate(
        np.ones((1, 1), np.float32),
        CANDIDATES,
        ([0, 1], [1]),
        query_languages=["en"],
        candidate_languages=["en"] * 6,
    )
    assert result["monolingual"] == result["multilingual"] == {"AP": 1 / 5, "R@1": 0, "R@10": 1}
    assert result.by_language("cross_lingual", "AP") == {}
    assert math.isnan(result["cross_lingual"]["AP"])
    assert np.isnan(result.per_query("cross_lingual", "AP")).all()


def as_setting(name: str) -> Literal["monolingual", "cross_lingual", "multilingual"]:
    return next(setting for setting in SETTINGS if setting == name)


def test_the_settings_have_the_names_of_the_paper() -> None:
    assert SETTINGS == ("monolingual", "cross_lingual", "multilingual")


def test_grade_0_is_judged_and_not_relevant() -> None:
    result = evaluate(
        np.ones((1, 1), np.float32),
        np.array([[1], [1], [1], [1]], np.float32),
        ([0, 3], [0, 1, 2], [2, 0, 1]),
        query_languages=["en"],
        candidate_languages=["en"] * 4,
        measures=["AP", "P@2", "R@3"],
    )
    # Pessimistic: the unjudged 3, then grades 0, 1, 2.
    assert result.ranks.overall.tolist() == [4, 2, 3]
    assert result["multilingual"] == {"AP": (1 / 3 + 2 / 4) / 2, "P@2": 0, "R@3": 1 / 2}
    assert result.rank_distance == 1


# Graded, excluded, empty, by hand


def graded_by_hand(**options: Any) -> Evaluation:
    """Two queries (1,) of en; candidates rank 0 2 3 4 1 5, within en 0 1, de 2 3, fr 4 5."""
    given: dict[str, Any] = {
        "relevant": ([0, 4, 6], [1, 2, 3, 5, 0, 4], [3, 0, 1, 2, 1, 1]),
        "query_languages": ["en", "en"],
        "candidate_languages": LANGUAGES,
        "measures": ["nDCG", "Judged@4", "AP"],
    }
    return evaluate(np.ones((2, 1), np.float32), CANDIDATES, **given | options)


def test_graded_relevance_in_every_setting() -> None:
    result = graded_by_hand()
    # The first: grades 1, 3, 2 at the ranks 3, 5, 6; within, 3 at 2 (en), 1 at 2 (de), 2 at 2 (fr).
    assert result.ranks.overall.tolist() == [5, 2, 3, 6, 1, 4]
    first = (1 / 2 + 3 / log2(6) + 2 / log2(7)) / (3 + 2 / log2(3) + 1 / 2)
    second = (1 + 1 / log2(5)) / (1 + 1 / log2(3))
    assert result.per_query("multilingual", "nDCG").tolist() == [first, second]
    # The best ranking is that of the pool, so each language asks for its own.
    assert result.per_query("monolingual", "nDCG").tolist() == [3 / log2(3) / 3, 1]
    assert result.matrix("nDCG")["en", "de"] == 1 / log2(3)
    assert result.per_query("multilingual", "Judged@4").tolist() == [2 / 4, 2 / 4]
    # Pools of two, where four are asked for. The second query has nothing in de, and yet a value.
    assert result.per_query("monolingual", "Judged@4").tolist() == [1 / 2, 1 / 2]
    assert result.matrix("Judged@4")["en", "de"] == (2 / 2 + 0 / 2) / 2
    assert result.matrix("AP")["en", "de"] == 1 / 2


def test_excluded_candidates_stand_in_no_pool() -> None:
    whole = graded_by_hand()
    # Without 0 the first query's ranks rise by one, and its English pool is one smaller.
    result = graded_by_hand(exclude=([0, 1, 1], [0]))
    assert result.ranks.overall.tolist() == [4, 1, 2, 5, 1, 4]
    assert result.per_query("monolingual", "Judged@4").tolist() == [1, 1 / 2]
    assert result.per_query("monolingual", "nDCG").tolist() == [1, 1]
    assert whole.per_query("multilingual", "AP")[1] == result.per_query("multilingual", "AP")[1]


def test_what_becomes_of_a_query_without_a_relevant_candidate() -> None:
    relevant = ([0, 2, 3], [1, 2, 0], [1, 2, 0])
    skip = graded_by_hand(relevant=relevant, measures=["AP", "AP(rel=2)"], empty="skip")
    zero = graded_by_hand(relevant=relevant, measures=["AP", "AP(rel=2)"], empty="zero")
    ap = (1 / 2 + 2 / 5) / 2
    assert skip["multilingual"] == {"AP": ap, "AP(rel=2)": 1 / 2}
    assert zero["multilingual"] == {"AP": ap / 2, "AP(rel=2)": 1 / 4}
    assert skip["monolingual"]["AP"] == 1 / 2
    assert zero["monolingual"]["AP"] == 1 / 4
    assert skip.matrix("AP") == {("en", "en"): 1 / 2, ("en", "de"): 1}
    # The first query has nothing in fr and is not asked there; the second counts with 0 everywhere.
    assert zero.matrix("AP") == {("en", "en"): 1 / 4, ("en", "de"): 1 / 2, ("en", "fr"): 0}
    assert zero.per_query("cross_lingual", "AP").tolist() == [1, 0]
    assert np.array_equal(skip.per_query("cross_lingual", "AP"), [1, np.nan], equal_nan=True)
    assert skip.rank_distance == zero.rank_distance == 3


def test_a_level_that_a_query_lacks_is_refused_unless_told_otherwise() -> None:
    message = (
        "query 1 has no candidate of grade 2 or more (1 queries have none): leave such queries "
        "out, or give empty='zero' or empty='skip'"
    )
    with refusal(message):
        graded_by_hand(measures=["AP", "R(rel=2)@5"])
    assert graded_by_hand(measures=["R(rel=2)@5"], empty="skip")["multilingual"] == {
        "R(rel=2)@5": 0.5
    }


@pytest.mark.parametrize(
    ("grade", "message"),
    [
        (
            0,
            "query 0 has no relevant candidate (1 queries have none): leave such queries out, or "
            "give empty='zero' or empty='skip'",
        ),
        (
            99,
            "measure \"nDCG(dcg='exp-log2')\": query 0 has the grade 99, and 2^grade - 1 is exact "
            "up to grade 53: give grades on a smaller scale",
        ),
    ],
)
def test_judgements_are_refused_before_the_encoder_works(grade: int, message: str) -> None:
    def blocks() -> Iterator[NDArray[np.float32]]:
        pytest.fail("the encoder was asked")
        yield CANDIDATES

    with refusal(message):
        evaluate(
            np.ones((1, 1), np.float32),
            blocks(),
            ([0, 1], [3], [grade]),
            query_languages=["en"],
            candidate_languages=LANGUAGES,
            measures=["AP", "nDCG(dcg='exp-log2')"],
        )


def test_per_query_values_as_columns() -> None:
    result = by_hand([("en", 1, [1, 3]), ("de", -1, [0, 2, 5])], ["AP", "R@1"])
    columns = result.columns()
    assert list(columns) == ["query", "query_language", "setting", "AP", "R@1"]
    assert columns["query"].tolist() == [0, 1] * 3
    assert columns["query_language"].tolist() == ["en", "de"] * 3
    assert columns["setting"].tolist() == [setting for setting in SETTINGS for _ in range(2)]
    for name in ("AP", "R@1"):
        expected = np.concatenate([result.per_query(setting, name) for setting in SETTINGS])
        assert np.array_equal(columns[name], expected, equal_nan=True)
    frame = pandas.DataFrame(columns)
    means = frame[frame.setting == "multilingual"].groupby("query_language")["AP"].mean()
    assert means.to_dict() == result.by_language("multilingual", "AP")
    table = pyarrow.table(columns)
    assert [str(field.type) for field in table.schema] == [
        *("int64", "string", "string", "double", "double"),
    ]
    assert table["setting"].to_pylist() == columns["setting"].tolist()


def test_language_bias_in_three_ways() -> None:
    result = by_hand(COMPLETE)
    assert result.rank_distance_per_query.tolist() == [2, 5, 3]
    assert result.rank_distance_by_language == {"de": 5, "en": 2, "fr": 3}
    # Ranks within: 2 2 1, 2 2 1 and 1 1 1.
    assert result.mrv_per_query().tolist() == pytest.approx([2 / 9, 2 / 9, 0], rel=1e-15)
    assert result.mrv_by_language()["fr"] == 0
    assert result.mrv() == mean(result.mrv_by_language().values())
    assert result.mrv_per_query("deviation")[0] == np.sqrt(result.mrv_per_query()[0])
    # One relevant candidate a language: H is 2 for any three different ranks, 2 degrees.
    assert result.peer_per_query(6).tolist() == pytest.approx([math.exp(-1)] * 3, rel=1e-15)
    assert result.peer_by_language(6)["en"] == result.peer_per_query(6)[0]
    assert result.peer(6) == mean(result.peer_by_language(6).values())
    # Within two ranks only the last query has two; the first has none and prefers nobody.
    assert result.peer_per_query(2)[0] == 1
    assert 0 < result.peer_per_query(2)[2] < 1


def test_peer_weighs_the_grades_that_there_are() -> None:
    result = graded_by_hand()
    equal = result.peer_per_query(6, {1: 1 / 3, 2: 1 / 3, 3: 1 / 3})
    assert np.array_equal(result.peer_per_query(6), equal)
    assert result.peer_per_query(6, {3: 1.0})[0] == 1
    assert np.isnan(result.peer_per_query(6, {3: 1.0})[1])
    with refusal("weights add up to 0.5: give weights that add up to 1"):
        result.peer(6, {1: 0.5})


def test_bias_without_anything_relevant() -> None:
    result = graded_by_hand(relevant=([0, 1, 1], [1], [0]), empty="skip")
    for value in (result.rank_distance, result.peer(5), result.mrv(), result["multilingual"]["AP"]):
        assert math.isnan(value)


def test_judged_needs_the_sizes_of_the_pools() -> None:
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES, range(6), LANGUAGES)
    measures = [Measure.parse("Judged@4")]
    with refusal(
        "measure 'Judged@4' needs to know how many candidates were ranked for each query: give "
        "their pools"
    ):
        Evaluation(counter, ["en", "de", "fr"], measures)
    sizes = PoolSizes.count(LANGUAGES, 3)
    result = Evaluation(counter, ["en", "de", "fr"], measures, sizes=sizes)
    assert result["monolingual"] == {"Judged@4": 1 / 2}


# Peers' traps


def test_three_tied_documents_are_worth_a_third() -> None:
    """ranx: AP 1.0; ir_measures: RR .333 and RR@10 1.0 of one run. Here one policy for all."""
    values = {"pessimistic": 1 / 3, "optimistic": 1.0, "trec": 1 / 3, "docid": 1.0}
    for ties in POLICIES:
        result = evaluate(
            np.ones((1, 1), np.float32),
            np.ones((3, 1), np.float32),
            ([0, 1], [0]),
            query_languages=["en"],
            candidate_languages=["en"] * 3,
            measures=["AP", "RR", "RR@10", "AP@10"],
            ties=ties,
        )
        expected = dict.fromkeys(["AP", "RR", "RR@10", "AP@10"], values[ties])
        assert result["monolingual"] == result["multilingual"] == expected
        assert result.ties == 2


def test_scores_of_zero_and_below_are_relevant_all_the_same() -> None:
    """torchmetrics takes documents with a score of 0 or less as not relevant."""
    result = evaluate(
        np.ones((1, 1), np.float32),
        np.array([[-5], [0], [-1], [-2]], np.float32),
        ([0, 3], [0, 1, 2]),
        query_languages=["en"],
        candidate_languages=["en"] * 4,
    )
    assert result["monolingual"]["AP"] == (1 + 1 + 3 / 4) / 3


def test_ap_sees_what_stands_below_a_thousand() -> None:
    """Cut at 1,000 of 13,000, AP changed for three queries in four."""
    values = np.arange(9_000, 0, -1).astype(np.float32)[:, None]
    result = evaluate(
        np.ones((1, 1), np.float32),
        values,
        ([0, 2], [8_999, 1_000]),
        query_languages=["en"],
        candidate_languages=["en"] * 9_000,
    )
    assert result["monolingual"]["AP"] == (1 / 1_001 + 2 / 9_000) / 2
    assert result.rank_distance == 7_999


# Equal to the oracle


def assert_exact(
    result: Evaluation,
    task: Task,
    query_languages: Sequence[str],
    ties: Ties,
    similarity: Similarity,
    names: Sequence[str] = NAMES,
    empty: Policy = "error",
) -> None:
    score = task_scores(task, similarity)
    rows = oracle_ranks(task, score, ties)
    assert as_rows(result.ranks) == rows
    assert result.ties == oracle_ties(task, score)
    assert result.languages == tuple(sorted(set(query_languages)))
    means = {setting: result[setting] for setting in SETTINGS}
    for name in names:
        expected = oracle_evaluation(rows, query_languages, name, task, empty)
        assert result.matrix(name) == expected.matrix
        for setting in SETTINGS:
            found = result.per_query(setting, name)
            assert np.array_equal(found, expected.per_query[setting], equal_nan=True), setting
            assert result.by_language(setting, name) == expected.by_language[setting], setting
            value = np.array([means[setting][name], expected.setting[setting]])
            assert np.array_equal(value[:1], value[1:], equal_nan=True), (setting, name, value)
    by_language, distance = oracle_rank_distance(rows, query_languages)
    assert result.rank_distance_by_language == by_language
    assert np.array_equal([result.rank_distance], [distance], equal_nan=True)


@settings(max_examples=2 * settings().max_examples)
@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    dimension=st.integers(1, 130),
    queries=st.integers(1, 14),
    candidates=st.integers(1, 40),
    similarity=st.sampled_from(SIMILARITIES),
    ties=st.sampled_from(POLICIES),
    threads=st.sampled_from([1, 2, 3, 7, None]),
    tongues=st.lists(st.sampled_from(["de", "en", "fr", "xx", "zh"]), min_size=1, max_size=14),
)
def test_evaluation_equals_the_oracle(
    rng: np.random.Generator,
    family: str,
    dimension: int,
    queries: int,
    candidates: int,
    similarity: Similarity,
    ties: Ties,
    threads: int | None,
    tongues: list[str],
) -> None:
    task = as_evaluation_task(
        rng,
        random_task(
            rng, family, queries=queries, candidates=candidates, dimension=dimension, most_judged=9
        ),
    )
    query_languages = (tongues * queries)[:queries]
    result = evaluate(
        task.queries,
        task.candidates,
        task.judged_lists(),
        query_languages=query_languages,
        candidate_languages=task.languages,
        measures=NAMES,
        similarity=similarity,
        ties=ties,
        threads=threads,
    )
    assert_exact(result, task, query_languages, ties, similarity)


@given(
    rng=generators(),
    family=st.sampled_from(["clustered", "duplicated", "one-hot", "signs"]),
    queries=st.integers(1, 10),
    candidates=st.integers(1, 30),
    ties=st.sampled_from(POLICIES),
    empty=st.sampled_from(["zero", "skip"]),
    tongues=st.lists(st.sampled_from(["de", "en", "fr", "xx"]), min_size=1, max_size=10),
)
def test_graded_evaluation_with_exclusions_and_empty_queries_equals_the_oracle(
    rng: np.random.Generator,
    family: str,
    queries: int,
    candidates: int,
    ties: Ties,
    empty: Policy,
    tongues: list[str],
) -> None:
    task = renumbered(random_task(rng, family, queries=queries, candidates=candidates, dimension=9))
    query_languages = (tongues * queries)[:queries]
    result = evaluate(
        task.queries,
        task.candidates,
        task.judged_lists(),
        query_languages=query_languages,
        candidate_languages=task.languages,
        measures=GRADED,
        exclude=task.excluded_lists(),
        ties=ties,
        empty=empty,
    )
    assert_exact(result, task, query_languages, ties, "dot", GRADED, empty)


@given(
    ranks=st.lists(st.permutations(range(14)), min_size=1, max_size=6),
    relevant=st.sets(st.integers(0, 13), min_size=5),
)
def test_every_mean_is_the_correctly_rounded_sum_divided_by_the_number(
    ranks: list[list[int]], relevant: set[int]
) -> None:
    """Seven languages of two candidates: sums of thirds and halves that floats do not hold."""
    one_hot = np.array(ranks, np.float32)
    result = evaluate(
        one_hot,
        np.eye(14, dtype=np.float32),
        csr([sorted(relevant)] * len(ranks)),
        query_languages=[f"l{q % 3}" for q in range(len(ranks))],
        candidate_languages=[f"l{c % 7}" for c in range(14)],
        measures=["AP", "RR"],
    )
    for name in ("AP", "RR"):
        expected = oracle_evaluation(
            as_rows(result.ranks), [f"l{q % 3}" for q in range(len(ranks))], name
        )
        for setting in SETTINGS:
            found = result.per_query(setting, name)
            assert np.array_equal(found, expected.per_query[setting], equal_nan=True), setting
            assert result.by_language(setting, name) == expected.by_language[setting]
            value, right = result[setting][name], expected.setting[setting]
            assert value == right or (math.isnan(value) and math.isnan(right)), (setting, name)


def test_cross_lingual_values_of_a_query_are_correctly_rounded_means() -> None:
    """1/3 in ten languages: added one after the other, the mean is another number."""
    languages = [f"l{y:02}" for y in range(10) for _ in range(3)]
    result = evaluate(
        np.ones((1, 1), np.float32),
        np.ones((30, 1), np.float32),
        ([0, 10], list(range(0, 30, 3))),
        query_languages=["en"],
        candidate_languages=languages,
        measures=["AP"],
    )
    assert set(result.matrix("AP").values()) == {1 / 3}
    mean = oracle_mean([1 / 3] * 10)
    assert result["cross_lingual"]["AP"] == mean
    assert result.by_language("cross_lingual", "AP") == {"en": mean}
    assert result.per_query("cross_lingual", "AP").tolist() == [mean]


@pytest.mark.parametrize(
    ("given_as", "kept"),
    [
        (lambda rows: rows.astype(np.float16), np.float16),
        (lambda rows: np.asfortranarray(rows), np.float32),
        (lambda rows: torch.tensor(rows), np.float32),
        (lambda rows: torch.tensor(rows).half(), np.float16),
        (lambda rows: torch.tensor(rows, requires_grad=True), np.float32),
    ],
    ids=["float16", "Fortran", "torch float32", "torch float16", "torch with gradient"],
)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_vectors_of_other_types(
    given_as: Callable[[Any], Any], kept: type[np.floating[Any]], similarity: Similarity
) -> None:
    rng = np.random.default_rng(20)
    task = random_task(rng, "clustered", queries=8, candidates=30, dimension=70)
    task = as_evaluation_task(rng, task)
    task = dataclasses.replace(
        task,
        queries=task.queries.astype(kept).astype(np.float32),
        candidates=task.candidates.astype(kept).astype(np.float32),
    )
    check_given(task, given_as(task.queries), given_as(task.candidates), similarity)


def test_torch_bfloat16() -> None:
    rng = np.random.default_rng(21)
    task = as_evaluation_task(
        rng, random_task(rng, "random", queries=8, candidates=30, dimension=70)
    )
    queries, candidates = torch.tensor(task.queries), torch.tensor(task.candidates)
    queries, candidates = queries.bfloat16(), candidates.bfloat16()
    task = dataclasses.replace(
        task, queries=queries.float().numpy(), candidates=candidates.float().numpy()
    )
    check_given(task, queries, candidates, "dot")


def check_given(task: Task, queries: Any, candidates: Any, similarity: Similarity) -> None:
    query_languages = [task.languages[q] for q in range(len(task.queries))]
    result = evaluate(
        queries,
        candidates,
        task.judged_lists(),
        query_languages=np.array(query_languages).tolist(),
        candidate_languages=task.languages,
        measures=NAMES,
        similarity=similarity,
    )
    assert_exact(result, task, query_languages, "pessimistic", similarity)


def test_a_memory_map_of_several_blocks(tmp_path: Path) -> None:
    """20,000 candidates, many of them tied, in one file that can only be read."""
    rng = np.random.default_rng(22)
    candidates = rng.integers(-3, 4, (20_000, 3)).astype(np.float32)
    np.save(tmp_path / "candidates.npy", candidates)
    stored = np.load(tmp_path / "candidates.npy", mmap_mode="r")
    assert isinstance(stored, np.memmap)
    judged = [{0: 1, 19_999: 1, 8_192: 2}, {8_191: 1, 16_384: 0, 12_345: 1}]
    languages = rng.choice(["de", "en", "fr"], 20_000).tolist()
    task = Task(
        np.array([[1, 2, 3], [2, -1, 2]], np.float32),
        candidates,
        list(range(20_000)),
        languages,
        judged,
    )
    result = evaluate(
        task.queries,
        stored,
        task.judged_lists(),
        query_languages=["de", "en"],
        candidate_languages=languages,
        measures=NAMES,
        threads=2,
    )
    assert result.ties > 1_000
    assert_exact(result, task, ["de", "en"], "pessimistic", "dot")


def test_an_evaluation_of_shards_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(23)
    task = as_evaluation_task(
        rng, random_task(rng, "duplicated", queries=9, candidates=31, dimension=40)
    )
    query_languages = [str(name) for name in rng.choice(["de", "en", "zh"], 9)]
    shards = [RankCounter(task.queries, task.judged_lists()) for _ in range(2)]
    rows = [rng.permutation(31)[:0], np.arange(31)]
    cut = np.flatnonzero(rng.random(31) < 0.4)
    rows = [cut[::-1], np.setdiff1d(np.arange(31), cut)]
    for shard, part in zip(shards, rows, strict=True):
        shard.anchor(task.candidates[part], part)
    shards[0].merge(shards[1])
    shards[1].merge(shards[0])
    for shard, part in zip(shards, rows, strict=True):
        shard.add(task.candidates[part], part, [task.languages[c] for c in part])
    shards[0].merge(shards[1])
    result = Evaluation(shards[0], query_languages, [Measure.parse(n) for n in NAMES], "trec")
    assert_exact(result, task, query_languages, "trec", "dot")


def test_languages_are_named_by_text_of_any_kind() -> None:
    result = evaluate(
        np.array([[1], [-1], [1]], np.float32),
        CANDIDATES,
        csr(relevant for *_, relevant in COMPLETE),
        query_languages=np.array(["en", "de", "fr"]),  # type: ignore[arg-type]
        candidate_languages=np.array(LANGUAGES),  # type: ignore[arg-type]
    )
    assert result["cross_lingual"]["AP"] == 5 / 6
    assert result.by_language("monolingual", "AP") == {"de": 0.5, "en": 0.5, "fr": 1.0}


def test_zero_rows_are_reported() -> None:
    candidates = np.concatenate([CANDIDATES, np.zeros((2, 1), np.float32)])
    counts = {}
    for similarity in SIMILARITIES:
        result = evaluate(
            np.array([[0], [1]], np.float32),
            candidates,
            ([0, 1, 2], [0, 7]),
            query_languages=["en", "en"],
            candidate_languages=[*LANGUAGES, "en", "en"],
            similarity=similarity,
        )
        counts[similarity] = result.zero_rows
    assert counts == {"dot": 0, "cosine": 3}


def test_what_is_asked_for_when_nothing_is_said() -> None:
    result = evaluate(
        np.array([[1]], np.float32),
        CANDIDATES,
        ([0, 1], [1]),
        query_languages=["en"],
        candidate_languages=LANGUAGES,
    )
    assert list(result["multilingual"]) == ["AP", "R@1", "R@10"]
    assert result["multilingual"] == {"AP": 1 / 5, "R@1": 0.0, "R@10": 1.0}


# Bad input

SOUND: dict[str, Any] = {
    "queries": np.array([[1], [-1], [1]], np.float32),
    "candidates": CANDIDATES,
    "relevant": csr(relevant for *_, relevant in COMPLETE),
    "query_languages": ["en", "de", "fr"],
    "candidate_languages": LANGUAGES,
}
NOT_FINITE = CANDIDATES.copy()
NOT_FINITE[4] = np.nan
NOT_JUDGED = CANDIDATES.copy()
NOT_JUDGED[5] = np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"query_languages": ["en", "de"]},
            "query_languages has 2 entries for 3 rows: give one each",
        ),
        (
            {"query_languages": ["en"] * 4},
            "query_languages has 4 entries for 3 rows: give one each",
        ),
        (
            {"candidate_languages": LANGUAGES[1:]},
            "candidate_languages has 5 entries for 6 rows: give one each",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 6, 2])},
            "candidate 6 is judged but the candidates are 0 to 5",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, -2, 2])},
            "query 1 names candidate -2: ids are 0 or more",
        ),
        (
            {"relevant": ([0, 1, 2], [0, 1])},
            "there are 3 queries but judged lists for 2: give one list each",
        ),
        (
            {"relevant": ([0, 1, 2, 4], [0, 1, 2])},
            "relevant: indptr must rise from 0 to the number of indices, 3; it holds 4 numbers "
            "from 0 to 4",
        ),
        (
            {"relevant": ([0, 1, 3, 4], [0, 1, 1, 2])},
            "candidate 1 is judged twice for query 1: name it once",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 1, 2], [1, -3, 1])},
            "query 1 gives candidate 1 the negative grade -3: grades are 0 (judged, not relevant) "
            "or more",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 1, 2], [1, 1])},
            "3 judged candidates have 2 grades: give one each",
        ),
        (
            {"relevant": ([0, 1, 1, 2], [0, 1])},
            "query 1 has no relevant candidate (1 queries have none): leave such queries out, or "
            "give empty='zero' or empty='skip'",
        ),
        (
            {"relevant": ([0, 1, 2, 3], [0, 1, 2], [1, 0, 0])},
            "query 1 has no relevant candidate (2 queries have none): leave such queries out, or "
            "give empty='zero' or empty='skip'",
        ),
        (
            {"queries": np.array([[1], [1], [np.inf]], np.float32)},
            "query 2 holds NaN or infinity: scores need finite vectors; check the encoder's output",
        ),
        (
            {"candidates": NOT_JUDGED, "relevant": ([0, 1, 2, 3], [0, 1, 2])},
            "candidate 5 (row 5 of its block) holds NaN or infinity: scores need finite vectors; "
            "check the encoder's output",
        ),
        (
            {"queries": np.ones((3, 2), np.float32)},
            "the candidates have dimension 1 but the queries 2: encode both with one model",
        ),
        (
            {"measures": ["AP", "ERR"]},
            "unknown measure 'ERR': choose AP, nDCG, RR, R, P, Success or Judged, written as AP, "
            "AP(rel=2)@100 or nDCG(dcg='exp-log2')@10, or trec_eval's map, map_cut_10, ndcg, "
            "ndcg_cut_10, recip_rank, P_10, recall_10 or success_10",
        ),
        ({"measures": ["R"]}, "measure 'R' needs a cutoff of at least 1, as in R@10"),
        ({"similarity": "euclid"}, "similarity='euclid': choose 'dot' or 'cosine'"),
        ({"empty": "drop"}, "empty='drop': choose 'zero', 'skip' or 'error'"),
        (
            {"exclude": ([0, 1, 1, 1], [1])},
            "query 0 excludes candidate 1, which it also judges: do one or the other",
        ),
        ({"threads": 0}, "threads=0: give at least 1, or None for all processors"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    with refusal(message):
        evaluate(**SOUND | arguments)


def test_a_judged_candidate_that_is_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match=r"^candidate 4 \(row \d of its block\) holds NaN or inf"):
        evaluate(**SOUND | {"candidates": NOT_FINITE})


def test_float64_is_refused() -> None:
    for name in ("queries", "candidates"):
        with pytest.raises(TypeError, match=r" has dtype float64: give float32, float16 or bfloa"):
            evaluate(**SOUND | {name: SOUND[name].astype(np.float64)})


def test_languages_that_are_no_names() -> None:
    """Numbers and missing values would be languages of their own, and no query monolingual."""
    for name, languages, message in (
        (
            "query_languages",
            ["en", None, "de"],
            "query_languages: row 1 has None: give names as st",
        ),
        ("query_languages", [1, 2, 1], "query_languages: row 0 has 1: give names as str"),
        (
            "candidate_languages",
            [*LANGUAGES[:5], 2],
            "the language 2 is of type int: give names as str",
        ),
    ):
        with pytest.raises(TypeError, match=f"^{message}"):
            evaluate(**SOUND | {name: languages})


def test_measures_that_are_no_list() -> None:
    message = r"^measures='AP': give a list of names, as in \['AP'\]$"
    with pytest.raises(TypeError, match=message):
        evaluate(**SOUND | {"measures": "AP"})


def test_a_measure_goes_by_any_of_its_names() -> None:
    result = by_hand(COMPLETE, ["AP", "R@1"])
    assert result.measures == ("AP", "R@1")
    assert result.matrix("map") == result.matrix("AP")
    for setting in SETTINGS:
        assert result.by_language(setting, "recall_1") == result.by_language(setting, "R@1")


def test_an_unknown_tie_policy() -> None:
    with pytest.raises(
        ValueError, match=r"^ties=.chance.: choose 'pessimistic', 'optimistic', 'trec' or 'docid'$"
    ):
        evaluate(**SOUND | {"ties": "chance"})


@pytest.mark.parametrize("measures", [["AP"], []])
def test_an_unknown_setting(measures: list[str]) -> None:
    result = by_hand(COMPLETE, measures)
    message = "unknown setting 'bilingual': choose one of monolingual, cross_lingual, multilingual"
    with refusal(message):
        result["bilingual"]  # type: ignore[index]
    for call in (result.by_language, result.per_query):
        with refusal(message):
            call("bilingual", "AP")  # type: ignore[arg-type]


def test_a_measure_that_was_not_asked_for() -> None:
    result = by_hand(COMPLETE, ["AP", "R@1"])
    message = "measure 'RR' was not asked for: there are AP, R@1"
    with refusal(message):
        result.matrix("RR")
    for setting in SETTINGS:
        with refusal(message):
            result.per_query(setting, "RR")
        with refusal(message):
            result.by_language(setting, "RR")


@pytest.mark.parametrize("languages", [["en", "de"], ["en", "de", "fr", "fr"]])
def test_an_evaluation_needs_a_language_for_each_query(languages: list[str]) -> None:
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES, range(6), LANGUAGES)
    with pytest.raises(ValueError, match=f"query_languages has {len(languages)} entries for 3"):
        Evaluation(counter, languages, [Measure.parse("AP")])


def test_an_evaluation_of_a_counter_that_has_not_seen_all() -> None:
    counter = RankCounter(SOUND["queries"], SOUND["relevant"])
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES[:4], range(4), LANGUAGES[:4])
    with refusal(
        "candidate 4 is judged but was never added: add every block of candidates before asking "
        "for ranks"
    ):
        Evaluation(counter, ["en", "de", "fr"], [Measure.parse("AP")])
    counter.add(CANDIDATES[4:], [4, 5], LANGUAGES[4:])
    result = Evaluation(counter, ["en", "de", "fr"], [Measure.parse("AP")])
    assert result["cross_lingual"]["AP"] == 5 / 6


def test_rows_of_the_example() -> None:
    """The oracle itself, on the corpus by hand."""
    rows = [Row(0, 1, 1, "en", 2, 5), Row(0, 3, 1, "de", 2, 3), Row(0, 4, 1, "fr", 1, 4)]
    assert as_rows(by_hand(COMPLETE).ranks)[:3] == rows
    expected = oracle_evaluation(rows, ["en"], "AP")
    assert expected.setting == {
        "monolingual": 1 / 2,
        "cross_lingual": 3 / 4,
        "multilingual": (1 / 3 + 2 / 4 + 3 / 5) / 3,
    }
    assert expected.per_query["cross_lingual"] == [3 / 4]
    assert oracle_rank_distance(rows, ["en"]) == ({"en": 2.0}, 2.0)

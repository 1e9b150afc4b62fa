"""evaluate: settings, macro means and language bias, by hand."""

import math
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas
import pyarrow
import pytest
from numpy.typing import NDArray

from counting import refusal
from hybridsampler import Evaluation, RankCounter, evaluate
from hybridsampler.evaluation import SETTINGS
from hybridsampler.measures import Measure, mean
from naive_ranking import (
    POLICIES,
    SIMILARITIES,
    as_rows,
    csr,
    log2,
)
from three_languages import CANDIDATES, COMPLETE, LANGUAGES, by_hand


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


def test_an_evaluation_becomes_a_dict_of_its_macro_means() -> None:
    result = by_hand(COMPLETE, ["AP"])
    assert dict(result) == {setting: result[setting] for setting in SETTINGS}


def test_repr_shows_the_macro_means() -> None:
    assert repr(by_hand(COMPLETE, ["AP", "Success(rel=1)@1"])) == (
        "<Evaluation of 3 queries\n"
        "                     AP Success@1\n"
        "monolingual    0.666667  0.333333\n"
        "cross_lingual  0.833333  0.666667\n"
        "multilingual   0.675926  0.666667\n"
        "rank distance 3.333>"
    )


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
    result = by_hand(COMPLETE, ["AP"])
    assert tuple(result) == SETTINGS


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


def test_no_query_counts_where_exclusions_leave_no_pool() -> None:
    """The second is left without English candidates, the third without any."""
    options: dict[str, Any] = {
        "relevant": ([0, 1, 1, 1], [1]),
        "exclude": ([0, 0, 2, 8], [0, 1, *range(6)]),
        "query_languages": ["en", "en", "en"],
        "measures": ["AP"],
    }
    queries = np.ones((3, 1), np.float32)
    result = evaluate(queries, CANDIDATES, **options, candidate_languages=LANGUAGES, empty="zero")
    nan = math.nan
    expected = [[1 / 2, nan, nan], [nan, 0, nan], [1 / 5, 0, nan]]
    found = [result.per_query(setting, "AP") for setting in SETTINGS]
    assert np.array_equal(found, expected, equal_nan=True)
    assert result.matrix("AP") == {("en", "en"): 1 / 2, ("en", "de"): 0, ("en", "fr"): 0}
    assert result["multilingual"] == {"AP": 1 / 10}


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


# What is asked for and told


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


def test_languages_may_be_members_of_an_enum() -> None:
    """They are text, whatever str() makes of them: "member.ENGLISH", or cut off to "me"."""
    member: Any = Enum("member", {"ENGLISH": "en", "GERMAN": "de", "FRENCH": "fr"}, type=str)
    arguments: dict[str, Any] = {
        "queries": np.array([[1], [-1], [1]], np.float32),
        "candidates": CANDIDATES,
        "relevant": csr(relevant for *_, relevant in COMPLETE),
        "measures": ["AP", "Judged@3"],
        "exclude": csr([[2], [], [1]]),
    }
    names: dict[str, Any] = {
        "query_languages": ["en", "de", "fr"],
        "candidate_languages": LANGUAGES,
    }
    texts = evaluate(**arguments, **names)
    own: dict[str, Any] = {name: [member(text) for text in names[name]] for name in names}
    members = evaluate(**arguments, **own)
    assert members.matrix("Judged@3") == texts.matrix("Judged@3")
    assert members.by_language("multilingual", "AP") == texts.by_language("multilingual", "AP")
    assert members.columns()["query_language"].tolist() == ["en", "de", "fr"] * 3


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


def test_a_measure_goes_by_any_of_its_names() -> None:
    result = by_hand(COMPLETE, ["AP", "R@1"])
    assert result.measures == ("AP", "R@1")
    assert result.matrix("map") == result.matrix("AP")
    for setting in SETTINGS:
        assert result.by_language(setting, "recall_1") == result.by_language(setting, "R@1")


@pytest.mark.parametrize(
    "measures",
    [["map", "R@1"], [Measure("AP"), Measure("R", 1)], ["AP", Measure("R", 1), Measure("AP")]],
)
def test_measures_are_given_by_name_or_as_they_are(measures: Sequence[str | Measure]) -> None:
    """An evaluation of a counter takes what evaluate takes."""
    query, relevant = np.ones((1, 1), np.float32), ([0, 1], [1])
    counter = RankCounter(query, relevant)
    counter.anchor(CANDIDATES, range(6))
    counter.add(CANDIDATES, range(6), LANGUAGES)
    found = evaluate(
        *(query, CANDIDATES, relevant),
        query_languages=["en"],
        candidate_languages=LANGUAGES,
        measures=measures,
    )
    for result in (Evaluation(counter, ["en"], measures), found):
        assert result.measures == ("AP", "R@1")
        assert result["multilingual"] == {"AP": 1 / 5, "R@1": 0.0}


def test_the_example_of_the_docs_prints_what_it_says() -> None:
    text = (Path(__file__).parents[2] / "docs/scorer.md").read_text(encoding="utf-8")
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == printed

"""evaluate equals the naive oracle digit for digit, whatever it is given."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridsampler import Evaluation, RankCounter, evaluate
from hybridsampler.evaluation import SETTINGS
from hybridsampler.measures import Measure, Policy
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
    oracle_evaluation,
    oracle_mean,
    oracle_rank_distance,
    oracle_ranks,
    oracle_ties,
    random_task,
    renumbered,
    task_scores,
)
from three_languages import COMPLETE, by_hand

NAMES = ("AP", "AP@3", "RR", "RR@2", "R@1", "R@10", "P@3", "Success@2", "nDCG", "nDCG@3")
GRADED = (*NAMES, "AP(rel=2)", "R(rel=3)@5", "nDCG(dcg='exp-log2')@4", "Judged@3", "Judged@10")


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

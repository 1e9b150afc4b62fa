"""mteb: our scoring function and index in its places, against its own and against naive ranks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import mteb
import mteb._evaluators.retrieval_evaluator as mteb_evaluator
import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores as mteb_scores
from mteb.models import SearchProtocol
from mteb.models.search_wrappers import SearchEncoderWrapper
from mteb.types import PromptType
from numpy.typing import NDArray

from hybridsampler import RankCounter
from hybridsampler.integrations.mteb import ExactIndex, calculate_retrieval_scores
from naive_ranking import scores as naive_scores
from sentence_models import static_model

Float32 = NDArray[np.float32]


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, int]]]:
    """Few scores, so that there are ties, and documents that were judged and not retrieved."""
    documents = st.sampled_from([f"d{n}" for n in range(12)])
    results, qrels = {}, {}
    for query in draw(st.lists(st.sampled_from("abcde"), min_size=1, unique=True)):
        scores = st.sampled_from([-1.5, 0.0, 0.25, 0.5, 2.0])
        results[query] = draw(st.dictionaries(documents, scores, min_size=1))
        qrels[query] = draw(st.dictionaries(documents, st.integers(0, 3), min_size=1))
    return results, qrels


K_VALUES = [1, 2, 5, 100]


@settings(deadline=None)
@given(drawn=runs())
def test_it_is_mtebs_function_to_five_decimals(
    drawn: tuple[dict[str, dict[str, float]], dict[str, dict[str, int]]],
) -> None:
    results, qrels = drawn
    ours = calculate_retrieval_scores(results, qrels, K_VALUES)
    theirs = mteb_scores(results, qrels, K_VALUES)
    assert type(ours) is type(theirs)
    for name in ("ndcg", "map", "recall", "precision", "hit_rate"):
        rounded = {key: round(value, 5) for key, value in getattr(ours, name).items()}
        # A mean at the very middle between two roundings may go either way.
        assert rounded == pytest.approx(getattr(theirs, name), abs=1.01e-5, rel=0), name
    assert ours.mrr == pytest.approx(theirs.mrr, rel=1e-12)
    assert ours.all_scores.keys() == theirs.all_scores.keys()
    for query, values in ours.all_scores.items():
        assert values == pytest.approx(theirs.all_scores[query], rel=1e-12)
    for name in ("naucs", "naucs_mrr"):
        assert getattr(ours, name) == pytest.approx(
            getattr(theirs, name), rel=1e-6, abs=1e-6, nan_ok=True
        )


def test_float32_makes_no_ties() -> None:
    results = {"q": {"a": 1.0 + 1e-12, "b": 1.0}}
    qrels = {"q": {"a": 1}}
    assert calculate_retrieval_scores(results, qrels, [1]).map == {"MAP@1": 1.0}
    assert mteb_scores(results, qrels, [1]).map == {"MAP@1": 0.0}


def test_nothing_is_rounded() -> None:
    results = {query: {"a": 1.0, "b": 0.5} for query in "xyz"}
    qrels = {"x": {"a": 1}, "y": {"b": 1}, "z": {"b": 1}}
    assert calculate_retrieval_scores(results, qrels, [1]).recall == {"Recall@1": 1 / 3}
    assert mteb_scores(results, qrels, [1]).recall == {"Recall@1": 0.33333}


def test_a_query_may_have_found_nothing_or_have_nothing_to_find() -> None:
    results = {"q": {"a": 1.0}, "r": {}, "s": {"a": 1.0}}
    qrels = {"s": {}, "unasked": {"a": 1}, "r": {"a": 1}, "q": {"a": 1}}
    found = calculate_retrieval_scores(results, qrels, [1])
    assert found.map == {"MAP@1": 1 / 3}
    assert [found.all_scores[query]["map_cut_1"] for query in results] == [1.0, 0.0, 0.0]


def test_the_first_result_may_be_skipped() -> None:
    results = {"q": {"a": 1.0, "b": 1.0, "c": 0.5}}
    qrels = {"q": {"a": 1, "b": 1, "c": 1}}
    found = calculate_retrieval_scores(results, qrels, [1, 3], skip_first_result=True)
    assert found.recall == {"Recall@1": 1 / 3, "Recall@3": 2 / 3}
    assert "b" in results["q"]  # the caller's own are left alone


@pytest.mark.parametrize(
    ("results", "qrels", "message"),
    [
        ({}, {}, "results is empty: there is no query to measure"),
        ({"q": {"a": 1.0}}, {}, "query 'q' has no judgements: leave it out of the results"),
        (
            {"q": {"a": 1.0, "b": float("nan")}},
            {"q": {"a": 1}},
            'query "q", document "b": score NaN is not finite and has no place in a ranking',
        ),
        ({"q": {"a": 1.0}}, {"q": {"a": -1}}, 'query "q", document "a": grade -1 is negative'),
    ],
)
def test_bad_runs(results: Any, qrels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        calculate_retrieval_scores(results, qrels, [1])


@pytest.mark.parametrize(
    ("score", "error", "message"),
    [
        (float("nan"), ValueError, 'query "q", document "a": score NaN is not finite'),
        ("high", TypeError, 'query "q", document "a": the score high is of type str'),
    ],
)
def test_what_is_no_score_is_not_skipped_as_the_first_result(
    score: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        calculate_retrieval_scores({"q": {"a": score, "b": 1.0}}, {"q": {"b": 1}}, [1], True)


def test_no_cutoff_at_all() -> None:
    with pytest.raises(ValueError, match=r"^k_values is empty: name at least one cutoff"):
        calculate_retrieval_scores({"q": {"a": 1.0}}, {"q": {"a": 1}}, [])


# The index


@st.composite
def vectors(draw: st.DrawFn) -> tuple[Float32, Float32]:
    """Random, or of so few values that most scores are equal, and rows that come twice."""
    seed, dimension = draw(st.integers(0, 99)), draw(st.sampled_from([1, 3, 32, 33, 70]))
    rng = np.random.default_rng(seed)
    shapes = [(draw(st.integers(1, 4)), dimension), (draw(st.integers(1, 40)), dimension)]
    if draw(st.booleans()):
        queries, documents = (rng.integers(-1, 2, shape).astype(np.float32) for shape in shapes)
    else:
        queries, documents = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    again = draw(st.lists(st.integers(0, len(documents) - 1), max_size=5))
    scale = np.float32(draw(st.sampled_from([1.0, 1e-30, 1e15])))
    return queries, np.concatenate([documents, documents[again]]) * scale


@settings(deadline=None)
@given(drawn=vectors(), top_k=st.integers(1, 50))
def test_the_first_k_are_those_of_the_naive_order(
    drawn: tuple[Float32, Float32], top_k: int
) -> None:
    queries, documents = drawn
    ids = [f"d{(7 * n) % len(documents)}-{n}" for n in range(len(documents))]
    index = ExactIndex("dot")
    half = len(documents) // 2
    index.add_documents(documents[:half], ids[:half])
    index.add_documents(documents[half:], ids[half:])
    scores, places = index.search(queries, top_k)
    for exact, found, at in zip(naive_scores(queries, documents), scores, places, strict=True):
        order = sorted(range(len(ids)), key=lambda n: (exact[n], ids[n]), reverse=True)[:top_k]
        assert at == order
        assert found == [exact[n] for n in order]


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_places_are_the_rank_counters_ranks(similarity: Any) -> None:
    rng = np.random.default_rng(3)
    queries, documents = rng.integers(-2, 3, (5, 40)), rng.integers(-2, 3, (60, 40))
    queries, documents = queries.astype(np.float32), documents.astype(np.float32)
    documents[7] = 0
    numbers = np.arange(60)
    counter = RankCounter(
        queries,
        (numbers[:6] * 60, np.tile(numbers, 5)[: 5 * 60]),
        similarity=similarity,
    )
    counter.anchor(documents, numbers)
    counter.add(documents, numbers, ["en"] * 60)
    index = ExactIndex(similarity)
    index.add_documents(documents, [f"{n:02d}" for n in numbers])
    _, places = index.search(queries, 60)
    ranks = counter.ranks(ties="trec").overall.reshape(5, 60)
    for row, found in zip(ranks, places, strict=True):
        assert row[found].tolist() == list(range(1, 61))


def test_some_documents_may_be_ranked_again() -> None:
    index = ExactIndex("dot")
    index.add_documents(np.array([[1], [2], [3]], np.float32), ["a", "b", "c"])
    scores, places = index.search(
        np.array([[1], [-1], [1]], np.float32),
        2,
        top_ranked={"x": ["b", "a", "c"], "y": ["c", "a"]},
        query_idx_to_id={0: "x", 1: "y", 2: "none"},
    )
    assert scores == [[3.0, 2.0], [-1.0, -3.0], []]
    assert places == [[2, 0], [1, 0], []]
    index.clear()
    with pytest.raises(ValueError, match="the index is empty: add_documents comes before search"):
        index.search(np.array([[1]], np.float32), 1)


def test_a_document_that_is_listed_twice_is_ranked_once() -> None:
    """It took the place of another; mteb keeps results by their ids."""
    index = ExactIndex("dot")
    index.add_documents(np.array([[1], [2], [3]], np.float32), ["a", "b", "c"])
    query = np.ones((1, 1), np.float32)
    names = {"q": ["a", "c", "b", "c", "a"]}
    found = index.search(query, 2, top_ranked=names, query_idx_to_id={0: "q"})
    assert found == ([[3.0, 2.0]], [[1, 2]])
    found = index.search(query, 5, top_ranked=names, query_idx_to_id={0: "q"})
    assert found == ([[3.0, 2.0, 1.0]], [[1, 2, 0]])


def test_bad_vectors() -> None:
    with pytest.raises(ValueError, match="similarity='l2': choose 'cosine' or 'dot'"):
        ExactIndex("l2")  # type: ignore[arg-type]
    index = ExactIndex()
    with pytest.raises(ValueError, match="there are 2 embeddings for 1 ids: give one each"):
        index.add_documents(np.ones((2, 3), np.float32), ["a"])
    with pytest.raises(ValueError, match="embeddings: row 1 holds NaN or infinity"):
        index.add_documents(np.array([[1], [np.nan]], np.float32), ["a", "b"])
    with pytest.raises(TypeError, match="embeddings has dtype float64"):
        index.add_documents(np.ones((2, 3)), ["a", "b"])
    index.add_documents(np.ones((1, 3), np.float32), ["a"])
    with pytest.raises(ValueError, match="top_ranked needs query_idx_to_id"):
        index.search(np.ones((1, 3), np.float32), 1, top_ranked={})


def test_ids_that_come_twice() -> None:
    rows = np.ones((2, 3), np.float32)
    index = ExactIndex()
    index.add_documents(rows, ["a", "b"])
    for again in (["c", "b"], ["c", "c"]):
        message = f"id {again[1]!r} comes twice: give each document its own, and clear() before"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            index.add_documents(rows, again)
    assert index.search(rows[:1], 9)[1] == [[1, 0]]  # nothing was taken over
    index.clear()
    index.add_documents(rows, ["b", "a"])


def test_ids_that_are_no_text() -> None:
    index = ExactIndex()
    for wrong in (1, None):
        with pytest.raises(TypeError, match=f"^an id is {wrong}: give ids as str$"):
            index.add_documents(np.ones((2, 3), np.float32), ["a", wrong])  # type: ignore[list-item]  # what is refused
    index.add_documents(np.ones((1, 3), np.float32), ["a"])  # nothing was taken over


def test_searches_that_cannot_be() -> None:
    index = ExactIndex()
    index.add_documents(np.ones((2, 3), np.float32), ["a", "b"])
    with pytest.raises(ValueError, match="embeddings has dimension 4 but the documents have 3: en"):
        index.add_documents(np.ones((1, 4), np.float32), ["c"])
    query = np.ones((1, 3), np.float32)
    with pytest.raises(ValueError, match="embeddings has dimension 2 but the documents have 3: en"):
        index.search(query[:, :2], 1)
    for top_k in (0, -1):
        with pytest.raises(ValueError, match=f"top_k={top_k}: ask for 1 or more"):
            index.search(query, top_k)
    for wrong in (2.5, "2", None):
        with pytest.raises(TypeError, match=f"^top_k={wrong!r}: give a whole number, as int$"):
            index.search(query, wrong)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(ValueError, match=r"^query_idx_to_id lacks query 0: name each of the 1$"):
        index.search(query, 1, top_ranked={"q": ["a"]}, query_idx_to_id={1: "q"})
    message = "top_ranked names 'z' for query 'q', which is no document of the index"
    with pytest.raises(ValueError, match=message):
        index.search(query, 1, top_ranked={"q": ["a", "z"]}, query_idx_to_id={0: "q"})


# Inside mteb


@pytest.mark.filterwarnings("ignore")  # of mteb and of what it brings
def test_a_task_is_searched_and_scored_by_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """mteb's own mock task; the same model searched and scored by mteb gives the same."""
    from mteb.mocks.mock_tasks.retrieval import MockRetrievalTask
    from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper

    model = SentenceTransformerEncoderWrapper(static_model())
    wrapped = SearchEncoderWrapper(model, index_backend=ExactIndex())
    assert isinstance(wrapped, SearchProtocol)

    def scores(searched: Any) -> Mapping[str, Any]:
        found = mteb.evaluate(
            searched, MockRetrievalTask(), cache=None, co2_tracker=False, show_progress_bar=False
        )
        (entry,) = found.task_results[0].scores["test"]
        return entry

    with monkeypatch.context() as plugged:
        name = "calculate_retrieval_scores"
        plugged.setattr(mteb_evaluator, name, calculate_retrieval_scores)
        ours = scores(wrapped)
    theirs = scores(SearchEncoderWrapper(model))
    assert {name for name in ours if "map" in name or "ndcg" in name}
    for name, value in theirs.items():
        if isinstance(value, float):
            assert ours[name] == pytest.approx(value, abs=1.01e-5, nan_ok=True), name


@pytest.mark.filterwarnings("ignore")  # of mteb and of what it brings
def test_mteb_keeps_the_digits_of_the_scores_by_which_it_ranks_again() -> None:
    """It makes tensors of them: of Python's floats these are float32, in which two are tied."""
    from mteb.mocks.mock_tasks.retrieval import MockRetrievalTask

    near = np.array([[1, 2.0**-30], [1, 0], [0, 1]], np.float32)
    asked = np.array([[1, 1]], np.float32)

    class Model:
        mteb_model_meta = None
        similarity = None

        def encode(self, inputs: Any, *, prompt_type: PromptType, **given: Any) -> Float32:
            return asked if prompt_type == PromptType.query else near

    def texts(*ids: str) -> Any:
        return Dataset.from_dict({"id": list(ids), "text": list(ids)})

    given: Any = {
        "task_metadata": MockRetrievalTask().metadata,
        "hf_split": "test",
        "hf_subset": "default",
        "encode_kwargs": {},
    }
    model: Any = Model()
    for listed, last in ((None, "c"), ({"q": ["b", "a"]}, "b")):
        wrapped = SearchEncoderWrapper(model, index_backend=ExactIndex("dot"))
        wrapped.index(texts("a", "b", "c"), **given)
        found = wrapped.search(texts("q"), top_k=2, top_ranked=listed, **given)
        assert found == {"q": {"a": 1 + 2.0**-30, last: 1.0}}

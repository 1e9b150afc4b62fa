"""A benchmark and an encoder, or saved vectors: the numbers are those of evaluate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark_files import miracl
from hybridsampler import Evaluation, evaluate
from hybridsampler.benchmarks import Benchmark, load_miracl
from hybridsampler.encoders import NgramEncoder, SentenceEncoder
from hybridsampler.measures import Measure
from hybridsampler.results import Result, read_results, write_results
from hybridsampler.scoring import Options, score_encoder, score_vectors
from hybridsampler.tables import Table, language_table, macro_tables, matrix_table
from parquet_files import as_lists, write_parquet
from sentence_models import static_model

ROOT = Path(__file__).parents[2]


class Lookup:
    """An encoder that knows the vector of each text, and notes how many it was asked for."""

    def __init__(self, queries: NDArray[Any], candidates: NDArray[Any]) -> None:
        self.vectors = {"q": queries, "c": candidates}
        self.asked: list[str] = []

    def _encode(self, texts: Sequence[str]) -> NDArray[Any]:
        self.asked += texts
        return np.stack([self.vectors[text[0]][int(text[1:])] for text in texts])

    encode_queries = encode_candidates = _encode


def _benchmark(
    query_languages: Sequence[str],
    candidate_languages: Sequence[str],
    judged: Sequence[dict[int, int]],
    *,
    monolingual: bool = False,
) -> Benchmark:
    return Benchmark(
        name="any",
        queries=[f"q{n}" for n in range(len(query_languages))],
        query_ids=[f"q{n}" for n in range(len(query_languages))],
        query_languages=list(query_languages),
        candidates=[f"c{n}" for n in range(len(candidate_languages))],
        candidate_ids=[f"c{n}" for n in range(len(candidate_languages))],
        candidate_languages=candidate_languages,
        indptr=np.cumsum([0, *map(len, judged)], dtype=np.int64),
        indices=np.array([c for row in judged for c in sorted(row)], np.int64),
        grades=np.array([row[c] for row in judged for c in sorted(row)], np.int64),
        monolingual=monolingual,
    )


@st.composite
def monolingual(draw: st.DrawFn) -> tuple[Benchmark, NDArray[Any], NDArray[Any]]:
    """Languages with candidates and, not always, queries; few values, so that there are ties."""
    sizes = draw(st.dictionaries(st.sampled_from("dfat"), st.integers(1, 6), min_size=1))
    candidate_languages = [name for name, size in sizes.items() for _ in range(size)]
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    asked = draw(st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=5))
    judged = []
    for name in asked:
        own = st.integers(starts[name], starts[name] + sizes[name] - 1)
        row = draw(st.dictionaries(own, st.integers(0, 2), min_size=1))
        judged.append(row | {next(iter(row)): 1})
    vectors = st.lists(st.integers(-1, 1), min_size=3, max_size=3)
    drawn = [
        np.array(draw(st.lists(vectors, min_size=n, max_size=n)), np.float32)
        for n in (len(asked), len(candidate_languages))
    ]
    return _benchmark(asked, candidate_languages, judged, monolingual=True), drawn[0], drawn[1]


MEASURES = ("AP", "R@2")


@settings(deadline=None, max_examples=60)
@given(drawn=monolingual())
def test_a_monolingual_benchmark_is_its_languages_one_by_one(
    drawn: tuple[Benchmark, NDArray[Any], NDArray[Any]],
) -> None:
    benchmark, queries, candidates = drawn
    encoder = Lookup(queries, candidates)
    options = Options(measures=MEASURES, similarity="dot")
    found = score_encoder(benchmark, encoder, "any", options)
    assert score_vectors(benchmark, queries, candidates, "any", options) == found
    asked = sorted(set(benchmark.query_languages))
    for measure in MEASURES:
        expected = {name: _naive(benchmark, queries, candidates, name, measure) for name in asked}
        assert found.by_language["monolingual"][measure] == pytest.approx(expected, rel=1e-12)
        mean = sum(expected.values()) / len(expected)
        assert found.macro["monolingual"][measure] == pytest.approx(mean, rel=1e-12)
    assert list(found.macro) == ["monolingual"]
    assert found.rank_distance is None
    assert {x: list(row) for x, row in found.matrix.items()} == {name: [name] for name in asked}
    # Candidates of languages in which nobody asks are not encoded, all others once.
    names = benchmark.candidate_languages
    needed = [f"c{n}" for n, name in enumerate(names) if name in asked]
    assert encoder.asked == [*benchmark.queries, *needed]


def _naive(
    benchmark: Benchmark,
    queries: NDArray[Any],
    candidates: NDArray[Any],
    language: str,
    measure: str,
) -> float:
    values = []
    for q, name in enumerate(benchmark.query_languages):
        if name != language:
            continue
        row = slice(benchmark.indptr[q], benchmark.indptr[q + 1])
        pairs = zip(benchmark.indices[row], benchmark.grades[row], strict=True)
        grades = {int(c): int(grade) for c, grade in pairs}
        pool = [c for c, other in enumerate(benchmark.candidate_languages) if other == language]
        # Ties as the default has them: lower grades first, then ids; unjudged count as grade 0.
        pool.sort(key=lambda c: (-float(queries[q] @ candidates[c]), grades.get(c, -1), c))
        ranks = [rank for rank, c in enumerate(pool, 1) if grades.get(c, 0) > 0]
        if measure == "AP":
            values.append(sum((i + 1) / rank for i, rank in enumerate(ranks)) / len(ranks))
        else:
            values.append(sum(rank <= 2 for rank in ranks) / len(ranks))
    return sum(values) / len(values)


def test_several_languages_are_one_evaluation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ("de", "en", "th")
    benchmark = _benchmark(
        names * 3, names * 20, [{3 * q + k: 1 for k in range(3)} for q in range(9)]
    )
    queries = rng.normal(size=(9, 5)).astype(np.float32)
    candidates = rng.normal(size=(60, 5)).astype(np.float32)
    expected = evaluate(
        queries,
        candidates,
        benchmark.judged,
        query_languages=benchmark.query_languages,
        candidate_languages=benchmark.candidate_languages,
        similarity="cosine",
    )
    found = score_encoder(benchmark, Lookup(queries, candidates), "any")
    assert found == Result.of("any", None, expected)
    assert found.macro["cross_lingual"] == expected["cross_lingual"]
    assert found.matrix["de"]["th"] == expected.matrix("AP")["de", "th"]
    assert found.rank_distance == expected.rank_distance
    paths = [tmp_path / "1.npy", tmp_path / "2.npy"]
    np.save(paths[0], candidates[:25])
    np.save(paths[1], candidates[25:])
    np.save(tmp_path / "queries.npy", queries)
    assert score_vectors(benchmark, tmp_path / "queries.npy", paths, "any") == found
    write_results([found], tmp_path / "results.jsonl")
    assert read_results(tmp_path / "results.jsonl") == [found]


@pytest.mark.parametrize("monolingual", [True, False])
def test_evaluations_are_told_with_the_numbers_of_their_queries(monolingual: bool) -> None:
    judged = [{5: 1}, {0: 1}, {7: 1}]
    benchmark = _benchmark(["fr", "en", "fr"], ["en"] * 4 + ["fr"] * 4, judged)
    benchmark = replace(benchmark, monolingual=monolingual)
    rng = np.random.default_rng(5)
    queries, candidates = (rng.normal(size=(n, 4)).astype(np.float32) for n in (3, 8))
    told: list[tuple[list[int], list[float]]] = []

    def found(numbers: NDArray[np.int64], evaluation: Evaluation) -> None:
        values = evaluation.per_query("monolingual", "AP")
        told.append((numbers.tolist(), values.tolist()))

    result = score_vectors(benchmark, queries, candidates, "any", Options(found=found))
    values = {q: value for some in told for q, value in zip(*some, strict=True)}
    assert [numbers for numbers, _ in told] == ([[1], [0, 2]] if monolingual else [[0, 1, 2]])
    by_language = result.by_language["monolingual"]["AP"]
    assert by_language == {"en": values[1], "fr": (values[0] + values[2]) / 2}
    encoder = Lookup(queries, candidates)
    assert score_encoder(benchmark, encoder, "any", Options(found=found)) == result
    assert told[: len(told) // 2] == told[len(told) // 2 :]


@pytest.mark.parametrize("monolingual", [True, False])
def test_queries_without_a_relevant_candidate_are_left_out_or_refused(monolingual: bool) -> None:
    judged = [{0: 1}, {0: 0}, {2: 0}]
    names = ["en", "en", "fr", "fr"]
    benchmark = _benchmark(["en", "en", "fr"], names, judged, monolingual=monolingual)
    rng = np.random.default_rng(1)
    queries = rng.normal(size=(3, 4)).astype(np.float32)
    candidates = rng.normal(size=(4, 4)).astype(np.float32)
    with pytest.raises(ValueError, match=r"query 'q1 \(en\)' has no relevant candidate"):
        score_vectors(benchmark, queries, candidates, "any")
    skipped = score_vectors(benchmark, queries, candidates, "any", Options(empty="skip"))
    assert list(skipped.by_language["monolingual"]["AP"]) == ["en"]
    zero = score_vectors(benchmark, queries, candidates, "any", Options(empty="zero"))
    assert zero.by_language["monolingual"]["AP"]["fr"] == 0.0
    assert zero.macro["monolingual"]["AP"] == skipped.macro["monolingual"]["AP"] / 4


@pytest.mark.parametrize("monolingual", [True, False])
def test_saved_vectors_are_read_once_to_count_and_once_for_the_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, monolingual: bool
) -> None:
    """Row groups are read from their start: block by block that would be quadratic."""
    count = 100_000
    names = ["en"] * (count // 2) + ["fr"] * (count // 2)
    judged = [{0: 1}, {count // 2: 1}]
    benchmark = _benchmark(["en", "fr"], names, judged, monolingual=monolingual)
    rows = np.random.default_rng(2).normal(size=(count, 2)).astype(np.float32)
    path = write_parquet(tmp_path / "candidates.parquet", as_lists(rows, ".fixed"))
    read, iterate = 0, pq.ParquetFile.iter_batches

    def counted(*given: Any, **options: Any) -> Iterator[Any]:
        nonlocal read
        for batch in iterate(*given, **options):
            read += len(batch)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    found = score_vectors(benchmark, rows[:2], path, "any")
    # Two languages of one row group: the second begins after what is the first's.
    assert read < (1.5 if monolingual else 1) * 2 * count
    assert found == score_vectors(benchmark, rows[:2], rows, "any")


@pytest.mark.parametrize("monolingual", [True, False])
def test_saved_vectors_are_counted_on_from_a_checkpoint(tmp_path: Path, monolingual: bool) -> None:
    count = 10_000  # of two blocks each, as files are read
    benchmark = _benchmark(["en", "fr"], ["en"] * count + ["fr"] * count, [{9: 1}, {count: 1}])
    benchmark = replace(benchmark, monolingual=monolingual)
    rng = np.random.default_rng(6)
    queries = rng.normal(size=(2, 3)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rng.normal(size=(2 * count, 3)).astype(np.float32))
    told: list[int] = []

    def until(most: int, path: Path | None) -> Result:
        told.clear()

        def tell(what: str, done: int, total: int) -> None:
            told.append(done)
            if done >= most:
                raise KeyboardInterrupt

        options = Options(tell=tell, checkpoint=path)
        return score_vectors(benchmark, queries, tmp_path / "rows.npy", "any", options)

    expected = until(2 * count + 1, None)
    steps, path = list(told), tmp_path / "counted"
    with pytest.raises(KeyboardInterrupt):
        until(steps[-2], path)
    assert until(2 * count + 1, path) == expected
    assert told == steps[-1:]
    assert until(2 * count + 1, path) == expected
    assert told == []
    names = ["counted.en", "counted.fr"] if monolingual else ["counted"]
    assert sorted(found.name for found in tmp_path.glob("counted*")) == names
    with pytest.raises(ValueError, match=r"counted(\.en)? does not fit"):
        score_vectors(benchmark, -queries, tmp_path / "rows.npy", "any", Options(checkpoint=path))


def test_a_checkpoint_is_for_saved_vectors_and_needs_a_folder(tmp_path: Path) -> None:
    benchmark = _benchmark(["en"], ["en"], [{0: 1}])
    encoder = Lookup(*(np.ones((1, 3), np.float32),) * 2)
    options = Options(checkpoint=tmp_path / "counted")
    with pytest.raises(
        ValueError, match=r"^checkpoint= is for vectors that were saved, and an enc"
    ):
        score_encoder(benchmark, encoder, "any", options)
    assert encoder.asked == []
    with pytest.raises(FileNotFoundError, match="there is no such folder: create it"):
        Options(checkpoint=tmp_path / "none" / "counted")


def test_where_nobody_counts_nothing_is_said(tmp_path: Path) -> None:
    benchmark = _benchmark(["en"], ["en", "en"], [{0: 1}])
    vectors = np.ones((2, 3), np.float32)
    options = Options(measures=("AP", "AP(rel=2)"), empty="skip")
    found = score_vectors(benchmark, vectors[:1], vectors, "any", options)
    assert found.measures == ["AP"]
    assert macro_tables([found], "any", "model")[0].rows == [["any", ".5000", ".5000"]]
    write_results([found], tmp_path / "results.jsonl")
    assert read_results(tmp_path / "results.jsonl") == [found]


def test_the_matrix_is_that_of_the_first_measure_asked_for() -> None:
    """Within languages nothing has grade 2, so the first measure has no monolingual mean."""
    evaluation = evaluate(
        np.eye(2, dtype=np.float32),
        np.ones((4, 2), np.float32),
        ([0, 2, 4], [0, 3, 1, 2], [1, 2, 2, 1]),
        query_languages=["en", "de"],
        candidate_languages=["en", "en", "de", "de"],
        measures=["AP(rel=2)", "AP"],
        empty="skip",
    )
    result = Result.of("any", None, evaluation)
    assert "AP(rel=2)" not in result.macro["monolingual"]
    assert result.measures == ["AP(rel=2)", "AP"]
    assert (
        matrix_table(result, "ants").title
        == "ants, AP(rel=2), query language by candidate language"
    )


def test_tables_of_a_result() -> None:
    values = {"AP": {"de": 0.25, "en": 0.5}}
    result = Result(
        arm="small",
        steps=None,
        macro={"monolingual": {"AP": 0.375}, "multilingual": {"AP": 0.125}},
        by_language={"monolingual": values, "multilingual": {"AP": {"en": 0.125}}},
        matrix={"de": {"de": 0.25}, "en": {"de": 1.0, "en": 0.5}},
        rank_distance=12.25,
        rank_distance_by_language={"en": 12.25},
        ties=0,
        zero_rows=0,
    )
    accuracy, bias = macro_tables([result], "ants", "model")
    assert accuracy.title == "Table 1: ants, macro means over languages"
    assert (accuracy.header, accuracy.rows) == (
        ["model", "mAP Mo.", "mAP Mul."],
        [["small", ".3750", ".1250"]],
    )
    assert (bias.header, bias.rows) == (["model", "rank distance"], [["small", "12.2"]])
    by_language = language_table(result, "ants")
    assert by_language.header == ["language", "mAP Mo.", "mAP Mul.", "bias"]
    assert by_language.rows == [["de", ".2500", "-", "-"], ["en", ".5000", ".1250", "12"]]
    matrix = matrix_table(result, "ants")
    assert matrix.title == "ants, mAP, query language by candidate language"
    assert matrix.rows == [["de", ".250", "-"], ["en", "1.000", ".500"]]


def test_a_corpus_in_files_is_scored_language_by_language(tmp_path: Path) -> None:
    benchmark = load_miracl(miracl(tmp_path))
    told: list[tuple[str, int, int]] = []
    options = Options(
        measures=("nDCG@10", "R@100"), tell=lambda *what: told.append(what), spool_folder=tmp_path
    )
    encoder = SentenceEncoder(static_model(), query_prefix="query: ", candidate_prefix="")
    found = score_encoder(benchmark, encoder, "static", options)
    assert found.by_language["monolingual"]["R@100"] == {"sw": 1.0, "yo": 1.0}
    assert set(found.macro["monolingual"]) == {"nDCG@10", "R@100"}
    assert told == [
        ("encode queries", 0, 3),
        ("encode queries", 3, 3),
        ("encode candidates", 0, 5),
        ("encode candidates", 4, 5),
        ("rank", 4, 5),
        ("encode candidates", 4, 5),
        ("encode candidates", 5, 5),
        ("rank", 5, 5),
    ]
    queries = encoder.encode_queries(benchmark.queries)
    candidates = encoder.encode_candidates(list(benchmark.candidates))
    assert score_vectors(benchmark, queries, candidates, "static", options) == found


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "encoded"])
def test_errors_name_rows_as_the_whole_benchmark_has_them(saved: bool) -> None:
    """And not as the candidates and the queries of one language are numbered."""
    names = ["en"] * 4 + ["fr"] * 4
    benchmark = _benchmark(["en", "fr"], names, [{0: 1}, {5: 1}], monolingual=True)
    queries, candidates = np.ones((2, 3), np.float32), np.ones((8, 3), np.float32)

    def score(benchmark: Benchmark, queries: Any, candidates: Any) -> None:
        if saved:
            score_vectors(benchmark, queries, candidates, "any")
        else:
            score_encoder(benchmark, Lookup(queries, candidates), "any")

    broken = candidates.copy()
    broken[6] = np.nan
    with pytest.raises(ValueError, match=r"candidate 6 .* holds NaN or infinity"):
        score(benchmark, queries, broken)
    broken = queries.copy()
    broken[1] = np.inf
    with pytest.raises(ValueError, match="query 1 holds NaN or infinity"):
        score(benchmark, broken, candidates)
    without = replace(benchmark, grades=np.array([1, 0]))
    with pytest.raises(
        ValueError, match=r"query 'q1 \(fr\)' has no relevant candidate \(1 queries have none"
    ):
        score(without, queries, candidates)


@pytest.mark.parametrize("monolingual", [True, False])
def test_nothing_is_encoded_for_what_cannot_be_measured(monolingual: bool) -> None:
    judged = [{0: 1}, {1: 0}]
    benchmark = _benchmark(["en", "fr"], ["en", "fr"], judged, monolingual=monolingual)
    encoder = Lookup(*(np.ones((2, 3), np.float32),) * 2)
    with pytest.raises(ValueError, match=r"query 'q1 \(fr\)' has no relevant candidate"):
        score_encoder(benchmark, encoder, "any")
    assert encoder.asked == []
    encoder.vectors["q"][1] = np.nan
    with pytest.raises(ValueError, match="query 1 holds NaN or infinity"):
        score_encoder(benchmark, encoder, "any", Options(empty="skip"))
    assert encoder.asked == benchmark.queries


def test_options_are_refused_when_they_are_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^similarity='l2': choose 'dot' or 'cosine'$"):
        Options(similarity=cast(Any, "l2"))
    with pytest.raises(FileNotFoundError, match=r"^spool_folder='.*/none' is no folder: create"):
        Options(spool_folder=tmp_path / "none")
    with pytest.raises(ValueError, match=r"^empty='drop': choose 'zero', 'skip' or 'error'$"):
        Options(empty=cast(Any, "drop"))


def test_measures_may_come_one_after_the_other() -> None:
    benchmark, rows = _benchmark(["en"], ["en"] * 2, [{0: 1}]), np.ones((2, 2), np.float32)
    given: Any = iter(["AP", Measure("R", 1)])
    result = score_vectors(benchmark, rows[:1], rows, "any", Options(measures=given))
    assert result.macro["monolingual"] == {"AP": 0.5, "R@1": 0.0}


class Converted(Lookup):
    """Vectors as a torch model gives them."""

    def __init__(self, *given: NDArray[Any], convert: Callable[[torch.Tensor], Any]) -> None:
        super().__init__(*given)
        self.convert = convert

    def _encode(self, texts: Sequence[str]) -> Any:
        return self.convert(torch.tensor(super()._encode(texts)))

    encode_queries = encode_candidates = _encode


@pytest.mark.parametrize("monolingual", [True, False])
@pytest.mark.parametrize(
    "convert",
    [torch.Tensor.half, torch.Tensor.bfloat16, lambda rows: rows.clone().requires_grad_()],
    ids=["float16", "bfloat16", "with gradients"],
)
def test_vectors_may_be_tensors(monolingual: bool, convert: Callable[[Any], Any]) -> None:
    judged = [{0: 1}, {5: 1}, {7: 1}]
    benchmark = _benchmark(["en", "fr", "fr"], ["en"] * 4 + ["fr"] * 4, judged)
    benchmark = replace(benchmark, monolingual=monolingual)
    rng = np.random.default_rng(4)
    queries, candidates = (rng.integers(-3, 4, (n, 5)).astype(np.float32) for n in (3, 8))
    expected = score_vectors(benchmark, queries, candidates, "any")
    encoder = Converted(queries, candidates, convert=convert)
    assert score_encoder(benchmark, encoder, "any") == expected
    asked, found = (convert(torch.tensor(rows)) for rows in (queries, candidates))
    assert score_vectors(benchmark, asked, found, "any") == expected
    assert score_vectors(benchmark, [asked[:1], asked[1:]], found, "any") == expected


def test_an_encoder_that_gives_what_cannot_be_ranked() -> None:
    benchmark = _benchmark(["en"] * 2, ["en"] * 3, [{0: 1}, {1: 1}])
    rows = np.ones((3, 2), np.float32)

    def gives(queries: Any, candidates: Any) -> Any:
        encoder: Any = SimpleNamespace(
            encode_queries=lambda texts: queries, encode_candidates=lambda texts: candidates
        )
        return score_encoder(benchmark, encoder, "any")

    with pytest.raises(TypeError, match="queries has dtype float64: give float32, float16 or"):
        gives(rows[:2].astype(float), rows)
    with pytest.raises(TypeError, match="candidates has dtype float64: give float32, float16 or"):
        gives(rows[:2], rows.astype(float))
    # Of tensors in a list some are arrays, and some are not.
    kinds: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
        torch.Tensor.bfloat16,
        lambda row: row.clone().requires_grad_(),
        lambda row: row.to("meta"),  # as of a device
    )
    for convert in kinds:
        some = [convert(row) for row in torch.ones(2, 2)]
        message = r"^queries is a list that is no array \(.*\): make one tensor of several, with "
        with pytest.raises(TypeError, match=message):
            gives(some, rows)
    with pytest.raises(ValueError, match="the encoder gave 3 vectors for 2 queries: give one eac"):
        gives(rows, rows)
    with pytest.raises(ValueError, match="the encoder gave 2 vectors for 3 candidates: give one"):
        gives(rows[:2], rows[:2])


def test_an_encoder_that_gives_vectors_of_several_dimensions() -> None:
    count = 5_000  # texts are encoded in parts of 4,096
    benchmark = _benchmark(["en"] * count, ["en", "de"] * count, [{0: 1}] * count)

    def gives(queries: Callable[[int], int], candidates: Callable[[int], int]) -> list[int]:
        asked: list[int] = []

        def encode(dimension: Callable[[int], int]) -> Callable[[Sequence[str]], Any]:
            def encoded(texts: Sequence[str]) -> NDArray[Any]:
                asked.append(len(texts))
                return np.ones((len(texts), dimension(int(texts[0][1:]))), np.float32)

            return encoded

        encoder: Any = SimpleNamespace(
            encode_queries=encode(queries), encode_candidates=encode(candidates)
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            score_encoder(benchmark, encoder, "any")
        return asked

    message = (
        "the encoder gave queries 4,096 to 4,999 vectors of dimension 2 but the queries before of "
        "3: encode all texts with one model"
    )
    assert gives(lambda first: 2 if first else 3, lambda first: 3) == [4096, 904]
    # Before the others are encoded, and not when all are.
    message = (
        "the encoder gave candidates 0 to 4,095 vectors of dimension 2 but the queries of 3: encode"
        " all texts with one model"
    )
    assert gives(lambda first: 3, lambda first: 2) == [4096, 904, 4096]
    message = "the encoder gave candidates 4,096 to 8,191 vectors of dimension 2 but the queries of"
    assert gives(lambda first: 3, lambda first: 2 if first else 3) == [4096, 904, 4096, 4096]


def test_a_benchmark_without_queries_is_refused() -> None:
    benchmark = _benchmark([], ["en"], [])
    rows = np.ones((1, 2), np.float32)
    message = "^any has no query: nothing can be scored$"
    with pytest.raises(ValueError, match=message):
        score_encoder(benchmark, Lookup(rows[:0], rows), "any")
    with pytest.raises(ValueError, match=message):
        score_vectors(benchmark, rows[:0], rows, "any")


def test_what_is_no_encoder_is_refused_at_once() -> None:
    benchmark = _benchmark(["en"], ["en"], [{0: 1}])
    message = (
        "the encoder is a SentenceTransformer, without encode_queries and encode_candidates: give "
        "SentenceEncoder(model) for a model of sentence-transformers, else an object with both"
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        score_encoder(benchmark, static_model(), "any")  # type: ignore[arg-type]  # what is refused


def test_an_ngram_encoder_is_one() -> None:
    benchmark = _benchmark(["en", "fr"], ["en", "fr", "en"], [{0: 1, 1: 1}, {1: 1, 2: 1}])
    encoder = NgramEncoder(buckets=64, dimension=8)
    queries, candidates = encoder.encode(benchmark.queries), encoder.encode(["c0", "c1", "c2"])
    expected = score_vectors(benchmark, queries, candidates, "any")
    assert score_encoder(benchmark, encoder, "any") == expected


def test_numbers_of_vectors_that_do_not_fit() -> None:
    benchmark = _benchmark(["en"] * 2, ["en"] * 3, [{0: 1}, {1: 1}])
    vectors = np.ones((3, 2), np.float32)
    message = (
        "there are 3 vectors of queries but any has 2 queries: give one each, in the order of the "
        "benchmark"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        score_vectors(benchmark, vectors, vectors, "any")
    with pytest.raises(ValueError, match="there are 2 vectors of candidates but any has 3 cand"):
        score_vectors(benchmark, vectors[:2], vectors[:2], "any")


def test_queries_that_are_no_vectors_are_called_so() -> None:
    benchmark = _benchmark(["en"] * 2, ["en"] * 3, [{0: 1}, {1: 1}])
    candidates = np.ones((3, 2), np.float32)
    with pytest.raises(TypeError, match=r"^queries has dtype float64: give float32, float16 or bf"):
        score_vectors(benchmark, np.ones((2, 2)), candidates, "any")
    with pytest.raises(ValueError, match=r"^queries has shape \(2,\): give one row a vector"):
        score_vectors(benchmark, candidates[:2, 0], candidates, "any")
    with pytest.raises(ValueError, match=r"^there are 0 vectors of queries but any has 2 queries"):
        score_vectors(benchmark, candidates[:0], candidates, "any")


def test_names_break_no_table_of_markdown() -> None:
    table = Table("of\na | b", ["model", "a|b"], [["x|y\r\nz", ".5"]])
    assert table.markdown().splitlines() == [
        "**of a | b**",
        "",
        r"| model | a\|b |",
        "|---|---:|",
        r"| x\|y z | .5 |",
    ]

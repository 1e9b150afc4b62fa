"""BenchmarkEvaluator: called alone and inside a SentenceTransformerTrainer."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import assume, given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import SequentialEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from benchmark_files import miracl
from hybridsampler import evaluate
from hybridsampler.benchmarks import Benchmark, load_miracl
from hybridsampler.encoders import SentenceEncoder
from hybridsampler.evaluation import SETTINGS
from hybridsampler.integrations.sentence_transformers import BenchmarkEvaluator
from hybridsampler.measures import Policy
from hybridsampler.scoring import Options, score_encoder
from sentence_models import static_model

LANGUAGES = ("de", "en", "fr")
WORDS = ("ant", "bee", "cow", "dog", "emu", "fox", "gnu", "hen")
MEASURES = ("AP", "AP(rel=2)", "nDCG@2", "R(rel=3)@1", "Judged", "Judged@2")
MODEL = static_model()


def _benchmark(languages: tuple[str, ...] = LANGUAGES) -> Benchmark:
    rows = [(word, name) for name in languages for word in WORDS]
    names = [name for _, name in rows]
    relevant = [
        [WORDS.index(word) + number * len(WORDS) for number in range(len(languages))]
        for word, _ in rows
    ]
    return Benchmark(
        name="animals",
        queries=[f"{word} in {name}?" for word, name in rows],
        query_ids=[word for word, _ in rows],
        query_languages=names,
        candidates=[f"{name} {word[::-1]}" for word, name in rows],
        candidate_ids=[f"{name}/{word}" for word, name in rows],
        candidate_languages=names,
        indptr=np.arange(len(rows) + 1) * len(languages),
        indices=np.concatenate(relevant),
        grades=np.ones(len(rows) * len(languages), np.int64),
    )


def test_metrics_are_those_of_evaluate() -> None:
    model, benchmark = static_model(), _benchmark()
    evaluator = BenchmarkEvaluator(benchmark, "animals", measures=("AP", "R@1"))
    assert evaluator.primary_metric == "animals_multilingual_AP"
    assert evaluator.greater_is_better
    metrics = evaluator(model)
    expected = evaluate(
        model.encode(benchmark.queries),
        model.encode(list(benchmark.candidates)),
        benchmark.judged,
        query_languages=benchmark.query_languages,
        candidate_languages=benchmark.candidate_languages,
        measures=("AP", "R@1"),
        similarity="cosine",
    )
    settings: Any = ("monolingual", "cross_lingual", "multilingual")
    assert metrics == {
        f"animals_{setting}_{measure}": expected[setting][measure]
        for setting in settings
        for measure in ("AP", "R@1")
    } | {"animals_rank_distance": expected.rank_distance}
    assert all(type(value) is float for value in metrics.values())
    assert evaluator.last is not None
    assert evaluator.last.by_language["monolingual"]["AP"] == expected.by_language(
        "monolingual", "AP"
    )
    assert evaluator(model) == metrics  # the name is not put before it twice
    assert evaluator.primary_metric == "animals_multilingual_AP"


def test_prefixes_and_similarity_reach_the_encoder() -> None:
    model, benchmark = static_model(), _benchmark()
    found = BenchmarkEvaluator(benchmark, query_prefix="Query: ", similarity="dot")(model)
    queries = model.encode([f"Query: {text}" for text in benchmark.queries])
    expected = evaluate(
        queries,
        model.encode(list(benchmark.candidates)),
        benchmark.judged,
        query_languages=benchmark.query_languages,
        candidate_languages=benchmark.candidate_languages,
    )
    assert found["multilingual_AP"] == expected["multilingual"]["AP"]
    model.similarity_fn_name = "dot"
    assert BenchmarkEvaluator(benchmark, query_prefix="Query: ")(model) == found
    model.similarity_fn_name = "euclidean"
    with pytest.raises(ValueError, match="the model compares by 'euclidean': choose cosine or do"):
        BenchmarkEvaluator(benchmark)(model)


def test_a_line_is_written_for_each_call(tmp_path: Path) -> None:
    evaluator = BenchmarkEvaluator(_benchmark(), "animals", measures=("AP",))
    model = static_model()
    calls = [(1, 10), (2, 20)]
    found = [evaluator(model, str(tmp_path / "eval"), epoch, steps) for epoch, steps in calls]
    path = tmp_path / "eval" / "Benchmark_evaluation_animals_results.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["epoch"]), int(row["steps"])) for row in rows] == calls
    for row, metrics in zip(rows, found, strict=True):
        assert {f"animals_{name}": float(row[name]) for name in evaluator.metrics} == metrics
    quiet = BenchmarkEvaluator(_benchmark(), "a/b", write_csv=False)
    quiet(model, str(tmp_path / "quiet"))
    assert not (tmp_path / "quiet").exists()


def test_a_line_that_was_cut_short_stays_one(tmp_path: Path) -> None:
    """As a killed run leaves it; what follows would go on in it."""
    evaluator = BenchmarkEvaluator(_benchmark(), measures=("AP",))
    evaluator(MODEL, str(tmp_path), 1, 10)
    path = tmp_path / evaluator.csv_file
    header, line = path.read_bytes().splitlines()
    for cut in (header, header + b"\n" + line[:-3]):
        path.write_bytes(cut)
        evaluator(MODEL, str(tmp_path), 1, 10)
        assert path.read_bytes() == cut + b"\n" + line + b"\n"


def test_a_file_of_other_metrics_is_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    model = static_model()
    BenchmarkEvaluator(_benchmark(), measures=("AP",))(model, str(tmp_path))
    path = tmp_path / "Benchmark_evaluation_results.csv"
    whole = path.read_bytes()
    other = BenchmarkEvaluator(_benchmark(("en",)), measures=("AP",))
    message = (
        f"{path} has the columns epoch,steps,monolingual_AP,cross_lingual_AP,multilingual_AP,"
        "rank_distance but this evaluator writes epoch,steps,monolingual_AP,multilingual_AP: "
        "give the evaluators different names, or move the file away"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        other(model, str(tmp_path))
    assert other.last is None
    assert path.read_bytes() == whole
    path.write_bytes(b"")  # as a run leaves it that was killed at once
    other(model, str(tmp_path))
    assert path.read_text().splitlines()[0] == "epoch,steps,monolingual_AP,multilingual_AP"


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_encoded(
    tmp_path: Path,
) -> None:
    evaluator = BenchmarkEvaluator(_benchmark(), measures=("AP",))
    (tmp_path / "file").touch()
    (tmp_path / "folder" / evaluator.csv_file).mkdir(parents=True)
    for name in ("file", "folder"):
        with pytest.raises(OSError, match=re.escape(str(tmp_path / name))):
            evaluator(MODEL, str(tmp_path / name))
        assert evaluator.last is None


def test_settings_without_queries_are_absent(tmp_path: Path) -> None:
    evaluator = BenchmarkEvaluator(load_miracl(miracl(tmp_path)), measures=("nDCG@10", "R@100"))
    assert evaluator.primary_metric == "monolingual_nDCG@10"
    assert set(evaluator(static_model())) == {"monolingual_nDCG@10", "monolingual_R@100"}
    alone = BenchmarkEvaluator(_benchmark(("en",)), measures=("AP",))
    metrics = alone(static_model(), str(tmp_path))
    assert set(metrics) == {"monolingual_AP", "multilingual_AP"}


@st.composite
def benchmarks(draw: st.DrawFn) -> Benchmark:
    """Few queries and candidates, most of whom are not judged, so that settings stay empty."""
    monolingual = draw(st.booleans())
    candidates = draw(st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=4))
    if monolingual:
        candidates.sort()
    names = st.sampled_from(candidates if monolingual else LANGUAGES)
    queries = draw(st.lists(names, min_size=1, max_size=3))
    grades = [
        {
            at: draw(st.integers(0, 3))
            for at, name in enumerate(candidates)
            if name == asked or not monolingual
            if draw(st.booleans())
        }
        for asked in queries
    ]
    return Benchmark(
        name="any",
        queries=[f"q{n}" for n in range(len(queries))],
        query_ids=[f"q{n}" for n in range(len(queries))],
        query_languages=queries,
        candidates=[f"c{n}" for n in range(len(candidates))],
        candidate_ids=[f"c{n}" for n in range(len(candidates))],
        candidate_languages=candidates,
        indptr=np.cumsum([0, *map(len, grades)]),
        indices=np.array([at for judged in grades for at in judged], np.int64),
        grades=np.array([grade for judged in grades for grade in judged.values()], np.int64),
        monolingual=monolingual,
    )


@given(
    benchmark=benchmarks(),
    measures=st.lists(st.sampled_from(MEASURES), min_size=1, unique=True),
    empty=st.sampled_from(get_args(Policy)),
)
def test_the_metrics_that_are_promised_are_those_that_are_found(
    tmp_path_factory: pytest.TempPathFactory,
    benchmark: Benchmark,
    measures: list[str],
    empty: Policy,
) -> None:
    """In what is accepted as primary, in what a call returns and in the file."""

    def made(primary: str | None = None) -> BenchmarkEvaluator:
        return BenchmarkEvaluator(benchmark, measures=measures, primary_metric=primary, empty=empty)

    assume((benchmark.grades > 0).any())
    options = Options(measures=measures, empty=empty)
    try:
        result = score_encoder(benchmark, SentenceEncoder(MODEL), "any", options)
    except ValueError:
        with pytest.raises(ValueError, match=r"^query \d has no "):
            made()
        return
    found = [f"{setting}_{name}" for setting, values in result.macro.items() for name in values]
    if result.rank_distance is not None:
        found.append("rank_distance")
    possible = [f"{setting}_{measure}" for setting in SETTINGS for measure in measures]
    for name in (*possible, "rank_distance"):
        if name in found:
            assert made(name).primary_metric == name
        else:
            with pytest.raises(ValueError, match=r"choose one of|nothing can be scored"):
                made(name)
    if not found:
        return
    evaluator = made(found[-1])
    assert evaluator.metrics == found
    folder = tmp_path_factory.mktemp("found")
    metrics = evaluator(MODEL, str(folder))
    assert list(metrics) == found
    header, line = (folder / evaluator.csv_file).read_text().splitlines()
    assert header.split(",") == ["epoch", "steps", *found]
    assert [float(value) for value in line.split(",")[2:]] == list(metrics.values())


def test_without_a_choice_the_first_measure_is_the_primary_one_or_refused() -> None:
    benchmark = _benchmark()
    message = "primary_metric='multilingual_AP(rel=2)': choose one of monolingual_AP, cross_lingual"
    with pytest.raises(ValueError, match=re.escape(message)):
        BenchmarkEvaluator(benchmark, measures=["AP(rel=2)", "AP"], empty="skip")
    zero = BenchmarkEvaluator(benchmark, measures=["AP(rel=2)", "AP"], empty="zero")
    assert zero.primary_metric == "multilingual_AP(rel=2)"
    assert zero(MODEL)["cross_lingual_AP(rel=2)"] == 0


def test_grades_that_no_candidate_has_are_refused(tmp_path: Path) -> None:
    benchmark = load_miracl(miracl(tmp_path))
    message = (
        f"{benchmark.name} has no candidate of a grade that counts for AP(rel=9), R(rel=8)@1: "
        "nothing can be scored, so lower rel="
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        BenchmarkEvaluator(benchmark, measures=["AP(rel=9)", "R(rel=8)@1"], empty="skip")


@pytest.mark.parametrize("size", [2.5, "32", None])
def test_a_batch_size_is_a_whole_number(size: Any) -> None:
    message = f"batch_size={size!r}: give a whole number of at least 1"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        BenchmarkEvaluator(_benchmark(), batch_size=size)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"measures": ()}, "measures is empty: name at least one, such as 'AP'"),
        ({"measures": ("XP",)}, "unknown measure 'XP'"),
        (
            {"name": "a/b"},
            "name='a/b' would go into the name of the file of results: leave out '/', or give "
            "write_csv=False",
        ),
        *(
            ({"name": name}, f"name={name!r} would go into the name of the file of results, which ")
            for name in ("a\0b", "a" * 300, "\ud800")
        ),
        ({"similarity": "l2"}, "similarity='l2': choose 'cosine' or 'dot'"),
        ({"batch_size": 0}, "batch_size=0: give at least 1"),
        (
            {"primary_metric": "AP", "measures": ("AP",)},
            "primary_metric='AP': choose one of monolingual_AP, cross_lingual_AP, "
            "multilingual_AP, rank_distance",
        ),
    ],
)
def test_bad_choices_are_refused_when_it_is_made(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        BenchmarkEvaluator(_benchmark(), **choices)


def test_a_benchmark_without_relevant_candidates_is_refused() -> None:
    good = _benchmark()
    nothing = Benchmark(
        **{name: getattr(good, name) for name in Benchmark.__slots__} | {"grades": good.grades * 0}
    )
    with pytest.raises(ValueError, match="animals has no relevant candidate: nothing can be scor"):
        BenchmarkEvaluator(nothing)


def test_a_query_with_nothing_to_find_is_refused_when_it_is_made_unless_it_may_be() -> None:
    """And not at the first evaluation of a training."""
    whole = _benchmark()
    benchmark = replace(whole, grades=np.where(np.arange(len(whole.grades)) < 3, 0, 1))
    message = "query 0 has no relevant candidate (1 queries have none): leave such queries out, or"
    with pytest.raises(ValueError, match=re.escape(message)):
        BenchmarkEvaluator(benchmark)
    with pytest.raises(ValueError, match="query 0 has no candidate of grade 2 or more"):
        BenchmarkEvaluator(whole, measures=["AP(rel=2)"])
    model = static_model()
    zero, skip = (BenchmarkEvaluator(benchmark, empty=e)(model) for e in ("zero", "skip"))
    of_its_language, languages = len(WORDS), len(LANGUAGES)
    first = BenchmarkEvaluator(benchmark, empty="skip", measures=["AP"])
    first(model)
    assert first.last is not None
    lost = first.last.by_language["multilingual"]["AP"]["de"] / of_its_language / languages
    assert zero["multilingual_AP"] == pytest.approx(skip["multilingual_AP"] - lost, rel=1e-12)


def test_it_is_one_of_several_evaluators() -> None:
    both = SequentialEvaluator(
        [BenchmarkEvaluator(_benchmark(), "a"), BenchmarkEvaluator(_benchmark(("en",)), "b")]
    )
    metrics = both(static_model())
    assert {"a_multilingual_AP", "b_monolingual_AP"} <= set(metrics)


@pytest.mark.parametrize(
    ("given", "primary", "logged"),
    [
        ("animals", "multilingual_AP", "eval_animals_multilingual_AP"),
        ("", "rank_distance", "eval_rank_distance"),
        ("eval_animals", "rank_distance", "eval_animals_rank_distance"),
    ],
)
def test_a_trainer_chooses_its_best_checkpoint_by_it(
    tmp_path: Path, given: str, primary: str, logged: str
) -> None:
    """By its name, before which the trainer puts "eval_" where it does not stand already."""
    model = static_model()
    evaluator = BenchmarkEvaluator(_benchmark(), given, primary_metric=primary)
    queries = [f"{word} in {x}?" for word in WORDS for x in "ef"]
    passages = [f"{y} {word[::-1]}" for word in WORDS for y in "de"]
    dataset: Any = Dataset.from_dict({"query": queries, "passage": passages})
    args = SentenceTransformerTrainingArguments(
        str(tmp_path),
        max_steps=6,
        per_device_train_batch_size=8,
        learning_rate=0.5,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model=evaluator.primary_metric,
        greater_is_better=evaluator.greater_is_better,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
        use_cpu=True,
    )
    trainer = SentenceTransformerTrainer(
        model, args, dataset, loss=MultipleNegativesRankingLoss(model), evaluator=evaluator
    )
    trainer.train()
    state = json.loads((tmp_path / "checkpoint-6" / "trainer_state.json").read_text())
    values = {row["step"]: row[logged] for row in state["log_history"] if logged in row}
    assert list(values) == [2, 4, 6]
    best = (max if evaluator.greater_is_better else min)(values.values())
    assert state["best_metric"] == best
    metrics: dict[Any, float] = evaluator(model)
    assert metrics[evaluator.primary_metric] == best  # the best model was loaded
    path = tmp_path / "eval" / evaluator.csv_file
    assert len(path.read_text().splitlines()) == 1 + len(values)

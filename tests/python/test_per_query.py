"""hybridsampler evaluate --per-query: values of single queries, for whoever compares by them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark_files import as_json, miracl, write_lines
from evaluations import own_benchmark, run_evaluate, two_articles
from hybridsampler import Evaluation, evaluate
from hybridsampler.benchmarks import Benchmark, load_xquad_r
from hybridsampler.evaluation import SETTINGS
from hybridsampler.results import read_results
from hybridsampler.significance import compare
from sentence_models import saved_model, static_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("models") / "letters")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_articles(tmp_path_factory.mktemp("xquad-r"))


def _evaluated(benchmark: Benchmark, seed: int = 0) -> Evaluation:
    encode = static_model(seed=seed).encode
    return evaluate(
        encode(benchmark.queries),
        encode(list(benchmark.candidates)),
        benchmark.judged,
        query_languages=benchmark.query_languages,
        candidate_languages=benchmark.candidate_languages,
        similarity="cosine",
    )


def _per_query(out: Path) -> list[dict[str, Any]]:
    text = (out / "per_query.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _row(setting: str, key: str, language: str, **values: float) -> dict[str, Any]:
    named = {"arm": "letters", "setting": setting, "query_id": key, "query_language": language}
    return named | values


def test_values_of_single_queries(model: Path, data: Path, tmp_path: Path) -> None:
    common = (model, "--benchmark", "xquad-r", "--data", data)
    done = run_evaluate(*common, "--out", tmp_path, "--per-query")
    assert done.exit_code == 0, done.output
    means = run_evaluate(*common, "--out", tmp_path / "means")
    assert done.stdout.startswith(means.stdout.split("\nwritten to")[0])
    assert not (tmp_path / "means" / "per_query.jsonl").exists()
    benchmark = load_xquad_r(data)
    found, expected = _evaluated(benchmark), []
    for setting in SETTINGS:
        columns = {name: found.per_query(setting, name).tolist() for name in found.measures}
        if setting == "multilingual":
            columns["rank_distance"] = found.rank_distance_per_query.tolist()
        for at, key in enumerate(benchmark.query_ids):
            values = {name: column[at] for name, column in columns.items()}
            expected.append(_row(setting, key, benchmark.query_languages[at], **values))
    assert _per_query(tmp_path) == expected


def test_the_example_of_the_docs_compares_two_models(data: Path, tmp_path: Path) -> None:
    common = ("--benchmark", "xquad-r", "--data", data, "--per-query", "-m", "AP")
    for seed, name in enumerate(("one", "other")):
        folder = saved_model(tmp_path / name, seed=seed)
        done = run_evaluate(folder, *common, "--out", tmp_path / "runs" / name)
        assert done.exit_code == 0, done.output
    text = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n([^`]*per_query[^`]*)```", text)
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    benchmark = load_xquad_r(data)
    one, other = (_evaluated(benchmark, seed).per_query("multilingual", "AP") for seed in (0, 1))
    assert ran.stdout == f"{compare(one, other, groups=benchmark.query_ids)}\n"


def test_queries_that_do_not_count_have_no_value(tmp_path: Path) -> None:
    options = own_benchmark(tmp_path, ["en", "de"], ["en", "fr"])
    (tmp_path / "queries.npy").rename(tmp_path / "letters.npy")
    options[options.index(tmp_path / "queries.npy")] = tmp_path / "letters.npy"
    judged: list[dict[str, Any]] = [{"query_id": "0", "candidate_id": "0", "grade": 2}]
    judged.append({"query_id": "1", "candidate_id": "1"})
    write_lines(tmp_path / "qrels.jsonl", as_json(judged))
    measures = ("-m", "AP", "-m", "AP(rel=2)", "--empty", "skip")
    done = run_evaluate(*options, *measures, "--out", tmp_path / "out", "--per-query")
    assert done.exit_code == 0, done.output
    both = {"AP": 1.0, "AP(rel=2)": 1.0}
    assert _per_query(tmp_path / "out") == [
        _row("monolingual", "0", "en", **both),
        _row("cross_lingual", "1", "de", AP=1.0),
        _row("multilingual", "0", "en", **both, rank_distance=0.0),
        _row("multilingual", "1", "de", AP=1.0, rank_distance=0.0),
    ]


def test_values_of_single_queries_within_languages(model: Path, tmp_path: Path) -> None:
    common = (model, "--benchmark", "miracl", "--data", miracl(tmp_path), "-m", "R@1", "-m", "RR")
    done = run_evaluate(*common, "--out", tmp_path / "out", "--per-query")
    assert done.exit_code == 0, done.output
    rows = _per_query(tmp_path / "out")
    asked = [(row["query_id"], row["query_language"]) for row in rows]
    assert asked == [("sw/0", "sw"), ("sw/12", "sw"), ("yo/0", "yo")]
    assert {row["setting"] for row in rows} == {"monolingual"}
    (result,) = read_results(tmp_path / "out" / "results.jsonl")
    found = result.by_language["monolingual"]["RR"]
    assert found == {"sw": (rows[0]["RR"] + rows[1]["RR"]) / 2, "yo": rows[2]["RR"]}
    assert "rank_distance" not in rows[0]

"""The benches run, and write what the README and the pictures are made from."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from embeddings import KINDS, Work
from hybridsampler import evaluate
from plot import draw
from runs import made
from table import table

BENCHES = Path(__file__).parents[2] / "benches"


def _run(arguments: list[str], path: str = "") -> str:
    ours = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=BENCHES.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [path, ours]))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _record(folder: Path, bench: str) -> dict[str, Any]:
    (path,) = folder.glob(f"*-{bench}.json")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert record["bench"] == bench
    assert path.name == f"{record['date']}-{bench}.json"
    assert {"work", "processor", "system", "python", "commit"} < set(record)
    assert set(record["versions"]) == {"hybridsampler", "numpy", "torch"}
    return record


def _drawn_again(folder: Path, bench: str) -> None:
    (picture,) = folder.glob(f"*-{bench}.svg")
    drawn = picture.read_bytes()
    picture.unlink()
    draw(picture.with_suffix(".json"))
    assert picture.read_bytes() == drawn


def test_the_sampler_bench_measures_the_peers_that_there_are(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "torchdata.py").write_text("raise ImportError('left out')\n", encoding="utf-8")
    sizes = ["--rows", "5120", "--budget", "0.1", "--only", "hybridsampler", "numpy", "torch"]
    printed = _run(
        [str(BENCHES / "sampler.py"), *sizes, "--record", str(tmp_path)], path=str(absent)
    )
    record = _record(tmp_path, "sampler")
    results = {result["name"]: result for result in record["results"]}
    left_out = results.pop("torchdata RandomSampler")
    assert next(iter(results)) == "hybridsampler"
    assert set(results) == {
        "hybridsampler",
        "numpy permutation",
        "torch RandomSampler",
        "torch DistributedSampler",
        "torch SequentialSampler",
    }
    for result in results.values():
        assert set(result) == set(left_out)
        assert result["missing"] is None
        assert result["version"]
        assert result["rows_per_second"] > 0
        assert 0 < result["first_batch_seconds"] < 10
        assert 0 < result["resume_seconds"] < 10
        assert result["estimated"] or result["batches_done"] == 40
        if sys.platform == "linux":
            assert result["peak_bytes"] >= 0
        assert result["name"] in printed
    assert left_out["missing"] == "not installed: left out"
    assert left_out["rows_per_second"] is left_out["peak_bytes"] is None
    assert "not installed: left out" in printed
    _drawn_again(tmp_path, "sampler")


def test_the_plan_bench_measures_every_number_of_rows(tmp_path: Path) -> None:
    sizes = ["--rows", "5120", "12800", "--keyed-rows", "12800", "--only", "hybridsampler"]
    _run([str(BENCHES / "plan.py"), *sizes, "--record", str(tmp_path)])
    record = _record(tmp_path, "plan")
    plans = [result for result in record["results"] if result["name"] == "hybridsampler plan"]
    assert [(plan["rows"], plan["keys"]) for plan in plans] == [
        (5120, "none"),
        (12800, "none"),
        (12800, "five"),
        (12800, "zipf"),
    ]
    for plan in plans:
        for name in ("rows_per_second", "plan_first_seconds", "plan_far_seconds", "corpus_seconds"):
            assert plan[name] > 0, name
        if sys.platform == "linux":
            assert plan["plan_bytes"] > 0
    lists = [result for result in record["results"] if result["name"] == "hybridsampler"]
    assert [(result["rows"], result["keys"]) for result in lists] == [
        (12800, "five"),
        (12800, "zipf"),
    ]
    _drawn_again(tmp_path, "plan")


def _naive_mean_ap(queries: Any, candidates: Any, relevant: Any) -> float:
    """By scores in float64; the vectors have no ties."""
    values = []
    for scores, own in zip(
        queries.astype(float) @ candidates.astype(float).T, relevant, strict=True
    ):
        ranks = sorted(1 + int((scores > scores[one]).sum()) for one in own)
        values.append(sum(hit / rank for hit, rank in enumerate(ranks, 1)) / len(ranks))
    return math.fsum(values) / len(values)


def test_the_scorer_bench_measures_the_peers_that_there_are(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "faiss.py").write_text("raise ImportError('left out')\n", encoding="utf-8")
    sizes = ["--queries", "150", "--candidates", "300", "--dimension", "32", "--rounds", "2"]
    only = ["--only", "hybridsampler", "numpy count", "faiss", "scikit"]
    printed = _run(
        [str(BENCHES / "scorer.py"), *sizes, *only, "--budget", "1e-9", "--record", str(tmp_path)],
        path=str(absent),
    )
    record = _record(tmp_path, "scorer")
    results = {(found["set"], found["name"]): found for found in record["results"]}
    ours = ["hybridsampler", "hybridsampler, AVX-VNNI", "hybridsampler, AVX2"]
    names = [*ours, "numpy count", "faiss IndexFlatIP", "scikit-learn", "scikit-learn, labels"]
    assert [*results] == [(name, contestant) for name in KINDS for contestant in names]
    for (name, contestant), found in results.items():
        assert set(found) == set(record["results"][0])
        assert contestant in printed
        if contestant == "faiss IndexFlatIP":
            assert found["missing"] == "not installed: left out"
            assert found["seconds"] is found["map"] is found["peak_bytes"] is None
            continue
        if found["missing"] == "this processor has no AVX-VNNI" and contestant == ours[1]:
            continue
        # The budget is over at once: each runs a single time, on no more than is probed.
        assert found["missing"] is None
        exact = contestant in ours
        queries = 150 if exact else 100
        assert (found["runs"], found["queries"], found["estimated"]) == (1, queries, not exact)
        assert found["seconds"] == found["median_seconds"] > 0
        assert found["version"]
        if sys.platform == "linux":
            assert found["peak_bytes"] >= 0
        work = Work.make(name, 150, 300, 32)
        naive = _naive_mean_ap(work.queries[:queries], work.candidates, work.relevant[:queries])
        assert found["exact_map"] == naive
        assert found["map"] == (naive if exact else pytest.approx(naive, 1e-4))
    assert "faiss IndexFlatIP is left out, not installed: left out" in printed
    _drawn_again(tmp_path, "scorer")
    lines = _run([str(BENCHES / "table.py"), *map(str, tmp_path.glob("*.json"))]).splitlines()
    assert lines[2].startswith("| hybridsampler | ")
    assert "| faiss IndexFlatIP | - | - | - | - | - | - | - | - | - |" in lines


def test_the_device_bench_says_that_there_is_no_gpu(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    printed = _run([str(BENCHES / "device.py"), "--record", str(tmp_path)])
    assert printed == "device: NO GPU HERE (torch finds no cuda), so nothing is measured\n"
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=pytest.mark.skipif(
                not torch.cuda.is_available(), reason="NO GPU HERE: the bench ran on the CPU"
            ),
        ),
    ],
)
def test_the_device_bench_measures_torch_beside_ours(tmp_path: Path, device: str) -> None:
    sizes = ["--queries", "150", "--candidates", "300", "--dimension", "32", "--rounds", "2"]
    printed = _run(
        [str(BENCHES / "device.py"), "--device", device, *sizes, "--record", str(tmp_path)]
    )
    record = _record(tmp_path, "device")
    results = {(found["set"], found["name"]): found for found in record["results"]}
    ours, products = ["hybridsampler", "hybridsampler, CPU"], ["float32", "float64"]
    names = [*ours, *(f"torch product, {kind}" for kind in products), "torch sort"]
    assert [*results] == [(name, contestant) for name in KINDS for contestant in names]
    for (name, contestant), found in results.items():
        assert set(found) == set(record["results"][0])
        assert contestant in printed
        assert found["seconds"] > 0
        work = Work.make(name, 150, 300, 32)
        naive = _naive_mean_ap(work.queries, work.candidates, work.relevant)
        assert found["exact_map"] == (None if "product" in contestant else naive)
        if contestant in ours:
            assert found["map"] == naive
        if contestant == "torch sort":
            assert found["map"] == pytest.approx(naive, 1e-4)
    decided = results["gaussian", "hybridsampler"]["report"]["elsewhere"]
    assert (decided > 0) == (device != "cpu")
    assert printed.count("the device gives the digits of the CPU") == len(KINDS)
    _drawn_again(tmp_path, "device")
    lines = _run([str(BENCHES / "table.py"), *map(str, tmp_path.glob("*.json"))]).splitlines()
    assert lines[2].startswith("| hybridsampler | ")


def test_the_scorers_table_says_what_was_estimated_and_what_decided() -> None:
    def found(name: str, seconds: float, **more: Any) -> dict[str, Any]:
        same = {"missing": None, "kernel": None, "estimated": False, "report": None}
        least = {"name": name, "seconds": seconds, "median_seconds": 0.3, "peak_bytes": 2e6}
        return {**least, **same, **more}

    ranked = {"map": 0.5, "exact_map": 0.5}
    report = {"int8": 0, "int16": 99_800, "float32": 150, "reference": 50}
    results = [
        found("hybridsampler", 0.1, median_seconds=0.15, report=report, **ranked),
        found("numpy product", 0.2, map=None, exact_map=None, kernel="Haswell"),
        found("slow", 30.0, map=0.25, exact_map=0.5, estimated=True),
    ]
    record = {"bench": "scorer", "results": [{"set": "hard", **one} for one in results]}
    assert table(record).splitlines() == [
        "| | hard, ms | product = 1 | ours = 1 | peak, MB | mAP off by |",
        "|---|---:|---:|---:|---:|---:|",
        "| hybridsampler | 100 | 0.500 | 1.00 | 2 | 0 |",
        "| numpy product (Haswell) | 200 | 1.00 | 2.00 | 2 | - |",
        "| slow | ~30,000 | 150 | 300 | ≥ 2 | 2.5e-01 |",
        "",
        "| vectors | exact mAP | ours by medians, product = 1 | decided by |",
        "|---|---:|---:|---:|",
        "| hard | 0.500000000000 | 0.500 | int16 99.800%, float32 0.150%, reference 0.050% |",
    ]


def test_every_scorer_finds_the_mean_average_precision() -> None:
    """In vectors whose float32 scores are as far apart as their float64 ones."""
    code = """
import importlib.util, json, logging, warnings
from embeddings import KINDS, Work
from libraries import SCORERS
logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
found = {}
for kind in SCORERS:
    # It compiles for most of a minute; the bench's own table has its mAP beside the exact one.
    if kind.package == "ranx":
        continue
    try:
        contestant = kind(2)
    except (ImportError, NotImplementedError):
        continue
    for name in KINDS:
        contestant.give(Work.make(name, 30, 200, 24))
        found.setdefault(kind.name, {})[name] = contestant.run()
        contestant.take(10)
        found[kind.name][name + ", 10 queries"] = contestant.run()
print(json.dumps(found))
"""
    found = json.loads(_run(["-c", code], path=str(BENCHES)))
    # Those that the tests' other needs bring, wherever the rest are installed or not.
    assert {"hybridsampler", "numpy count", "numpy argsort", "torch sort"} < set(found)
    assert {"scikit-learn", "sentence-transformers", "torchmetrics"} < set(found)
    # The faster of a peer's ways is there too.
    assert {"scikit-learn, labels", "torchmetrics, function"} < set(found)
    for name in KINDS:
        work = Work.make(name, 30, 200, 24)
        naive = _naive_mean_ap(work.queries, work.candidates, work.relevant)
        few = _naive_mean_ap(work.queries[:10], work.candidates, work.relevant[:10])
        for contestant, values in found.items():
            if " product" in contestant:
                assert values[name] is None
            elif contestant.startswith("torchmetrics") and name == "gaussian":
                # Half of the relevant candidates score below 0, which both take for irrelevant.
                assert values[name] > 1.2 * naive
            else:
                assert values[name] == pytest.approx(naive, 1e-6), (contestant, name)
                assert values[f"{name}, 10 queries"] == pytest.approx(few, 1e-6), (contestant, name)


def test_the_sets_have_the_precision_that_they_are_named_after() -> None:
    ranges = ((0, 0.01), (0.55, 0.65), (0.15, 0.25))
    for name, (low, high) in zip(KINDS, ranges, strict=True):
        work = Work.make(name, 400, 13000, 768)
        result = evaluate(
            work.queries,
            work.candidates,
            (np.arange(401) * 11, work.relevant.ravel()),
            query_languages=["any"] * 400,
            candidate_languages=work.languages,
            measures=["AP"],
        )
        assert low < result["multilingual"]["AP"] < high, name
        again = Work.make(name, 400, 13000, 768)
        assert np.array_equal(work.queries, again.queries)
        assert np.array_equal(work.candidates, again.candidates)
        assert np.array_equal(work.relevant, again.relevant)


def test_the_settings_bench_reads_all_settings_of_one_pass(tmp_path: Path) -> None:
    sizes = ["--dimension", "8", "--rounds", "1"]
    _run([str(BENCHES / "settings.py"), *sizes, "--record", str(tmp_path)])
    record = _record(tmp_path, "settings")
    every, alone = record["results"]
    assert every["found"]["settings"] == 11 + 11 * 10 + 11
    assert every["found"]["rank_distance"] > 0
    assert every["found"]["multilingual"] == alone["found"]["multilingual"]
    assert record["ratio"] == record["median_ratio"] == every["seconds"] / alone["seconds"]
    _drawn_again(tmp_path, "settings")


def test_the_runs_bench_gets_the_same_values_from_files_and_dicts(tmp_path: Path) -> None:
    sizes = ["--queries", "20", "--documents", "60", "--rounds", "2"]
    # Without ranx, which compiles for most of a minute.
    only = ["--only", "hybridsampler", "pytrec_eval", "ir_measures"]
    _run([str(BENCHES / "runs.py"), *sizes, *only, "--record", str(tmp_path)])
    results = _record(tmp_path, "runs")["results"]
    assert [found["name"] for found in results] == [
        f"{name}, {form}"
        for form in ("files", "dicts")
        for name in ("hybridsampler", "pytrec_eval", "ir_measures")
    ]
    naive = _naive_means(*made(20, 60))
    for found in results:
        assert set(found) == set(results[0])
        if found["missing"]:
            continue
        assert found["means"] == pytest.approx(naive, 1e-9), found["name"]
        assert found["first_seconds"] > 0
        assert found["seconds"] > 0
        assert found["runs"] == 2
    _drawn_again(tmp_path, "runs")


def _naive_means(
    run: dict[str, dict[str, float]], qrels: dict[str, dict[str, int]]
) -> dict[str, float]:
    """AP, nDCG@10 of linear gain and R@100, as trec_eval defines them, for scores without ties."""
    sums = dict.fromkeys(("AP", "nDCG@10", "R@100"), 0.0)
    for query, scores in run.items():
        grades = qrels[query]
        ranked = [
            grades.get(one, 0) for one in sorted(scores, key=scores.__getitem__, reverse=True)
        ]
        relevant = sum(grade > 0 for grade in grades.values())
        hits = [rank for rank, grade in enumerate(ranked, 1) if grade]
        sums["AP"] += sum(hit / rank for hit, rank in enumerate(hits, 1)) / relevant
        sums["R@100"] += sum(rank <= 100 for rank in hits) / relevant
        ideal = sorted(grades.values(), reverse=True)
        gains, most = (
            sum(grade / math.log2(place + 1) for place, grade in enumerate(some[:10], 1))
            for some in (ranked, ideal)
        )
        sums["nDCG@10"] += gains / most
    return {measure: value / len(run) for measure, value in sums.items()}


def test_the_imports_bench_times_ours_beside_numpys(tmp_path: Path) -> None:
    _run([str(BENCHES / "imports.py"), "--rounds", "2", "--record", str(tmp_path)])
    ours, whole, numpys = _record(tmp_path, "imports")["results"]
    assert (ours["name"], numpys["name"]) == ("hybridsampler", "numpy")
    assert whole["name"] == "hybridsampler, all names"
    assert 0 < numpys["seconds"] <= numpys["median_seconds"]
    assert ours["runs"] == numpys["runs"] == 2
    _drawn_again(tmp_path, "imports")


def test_a_contestant_has_its_own_environment_takes_turns_and_fails_alone(
    tmp_path: Path,
) -> None:
    code = """
import os, time
from typing import ClassVar
from turns import Child, Contestant, children, take_turns

class Slow(Contestant):
    name = package = "slow"
    environment = {"BENCH_GIVEN": "1", "BENCH_TAKEN": None}
    def load(self, folder): ...
    def run(self):
        time.sleep(0.02)
        return os.environ.get("BENCH_GIVEN"), os.environ.get("BENCH_TAKEN")

class Quick(Slow):
    name = package = "quick"
    environment = {}
    def run(self):
        return os.environ["OMP_NUM_THREADS"], len(os.sched_getaffinity(0))

class Broken(Slow):
    name = package = "broken"
    def run(self):
        os._exit(1)

class Absent(Slow):
    name = package = "absent"
    def __init__(self, threads):
        import surely_not_there

if __name__ == "__main__":
    os.environ["BENCH_TAKEN"] = "0"
    there = [Child(Slow, 1), Child(Quick, 1)]
    assert os.environ["BENCH_TAKEN"] == "0" and "BENCH_GIVEN" not in os.environ
    seconds, found = take_turns(there, 4, 0.03)
    assert found == {"slow": ("1", None), "quick": ("1", 1)}, found
    assert (len(seconds["slow"]), len(seconds["quick"])) == (2, 4)
    for child in there:
        child.close()
    with children((Broken, Quick, Absent), 1, Child.turn) as (there, missing):
        assert [child.kind for child in there] == [Quick]
    assert missing == {
        "broken": "the process was ended, as when memory is short",
        "absent": "not installed: No module named 'surely_not_there'",
    }, missing
"""
    # Its classes are looked for in the file that the processes were started from.
    program = tmp_path / "program.py"
    program.write_text(code, encoding="utf-8")
    _run([str(program)], path=str(BENCHES))


def test_make_bench_runs_all_that_write_records() -> None:
    makefile = (BENCHES.parent / "Makefile").read_text(encoding="utf-8")
    writing = [
        path.name for path in BENCHES.glob("*.py") if "    path = write(" in path.read_text()
    ]
    assert len(writing) == 7
    for name in writing:
        assert f"$(BIN)/python benches/{name}\n" in makefile


@pytest.mark.parametrize(
    ("page", "heading", "folder", "benches"),
    [
        ("README.md", "Speed", "record", "sampler plan scorer settings runs imports"),
        ("docs/benches.md", "Without AVX-512", "record/avx2", "scorer settings"),
    ],
)
def test_pages_show_the_tables_of_the_latest_records_and_no_others(
    page: str, heading: str, folder: str, benches: str
) -> None:
    latest = [max((BENCHES / folder).glob(f"*-{bench}.json")) for bench in benches.split()]
    records = [json.loads(record.read_text(encoding="utf-8")) for record in latest]
    text = (BENCHES.parent / page).read_text(encoding="utf-8")
    shown = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]

    def rows(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith("|")]

    assert rows(shown) == rows("\n".join(map(table, records)))
    for record in records:
        assert f"({record['processor']}, {record['date']})" in " ".join(shown.split())


@pytest.mark.parametrize("kind", ["Ours", "Numpy", "TorchRandom", "TorchDistributed", "Torchdata"])
def test_a_contestant_resumes_at_the_batch_that_it_would_have_delivered(kind: str) -> None:
    code = f"""
from itertools import islice
from contestants import {kind}
from rows import Rows
contestant = {kind}(Rows(2560))
contestant.build()
batch = list(next(islice(contestant.epoch(), 7, None)))
assert len(batch) == 128
assert batch == list(contestant.resume(7))
"""
    _run(["-c", code], path=str(BENCHES))


def test_the_rows_share_passages_as_they_say() -> None:
    code = """
import numpy as np
from rows import Rows
five = Rows(12800, "five").texts()["passage"].to_pylist()
assert len(set(five)) == 12800 / 50
assert five[0] == five[9] == five[49] != five[50]
zipf = np.bincount(Rows(128000, "zipf").passage_key()[::10])
assert zipf.max() == 12800 // 128 and np.count_nonzero(zipf == 1) > 100
assert Rows(12800).passage_key() is None
assert len(set(Rows(12800).texts()["passage"].to_pylist())) == 12800
"""
    _run(["-c", code], path=str(BENCHES))

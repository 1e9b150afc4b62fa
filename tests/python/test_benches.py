"""The benches run, and write what the README and the pictures are made from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
    assert {"work", "processor", "python"} < set(record)
    assert set(record["versions"]) == {"hybridsampler", "numpy", "torch"}
    return record


def _drawn_again(folder: Path, bench: str) -> None:
    (picture,) = folder.glob(f"*-{bench}.svg")
    drawn = picture.read_bytes()
    picture.unlink()
    _run([str(BENCHES / "plot.py"), str(picture.with_suffix(".json"))])
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


def test_the_scorer_bench_times_ours_and_numpy(tmp_path: Path) -> None:
    sizes = ["--queries", "20", "--candidates", "300", "--dimension", "32"]
    _run([str(BENCHES / "scorer.py"), *sizes, "--record", str(tmp_path)])
    timings = _record(tmp_path, "scorer")["timings"]
    assert {"hybridsampler", "numpy argsort", "numpy count"} < {each["name"] for each in timings}
    assert all(each["seconds"] > 0 for each in timings)


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

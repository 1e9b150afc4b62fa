"""The README's code prints what it says; its numbers are those of the committed records."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hybridsampler.console import print_tables
from hybridsampler.results import Result, read_results
from hybridsampler.tables import macro_tables

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ONE_LINE = README.replace("\n", " ")
RECORDS = ROOT / "benches/record"
STUDY = max(RECORDS.glob("*-quick-study"))


def _block(after: str, language: str) -> str:
    """The first fenced block of a language below a heading."""
    section = README.split(f"\n## {after}\n")[1].split("\n## ")[0]
    return section.split(f"```{language}\n")[1].split("```")[0]


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sampler_example_runs_and_keeps_its_promise() -> None:
    code = _block("The sampler", "python")
    assert len(code.strip().splitlines()) <= 12
    check = "\n    assert len(batch['query']) == len(batch['passage']) == 128\n    break\n"
    assert _run(code.rstrip() + check + "print(len(loader))") == "218\n"


def test_the_scorer_example_prints_what_it_says() -> None:
    code = _block("The scorer", "python")
    calls = code[code.index("xquad, encode") :]
    assert len(calls.strip().splitlines()) <= 8
    expected = README.split("## The scorer")[1].split("```\n")[2]
    assert _run(code) == expected


def test_the_study_printed_what_the_readme_shows() -> None:
    results = read_results(STUDY / "results.jsonl")
    out = io.StringIO()
    print_tables(macro_tables(results, "XQuAD-R", "batches"), Console(file=out, width=80))
    shown = [line.rstrip() for line in _block("What the quick study prints", "").splitlines()]
    printed = [line.rstrip() for line in out.getvalue().strip().splitlines()]
    assert [line for line in shown if line] == [line for line in printed if line]


def _change(ours: Result, other: Result) -> list[str]:
    values = [
        ours.macro[setting]["AP"] - other.macro[setting]["AP"]
        for setting in ("monolingual", "cross_lingual", "multilingual")
    ]
    signed = [f"{value:+.3f}".replace("0.", ".") for value in values]
    assert ours.rank_distance is not None
    assert other.rank_distance is not None
    return [*signed, f"{ours.rank_distance - other.rank_distance:+.0f}"]


@pytest.mark.parametrize("other", ["X-X-mono", "X-Y"])
def test_the_comparison_holds_the_records_numbers(other: str) -> None:
    results = {result.arm: result for result in read_results(STUDY / "results.jsonl")}
    row = " | ".join([other, "here", *_change(results["hybrid"], results[other])])
    assert f"| {row} |" in README


def test_the_pattern_is_the_one_that_the_readme_tells() -> None:
    """In every seed on record: hybrid beats X-X-mono across languages and X-Y within them."""
    paths = sorted(STUDY.glob("results*.jsonl"))
    assert len(paths) == 3
    for path in paths:
        found = {result.arm: result for result in read_results(path)}
        hybrid, mono, cross = found["hybrid"], found["X-X-mono"], found["X-Y"]
        ap = {arm: {s: found[arm].macro[s]["AP"] for s in found[arm].macro} for arm in found}
        assert ap["untrained"]["monolingual"] < ap["X-Y"]["monolingual"]
        assert (
            ap["X-Y"]["monolingual"] < ap["hybrid"]["monolingual"] < ap["X-X-mono"]["monolingual"]
        )
        for setting in ("cross_lingual", "multilingual"):
            assert ap["X-X-mono"][setting] < ap["hybrid"][setting] < ap["X-Y"][setting]
        biases = [arm.rank_distance for arm in (cross, hybrid, mono)]
        assert biases == sorted(bias for bias in biases if bias is not None)


def _record(bench: str) -> Any:
    return json.loads(max(RECORDS.glob(f"*-{bench}.json")).read_text(encoding="utf-8"))


def test_the_sampler_profile_is_the_records() -> None:
    record = _record("sampler")
    spent = [f"{part * 1e3:.1f} ms for {name}" for name, part in record["profile"].items()]
    assert f"Ours spends {', '.join(spent)};" in ONE_LINE
    rates = {result["name"]: result["rows_per_second"] for result in record["results"]}
    times = rates["hybridsampler"] / rates["torch RandomSampler"]
    assert f"it is {times:.1f} times" in ONE_LINE
    epoch = record["rows"] // record["batch"] * record["batch"] / (3 * rates["torch RandomSampler"])
    left = epoch - record["profile"]["lists of Python integers"]
    assert f"{epoch * 1e3:.1f} ms an epoch: the lists leave {left * 1e3:.1f} ms" in ONE_LINE


def test_keys_are_compared_by_the_record_as_lists_against_lists() -> None:
    record = _record("plan")
    rates = {(r["name"], r["rows"], r["keys"]): r["rows_per_second"] for r in record["results"]}
    lists = [r for r in record["results"] if r["name"] == "hybridsampler"]
    assert len(lists) == 4
    for peer, which in (("ST NoDuplicates, hashed", "hashed"), ("ST NoDuplicates", "plain")):
        times = [r["rows_per_second"] / rates[peer, r["rows"], r["keys"]] for r in lists]
        assert f"{min(times):.0f} to {max(times):,.0f} times that of the {which} one" in ONE_LINE
    slowest, *_, fastest = sorted(r["rows_per_second"] / 1e6 for r in lists)
    assert f"ours takes {slowest:.0f} to {fastest:.0f} M pairs/s" in ONE_LINE


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target

"""Levels of instructions: each is exact, and all leave the same comparisons open."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

LEVELS = ["portable", "avx2", "avxvnni", "avx512", "avx512vnni"]

# Blocks this small are screened in int16 everywhere.
EVERY_FAMILY = """
import sys
sys.path.insert(0, "tests/python")
import numpy as np
from counting import assert_exact, counted
from naive_ranking import FAMILIES, random_task
rng = np.random.default_rng(11)
settled = 0
for family in FAMILIES:
    for dimension in (1, 31, 70, 129, 300):
        task = random_task(rng, family, queries=14, candidates=40, dimension=dimension)
        counter = counted(task, threads=2)
        assert_exact(counter, task)
        settled += counter.report.int16
print(counter.report.simd, settled)
"""


@cache
def counted_with(level: str) -> tuple[str, int]:
    """The level that ran, and how many comparisons int16 settled, once all ranks were right."""
    done = subprocess.run(
        [sys.executable, "-c", EVERY_FAMILY],
        capture_output=True,
        text=True,
        env=os.environ | {"HYBRIDSAMPLER_SIMD": level},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ran, settled = done.stdout.split()
    return ran, int(settled)


@pytest.mark.parametrize(
    ("arguments", "code", "before"),
    [
        (["-c", "from hybridsampler import RankCounter"], 1, "ImportError: "),
        (["-m", "hybridsampler", "score", "run", "qrels", "-m", "AP"], 2, "error: "),
    ],
    ids=["import", "command line"],
)
def test_a_level_that_does_not_exist_is_refused(
    arguments: list[str], code: int, before: str
) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"HYBRIDSAMPLER_SIMD": "avx51"},
        check=False,
    )
    assert done.returncode == code
    assert done.stderr.splitlines()[-1] == (
        f"{before}HYBRIDSAMPLER_SIMD=avx51: name one of portable, avx2, avxvnni, avx512, "
        "avx512vnni, or unset it"
    )


@pytest.mark.parametrize("level", [*LEVELS, ""])
def test_every_level_of_instructions_is_exact(level: str) -> None:
    ran, settled = counted_with(level)
    assert settled == counted_with("portable")[1] > 0
    if ran != level and level:
        pytest.skip(f"this processor has no {level}: {ran} ran")

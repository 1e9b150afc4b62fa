"""What ParallelCorpus holds beyond the caller's columns."""

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from hybridsampler import ParallelCorpus

LARGE = """
import sys, numpy as np, pyarrow as pa
from hybridsampler import BatchPlan, Mix, ParallelCorpus

def own() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

group = np.memmap(sys.argv[1], np.int32, "r")
codes = pa.array(np.memmap(sys.argv[2], np.int8, "r"))
language = pa.DictionaryArray.from_arrays(codes, ["de", "en", "es", "fr"])
length = pa.array(np.memmap(sys.argv[3], np.int16, "r"))
lists = tuple(np.memmap(path, np.int32, "r") for path in sys.argv[4:])
before = own()
corpus = ParallelCorpus.from_columns(group=group, language=language)
plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1), 128)
plan[0:100]
corpus = ParallelCorpus.from_columns(
    group=group, language=language, length=length, negatives=lists
)
plan = BatchPlan(corpus, Mix(monolingual=1), 128, negatives=1)
plan[0:10]
print(len(corpus), own() - before)
"""


KEYS = [f"passage {row // 4}" for row in range(20_000)]


@pytest.mark.parametrize(
    "keys",
    [
        KEYS,
        range(10_000_000_000, 10_000_020_000),
        np.array(KEYS),
        np.array(KEYS, object),
        np.ma.MaskedArray(np.arange(20_000) // 4, np.arange(20_000) == 7),
        pd.Series(KEYS),
        pd.Series(KEYS, dtype="category"),
        pa.array(KEYS),
        pa.array([None, *(row // 4 for row in range(1, 20_000))]),
    ],
    ids=[
        "list",
        "range",
        "texts",
        "objects",
        "masked",
        "pandas",
        "categories",
        "Arrow",
        "Arrow, a null",
    ],
)
def test_passage_keys_take_no_memory_once_they_are_indexed(keys: Any) -> None:
    """What Python holds of them, for messages alone, was up to 82 bytes a row."""
    group, language = np.arange(20_000) // 2, pa.array(["de", "en"] * 10_000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        corpus = ParallelCorpus.from_columns(group=group, language=language, passage_key=keys)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 20_000
    assert corpus.passage_key_of(9_999) in ("'passage 2499'", "2499", "10000009999")


def test_of_several_key_columns_those_with_a_key_are_named() -> None:
    corpus = ParallelCorpus.from_columns(
        group=range(3),
        language=["en"] * 3,
        passage_key={
            "para": [None, "a", "a"],
            "page": np.ma.array([7, 7, 7], mask=[True, True, False]),
        },
    )
    told = [corpus.passage_key_of(row) for row in range(3)]
    assert told == ["None", "para='a'", "para='a', page=7"]


@pytest.mark.parametrize("none", [None, float("nan")])
def test_no_key_is_told_in_one_way(none: Any) -> None:
    """Errors look for a row that has one: of pandas a missing key was "nan"."""
    keys = pd.Series([none, "a"], dtype=object)
    corpus = ParallelCorpus.from_columns(group=range(2), language=["en"] * 2, passage_key=keys)
    assert [corpus.passage_key_of(row) for row in range(2)] == ["None", "'a'"]


def test_keys_of_a_list_that_was_emptied_since_are_told_by_their_row() -> None:
    keys = ["a", "a", "b", "b"]
    corpus = ParallelCorpus.from_columns(
        group=range(4), language=["en", "de"] * 2, passage_key=keys
    )
    assert corpus.passage_key_of(2) == "'b'"
    keys.clear()
    assert corpus.passage_key_of(2) == "of row 2"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("order", ["by group", "by language"])
def test_a_regular_file_is_indexed_without_memory_of_its_size(order: str, tmp_path: Path) -> None:
    """Eight million rows: a copy of any column would take 8 to 32 MB, a table 32."""
    group, language = np.arange(2_000_000, dtype=np.int32), np.arange(4, dtype=np.int8)
    repeat, tile = (np.repeat, np.tile) if order == "by group" else (np.tile, np.repeat)
    repeat(group, 4).tofile(tmp_path / "group")
    tile(language, 2_000_000).tofile(tmp_path / "language")
    (np.arange(8_000_000) % 500).astype(np.int16).tofile(tmp_path / "length")
    np.arange(8_000_001, dtype=np.int32).tofile(tmp_path / "indptr")
    np.arange(8_000_000, dtype=np.int32).tofile(tmp_path / "listed")
    names = ("group", "language", "length", "indptr", "listed")
    command = [sys.executable, "-c", LARGE, *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 8_000_000
    assert kilobytes < 6_000

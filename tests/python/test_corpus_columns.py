"""Kinds of columns that ParallelCorpus takes for keys, lengths and negatives."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import Rough, rough
from corpus_columns import Built, arrow, chunked, complete, mapped, plain_numbers, refused, series
from hybridsampler import BatchPlan, Mix, ParallelCorpus

# Keys, lengths and negatives as columns


@given(rough(), st.sampled_from([list, tuple, pa.array, lambda c: np.array(c, object)]))
def test_any_kind_of_key_column_gives_the_same_corpus(data: Rough, kind: Any) -> None:
    keys = {name: kind(values) for name, values in data.keys.items()}
    again = ParallelCorpus.from_columns(
        group=data.group, language=data.language, source=data.source, passage_key=keys
    )
    lists = ParallelCorpus.from_columns(
        group=data.group, language=data.language, source=data.source, passage_key=data.keys
    )
    assert again.fingerprint == lists.fingerprint


def test_keys_of_other_names_join_the_same_rows() -> None:
    def built(*keys: Any) -> str:
        key = dict(zip("ab", keys, strict=False))
        return ParallelCorpus.from_columns(**complete(), passage_key=key).fingerprint

    plain = ParallelCorpus.from_columns(**complete()).fingerprint
    joined_ = ["x", None, None, "x", None, None]
    assert built(joined_) == built([7, 1, 2, 7, 3, 4]) == built([None] * 6, joined_)
    assert built(joined_) != plain
    # Keys count inside a source, and joining a group with itself joins nothing.
    assert built(["x", None, None, None, "x", None]) == plain
    assert built(["x", "x", None, None, None, None]) == plain


def test_dictionaries_may_hold_names_that_do_not_occur() -> None:
    indices = pa.array([2, 0, 2, 0, 2, 0], pa.int8())
    language = pa.DictionaryArray.from_arrays(indices, pa.array(["de", "unused", "en"]))
    group = [1, 1, 2, 2, 3, 3]
    corpus = ParallelCorpus.from_columns(group=group, language=language)
    assert corpus.languages == ("de", "en")
    plain = ParallelCorpus.from_columns(group=group, language=["en", "de"] * 3)
    assert corpus.fingerprint == plain.fingerprint


def test_dictionaries_may_differ_between_chunks() -> None:
    chunks = [
        pa.array(["en", "de"]).dictionary_encode(),
        pa.array(["de", "en"]).dictionary_encode(),
    ]
    corpus = ParallelCorpus.from_columns(group=[1, 1, 2, 2], language=pa.chunked_array(chunks))
    plain = ParallelCorpus.from_columns(group=[1, 1, 2, 2], language=["en", "de", "de", "en"])
    assert corpus.fingerprint == plain.fingerprint


def test_dictionaries_may_repeat_a_value() -> None:
    """As compute functions leave them: two codes for one text are one key, and one group."""
    codes = pa.array([0, 1, 2, 3], pa.int8())
    twice = pa.DictionaryArray.from_arrays(codes, pa.array(["paris", "paris", "x", "y"]))
    plain: Built = {"group": [1, 2, 3, 4], "language": ["en"] * 4}
    as_key = ParallelCorpus.from_columns(**plain, passage_key=twice)
    as_list = ParallelCorpus.from_columns(**plain, passage_key=twice.to_pylist())
    assert as_key.fingerprint == as_list.fingerprint
    with pytest.raises(ValueError, match="rows 0 and 1 are both group 'paris'"):
        ParallelCorpus.from_columns(group=twice, language=["en"] * 4)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", None, "a", "b"]),
        pd.Series(["a", None, "a", "b"], dtype="string"),
        pd.Series(["a", None, "a", "b"], dtype="category"),
        pd.Series([7, None, 7, 8], dtype="Int64"),
        pd.Series([7, 3, 7, 8]),
        np.ma.array([7, 7, 7, 8], mask=[False, True, False, False]),
        pa.array([7, None, 7, 8]),
        pa.array(["a", None, "a", "b"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, None, 0, 1], pa.uint8()), ["a", "b"]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 2]), ["a", None, "b"]),
        pa.chunked_array([pa.array([], pa.string()), pa.array(["a", None, "a", "b"])]),
    ],
    ids=lambda column: f"{type(column).__name__} {getattr(column, 'dtype', '')}",
)
def test_missing_keys_of_every_kind_join_nothing(column: Any) -> None:
    plain: Built = {"group": [1, 2, 3, 4], "language": ["en"] * 4}
    expected = ParallelCorpus.from_columns(**plain, passage_key=["a", None, "a", "b"]).fingerprint
    assert ParallelCorpus.from_columns(**plain, passage_key=column).fingerprint == expected


def test_no_keys_at_all() -> None:
    plain: Built = {"group": [1, 2], "language": ["en"] * 2}
    expected = ParallelCorpus.from_columns(**plain).fingerprint
    for keys in ([None, None], pa.array([None, None]), pa.array([None, None], pa.string())):
        assert ParallelCorpus.from_columns(**plain, passage_key=keys).fingerprint == expected


def test_empty_first_chunks_and_empty_lengths() -> None:
    chunks = pa.chunked_array([pa.array([], pa.int64()), pa.array([1, 2])])
    with pytest.raises(ValueError, match="column 'language' holds 1: names are strings"):
        ParallelCorpus.from_columns(group=[1, 2], language=chunks)
    refused({"length": []}, "'group' has 6 rows but 'length' has 0")


def test_arrow_buffers_may_begin_at_any_byte() -> None:
    def moved(numbers: list[int]) -> Any:
        stored = pa.py_buffer(b"\0" + np.array(numbers, np.int64).tobytes()).slice(1)
        return pa.Array.from_buffers(pa.int64(), len(numbers), [None, stored])

    groups, codes = [5, 5, 7, 7], [0, 1, 0, 1]
    language = pa.DictionaryArray.from_arrays(moved(codes), pa.array(["en", "de"]))
    corpus = ParallelCorpus.from_columns(
        group=moved(groups), language=language, length=moved(codes)
    )
    assert not moved(groups).to_numpy().flags.aligned
    plain = ParallelCorpus.from_columns(
        group=groups, language=["en", "de", "en", "de"], length=codes
    )
    assert corpus.fingerprint == plain.fingerprint


# Lengths and negatives are read where they lie


@pytest.mark.parametrize("kind", [plain_numbers, mapped, arrow, chunked, series])
def test_lengths_and_negatives_are_not_copied(kind: Any, tmp_path: Path) -> None:
    """What is written to a column behind the corpus's back is what batches are then made from."""
    rows = 300
    length, length_to_change = kind(np.full(rows, 7, np.int32), tmp_path)
    indptr, indptr_to_change = kind(np.arange(0, 2 * rows + 1, 2, dtype=np.int32), tmp_path)
    listed = np.repeat((np.arange(rows, dtype=np.int32) + 100) % rows, 2)
    listed, listed_to_change = kind(listed, tmp_path)
    corpus = ParallelCorpus.from_columns(
        group=np.arange(rows), language=["en"] * rows, length=length, negatives=(indptr, listed)
    )

    def plan(batch_size: int = 1) -> BatchPlan:
        return BatchPlan(corpus, Mix(monolingual=1), batch_size, negatives=1)

    expected = plan()[0:20]
    assert plan(4).stats(75).padding == 1
    assert (expected[..., 2] == (expected[..., 0] + 100) % rows).all()
    length_to_change[0] = 7000
    padding = plan(4).stats(75).padding
    assert padding is not None
    assert padding < 1
    length_to_change[0] = 7
    listed_to_change[:] = (listed_to_change + 50) % rows
    changed = plan()[0:20]
    assert (changed[..., :2] == expected[..., :2]).all()
    assert (changed[..., 2] == (expected[..., 0] + 150) % rows).all()
    indptr_to_change[1:] = 0
    assert plan().stats(20).random_negatives == 1


@pytest.mark.parametrize("change", ["row", "end"])
def test_negatives_changed_to_what_does_not_fit_are_refused(change: str) -> None:
    indptr, listed = np.arange(21), np.arange(20)[::-1].copy()
    corpus = ParallelCorpus.from_columns(
        group=np.arange(20), language=["en"] * 20, negatives=(indptr, listed)
    )
    plan = BatchPlan(corpus, Mix(monolingual=1), 2, negatives=1)
    if change == "row":
        listed[:] = 20
    else:
        indptr[1:] = 21
    for ask in (lambda: plan[0:3], lambda: plan.stats(3)):
        with pytest.raises(ValueError, match=r"negatives of row \d+ are not what the corpus was"):
            ask()


@pytest.mark.parametrize("kind", [list, tuple, np.array, pa.array, pd.Series])
def test_any_kind_of_lengths_and_lists_gives_the_same_corpus(kind: Any) -> None:
    plain: Built = {"group": [1, 2, 3, 4], "language": ["en"] * 4}
    length, indptr, listed = [3, 2**32 - 1, 0, 70_000], [0, 2, 2, 2, 3], [1, 2, 0]
    expected = ParallelCorpus.from_columns(
        **plain, length=length, negatives=[[1, 2], [], [], [0]]
    ).fingerprint
    again = ParallelCorpus.from_columns(
        **plain, length=kind(length), negatives=(kind(indptr), kind(listed))
    )
    assert again.fingerprint == expected
    coded = pa.array(length).dictionary_encode()
    wide = [np.array(part, np.uint64) for part in (indptr, listed)]
    again = ParallelCorpus.from_columns(**plain, length=coded, negatives=(wide[0], wide[1]))
    assert again.fingerprint == expected


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int32()), pa.large_list(pa.uint8()), pa.list_view(pa.int8()), "chunked"]
)
def test_arrow_columns_of_lists_are_negatives(kind: Any) -> None:
    """As Parquet gives them, cut anywhere; the entries are read where they lie."""
    plain: Built = {"group": [1, 2, 3, 4], "language": ["en"] * 4}
    lists = [[1, 2], [], [3], [0]]
    expected = ParallelCorpus.from_columns(**plain, negatives=lists).fingerprint
    if kind == "chunked":
        given_ = pa.chunked_array([pa.array([[7], [1, 2]])[1:], pa.array(lists[1:])])
    else:
        given_ = pa.array([[9], *lists, [9]], kind)[1:-1]
    assert ParallelCorpus.from_columns(**plain, negatives=given_).fingerprint == expected
    listed = np.array([1, 2, 3, 0])
    entries = pa.Array.from_buffers(pa.int64(), 4, [None, pa.py_buffer(listed)])
    lent = pa.ListArray.from_arrays(pa.array([0, 2, 2, 3, 4], pa.int32()), entries)
    corpus = ParallelCorpus.from_columns(**plain, negatives=lent)
    assert corpus.fingerprint == expected
    listed[:] = 4
    with pytest.raises(ValueError, match=r"negatives of row \d are not what the corpus was built"):
        BatchPlan(corpus, Mix(monolingual=1), 1, negatives=1)[0:4]


def test_empty_arrow_columns_of_lists() -> None:
    refused({"negatives": pa.chunked_array([], pa.list_(pa.int64()))}, "negatives has 0 lists")
    plain: Built = {"group": [1, 2, 3, 4], "language": ["en"] * 4}
    expected = ParallelCorpus.from_columns(**plain, negatives=[[]] * 4).fingerprint
    for nothing in (pa.array([[]] * 4), pa.array([[]] * 4, pa.list_(pa.int8()))):
        assert ParallelCorpus.from_columns(**plain, negatives=nothing).fingerprint == expected


def test_lists_become_arrays_as_small_as_they_need() -> None:
    """As what a corpus sends to another process tells."""
    rows = 40_000
    plain: Built = {"group": range(rows), "language": np.zeros(rows, int).astype(str)}
    alone = len(pickle.dumps(ParallelCorpus.from_columns(**plain)))
    for more, most in (
        ({"length": [row % 256 for row in range(rows)]}, 1),
        ({"length": [row % 257 for row in range(rows)]}, 2),
        ({"negatives": [[row] for row in range(rows)]}, 2 + 2),
        ({"negatives": [[row, row] for row in range(rows)]}, 4 + 2 * 2),
    ):
        sent = len(pickle.dumps(ParallelCorpus.from_columns(**plain, **more)))
        assert sent <= alone + most * rows + 1000

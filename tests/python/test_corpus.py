"""ParallelCorpus: what it tells of the columns, and which columns it refuses."""

import hashlib
import pickle
import random
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corpora import Columns, Rough, columns, regular, rough
from hybridsampler import BatchPlan, Mix, ParallelCorpus

Built = dict[str, Any]


# What it tells


@given(columns())
def test_tells_the_size_of_everything(data: Columns) -> None:
    corpus = data.corpus
    assert len(corpus) == len(data)
    assert corpus.languages == tuple(sorted(set(data.language)))
    assert corpus.sources == tuple(data.sizes)
    assert corpus.source_groups == {name: size.groups for name, size in data.sizes.items()}
    assert corpus.source_languages == {name: size.languages for name, size in data.sizes.items()}


@given(columns())
def test_any_kind_of_column_gives_the_same_corpus(data: Columns) -> None:
    def built(kind: Any) -> ParallelCorpus:
        return ParallelCorpus.from_columns(
            group=kind(data.group),
            language=kind(data.language),
            source=None if data.source is None else kind(data.source),
        )

    expected = data.corpus.fingerprint
    for kind in (list, tuple, iter, np.array, pa.array, lambda c: pa.chunked_array([c, c[:0]])):
        assert built(kind).fingerprint == expected


def test_integer_columns_of_any_width() -> None:
    values = [5, 1, 120, 7]
    expected = ParallelCorpus.from_columns(group=values, language=["en"] * 4).fingerprint
    for width in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64):
        group = np.array(values, dtype=width)
        built = ParallelCorpus.from_columns(group=group, language=["en"] * 4)
        assert built.fingerprint == expected


def test_large_integers_are_told_apart() -> None:
    group = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    assert ParallelCorpus.from_columns(group=group, language=["en"] * 4).source_groups["all"] == 4


def test_one_source_is_called_all() -> None:
    corpus = regular(3, ["en", "de"]).corpus
    assert corpus.sources == ("all",)
    named = regular(3, ["en", "de"], "all").corpus
    assert named.fingerprint == corpus.fingerprint


def test_repr_tells_the_size() -> None:
    assert repr(regular(1200, ["en", "de"]).corpus) == (
        "ParallelCorpus(2,400 rows, 1,200 groups, languages=['de', 'en'], sources=['all'])"
    )


# The fingerprint


@given(columns(groups=(2, 12)), st.data())
def test_fingerprint_changes_with_any_two_rows_that_change_places(
    data: Columns, draw: st.DataObject
) -> None:
    rows = list(range(len(data)))
    pair = st.lists(st.sampled_from(rows), min_size=2, max_size=2, unique=True)
    one, other = draw.draw(pair)
    rows[one], rows[other] = other, one
    swapped = Columns(
        [data.group[row] for row in rows],  # type: ignore[arg-type]
        [data.language[row] for row in rows],
        None if data.source is None else [data.source[row] for row in rows],
    )
    assert swapped.corpus.fingerprint != data.corpus.fingerprint


@given(columns())
def test_fingerprint_is_of_the_columns_alone(data: Columns) -> None:
    again = Columns(list(data.group), list(data.language), data.source)  # type: ignore[arg-type]
    assert again.corpus.fingerprint == data.corpus.fingerprint


def test_fingerprint_changes_with_names_and_size() -> None:
    fingerprints = [
        regular(4, ["de", "en"]).corpus.fingerprint,
        regular(4, ["de", "es"]).corpus.fingerprint,
        regular(4, ["de", "en"], "wiki").corpus.fingerprint,
        regular(5, ["de", "en"]).corpus.fingerprint,
        regular(8, ["en"]).corpus.fingerprint,
    ]
    assert len(set(fingerprints)) == len(fingerprints)


# How rows are stored does not matter: sorted files need no table, others do


@given(
    st.integers(1, 20),
    st.integers(1, 5),
    st.sampled_from(["group", "language", "backwards", "language backwards", "shuffled"]),
)
def test_every_order_of_the_file_reaches_every_row(groups: int, spoken: int, order: str) -> None:
    rows = [(group, f"l{language}") for group in range(groups) for language in range(spoken)]
    if order == "shuffled":
        random.Random(groups).shuffle(rows)
    elif "language" in order:
        rows.sort(key=lambda row: row[1])
    if "backwards" in order:
        rows.reverse()
    data = Columns([group for group, _ in rows], [language for _, language in rows], None)
    # A batch of all groups in one language, for each language.
    batches = BatchPlan(data.corpus, Mix(monolingual=1), batch_size=groups)[0:spoken]
    for batch in batches:
        data.classify(batch)
        assert sorted(data.groups_of(batch)) == list(range(groups))
    assert sorted(batches[..., 0].ravel().tolist()) == list(range(len(rows)))


# What it refuses


def complete() -> Built:
    return {
        "group": ["a", "a", "b", "b", "c", "c"],
        "language": ["en", "de", "en", "de", "fr", "es"],
        "source": ["wiki"] * 4 + ["law"] * 2,
    }


def refused(changes: Built, *parts: str) -> None:
    """Building fails with a message that holds every part: the value named and the remedy."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ParallelCorpus.from_columns(**(complete() | changes))
    for part in parts:
        assert part in str(caught.value)


def test_the_columns_that_the_others_are_changed_from_are_good() -> None:
    assert len(ParallelCorpus.from_columns(**complete())) == 6


@pytest.mark.parametrize("empty", [[], np.array([], dtype=np.int64), np.array([]), iter(())])
def test_empty_corpus(empty: Any) -> None:
    refused(
        {"group": empty, "language": [], "source": None}, "corpus is empty", "give at least one row"
    )


def test_empty_corpus_of_empty_sources() -> None:
    refused({"group": [], "language": [], "source": []}, "corpus is empty", "give at least one row")


@pytest.mark.parametrize("column", ["language", "source"])
@pytest.mark.parametrize("length", [0, 5, 7])
def test_columns_of_different_length(column: str, length: int) -> None:
    values = (complete()[column] * 2)[:length]
    refused(
        {column: values},
        f"column 'group' has 6 rows but '{column}' has {length}",
        "give columns of one length",
    )


@pytest.mark.parametrize("column", ["group", "language", "source"])
@pytest.mark.parametrize("missing", [None, float("nan"), b"a", ("a",), 1.0, True, 3])
def test_missing_values_and_other_types(column: str, missing: Any) -> None:
    values = complete()[column]
    values[4] = missing
    refused(
        {column: values},
        f"column '{column}' holds {missing!r} at row 4",
        "give strings only or integers only, without missing values",
    )


@pytest.mark.parametrize("column", ["group", "language", "source"])
def test_only_missing_values(column: str) -> None:
    refused({column: [None] * 6}, f"column '{column}' holds None at row 0", "without missing value")


@pytest.mark.parametrize("column", ["language", "source"])
@pytest.mark.parametrize("kind", [list, np.array])
def test_names_are_strings(column: str, kind: Any) -> None:
    refused({column: kind([3] * 6)}, f"column '{column}' holds 3", "names are strings")


def test_floats_are_no_groups() -> None:
    refused({"group": np.arange(6) / 2}, "column 'group' holds 0.0 at row 0", "integers only")


@pytest.mark.parametrize("group", [np.zeros((6, 1), dtype=np.int64), np.zeros((2, 3), dtype=int)])
def test_tables_are_no_columns(group: Any) -> None:
    refused({"group": group}, f"column 'group' has shape {group.shape}", "give one value a row")


@given(columns(groups=(1, 8)), st.data())
def test_group_and_language_twice(data: Columns, draw: st.DataObject) -> None:
    row = draw.draw(st.integers(0, len(data) - 1))
    place = draw.draw(st.integers(0, len(data)))

    def doubled(column: Any) -> list[Any]:
        return [*column[:place], column[row], *column[place:]]

    first, second = sorted((place, row if row < place else row + 1))
    refused(
        {
            "group": doubled(data.group),
            "language": doubled(data.language),
            "source": None if data.source is None else doubled(data.source),
        },
        f"rows {first} and {second} are both group {data.group[row]!r} in language "
        f"'{data.language[row]}'",
        "drop one of them or give it a group of its own",
    )


@given(columns(sources=(2, 4), groups=(1, 8)), st.data())
def test_group_in_two_sources(data: Columns, draw: st.DataObject) -> None:
    assert data.source is not None
    row = draw.draw(st.sampled_from([r for r in range(len(data)) if data.source_of(r) == "wiki"]))
    owned = zip(data.group, data.source, strict=True)
    group = [data.group[row] if source == "news" else own for own, source in owned]
    refused(
        {"group": group, "language": data.language, "source": data.source},
        f"group {data.group[row]!r} is in source",
        "'wiki'",
        "'news'",
        "a group belongs to one source",
    )


def test_group_in_two_sources_names_the_remedy() -> None:
    with pytest.raises(ValueError, match="group 'a' is in source 'wiki'") as caught:
        ParallelCorpus.from_columns(**(complete() | {"group": ["a", "a", "b", "b", "a", "a"]}))
    assert re.search(r"\b(give|make|rename|drop|put|prefix|use)\b", str(caught.value))


# Groups that lack languages


@given(rough())
def test_tells_which_languages_groups_have(data: Rough) -> None:
    corpus = data.corpus
    rows: dict[str, dict[str, int]] = {name: {} for name in data.sizes}
    for row, language in enumerate(data.language):
        counts = rows[data.source_of(row)]
        counts[language] = counts.get(language, 0) + 1
    assert corpus.source_rows == {name: dict(sorted(rows[name].items())) for name in rows}
    assert corpus.source_groups == {name: size.groups for name, size in data.sizes.items()}
    assert corpus.complete_sources == {
        name: sum(rows[name].values()) == size.groups * len(size.languages)
        for name, size in data.sizes.items()
    }


@given(rough())
def test_another_process_has_the_same_corpus(data: Rough) -> None:
    again = pickle.loads(pickle.dumps(data.corpus))
    assert again.fingerprint == data.corpus.fingerprint
    assert again.source_rows == data.corpus.source_rows


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


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        [np.timedelta64(1), np.timedelta64(2)],
        [{"a": 1}, {"a": 2}],
    ],
)
def test_nested_and_other_values_are_no_columns(column: Any) -> None:
    for name in ("group", "passage_key"):
        columns_: Built = {"group": [1, 2], "language": ["en"] * 2} | {name: column}
        with pytest.raises(ValueError, match=f"column '{name}' holds .* at row 0: give strings"):
            ParallelCorpus.from_columns(**columns_)


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(ValueError, match=r"column 'group' holds 'b\\ud800', which is no Unicode"):
        ParallelCorpus.from_columns(group=["a", "b\ud800"], language=["en"] * 2)


def test_empty_first_chunks_and_empty_lengths() -> None:
    chunks = pa.chunked_array([pa.array([], pa.int64()), pa.array([1, 2])])
    with pytest.raises(ValueError, match="column 'language' holds 1: names are strings"):
        ParallelCorpus.from_columns(group=[1, 2], language=chunks)
    refused({"length": []}, "'group' has 6 rows but 'length' has 0")


def test_lengths_are_not_taken_for_negatives() -> None:
    plain: Built = {"group": [1, 2, 3, 4], "language": ["en"] * 4}
    several: list[Built] = [
        {},
        {"length": [0] * 4},
        {"negatives": [[]] * 4},
        {"length": [0, 0, 0, 4], "negatives": [[]] * 4},
        {"negatives": [[], [], [], [0, 0, 0, 0]]},
    ]
    built = [ParallelCorpus.from_columns(**plain, **more).fingerprint for more in several]
    assert len(set(built)) == len(built)


@pytest.mark.parametrize("name", ["passage_key", "length"])
def test_further_columns_have_one_entry_a_row(name: str) -> None:
    refused({name: [1, 2, 3]}, f"'group' has 6 rows but '{name}' has 3", "columns of one length")


@pytest.mark.parametrize("length", [-1, 2**32, 2**63])
def test_lengths_count_tokens(length: int) -> None:
    refused({"length": [1, 2, length, 3, 4, 5]}, f"column 'length' holds {length}", "row 2")


def test_lengths_are_numbers() -> None:
    refused({"length": ["a"] * 6}, "column 'length' holds 'a'", "give numbers of tokens")
    for wrong in (None, 2.0):
        refused(
            {"length": [1, 2, wrong, 3, 4, 5]},
            f"column 'length' holds {wrong} at row 2: give integers only, without missing values",
        )


def test_keys_may_be_missing_and_the_message_says_so() -> None:
    """Integers beside NaN are floats to pandas."""
    refused(
        {"passage_key": pd.Series([1, None, 2, 2, 3, 3])},
        "column 'passage_key' holds 1.0 at row 0: give strings only or integers only, or None for",
    )


@pytest.mark.parametrize(
    ("negatives", "message"),
    [
        ([[]] * 5, "negatives has 5 lists for 6 rows: give one list a row"),
        ([[6], [], [], [], [], []], "row 0 names row 6 as a negative: rows go from 0 to 5"),
        ([[], [-1], [], [], [], []], "row 1 names row -1 as a negative"),
        ([[4], [], [], [], [], []], "row 0 (source 'wiki') names row 4 (source 'law')"),
        ([["a"], [], [], [], [], []], "negatives: give rows as a 1-d array of integers"),
        (([1, 1, 1, 1, 1, 1, 1], [2]), "negatives: indptr begins with 0"),
        (([0, 2, 1, 1, 1, 1, 1], [2]), "must rise to the number of entries, 1"),
        (([0, 0, 0, 0, 0, 0, 0], [2]), "must rise to the number of entries, 1"),
        ([[1], None, [], [], [], []], "negatives holds None at row 1: give one list a row"),
        ([1, 2, 3, 4, 5, 0], "negatives holds 1 at row 0: give one list a row, if need be empty"),
        (pa.array([[1], [], None, [], [], []]), "negatives holds None at row 2: give one list a"),
        (pa.array([1, 2, 3, 4, 5, 0]), "negatives: give a column of lists of rows, not of int64"),
        (pa.array([["a"], [], [], [], [], []]), "column 'negatives' holds 'a': give row numbers"),
        (pa.array([[1], [], [None], [], [], []]), "column 'negatives' holds None at row 1"),
        (
            ([0, 1, 1, 1, 1, 1, 2], np.ma.array([2, 3], mask=[False, True])),
            "column 'negatives' holds None at row 1: give integers only, without missing values",
        ),
    ],
)
def test_negatives_that_do_not_fit(negatives: Any, message: str) -> None:
    refused({"negatives": negatives}, message)


# Lengths and negatives are read where they lie


def plain_numbers(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    """A column, and an array to change it by."""
    return values, values


def mapped(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    path = folder / f"{len(list(folder.iterdir()))}"
    values.tofile(path)
    return np.memmap(path, values.dtype, "r"), np.memmap(path, values.dtype, "r+")


def arrow(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    return pa.Array.from_buffers(pa.int32(), len(values), [None, pa.py_buffer(values)]), values


def chunked(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    column, _ = arrow(values, folder)
    third = len(values) // 3
    chunks = [column[:0], column[:third], column[third : 2 * third], column[2 * third :]]
    return pa.chunked_array(chunks), values


def series(values: NDArray[Any], folder: Path) -> tuple[Any, NDArray[Any]]:
    return pd.Series(values, copy=False), values


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


CHILD = """
import hashlib, multiprocessing, pickle, sys
from hybridsampler import BatchPlan, Mix

def batches(corpus):
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), 4, negatives=2)
    stats = plan.stats(50)
    told = hashlib.sha256(plan[0:200].tobytes()).hexdigest()
    return told, stats.padding, stats.random_negatives

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        corpus = pickle.load(file)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(batches, (corpus,)) == batches(corpus), *batches(corpus))
"""


@pytest.mark.parametrize("regular_file", [True, False])
def test_other_processes_make_the_same_batches(regular_file: bool, tmp_path: Path) -> None:
    """A program that was sent a corpus, and a process that it spawns and sends it to."""
    rows = [(g, language) for g in range(60) for language in ("de", "en") if regular_file or g % 7]
    if not regular_file:
        random.Random(5).shuffle(rows)
    count = len(rows)
    length = np.arange(count, dtype=np.int16) % 50
    corpus = ParallelCorpus.from_columns(
        group=[group for group, _ in rows],
        language=pa.array([language for _, language in rows]),
        passage_key=[group // 3 for group, _ in rows],
        length=pa.chunked_array([length[:9], length[9:]]),
        negatives=(mapped(np.arange(count + 1), tmp_path)[0], (np.arange(count) + 13) % count),
    )
    (tmp_path / "corpus").write_bytes(pickle.dumps(corpus))
    (tmp_path / "child.py").write_text(CHILD)
    command = [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "corpus")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), 4, negatives=2)
    stats = plan.stats(50)
    told = hashlib.sha256(plan[0:200].tobytes()).hexdigest()
    assert done.stdout.split() == [
        "True",
        told,
        repr(stats.padding),
        repr(stats.random_negatives),
    ]
    assert pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(plan))))[7].tolist() == (
        plan[7].tolist()
    )


def test_a_corpus_that_was_damaged_on_its_way_is_refused() -> None:
    corpus = ParallelCorpus.from_columns(
        group=[1, 2], language=["en"] * 2, length=np.array([3, 4]), negatives=[[1], [0]]
    )
    make, (core, *names, length, lists) = corpus.__reduce__()
    assert make(core, *names, length, lists).fingerprint == corpus.fingerprint
    with pytest.raises(ValueError, match="not the bytes of a corpus of this version"):
        make(core[:-20] + b"\0" + core[-19:], *names, length, lists)
    for other in ([np.array([3, 5])], [np.array([4, 3])]):
        with pytest.raises(ValueError, match="not the lengths and negatives that the corpus was"):
            make(core, *names, other, lists)
    with pytest.raises(ValueError, match="length: 1 are lent, and the corpus was built from 2"):
        make(core, *names, [np.array([3])], lists)


# Large files


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


@pytest.mark.parametrize(
    "column",
    [
        "abcdef",
        b"abcdef",
        dict.fromkeys("abcdef", 0),
        pd.DataFrame(dict.fromkeys("abcdef", [0] * 6)),
        pa.table({"a": ["x"] * 6}),
        6,
        None,
        np.array("a"),
    ],
    ids=lambda column: type(column).__name__,
)
@pytest.mark.parametrize("name", ["group", "language", "passage_key text"])
def test_what_is_no_column_is_refused(name: str, column: Any) -> None:
    """A text, a mapping and a table can be gone through as well: they were taken for six rows."""
    columns: dict[str, Any] = {"group": range(6), "language": ["en"] * 6}
    own, _, key = name.partition(" ")
    given = columns | {own: {key: column} if key else column}
    message = rf"column '{name}' is of type {type(column).__name__}: give one value a row"
    with pytest.raises(ValueError, match=message):
        ParallelCorpus.from_columns(**given)


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

"""Columns that ParallelCorpus refuses."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import Columns, columns
from corpus_columns import Built, complete, refused
from hybridsampler import ParallelCorpus


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
        *(
            (large, f"negatives names row {2**63 + 5}, which no corpus has: rows go from 0")
            for large in (
                [[1], [2**63 + 5], [], [], [], []],
                [[2**63 + 5], [], [], [], [], []],
                ([0, 0, 0, 0, 0, 0, 1], np.array([2**63 + 5], np.uint64)),
                pa.array([[1], [2**63 + 5], [], [], [], []], pa.list_(pa.uint64())),
            )
        ),
        ([[4], [], [], [], [], []], "row 0 (source 'wiki') names row 4 (source 'law')"),
        (
            [[-1], [2**63], [], [], [], []],
            "column 'negatives' holds -1 and 9223372036854775808: integers have 64 bits, signed or",
        ),
        ([[2**64], [], [], [], [], []], f"column 'negatives' holds {2**64}: integers have 64 bits"),
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

"""PairDataset: the query of one row and the passage of another."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import Columns, columns, mixes
from hybridsampler import BatchPlan, HybridBatchSampler, PairDataset

ROWS = [(f"query {row}", f"passage {row}") for row in range(7)]
MAPPINGS = [{"query": query, "passage": passage} for query, passage in ROWS]
ROW = st.integers(0, len(ROWS) - 1)


class Counted(Sequence[Any]):
    """Rows that remember what was asked."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self.asked: list[Any] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: Any) -> Any:
        self.asked.append(row)
        return self.rows[row]


@given(ROW, ROW)
def test_pairs_of_tuples(query: int, passage: int) -> None:
    dataset = PairDataset(ROWS, ROWS)
    assert dataset[query, passage] == (f"query {query}", f"passage {passage}")


@given(ROW, ROW)
def test_pairs_of_mappings(query: int, passage: int) -> None:
    expected = {"query": f"query {query}", "passage": f"passage {passage}"}
    assert PairDataset(MAPPINGS, MAPPINGS)[query, passage] == expected


@given(ROW, ROW)
def test_keys_and_positions_of_the_caller(query: int, passage: int) -> None:
    named = [{"id": 0, "question": q, "context": p} for q, p in ROWS]
    expected = {"query": f"query {query}", "passage": f"passage {passage}"}
    dataset = PairDataset(named, ROWS, query="question", passage="context")
    assert dataset[query, passage] == expected
    longer = [(0, p, q) for q, p in ROWS]
    moved = PairDataset(longer, ROWS, query=2, passage=1)
    assert moved[query, passage] == (f"query {query}", f"passage {passage}")


def test_position_0_is_a_position() -> None:
    swapped = [(p, q) for q, p in ROWS]
    assert PairDataset(swapped, ROWS, query=1, passage=0)[2, 3] == ("query 2", "passage 3")


@given(st.data())
def test_integers_of_the_sampler_are_the_pairs_of_the_plan(draw: st.DataObject) -> None:
    data: Columns = draw.draw(columns())
    batch_size = draw.draw(st.integers(1, data.smallest))
    plan = BatchPlan(data.corpus, draw.draw(mixes(data)), batch_size)
    rows = [(("query", row), ("passage", row)) for row in range(len(data))]
    dataset: Any = PairDataset(rows, data.corpus)
    for step, batch in enumerate(HybridBatchSampler(plan)):
        expected = [(("query", q), ("passage", p)) for q, p in plan[step].tolist()]
        assert [dataset[pair] for pair in batch] == expected
        assert [dataset[np.int64(pair)] for pair in batch] == expected
        assert all(0 <= pair < len(dataset) for pair in batch)


def test_every_pair_has_an_integer_of_its_own() -> None:
    dataset = PairDataset(ROWS, ROWS)
    assert len(dataset) == 7 + 49
    assert [dataset[row] for row in range(7)] == ROWS
    pairs = [dataset[number] for number in range(7, 7 + 49)]
    assert pairs == [(query, passage) for query, _ in ROWS for _, passage in ROWS]


def test_a_monolingual_pair_reads_its_row_once() -> None:
    rows = Counted(ROWS)
    dataset = PairDataset(rows, ROWS)
    assert dataset[3, 3] == ROWS[3]
    assert rows.asked == [3]
    assert dataset[3, 5] == ("query 3", "passage 5")
    assert rows.asked == [3, 3, 5]


def test_rows_beyond_the_end_are_no_pairs() -> None:
    dataset = PairDataset(ROWS, ROWS)
    with pytest.raises(IndexError):
        dataset[7 + 49]


@pytest.mark.parametrize("length", [0, 6, 8])
def test_data_set_and_corpus_of_different_length(length: int) -> None:
    with pytest.raises(ValueError, match=f"has {length} rows but the corpus 7") as caught:
        PairDataset((ROWS * 2)[:length], ROWS)
    assert "row i of the corpus must be item i of the data set" in str(caught.value)


def test_tables_are_no_rows() -> None:
    """An item of theirs is a column: of two columns the first rows were made."""
    table = pa.table({"query": ["a", "b"], "passage": ["c", "d"]})
    frame = table.to_pandas()
    for rows, remedy in ((table, "rows.to_pylist()"), (frame, "rows.to_dict('records')")):
        with pytest.raises(TypeError, match="whose items are columns") as caught:
            PairDataset(rows, range(2))
        assert str(caught.value).endswith(f"give {remedy}")
    for good in (table.to_pylist(), frame.to_dict("records")):
        assert PairDataset(good, range(2))[1] == {"query": "b", "passage": "d"}


def test_frames_of_polars_are_no_rows() -> None:
    """An item of theirs is a frame of one row, and of that a text was a column of one."""

    class DataFrame:
        def __len__(self) -> int:
            return 2

        def to_dicts(self) -> list[dict[str, str]]:
            return []

    frame: Any = DataFrame()
    with pytest.raises(TypeError, match=r"is a DataFrame, .* columns: give rows\.to_dicts\(\)"):
        PairDataset(frame, range(2), query="query", passage="passage")


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ({}, "query"),
        ({"query": "anchor"}, "passage"),
        ({"query": "anchor", "passage": "positiv"}, "positiv"),
        ({"query": "anchr", "passage": "positive"}, "anchr"),
    ],
)
@pytest.mark.parametrize("pair", [(1, 1), (1, 0), (0, 1, 1)])
def test_columns_of_other_names_are_told(
    names: dict[str, Any], missing: str, pair: tuple[int, ...]
) -> None:
    """As sentence-transformers' data sets have them."""
    dataset = PairDataset([{"anchor": "a", "positive": "b"}] * 2, range(2), **names)
    with pytest.raises(ValueError, match=r"row \d of the data set has no") as caught:
        dataset[pair]
    assert re.fullmatch(
        f"row [01] of the data set has no {missing!r}: it has anchor, positive, so name two of "
        r"them with PairDataset\(rows, corpus, query=\.\.\., passage=\.\.\.\)",
        str(caught.value),
    )


@pytest.mark.parametrize("pair", [[1, 2], np.array([1, 2]), 1.0, "1"])
def test_what_is_no_pair_is_refused(pair: Any) -> None:
    """A batch of a plan, or of a sampler that was given for one of items."""
    with pytest.raises(
        TypeError, match=r"give DataLoader\(\.\.\., batch_sampler=HybridBatchSampler"
    ):
        PairDataset(ROWS, ROWS)[pair]


def test_rows_of_one_text_are_refused() -> None:
    """Its first two letters were query and passage."""
    with pytest.raises(TypeError, match="row 1 of the data set is the text 'some text': make each"):
        PairDataset(["a text", "some text"], range(2))[1]

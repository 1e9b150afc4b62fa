"""PairDataset: a (query row, passage row) of the plan -> the two texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item", covariant=True)


class Rows(Protocol[Item]):
    """A map-style data set: a list, a ``datasets.Dataset``, a ``torch.utils.data.Dataset``, ..."""

    def __getitem__(self, row: int, /) -> Item:
        """Return the text pair of a row."""

    def __len__(self) -> int:
        """Return the number of rows."""


class PairDataset:
    """Pairs of texts for a DataLoader whose ``batch_sampler`` is a ``HybridBatchSampler``.

    An item is the query of one row and the passage of another; both rows are the same in
    monolingual batches. Rows that are mappings give ``{"query": ..., "passage": ...}``, other
    sequences give ``(query, passage)``. The passages of hard negatives follow, as ``negative_1``,
    ``negative_2`` and so on, or in this order.

    Args:
        rows: map-style data set; item ``i`` is row ``i`` of the corpus: a mapping with the keys
            ``query`` and ``passage``, or a sequence of query and passage.
        corpus: the corpus of the plan, or anything else with its length.
        query: key or position of the query in a row.
        passage: key or position of the passage in a row.

    Raises:
        ValueError: ``rows`` and ``corpus`` differ in length.
        TypeError: a table, whose items are columns; a row, once it is asked for, that is one text.
    """

    def __init__(
        self,
        rows: Rows[Any],
        corpus: Any,
        *,
        query: str | int | None = None,
        passage: str | int | None = None,
    ) -> None:
        """Check that rows and corpus fit."""
        if hasattr(rows, "iloc") or hasattr(rows, "to_pydict"):  # of pandas, of Arrow
            remedy = "rows.to_dict('records')" if hasattr(rows, "iloc") else "rows.to_pylist()"
            raise TypeError(
                f"the data set is a {type(rows).__name__}, whose items are columns: give {remedy}"
            )
        if len(rows) != len(corpus):
            raise ValueError(
                f"the data set has {len(rows)} rows but the corpus {len(corpus)}: row i of the "
                "corpus must be item i of the data set"
            )
        self._rows = rows
        self._count = len(rows)
        self._query = query
        self._passage = passage

    def __len__(self) -> int:
        """Return the number of integers: of rows, then of (query row, passage row)."""
        return self._count * (self._count + 1)

    def __getitem__(self, pair: int | tuple[int, ...]) -> Any:
        """Return the query of one row, the passage of another, and those of hard negatives.

        ``pair`` is ``(query row, passage row, negative rows...)`` or the integer that the sampler
        makes of two rows.
        """
        if not isinstance(pair, tuple) and not 0 <= pair < len(self):
            raise IndexError(f"pair {pair}: pairs go from 0 to {len(self) - 1}")
        rows = pair if isinstance(pair, tuple) else decode(pair, self._count)
        query_row, passage_row, *negatives = rows
        first = self._rows[query_row]
        if isinstance(first, str):  # its letters would be taken for query and passage
            raise TypeError(
                f"row {query_row} of the data set is the text {first!r}: make each row a query and "
                "a passage, (query, passage) or a mapping"
            )
        second = first if passage_row == query_row else self._rows[passage_row]
        mapping = isinstance(first, Mapping)
        passage = ("passage" if mapping else 1) if self._passage is None else self._passage
        others = [self._rows[row][passage] for row in negatives]
        if mapping:
            return {
                "query": first["query" if self._query is None else self._query],
                "passage": second[passage],
                **{f"negative_{number}": other for number, other in enumerate(others, 1)},
            }
        return (first[0 if self._query is None else self._query], second[passage], *others)


def check_pairs(pairs: PairDataset, corpus: Any) -> None:
    """Refuse pairs of another number of rows than a plan's corpus.

    The integers of the plan stand for other pairs there.

    Raises:
        ValueError: such pairs.
    """
    rows = len(corpus)
    if pairs._count != rows:
        raise ValueError(
            f"the pairs are not of the {rows} rows of the plan's corpus, so its batches would be "
            "other pairs: give PairDataset(rows, plan.corpus)"
        )


def decode(code: int, rows: int) -> tuple[int, int]:
    """The (query row, passage row) of an integer that ``BatchPlan.codes`` makes of a pair.

    Below ``rows`` it is one row, query and passage; else ``rows + query row * rows + passage row``.
    """
    return (code, code) if code < rows else divmod(code - rows, rows)

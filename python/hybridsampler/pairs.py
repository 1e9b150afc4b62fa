"""PairDataset: a (query row, passage row) of the plan -> the two texts."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item", covariant=True)
# What tables of pandas, Arrow and polars are known by, and how to make rows of them.
_TABLES = {"iloc": "to_dict('records')", "to_pydict": "to_pylist()", "to_dicts": "to_dicts()"}


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
        ValueError: ``rows`` and ``corpus`` differ in length; a row, once it is asked for, without
            the keys.
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
        for face, remedy in _TABLES.items():
            if hasattr(rows, face):
                raise TypeError(
                    f"the data set is a {type(rows).__name__}, whose items are columns: give "
                    f"rows.{remedy}"
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
        query_row, passage_row, *negatives = (
            pair if isinstance(pair, tuple) else self._decoded(pair)
        )
        first = self._rows[query_row]
        if isinstance(first, str):  # its letters would be taken for query and passage
            raise TypeError(
                f"row {query_row} of the data set is the text {first!r}: make each row a query and "
                "a passage, (query, passage) or a mapping"
            )
        second = first if passage_row == query_row else self._rows[passage_row]
        mapping = isinstance(first, Mapping)
        query = ("query" if mapping else 0) if self._query is None else self._query
        passage = ("passage" if mapping else 1) if self._passage is None else self._passage
        others = [self._rows[row] for row in negatives]
        if not mapping:
            return (first[query], second[passage], *(other[passage] for other in others))
        try:
            return {
                "query": first[query],
                "passage": second[passage],
                **{f"negative_{number}": other[passage] for number, other in enumerate(others, 1)},
            }
        except KeyError as error:
            asked = [(query_row, first, query), (passage_row, second, passage)]
            asked += [(row, other, passage) for row, other in zip(negatives, others, strict=True)]
            for row, texts, key in asked:
                if key not in texts:
                    raise ValueError(
                        f"row {row} of the data set has no {key!r}: it has "
                        f"{', '.join(map(str, texts))}, so name two of them with PairDataset(rows, "
                        "corpus, query=..., passage=...)"
                    ) from error
            raise

    def _decoded(self, pair: int) -> tuple[int, int]:
        try:
            number = operator.index(pair)
        except TypeError as error:
            raise TypeError(
                f"a pair is of type {type(pair).__name__}, not a tuple of rows or an integer of "
                "the sampler: give DataLoader(..., batch_sampler=HybridBatchSampler(plan))"
            ) from error
        if not 0 <= number < len(self):
            raise IndexError(f"pair {pair}: pairs go from 0 to {len(self) - 1}")
        return decode(number, self._count)


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

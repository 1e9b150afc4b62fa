"""Columns of a parallel corpus -> groups, languages, sources and passage keys as integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridsampler import _core
from hybridsampler.columns import Pieces, is_missing, narrowed, read

Lists = Sequence[Sequence[int]] | tuple[ArrayLike, ArrayLike]
# Integer arrays, one behind the other.
_Numbers = list[NDArray[Any]]
# Before the names of several key columns, in messages of columns.
_KEY = "passage_key "


class ParallelCorpus:
    """Which rows are translations of each other, and which must not meet in a batch.

    A row is one text pair (query, passage) in one language; a group is the rows that are
    translations of each other. Row ``i`` of the corpus is item ``i`` of your data set. Groups may
    lack languages.

    Groups that share a passage key, in any language and through any chain of keys, form a class;
    no two pairs of a batch are of one class.

    Build it with :meth:`from_columns`.
    """

    def __init__(
        self,
        core: _core.Corpus,
        languages: tuple[str, ...],
        sources: tuple[str, ...],
        keys: Mapping[str, Callable[[int], Any]],
        length: _Numbers | None,
        negatives: tuple[_Numbers, _Numbers] | None,
    ) -> None:
        """Wrap a built index and the columns it reads; users call :meth:`from_columns`."""
        self._core = core
        self._length = length
        self._negatives = negatives
        self._languages = languages
        self._sources = sources
        self._keys = keys

    @classmethod
    def from_columns(
        cls,
        *,
        group: Iterable[Any],
        language: Iterable[Any],
        source: Iterable[Any] | None = None,
        passage_key: Iterable[Any] | Mapping[str, Iterable[Any]] | None = None,
        length: Iterable[int] | None = None,
        negatives: Lists | None = None,
    ) -> ParallelCorpus:
        """Index columns, one entry a row.

        Args:
            group: (n,) strings or integers; equal for translations of each other.
            language: (n,) strings, such as ``"en"``.
            source: (n,) strings; the data set a row comes from. ``None``: one source, ``"all"``.
            passage_key: (n,) strings or integers; equal, inside a source, for rows whose passages
                are the same text or its translation. ``None`` as a value: no such row. Several
                columns come as a mapping by name; a match in any of them counts.
            length: (n,) integers; tokens of query and passage together. If given, rows of like
                length share a batch.
            negatives: for each row a list of rows of its source: their passages, in the language
                of the pair's passage, are hard negatives of its query. Or ``(indptr, rows)``, CSR
                lists of (n + 1,) and (J,) integers.

        Lists, NumPy arrays, memory maps, Arrow and pandas columns will do. Integer arrays without
        gaps and Arrow columns are read where they lie. The corpus goes on reading ``length`` and
        ``negatives`` there whenever batches are made, so leave these two as they are: give copies
        of arrays that you are going to write to. Passage keys are looked up there for messages.

        Raises:
            ValueError: no rows; columns of different lengths; a missing value or one of another
                type; a (group, language) that comes twice; a group in two sources; a negative
                that is no row of the source.
        """
        columns = {
            "group": read("group", group),
            "language": read("language", language),
        }
        if source is not None:
            columns["source"] = read("source", source)
        if isinstance(passage_key, Mapping):
            several = {f"{_KEY}{name}": column for name, column in passage_key.items()}
        else:
            several = {} if passage_key is None else {"passage_key": passage_key}
        keys = {name: read(name, column, missing=True) for name, column in several.items()}
        lengths: _Numbers | None = None
        if length is not None:
            columns["length"] = read("length", length, needed="integers only")
            lengths = columns["length"].as_numbers("length", "numbers of tokens")
        lists = None if negatives is None else _lists(negatives)
        language_pieces, languages = columns["language"].by_name("language")
        sources = ["all"]
        source_pieces: Pieces | None = None
        if source is not None:
            source_pieces, sources = columns["source"].by_name("source")
        core = _core.Corpus(
            columns["group"].as_values("group"),
            language_pieces,
            source_pieces,
            [key.as_codes() for key in keys.values()],
            _core.Lent(lengths, lists),
            languages,
            sources,
            lambda name, row: repr(columns[name].at(row)),
        )
        told = {name: key.at for name, key in keys.items()}
        return cls(core, tuple(languages), tuple(sources), told, lengths, lists)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the index with lengths and negatives.

        The values of the passage keys, told in errors alone, stay behind.
        """
        index = (self._core.to_bytes(), self._languages, self._sources)
        return _from_bytes, (*index, self._length, self._negatives)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._core.rows

    def __repr__(self) -> str:
        """Describe the size."""
        groups = sum(groups for groups, _, _ in self._core.sources)
        return (
            f"ParallelCorpus({len(self):,} rows, {groups:,} groups, "
            f"languages={list(self.languages)}, sources={list(self.sources)})"
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """All language names, sorted."""
        return self._languages

    @property
    def sources(self) -> tuple[str, ...]:
        """All source names, sorted."""
        return self._sources

    @property
    def source_languages(self) -> dict[str, tuple[str, ...]]:
        """For each source the languages that its groups have, sorted."""
        return {name: tuple(rows) for name, rows in self.source_rows.items()}

    @property
    def source_groups(self) -> dict[str, int]:
        """For each source the number of its groups."""
        return {
            name: groups
            for name, (groups, _, _) in zip(self._sources, self._core.sources, strict=True)
        }

    @property
    def source_rows(self) -> dict[str, dict[str, int]]:
        """For each source the number of its rows by language."""
        return {
            name: {self._languages[code]: count for code, count in zip(codes, counts, strict=True)}
            for name, (_, codes, counts) in zip(self._sources, self._core.sources, strict=True)
        }

    @property
    def complete_sources(self) -> dict[str, bool]:
        """For each source whether every group has every language of the source."""
        return dict(zip(self._sources, self._core.complete, strict=True))

    @property
    def has_negatives(self) -> bool:
        """Whether rows have lists of hard negatives."""
        return self._core.has_negatives

    def _lent(self, *, negatives: bool) -> _core.Lent:
        """Return the columns that batches are made from, with the lists of negatives or without."""
        return _core.Lent(self._length, self._negatives if negatives else None)

    @property
    def fingerprint(self) -> str:
        """Hash of all that a plan can see of the corpus; saved with a sampler's state."""
        return self._core.fingerprint

    def passage_key_of(self, row: int) -> str:
        """Describe the passage keys of a row, for messages; ``"None"`` where it has none."""
        if not self._keys:
            return f"of row {row}"
        try:
            found = {name: key(row) for name, key in self._keys.items()}
        except IndexError:  # a list that the caller has emptied since
            return f"of row {row}"
        told = [
            repr(value) if len(found) == 1 else f"{name.removeprefix(_KEY)}={value!r}"
            for name, value in found.items()
            if not is_missing(value)
        ]
        return ", ".join(told) or "None"  # which the core passes over, to name a row with a key


def _from_bytes(
    core: bytes,
    languages: tuple[str, ...],
    sources: tuple[str, ...],
    length: _Numbers | None,
    negatives: tuple[_Numbers, _Numbers] | None,
) -> ParallelCorpus:
    index = _core.Corpus.from_bytes(core, _core.Lent(length, negatives))
    return ParallelCorpus(index, languages, sources, {}, length, negatives)


def _lists(lists: Lists) -> tuple[_Numbers, _Numbers]:
    """Lists of rows as their ends and their entries."""
    if isinstance(lists, tuple):
        if len(lists) != 2:
            raise ValueError(
                f"negatives is a tuple of {len(lists)}: give a list with one list a row, or "
                "(indptr, rows)"
            )
        indptr, rows = _numbers("indptr", lists[0]), _numbers("rows", lists[1])
    elif hasattr(lists, "dictionary_encode"):
        indptr, rows = _arrow_lists(lists)
    else:
        # A column of a data set makes its lists anew whenever it is gone through.
        lists = list(lists)
        for row, own in enumerate(lists):
            if not hasattr(own, "__len__"):
                raise _no_list(own, row)
        indptr = _ends(np.fromiter((len(own) for own in lists), np.int64, len(lists)))
        rows = _numbers("rows", [row for own in lists for row in own])
    for piece in rows:  # which the core, that counts in 64 bits with a sign, would name otherwise
        if piece.dtype == np.uint64 and piece.max(initial=0) > np.iinfo(np.int64).max:
            raise ValueError(
                f"negatives names row {piece.max()}, which no corpus has: rows go from 0 to one "
                "less than their number"
            )
    filled = [piece for piece in indptr if len(piece)]
    if not filled or filled[0][0] != 0:
        raise ValueError("negatives: indptr begins with 0")
    return [filled[0][1:], *filled[1:]], rows


def _arrow_lists(column: Any) -> tuple[_Numbers, _Numbers]:
    """Lists of an Arrow column; their entries stay where they lie."""
    if "list" not in str(column.type).partition("<")[0]:
        raise ValueError(f"negatives: give a column of lists of rows, not of {column.type}")
    if column.null_count:
        raise _no_list(None, column.is_null().to_pylist().index(True))
    chunks = getattr(column, "chunks", [column])
    counts = [chunk.value_lengths().to_numpy() for chunk in chunks]
    rows = [piece for chunk in chunks for piece in _numbers("rows", chunk.flatten())]
    return _ends(np.concatenate([np.zeros(0, np.int64), *counts])), rows


def _ends(counts: NDArray[Any]) -> _Numbers:
    """Where lists of given lengths begin and end."""
    return [narrowed(np.concatenate([[0], np.cumsum(counts)]))]


def _no_list(value: Any, row: int) -> ValueError:
    return ValueError(
        f"negatives holds {value!r} at row {row}: give one list a row, if need be empty"
    )


def _numbers(name: str, part: Any) -> _Numbers:
    """Integers where they lie, or in an array of ours if they come as a list."""
    if not hasattr(part, "dictionary_encode"):
        # Keeps the mask of an array that has one: `read` refuses what it hides.
        array = np.asanyarray(part)
        listed = isinstance(part, list | tuple)
        if array.dtype.kind in "fO" and listed and set(map(type, part)) == {int}:
            # NumPy has no type that holds them all; as a list each is known by its name.
            return read("negatives", list(part)).as_numbers("negatives", "row numbers")
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(
                f"negatives: give {name} as a 1-d array of integers, not {array.ndim}-d of "
                f"{array.dtype}"
            )
        part = narrowed(array) if listed or not array.size else array
    column = read("negatives", part, needed="integers only")
    return column.as_numbers("negatives", "row numbers")

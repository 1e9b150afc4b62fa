"""Columns of a parallel corpus -> groups, languages, sources and passage keys as integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hybridsampler import _core
from hybridsampler.columns import Column, Pieces, read

Lists = Sequence[Sequence[int]] | tuple[ArrayLike, ArrayLike]


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
        keys: Mapping[str, Column],
    ) -> None:
        """Wrap a built index; users call :meth:`from_columns`."""
        self._core = core
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

        Lists, NumPy arrays, memory maps, Arrow and pandas columns will do. Integer arrays and
        Arrow columns are read where they lie.

        Raises:
            ValueError: no rows; columns of different lengths; a missing value or one of another
                type; a (group, language) that comes twice; a group in two sources; a negative
                that is no row of the source.
        """
        columns = {"group": read("group", group), "language": read("language", language)}
        if source is not None:
            columns["source"] = read("source", source)
        if isinstance(passage_key, Mapping):
            several = {f"passage_key {name}": column for name, column in passage_key.items()}
        else:
            several = {} if passage_key is None else {"passage_key": passage_key}
        keys = {name: read(name, column, missing=True) for name, column in several.items()}
        length_pieces: Pieces | None = None
        if length is not None:
            columns["length"] = read("length", length)
            length_pieces = columns["length"].as_values("length")
            texts = [value for value in columns["length"].values or [] if isinstance(value, str)]
            if texts:
                raise ValueError(f"column 'length' holds {texts[0]!r}: give numbers of tokens")
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
            length_pieces,
            None if negatives is None else _lists(negatives),
            languages,
            sources,
            lambda name, row: repr(columns[name].at(row)),
        )
        return cls(core, tuple(languages), tuple(sources), keys)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the index; the values of the passage keys, told in errors alone, stay behind."""
        return _from_bytes, (self._core.to_bytes(), self._languages, self._sources)

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

    @property
    def fingerprint(self) -> str:
        """Hash of all that a plan can see of the corpus; saved with a sampler's state."""
        return self._core.fingerprint

    def passage_key_of(self, row: int) -> str:
        """Describe the passage keys of a row, for messages."""
        if not self._keys:
            return f"of row {row}"
        return ", ".join(repr(key.at(row)) for key in self._keys.values())


def _from_bytes(
    core: bytes, languages: tuple[str, ...], sources: tuple[str, ...]
) -> ParallelCorpus:
    return ParallelCorpus(_core.Corpus.from_bytes(core), languages, sources, {})


def _lists(lists: Lists) -> tuple[Pieces, Pieces]:
    """Lists of rows as their ends and their entries."""
    if isinstance(lists, tuple):
        if len(lists) != 2:
            raise ValueError(
                f"negatives is a tuple of {len(lists)}: give a list with one list a row, or "
                "(indptr, rows)"
            )
        indptr, rows = (np.asarray(part) for part in lists)
    else:
        counts = [len(own) for own in lists]
        indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        rows = np.array([row for own in lists for row in own])
    for name, part in (("indptr", indptr), ("rows", rows)):
        if part.ndim != 1 or (part.size and part.dtype.kind not in "iu"):
            raise ValueError(
                f"negatives: give {name} as a 1-d array of integers, not {part.ndim}-d of "
                f"{part.dtype}"
            )
    if not len(indptr) or indptr[0] != 0:
        raise ValueError("negatives: indptr begins with 0")
    return (
        read("negatives", indptr[1:]).as_codes(),
        read("negatives", rows.astype(np.int64, copy=False)).as_codes(),
    )

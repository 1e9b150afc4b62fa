"""Columns of a parallel corpus -> groups, languages and sources as integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridsampler import _core


class ParallelCorpus:
    """Which rows are translations of each other.

    A row is one text pair (query, passage) in one language; a group is the rows that are
    translations of each other. Row ``i`` of the corpus is item ``i`` of your data set. Every group
    of a source must have one row in each of the source's languages.

    Build it with :meth:`from_columns`.
    """

    def __init__(
        self, core: _core.Corpus, languages: tuple[str, ...], sources: tuple[str, ...]
    ) -> None:
        """Wrap a built index; users call :meth:`from_columns`."""
        self._core = core
        self._languages = languages
        self._sources = sources

    @classmethod
    def from_columns(
        cls,
        *,
        group: Iterable[Any],
        language: Iterable[Any],
        source: Iterable[Any] | None = None,
    ) -> ParallelCorpus:
        """Index three columns, one entry a row.

        Args:
            group: (n,) strings or integers; equal for translations of each other.
            language: (n,) strings, such as ``"en"``.
            source: (n,) strings; the data set a row comes from. ``None``: one source, ``"all"``.

        Lists, NumPy arrays, Arrow and pandas columns will do.

        Raises:
            ValueError: no rows; columns of different lengths; a missing value or one of another
                type; a (group, language) that comes twice; a group in two sources; a group that
                lacks a language of its source.
        """
        group_codes, group_names = _encode("group", group)
        language_codes, languages = _encode("language", language)
        source_codes, sources = (None, ["all"]) if source is None else _encode("source", source)
        for name, names in (("language", languages), ("source", sources)):
            if not all(isinstance(value, str) for value in names):
                raise ValueError(f"column {name!r} holds {names[0]!r}: names are strings")
        core = _core.Corpus(
            group_codes,
            language_codes,
            source_codes,
            list(languages),
            list(sources),
            lambda code: repr(group_names[code]),
        )
        return cls(core, tuple(languages), tuple(sources))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the columns, as integers."""
        return _from_codes, (*self._core.columns(), self._languages, self._sources)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._core.rows

    def __repr__(self) -> str:
        """Describe the size."""
        groups = sum(groups for groups, _ in self._core.sources)
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
        return {
            name: tuple(self._languages[code] for code in codes)
            for name, (_, codes) in zip(self._sources, self._core.sources, strict=True)
        }

    @property
    def source_groups(self) -> dict[str, int]:
        """For each source the number of its groups."""
        return {
            name: groups
            for name, (groups, _) in zip(self._sources, self._core.sources, strict=True)
        }

    @property
    def fingerprint(self) -> str:
        """Hash of all that a plan can see of the corpus; saved with a sampler's state."""
        return self._core.fingerprint


_STRINGS = {str, np.str_}
_INTEGERS = {int, *np.signedinteger.__subclasses__(), *np.unsignedinteger.__subclasses__()}


def _from_codes(
    group: NDArray[np.int64],
    language: NDArray[np.int64],
    source: NDArray[np.int64],
    languages: tuple[str, ...],
    sources: tuple[str, ...],
) -> ParallelCorpus:
    core = _core.Corpus(group, language, source, list(languages), list(sources), str)
    return ParallelCorpus(core, languages, sources)


def _encode(name: str, column: Iterable[Any]) -> tuple[NDArray[np.int64], Sequence[Any]]:
    """Number the values of a column from 0 in sorted order; return numbers and sorted values."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        if column.ndim != 1:
            raise ValueError(f"column {name!r} has shape {column.shape}: give one value a row")
        names, codes = np.unique(column, return_inverse=True)
        return codes.astype(np.int64, copy=False), names.tolist()
    for method in ("to_pylist", "tolist"):  # Arrow; NumPy and pandas
        if hasattr(column, method):
            values = getattr(column, method)()
            break
    else:
        values = list(column)
    kinds = set(map(type, values))
    if not (kinds <= _STRINGS or kinds <= _INTEGERS):
        expected = _STRINGS if kinds & _STRINGS else _INTEGERS
        row = next(i for i, value in enumerate(values) if type(value) not in expected)
        raise ValueError(
            f"column {name!r} holds {values[row]!r} at row {row}: give strings only or integers "
            "only, without missing values"
        )
    ordered = sorted(set(values))
    codes_of = {value: code for code, value in enumerate(ordered)}
    codes = np.fromiter(map(codes_of.__getitem__, values), np.int64, len(values))
    return codes, ordered

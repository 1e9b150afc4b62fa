"""The languages of candidates, in two bytes each, and the choice among those of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class LanguageColumn(Sequence[str]):
    """One language name for each of N candidates; a list of N strings would take 8 bytes each.

    Two columns are equal when their names are, one by one.
    """

    def __init__(self, names: Sequence[str], codes: NDArray[np.uint16]) -> None:
        """Take the distinct names, and (N,) numbers of names."""
        self.names = tuple(names)
        self.codes = codes

    @classmethod
    def of(cls, languages: Iterable[str]) -> LanguageColumn:
        """Make a column of any names; a column is given back as it is.

        Raises:
            ValueError: more than 65,536 different names.
        """
        if isinstance(languages, LanguageColumn):
            return languages
        numbers: dict[str, int] = {}
        codes = np.fromiter((numbers.setdefault(name, len(numbers)) for name in languages), int)
        if len(numbers) > 1 << 16:
            raise ValueError(
                f"there are {len(numbers)} different languages, at most 65,536 can be told apart: "
                "is the column of languages another one?"
            )
        return cls(list(numbers), codes.astype(np.uint16))

    def present(self) -> set[str]:
        """The names that occur."""
        counts = np.bincount(self.codes, minlength=len(self.names))
        return {name for name, count in zip(self.names, counts, strict=True) if count}

    def runs(self) -> list[tuple[str, int, int]]:
        """(language, start, stop) of those that follow one another."""
        if not len(self):
            return []
        cuts = (np.flatnonzero(np.diff(self.codes)) + 1).tolist()
        bounds = zip([0, *cuts], [*cuts, len(self)], strict=True)
        return [(self.names[int(self.codes[start])], start, stop) for start, stop in bounds]

    def __len__(self) -> int:
        """N."""
        return len(self.codes)

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        for start in range(0, len(self.codes), 8192):
            for code in self.codes[start : start + 8192].tolist():
                yield self.names[code]

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> LanguageColumn: ...
    def __getitem__(self, at: int | slice) -> str | LanguageColumn:
        """Give the name at a place, or a part of the column, which shares its memory."""
        if isinstance(at, slice):
            return LanguageColumn(self.names, self.codes[at])
        return self.names[int(self.codes[at])]

    def __eq__(self, other: object) -> bool:
        """Compare name by name."""
        if not isinstance(other, LanguageColumn):
            return NotImplemented
        return len(self) == len(other) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def choose_languages(
    languages: Iterable[str] | None, available: Iterable[str], where: object
) -> list[str]:
    """Return the languages to read, sorted; None: all that are available.

    Raises:
        ValueError: a string in place of a list, no language, one that is not available or that is
            named twice.
    """
    there = sorted(available)
    if languages is None:
        return there
    if isinstance(languages, str):
        raise ValueError(f"languages is the string {languages!r}; give a list, [{languages!r}]")
    chosen = list(languages)
    if not chosen:
        raise ValueError("languages is empty; name at least one, or give None for all")
    for language in chosen:
        if language not in there:
            raise ValueError(f"{where} has no language {language!r}; it has {', '.join(there)}")
        if chosen.count(language) > 1:
            raise ValueError(f"languages names {language!r} more than once; name each once")
    return sorted(chosen)

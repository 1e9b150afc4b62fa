"""Candidates that lie in files: counted and checked once, and then read whenever asked for."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np

from hybridsampler.benchmarks.languages import LanguageColumn
from hybridsampler.benchmarks.lines import broken
from hybridsampler.files import Stamp, stamp_of


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate, and the line of the file that it stands in."""

    number: int
    id: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file of candidates, and what reads its rows.

    Judgements name the places of rows, so that it has to stay as it was when this was made.
    """

    path: Path
    read: Callable[[Path], Iterator[Row]]
    stamp: Stamp = field(init=False)

    def __post_init__(self) -> None:
        """Take note of the file."""
        object.__setattr__(self, "stamp", stamp_of(self.path))

    def __iter__(self) -> Iterator[Row]:
        """Read the rows, in order; ValueError: a file that has changed."""
        if self.path.is_file() and stamp_of(self.path) != self.stamp:
            raise ValueError(
                f"{self.path} has changed since the benchmark was loaded: load it again"
            )
        return self.read(self.path)


@dataclass(frozen=True, slots=True)
class FileTexts:
    """The texts, or the ids, of candidates in files: read anew each time, never held."""

    files: tuple[CorpusFile, ...]
    column: str
    length: int

    def __len__(self) -> int:
        """Return how many there are."""
        return self.length

    def __iter__(self) -> Iterator[str]:
        """Go through them in order."""
        for file in self.files:
            for row in file:
                yield getattr(row, self.column)

    def __getitem__(self, at: object) -> NoReturn:
        """Say what to do instead: each place would cost a reading of the files."""
        raise TypeError(
            f"the {self.column}s of candidates in files are read in order and have no places: take "
            "list() of them, or let score_encoder encode them, which never holds them all"
        )


@dataclass(frozen=True, slots=True)
class Corpus:
    """N candidates in files."""

    texts: FileTexts
    ids: FileTexts
    languages: LanguageColumn
    positions: dict[str, int]
    """Where those stand that were asked for."""


def scan(files: Sequence[CorpusFile], wanted: Collection[str]) -> Corpus:
    """Go through the files once: count, check, and find the ids in `wanted`.

    Memory: ten bytes a candidate, eight of which are given back at the end.

    Raises:
        ValueError: a broken row; an empty file; an id that comes twice. File and line are named.
    """
    positions: dict[str, int] = {}
    hashes = array("q")
    numbers: dict[str, int] = {}
    codes = array("H")
    for file in files:
        before = len(codes)
        for row in file:
            if row.id in wanted:
                positions.setdefault(row.id, len(codes))
            hashes.append(hash(row.id))
            if numbers.setdefault(row.language, len(numbers)) > np.iinfo(np.uint16).max:
                problem = f"{row.language!r} is language 65,537: is that column another one?"
                raise broken(file.path, row.number, problem)
            codes.append(numbers[row.language])
        if len(codes) == before:
            raise ValueError(f"{file.path} holds no candidate: fetch or write it again")
    _check_unique(files, hashes)
    held = tuple(files)
    return Corpus(
        texts=FileTexts(held, "text", len(codes)),
        ids=FileTexts(held, "id", len(codes)),
        languages=LanguageColumn(list(numbers), np.frombuffer(codes, np.uint16)),
        positions=positions,
    )


def _check_unique(files: Sequence[CorpusFile], hashes: array[int]) -> None:
    """Find ids that come twice; only where hashes do is the corpus read again to make sure.

    The hashes are sorted where they lie.
    """
    ordered = np.frombuffer(hashes, np.int64)
    ordered.sort()
    again = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not again:
        return
    first: dict[str, tuple[Path, int]] = {}
    for file in files:
        for row in file:
            if hash(row.id) in again:
                here = (file.path, row.number)
                if (there := first.setdefault(row.id, here)) != here:
                    problem = f"candidate {row.id!r} is there already, in {there[0]}:{there[1]}"
                    raise broken(file.path, row.number, f"{problem}; ids must be unique")

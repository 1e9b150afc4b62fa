"""What every benchmark is once it is loaded: queries, candidates, and which belong together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hybridsampler.benchmarks.languages import LanguageColumn


class Texts(Protocol):
    """Strings of known number that can be gone through more than once: a list, or files."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __iter__(self) -> Iterator[str]:
        """Go through them in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """Q queries, N candidates and the judgements between them, as CSR over the candidates.

    The candidates judged for query `q` are `indices[indptr[q] : indptr[q + 1]]`, their grades the
    same part of `grades`; a query may have none. Two benchmarks are equal when every field is.

    Attributes:
        name: what reports call it.
        queries: Q texts.
        query_ids: Q question ids; a question keeps its id across its languages.
        query_languages: Q language names.
        candidates: N texts. Equal texts are different candidates. Of a large corpus they are in
            files, which are read anew each time and never held.
        candidate_ids: N unique ids.
        candidate_languages: N language names.
        indptr: int64 (Q + 1,), from 0, never falling, ending at len(indices).
        indices: int64 (J,), each in 0..N-1, strictly ascending inside a query.
        grades: int64 (J,), 0 and above; 0 is judged and not relevant.
        candidate_contexts: N paragraphs, the one each sentence stands in; None where candidates are
            no sentences.
        monolingual: queries are ranked against the candidates of their own language alone, as
            in MIRACL. The candidates of a language then follow one another.

    Raises:
        ValueError: when one of the above does not hold; the message names the field and the place.
    """

    name: str
    queries: list[str]
    query_ids: list[str]
    query_languages: list[str]
    candidates: Texts
    candidate_ids: Texts
    candidate_languages: Sequence[str]
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    grades: npt.NDArray[np.int64]
    candidate_contexts: Texts | None = None
    monolingual: bool = False

    def __post_init__(self) -> None:
        """Check everything the class promises."""
        self._check_lengths("queries", "query_ids", "query_languages")
        columns = ["candidate_ids", "candidate_languages"]
        if self.candidate_contexts is not None:
            columns.append("candidate_contexts")
        self._check_lengths("candidates", *columns)
        if isinstance(self.candidate_ids, list):  # who reads files has checked them on the way
            _check_unique("candidate_ids", self.candidate_ids)
        for name in ("indptr", "indices", "grades"):
            _check_vector(name, getattr(self, name))
        self._check_lengths("indices", "grades")
        self._check_indptr()
        self._check_indices()
        self._check_grades()
        if self.monolingual:
            self._check_monolingual()

    @property
    def languages(self) -> list[str]:
        """The languages of the queries and candidates, sorted."""
        found = LanguageColumn.of(self.candidate_languages).present()
        return sorted({*self.query_languages, *found})

    @property
    def judged(
        self,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(indptr, indices, grades), as `evaluate` takes them."""
        return self.indptr, self.indices, self.grades

    def runs(self) -> list[tuple[str, int, int]]:
        """(language, start, stop) of candidates that follow one another in one language."""
        return LanguageColumn.of(self.candidate_languages).runs()

    def __eq__(self, other: object) -> bool:
        """Compare field by field: the generated method would ask an array for its truth value."""
        if not isinstance(other, Benchmark):
            return NotImplemented
        return all(
            np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs
            for mine, theirs in (
                (getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Tell the size, where all texts would be shown."""
        return (
            f"<Benchmark {self.name!r}: {len(self.queries):,} queries, {len(self.candidates):,} "
            f"candidates, {', '.join(self.languages)}>"
        )

    def _check_lengths(self, first: str, *others: str) -> None:
        expected = len(getattr(self, first))
        for other in others:
            found = len(getattr(self, other))
            if found != expected:
                raise ValueError(
                    f"{other} has {found} entries but {first} has {expected}; give one for each"
                )

    def _check_indptr(self) -> None:
        if len(self.indptr) != len(self.queries) + 1:
            raise ValueError(
                f"indptr has {len(self.indptr)} entries for {len(self.queries)} queries; "
                f"it needs {len(self.queries) + 1}"
            )
        if self.indptr[0] != 0 or self.indptr[-1] != len(self.indices):
            raise ValueError(
                f"indptr runs from {self.indptr[0]} to {self.indptr[-1]}; "
                f"it must run from 0 to len(indices) = {len(self.indices)}"
            )
        falls = np.flatnonzero(self.indptr[1:] < self.indptr[:-1])
        if len(falls):
            q = int(falls[0])
            raise ValueError(
                f"indptr falls from {self.indptr[q]} to {self.indptr[q + 1]} at query {q}; "
                "it must never fall"
            )

    def _check_indices(self) -> None:
        outside = np.flatnonzero((self.indices < 0) | (self.indices >= len(self.candidates)))
        if len(outside):
            at = int(outside[0])
            raise ValueError(
                f"indices[{at}] = {self.indices[at]} ({self._owner(at)}) is not one of the "
                f"{len(self.candidates)} candidates; give positions in candidates"
            )
        rises = self.indices[1:] > self.indices[:-1]
        starts = self.indptr[(self.indptr > 0) & (self.indptr < len(self.indices))]
        rises[starts - 1] = True  # a new query may start anywhere
        if not rises.all():
            at = int(np.flatnonzero(~rises)[0])
            raise ValueError(
                f"indices of {self._owner(at)} go from {self.indices[at]} to "
                f"{self.indices[at + 1]}; they must be strictly ascending inside a query"
            )

    def _check_grades(self) -> None:
        below = np.flatnonzero(self.grades < 0)
        if len(below):
            at = int(below[0])
            raise ValueError(
                f"grades[{at}] = {self.grades[at]} ({self._owner(at)}) is below 0; give 0 to a "
                "candidate that is not relevant"
            )

    def _check_monolingual(self) -> None:
        met: set[str] = set()
        for name, start, _ in self.runs():
            if name in met:
                raise ValueError(
                    f"candidate_languages comes back to {name!r} at {start}; in a monolingual "
                    "benchmark the candidates of a language follow one another"
                )
            met.add(name)
        for q, name in enumerate(self.query_languages):
            if name not in met:
                raise ValueError(
                    f"query {q}, {self.query_ids[q]!r}, is in {name!r}, in which there is no "
                    "candidate; in a monolingual benchmark leave such queries out"
                )
        for at, index in enumerate(self.indices.tolist()):
            q = self._query(at)
            if self.candidate_languages[index] != self.query_languages[q]:
                raise ValueError(
                    f"candidate {index}, judged for {self._owner(at)}, is in "
                    f"{self.candidate_languages[index]!r}; in a monolingual benchmark it has the "
                    "language of the query"
                )

    def _query(self, at: int) -> int:
        return int(np.searchsorted(self.indptr, at, side="right")) - 1

    def _owner(self, at: int) -> str:
        q = self._query(at)
        return f"query {q}, {self.query_ids[q]!r} in {self.query_languages[q]!r}"


def _check_vector(name: str, values: npt.NDArray[np.int64]) -> None:
    if not isinstance(values, np.ndarray) or values.dtype != np.int64 or values.ndim != 1:
        kind = (
            f"{values.dtype} of shape {values.shape}"
            if isinstance(values, np.ndarray)
            else type(values).__name__
        )
        raise ValueError(
            f"{name} is {kind}; give a one-dimensional int64 array, numpy.asarray({name}, 'int64')"
        )


def _check_unique(name: str, values: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for at, value in enumerate(values):
        if first.setdefault(value, at) != at:
            raise ValueError(
                f"{name}[{at}] = {value!r} repeats {name}[{first[value]}]; ids must be unique"
            )

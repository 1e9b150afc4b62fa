"""What every benchmark is once it is loaded: queries, candidates, and which belong together."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """Q queries, N candidates and the relevance between them, as CSR over the candidates.

    The candidates relevant to query `q` are `indices[indptr[q] : indptr[q + 1]]`; a query may have
    none. Two benchmarks are equal when every field is.

    Attributes:
        name: what reports call it.
        queries: Q texts.
        query_ids: Q question ids; a question keeps its id across its languages.
        query_languages: Q language names.
        candidates: N sentence texts. Equal texts are different candidates.
        candidate_ids: N unique ids.
        candidate_contexts: N paragraphs, the one each sentence stands in.
        candidate_languages: N language names.
        indptr: int64 (Q + 1,), from 0, never falling, ending at len(indices).
        indices: int64, each in 0..N-1, strictly ascending inside a query.

    Raises:
        ValueError: when one of the above does not hold; the message names the field and the place.
    """

    name: str
    queries: list[str]
    query_ids: list[str]
    query_languages: list[str]
    candidates: list[str]
    candidate_ids: list[str]
    candidate_contexts: list[str]
    candidate_languages: list[str]
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check everything the class promises."""
        self._check_lengths("queries", "query_ids", "query_languages")
        self._check_lengths(
            "candidates", "candidate_ids", "candidate_contexts", "candidate_languages"
        )
        _check_unique("candidate_ids", self.candidate_ids)
        _check_vector("indptr", self.indptr)
        _check_vector("indices", self.indices)
        self._check_indptr()
        self._check_indices()

    @property
    def languages(self) -> list[str]:
        """The languages of the queries and candidates, sorted."""
        return sorted({*self.query_languages, *self.candidate_languages})

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

    def _owner(self, at: int) -> str:
        q = int(np.searchsorted(self.indptr, at, side="right")) - 1
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

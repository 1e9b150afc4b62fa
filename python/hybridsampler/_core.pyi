"""The Rust core. Not public: import from `hybridsampler`."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Corpus", "Lent", "Plan", "Qrels", "RankCounter", "Run", "hash_ngrams", "number_names"]

def hash_ngrams(
    texts: Sequence[str], shortest: int, longest: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]: ...
def number_names(
    values: Sequence[str], known: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.uint32]]: ...

_Pieces = tuple[list[NDArray[Any]], bool | list[int] | list[str]]

@final
class Lent:
    def __new__(
        cls,
        length: Sequence[NDArray[Any]] | None,
        negatives: tuple[Sequence[NDArray[Any]], Sequence[NDArray[Any]]] | None,
    ) -> Lent: ...

@final
class Corpus:
    def __new__(
        cls,
        group: _Pieces,
        language: _Pieces,
        source: _Pieces | None,
        keys: Sequence[_Pieces],
        lent: Lent,
        languages: Sequence[str],
        sources: Sequence[str],
        name: Callable[[str, int], str],
    ) -> Corpus: ...
    @staticmethod
    def from_bytes(data: bytes, lent: Lent) -> Corpus: ...
    def to_bytes(self) -> bytes: ...
    @property
    def rows(self) -> int: ...
    @property
    def sources(self) -> list[tuple[int, list[int], list[int]]]: ...
    @property
    def complete(self) -> list[bool]: ...
    @property
    def has_negatives(self) -> bool: ...
    @property
    def fingerprint(self) -> str: ...

@final
class Plan:
    def __new__(
        cls,
        corpus: Corpus,
        kinds: Sequence[float],
        sources: Sequence[Sequence[float]],
        languages: Sequence[Sequence[float]],
        pairs: Sequence[Sequence[float]],
        random: bool,
        batch_size: int,
        seed: int,
        rotate: bool,
        negatives: int,
        name: Callable[[str, int], str],
    ) -> Plan: ...
    def fill(self, first: int, lent: Lent, out: NDArray[np.int64], threads: int | None) -> None: ...
    def fill_codes(
        self,
        first: int,
        own: tuple[int, int],
        lent: Lent,
        out: NDArray[np.int64],
        threads: int | None,
    ) -> None: ...
    def stream(self, step: int) -> tuple[str, int, int | None]: ...
    def shares(
        self,
    ) -> tuple[list[float], list[list[float]], list[list[float]], list[list[float]]]: ...
    def reached(
        self, steps: int, lent: Lent
    ) -> tuple[
        tuple[list[int], list[list[int]], list[list[int]], list[list[int]], list[list[int]]],
        tuple[int, int] | None,
        int,
    ]: ...
    def expected(self) -> list[tuple[list[float], list[float]]]: ...
    def limits(self) -> list[tuple[tuple[str, int, int | None], int, int, int]]: ...

@final
class RankCounter:
    def __new__(
        cls,
        queries: NDArray[np.float32],
        judged: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
        excluded: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
        cosine: bool,
    ) -> RankCounter: ...
    def anchor(
        self, block: NDArray[np.float32], ids: NDArray[np.int64], threads: int | None
    ) -> None: ...
    def add(
        self,
        block: NDArray[np.float32],
        ids: NDArray[np.int64],
        languages: NDArray[np.uint32],
        names: tuple[tuple[str, ...], tuple[str, ...]],
        threads: int | None,
    ) -> None: ...
    def add_screened(
        self,
        ids: NDArray[np.int64],
        languages: NDArray[np.uint32],
        names: tuple[tuple[str, ...], tuple[str, ...]],
        rows: NDArray[np.int64],
        block: NDArray[np.float32],
        higher: NDArray[np.uint32],
        undecided: tuple[NDArray[np.int64], NDArray[np.int64]],
        zero_rows: int,
    ) -> None: ...
    @property
    def judged(self) -> NDArray[np.int64]: ...
    @property
    def thresholds(self) -> NDArray[np.float64]: ...
    def merge(
        self,
        other: RankCounter,
        theirs: tuple[str, ...],
        renumbered: Sequence[int],
        names: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None: ...
    def blank(self) -> RankCounter: ...
    def to_bytes(self) -> bytes: ...
    def read_bytes(self, data: bytes) -> RankCounter: ...
    def ranks(
        self, ties: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...
    @property
    def queries(self) -> NDArray[np.float32]: ...
    @property
    def candidates(self) -> int: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def ties(self) -> int: ...
    @property
    def decided(self) -> list[int]: ...
    @staticmethod
    def simd() -> str: ...
    @property
    def zero_rows(self) -> int: ...

_Texts = tuple[NDArray[np.int64], NDArray[np.uint8]]

@final
class Qrels:
    @staticmethod
    def read(path: str | PathLike[str], name: str, threads: int | None) -> Qrels: ...
    @staticmethod
    def parse(data: bytes, name: str, threads: int | None) -> Qrels: ...
    @staticmethod
    def from_dict(queries: dict[str, Any], threads: int | None) -> Qrels: ...
    @staticmethod
    def from_columns(
        name: str,
        queries: _Texts,
        documents: _Texts,
        grades: NDArray[np.int64],
        threads: int | None,
    ) -> Qrels: ...
    def __len__(self) -> int: ...
    def rows(self) -> list[tuple[str, str, int, int]]: ...
    @property
    def queries(self) -> list[str]: ...

@final
class Run:
    @staticmethod
    def read(path: str | PathLike[str], name: str, threads: int | None) -> Run: ...
    @staticmethod
    def parse(data: bytes, name: str, threads: int | None) -> Run: ...
    @staticmethod
    def from_dict(queries: dict[str, Any], threads: int | None) -> Run: ...
    @staticmethod
    def from_columns(
        name: str,
        queries: _Texts,
        documents: _Texts,
        scores: NDArray[np.float64],
        threads: int | None,
    ) -> Run: ...
    def __len__(self) -> int: ...
    @property
    def queries(self) -> list[str]: ...
    def rank(
        self, qrels: Qrels, ties: str, single: bool, threads: int | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]: ...

"""A benchmark, and an encoder or saved vectors -> a result; candidates are never all held."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridsampler.benchmarks import Benchmark
from hybridsampler.candidates import Candidates, open_candidates
from hybridsampler.evaluation import Evaluation, evaluate
from hybridsampler.measures import Policy, parse_measures
from hybridsampler.ranking import Similarity
from hybridsampler.results import Result

# Texts that are encoded at a time. An encoder sorts them by length, so many batches together.
_TEXTS = 4096

Tell = Callable[[str, int, int], object]
"""Called with what is being done, how much of it is done and how much there is."""


class Encoder(Protocol):
    """What gives texts their vectors."""

    def encode_queries(self, texts: Sequence[str]) -> Any:
        """Return (n, d) float32, float16 or bfloat16."""

    def encode_candidates(self, texts: Sequence[str]) -> Any:
        """Return (n, d) float32, float16 or bfloat16."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is scored; the names are those of :func:`evaluate`.

    Raises:
        TypeError, ValueError: measures as :func:`hybridsampler.measures.parse_measures`.
    """

    measures: Sequence[str] = ("AP", "R@1", "R@10")
    similarity: Similarity = "cosine"
    empty: Policy = "error"
    spool_folder: str | os.PathLike[str] | None = None
    tell: Tell = lambda what, done, total: None

    def __post_init__(self) -> None:
        """Refuse, before anything is encoded, what cannot be measured."""
        parse_measures(self.measures)


def score_encoder(
    benchmark: Benchmark, encoder: Encoder, name: str, options: Options | None = None
) -> Result:
    """Encode a benchmark and rank every candidate for every query, exactly.

    Each text is encoded once. Vectors of candidates go to a temporary file, of a monolingual
    benchmark one language at a time.

    Args:
        benchmark: queries, candidates and judgements.
        encoder: gives the vectors.
        name: of the encoder, for the result.
        options: measures, similarity and so on.

    Raises:
        ValueError, TypeError, OSError: as :func:`evaluate`.
    """
    options = options or Options()
    total = len(benchmark.queries)
    blocks = _encoded(encoder.encode_queries, benchmark.queries, "encode queries", total, options)
    queries = np.concatenate(list(blocks))
    texts = iter(benchmark.candidates)
    done = 0

    def candidates(start: int, stop: int) -> Iterator[Any]:
        nonlocal done
        skipped = start - done  # languages in which nobody asks
        for _ in islice(texts, skipped):
            pass
        part = islice(texts, stop - start)
        done = stop
        total = len(benchmark.candidates)
        return _encoded(encoder.encode_candidates, part, "encode candidates", total, options, start)

    return _score(benchmark, queries, candidates, name, options)


def score_vectors(
    benchmark: Benchmark, queries: Any, candidates: Any, name: str, options: Options | None = None
) -> Result:
    """Rank every candidate for every query, exactly, from vectors that were saved.

    Args:
        benchmark: the judgements, and the languages.
        queries: (Q, d) vectors in the order of the benchmark: an array, or a file as
            :func:`open_candidates` reads it, or several.
        candidates: (N, d) vectors in the order of the benchmark, likewise.
        name: of the encoder, for the result.
        options: measures, similarity and so on.

    Raises:
        ValueError: numbers of vectors that are not those of the benchmark; else as
            :func:`evaluate`.
        TypeError, OSError, ImportError: as :func:`evaluate`.
    """
    options = options or Options()
    with open_candidates(queries) as opened:
        _expect("queries", len(opened), len(benchmark.queries), benchmark)
        held = np.concatenate([np.asarray(block) for _, block in opened.blocks()])
    with open_candidates(candidates) as opened:
        _expect("candidates", len(opened), len(benchmark.candidates), benchmark)
        return _score(
            benchmark, held, lambda start, stop: _Window(opened, start, stop), name, options
        )


def _score(
    benchmark: Benchmark,
    queries: NDArray[Any],
    candidates: Callable[[int, int], Any],
    name: str,
    options: Options,
) -> Result:
    if not benchmark.monolingual:
        whole = candidates(0, len(benchmark.candidates))
        found = _evaluate(benchmark, queries, whole, slice(None), 0, options)
        return Result.of(name, None, found)
    asked = np.array(benchmark.query_languages, object)
    evaluations = {
        language: _evaluate(
            benchmark,
            queries,
            candidates(start, stop),
            np.flatnonzero(asked == language),
            start,
            options,
            stop,
        )
        for language, start, stop in benchmark.runs()
        if language in asked
    }
    return Result.of_languages(name, evaluations)


def _evaluate(
    benchmark: Benchmark,
    queries: NDArray[Any],
    candidates: Any,
    chosen: NDArray[np.int64] | slice,
    start: int,
    options: Options,
    stop: int | None = None,
) -> Evaluation:
    rows = np.arange(len(benchmark.queries))[chosen]
    counts = np.diff(benchmark.indptr)
    judged = np.isin(np.repeat(np.arange(len(counts)), counts), rows)
    return evaluate(
        queries[rows],
        candidates,
        (
            np.concatenate([[0], np.cumsum(counts[rows])]),
            benchmark.indices[judged] - start,
            benchmark.grades[judged],
        ),
        query_languages=[benchmark.query_languages[row] for row in rows],
        candidate_languages=benchmark.candidate_languages[start:stop],
        measures=options.measures,
        similarity=options.similarity,
        empty=options.empty,
        spool_folder=options.spool_folder,
        progress=lambda done, _: options.tell("rank", start + done, len(benchmark.candidates)),
    )


def _encoded(
    encode: Callable[[Sequence[str]], Any],
    texts: Iterable[str],
    what: str,
    total: int,
    options: Options,
    done: int = 0,
) -> Iterator[Any]:
    left = iter(texts)
    options.tell(what, done, total)
    while part := list(islice(left, _TEXTS)):
        yield encode(part)
        done += len(part)
        options.tell(what, done, total)


def _expect(what: str, found: int, wanted: int, benchmark: Benchmark) -> None:
    if found != wanted:
        raise ValueError(
            f"there are {found:,} vectors of {what} but {benchmark.name} has {wanted:,} {what}: "
            "give one each, in the order of the benchmark"
        )


class _Window:
    """Some of the opened candidates, one after the other, as an array that is read in parts."""

    def __init__(self, opened: Candidates, start: int, stop: int) -> None:
        self._opened, self._start = opened, start
        first = next(iter(opened.rows(np.array([start]))))[1]
        self._none = first[:0]
        self.shape = (stop - start, first.shape[1])

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Any:
        numbers = np.arange(self.shape[0])[rows] if isinstance(rows, slice) else rows
        blocks = [block for _, block in self._opened.rows(numbers + self._start)]
        return np.concatenate([np.asarray(block) for block in blocks]) if blocks else self._none

"""A benchmark, and an encoder or saved vectors -> a result; candidates are never all held."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from hybridsampler.benchmarks import Benchmark
from hybridsampler.candidates import Candidates, check_spool_folder, open_candidates
from hybridsampler.evaluation import Evaluation, evaluate
from hybridsampler.measures import Measure, Policy, known_policy, parse_measures
from hybridsampler.passes import Checkpoint
from hybridsampler.ranking import RankCounter, Similarity
from hybridsampler.refusals import check_judgements
from hybridsampler.results import Result
from hybridsampler.vectors import as_rows

# Texts that are encoded at a time. An encoder sorts them by length, so many batches together.
_TEXTS = 4096

TellStage = Callable[[str, int, int], object]
"""Called with what is being done, how much of it is done and how much there is."""

TellFound = Callable[[NDArray[np.int64], Evaluation], object]
"""Called with the numbers of queries in the benchmark, and what was found for them."""


class Encoder(Protocol):
    """What gives texts their vectors."""

    def encode_queries(self, texts: Sequence[str]) -> Any:
        """Return (n, d) float32, float16 or bfloat16."""

    def encode_candidates(self, texts: Sequence[str]) -> Any:
        """Return (n, d) float32, float16 or bfloat16."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is scored; the names are those of :func:`evaluate`.

    ``found`` is called once, of a monolingual benchmark once for each language: an evaluation knows
    the values of single queries, and other measures of bias, of which a result has none.

    ``checkpoint`` is for saved vectors: an encoder would encode all texts again. Of a monolingual
    benchmark each language has a file of its own, named by what is given, a dot and the language.

    Raises:
        TypeError, ValueError: measures as :func:`hybridsampler.measures.parse_measures`.
        ValueError: an unknown similarity or policy.
        FileNotFoundError: a spool folder that is none; a checkpoint in a folder that is none.
        PermissionError: a checkpoint in a folder that may not be written to.
    """

    measures: Sequence[str | Measure] = ("AP", "R@1", "R@10")
    similarity: Similarity = "cosine"
    empty: Policy = "error"
    spool_folder: str | os.PathLike[str] | None = None
    tell: TellStage = lambda what, done, total: None
    found: TellFound = lambda queries, evaluation: None
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None

    def __post_init__(self) -> None:
        """Refuse, before anything is encoded, what cannot be measured or kept."""
        # Parsed once: what can be gone through but once would be empty later.
        object.__setattr__(self, "measures", tuple(parse_measures(self.measures)))
        known_policy("empty", self.empty)
        if self.similarity not in get_args(Similarity):
            raise ValueError(f"similarity={self.similarity!r}: choose 'dot' or 'cosine'")
        check_spool_folder(self.spool_folder)
        Checkpoint.of(self.checkpoint)

    def checkpoint_of(self, language: str) -> Checkpoint | None:
        """Return the checkpoint of one language of a monolingual benchmark."""
        whole = Checkpoint.of(self.checkpoint)
        return whole and replace(whole, path=f"{os.fspath(whole.path)}.{language}")


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
        TypeError: what is no encoder; else as :func:`evaluate`.
        ValueError: a benchmark without queries; an encoder that does not give each text one vector,
            or not all of one dimension; a checkpoint; else as :func:`evaluate`.
        OSError: as :func:`evaluate`.
    """
    options = options or Options()
    if options.checkpoint is not None:
        raise ValueError(
            "checkpoint= is for vectors that were saved, and an encoder would encode all texts "
            "again: save its vectors and give them to score_vectors, or leave it out"
        )
    _check_encoder(encoder)
    _check_asked(benchmark, options)
    total = len(benchmark.queries)
    blocks = _encoded(encoder.encode_queries, benchmark.queries, "queries", total, options)
    queries = np.concatenate(list(blocks))
    texts = iter(benchmark.candidates)
    done = 0

    def part(start: int, stop: int) -> AbstractContextManager[Candidates]:
        nonlocal done
        skipped = start - done  # languages in which nobody asks
        for _ in islice(texts, skipped):
            pass
        some = islice(texts, stop - start)
        done = stop
        total = len(benchmark.candidates)
        encode = encoder.encode_candidates
        known = "the queries", queries.shape[1]
        blocks = _encoded(encode, some, "candidates", total, options, start, known)
        return open_candidates(blocks, spool_folder=options.spool_folder, first=start)

    return _score(benchmark, queries, part, name, options)


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
        ValueError: a benchmark without queries; numbers of vectors that are not those of the
            benchmark; else as :func:`evaluate`.
        TypeError, OSError, ImportError: as :func:`evaluate`.
    """
    options = options or Options()
    _check_asked(benchmark, options)
    held = _held(benchmark, queries)
    with open_candidates(candidates) as opened:
        _expect("candidates", len(opened), len(benchmark.candidates), benchmark)
        parts = opened.part
        return _score(
            benchmark, held, lambda start, stop: nullcontext(parts(start, stop)), name, options
        )


def _held(benchmark: Benchmark, queries: Any) -> NDArray[Any]:
    """Read the vectors of all queries."""
    if hasattr(queries, "shape"):  # in errors of what is opened arrays are candidates
        rows = as_rows("queries", queries)
        _expect("queries", len(rows), len(benchmark.queries), benchmark)
        return rows
    with open_candidates(queries) as opened:
        _expect("queries", len(opened), len(benchmark.queries), benchmark)
        return np.concatenate([as_rows("queries", block) for _, block in opened.blocks()])


def _score(
    benchmark: Benchmark,
    queries: NDArray[Any],
    part: Callable[[int, int], AbstractContextManager[Candidates]],
    name: str,
    options: Options,
) -> Result:
    # Refuses queries by their numbers in the benchmark, before any candidate is encoded.
    RankCounter(queries, benchmark.judged, similarity=options.similarity, borrow=True)
    if not benchmark.monolingual:
        with part(0, len(benchmark.candidates)) as whole:
            languages = benchmark.candidate_languages
            saved = options.checkpoint
            found = _evaluate(benchmark, queries, slice(None), whole, languages, options, saved)
        return Result.of(name, None, found)
    asked = np.array(benchmark.query_languages, object)
    evaluations = {}
    for language, start, stop in benchmark.runs():
        if language in asked:
            with part(start, stop) as own:
                chosen, languages = asked == language, benchmark.candidate_languages[start:stop]
                saved = options.checkpoint_of(language)
                found = _evaluate(benchmark, queries, chosen, own, languages, options, saved)
            evaluations[language] = found
    return Result.of_languages(name, evaluations)


def _evaluate(
    benchmark: Benchmark,
    queries: NDArray[Any],
    chosen: NDArray[np.bool_] | slice,
    candidates: Candidates,
    candidate_languages: Sequence[str],
    options: Options,
    checkpoint: str | os.PathLike[str] | Checkpoint | None,
) -> Evaluation:
    rows = np.arange(len(benchmark.queries))[chosen]
    counts = np.diff(benchmark.indptr)
    judged = np.isin(np.repeat(np.arange(len(counts)), counts), rows)
    first = candidates.numbers.start
    found = evaluate(
        queries[rows],
        candidates,
        (
            np.concatenate([[0], np.cumsum(counts[rows])]),
            benchmark.indices[judged],
            benchmark.grades[judged],
        ),
        query_languages=[benchmark.query_languages[row] for row in rows],
        candidate_languages=candidate_languages,
        measures=options.measures,
        similarity=options.similarity,
        empty=options.empty,
        progress=lambda done, _: options.tell("rank", first + done, len(benchmark.candidates)),
        checkpoint=checkpoint,
    )
    options.found(rows, found)
    return found


def _encoded(
    encode: Callable[[Sequence[str]], Any],
    texts: Iterable[str],
    what: str,
    total: int,
    options: Options,
    done: int = 0,
    known: tuple[str, int] | None = None,
) -> Iterator[NDArray[Any]]:
    """Give the vectors of texts in parts; ``known``: what has a dimension, and which."""
    left = iter(texts)
    options.tell(f"encode {what}", done, total)
    while part := list(islice(left, _TEXTS)):
        rows = as_rows(what, encode(part))
        if len(rows) != len(part):
            raise ValueError(
                f"the encoder gave {len(rows):,} vectors for {len(part):,} {what}: give one each, "
                "in their order"
            )
        if known is None:
            known = f"the {what} before", rows.shape[1]
        others, dimension = known
        if rows.shape[1] != dimension:  # now, and not when all are encoded
            raise ValueError(
                f"the encoder gave {what} {done:,} to {done + len(part) - 1:,} vectors of "
                f"dimension {rows.shape[1]} but {others} of {dimension}: encode all texts with one "
                "model"
            )
        yield rows
        done += len(part)
        options.tell(f"encode {what}", done, total)


def _check_encoder(encoder: object) -> None:
    wanted = ("encode_queries", "encode_candidates")
    if missing := [name for name in wanted if not hasattr(encoder, name)]:
        raise TypeError(
            f"the encoder is a {type(encoder).__name__}, without {' and '.join(missing)}: give "
            "SentenceEncoder(model) for a model of sentence-transformers, else an object with both"
        )


def _check_asked(benchmark: Benchmark, options: Options) -> None:
    if not benchmark.queries:
        raise ValueError(f"{benchmark.name} has no query: nothing can be scored")
    measures = parse_measures(options.measures)
    # By the names that the files have; what ranks knows numbers, in some benchmarks of a language.
    names = [
        f"{query} ({language})"
        for query, language in zip(benchmark.query_ids, benchmark.query_languages, strict=True)
    ]
    check_judgements(benchmark.judged, len(names), measures, options.empty, names)


def _expect(what: str, found: int, wanted: int, benchmark: Benchmark) -> None:
    if found != wanted:
        raise ValueError(
            f"there are {found:,} vectors of {what} but {benchmark.name} has {wanted:,} {what}: "
            "give one each, in the order of the benchmark"
        )

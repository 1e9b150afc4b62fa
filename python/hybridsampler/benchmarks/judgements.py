"""Queries, judgements and a corpus become one benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.corpus_files import CorpusFile, scan
from hybridsampler.benchmarks.lines import broken, read_lines
from hybridsampler.trec import read_qrels

_MOST_GRADE = np.iinfo(np.int64).max


@dataclass(slots=True)
class Queries:
    """Queries in the order of their files; a question keeps its id across its languages."""

    texts: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    places: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, path: Path, number: int, query_id: str, text: str, language: str) -> None:
        """Take one more; ValueError: the question was there in that language."""
        here = f"{path}:{number}"
        if (there := self.places.setdefault((query_id, language), here)) != here:
            raise broken(
                path,
                number,
                f"query {query_id!r} in {language!r} is there already, in {there}; give each a "
                "different id",
            )
        self.texts.append(text)
        self.ids.append(query_id)
        self.languages.append(language)


@dataclass(slots=True)
class Judgements:
    """Grades of candidates by question, each with the line that it comes from."""

    of: dict[str, dict[str, tuple[int, Path, int]]] = field(default_factory=dict)

    def add(self, path: Path, number: int, query_id: str, candidate_id: str, grade: int) -> None:
        """Take one more; ValueError: a grade that cannot be, or a pair that was judged before."""
        if grade < 0:
            problem = f"grade {grade} is below 0: give 0 to a candidate that is not relevant"
            raise broken(path, number, problem)
        if grade > _MOST_GRADE:
            problem = f"grade {grade} is above {_MOST_GRADE:,}: give 1 and above to relevant ones"
            raise broken(path, number, problem)
        here = (grade, path, number)
        there = self.of.setdefault(query_id, {}).setdefault(candidate_id, here)
        if there is not here:
            raise broken(
                path,
                number,
                f"candidate {candidate_id!r} is judged for query {query_id!r} already, in "
                f"{there[1]}:{there[2]}; keep one of the two",
            )

    def candidates(self) -> set[str]:
        """Every candidate that is judged."""
        return {candidate for judged in self.of.values() for candidate in judged}


def read_topics(path: Path, queries: Queries, language: str, prefix: str) -> None:
    """Add the `id<TAB>text` lines of a file, with `prefix` before each id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a broken line, an id that comes twice, no line at all.
    """
    before = len(queries.ids)
    for number, line in read_lines(path):
        query_id, tab, text = line.partition("\t")
        if not (query_id.strip() and tab and text.strip()):
            raise broken(path, number, f"{line!r} is not 'id<TAB>query'")
        queries.add(path, number, prefix + query_id.strip(), text.strip(), language)
    if len(queries.ids) == before:
        raise ValueError(f"{path} holds no query: fetch it again")


def add_qrels(path: Path, judgements: Judgements, prefix: str) -> None:
    """Add the judgements of a file of TREC's form, with `prefix` before each id.

    Raises:
        OSError, ValueError: as :func:`hybridsampler.trec.read_qrels`.
    """
    for query_id, candidate_id, grade, number in read_qrels(path).rows():
        judgements.add(path, number, prefix + query_id, prefix + candidate_id, grade)


def join(
    name: str,
    queries: Queries,
    judgements: Judgements,
    files: Sequence[CorpusFile],
    *,
    monolingual: bool,
) -> Benchmark:
    """Go through the corpus once and connect queries and candidates.

    Raises:
        ValueError: judgements of an unknown query or candidate, or what `scan` refuses; file and
            line are named.
    """
    known = set(queries.ids)
    for query_id, judged in judgements.of.items():
        if query_id not in known:
            _, path, number = next(iter(judged.values()))
            problem = f"query {query_id!r} is none of the {len(queries.ids)} queries"
            raise broken(path, number, f"{problem}: judgements and queries belong together")
    corpus = scan(files, judgements.candidates())
    lists = {
        query_id: sorted(_positions(judged, corpus.positions, len(corpus.texts)))
        for query_id, judged in judgements.of.items()
    }
    rows = [lists.get(query_id, []) for query_id in queries.ids]
    pairs = np.array([pair for row in rows for pair in row], np.int64).reshape(-1, 2)
    return Benchmark(
        name=name,
        queries=queries.texts,
        query_ids=queries.ids,
        query_languages=queries.languages,
        candidates=corpus.texts,
        candidate_ids=corpus.ids,
        candidate_languages=corpus.languages,
        indptr=np.cumsum([0, *map(len, rows)], dtype=np.int64),
        indices=pairs[:, 0].copy(),
        grades=pairs[:, 1].copy(),
        monolingual=monolingual,
    )


def _positions(
    judged: dict[str, tuple[int, Path, int]], positions: dict[str, int], count: int
) -> Iterator[tuple[int, int]]:
    for candidate_id, (grade, path, number) in judged.items():
        if candidate_id not in positions:
            problem = f"candidate {candidate_id!r} is none of the {count} candidates"
            raise broken(path, number, f"{problem}: judgements and candidates belong together")
        yield positions[candidate_id], grade

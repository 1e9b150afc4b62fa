"""A benchmark by name and a model, or saved vectors -> tables, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from hybridsampler.benchmarks import BENCHMARKS, Benchmark, load_benchmark
from hybridsampler.benchmarks.numbered import OF_ALL, check_shards, in_order
from hybridsampler.console import stages, warn
from hybridsampler.evaluation import Evaluation
from hybridsampler.files import shown, written_whole
from hybridsampler.measures import Policy, known_policy, parse_measures
from hybridsampler.passes import Checkpoint
from hybridsampler.per_query import Row, query_rows, write_rows
from hybridsampler.ranking import Similarity
from hybridsampler.results import Result, write_results
from hybridsampler.scoring import Options, TellFound, TellStage, score_encoder, score_vectors
from hybridsampler.shards import VECTOR_FORMS
from hybridsampler.tables import Table, language_table, macro_tables, matrix_table


@dataclass(frozen=True, slots=True)
class Request:
    """What to score, and how.

    Raises:
        ValueError: neither a model nor saved vectors, or both; an unknown benchmark, measure or
            similarity; options of the one that are given for the other.
        OSError: a checkpoint in a folder that is not there or may not be written to.
    """

    benchmark: str
    data: str | None = None
    languages: Sequence[str] | None = None
    model: str | None = None
    queries: Path | None = None
    candidates: Sequence[Path] = ()
    measures: Sequence[str] | None = None
    similarity: Similarity | None = None
    """``None``: the model's own, and cosine of vectors that were saved."""
    empty: Policy = "error"
    query_prefix: str | None = None
    candidate_prefix: str | None = None
    batch_size: int | None = None
    device: str | None = None
    spool_folder: Path | None = None
    per_query: bool = False
    checkpoint: Path | None = None

    def __post_init__(self) -> None:
        """Refuse, before anything is read, what cannot be scored."""
        if self.benchmark not in BENCHMARKS:
            known = ", ".join(BENCHMARKS)
            raise ValueError(f"unknown benchmark {self.benchmark!r}: choose from {known}")
        saved = self.queries is not None or bool(self.candidates)
        if saved == (self.model is not None):
            raise ValueError(
                "give either a model or saved vectors, --queries q.npy --candidates c.npy"
            )
        if saved and (self.queries is None or not self.candidates):
            missing = "--queries" if self.queries is None else "--candidates"
            raise ValueError(f"{missing} is missing: saved vectors are needed of both")
        if saved:
            self._check_saved()
        elif self.checkpoint is not None:
            raise ValueError(
                f"--checkpoint {str(self.checkpoint)!r} is for saved vectors, and a model would "
                "encode all texts again: leave it out, or save the vectors and give them in place "
                "of the model"
            )
        Checkpoint.of(self.checkpoint)
        if self.similarity is not None and self.similarity not in get_args(Similarity):
            raise ValueError(f"similarity {self.similarity!r}: choose cosine or dot")
        known_policy("empty", self.empty)
        if self.measures is not None:
            parse_measures(self.measures)

    def _check_saved(self) -> None:
        """Refuse options that say how a model is to encode."""
        for name in ("query_prefix", "candidate_prefix", "batch_size", "device", "spool_folder"):
            if (given := getattr(self, name)) is not None:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"{option} {str(given)!r} is for a model and changes nothing in vectors that "
                    "were saved: leave it out, or give a model in their place"
                )

    def saved_files(self) -> tuple[list[Path], list[Path]]:
        """Name the files of saved vectors, of queries and of candidates, in their order.

        Raises:
            FileNotFoundError: one that is not there; a folder without one.
            ValueError: a folder that has them in several forms, or not all of a numbered set.
        """
        queries = [] if self.queries is None else _files(self.queries)
        return queries, [path for given in self.candidates for path in _files(given)]

    @property
    def asked(self) -> Sequence[str]:
        """The measures: those of the benchmark where none was named."""
        return BENCHMARKS[self.benchmark].measures if self.measures is None else self.measures

    @property
    def name(self) -> str:
        """What the tables call the model."""
        if self.model is None:
            assert self.queries is not None
            folder = self.queries.is_dir()
            return shown(self.queries.resolve().name if folder else self.queries.stem)
        return shown(Path(self.model).resolve().name) if Path(self.model).is_dir() else self.model


@dataclass(frozen=True, slots=True)
class Report:
    """What a request led to, to be seen and to be kept."""

    tables: list[Table]
    """Table 1, Table 2, that by language and the matrix."""
    result: Result
    rows: list[Row] | None
    """The values of single queries, where they were asked for."""

    def write(self, folder: Path) -> None:
        """Write results.jsonl, tables.md and per_query.jsonl; ``OSError`` names the file."""
        write_results([self.result], folder / "results.jsonl")
        if self.rows is not None:
            write_rows(self.rows, folder / "per_query.jsonl")
        with written_whole(folder / "tables.md") as draft:
            text = "\n\n".join(table.markdown() for table in self.tables)
            draft.write_text(text + "\n", encoding="utf-8")


def report(request: Request, console: Console) -> Report:
    """Read, encode and rank.

    Args:
        request: what to score.
        console: where progress is shown, and warned of languages that do not meet.

    Raises:
        ValueError, TypeError, OSError, ImportError: data, a model or vectors that do not fit; no
            query that counts.
    """
    files = request.saved_files()  # now, and not when a large benchmark has been read
    rows: list[Row] = []
    with stages(console) as tell:
        tell("read the benchmark", 0, 0)
        benchmark = load_benchmark(request.benchmark, request.data, request.languages)
        tell("read the benchmark", 1, 1)
        if differences := BENCHMARKS[request.benchmark].differences(benchmark):
            warn(
                f"{benchmark.name} is not as it was published, so that its numbers cannot be "
                f"compared with others: {'; '.join(differences)}; fetch what is missing",
                console,
            )
        _check_counts(request, benchmark, console)

        def found(queries: NDArray[np.int64], evaluation: Evaluation) -> None:
            if request.per_query:
                rows.extend(query_rows(request.name, benchmark, queries, evaluation))

        result = _score(request, benchmark, files, tell, found)
    _warn_of_languages(benchmark, console)
    title = shown(benchmark.name)  # of a folder
    made = [
        *macro_tables([result], title, "model"),
        language_table(result, title),
    ]
    if result.matrix and not benchmark.monolingual:  # none of a measure for which nobody counts
        made.append(matrix_table(result, title))
    return Report(made, result, rows if request.per_query else None)


def _check_counts(request: Request, benchmark: Benchmark, console: Console) -> None:
    """Say, before anything is encoded, for which measures all queries would be skipped."""
    if request.empty != "skip":
        return
    measures = {str(each): each for each in parse_measures(request.asked)}
    without = [
        name
        for name, each in measures.items()
        if each.name != "Judged" and not (benchmark.grades >= each.rel).any()
    ]
    if len(without) == len(measures):
        raise ValueError(
            f"no query of {benchmark.name} has a candidate that the measures are about: ask for "
            "others, or count such queries by --empty zero"
        )
    if without:
        warn(
            f"no query of {benchmark.name} has a candidate that {', '.join(without)} is about, so "
            "it is in no table; --empty zero counts such queries",
            console,
        )


def _files(given: Path) -> list[Path]:
    """The file of vectors, or of a folder all of them, in the order of their numbers."""
    if not given.is_dir():
        if not given.is_file():
            raise FileNotFoundError(f"{given} is no file: check the path")
        return [given]
    # What begins with a dot is of the system, or a draft.
    found = in_order(
        path for path in given.glob("[!.]*") if path.suffix in VECTOR_FORMS and path.is_file()
    )
    forms = sorted({path.suffix for path in found})
    if not forms:
        raise FileNotFoundError(
            f"{given} has no file of vectors, no {' or '.join(VECTOR_FORMS)}: give the folder of "
            "the shards"
        )
    if len(forms) > 1:  # one beside the other is of something else, and would count
        raise ValueError(
            f"{given} has files of vectors as {' and as '.join(forms)}: leave those of one form "
            "there, or name each file"
        )
    check_shards(found, OF_ALL)
    return found


def _score(
    request: Request,
    benchmark: Benchmark,
    files: tuple[list[Path], list[Path]],
    tell: TellStage,
    found: TellFound,
) -> Result:
    options = Options(
        measures=request.asked,
        similarity=request.similarity or "cosine",
        empty=request.empty,
        spool_folder=request.spool_folder,
        tell=tell,
        found=found,
        checkpoint=request.checkpoint,
    )
    if request.model is None:
        return score_vectors(benchmark, *files, request.name, options)
    from hybridsampler.encoders import SentenceEncoder  # torch, which saved vectors do not need

    encoder = SentenceEncoder.open(
        request.model,
        device=request.device,
        query_prefix=request.query_prefix,
        candidate_prefix=request.candidate_prefix,
        batch_size=32 if request.batch_size is None else request.batch_size,
    )
    if request.similarity is None:
        options = replace(options, similarity=encoder.similarity)
    return score_encoder(benchmark, encoder, request.name, options)


def _warn_of_languages(benchmark: Benchmark, console: Console) -> None:
    """Say which queries have no candidate in their own language, which may be a spelling."""
    there = set(benchmark.candidate_languages)
    if alone := sorted(set(benchmark.query_languages) - there):
        warn(
            f"no candidate is in {', '.join(alone)}, the language of some queries, which thus "
            f"count in no monolingual mean; candidates are in {', '.join(sorted(there))}",
            console,
        )

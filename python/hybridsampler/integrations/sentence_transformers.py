"""An evaluator for sentence-transformers: a whole benchmark in all settings, by exact ranks."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from operator import index
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator

from hybridsampler.benchmarks import Benchmark
from hybridsampler.encoders import SentenceEncoder
from hybridsampler.evaluation import Setting
from hybridsampler.measures import Judgements, Measure, Policy, parse_measures
from hybridsampler.ranking import Similarity
from hybridsampler.refusals import check_judgements
from hybridsampler.results import Result
from hybridsampler.scoring import Options, score_encoder

RANK_DISTANCE = "rank_distance"
# Bytes of the longest name of a file that common file systems take.
_LONGEST_NAME = 255


class BenchmarkEvaluator(SentenceEvaluator):
    """Scores a model on a benchmark: monolingual, cross-lingual and multilingual, in one pass.

    Called as sentence-transformers calls its evaluators, alone or in a
    ``SentenceTransformerTrainer``. The metrics are macro means over languages, such as
    ``multilingual_AP``, and ``rank_distance``, all with ``name`` and an underscore before them;
    a measure is absent from settings in which no query of the benchmark counts, as
    :class:`hybridsampler.Evaluation` has it. Ranks are exact and over all candidates; nothing is
    cut off.

    For ``metric_for_best_model`` give :attr:`primary_metric`, before which the trainer puts
    ``"eval_"``, and with it :attr:`greater_is_better`, which is false for the rank distance.

    Args:
        benchmark: what to score.
        name: goes before the metrics and into the name of the file, which evaluators of other
            metrics cannot share.
        measures: as :class:`hybridsampler.measures.Measure` reads them.
        primary_metric: the one that checkpoints are chosen by, without the name. None: the first
            measure, multilingual, or monolingual where queries meet no other language.
        similarity: ``"cosine"`` or ``"dot"``; None: the model's own.
        query_prefix: as for :class:`SentenceEncoder`.
        candidate_prefix: as for :class:`SentenceEncoder`.
        batch_size: texts that go through the model at a time.
        empty: what becomes of a query without a relevant candidate, as for :func:`evaluate`.
        write_csv: append a line to a file in the ``output_path`` of each call.

    Raises:
        ValueError: a query without a relevant candidate, where ``empty`` is ``"error"``; no
            relevant candidate at all, or none of a grade that is asked for; an unknown measure or
            similarity; a batch size below 1; a primary metric that is not among the metrics; a name
            that no file can have, where one is written.
        TypeError: a batch size that is no whole number.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        name: str = "",
        *,
        measures: Sequence[str | Measure] = ("AP", "R@1", "R@10"),
        primary_metric: str | None = None,
        similarity: Similarity | None = None,
        query_prefix: str | None = None,
        candidate_prefix: str | None = None,
        batch_size: int = 32,
        empty: Policy = "error",
        write_csv: bool = True,
    ) -> None:
        """Check everything, so that a training does not end at its first evaluation."""
        super().__init__()  # type: ignore[no-untyped-call]
        if similarity is not None and similarity not in get_args(Similarity):
            raise ValueError(f"similarity={similarity!r}: choose 'cosine' or 'dot'")
        try:
            batch_size = index(batch_size)
        except TypeError as error:
            raise TypeError(
                f"batch_size={batch_size!r}: give a whole number of at least 1"
            ) from error
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: give at least 1")
        if not (benchmark.grades > 0).any():
            raise ValueError(f"{benchmark.name} has no relevant candidate: nothing can be scored")
        self.benchmark = benchmark
        self.name = name
        parsed = parse_measures(measures)
        check_judgements(benchmark.judged, len(benchmark.queries), parsed, empty)
        self.measures = tuple(map(str, parsed))
        self.empty: Policy = empty
        self.similarity = similarity
        self.prefixes = {"query_prefix": query_prefix, "candidate_prefix": candidate_prefix}
        self.batch_size = batch_size
        self.write_csv = write_csv
        self.metrics = _metrics(benchmark, parsed, empty)
        if not self.metrics:
            raise ValueError(
                f"{benchmark.name} has no candidate of a grade that counts for "
                f"{', '.join(self.measures)}: nothing can be scored, so lower rel="
            )
        widest = "monolingual" if benchmark.monolingual else "multilingual"
        primary = primary_metric or f"{widest}_{self.measures[0]}"
        if primary not in self.metrics:
            raise ValueError(f"primary_metric={primary!r}: choose one of {', '.join(self.metrics)}")
        self.primary_metric = f"{name}_{primary}" if name else primary
        self.greater_is_better = primary != RANK_DISTANCE
        self.csv_file = "_".join(filter(None, ["Benchmark_evaluation", name, "results.csv"]))
        if write_csv and Path(self.csv_file).name != self.csv_file:
            raise ValueError(
                f"name={name!r} would go into the name of the file of results: leave out '/', or "
                "give write_csv=False"
            )
        if write_csv and not _can_be_named(self.csv_file):
            raise ValueError(
                f"name={name!r} would go into the name of the file of results, which no file can "
                "have: give a shorter one of plain letters, or give write_csv=False"
            )
        self.last: Result | None = None
        """What the last call found, by language too."""

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Encode and rank; return the metrics.

        Raises:
            ValueError: a model whose similarity is neither cosine nor dot, where none was chosen;
                vectors that are not finite; a file of results with other columns.
            OSError: as the file system does.
        """
        path = None
        if output_path is not None and self.write_csv:
            path = Path(output_path) / self.csv_file
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_columns(path, self._columns)
        encoder = SentenceEncoder(model, batch_size=self.batch_size, **self.prefixes)
        similarity = self.similarity or encoder.similarity
        options = Options(measures=self.measures, similarity=similarity, empty=self.empty)
        self.last = result = score_encoder(self.benchmark, encoder, self.name, options)
        found = {
            f"{setting}_{measure}": value
            for setting, values in result.macro.items()
            for measure, value in values.items()
        }
        if result.rank_distance is not None:
            found[RANK_DISTANCE] = result.rank_distance
        if path is not None:
            self._append(path, [epoch, steps, *(found[name] for name in self.metrics)])
        metrics: dict[str, float] = self.prefix_name_to_metrics(found, self.name)
        self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    @property
    def description(self) -> str:
        """What a model card calls it."""
        return f"Retrieval on {self.benchmark.name}"

    def get_config_dict(self) -> dict[str, Any]:
        """Return what a model card tells of it."""
        given = {"similarity": self.similarity, **self.prefixes}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def _columns(self) -> list[str]:
        return ["epoch", "steps", *self.metrics]

    def _append(self, path: Path, values: Sequence[object]) -> None:
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not file.tell():
                writer.writerow(self._columns)
            elif not path.read_bytes().endswith(b"\n"):  # of a run that was killed
                file.write("\n")
            writer.writerow(values)


def _can_be_named(file: str) -> bool:
    try:
        encoded = os.fsencode(file)
    except UnicodeEncodeError:  # half of a character
        return False
    return b"\0" not in encoded and len(encoded) <= _LONGEST_NAME


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    """Refuse a file in which the lines to be written would stand under other names."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        there = next(csv.reader(file), columns)
    if there != columns:
        raise ValueError(
            f"{path} has the columns {','.join(there)} but this evaluator writes "
            f"{','.join(columns)}: give the evaluators different names, or move the file away"
        )


def _metrics(benchmark: Benchmark, measures: Sequence[Measure], empty: Policy) -> list[str]:
    """Name the means that there will be; :class:`hybridsampler.Evaluation` has the rules."""
    queries = len(benchmark.queries)
    asked = np.array(benchmark.query_languages, object)
    query = np.repeat(np.arange(queries), np.diff(benchmark.indptr))
    judged = [benchmark.candidate_languages[index] for index in benchmark.indices.tolist()]
    own, every = asked[query] == np.array(judged, object), np.ones(len(query), bool)
    there = {name for name, *_ in benchmark.runs()}
    # In each setting: which queries have a pool, which judgements are of candidates in one.
    settings: dict[Setting, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {
        "monolingual": (np.array([name in there for name in asked]), own)
    }
    if not benchmark.monolingual:
        others = np.array([bool(there - {name}) for name in asked])
        settings["cross_lingual"] = others, ~own
        settings["multilingual"] = np.ones(queries, bool), every

    def lacking(measure: Measure, at: NDArray[np.bool_]) -> NDArray[np.bool_]:
        grade = benchmark.grades[at]
        return measure.empty(Judgements(query[at], grade, np.zeros_like(grade), queries))

    found = [
        f"{setting}_{measure}"
        for setting, (pool, within) in settings.items()
        for measure in measures
        if (pool & ~lacking(measure, within)).any()
        or (empty == "zero" and (pool & lacking(measure, every)).any())
    ]
    biased = not benchmark.monolingual and len(there) > 1 and (benchmark.grades > 0).any()
    return [*found, RANK_DISTANCE] if biased else found

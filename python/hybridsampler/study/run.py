"""Run a study: every arm from the same initial weights, every encoder on the whole benchmark."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hybridsampler.benchmarks import BENCHMARKS, Benchmark, load_xquad_r
from hybridsampler.encoders import NgramEncoder
from hybridsampler.encoders.ngram import Bag
from hybridsampler.evaluation import evaluate
from hybridsampler.files import written_whole
from hybridsampler.pairs import PairDataset
from hybridsampler.plan import BatchPlan
from hybridsampler.results import Result, write_results
from hybridsampler.study.config import Arm, StudyConfig
from hybridsampler.study.data import TrainingData, read_training_data
from hybridsampler.study.figure import draw
from hybridsampler.study.mixes import plan_of
from hybridsampler.study.report import write_report
from hybridsampler.tables import Table, comparison_tables, macro_tables
from hybridsampler.train import Training, train

BENCHMARK_TITLES = {"xquad-r": "XQuAD-R"}
MEASURES = BENCHMARKS["xquad-r"].measures


@dataclass
class _Clock:
    """Seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def run_study(config: StudyConfig, base: Path, folder: Path, console: Console) -> list[Table]:
    """Train and evaluate every arm, and write results, tables, figure and page into ``folder``.

    Args:
        config: what to compare.
        base: folder that the paths of ``config`` are relative to.
        folder: where to write; it must exist.
        console: where progress is shown.

    Returns:
        The tables, accuracy and language bias first.

    Raises:
        FileNotFoundError, ValueError: data or settings that do not fit.
        OSError: a file that cannot be written.
    """
    torch.set_num_threads(config.training.threads)
    torch.use_deterministic_algorithms(True)
    clock = _Clock()
    with _progress(console) as progress:
        with clock.measure("read"), _stage(progress, "read the data"):
            data = read_training_data(config.data, base)
            benchmark = _benchmark(base / config.benchmark.folder)
            plans = {arm.name: plan_of(arm, data, config) for arm in config.mix}
        with clock.measure("hash"), _stage(progress, "hash the n-grams"):
            encoder = _encoder(config)
            texts = _Texts.of(encoder, data, benchmark)
        with clock.measure("evaluate"), _stage(progress, "evaluate untrained"):
            results = [_evaluate("untrained", 0, encoder, texts, benchmark)]
        for arm in config.mix:
            encoder = _encoder(config)
            with clock.measure("train"):
                _train(encoder, texts, plans[arm.name], arm, config, folder, progress)
            with clock.measure("evaluate"), _stage(progress, f"evaluate {arm.name}"):
                steps = config.training.steps
                results.append(_evaluate(arm.name, steps, encoder, texts, benchmark))
    title = BENCHMARK_TITLES[config.benchmark.name]
    made = [
        *macro_tables(results, title, "batches"),
        *comparison_tables(results, title, "batches"),
    ]
    write_results(results, folder / "results.jsonl")
    with written_whole(folder / "tables.md") as draft:
        draft.write_text("\n\n".join(table.markdown() for table in made) + "\n", encoding="utf-8")
    draw(results, title, folder / "figure.svg")
    facts = _facts(config, data, benchmark, clock)
    with written_whole(folder / "run.json") as draft:
        draft.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    write_report(
        folder / "index.html",
        title=config.title,
        figure=folder / "figure.svg",
        tables=made,
        results=results,
        facts=facts,
    )
    return made


@dataclass(frozen=True, slots=True)
class _Texts:
    """All texts of the study, hashed once."""

    train: PairDataset
    depends_on: dict[str, str]
    """What a checkpoint has to agree with, beyond what the training loop sees."""
    queries: list[Bag]
    candidates: list[Bag]

    @classmethod
    def of(cls, encoder: NgramEncoder, data: TrainingData, benchmark: Benchmark) -> _Texts:
        rows = zip(encoder.hash(data.queries), encoder.hash(data.passages), strict=True)
        return cls(
            train=PairDataset(list(rows), data.corpus),
            depends_on={"training texts": data.digest},
            queries=encoder.hash(benchmark.queries),
            candidates=encoder.hash(list(benchmark.candidates)),
        )


def _benchmark(folder: Path) -> Benchmark:
    benchmark = load_xquad_r(folder)
    if len(benchmark.languages) < 2:
        raise ValueError(f"{folder} holds {benchmark.languages[0]} alone: give two languages")
    return benchmark


def _encoder(config: StudyConfig) -> NgramEncoder:
    choice = config.encoder
    return NgramEncoder(
        buckets=choice.buckets,
        dimension=choice.dimension,
        shortest=choice.shortest,
        longest=choice.longest,
        seed=config.training.seed,
    )


def _train(
    encoder: NgramEncoder,
    texts: _Texts,
    plan: BatchPlan,
    arm: Arm,
    config: StudyConfig,
    folder: Path,
    progress: Progress,
) -> None:
    choice = config.training
    checkpoint = None
    if choice.checkpoint_every is not None:
        number = config.mix.index(arm) + 1
        checkpoint = folder / f"checkpoint-{number}.safetensors"
    task = progress.add_task(f"train {arm.name}", total=choice.steps)
    train(
        encoder,
        texts.train,
        plan,
        torch.optim.SGD(encoder.parameters(), lr=choice.learning_rate),
        Training(
            steps=choice.steps,
            temperature=choice.temperature,
            checkpoint=checkpoint,
            checkpoint_every=choice.checkpoint_every or choice.steps,
        ),
        on_step=lambda step, loss: progress.update(
            task, completed=step, description=f"train {arm.name}, loss {loss:.3f}"
        ),
        depends_on=texts.depends_on | {"threads": choice.threads},
    )


def _evaluate(
    arm: str, steps: int, encoder: NgramEncoder, texts: _Texts, benchmark: Benchmark
) -> Result:
    encoder.eval()
    found = evaluate(
        encoder.encode(texts.queries),
        encoder.encode(texts.candidates),
        (benchmark.indptr, benchmark.indices),
        query_languages=benchmark.query_languages,
        candidate_languages=benchmark.candidate_languages,
        measures=MEASURES,
        similarity="cosine",
    )
    return Result.of(arm, steps, found)


def _facts(
    config: StudyConfig, data: TrainingData, benchmark: Benchmark, clock: _Clock
) -> dict[str, str]:
    choice, sizes = config.training, (len(benchmark.queries), len(benchmark.candidates))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {choice.threads} threads",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("hybridsampler", "torch")),
        "training data": f"{len(data.corpus):,} rows, {', '.join(data.corpus.sources)}",
        "benchmark": "{:,} queries, {:,} candidates".format(*sizes),
        "training": f"{choice.steps:,} steps of {choice.batch_size} pairs, seed {choice.seed}",
        **{f"seconds: {name}": f"{spent:.1f}" for name, spent in clock.seconds.items()},
        **_peak_memory(),
    }


def _peak_memory() -> dict[str, str]:
    try:
        import resource
    except ModuleNotFoundError:  # Windows has none: what is not measured is absent
        return {}
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"peak memory": f"{peak / 2**20:,.0f} MiB"}


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def _stage(progress: Progress, name: str) -> Iterator[None]:
    task = progress.add_task(name, total=None)
    yield
    progress.update(task, total=1, completed=1)

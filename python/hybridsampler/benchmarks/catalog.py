"""The benchmarks by name, as the command line and configurations have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.miracl import PUBLISHED, load_miracl
from hybridsampler.benchmarks.mlqa_r import load_mlqa_r
from hybridsampler.benchmarks.mr_tydi import load_mr_tydi
from hybridsampler.benchmarks.plain import load_plain
from hybridsampler.benchmarks.xquad_r import load_xquad_r


@dataclass(frozen=True, slots=True)
class Entry:
    """How a benchmark is read, and the measures it is usually reported with."""

    load: Callable[[Any, Iterable[str] | None], Benchmark]
    measures: tuple[str, ...]
    on_the_hub: bool = False
    """Whether there are data sets of the hub to read where no source is given."""
    published: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By language, how many queries and candidates were published, where a folder may lack some."""

    def differences(self, benchmark: Benchmark) -> list[str]:
        """Say, language by language, where there are more or fewer than were published."""
        queries, candidates = Counter(benchmark.query_languages), Counter[str]()
        for language, start, stop in benchmark.runs():
            candidates[language] += stop - start
        return [
            f"{language} has {queries[language]:,} queries of {asked:,} and "
            f"{candidates[language]:,} candidates of {there:,}"
            for language, (asked, there) in self.published.items()
            if language in queries and (queries[language], candidates[language]) != (asked, there)
        ]


def _plain(source: str | Path, languages: Iterable[str] | None) -> Benchmark:
    if languages is not None:
        raise ValueError("a plain benchmark is read whole: leave the languages out")
    return load_plain(source)


LAREQA_MEASURES = ("AP", "R@1", "R@10")
BENCHMARKS: dict[str, Entry] = {
    "xquad-r": Entry(load_xquad_r, LAREQA_MEASURES),
    "mlqa-r": Entry(load_mlqa_r, LAREQA_MEASURES),
    "miracl": Entry(load_miracl, ("nDCG@10", "R@100"), on_the_hub=True, published=PUBLISHED),
    "mr-tydi": Entry(load_mr_tydi, ("nDCG@10", "RR@100", "R@100"), on_the_hub=True),
    "plain": Entry(_plain, LAREQA_MEASURES),
}


def load_benchmark(
    name: str, source: str | Path | None = None, languages: Iterable[str] | None = None
) -> Benchmark:
    """Read a benchmark by name: xquad-r, mlqa-r, miracl, mr-tydi or plain.

    Args:
        name: which.
        source: its folder, or `owner/name` of a data set of the hub in its layout. None, for
            MIRACL and Mr. TyDi alone: their data sets of the hub.
        languages: which to read; None: all.

    Raises:
        ValueError: an unknown name; no source where one is needed; languages of a plain benchmark;
            and what the loader refuses.
        FileNotFoundError, OSError, ImportError: as the loader.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"unknown benchmark {name!r}: choose from {', '.join(BENCHMARKS)}")
    if source is None and not BENCHMARKS[name].on_the_hub:
        raise ValueError(
            f"{name} has no data set of its own on the hub: give its folder, on the command line "
            "with --data"
        )
    return BENCHMARKS[name].load(source, languages)

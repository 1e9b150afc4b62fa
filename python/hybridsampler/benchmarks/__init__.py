"""Retrieval benchmarks: a folder becomes queries, candidates and their relevance."""

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.catalog import BENCHMARKS, load_benchmark
from hybridsampler.benchmarks.miracl import load_miracl
from hybridsampler.benchmarks.mlqa_r import load_mlqa_r
from hybridsampler.benchmarks.mr_tydi import load_mr_tydi
from hybridsampler.benchmarks.plain import load_plain
from hybridsampler.benchmarks.xquad_r import load_xquad_r

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "load_benchmark",
    "load_miracl",
    "load_mlqa_r",
    "load_mr_tydi",
    "load_plain",
    "load_xquad_r",
]

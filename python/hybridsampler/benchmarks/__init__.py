"""Retrieval benchmarks: a folder becomes queries, candidates and their relevance."""

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.xquad_r import load_xquad_r

__all__ = ["Benchmark", "load_xquad_r"]

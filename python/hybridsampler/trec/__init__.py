"""Runs and qrels, as TREC and its tools write them, and measures from them."""

from hybridsampler._core import Qrels, Run
from hybridsampler.measures import Policy
from hybridsampler.trec.scores import RunScores, ScoreType, Ties, score_run
from hybridsampler.trec.sources import Source, read_qrels, read_run

__all__ = [
    "Policy",
    "Qrels",
    "Run",
    "RunScores",
    "ScoreType",
    "Source",
    "Ties",
    "read_qrels",
    "read_run",
    "score_run",
]

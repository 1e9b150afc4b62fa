"""Hybrid batches and exact ranking for multilingual dense retrievers."""

from hybridsampler.corpus import ParallelCorpus
from hybridsampler.evaluation import Evaluation, evaluate
from hybridsampler.mix import Mix
from hybridsampler.pairs import PairDataset
from hybridsampler.plan import BatchPlan
from hybridsampler.ranking import RankCounter
from hybridsampler.sampler import HybridBatchSampler
from hybridsampler.trec import RunScores, score_run

__all__ = [
    "BatchPlan",
    "Evaluation",
    "HybridBatchSampler",
    "Mix",
    "PairDataset",
    "ParallelCorpus",
    "RankCounter",
    "RunScores",
    "evaluate",
    "score_run",
]

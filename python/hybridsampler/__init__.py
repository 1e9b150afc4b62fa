"""Hybrid batches and exact ranking for multilingual dense retrievers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridsampler.corpus import ParallelCorpus
    from hybridsampler.evaluation import Evaluation, evaluate
    from hybridsampler.mix import Mix
    from hybridsampler.pairs import PairDataset
    from hybridsampler.plan import BatchPlan
    from hybridsampler.ranking import RankCounter
    from hybridsampler.sampler import HybridBatchSampler
    from hybridsampler.trec import RunScores, score_run

    __version__: str
else:
    # Each name comes with its room when it is first used: who makes batches does not wait for what
    # ranks, and the command line for neither.
    _ROOMS = {
        "BatchPlan": "plan",
        "Evaluation": "evaluation",
        "HybridBatchSampler": "sampler",
        "Mix": "mix",
        "PairDataset": "pairs",
        "ParallelCorpus": "corpus",
        "RankCounter": "ranking",
        "RunScores": "trec",
        "evaluate": "evaluation",
        "score_run": "trec",
    }
    # Rooms whose names the pages hold, so that people try hybridsampler.significance.compare.
    _NAMED = (
        *("benchmarks", "candidates", "distributed", "encoders"),
        *("integrations", "results", "scoring", "significance"),
    )

    def __getattr__(name):
        from importlib import import_module

        if name in _ROOMS.values() or name in _NAMED:
            return import_module(f"{__name__}.{name}")
        if name == "__version__":
            value = globals()[name] = import_module("importlib.metadata").version(__name__)
            return value
        if name not in _ROOMS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "BatchPlan",
    "Evaluation",
    "HybridBatchSampler",
    "Mix",
    "PairDataset",
    "ParallelCorpus",
    "RankCounter",
    "RunScores",
    "__version__",
    "evaluate",
    "score_run",
]

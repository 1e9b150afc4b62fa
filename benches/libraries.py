"""The libraries that measure rankings, each made to rank by the same embeddings; see scorers.py."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, cast

import numpy as np

from embeddings import Work
from scorers import (
    Numpy,
    NumpyArgsort,
    NumpyCount,
    NumpyProduct,
    NumpyProductAvx2,
    NumpyProductChosen,
    NumpyProductInBlocks,
    Ours,
    OursAvx2,
    OursAvxVnni,
    Scorer,
    Torch,
    TorchProduct,
    TorchSort,
    mean,
    mean_ap,
    ranks_in,
)

DEPTH = 1000
"""How deep sentence-transformers is asked to look."""


class Faiss(Scorer):
    name, package, note = "faiss IndexFlatIP", "faiss-cpu", "k is all candidates"

    def __init__(self, threads: int) -> None:
        import faiss

        super().__init__(threads)
        self._faiss: Any = faiss
        faiss.omp_set_num_threads(threads)

    def run(self) -> float:
        index = self._faiss.IndexFlatIP(self.work.candidates.shape[1])
        index.add(self.work.candidates)
        return mean_ap(
            ranks_in(
                index.search(self.work.queries[block], len(self.work.candidates))[1],
                self.work.relevant[block],
            )
            for block in self.blocks()
        )


class Sklearn(Numpy):
    name, package = "scikit-learn", "scikit-learn"
    note = "average_precision_score, query by query"

    def __init__(self, threads: int) -> None:
        from sklearn.metrics import average_precision_score

        super().__init__(threads)
        self._average_precision: Any = average_precision_score

    def run(self) -> float:
        values = []
        for block, scores in self.scores():
            for relevant, row in zip(self.work.relevant[block], scores, strict=True):
                truth = np.zeros(len(row), np.bool_)
                truth[relevant] = True
                values.append(float(self._average_precision(truth, row)))
        return mean(values)


class SklearnLabels(Numpy):
    """The mean average precision of rows of labels, which is that of queries: its faster way."""

    name, package = "scikit-learn, labels", "scikit-learn"
    note = "label_ranking_average_precision_score, block by block"

    def __init__(self, threads: int) -> None:
        from sklearn.metrics import label_ranking_average_precision_score

        super().__init__(threads)
        self._mean_precision: Any = label_ranking_average_precision_score

    def run(self) -> float:
        sums = []
        for block, scores in self.scores():
            truth = np.zeros(scores.shape, np.bool_)
            np.put_along_axis(truth, self.work.relevant[block], True, axis=1)
            sums.append(float(self._mean_precision(truth, scores)) * len(scores))
        return math.fsum(sums) / self.queries


class Torchmetrics(Torch):
    name, package = "torchmetrics", "torchmetrics"
    note = "RetrievalMAP: takes who scores 0 or less for irrelevant"

    def __init__(self, threads: int) -> None:
        from torchmetrics.retrieval import RetrievalMAP

        super().__init__(threads)
        self._metric_of = RetrievalMAP

    def run(self) -> float:
        metric = self._metric_of()
        for block in self.blocks():
            scores = self.scores(block)
            truth = self._torch.zeros(scores.shape, dtype=self._torch.bool)
            truth.scatter_(1, self._relevant[block], True)
            numbers = self._torch.arange(block.start, block.stop)[:, None].expand_as(scores)
            metric.update(scores.reshape(-1), truth.reshape(-1), numbers.reshape(-1))
        return float(metric.compute())


class TorchmetricsFunction(Torch):
    """Who keeps no scores needs no sort by query: its faster way, and its smaller."""

    name, package = "torchmetrics, function", "torchmetrics"
    note = "retrieval_average_precision: takes who scores 0 or less for irrelevant"

    def __init__(self, threads: int) -> None:
        from torchmetrics.functional.retrieval import retrieval_average_precision

        super().__init__(threads)
        self._average_precision = retrieval_average_precision

    def run(self) -> float:
        values: list[float] = []
        for block in self.blocks():
            scores = self.scores(block)
            truth = self._torch.zeros(scores.shape, dtype=self._torch.bool)
            truth.scatter_(1, self._relevant[block], True)
            rows = zip(scores, truth, strict=True)
            values += [float(self._average_precision(row, own)) for row, own in rows]
        return mean(values)


Grades = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]


class _Runs(Numpy):
    """Who takes runs: block by block as dicts of scores by query and candidate."""

    def give(self, work: Work) -> None:
        super().give(work)
        # Of one length, or ranx compiles anew.
        self._ids = [f"d{number:07}" for number in range(len(work.candidates))]
        self._qrels = {
            f"q{query:07}": {self._ids[candidate]: 1 for candidate in relevant}
            for query, relevant in enumerate(work.relevant.tolist())
        }

    def run(self) -> float:
        values: list[float] = []
        for block, scores in self.scores():
            queries = [f"q{query:07}" for query in range(block.start, block.stop)]
            rows = zip(queries, scores, strict=True)
            found = {query: dict(zip(self._ids, row.tolist(), strict=True)) for query, row in rows}
            values += self.average_precisions(
                {query: self._qrels[query] for query in queries}, found
            )
        return mean(values)

    @abstractmethod
    def average_precisions(self, qrels: Grades, run: Run) -> list[float]: ...


class PytrecEval(_Runs):
    name, package, note = "pytrec_eval", "pytrec_eval-terrier", "from dicts"

    def __init__(self, threads: int) -> None:
        import pytrec_eval

        super().__init__(threads)
        self._evaluator_of: Any = pytrec_eval.RelevanceEvaluator

    def average_precisions(self, qrels: Grades, run: Run) -> list[float]:
        found = self._evaluator_of(qrels, {"map"}).evaluate(run)
        return [values["map"] for values in found.values()]


class IrMeasures(_Runs):
    name, package, note = "ir_measures", "ir_measures", "from dicts"

    def __init__(self, threads: int) -> None:
        import ir_measures

        super().__init__(threads)
        self._module: Any = ir_measures

    def average_precisions(self, qrels: Grades, run: Run) -> list[float]:
        found = self._module.iter_calc([self._module.AP], qrels, run)
        return [metric.value for metric in found]


class Ranx(_Runs):
    name, package, note = "ranx", "ranx", "from dicts; compiled before"

    def __init__(self, threads: int) -> None:
        import ranx

        super().__init__(threads)
        self._module: Any = ranx

    def average_precisions(self, qrels: Grades, run: Run) -> list[float]:
        found = self._module.evaluate(
            self._module.Qrels(qrels), self._module.Run(run), "map", return_mean=False
        )
        return cast("list[float]", found.tolist())


class RanxArrays(Numpy):
    """Given arrays it makes no dicts of its own; it wants them in order of the scores."""

    name, package, note = "ranx, arrays", "ranx", "numbers in place of ids; compiled before"

    def __init__(self, threads: int) -> None:
        import ranx

        super().__init__(threads)
        self._module: Any = ranx

    def give(self, work: Work) -> None:
        super().give(work)
        self._qrels = np.stack([work.relevant, np.ones_like(work.relevant)], axis=2).astype(float)

    def run(self) -> float:
        values: list[float] = []
        for block, scores in self.scores():
            order = np.argsort(-scores, axis=1)
            run = np.empty((*scores.shape, 2))
            run[:, :, 0], run[:, :, 1] = order, np.take_along_axis(scores, order, axis=1)
            found = self._module.evaluate(self._qrels[block], run, "map", return_mean=False)
            values += found.tolist()
        return mean(values)


class SentenceTransformers(Torch):
    name, package = "sentence-transformers", "sentence-transformers"
    note = f"InformationRetrievalEvaluator: MAP@{DEPTH}"

    def __init__(self, threads: int) -> None:
        from sentence_transformers.sentence_transformer.evaluation import (
            InformationRetrievalEvaluator,
        )
        from sentence_transformers.util import dot_score

        super().__init__(threads)
        self._evaluator_of: Any = InformationRetrievalEvaluator
        self._dot_score = dot_score

    def run(self) -> float:
        queries = [f"q{number}" for number in range(self.queries)]
        candidates = [f"d{number}" for number in range(len(self.work.candidates))]
        evaluator = self._evaluator_of(
            dict.fromkeys(queries, ""),
            dict.fromkeys(candidates, ""),
            {
                query: {candidates[one] for one in relevant}
                for query, relevant in zip(queries, self.work.relevant.tolist(), strict=False)
            },
            mrr_at_k=[1],
            ndcg_at_k=[1],
            accuracy_at_k=[1],
            precision_recall_at_k=[1],
            map_at_k=[DEPTH],
            score_functions={"dot": self._dot_score},
        )
        return float(evaluator.compute_all_metrics(self)["dot"]["map@k"][DEPTH])

    # The evaluator's model: it has encoded before.
    def encode_query(self, _: Any, **_options: Any) -> Any:
        return self._queries[: self.queries]

    def encode_document(self, _: Any, **_options: Any) -> Any:
        return self._candidates


SCORERS: tuple[type[Scorer], ...] = (
    Ours,
    OursAvxVnni,
    OursAvx2,
    NumpyProduct,
    NumpyProductInBlocks,
    NumpyProductChosen,
    NumpyProductAvx2,
    TorchProduct,
    NumpyCount,
    NumpyArgsort,
    TorchSort,
    Faiss,
    Sklearn,
    SklearnLabels,
    SentenceTransformers,
    Torchmetrics,
    TorchmetricsFunction,
    PytrecEval,
    IrMeasures,
    Ranx,
    RanxArrays,
)

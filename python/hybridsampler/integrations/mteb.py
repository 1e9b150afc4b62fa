"""mteb: its scoring function with exact values, and a search backend whose ranking is exact.

To score with ours inside mteb, put it where mteb's evaluator looks it up::

    import mteb._evaluators.retrieval_evaluator as evaluator
    from hybridsampler.integrations.mteb import calculate_retrieval_scores

    evaluator.calculate_retrieval_scores = calculate_retrieval_scores

and to search with ours, wrap the model::

    from mteb.models.search_wrappers import SearchEncoderWrapper
    from hybridsampler.integrations.mteb import ExactIndex

    mteb.evaluate(SearchEncoderWrapper(model, index_backend=ExactIndex()), task)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any, get_args

import numpy as np
from mteb._evaluators.retrieval_metrics import evaluate_abstention
from mteb.types import RetrievalEvaluationResult
from numpy.typing import NDArray

from hybridsampler.ranking import Similarity
from hybridsampler.trec import read_run, score_run
from hybridsampler.vectors import as_rows

# Documents that are widened at a time, and products that are held.
_ROWS = 8192
_PRODUCTS = 1 << 24

Run = Mapping[str, Mapping[str, float]]

# mteb's name of each measure, that of trec_eval in `all_scores`, and ours.
_MEASURES = {
    "NDCG": ("ndcg_cut", "nDCG"),
    "MAP": ("map_cut", "AP"),
    "Recall": ("recall", "R"),
    "P": ("P", "P"),
    "HitRate": ("success", "Success"),
    "MRR": (None, "RR"),
}


def calculate_retrieval_scores(
    results: Run,
    qrels: Mapping[str, Mapping[str, int]],
    k_values: Sequence[int],
    skip_first_result: bool = False,
) -> RetrievalEvaluationResult:
    """Measure a run as mteb's function of this name does, and return what it returns.

    Scores are compared as float64 and means are not rounded; mteb rounds scores to float32, which
    makes ties, and most means to five decimals. Ties go by document id descending, as in trec_eval.
    A query without a relevant document counts with 0, as in mteb. Both see no more of a ranking
    than the run holds: mteb cuts it at the task's `top_k`.

    Args:
        results: score by query and document.
        qrels: grade by query and document; queries that `results` lacks are left out.
        k_values: cutoffs.
        skip_first_result: leave out the first document of each query, as where it is the query; of
            equal ones that with the highest id, where mteb's takes the first of the dictionary.

    Raises:
        ValueError: no query; no cutoff, or one below 1; a query without judgements; a score that is
            not finite; a grade below 0.
        TypeError: a score or a grade that is no number.
    """
    if not results:
        raise ValueError("results is empty: there is no query to measure")
    if not k_values:
        raise ValueError("k_values is empty: name at least one cutoff, such as 10")
    if skip_first_result:  # what is no score may be left out below, or stand in the way
        read_run({query: dict(documents) for query, documents in results.items()})
    run, judged = {}, {}
    for query, documents in results.items():
        if query not in qrels:
            raise ValueError(f"query {query!r} has no judgements: leave it out of the results")
        run[query] = _without_first(documents) if skip_first_result else dict(documents)
        judged[query] = dict(qrels[query])
    names = {
        f"{name}@{k}": f"{ours}@{k}" for name, (_, ours) in _MEASURES.items() for k in k_values
    }
    measured = score_run(run, judged, list(names.values()))
    lists = {name: measured.per_query(ours).tolist() for name, ours in names.items()}
    means = {name: measured[ours] for name, ours in names.items()}
    scores: dict[str, dict[str, float]] = {query: {} for query in results}
    for name, (theirs, _) in _MEASURES.items():
        for k in k_values if theirs is not None else ():
            for query, value in zip(results, lists[f"{name}@{k}"], strict=True):
                scores[query][f"{theirs}_{k}"] = value

    def only(*names: str, of: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{name}@{k}": of[f"{name}@{k}"] for name in names for k in k_values}

    return RetrievalEvaluationResult(
        all_scores=scores,
        ndcg=only("NDCG", of=means),
        map=only("MAP", of=means),
        recall=only("Recall", of=means),
        precision=only("P", of=means),
        naucs=evaluate_abstention(run, only("NDCG", "MAP", "Recall", "P", of=lists)),
        mrr=only("MRR", of=means),
        naucs_mrr=evaluate_abstention(run, only("MRR", of=lists)),
        hit_rate=only("HitRate", of=means),
    )


def _without_first(run: Mapping[str, float]) -> dict[str, float]:
    first = max(run, key=lambda document: (run[document], document), default=None)
    return {document: score for document, score in run.items() if document != first}


class ExactIndex:
    """A backend for mteb's `SearchEncoderWrapper`: the first k documents in the exact order.

    The score is :class:`RankCounter`'s, with the same bits on any machine; equal scores go by
    document id descending. A float64 product screens, within its proven error, and what can be
    among the first k gets the score. mteb clears the index after each search; after a task that
    failed its documents stay, and would be searched with those of the next: then clear it yourself.

    Args:
        similarity: ``"cosine"`` or ``"dot"``; the function that mteb passes is not used.
    """

    def __init__(self, similarity: Similarity = "cosine") -> None:
        """Begin without documents."""
        if similarity not in get_args(Similarity):
            raise ValueError(f"similarity={similarity!r}: choose 'cosine' or 'dot'")
        self._similarity = similarity
        self.clear()

    def add_documents(self, embeddings: Any, idxs: Sequence[str]) -> None:
        """Take over (n, d) vectors and their n ids.

        Raises:
            ValueError: numbers or dimensions that differ, NaN or infinity, an id that comes twice;
                TypeError: another type of vectors, an id that is no text. Nothing is taken over.
        """
        rows = self._rows("embeddings", embeddings)
        if len(rows) != len(idxs):
            raise ValueError(f"there are {len(rows)} embeddings for {len(idxs)} ids: give one each")
        if self._parts:
            self._check_dimension(rows)
        places: dict[str, int] = {}
        for place, document in enumerate(idxs, len(self._places)):
            if not isinstance(document, str):  # they order equal scores
                raise TypeError(f"an id is {document!r}: give ids as str")
            if document in self._places or places.setdefault(document, place) != place:
                raise ValueError(
                    f"id {document!r} comes twice: give each document its own, and clear() before "
                    "another corpus"
                )
        self._parts.append(rows)
        self._places |= places

    def clear(self) -> None:
        """Forget all documents."""
        self._parts: list[NDArray[np.float32]] = []
        self._places: dict[str, int] = {}

    def search(
        self,
        embeddings: Any,
        top_k: int,
        similarity_fn: Callable[[Any, Any], Any] | None = None,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        query_idx_to_id: Mapping[int, str] | None = None,
    ) -> tuple[list[list[float]], list[list[int]]]:
        """Return the scores and the places of the first `top_k` documents of each query.

        Args:
            embeddings: (Q, d) vectors of the queries.
            top_k: how many, 1 or more.
            similarity_fn: not used; see the class.
            top_ranked: the documents to rank for each query, in place of all; places then are those
                in its lists, of a document that comes twice the first.
            query_idx_to_id: which query each row is; only needed with `top_ranked`.

        Raises:
            ValueError: no documents, another dimension than theirs, NaN or infinity, a `top_k`
                below 1, `top_ranked` without `query_idx_to_id` for each query or with a document
                that the index lacks; TypeError: another type of vectors, a `top_k` that is no whole
                number.
        """
        if not self._parts:
            raise ValueError("the index is empty: add_documents comes before search")
        try:
            top_k = index(top_k)
        except TypeError as error:
            raise TypeError(f"top_k={top_k!r}: give a whole number, as int") from error
        if top_k < 1:
            raise ValueError(f"top_k={top_k}: ask for 1 or more documents")
        queries = self._rows("embeddings", embeddings)
        self._check_dimension(queries)
        documents = np.concatenate(self._parts)
        # How the ids go down: the order of equal scores.
        order = np.empty(len(self._places), np.int64)
        ids = list(self._places)
        down = sorted(range(len(order)), key=ids.__getitem__, reverse=True)
        order[down] = np.arange(len(order))
        if top_ranked is None:
            found = _search(queries, documents, top_k, order)
        elif query_idx_to_id is None:
            raise ValueError("top_ranked needs query_idx_to_id: which query is each row?")
        else:
            found = []
            for row, query in enumerate(queries):
                if row not in query_idx_to_id:
                    raise ValueError(
                        f"query_idx_to_id lacks query {row}: name each of the {len(queries)}"
                    )
                name = query_idx_to_id[row]
                listed, chosen = self._chosen(name, top_ranked.get(name, ()))
                ((scores, places),) = _search(query[None], documents[chosen], top_k, order[chosen])
                found.append((scores, listed[places].tolist()))
        return [scores for scores, _ in found], [places for _, places in found]

    def _chosen(
        self, query: str, documents: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The places of documents in the list, where they come first, and in the index."""
        first: dict[str, int] = {}
        for place, document in enumerate(documents):
            if document not in self._places:
                raise ValueError(
                    f"top_ranked names {document!r} for query {query!r}, which is no document of "
                    "the index: add it, or leave it out"
                )
            first.setdefault(document, place)
        places = [self._places[document] for document in first]
        return np.array(list(first.values()), np.int64), np.array(places, np.int64)

    def _check_dimension(self, rows: NDArray[np.float32]) -> None:
        if rows.shape[1] != self._parts[0].shape[1]:
            raise ValueError(
                f"embeddings has dimension {rows.shape[1]} but the documents have "
                f"{self._parts[0].shape[1]}: encode all with one model"
            )

    def _rows(self, name: str, values: Any) -> NDArray[np.float32]:
        rows = as_rows(name, values).astype(np.float32)
        if not np.isfinite(rows).all():
            row = int(np.argmin(np.isfinite(rows).all(axis=1)))
            raise ValueError(f"{name}: row {row} holds NaN or infinity")
        if self._similarity == "dot":
            return rows
        norms = np.sqrt(_dots(rows, rows))[:, None]
        return np.divide(rows, norms, where=norms > 0, out=np.zeros(rows.shape)).astype(np.float32)


def _search(
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    top_k: int,
    order: NDArray[np.int64],
) -> list[tuple[list[float], list[int]]]:
    """The scores and places of the first documents of each query."""
    count = min(top_k, len(documents))
    if not count:
        return [([], []) for _ in queries]
    wide = queries.astype(np.float64)
    starts = range(0, len(documents), _ROWS)
    norms = np.concatenate([_norms(documents[start : start + _ROWS]) for start in starts])
    # Products of float32 are exact in float64. In whatever order d of them are added, the sum is
    # off by at most d u / (1 - d u) times the product of the norms (Higham 2002, section 3.1), here
    # and in the score: 4 d u times what was computed of the norms is more than both together.
    share = 4 * queries.shape[1] * 2.0**-53
    found = []
    step = max(1, _PRODUCTS // len(documents))
    for first in range(0, len(queries), step):
        block = wide[first : first + step]
        parts = [block @ documents[start : start + _ROWS].astype(np.float64).T for start in starts]
        products = np.concatenate(parts, axis=1)
        errors = share * np.outer(_norms(queries[first : first + step]), norms)
        for query, product, error in zip(queries[first:], products, errors, strict=False):
            least = np.partition(product - error, len(product) - count)[len(product) - count]
            near = np.flatnonzero(product + error >= least)
            scores = _dots(np.broadcast_to(query, (len(near), len(query))), documents[near])
            chosen = np.lexsort((order[near], -scores))[:count]
            # NumPy's floats are Python's too, and what mteb makes of them stays float64.
            found.append((list(scores[chosen]), near[chosen].tolist()))
    return found


def _norms(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    norms: NDArray[np.float64] = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
    return norms


def _dots(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """The score of rows with rows: 32 lanes in order, then halves of them; see docs/scorer.md."""
    lanes = np.zeros((len(left), 32))
    for start in range(0, left.shape[1], 32):
        part = slice(start, start + 32)
        products = left[:, part].astype(np.float64) * right[:, part]
        lanes[:, : products.shape[1]] += products
    for width in (16, 8, 4, 2, 1):
        lanes = lanes[:, :width] + lanes[:, width : 2 * width]
    return lanes[:, 0]

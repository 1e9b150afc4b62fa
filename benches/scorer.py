"""Exact mAP over the full ranking from embeddings: ours against numpy, on the same vectors.

    python benches/scorer.py [--queries 2000] [--candidates 13000] [--dimension 768]

The vectors are Gaussian; every query has 11 relevant candidates. numpy counts float32 scores of its
own matrix product, whose last bits depend on its blocks; ours scores in float64 in a defined order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridsampler import evaluate
from peers import parser, report, timed

RELEVANT = 11
BLOCK = 250


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--queries", type=int, default=2000)
    words.add_argument("--candidates", type=int, default=13000)
    words.add_argument("--dimension", type=int, default=768)
    arguments = words.parse_args()
    random = np.random.default_rng(0)
    shape = (arguments.queries, arguments.dimension)
    queries = random.standard_normal(shape, np.float32)
    candidates = random.standard_normal((arguments.candidates, arguments.dimension), np.float32)
    relevant = np.array(
        [
            random.choice(arguments.candidates, RELEVANT, replace=False)
            for _ in range(arguments.queries)
        ]
    )
    languages = [f"language {number % 11}" for number in range(arguments.candidates)]
    found: dict[str, float] = {}

    def mean_ap(ranks: NDArray[np.int64]) -> float:
        ordered = np.sort(ranks, axis=1)
        return float((np.arange(1, RELEVANT + 1) / ordered).mean())

    def ours() -> None:
        result = evaluate(
            queries,
            candidates,
            (np.arange(arguments.queries + 1) * RELEVANT, relevant.ravel()),
            query_languages=["language 0"] * arguments.queries,
            candidate_languages=languages,
            measures=["AP"],
        )
        found["hybridsampler"] = result["multilingual"]["AP"]

    def product() -> None:
        for at in range(0, len(queries), BLOCK):
            queries[at : at + BLOCK] @ candidates.T

    def argsort() -> None:
        ranks = np.empty(relevant.shape, np.int64)
        for at in range(0, len(queries), BLOCK):
            order = np.argsort(-(queries[at : at + BLOCK] @ candidates.T), axis=1, kind="stable")
            place = np.empty_like(order)
            np.put_along_axis(place, order, np.arange(len(candidates))[None], axis=1)
            own = relevant[at : at + BLOCK]
            ranks[at : at + BLOCK] = np.take_along_axis(place, own, axis=1) + 1
        found["numpy argsort"] = mean_ap(ranks)

    def count() -> None:
        ranks = np.empty(relevant.shape, np.int64)
        for at in range(0, len(queries), BLOCK):
            scores = queries[at : at + BLOCK] @ candidates.T
            own = np.take_along_axis(scores, relevant[at : at + BLOCK], axis=1)
            for column in range(RELEVANT):
                higher = scores > own[:, column : column + 1]
                ranks[at : at + BLOCK, column] = higher.sum(axis=1) + 1
        found["numpy count"] = mean_ap(ranks)

    methods = {
        "hybridsampler": ours,
        "numpy argsort": argsort,
        "numpy count": count,
        "numpy bare product": product,
    }
    amount = 2 * arguments.queries * arguments.candidates * arguments.dimension / 1e6
    timings = []
    for name, function in methods.items():
        function()
        note = f"mAP {found[name]:.15f}" if name in found else "no ranking"
        timings.append(timed(name, function, amount, repeat=2, note=note))
    work = (
        f"{arguments.queries:,} queries x {arguments.candidates:,} candidates x "
        f"{arguments.dimension} dimensions, Gaussian, {RELEVANT} relevant a query"
    )
    report("scorer", work, timings, "MFLOP", arguments.record)


if __name__ == "__main__":
    main()

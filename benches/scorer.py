"""Exact mAP over the full ranking from embeddings: ours against its peers, on the same vectors.

    python benches/scorer.py [--queries 2000] [--candidates 13000] [--dimension 768] [--threads 2]
                             [--rounds 9] [--budget 4] [--only hybridsampler numpy]

Three seeded sets: Gaussian vectors, those of a retriever with an mAP near .6 and those of a bad one
with an mAP near .2. Every query has 11 relevant candidates, among candidates of 11 languages: ours
ranks within languages too, in the same pass.

For each, in a process of its own that imports and vectors are in already:

  ms           the least and the median; all run in turn, up to --rounds times and for --budget
               seconds a set
  ours = 1     least by least
  product = 1  against numpy's bare product of queries and candidates, as installed
  peak MB      in a run, beyond modules and vectors
  mAP          and how far it is from the exact one; peers score in float32

and for ours what share of the comparisons was decided by which arithmetic. A number after ~ is
reckoned: whose single run would take three times the budget gets fewer queries, and its seconds
count for all at that pace. Its mAP stands beside the exact one of those queries, and its memory is
at least what those took. A peer that is not installed is named as such; "make bench" installs all.
Ratios are to the first contestant, which is ours, so let --only name it too.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from embeddings import KINDS, LANGUAGES, Kind, Work
from libraries import SCORERS
from peers import chosen, parser, ratio, write
from scorers import NumpyProduct, Ours, Scorer
from table import decided
from turns import Child, absent, children, result, take_turns

PROBED = 100
"""Queries that tell how long all would take."""
SPARED = 3
"""How many budgets a single run may take before it gets fewer queries."""

# What a record says of a scorer besides, where it ran.
NOT_MEASURED: dict[str, Any] = dict.fromkeys(
    ("queries", "peak_bytes", "map", "exact_map", "kernel", "report")
)


def measured(
    there: Sequence[Child], work: Work, rounds: int, budget: float
) -> list[dict[str, Any]]:
    """What all contestants did on one set."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "work"
        work.save(folder)
        for child in there:
            child.ask("load", folder)
    total = len(work.queries)
    taken = {child.kind.name: _queries(child, total, budget) for child in there}
    seconds, maps = take_turns(there, rounds, budget)
    ours = [child for child in there if issubclass(child.kind, Ours)]
    exact = ours[0].ask("per_query") if ours else []
    found = []
    for child in there:
        name = child.kind.name
        queries = taken[name]
        whole = [spent * total / queries for spent in seconds[name]]
        ranked = exact[:queries] if maps[name] is not None else []
        found.append(
            {
                **result(child, whole),
                **NOT_MEASURED,
                **child.ask("facts"),
                "queries": queries,
                "estimated": queries < total,
                "peak_bytes": child.grown_memory(),
                "map": maps[name],
                "exact_map": math.fsum(ranked) / len(ranked) if ranked else None,
            }
        )
    return found


def _queries(child: Child, total: int, budget: float) -> int:
    """How many queries a contestant takes; who would need several budgets for all: fewer.

    Ours takes all, as the others' mAP is held against its own.
    """
    child.remember_memory()
    probed = min(PROBED, total)
    child.ask("take", probed)
    spent, _ = child.turn()
    queries = total
    if spent * total / probed > SPARED * budget and not issubclass(child.kind, Ours):
        queries = min(total, max(probed, int(probed * budget / spent)))
    child.ask("take", queries)
    return queries


def warm(child: Child, dimension: int) -> None:
    """Have a contestant do a little, for what is imported or compiled only then."""
    child.ask("give", Work.make("gaussian", 4, 64, dimension))
    child.turn()


def show(results: Sequence[dict[str, Any]], product_name: str = NumpyProduct.name) -> None:
    """Print the table of a set."""
    width = max(len(found["name"]) for found in results)
    seconds = {found["name"]: found["seconds"] for found in results}
    first, product = results[0]["seconds"], seconds.get(product_name)
    heads = ("ms", "median", "ours = 1", "product = 1", "peak MB", "mAP", "off by")
    print(f"  {'':<{width}}{''.join(f'{head:>13}' for head in heads)}")
    for found in results:
        if found["missing"]:
            print(f"  {found['name']:<{width}}  {found['missing']}")
            continue
        about = "~" if found["estimated"] else ""
        peak, value, exact = found["peak_bytes"], found["map"], found["exact_map"]
        cells = [
            f"{about}{found['seconds'] * 1e3:,.1f}",
            f"{about}{found['median_seconds'] * 1e3:,.1f}",
            ratio(found["seconds"], first),
            ratio(found["seconds"], product),
            "-" if peak is None else f"{'>=' if about else ''}{peak / 1e6:,.1f}",
            "-" if value is None else f"{value:.6f}",
            "-" if value is None or exact is None else f"{value - exact:+.1e}",
        ]
        note = f"{found['note']} {found['kernel'] or ''}".strip()
        print(
            f"  {found['name']:<{width}}{''.join(f'{cell:>13}' for cell in cells)}  {note}".rstrip()
        )
    print(f"  {results[0]['name']}: decided by {decided(results[0]['report'])}")


def arguments() -> argparse.Namespace:
    words = parser(__doc__, contestants=True)
    words.add_argument("--queries", type=int, default=2000)
    words.add_argument("--candidates", type=int, default=13000)
    words.add_argument("--dimension", type=int, default=768)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--rounds", type=int, default=9)
    words.add_argument("--budget", type=float, default=4.0, help="seconds for each, and each set")
    words.add_argument("--sets", nargs="+", choices=KINDS, default=KINDS)
    return words.parse_args()


def main() -> None:
    given = arguments()
    work = (
        f"{given.queries:,} queries x {given.candidates:,} candidates x {given.dimension} "
        f"dimensions, {LANGUAGES} relevant a query, {given.threads} threads"
    )
    print(f"scorer: {work}")
    kinds: list[type[Scorer]] = [kind for kind in SCORERS if chosen(kind.name, given.only)]
    results: dict[Kind, list[dict[str, Any]]] = {}
    warmed = partial(warm, dimension=given.dimension)
    with children(kinds, given.threads, warmed) as (there, missing):
        for name in given.sets:
            made = Work.make(name, given.queries, given.candidates, given.dimension)
            found = measured(there, made, given.rounds, given.budget)
            done = {one["name"]: one for one in found}
            results[name] = [
                done.get(kind.name)
                or {**absent(kind, missing[kind.name]), **NOT_MEASURED, "estimated": False}
                for kind in kinds
            ]
            print(f"\n{name}:")
            show(results[name])
    path = write(
        given.record,
        "scorer",
        work,
        queries=given.queries,
        candidates=given.candidates,
        dimension=given.dimension,
        threads=given.threads,
        budget_seconds=given.budget,
        results=[{"set": name, **one} for name, found in results.items() for one in found],
    )
    # Not above: the processes that measure import this module too.
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

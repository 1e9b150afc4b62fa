"""Batches of 128 pairs as arrays: our plan alone, and with passage keys beside ST NoDuplicates.

    python benches/plan.py [--rows 1000000 ... 1000000000] [--keyed-rows 200000 1000000 10000000]

On one processor, for each number of rows, without and with passage keys:

  pairs/s       plan[a:b], 1,024 batches at a time
  first batch   of a corpus that is there: the plan and its first batch
  step 1M       of a corpus that is there: the plan and its batch of step 1,000,000
  corpus s      making the corpus from its columns in memory
  corpus MB     what it holds beyond the columns, and the peak while it is made
  beyond MB     the peak of all that follows, beyond the corpus

Keys: 5 rows of a language share a passage; or so many as Zipf's law says (exponent 1.3), but not
more than there are batches in a pass, because more cannot be kept apart. ST NoDuplicates gets equal
texts where ours gets equal keys, so that both keep the same rows apart; it is stopped when its
budget is over, and the rest of the epoch, where it gets slower, is counted at the pace so far.
A billion rows take 7 GB of memory, most of it for the columns.
"""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Any

from contestants import NoDuplicates, NoDuplicatesHashed, Ours
from peers import Peak, chosen, in_child, least, parser, write
from rows import BATCH, KEYS, Columns, Keys, Rows, hybrid_plan
from sampler import MEASURES, measured, show

COMPARED = (Ours, NoDuplicatesHashed, NoDuplicates)
KEYED: tuple[Keys, ...] = ("five", "zipf")
AT_ONCE = 1024
BATCHES = 32 * AT_ONCE
FAR = 1_000_000
# Texts of more rows take ST minutes to hash.
MOST_WITH_PEERS = 1_000_000

# What a record says of a plan besides, and how it is shown.
PLAN_MEASURES = {
    "rows_per_second": ("pairs/s", 1.0, ",.0f"),
    "plan_first_seconds": ("first batch ms", 1e3, ",.3f"),
    "plan_far_seconds": ("step 1M ms", 1e3, ",.3f"),
    "corpus_seconds": ("corpus s", 1.0, ",.3f"),
    "corpus_bytes": ("corpus MB", 1e-6, ",.1f"),
    "corpus_peak_bytes": ("its peak MB", 1e-6, ",.1f"),
    "plan_bytes": ("beyond MB", 1e-6, ",.1f"),
}


def measure_plan(rows: Rows) -> dict[str, Any]:
    """Time our plan; run it in a process of its own."""
    columns = Columns.of(rows)
    gc.collect()
    whole = Peak()
    start = perf_counter()
    corpus = columns.corpus()
    build = perf_counter() - start
    build_peak, held = whole.grown(), whole.held()
    build = least(columns.corpus, 1.0, build)
    beyond = Peak()
    plan = hybrid_plan(corpus)
    first = least(lambda: hybrid_plan(corpus)[0])
    middle = least(lambda: hybrid_plan(corpus)[rows.count // BATCH // 2])
    far = least(lambda: hybrid_plan(corpus)[FAR])

    def run() -> None:
        for at in range(0, BATCHES, AT_ONCE):
            plan[at : at + AT_ONCE]

    seconds = least(run)
    beyond_bytes = beyond.grown()
    peak = None
    if build_peak is not None and held is not None and beyond_bytes is not None:
        peak = max(build_peak, held + beyond_bytes)
    return {
        "rows_per_second": BATCHES * BATCH / seconds,
        "first_batch_seconds": build + first,
        "resume_seconds": build + middle,
        "peak_bytes": peak,
        "corpus_seconds": build,
        "corpus_bytes": held,
        "corpus_peak_bytes": build_peak,
        "plan_first_seconds": first,
        "plan_far_seconds": far,
        "plan_bytes": beyond_bytes,
    }


def plan_result(rows: Rows) -> dict[str, Any]:
    """What our plan did, or that it could not."""
    found: dict[str, Any] = {
        "name": "hybridsampler plan",
        "package": "hybridsampler",
        "note": "pairs as arrays, not lists",
        "estimated": False,
        "resumes_by_replay": False,
    }
    try:
        return {**found, "missing": None, **in_child(measure_plan, rows)}
    except MemoryError as error:
        return {**found, "missing": str(error), **dict.fromkeys([*MEASURES, *PLAN_MEASURES])}


def show_plan(result: dict[str, Any], rows: Rows) -> None:
    """Print a line of the plan's own table."""
    cells = [
        "-" if result[name] is None else format(result[name] * scale, form)
        for name, (_, scale, form) in PLAN_MEASURES.items()
    ]
    line = "".join(f"{cell:>16}" for cell in cells)
    print(f"  {rows.count:>13,}  {rows.keys:<5}{line}  {result['missing'] or ''}".rstrip())


def main() -> None:
    words = parser(__doc__, contestants=True)
    words.add_argument("--rows", type=int, nargs="+", default=[10**6, 10**7, 10**8, 10**9])
    words.add_argument("--keyed-rows", type=int, nargs="+", default=[200_000, 10**6, 10**7])
    words.add_argument("--budget", type=float, default=5.0, help="seconds for each of ST's")
    arguments = words.parse_args()
    work = f"batches of {BATCH} pairs, half monolingual and half cross-lingual, on one processor"
    cases = [Rows(count) for count in arguments.rows]
    cases += [Rows(count, keys) for keys in KEYED for count in arguments.keyed_rows]
    results: dict[Rows, list[dict[str, Any]]] = {}
    print(f"plan: {work}")
    heads = "".join(f"{label:>16}" for label, _, _ in PLAN_MEASURES.values())
    print(f"  {'rows':>13}  {'keys':<5}{heads}")
    for rows in cases:
        results[rows] = [plan_result(rows)]
        show_plan(results[rows][0], rows)
    for rows in cases:
        if rows.keys == "none" or rows.count > MOST_WITH_PEERS:
            continue
        print(f"\n{rows.count:,} rows, {KEYS[rows.keys]}:")
        kinds = [kind for kind in COMPARED if chosen(kind.name, arguments.only)]
        results[rows] += [measured(kind, rows, arguments.budget) for kind in kinds]
        show(results[rows])
    path = write(
        arguments.record,
        "plan",
        work,
        batch=BATCH,
        budget_seconds=arguments.budget,
        keys=KEYS,
        results=[
            {"rows": rows.count, "keys": rows.keys, **result}
            for rows, found in results.items()
            for result in found
        ],
    )
    # Not above: the processes that measure import this module too.
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

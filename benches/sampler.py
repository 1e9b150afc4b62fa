"""Batches of 128 rows as Python lists: our sampler against its peers, on the same rows.

    python benches/sampler.py [--rows 1000000] [--budget 5] [--only hybridsampler torch]

Measured for each, in a process of its own on one processor:

  rows/s        an epoch, its start included
  first batch   from the rows in memory to the first batch
  resume        from the rows in memory to the batch in the middle of the epoch
  peak memory   beyond the modules and the rows

The peers shuffle rows and know nothing of groups or languages, but for ST NoDuplicates, which
compares texts; ours delivers pairs of a hybrid mix, no two from one group. A number after ~ is
reckoned: the contestant was stopped when its budget was over, and the rest of the epoch is counted
at the pace so far.

A peer that is not installed is named as such; "make bench" installs all. Ratios are to the first
contestant, which is ours, so let --only name it too.
"""

from __future__ import annotations

from typing import Any

from contestants import CONTESTANTS, Contestant, measure, profile
from peers import chosen, in_child, parser, ratio, write
from rows import BATCH, Rows

# What a record says of each contestant, and how it is shown.
MEASURES = {
    "rows_per_second": ("rows/s", 1.0, ",.0f"),
    "first_batch_seconds": ("first batch ms", 1e3, ",.2f"),
    "resume_seconds": ("resume ms", 1e3, ",.2f"),
    "peak_bytes": ("peak MB", 1e-6, ",.1f"),
}
NOT_MEASURED: dict[str, Any] = {
    **dict.fromkeys(MEASURES),
    "version": None,
    "batches_done": None,
    "estimated": False,
    "resumes_by_replay": None,
}


def measured(kind: type[Contestant], rows: Rows, budget: float) -> dict[str, Any]:
    """What a contestant did, or why it could not."""
    found: dict[str, Any] = {"name": kind.name, "package": kind.package, "note": kind.note}
    try:
        return {**found, "missing": None, **in_child(measure, kind, rows, budget)}
    except ImportError as error:
        return {**found, "missing": f"not installed: {error}", **NOT_MEASURED}
    except MemoryError as error:
        return {**found, "missing": str(error), **NOT_MEASURED}


def show(results: list[dict[str, Any]]) -> None:
    """Print the table: each measure plain and as a ratio to the first result's."""
    width = max(len(result["name"]) for result in results)
    heads = "".join(f"{label:>16}{'ours = 1':>9}" for label, _, _ in MEASURES.values())
    print(f"  {'':<{width}}{heads}")
    for result in results:
        cells = []
        for measure_of, (_, scale, form) in MEASURES.items():
            value = result[measure_of]
            about = "~" if result["estimated"] and _reckoned(result, measure_of) else ""
            plain = "-" if value is None else about + format(value * scale, form)
            cells.append(f"{plain:>16}{ratio(value, results[0][measure_of]):>9}")
        note = result["missing"] or result["note"]
        print(f"  {result['name']:<{width}}{''.join(cells)}  {note}".rstrip())


def _reckoned(result: dict[str, Any], measure_of: str) -> bool:
    replayed = measure_of == "resume_seconds" and result["resumes_by_replay"]
    return measure_of == "rows_per_second" or bool(replayed)


def main() -> None:
    words = parser(__doc__, contestants=True)
    words.add_argument("--rows", type=int, default=1_000_000, help="a multiple of 10")
    words.add_argument("--budget", type=float, default=5.0, help="seconds for each measurement")
    arguments = words.parse_args()
    rows = Rows(arguments.rows)
    work = (
        f"an epoch of {rows.count // BATCH:,} batches of {BATCH} from {rows.count:,} rows, "
        "as lists of integers, on one processor"
    )
    print(f"sampler: {work}")
    kinds = [kind for kind in CONTESTANTS if chosen(kind.name, arguments.only)]
    results = [measured(kind, rows, arguments.budget) for kind in kinds]
    show(results)
    spent = in_child(profile, rows)
    parts = ", ".join(f"{name} {seconds * 1e3:.1f} ms" for name, seconds in spent.items())
    print(f"  an epoch of ours: {parts}")
    path = write(
        arguments.record,
        "sampler",
        work,
        rows=rows.count,
        batch=BATCH,
        budget_seconds=arguments.budget,
        results=results,
        profile=spent,
    )
    # Not above: the processes that measure import this module too.
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

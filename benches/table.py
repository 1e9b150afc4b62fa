"""The Markdown table of a record, as the README shows it, so that no number there is typed by hand.

python benches/table.py benches/record/2026-11-23-sampler.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Rows = list[list[str]]


def table(record: Record) -> str:
    """The table of a record, without a line's end after its last row."""
    return TABLES[record["bench"]](record)


def _markdown(heads: Sequence[str], rows: Rows, words: int = 1) -> str:
    """The first ``words`` columns are words, the others numbers."""
    rule = "|" + "".join("---|" if at < words else "---:|" for at in range(len(heads)))
    head = "|" + "|".join(f" {head} " if head else " " for head in heads) + "|"
    return "\n".join([head, rule, *(f"| {' | '.join(row)} |" for row in rows)])


def _missing(found: Record, columns: int) -> list[str]:
    return [found["name"], *["-"] * (columns - 1)]


def _scaled(value: float | None, scale: float, form: str, about: str = "") -> str:
    return "-" if value is None else about + format(value * scale, form)


def _times(value: float | None, first: float | None) -> str:
    """How many times the first; three digits, as small ones matter."""
    return "-" if value is None or not first else f"{value / first:#,.3g}".rstrip(".")


def _sampler(record: Record) -> str:
    heads = ("", "M rows/s", "rate, ours = 1", "first batch, ms", "resume in the middle, ms")
    ours = record["results"][0]["rows_per_second"]
    rows = []
    for found in record["results"]:
        if found["missing"]:
            rows.append(_missing(found, 6))
            continue
        about = "~" if found["estimated"] else ""
        rows.append(
            [
                found["name"],
                _scaled(found["rows_per_second"], 1e-6, ",.2f", about),
                f"{found['rows_per_second'] / ours:.3f}",
                _scaled(found["first_batch_seconds"], 1e3, ",.1f"),
                _scaled(found["resume_seconds"], 1e3, ",.1f", about),
                _scaled(found["peak_bytes"], 1e-6, ".1f"),
            ]
        )
    return _markdown([*heads, "peak, MB"], rows)


def _plan(record: Record) -> str:
    keys = {"none": "none", "five": "5 rows a key", "zipf": "Zipf 1.3"}
    measures = (
        ("M pairs/s", "rows_per_second", 1e-6, ".0f"),
        ("first batch, ms", "plan_first_seconds", 1e3, ".2f"),
        ("step 1,000,000, ms", "plan_far_seconds", 1e3, ".2f"),
        ("corpus, s", "corpus_seconds", 1.0, ".2f"),
        ("corpus, MB", "corpus_bytes", 1e-6, ".1f"),
    )
    rows = [
        [
            f"{found['rows']:,}",
            keys[found["keys"]],
            *(_scaled(found[key], scale, form) for _, key, scale, form in measures),
        ]
        for found in record["results"]
        if found["name"] == "hybridsampler plan"
    ]
    heads = ["rows", "passage keys", *(measure[0] for measure in measures)]
    lines = _markdown(heads, rows).split("\n")
    # Rows are a number, keys words.
    lines[1] = "|---:|---|" + "---:|" * len(measures)
    return "\n".join(lines)


def _scorer(record: Record, product_name: str = "numpy product") -> str:
    """A line a contestant, all sets side by side; then what the sets are."""
    by_set: dict[str, dict[str, Record]] = {}
    for found in record["results"]:
        by_set.setdefault(found["set"], {})[found["name"]] = found
    names = list(dict.fromkeys(found["name"] for found in record["results"]))
    heads = ["", *(head for name in by_set for head in (f"{name}, ms", "product = 1"))]
    heads += ["ours = 1", "peak, MB", "mAP off by"]
    rows = []
    for name in names:
        found = [results[name] for results in by_set.values()]
        if found[0]["missing"]:
            rows.append(_missing(found[0], len(heads)))
            continue
        kernel = (
            f" ({found[0]['kernel']})" if found[0]["map"] is None and found[0]["kernel"] else ""
        )
        cells = []
        for results in by_set.values():
            one = results[name]
            product = results.get(product_name, {}).get("seconds")
            cells.append(_scaled(one["seconds"], 1e3, ",.0f", "~" if one["estimated"] else ""))
            cells.append(_times(one["seconds"], product))
        rows.append([name + kernel, *cells, *_over_sets(name, names[0], by_set)])
    sets = [
        [
            name,
            _scaled(results[names[0]]["exact_map"], 1.0, ".12f"),
            _times(
                results[names[0]]["median_seconds"],
                results.get(product_name, {}).get("median_seconds"),
            ),
            decided(results[names[0]]["report"]),
        ]
        for name, results in by_set.items()
    ]
    of_sets = ("vectors", "exact mAP", "ours by medians, product = 1", "decided by")
    return _markdown(heads, rows) + "\n\n" + _markdown(of_sets, sets)


def _over_sets(name: str, ours: str, by_set: dict[str, dict[str, Record]]) -> list[str]:
    """The least and the largest ratio to ours; the most memory; the mAP farthest from exact."""
    found = [results[name] for results in by_set.values()]
    times = [results[name]["seconds"] / results[ours]["seconds"] for results in by_set.values()]
    # Fewer queries may have taken less memory than all would.
    at_least = "≥ " if any(one["estimated"] for one in found) else ""
    # Of each once: for ours both are 1.
    ratios = dict.fromkeys(f"{time:#,.3g}".rstrip(".") for time in (min(times), max(times)))
    peaks = [one["peak_bytes"] for one in found if one["peak_bytes"] is not None]
    off = [abs(one["map"] - one["exact_map"]) for one in found if one["map"] is not None]
    return [
        " to ".join(ratios),
        _scaled(max(peaks, default=None), 1e-6, ",.0f", at_least),
        "-" if not off else f"{max(off):.1e}" if max(off) else "0",
    ]


def decided(report: Mapping[str, Any] | None) -> str:
    """The share of the comparisons that each arithmetic decided, by what ours reports."""
    if report is None:
        return "-"
    counts = {name: count for name, count in report.items() if name != "simd"}
    total = sum(counts.values())
    return ", ".join(f"{name} {count / total:.3%}" for name, count in counts.items() if count)


def _settings(record: Record) -> str:
    alone = record["results"][-1]["seconds"]
    rows = [
        [
            found["name"],
            f"{found['seconds']:.2f}",
            f"{found['median_seconds']:.2f}",
            f"{found['seconds'] / alone:.3f}",
            _scaled(found["peak_bytes"], 1e-6, ",.0f"),
        ]
        for found in record["results"]
    ]
    return _markdown(("", "s", "median, s", "pool alone = 1", "peak, MB"), rows)


def _runs(record: Record) -> str:
    heads = ("", "first time, ms", "ms", "ours = 1", "median, ms", "ours = 1", "peak, MB")
    rows = []
    for found in record["results"]:
        if found["missing"]:
            rows.append(_missing(found, len(heads)))
            continue
        form = found["name"].split(", ")[1]
        ours = next(one for one in record["results"] if one["name"].endswith(form))
        rows.append(
            [
                found["name"],
                _scaled(found["first_seconds"], 1e3, ",.0f"),
                _scaled(found["seconds"], 1e3, ",.0f"),
                _times(found["seconds"], ours["seconds"]),
                _scaled(found["median_seconds"], 1e3, ",.0f"),
                _times(found["median_seconds"], ours["median_seconds"]),
                _scaled(found["peak_bytes"], 1e-6, ",.0f"),
            ]
        )
    return _markdown(heads, rows)


def _imports(record: Record) -> str:
    rows = [
        [
            f"import {found['name']}",
            f"{found['seconds'] * 1e3:.0f}",
            f"{found['median_seconds'] * 1e3:.0f}",
        ]
        for found in record["results"]
    ]
    return _markdown(("", "ms", "median, ms"), rows)


TABLES: dict[str, Callable[[Record], str]] = {
    "sampler": _sampler,
    "plan": _plan,
    "scorer": _scorer,
    "device": partial(_scorer, product_name="torch product, float32"),
    "settings": _settings,
    "runs": _runs,
    "imports": _imports,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path, nargs="+")
    for record in parser.parse_args().record:
        print(table(json.loads(record.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()

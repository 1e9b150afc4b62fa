"""The picture of a record, made from the record alone; the same record gives the same bytes.

    python benches/plot.py benches/record/2026-11-22-sampler.json

"sampler" and "plan" write theirs beside their records, as SVG.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Measure of a record, its title, its unit in the record's.
PANELS = (
    ("rows_per_second", "rows/s (more is better)", 1.0),
    ("first_batch_seconds", "ms to the first batch", 1e3),
    ("resume_seconds", "ms to resume at the middle", 1e3),
    ("peak_bytes", "MB of memory at the peak", 1e-6),
)
# Memory below what /proc tells apart has no place on a log axis.
LEAST = 1e-3


def draw(record: Path) -> Path:
    """Draw a record of the bench "sampler" or "plan" beside it."""
    found = json.loads(record.read_text(encoding="utf-8"))
    figure = {"sampler": _bars, "plan": _lines}[found["bench"]](found["results"])
    figure.suptitle(f"{found['work']}\n{found['processor']}, {found['date']}", fontsize=9)
    path = record.with_suffix(".svg")
    with mpl.rc_context({"svg.hashsalt": "hybridsampler", "svg.fonttype": "path"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    print(f"  drawn to {path}")
    return path


def _bars(results: list[dict[str, Any]]) -> Figure:
    """A panel a measure, a bar a contestant, the first one ours."""
    figure = Figure(figsize=(12, 0.28 * len(results) + 1.2), layout="constrained")
    names = [result["name"] for result in results]
    for panel, (measure, title, scale) in zip(
        figure.subplots(1, len(PANELS), sharey=True), PANELS, strict=True
    ):
        for place, result in enumerate(results):
            if result[measure] is None:
                continue
            value = max(result[measure] * scale, LEAST)
            panel.barh(place, value, color="C1" if place == 0 else "C0", zorder=3)
        panel.set_xscale("log")
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(axis="x", alpha=0.3)
        panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
    return figure


def _lines(results: list[dict[str, Any]]) -> Figure:
    """A panel a measure, a line a contestant and kind of keys over the numbers of rows."""
    lines = defaultdict(list)
    for result in results:
        lines[result["name"], result["keys"]].append(result)
    colours = {name: f"C{number}" for number, name in enumerate(dict.fromkeys(n for n, _ in lines))}
    styles = {"none": "-", "five": "--", "zipf": ":"}
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    for panel, (measure, title, scale) in zip(panels, PANELS, strict=True):
        for (name, keys), line in lines.items():
            points = [
                (result["rows"], max(result[measure] * scale, LEAST))
                for result in line
                if result[measure] is not None
            ]
            panel.plot(
                [rows for rows, _ in points],
                [value for _, value in points],
                styles[keys],
                color=colours[name],
                marker="o",
                markersize=3,
                label=f"{name}, keys: {keys}",
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("rows", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path, nargs="+")
    for record in parser.parse_args().record:
        draw(record)


if __name__ == "__main__":
    main()

"""The picture of a record, made from the record alone; the same record gives the same bytes
on the same machine (on another, the last digit of a place may differ).

    python benches/plot.py benches/record/2026-11-22-sampler.json

Every bench writes its own beside its record, as SVG.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, NullFormatter

Results = Sequence[dict[str, Any]]


class Panel(NamedTuple):
    """What a panel shows of every result."""

    measure: str
    title: str
    scale: float
    """Its unit in the record's."""


# Of samplers and plans.
PANELS = (
    Panel("rows_per_second", "rows/s (more is better)", 1.0),
    Panel("first_batch_seconds", "ms to the first batch", 1e3),
    Panel("resume_seconds", "ms to resume at the middle", 1e3),
    Panel("peak_bytes", "MB of memory at the peak", 1e-6),
)
SECONDS = Panel("seconds", "seconds (less is better)", 1.0)
MILLISECONDS = Panel("seconds", "ms (less is better)", 1e3)
FIRST = Panel("first_seconds", "ms the first time", 1e3)
MEMORY = Panel("peak_bytes", "MB of memory at the peak", 1e-6)
# Memory below what /proc tells apart has no place on a log axis.
LEAST = 1e-3


def draw(record: Path) -> Path:
    """Draw a record beside it."""
    found = json.loads(record.read_text(encoding="utf-8"))
    figure = FIGURES[found["bench"]](found["results"])
    figure.suptitle(f"{found['work']}\n{found['processor']}, {found['date']}", fontsize=9)
    path = record.with_suffix(".svg")
    with mpl.rc_context({"svg.hashsalt": "hybridsampler", "svg.fonttype": "path"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    print(f"  drawn to {path}")
    return path


def _bars(results: Results, panels: Sequence[Panel], *, scale: str = "log") -> Figure:
    """A panel a measure, a bar a contestant, ours in another colour."""
    figure = Figure(figsize=(12, 0.28 * len(results) + 1.2), layout="constrained")
    names = [result["name"] for result in results]
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (measure, title, unit) in zip(axes, panels, strict=True):
        for place, result in enumerate(results):
            if result[measure] is None:
                continue
            value = max(result[measure] * unit, LEAST)
            ours = result["name"].startswith("hybridsampler")
            panel.barh(place, value, color="C1" if ours else "C0", zorder=3)
        panel.set_xscale(scale)
        if scale == "log":
            # From a round number, as the eye takes a bar's end for its beginning too.
            panel.set_xlim(left=10 ** math.floor(math.log10(panel.get_xlim()[0])))
            panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
            panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(axis="x", alpha=0.3)
        panel.set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    return figure


def _scorer(results: Results, product_name: str = "numpy product") -> Figure:
    """A panel a set with a line at the bare product; one for memory: the most that any took."""
    rows: dict[str, dict[str, Any]] = {}
    sets = {result["set"]: None for result in results}
    for result in results:
        row = rows.setdefault(result["name"], {"name": result["name"], "peak_bytes": None})
        row[result["set"]] = result["seconds"]
        peaks = [peak for peak in (row["peak_bytes"], result["peak_bytes"]) if peak is not None]
        row["peak_bytes"] = max(peaks, default=None)
    panels = [Panel(name, f"ms, {name} vectors", 1e3) for name in sets]
    figure = _bars([*rows.values()], [*panels, MEMORY])
    product = rows.get(product_name, {})
    for panel, (name, _, unit) in zip(figure.axes, panels, strict=False):
        if product.get(name) is not None:
            panel.axvline(product[name] * unit, color="black", linewidth=0.8, linestyle="--")
    return figure


def _lines(results: Results) -> Figure:
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


FIGURES: dict[str, Callable[[Results], Figure]] = {
    "sampler": partial(_bars, panels=PANELS),
    "plan": _lines,
    "scorer": _scorer,
    "device": partial(_scorer, product_name="torch product, float32"),
    "settings": partial(_bars, panels=(SECONDS, MEMORY), scale="linear"),
    "runs": partial(_bars, panels=(MILLISECONDS, FIRST, MEMORY)),
    "imports": partial(_bars, panels=(MILLISECONDS,), scale="linear"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("record", type=Path, nargs="+")
    for record in parser.parse_args().record:
        draw(record)


if __name__ == "__main__":
    main()

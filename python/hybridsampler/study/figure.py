"""The picture of a study: what each mix gains across languages and pays within them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from hybridsampler.files import written_whole
from hybridsampler.results import Result

# Names are shown as they are: "$" begins no formula.
plain_names = mpl.rc_context({"text.parse_math": False})


@plain_names
def draw(results: Sequence[Result], benchmark: str, path: Path) -> None:
    """Draw monolingual accuracy against the cross-lingual, the multilingual and the bias, as SVG.

    The same results give the same bytes.
    """
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    panels = figure.subplots(1, 3)
    distances = [r.rank_distance for r in results if r.rank_distance is not None]
    across = [
        ("cross-lingual mAP", [result.macro["cross_lingual"]["AP"] for result in results]),
        ("multilingual mAP", [result.macro["multilingual"]["AP"] for result in results]),
        ("rank distance (lower is better)", distances),
    ]
    within = [result.macro["monolingual"]["AP"] for result in results]
    for panel, (label, values) in zip(panels, across, strict=True):
        for number, (x, y) in enumerate(zip(within, values, strict=True)):
            panel.scatter(x, y, s=70, color=f"C{number}", zorder=3, label=f"{number}")
        panel.set_xlabel("monolingual mAP")
        panel.set_title(label, fontsize=10)
        panel.margins(0.18)
        panel.grid(alpha=0.3)
    panels[-1].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="outside lower center", ncols=len(results), frameon=False
    )
    # Given as labels, names that begin with "_" would be left out.
    for text, result in zip(legend.get_texts(), results, strict=True):
        text.set_text(result.arm)
    figure.suptitle(f"{benchmark}: up and to the right is better", fontsize=11)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG: the same figure gives the same bytes."""
    with (
        mpl.rc_context({"svg.hashsalt": "hybridsampler", "svg.fonttype": "path"}),
        written_whole(path) as draft,
    ):
        figure.savefig(draft, format="svg", metadata={"Date": None})

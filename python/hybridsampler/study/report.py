"""The HTML page of a study: the figure, the tables, the language x language heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from hybridsampler.files import written_whole
from hybridsampler.results import Result
from hybridsampler.tables import Table, share


def write_report(
    path: Path,
    *,
    title: str,
    figure: Path,
    tables: Sequence[Table],
    results: Sequence[Result],
    facts: dict[str, str],
) -> None:
    """Write one self-contained page.

    Args:
        path: the page.
        title: its heading.
        figure: SVG file, copied into the page.
        tables: shown in order; those after the second are folded away.
        results: for the heat maps.
        facts: shown as a list: what was run, where, how long it took.
    """
    environment = Environment(
        loader=PackageLoader("hybridsampler.study", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    svg = figure.read_text(encoding="utf-8")
    largest = max(max(row.values()) for result in results for row in result.matrix.values())
    page = environment.get_template("index.html.j2").render(
        title=title,
        svg=svg[svg.index("<svg") :],
        tables=tables,
        results=results,
        # A matrix of zeros is drawn white.
        largest=largest or 1.0,
        facts=facts,
        share=share,
    )
    with written_whole(path) as draft:
        draft.write_text(page, encoding="utf-8")

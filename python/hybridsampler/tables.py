"""The tables of arXiv 2408.10536 for any results, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybridsampler.results import Result

SHORT = {"monolingual": "Mo.", "cross_lingual": "Cr.", "multilingual": "Mul."}
LABEL = {"AP": "mAP"}


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a header and rows of cells; the first column is text, the others are numbers."""

    title: str
    header: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """Write the table as GitHub's Markdown."""
        lines = [
            f"**{' '.join(self.title.splitlines())}**",
            "",
            _row(self.header),
            "|---" + "|---:" * (len(self.header) - 1) + "|",
            *map(_row, self.rows),
        ]
        return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    """A row of Markdown; names may hold what ends a cell there, or a row."""
    held = (" ".join(cell.splitlines()).replace("|", r"\|") for cell in cells)
    return "| " + " | ".join(held) + " |"


def macro_tables(results: Sequence[Result], benchmark: str, first: str) -> list[Table]:
    """Make Table 1 (accuracy) and, where queries meet several languages, Table 2 (bias).

    Args:
        results: one row each, all with the same measures and settings.
        benchmark: its name.
        first: header of the first column, what the rows are.
    """
    columns = _columns(results)
    accuracy = Table(
        f"Table 1: {benchmark}, macro means over languages",
        [first, *(_header(setting, measure) for setting, measure in columns)],
        [
            [result.arm, *(_cell(result.macro[setting], m, share) for setting, m in columns)]
            for result in results
        ],
    )
    biases = [(result.arm, result.rank_distance) for result in results]
    rows = [[name, f"{value:.1f}"] for name, value in biases if value is not None]
    title = f"Table 2: {benchmark}, language bias as rank distance (lower is better)"
    return [accuracy, *([Table(title, [first, "rank distance"], rows)] if rows else [])]


def comparison_tables(results: Sequence[Result], benchmark: str, first: str) -> list[Table]:
    """Make a table by query language of each measure and setting, one row a result."""
    made = [
        _by_language(
            results,
            f"{benchmark}, {LABEL.get(measure, measure)}, {setting.replace('_', '-')}, "
            "by query language",
            [result.by_language[setting][measure] for result in results],
            first,
        )
        for setting, measure in _columns(results)
    ]
    title = f"{benchmark}, rank distance by query language"
    distances = [result.rank_distance_by_language for result in results]
    if any(distances):
        made.append(_by_language(results, title, distances, first, write=_whole))
    return made


def language_table(result: Result, benchmark: str) -> Table:
    """Make a table of everything by query language, one row a language; bias is rank distance."""
    columns: list[tuple[str, dict[str, float], Callable[[float], str]]] = [
        (_header(setting, measure), result.by_language[setting][measure], share)
        for setting, measure in _columns([result])
    ]
    if result.rank_distance is not None:
        columns.append(("bias", result.rank_distance_by_language, _whole))
    languages = sorted({name for _, values, _ in columns for name in values})
    return Table(
        f"{benchmark}, by query language",
        ["language", *(header for header, _, _ in columns)],
        [
            [name, *(_cell(values, name, write) for _, values, write in columns)]
            for name in languages
        ],
    )


def matrix_table(result: Result, benchmark: str) -> Table:
    """Make the language x language table of the first measure."""
    measure = result.measures[0]
    names = sorted({name for row in result.matrix.values() for name in row})
    return Table(
        f"{benchmark}, {LABEL.get(measure, measure)}, query language by candidate language",
        ["language", *names],
        [
            [query, *(_cell(result.matrix[query], name, _short) for name in names)]
            for query in sorted(result.matrix)
        ],
    )


def share(value: float, digits: int = 4) -> str:
    """Write a number from 0 to 1 as the field does, without the zero before the point."""
    return f"{value:.{digits}f}".removeprefix("0")


def _columns(results: Sequence[Result]) -> list[tuple[str, str]]:
    """(setting, measure) of all that was measured, in the order of the paper's Table 1."""
    first = results[0]
    return [(setting, measure) for measure in first.measures for setting in first.macro]


def _header(setting: str, measure: str) -> str:
    return f"{LABEL.get(measure, measure)} {SHORT[setting]}"


def _short(value: float) -> str:
    return share(value, 3)  # as in the paper; eleven languages then fit 80 characters


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _cell(values: dict[str, float], name: str, write: Callable[[float], str]) -> str:
    return write(values[name]) if name in values else "-"


def _by_language(
    results: Sequence[Result],
    title: str,
    values: Sequence[dict[str, float]],
    first: str,
    write: Callable[[float], str] = share,
) -> Table:
    languages = sorted({name for each in values for name in each})
    return Table(
        title,
        [first, *languages],
        [
            [result.arm, *(_cell(each, name, write) for name in languages)]
            for result, each in zip(results, values, strict=True)
        ],
    )

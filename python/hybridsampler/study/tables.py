"""The tables of arXiv 2408.10536 for a study's results, as rows of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hybridsampler.study.results import MEASURES, ArmResult

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
            f"**{self.title}**",
            "",
            "| " + " | ".join(self.header) + " |",
            "|---" + "|---:" * (len(self.header) - 1) + "|",
            *("| " + " | ".join(row) + " |" for row in self.rows),
        ]
        return "\n".join(lines)


def tables(results: Sequence[ArmResult], benchmark: str) -> list[Table]:
    """Make Table 1 (accuracy), Table 2 (language bias) and both by query language."""
    return [
        _accuracy(results, benchmark),
        _bias(results, benchmark),
        *(
            _by_language(
                results,
                f"{benchmark}, {LABEL.get(measure, measure)}, {setting.replace('_', '-')}, "
                "by query language",
                [result.by_language[setting][measure] for result in results],
            )
            for measure in MEASURES
            for setting in SHORT
        ),
        _by_language(
            results,
            f"{benchmark}, rank distance by query language",
            [result.rank_distance_by_language for result in results],
            write=_whole,
        ),
    ]


def _accuracy(results: Sequence[ArmResult], benchmark: str) -> Table:
    columns = [(setting, measure) for measure in MEASURES for setting in SHORT]
    return Table(
        f"Table 1: {benchmark}, macro means over languages",
        ["batches", *(f"{LABEL.get(m, m)} {SHORT[setting]}" for setting, m in columns)],
        [
            [result.arm, *(share(result.macro[setting][m]) for setting, m in columns)]
            for result in results
        ],
    )


def _bias(results: Sequence[ArmResult], benchmark: str) -> Table:
    return Table(
        f"Table 2: {benchmark}, language bias as rank distance (lower is better)",
        ["batches", "rank distance"],
        [[result.arm, f"{result.rank_distance:.1f}"] for result in results],
    )


def share(value: float, digits: int = 4) -> str:
    """Write a number from 0 to 1 as the field does, without the zero before the point."""
    return f"{value:.{digits}f}".removeprefix("0")


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _by_language(
    results: Sequence[ArmResult],
    title: str,
    values: Sequence[dict[str, float]],
    write: Callable[[float], str] = share,
) -> Table:
    languages = sorted({name for each in values for name in each})
    return Table(
        title,
        ["batches", *languages],
        [
            [result.arm, *(write(each[name]) if name in each else "-" for name in languages)]
            for result, each in zip(results, values, strict=True)
        ],
    )

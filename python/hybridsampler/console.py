"""What is seen on a terminal: tables, warnings, and how far long work is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:  # a command that prints no table starts without what makes them
    from hybridsampler.tables import Table


def new_console(*, stderr: bool = False) -> Console:
    """Return one that prints names as they are: they may look like Rich's codes, as :100: does."""
    return Console(stderr=stderr, emoji=False)


def warn(told: str, console: Console) -> None:
    """Print a warning in one line."""
    console.print(f"warning: {told}", markup=False, highlight=False, soft_wrap=True)


def print_tables(made: Sequence[Table], console: Console) -> None:
    """Print accuracy and language bias; the tables by language are for the files."""
    for table in made[:2]:
        print_table(table, console)


def print_table(table: Table, console: Console) -> None:
    """Print a title, and below it the rows, of which none is cut off."""
    console.print(f"\n{table.title}", highlight=False, markup=False)
    made = _rich(table)
    # Where there are many languages a line goes on in the next: digits are not to be cut off.
    shown, unbounded = console.width, console.options.update(width=10_000)
    console.width = max(shown, console.measure(made, options=unbounded).maximum)
    console.print(made, crop=False)
    console.width = shown


def _rich(table: Table) -> RichTable:
    made = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, show_edge=False)
    for number, name in enumerate(table.header):
        words = any(row[number][:1].isalpha() for row in table.rows)
        # One word a line: the columns of Table 1 then fit 80 characters.
        header = Text(name.replace(" ", "\n"))
        made.add_column(header, justify="left" if words else "right", no_wrap=True)
    for row in table.rows:
        made.add_row(*map(Text, row))
    return made


@contextmanager
def stages(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that is told what is done, how much of it is and how much there is.

    Each thing has a bar of its own, in the order in which they begin; a total of 0 is not known.
    """
    from rich.progress import (  # for long work alone
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bars: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=None)
            progress.update(bars[what], completed=done, total=total or None)

        yield tell

"""The command line: parsing and printing, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from hybridsampler.study import read_config, run_study
from hybridsampler.study.mixes import draw_mix, mix_stats, mix_tables
from hybridsampler.study.tables import Table

app = typer.Typer(
    help="Hybrid batches and exact ranking for multilingual dense retrievers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def main() -> None:
    """Hybrid batches and exact ranking for multilingual dense retrievers."""


@app.command()
def study(
    config: Annotated[Path, typer.Argument(help="TOML file; examples/quick.toml shows every key.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results; by default runs/ and the name of the TOML."),
    ] = None,
) -> None:
    """Train one encoder with several batch mixes and compare them on a benchmark.

    Writes results.jsonl (every number), tables.md, figure.svg, run.json (machine and times) and
    index.html (all of it, to look at).

    Example: hybridsampler study examples/quick.toml --out runs/quick
    """
    console = Console()
    folder = out or Path("runs") / config.stem
    try:
        read = read_config(config)
        _make_folder(folder)
        made = run_study(read, config.parent, folder, console)
    except (ValueError, OSError, FloatingPointError) as error:
        _fail(error)
    print_tables(made, console)
    console.print(
        f"\nwritten to {folder.resolve()}: index.html shows it all", markup=False, soft_wrap=True
    )


@app.command()
def mix(
    config: Annotated[
        Path, typer.Argument(help="TOML file of a study, such as examples/quick.toml.")
    ],
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=10**8, help="Steps to count; by default those of the training."),
    ] = None,
    pairs: Annotated[
        int, typer.Option(min=0, help="Ordered language pairs to list for each source; 0: all.")
    ] = 20,
    figure: Annotated[
        Path | None, typer.Option(help="Draw kinds, sources and languages, as this SVG file.")
    ] = None,
) -> None:
    """Print what the batch mixes of a study reach, before anything is trained.

    Expected and reached shares of kinds, sources, languages and ordered language pairs, passage
    keys with the most copies beside the most that can be kept apart, and padding.

    Example: hybridsampler mix examples/quick.toml --figure mix.svg
    """
    console = Console()
    try:
        if figure is not None:
            _check_picture(figure)
        counted = mix_stats(read_config(config), config.parent, steps)
        if figure is not None:
            draw_mix(counted, figure)
    except (ValueError, OSError) as error:
        _fail(error)
    for name, stats in counted.items():
        for table in mix_tables(name, stats, pairs):
            console.print(f"\n{table.title}", highlight=False, markup=False)
            console.print(_rich(table))
    if figure is not None:
        console.print(f"\nwritten to {figure.resolve()}", markup=False, soft_wrap=True)


def _check_picture(path: Path) -> None:
    """Make sure, before the counting, that the picture can be written."""
    if path.suffix != ".svg":
        raise ValueError(f"--figure {path}: the picture is SVG, so let the name end in .svg")
    if not path.parent.is_dir():
        raise OSError(f"--figure {path}: there is no folder {path.parent}")


def _make_folder(folder: Path) -> None:
    """Make sure, before hours of work, that the results can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write to the folder {folder} ({error.strerror}): name another with --out"
        ) from error


def _fail(error: Exception) -> None:
    """One line, exit code 2, no traceback."""
    Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
    raise typer.Exit(2) from None


def print_tables(made: Sequence[Table], console: Console) -> None:
    """Print accuracy and language bias; the tables by language are for the files."""
    for table in made[:2]:
        console.print(f"\n{table.title}", highlight=False, markup=False)
        console.print(_rich(table))


def _rich(table: Table) -> RichTable:
    made = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, show_edge=False)
    for number, name in enumerate(table.header):
        words = any(row[number][:1].isalpha() for row in table.rows)
        # One word a line: the columns of Table 1 then fit 80 characters.
        made.add_column(name.replace(" ", "\n"), justify="left" if words else "right", no_wrap=True)
    for row in table.rows:
        made.add_row(*map(Text, row))
    return made

"""The command line: parsing and printing, nothing else."""

from __future__ import annotations

import re
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer

from hybridsampler.console import new_console, print_table, print_tables
from hybridsampler.files import shown

# Each command imports what else it needs: one starts without torch, and another without pyarrow.

# Errors name arguments as Python has them: empty='zero'.
_ARGUMENT = re.compile(r"\b(empty|missing|score_dtype|spool_folder|ties)='([^']*)'")

app = typer.Typer(
    help="Hybrid batches and exact ranking for multilingual dense retrievers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"hybridsampler {version('hybridsampler')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hybrid batches and exact ranking for multilingual dense retrievers."""


@app.command(short_help="Train with several batch mixes and compare them.")
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
    from hybridsampler.study import read_config, run_study

    console = new_console()
    folder = out or Path("runs") / config.stem
    try:
        read = read_config(config)
        _make_folder(folder)
        made = run_study(read, config.parent, folder, console)
    except (ValueError, OSError, FloatingPointError) as error:
        _fail(error)
    print_tables(made, console)
    told = f"\nwritten to {shown(folder.resolve())}: index.html shows it all"
    console.print(told, markup=False, soft_wrap=True)


@app.command(short_help="Print what the mixes of a study reach.")
def mix(
    config: Annotated[
        Path, typer.Argument(help="TOML file of a study, such as examples/quick.toml.")
    ],
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**8,
            metavar="<int>",
            help="Steps to count; by default those of the training.",
        ),
    ] = None,
    pairs: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="<int>",
            help="Ordered language pairs to list for each source; 0: all.",
        ),
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
    from hybridsampler.study import read_config
    from hybridsampler.study.mixes import draw_mix, mix_stats, mix_tables

    console = new_console()
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
            print_table(table, console)
    if figure is not None:
        console.print(f"\nwritten to {shown(figure.resolve())}", markup=False, soft_wrap=True)


@app.command(short_help="Score a model on a benchmark, exactly.")
def evaluate(
    *,
    model: Annotated[
        str | None,
        typer.Argument(help="Folder of a sentence-transformers model, or its name on the hub."),
    ] = None,
    benchmark: Annotated[str, typer.Option(help="xquad-r, mlqa-r, miracl, mr-tydi or plain.")],
    data: Annotated[
        str | None,
        typer.Option(help="Folder of the benchmark, or owner/name of a data set of the hub."),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<str>",
            help="Language to read, of any benchmark but plain; repeat it. By default all.",
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="Saved vectors of the queries, in place of a model: a file or folder."),
    ] = None,
    candidates: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="<path>",
            help="Saved vectors of the candidates; repeat it for shards, in their order, or name "
            "their folder.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.jsonl and tables.md.")
    ] = None,
    per_query: Annotated[
        bool,
        typer.Option("--per-query", help="Write the values of each query too: per_query.jsonl."),
    ] = False,
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", "-m", metavar="<str>", help="Such as AP or nDCG@10; repeat it."),
    ] = None,
    similarity: Annotated[
        str | None,
        typer.Option(help="cosine or dot; by default the model's own, of saved vectors cosine."),
    ] = None,
    empty: Annotated[
        str, typer.Option(help="Queries without a relevant candidate: error, skip or zero.")
    ] = "error",
    query_prefix: Annotated[
        str | None, typer.Option(help="Put before each query; by default the model's prompt.")
    ] = None,
    candidate_prefix: Annotated[
        str | None, typer.Option(help="Put before each candidate; by default the model's prompt.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, metavar="<int>", help="Texts encoded at a time; by default 32."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Such as cuda:1.")] = None,
    spool_folder: Annotated[
        Path | None,
        typer.Option(help="Where vectors of candidates are kept while they are ranked."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps what was counted of saved vectors; a run that was killed goes on."
        ),
    ] = None,
) -> None:
    """Encode a benchmark with a model, rank everything exactly, and print the paper's tables.

    Table 1 (accuracy) and Table 2 (language bias), both by language, and the language x language
    matrix of the first measure. Candidates are encoded once and never all held.

    Example: hybridsampler evaluate my-model --benchmark xquad-r --data examples/data/xquad-r
    """
    from hybridsampler.reporting import Request, report

    console = new_console()
    try:
        request = Request(
            benchmark=benchmark,
            data=data,
            languages=language,
            model=model,
            queries=queries,
            candidates=candidates or [],
            measures=measure,
            similarity=cast(Any, similarity),  # Request checks it, and the next
            empty=cast(Any, empty),
            query_prefix=query_prefix,
            candidate_prefix=candidate_prefix,
            batch_size=batch_size,
            device=device,
            spool_folder=spool_folder,
            per_query=per_query,
            checkpoint=checkpoint,
        )
        if per_query and out is None:
            raise ValueError("--per-query writes per_query.jsonl into the folder of --out: name it")
        if out is not None:
            _make_folder(out)
        made = report(request, new_console(stderr=True))
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        _fail(error)
    for table in made.tables:
        print_table(table, console)
    if out is not None:
        try:
            made.write(out)  # when all is seen, as it may have taken hours
        except OSError as error:
            _fail(error)
        console.print(f"\nwritten to {shown(out.resolve())}", markup=False, soft_wrap=True)


@app.command(short_help="Measure a TREC run against qrels.")
def score(
    run: Annotated[
        str,
        typer.Argument(help="What was retrieved: lines of 'query Q0 document rank score tag'."),
    ],
    qrels: Annotated[
        str, typer.Argument(help="What is relevant: lines of 'query iteration document grade'.")
    ],
    measure: Annotated[
        list[str],
        typer.Option(
            "--measure",
            "-m",
            metavar="<str>",
            help="Such as AP(rel=2)@100 or ndcg_cut_10; repeat it.",
        ),
    ] = ["AP", "nDCG@10", "R@100"],  # noqa: B006  typer reads it, nobody changes it
    per_query: Annotated[
        bool, typer.Option("--per-query", help="Print query, measure and value, and no means.")
    ] = False,
    ties: Annotated[
        str,
        typer.Option(
            help="Order of equal scores: trec (ids descending), docid (ascending), pessimistic or "
            "optimistic."
        ),
    ] = "trec",
    score_dtype: Annotated[
        str, typer.Option(help="float64, as trec_eval 10; float32, as trec_eval 9, pytrec_eval.")
    ] = "float64",
    missing: Annotated[
        str,
        typer.Option(
            help="A query of the qrels that the run lacks: zero (trec_eval -c, ir_measures), skip "
            "(trec_eval without -c) or error."
        ),
    ] = "zero",
    empty: Annotated[
        str, typer.Option(help="A query without a relevant document: zero, skip or error.")
    ] = "zero",
) -> None:
    """Measure a run against qrels, over its whole depth, and print the means.

    The run comes first, then the qrels; trec_eval and ir_measures take them the other way round.
    Both are TREC files, plain or gzipped, or Parquet with the columns query_id, doc_id and score or
    relevance. One line a measure, name and value between them a tab, to the last digit.

    Example: hybridsampler score run.trec qrels.txt -m AP -m nDCG@10 -m "AP(rel=2)@100"
    """
    from hybridsampler.trec import score_run

    try:
        given: Any = {"ties": ties, "score_dtype": score_dtype, "missing": missing, "empty": empty}
        scores = score_run(run, qrels, measure, **given)  # which says what may be chosen
    except (ValueError, TypeError, OSError, ImportError) as error:
        _fail(error)
    if not scores.found:  # a run can be that bad, so this is no error
        warning = (
            "warning: no document of the run is judged, for whatever query: check that the run and "
            "the qrels name documents alike"
        )
        typer.echo(warning, err=True)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # ids go out as they came in
    out = sys.stdout.write
    for name in scores.measures:
        if not per_query:
            out(f"{name}\t{scores[name]!r}\n")
            continue
        for query, value in zip(scores.queries, scores.per_query(name).tolist(), strict=True):
            if value == value:  # NaN: left out
                out(f"{query}\t{name}\t{value!r}\n")


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


def _fail(error: Exception) -> NoReturn:
    """One line, exit code 2, no traceback."""
    said = str(error)
    if isinstance(error, OSError) and error.filename is not None:  # the file system's own words
        said = f"{error.filename}: {error.strerror}: check the path, and who may read and write it"
    said = _ARGUMENT.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2]}", said)
    line = " ".join(part.strip() for part in said.splitlines())  # some libraries say more
    told = f"error: {line}"
    new_console(stderr=True).print(told, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2) from None

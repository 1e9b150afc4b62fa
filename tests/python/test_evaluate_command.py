"""hybridsampler evaluate: what it prints and writes, and what it refuses in one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from benchmark_files import CANDIDATES, QRELS, QUERIES, as_json, miracl, mr_tydi, write_lines
from evaluations import LANGUAGES, own_benchmark, run_evaluate, two_articles
from hybridsampler.benchmarks import load_xquad_r
from hybridsampler.benchmarks.miracl import PUBLISHED
from hybridsampler.results import read_results
from hybridsampler.scoring import score_vectors
from parquet_files import as_lists, write_parquet
from sentence_models import saved_model, static_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("models") / "letters")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_articles(tmp_path_factory.mktemp("xquad-r"))


def _rows(output: str, title: str) -> list[list[str]]:
    """The cells of the table below a title."""
    body = output.split(title)[1].split("\n\n")[0]
    rule = next(n for n, line in enumerate(body.splitlines()) if "─" in line)
    return [line.split() for line in body.splitlines()[rule + 1 :] if line.strip()]


def _cell(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}".removeprefix("0")


def test_a_model_folder_gives_the_papers_tables(model: Path, data: Path, tmp_path: Path) -> None:
    done = run_evaluate(model, "--benchmark", "xquad-r", "--data", data, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    (result,) = read_results(tmp_path / "out" / "results.jsonl")
    encode = static_model().encode
    benchmark = load_xquad_r(data)
    expected = score_vectors(
        benchmark, encode(benchmark.queries), encode(list(benchmark.candidates)), "letters"
    )
    assert result == expected
    settings = ("monolingual", "cross_lingual", "multilingual")
    columns = [(setting, m) for m in ("AP", "R@1", "R@10") for setting in settings]
    accuracy = _rows(done.stdout, "Table 1: XQuAD-R, macro means over languages")
    assert accuracy == [["letters", *(_cell(result.macro[s][m]) for s, m in columns)]]
    bias = _rows(done.stdout, "Table 2: XQuAD-R, language bias as rank distance")
    assert bias == [["letters", f"{result.rank_distance:.1f}"]]
    by_language = _rows(done.stdout, "XQuAD-R, by query language")
    assert by_language == [
        [
            name,
            *(_cell(result.by_language[s][m][name]) for s, m in columns),
            f"{result.rank_distance_by_language[name]:.0f}",
        ]
        for name in LANGUAGES
    ]
    matrix = _rows(done.stdout, "XQuAD-R, mAP, query language by candidate language")
    assert matrix == [[x, *(_cell(result.matrix[x][y], 3) for y in LANGUAGES)] for x in LANGUAGES]
    written = (tmp_path / "out" / "tables.md").read_text(encoding="utf-8")
    assert written.count("\n|---") == 4
    assert f"| letters | {_cell(result.macro['monolingual']['AP'])} |" in written
    for bar in ("read the benchmark", "encode queries", "encode candidates", "rank"):
        assert bar in done.stderr


def _write_vectors(path: Path, rows: NDArray[np.float32]) -> None:
    match path.suffix:
        case ".npy":
            np.save(path, rows)
        case ".safetensors":
            save_file({"rows": rows}, path)
        case ".parquet":
            write_parquet(path, as_lists(rows, ".fixed"))


@pytest.mark.parametrize("form", ["npy", "safetensors"])
def test_saved_vectors_give_the_same_as_the_model(
    model: Path, data: Path, tmp_path: Path, form: str
) -> None:
    benchmark = load_xquad_r(data, ["en"])
    encoder = static_model()
    arrays = {
        "letters": encoder.encode(benchmark.queries),
        "first": encoder.encode(list(benchmark.candidates))[:20],
        "second": encoder.encode(list(benchmark.candidates))[20:],
    }
    for name, array in arrays.items():
        _write_vectors(tmp_path / f"{name}.{form}", array)
    common = ["--benchmark", "xquad-r", "--data", data, "--language", "en", "-m", "RR"]
    saved = run_evaluate(
        *("--queries", tmp_path / f"letters.{form}"),
        *("--candidates", tmp_path / f"first.{form}"),
        *("--candidates", tmp_path / f"second.{form}"),
        *common,
    )
    assert saved.exit_code == 0, saved.output
    assert saved.stdout == run_evaluate(model, *common).stdout
    # One language: no setting but one.
    assert "RR\n" in re.sub(r" +", " ", saved.stdout).replace("RR \n", "RR\n")
    assert "Cr." not in saved.stdout


@pytest.mark.parametrize("form", ["npy", "safetensors", "parquet"])
def test_a_folder_of_shards_is_its_files_in_the_order_of_their_numbers(
    tmp_path: Path, form: str
) -> None:
    names = ["en", "de"] * 6
    options = own_benchmark(tmp_path, names, names)
    expected = run_evaluate(*options, "--out", tmp_path / "one")
    assert expected.exit_code == 0, expected.output
    rows = np.load(tmp_path / "candidates.npy")
    shards = {f"part-{number}": rows[number : number + 1] for number in range(12)}
    folders = {"candidates": shards, "queries": {"queries": np.load(tmp_path / "queries.npy")}}
    for name, files in folders.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").touch()
        (tmp_path / name / f".part-3.{form}").touch()  # a draft, or what an archive of a Mac holds
        for stem, part in files.items():
            _write_vectors(tmp_path / name / f"{stem}.{form}", part)
        options[options.index(tmp_path / f"{name}.npy")] = tmp_path / name
    done = run_evaluate(*options, "--out", tmp_path / "many")
    assert done.exit_code == 0, done.output
    one, many = (read_results(tmp_path / name / "results.jsonl") for name in ("one", "many"))
    assert one == many
    assert one[0].macro["multilingual"]["AP"] == 1.0


def test_what_was_counted_of_saved_vectors_is_kept(tmp_path: Path) -> None:
    options = own_benchmark(tmp_path, ["en", "de"], ["en", "de"])
    expected, kept = run_evaluate(*options), tmp_path / "counted"
    for _ in range(2):
        done = run_evaluate(*options, "--checkpoint", kept)
        assert (done.exit_code, done.stdout) == (0, expected.stdout), done.output
        assert kept.is_file()
    kept.write_bytes(b"none")
    done = run_evaluate(*options, "--checkpoint", kept)
    assert done.exit_code == 2
    assert f"error: {kept} is no checkpoint of a count: name another file\n" in done.stderr


def test_results_that_cannot_be_written_are_seen_all_the_same(tmp_path: Path) -> None:
    """After hours of encoding the disk may be full."""
    options = own_benchmark(tmp_path, ["en", "de"], ["en", "de"])
    expected = run_evaluate(*options)
    (tmp_path / "out" / "results.jsonl").mkdir(parents=True)
    done = run_evaluate(*options, "--out", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (2, expected.stdout)
    assert "Table 1" in done.stdout
    assert f"error: {tmp_path / 'out' / 'results.jsonl'} cannot be written (" in done.stderr


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "{folder} has no file of vectors, no .npy or .safetensors or .parquet: give the fold"),
        (
            ["a.npy", "b.parquet"],
            "{folder} has files of vectors as .npy and as .parquet: leave those of one form there, "
            "or name each file",
        ),
        (
            ["c-00000-of-00003.npy", "c-00002-of-00003.npy"],
            "{folder}/c-00001-of-00003.npy is missing: fetch or write it",
        ),
    ],
)
def test_a_folder_that_is_none_of_shards(tmp_path: Path, names: list[str], message: str) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    np.save(tmp_path / "q.npy", np.ones((1, 2), np.float32))
    paths = ("--queries", tmp_path / "q.npy", "--candidates", folder)
    # Said before a benchmark is read, which is not there either.
    done = run_evaluate("--benchmark", "miracl", "--data", tmp_path / "none", *paths)
    assert done.exit_code == 2
    assert f"error: {message.format(folder=folder)}" in done.stderr


def test_measures_may_have_trec_evals_names(model: Path, data: Path) -> None:
    common = (model, "--benchmark", "xquad-r", "--data", data)
    ours = run_evaluate(*common, "-m", "AP", "-m", "R@10")
    theirs = run_evaluate(*common, "-m", "map", "-m", "recall_10", "-m", "MAP")
    assert ours.exit_code == theirs.exit_code == 0, theirs.output
    assert theirs.stdout == ours.stdout


@pytest.mark.parametrize("name", ["miracl", "mr-tydi"])
def test_passages_are_measured_by_language(model: Path, tmp_path: Path, name: str) -> None:
    if name == "miracl":
        folder, languages = miracl(tmp_path), ("sw", "yo")
    else:
        folder, languages = mr_tydi(tmp_path, archive=True), ("sw", "te")
    done = run_evaluate(model, "--benchmark", name, "--data", folder)
    assert done.exit_code == 0, done.output
    title = {"miracl": "MIRACL dev", "mr-tydi": "Mr. TyDi"}[name]
    by_language = _rows(done.stdout, f"{title}, by query language")
    assert [row[0] for row in by_language] == list(languages)
    assert "nDCG@10" in done.stdout
    assert "R@100" in done.stdout
    assert all(row[-1] == "1.0000" for row in by_language)  # fewer than 100 passages
    for absent in ("Table 2", "candidate language", "Mul."):
        assert absent not in done.stdout


def test_a_corpus_that_is_not_all_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last shards of MIRACL may be missing, and fewer passages give better numbers."""
    folder, options = miracl(tmp_path), ("--benchmark", "miracl", "--data", tmp_path)
    vectors = []
    for name, count in (("queries", 3), ("candidates", 5)):
        np.save(folder / f"{name}.npy", np.eye(count, 5, dtype=np.float32))
        vectors += [f"--{name}", folder / f"{name}.npy"]
    done = run_evaluate(*options, *vectors)
    assert done.exit_code == 0, done.output
    warning = (
        "warning: MIRACL dev is not as it was published, so that its numbers cannot be compared "
        "with others: sw has 2 queries of 482 and 4 candidates of 131,924; yo has 1 queries of 119 "
        "and 1 candidates of 49,043; fetch what is missing\n"
    )
    assert warning in done.stderr
    for name, counts in (("sw", (2, 4)), ("yo", (1, 1))):
        monkeypatch.setitem(PUBLISHED, name, counts)
    assert "warning" not in run_evaluate(*options, *vectors).stderr


def test_prefixes_and_similarity_change_the_numbers(model: Path, data: Path) -> None:
    common = (model, "--benchmark", "xquad-r", "--data", data, "-m", "AP")
    outputs = {
        run_evaluate(*common, *more).stdout
        for more in (
            (),
            ("--query-prefix", "Query: "),
            ("--candidate-prefix", "Passage: "),
            ("--similarity", "dot"),
        )
    }
    assert len(outputs) == 4


def test_a_model_is_compared_by_its_own_similarity(tmp_path: Path, data: Path) -> None:
    model = static_model()
    options = ("--benchmark", "xquad-r", "--data", data, "-m", "AP")
    for name in ("cosine", "dot", "euclidean"):
        model.similarity_fn_name = name
        model.save_pretrained(str(tmp_path / name / "own"), create_model_card=False)
    tables = {
        (name, more): run_evaluate(tmp_path / name / "own", *options, *more).stdout
        for name in ("cosine", "dot", "euclidean")
        for more in ((), ("--similarity", "dot"))
    }
    assert tables["cosine", ()] != tables["dot", ()]
    assert len({tables[name, ("--similarity", "dot")] for name in ("cosine", "euclidean")}) == 1
    assert tables["dot", ()] == tables["dot", ("--similarity", "dot")]
    refused = run_evaluate(tmp_path / "euclidean" / "own", *options)
    assert refused.exit_code == 2
    assert "the model compares by 'euclidean': choose cosine or dot as the sim" in refused.stderr


VECTORS = ("--queries", "q.npy", "--candidates", "c.npy")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "--benchmark", "xquad"), "unknown benchmark 'xquad': choose from xquad-r, mlqa-r,"),
        (("--benchmark", "xquad-r"), "give either a model or saved vectors, --queries q.npy --can"),
        (("x", "--benchmark", "xquad-r", *VECTORS), "give either a model or saved vectors"),
        (("--benchmark", "xquad-r", *VECTORS[:2]), "--candidates is missing: saved vectors are"),
        (("--benchmark", "xquad-r", *VECTORS[2:]), "--queries is missing: saved vectors are"),
        *(
            (
                ("--benchmark", "xquad-r", *VECTORS, option, value),
                f"{option} '{value}' is for a model and changes nothing in vectors that were "
                "saved: leave it out, or give a model in their place",
            )
            for option, value in (
                ("--query-prefix", "a"),
                ("--candidate-prefix", ""),
                ("--batch-size", "32"),
                ("--device", "cpu"),
                ("--spool-folder", "/tmp"),
            )
        ),
        (
            ("x", "--benchmark", "xquad-r", "--checkpoint", "c"),
            "--checkpoint 'c' is for saved vectors, and a model would encode all texts again: leave"
            " it out, or save the vectors and give them in place of the model",
        ),
        (
            ("--benchmark", "xquad-r", *VECTORS, "--checkpoint", "/none/c"),
            "checkpoint /none/c: there is no such folder: create it",
        ),
        (
            ("x", "--benchmark", "xquad-r", "--similarity", "l2"),
            "similarity 'l2': choose cosine or dot",
        ),
        (("x", "--benchmark", "xquad-r", "--empty", "no"), "--empty no: choose 'zero', 'skip' or"),
        (("x", "--benchmark", "xquad-r", "-m", "XP"), "unknown measure 'XP'"),
        (
            ("x", "--benchmark", "xquad-r", "--data", "{data}", "--per-query"),
            "--per-query writes per_query.jsonl into the folder of --out: name it",
        ),
        (("x", "--benchmark", "xquad-r"), "give its folder, on the command line with --data"),
        (
            ("x", "--benchmark", "xquad-r", "--data", "/none"),
            "/none is not a folder; give the folder of the data",
        ),
        (("{data}/..", "--benchmark", "xquad-r", "--data", "{data}"), "holds no model"),
        (
            ("x", "--benchmark", "xquad-r", "--data", "{data}", "--spool-folder", "/none"),
            "--spool-folder /none is no folder: create it",
        ),
        (
            ("x", "--benchmark", "xquad-r", "--data", "{data}", "--language", "th"),
            "has no language 'th'; it has de, en",
        ),
        (
            ("--benchmark", "xquad-r", "--data", "{data}", *VECTORS),
            "q.npy is no file: check the path",
        ),
        (
            ("x", "--benchmark", "xquad-r", "--data", "{data}", "--out", "/proc/none"),
            "cannot write to the folder /proc/none (No such file or directory): name another with",
        ),
    ],
)
def test_bad_input_gets_one_line(arguments: tuple[str, ...], message: str, data: Path) -> None:
    done = run_evaluate(*(argument.format(data=data) for argument in arguments))
    assert done.exit_code == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert message in lines[0]
    assert "Traceback" not in done.output


def test_too_few_vectors_get_one_line(data: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "q.npy", np.ones((5, 2), np.float32))
    paths = ("--queries", tmp_path / "q.npy", "--candidates", tmp_path / "q.npy")
    done = run_evaluate("--benchmark", "xquad-r", "--data", data, *paths)
    assert done.exit_code == 2
    asked = len(load_xquad_r(data).queries)
    assert f"error: there are 5 vectors of queries but XQuAD-R has {asked} queries" in done.stderr


def test_a_query_without_a_relevant_candidate_is_named_as_in_the_files(tmp_path: Path) -> None:
    for name, rows in (("queries", QUERIES), ("candidates", CANDIDATES), ("qrels", QRELS[1:])):
        write_lines(tmp_path / f"{name}.jsonl", as_json(rows))
    np.save(tmp_path / "v.npy", np.ones((3, 2), np.float32))
    paths = ("--queries", tmp_path / "v.npy", "--candidates", tmp_path / "v.npy")
    done = run_evaluate("--benchmark", "plain", "--data", tmp_path, *paths)
    message = (
        "error: query 'q2 (en)' has no relevant candidate (1 queries have none): leave such "
        "queries out, or give --empty zero or --empty skip\n"
    )
    assert done.exit_code == 2
    assert done.stderr.endswith(message)


@pytest.mark.parametrize("name", ["ger", "de"])
def test_languages_that_do_not_meet_are_told(tmp_path: Path, name: str) -> None:
    """One language under two names would leave its queries out of the monolingual mean unseen."""
    done = run_evaluate(*own_benchmark(tmp_path, ["en", name], ["en", "de"]))
    assert done.exit_code == 0, done.output
    warning = (
        "warning: no candidate is in ger, the language of some queries, which thus count in no "
        "monolingual mean; candidates are in de, en\n"
    )
    assert (warning in done.stderr) == (name == "ger")
    assert "warning" not in done.stdout


def test_names_of_files_need_not_be_utf8(tmp_path: Path) -> None:
    data, vectors, out = (tmp_path / os.fsdecode(name + b"_\xff") for name in (b"d", b"v", b"o"))
    for name, rows in (("queries", QUERIES), ("candidates", CANDIDATES), ("qrels", QRELS)):
        write_lines(data / f"{name}.jsonl", as_json(rows))
    vectors = vectors.with_name(f"{vectors.name}.npy")
    np.save(vectors, np.ones((3, 2), np.float32))
    command = [sys.executable, "-m", "hybridsampler", "evaluate", "--benchmark", "plain"]
    paths = ("--data", data, "--queries", vectors, "--candidates", vectors, "--out", out)
    done = subprocess.run(
        [*command, *map(str, paths)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    (result,) = read_results(out / "results.jsonl")
    assert result.arm == "v_\\xff"
    for printed in (done.stdout, (out / "tables.md").read_text(encoding="utf-8")):
        assert "Table 1: d_\\xff, macro means over languages" in printed
        assert "v_\\xff" in printed
    assert done.stdout.endswith("o_\\xff\n")


def test_measures_for_which_nobody_counts(model: Path, data: Path) -> None:
    common = (model, "--benchmark", "xquad-r", "--data", data, "--empty", "skip")
    done = run_evaluate(*common, "-m", "AP(rel=2)")
    assert done.exit_code == 2
    message = (
        "error: no query of XQuAD-R has a candidate that the measures are about: ask for others, "
        "or count such queries by --empty zero\n"
    )
    assert done.stderr.endswith(message)
    assert "encode" not in done.stderr
    # Beside another there is no matrix, which would be that of the first.
    done = run_evaluate(*common, "-m", "AP(rel=2)", "-m", "RR")
    assert done.exit_code == 0, done.output
    assert "Table 1" in done.stdout
    assert "by candidate language" not in done.stdout
    assert (
        "warning: no query of XQuAD-R has a candidate that AP(rel=2) is about, so it is in no "
        "table; --empty zero counts such queries\n"
    ) in done.stderr
    assert "warning" not in run_evaluate(*common, "-m", "RR").stderr


def test_names_may_look_like_markup(data: Path, tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "[red]x[]")
    done = run_evaluate(folder, "--benchmark", "xquad-r", "--data", data, "-m", "AP")
    assert done.exit_code == 0, done.output
    assert "[red]x[]" in done.stdout


def test_languages_may_look_like_markup(tmp_path: Path) -> None:
    names = ["x[/y]", "zh[hans]", ":100:"]
    done = run_evaluate(*own_benchmark(tmp_path, names, names), "-m", "AP")
    assert done.exit_code == 0, done.output
    header = done.stdout.split("by candidate language")[1].splitlines()[1]
    assert header.split() == ["language", *sorted(names)]


def test_a_line_of_which_rich_has_a_picture_is_named_all_the_same(tmp_path: Path) -> None:
    options = own_benchmark(tmp_path, ["en"], ["en"])
    write_lines(tmp_path / "queries.jsonl", [*[""] * 99, "{"])
    done = run_evaluate(*options)
    assert done.exit_code == 2
    assert "queries.jsonl:100: " in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_that_lacks_letters_gets_them_escaped(tmp_path: Path, encoding: str) -> None:
    names = ["en", "日本"]
    options = map(str, own_benchmark(tmp_path, names, names))
    done = subprocess.run(
        [sys.executable, "-m", "hybridsampler", "evaluate", *options],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert rb"\u65e5\u672c" in done.stdout


def test_one_language_has_no_bias(tmp_path: Path) -> None:
    options = own_benchmark(tmp_path, ["en", "en"], ["en", "en"])
    done = run_evaluate(*options, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "Table 2" not in done.stdout
    assert "bias" not in done.stdout.replace(tmp_path.name, "")
    (result,) = read_results(tmp_path / "out" / "results.jsonl")
    assert (result.rank_distance, result.rank_distance_by_language) == (None, {})


def test_the_command_itself_prints_one_line_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hybridsampler", "evaluate", "--benchmark", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: unknown benchmark 'none'")


def test_no_digit_is_cut_off_on_a_narrow_screen(model: Path, data: Path) -> None:
    common = (model, "--benchmark", "xquad-r", "--data", data)
    wide, narrow = (run_evaluate(*common, columns=columns).stdout for columns in (200, 30))
    assert "…" not in narrow
    assert re.findall(r"\.\d+", narrow) == re.findall(r"\.\d+", wide)
    assert max(map(len, run_evaluate(*common).stdout.splitlines())) <= 80


def test_saved_vectors_need_no_torch() -> None:
    code = "import hybridsampler.reporting, sys; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "False\n"


def test_help_teaches() -> None:
    assert "hybridsampler evaluate my-model --benchmark xquad-r" in run_evaluate("--help").output

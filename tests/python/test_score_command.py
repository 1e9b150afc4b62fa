"""hybridsampler score: what it prints, and that it needs little."""

from __future__ import annotations

import gzip
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybridsampler import score_run
from hybridsampler.cli import app

RUN = "1 Q0 a 1 0.3 t\n1 Q0 b 2 0.3 t\n1 Q0 c 3 0.1 t\n2 Q0 a 1 7 t\n4 Q0 b 1 7 t\n9 Q0 a 1 7 t\n"
QRELS = "1 0 a 1\n1 0 c 2\n2 0 b 1\n3 0 a 1\n4 0 a 0\n"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "run").write_text(RUN, encoding="utf-8")
    (tmp_path / "qrels.gz").write_bytes(gzip.compress(QRELS.encode()))
    return [str(tmp_path / "run"), str(tmp_path / "qrels.gz")]


def score(*arguments: str) -> list[str]:
    done = CliRunner().invoke(app, ["score", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_it_prints_every_digit_of_what_score_run_finds(files: list[str]) -> None:
    found = score_run(*files)
    # Of four queries only the first finds something: "a" behind "b", then "c".
    assert found["AP"] == (1 / 2 + 2 / 3) / 2 / 4
    assert score(*files) == [f"{name}\t{found[name]!r}" for name in ("AP", "nDCG@10", "R@100")]
    assert score(*files, "-m", "mAP") == [f"AP\t{found['AP']!r}"]
    assert score(*files, "-m", "map_cut_2", "-m", "AP(rel=2)") == [
        f"AP@2\t{1 / 2 / 2 / 4!r}",
        f"AP(rel=2)\t{1 / 3 / 4!r}",
    ]


def test_it_prints_queries_one_by_one(files: list[str]) -> None:
    lines = ["1\tRR\t0.5", "2\tRR\t0.0", "3\tRR\t0.0", "4\tRR\t0.0"]
    assert score(*files, "-m", "RR", "--per-query") == lines
    assert score(*files, "-m", "RR", "--per-query", "--missing", "skip") == lines[:2] + lines[3:]
    assert score(*files, "-m", "RR", "--per-query", "--empty", "skip") == lines[:3]


def test_ids_go_out_as_they_came_in_whatever_the_terminal_takes(files: list[str]) -> None:
    Path(files[0]).write_text("問 Q0 a 1 1 t\n", encoding="utf-8")
    Path(files[1]).write_text("問 0 a 1\n", encoding="utf-8")
    command = [sys.executable, "-m", "hybridsampler", "score", *files, "-m", "RR", "--per-query"]
    for encoding in ("ascii", "cp1252"):
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
        assert (done.stdout.decode(), done.stderr) == ("問\tRR\t1.0\n", b"")


def test_its_options_are_those_of_score_run(files: list[str]) -> None:
    assert score(*files, "-m", "RR", "--ties", "docid") == ["RR\t0.25"]
    assert score(*files, "-m", "RR", "--ties", "optimistic") == ["RR\t0.25"]
    assert score(*files, "-m", "RR", "--missing", "skip") == [f"RR\t{0.5 / 3!r}"]
    assert score(*files, "-m", "RR", "--missing", "skip", "--empty", "skip") == ["RR\t0.25"]
    close = Path(files[0])
    close.write_text("1 Q0 a 1 1.000000000001 t\n1 Q0 b 1 1 t\n", encoding="utf-8")
    options = ["-m", "RR", "--missing", "skip"]
    assert score(*files, *options) == ["RR\t1.0"]
    assert score(*files, *options, "--score-dtype", "float32") == ["RR\t0.5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "MAP@"], "error: unknown measure 'MAP@'"),
        (["--ties", "index"], "error: --ties index: choose 'trec', 'docid', 'pessimistic' or"),
        (["--score-dtype", "half"], "error: --score-dtype half: choose 'float64' or 'float32'"),
        (
            ["--missing", "error"],
            "error: the run has no document for query '3' of the qrels: add it, or give "
            "--missing zero or --missing skip\n",
        ),
        (
            ["--empty", "error"],
            "error: AP: no document is relevant to query '4': leave such queries out, or give "
            "--empty zero or --empty skip\n",
        ),
    ],
)
def test_bad_options_are_one_line(files: list[str], arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["score", *files, *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_bad_files_are_one_line(files: list[str]) -> None:
    Path(files[0]).write_text("1 Q0 a 1 x t\n", encoding="utf-8")
    for arguments, message in (
        (files, f'error: {files[0]}, line 1: score "x" is no number: write it like 12.5 or 1e-3\n'),
        (
            ["none", files[1]],
            "error: none cannot be read (No such file or directory): give the run as a TREC file, "
            "plain or gzipped, or as Parquet, a table with the columns query_id, doc_id and "
            "score\n",
        ),
    ):
        done = CliRunner().invoke(app, ["score", *arguments])
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", message)


def test_documents_of_another_kind_are_a_warning(files: list[str]) -> None:
    warning = (
        "warning: no document of the run is judged, for whatever query: check that the run and the "
        "qrels name documents alike\n"
    )
    # The judged document of query 4 has the grade 0, which is no mismatch.
    for document, told in (("zz", warning), ("a", "")):
        Path(files[0]).write_text(f"4 Q0 {document} 1 1 t\n1 Q0 zz 1 1 t\n", encoding="utf-8")
        done = CliRunner().invoke(app, ["score", *files, "-m", "RR"])
        assert (done.exit_code, done.stdout, done.stderr) == (0, "RR\t0.0\n", told)
        assert score_run(*files).found == bool(not told)


def test_its_help_has_an_example() -> None:
    text = " ".join(" ".join(score("--help")).split())
    assert 'Example: hybridsampler score run.trec qrels.txt -m AP -m nDCG@10 -m "AP(rel=2)' in text
    assert "The run comes first, then the qrels; trec_eval and ir_measures take them" in text


def test_the_page_about_runs_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
    block = page.partition("```\n$ ")[2].partition("```")[0]
    shown = {}
    for part in block.split("\n$ "):
        command, _, output = part.partition("\n")
        shown[command] = output.rstrip("\n").splitlines()
    monkeypatch.chdir(tmp_path)
    *files, last = shown
    for command in files:
        Path(command.removeprefix("cat ")).write_text("\n".join(shown[command]), encoding="utf-8")
    assert score(*shlex.split(last)[2:]) == shown[last]


def test_it_starts_without_torch_and_the_study(files: list[str]) -> None:
    code = (
        "import sys; from hybridsampler.cli import app\n"
        f"app(['score', *{files!r}], standalone_mode=False)\n"
        "heavy = 'torch pyarrow matplotlib hybridsampler.study'\n"
        "print([name for name in heavy.split() if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_that_lacks_a_package_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(name='torch')", encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['h', 'study', 'none.toml']"
        "\nfrom hybridsampler.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    message = "error: this command needs torch: pip install 'hybridsampler[study]'\n"
    assert (done.returncode, done.stderr) == (2, message)

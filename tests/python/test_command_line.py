"""What all commands share: output that cannot be written, and errors of one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybridsampler.cli import app

HYBRIDSAMPLER = [sys.executable, "-m", "hybridsampler"]
REMEDY = "send it where there is room"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "run").write_text("1 Q0 a 1 0.3 t\n", encoding="utf-8")
    (tmp_path / "qrels").write_text("1 0 a 1\n", encoding="utf-8")
    return [str(tmp_path / "run"), str(tmp_path / "qrels")]


def _written_to(
    output: int, arguments: Sequence[str], unbuffered: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HYBRIDSAMPLER, *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        timeout=120,
        check=False,
    )


# Written at once, or when the process ends; by our own code, by rich, by typer.
COMMANDS = (
    (["score"], ""),
    (["score"], "1"),
    (["mix", "examples/quick.toml", "--steps", "9"], ""),
    (["--help"], ""),
    (["score", "--help"], "1"),
)


@pytest.mark.parametrize(("command", "unbuffered"), COMMANDS)
def test_a_full_disk_is_one_line(
    files: list[str], command: list[str], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    arguments = [*command, *files] if command == ["score"] else command
    with Path("/dev/full").open("wb") as full:
        done = _written_to(full.fileno(), arguments, unbuffered)
    message = f"error: the output cannot be written (No space left on device): {REMEDY}\n"
    assert (done.returncode, done.stderr) == (2, message)


@pytest.mark.parametrize(("command", "unbuffered"), COMMANDS)
def test_a_reader_that_is_gone_ends_it_without_a_word(
    files: list[str], command: list[str], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    arguments = [*command, *files] if command == ["score"] else command
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = _written_to(writer, arguments, unbuffered)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_no_output_at_all_is_one_line(files: list[str]) -> None:
    command = f'exec "{sys.executable}" -m hybridsampler score "$@" >&-'
    done = subprocess.run(
        ["sh", "-c", command, "sh", *files],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    message = "error: standard output is closed: send it to a file or a terminal\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_an_error_stays_the_only_one_when_there_is_no_room_for_output() -> None:
    with Path("/dev/full").open("wb") as full:
        done = _written_to(full.fileno(), ["score", "none", "none"], "")
    assert done.returncode == 2
    assert done.stderr.startswith("error: none cannot be read (No such file or directory): give ")
    assert done.stderr.count("\n") == 1


def test_what_only_the_file_system_has_words_for_comes_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "en.json").mkdir()
    command = ["evaluate", "x", "--benchmark", "xquad-r", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, command)
    told = "Is a directory: check the path, and who may read and write it\n"
    assert done.exit_code == 2
    assert done.stderr.endswith(f"error: {tmp_path}/en.json: {told}")


def test_it_tells_its_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"hybridsampler {version('hybridsampler')}\n")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("hybridsampler s", ["study", "score"]),
        ("hybridsampler evaluate --s", ["--similarity", "--spool-folder"]),
    ],
)
def test_the_tab_key_completes_commands_and_options(typed: str, offered: list[str]) -> None:
    """As the shell asks for it once --install-completion has set it up."""
    asked = {
        "_HYBRIDSAMPLER_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        HYBRIDSAMPLER,
        capture_output=True,
        text=True,
        env=os.environ | asked,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, offered, "")


@pytest.mark.parametrize("command", [[], ["study"], ["mix"], ["evaluate"], ["score"]])
def test_help_cuts_no_sentence_and_names_no_types_of_python(command: list[str]) -> None:
    text = CliRunner().invoke(app, [*command, "--help"]).output
    assert "..." not in text.replace("[ARGS]...", "")
    assert "list[" not in text
    assert "range>" not in text


@pytest.mark.parametrize("command", [[], ["study"], ["mix"], ["evaluate"], ["score"]])
def test_help_has_a_short_name(command: list[str]) -> None:
    long, short = (CliRunner().invoke(app, [*command, option]) for option in ("--help", "-h"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "-h" in short.stdout


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["score"], "Error: Missing argument 'run'."),
        (["score", "a", "b", "--tie", "trec"], "Error: No such option: --tie"),
        (["scores"], "Error: No such command 'scores'."),
        (["mix", "x", "--steps", "0"], "Error: Invalid value for '--steps': "),
        (["mix", "x", "--pairs", "few"], "Error: Invalid value for '--pairs': "),
    ],
)
def test_usage_errors_are_those_that_people_know(arguments: list[str], last: str) -> None:
    """Usage, where to read more, what is wrong: as every command made with typer has them."""
    done = CliRunner().invoke(app, arguments)
    usage, remedy, blank, wrong = done.stderr.splitlines()
    assert (done.exit_code, done.stdout, blank) == (2, "", "")
    assert usage.startswith("Usage: ")
    assert remedy.startswith("Try '")
    assert remedy.endswith(" --help' for help.")
    assert wrong.startswith(last)

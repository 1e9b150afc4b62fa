"""hybridsampler evaluate by the names of a hub, which a server on this machine stands in for."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark_files import miracl
from hub_server import Hub, serve_hub
from hybridsampler.cli import app
from hybridsampler.results import Result, read_results
from sentence_models import pickled, saved_model

SHIPPED = Path(__file__).parents[2] / "examples/data/xquad-r"
CORPUS = "datasets/miracl/miracl-corpus/miracl-corpus-v1.0-sw"
TOPICS = "datasets/miracl/miracl/miracl-v1.0-sw"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A model, MIRACL's two data sets, and someone's copy of XQuAD-R."""
    root = tmp_path_factory.mktemp("hub")
    saved_model(root / "someone" / "letters")
    local = miracl(tmp_path_factory.mktemp("local"))
    for path in local.iterdir():
        name = "miracl-corpus" if "corpus" in path.name else "miracl"
        shutil.copytree(path, root / "datasets" / "miracl" / name / path.name)
    mine = root / "datasets" / "someone" / "xquad-r"
    mine.mkdir(parents=True)
    for language in ("th", "vi"):
        shutil.copy(SHIPPED / f"{language}.json.xz", mine)
    with serve_hub(root) as server:
        yield server


def _evaluate(hub: Hub, cache: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hybridsampler", "evaluate", *map(str, arguments)],
        env={**os.environ, **hub.environment(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def _by_name(hub: Hub, cache: Path, *arguments: object) -> Result:
    done = _evaluate(hub, cache, *arguments, "--out", cache / "out")
    assert done.returncode == 0, done.stderr
    return read_results(cache / "out" / "results.jsonl")[-1]


def _by_folder(out: Path, *arguments: object) -> Result:
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--out", str(out)])
    assert done.exit_code == 0, done.output
    (result,) = read_results(out / "results.jsonl")
    return result


def test_a_model_and_a_data_set_by_name(hub: Hub, tmp_path: Path) -> None:
    choice = ["--benchmark", "xquad-r", "--language", "th"]
    named = _by_name(hub, tmp_path, "someone/letters", *choice, "--data", "someone/xquad-r")
    assert "datasets/someone/xquad-r/th.json.xz" in hub.fetched
    assert "someone/letters/model.safetensors" in str(hub.fetched)
    model = hub.root / "someone" / "letters"
    local = _by_folder(tmp_path / "local", model, *choice, "--data", SHIPPED)
    assert dataclasses.replace(named, arm=local.arm) == local


def test_a_model_by_name_whose_weights_are_pickles(hub: Hub, tmp_path: Path) -> None:
    pickled(saved_model(hub.root / "someone" / "pickled"))
    choice = ["--benchmark", "xquad-r", "--language", "th", "--data", "someone/xquad-r"]
    done = _evaluate(hub, tmp_path, "someone/pickled", *choice)
    assert done.returncode == 2, done.stderr
    message = " ".join(done.stderr.split())
    assert "the model someone/pickled cannot be opened (" in message
    assert "pytorch_model.bin is a pickle, not safetensors): check the name" in message
    assert "Traceback" not in done.stderr


def test_miracl_fetches_the_language_that_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    before = len(hub.fetched)
    arguments = [hub.root / "someone" / "letters", "--benchmark", "miracl", "--language", "sw"]
    named = _by_name(hub, tmp_path, *arguments)
    assert sorted(hub.fetched[before:]) == [
        *(f"{CORPUS}/docs-{number}.jsonl.gz" for number in (0, 1, 2)),
        f"{TOPICS}/qrels/qrels.miracl-v1.0-sw-dev.tsv",
        f"{TOPICS}/topics/topics.miracl-v1.0-sw-dev.tsv",
    ]
    local = _by_folder(tmp_path / "local", *arguments, "--data", hub.root / "datasets" / "miracl")
    assert named == local
    # What was fetched is not fetched again.
    fetched = len(hub.fetched)
    assert _by_name(hub, tmp_path, *arguments) == local
    assert len(hub.fetched) == fetched


def test_a_name_that_the_hub_does_not_have(hub: Hub, tmp_path: Path) -> None:
    folder = hub.root / "someone" / "letters"
    done = _evaluate(hub, tmp_path, folder, "--benchmark", "xquad-r", "--data", "someone/nothing")
    assert done.returncode == 2, done.stderr
    assert "someone/nothing is no folder, and as a data set of the hub it cannot be fetched (" in (
        done.stderr
    )
    assert "Traceback" not in done.stderr

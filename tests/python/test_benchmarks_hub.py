"""Benchmarks by their names on the hub, from a cache as huggingface_hub writes it; no network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark_files import CANDIDATES, QRELS, QUERIES, miracl, mr_tydi
from hybridsampler.benchmarks import (
    load_benchmark,
    load_miracl,
    load_mr_tydi,
    load_plain,
    load_xquad_r,
)

SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "data" / "xquad-r"
REVISION = "0123456789abcdef0123456789abcdef01234567"
Publish = Callable[[str], Path]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Make the folder of a data set that the cache holds."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def made(name: str) -> Path:
        repository = cache / f"datasets--{name.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text(REVISION)
        folder = repository / "snapshots" / REVISION
        folder.mkdir(parents=True)
        return folder

    return made


def fails(message: str, error: type[Exception] = OSError) -> Any:
    return pytest.raises(error, match=re.escape(message))


def test_miracl_comes_from_its_two_data_sets(tmp_path: Path, publish: Publish) -> None:
    local = miracl(tmp_path / "local")
    for path in local.iterdir():
        corpus = "corpus" in path.name
        repository = tmp_path / "hub" / ("datasets--miracl--miracl" + "-corpus" * corpus)
        if not repository.exists():
            publish("miracl/miracl-corpus" if corpus else "miracl/miracl")
        shutil.copytree(path, repository / "snapshots" / REVISION / path.name)
    found = load_miracl(languages=["sw", "yo"])
    expected = load_miracl(local)
    assert found.queries == expected.queries
    assert list(found.candidates) == list(expected.candidates)
    assert found.indices.tolist() == expected.indices.tolist()
    assert load_benchmark("miracl", languages=["yo"]).languages == ["yo"]
    with pytest.raises(ValueError, match="MIRACL dev of the hub has no language 'el'; it has ar,"):
        load_miracl(languages=["el"])


def test_mr_tydi_comes_from_its_two_data_sets(tmp_path: Path, publish: Publish) -> None:
    local = mr_tydi(tmp_path / "local", archive=False)
    for name in ("mr-tydi", "mr-tydi-corpus"):
        shutil.copytree(local / name, publish(f"castorini/{name}"), dirs_exist_ok=True)
    found = load_mr_tydi(languages=["sw", "te"])
    assert found.query_ids == load_mr_tydi(local).query_ids


def test_other_layouts_come_from_any_data_set(tmp_path: Path, publish: Publish) -> None:
    shutil.copy(SHIPPED / "th.json.xz", publish("someone/xquad-r"))
    assert load_xquad_r("someone/xquad-r") == load_xquad_r(SHIPPED, ["th"])
    folder = publish("someone/ants")
    for name, rows in (("queries", QUERIES), ("candidates", CANDIDATES), ("qrels", QRELS)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = load_plain("someone/ants")
    assert found.name == "someone/ants"
    assert list(found.candidate_ids) == ["c1", "c2", "c3"]


def test_what_cannot_be_fetched(publish: Publish) -> None:
    with fails(
        "someone/none is no folder, and as a data set of the hub it cannot be fetched ("
    ) as e:
        load_plain("someone/none")
    assert str(e.value).endswith("check the name and the network, or give a local folder")
    assert "\n" not in str(e.value)
    with fails(
        "none is not a folder; give the folder of the data, or a data set of the hub as own"
    ):
        load_plain("none")
    with fails("../a/b is not a folder; give the folder of the data, or a data set"):
        load_plain("../a/b")


def test_a_connection_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one of the HTTP client, neither of the hub nor of the system."""
    told = "peer closed connection without sending complete message body"

    class BrokenOffError(Exception):
        pass

    def broken(*_: object, **__: object) -> str:
        raise BrokenOffError(told)

    monkeypatch.setattr("huggingface_hub.snapshot_download", broken)
    with fails(f"it cannot be fetched ({told}): check the name and the network"):
        load_plain("someone/ants")

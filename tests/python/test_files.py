"""Files: written whole or not at all, and errors that say what was expected."""

from __future__ import annotations

import errno
import json
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hybridsampler import RankCounter
from hybridsampler.files import readable, written_whole
from hybridsampler.passes import Checkpoint
from hybridsampler.results import Result, read_results, write_results


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with written_whole(path) as draft:
        draft.write_text("first", encoding="utf-8")
        assert not path.exists()
    with pytest.raises(FileNotFoundError), written_whole(path):
        (tmp_path / "none").read_bytes()
    assert path.read_text(encoding="utf-8") == "first"
    assert [*tmp_path.iterdir()] == [path]


def test_a_link_stays_and_leads_to_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link, file = tmp_path / "link", tmp_path / "folder" / "file"
    link.symlink_to("folder/file")
    for text in ("first", "second"):
        with written_whole(link) as draft:
            draft.write_text(text, encoding="utf-8")
        assert link.is_symlink()
        assert file.read_text(encoding="utf-8") == text
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "folder", file, link])


def test_who_may_read_and_write_a_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    plain = path.stat().st_mode
    path.unlink()
    for mode in (plain, 0o600, 0o664):
        if path.exists():
            path.chmod(mode)
        with written_whole(path):
            pass
        assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(mode)


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127], ids=["letters", "accents"])
def test_names_may_be_as_long_as_the_system_takes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with written_whole(path) as draft:
        draft.write_text("long", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "long"


def test_errors_of_writing_name_the_file_and_not_the_draft(tmp_path: Path) -> None:
    remedy = "name a file in a folder that is there, has room and may be written to"
    path = tmp_path / "none" / "file"
    with pytest.raises(FileNotFoundError) as caught, written_whole(path):
        pass
    assert str(caught.value) == f"{path} cannot be written (No such file or directory): {remedy}"
    assert caught.value.errno == errno.ENOENT
    told = f"{tmp_path / 'file'} cannot be written (No space left on device): {remedy}"
    full = pytest.raises(OSError, match=f"^{re.escape(told)}$")
    with full as caught_full, written_whole(tmp_path / "file"):
        Path("/dev/full").write_text("more than there is room for", encoding="utf-8")
    assert caught_full.value.errno == errno.ENOSPC
    with pytest.raises(IsADirectoryError, match=re.escape(f"{tmp_path} cannot be written (Is a ")):
        write_results([], tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_errors_of_reading_say_what_was_expected(tmp_path: Path) -> None:
    counter = RankCounter(np.ones((1, 2), np.float32), ([0, 1], [0]))
    path = tmp_path / "none"
    for read, expected in (
        (lambda: counter.load(path), "give a file that save() has written"),
        (lambda: read_results(path), "give a file that write_results has written"),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            read()
        assert str(caught.value) == f"{path} cannot be read (No such file or directory): {expected}"
        assert caught.value.errno == errno.ENOENT
    message = f"{tmp_path} cannot be read (Is a directory): name the file of a checkpoint, or one t"
    with pytest.raises(IsADirectoryError, match=f"^{re.escape(message)}"):
        Checkpoint(tmp_path).load(counter)


def test_errors_that_say_what_is_wrong_are_left_alone() -> None:
    with pytest.raises(OSError, match=r"^the hub is away$"), readable("file", "give another"):
        raise OSError("the hub is away")


def test_results_may_be_named_with_what_ends_lines_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    names = ("a\u2028b", "c\x85d\x0c", "e\n")
    results = [Result(name, None, {}, {}, {}, None, {}, 0, 0) for name in names]
    write_results(results, path)
    assert read_results(path) == results


def test_files_of_results_may_be_named_as_text(tmp_path: Path) -> None:
    name = str(tmp_path / "results.jsonl")
    results = [Result("a", None, {}, {}, {}, None, {}, 0, 0)]
    write_results(results, name)
    assert read_results(name) == results


SOUND: dict[str, Any] = {
    "arm": "a",
    "steps": None,
    "macro": {"monolingual": {"AP": 0.5}},
    "by_language": {"monolingual": {"AP": {"en": 1}}},
    "matrix": {"en": {"en": 1}},
    "rank_distance": None,
    "rank_distance_by_language": {},
    "ties": 0,
    "zero_rows": 0,
}


def test_repr_of_a_result_shows_the_macro_means() -> None:
    macro = {"monolingual": {"AP": 0.5, "R@10": 1.0}, "multilingual": {"AP": 1 / 3, "R@10": 1.0}}
    result = Result(**SOUND | {"macro": macro, "rank_distance": 2.5})
    assert repr(result) == (
        "<Result of 'a'\n"
        "monolingual   AP 0.500000, R@10 1.000000\n"
        "multilingual  AP 0.333333, R@10 1.000000\n"
        "rank distance 2.500>"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ({"arm": 1}, "arm is 1 and not text"),
        ({"steps": "x"}, "steps is 'x' and not a whole number"),
        ({"ties": None}, "ties is None and not a whole number"),
        ({"zero_rows": True}, "zero_rows is True and not a whole number"),
        ({"rank_distance": "far"}, "rank_distance is 'far' and not a number"),
        ({"macro": []}, "macro is not an object of objects of numbers"),
        ({"matrix": {"en": 1}}, "matrix is not an object of objects of numbers"),
        (
            {"by_language": {"monolingual": {"AP": {"en": None}}}},
            "by_language is not an object of objects of objects of numbers",
        ),
        (
            {"macro": {"monolingual": {"AP": float("nan")}}},
            "macro is not an object of objects of numbers",
        ),
        (
            {"macro": {"bilingual": {"AP": 0.5}}},
            "'bilingual' is none of the settings monolingual, cross_lingual, multilingual",
        ),
        (
            {"macro": {"monolingual": {"AP": 0.5}, "multilingual": {}}},
            "by_language lacks AP of the setting 'multilingual' of macro",
        ),
        (
            {"rank_distance_by_language": None},
            "rank_distance_by_language is not an object of numbers",
        ),
    ],
)
def test_what_is_no_result_is_refused_by_its_line(
    tmp_path: Path, line: bytes | dict[str, Any], message: str
) -> None:
    path = tmp_path / "results.jsonl"
    broken = line if isinstance(line, bytes) else json.dumps(SOUND | line).encode()
    path.write_bytes(json.dumps(SOUND).encode() + b"\n" + broken + b"\n")
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}:2: not a result: {message}')}$"):
        read_results(path)


def test_a_line_of_endless_brackets_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(ValueError, match=f"^{path}:1: not a result: maximum recursion depth"):
        read_results(path)

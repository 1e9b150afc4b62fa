"""A long count: told about, interrupted and killed at any moment, continued to the same digits."""

import dataclasses
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from counting import CHANGED, DIFFER, FIVE, anchor, assert_exact, counted, counter_of, whole
from hybridsampler import Evaluation, RankCounter, evaluate
from hybridsampler.candidates import open_candidates
from hybridsampler.measures import Measure
from hybridsampler.passes import Checkpoint, count
from naive_ranking import Float32, Task, as_rows, csr
from parquet_files import as_lists, write_parquet


def refusal(message: str, kind: type[Exception] = ValueError) -> Any:
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


# 20,000 candidates of 2 components, which are widened: three blocks, the last of 3,616

ROWS: NDArray[np.float16] = np.random.default_rng(0).integers(-9, 10, (20_000, 2)).astype("f2")
LANGUAGES: list[str] = np.random.default_rng(1).choice(["de", "en", "fr"], 20_000).tolist()
TASK: dict[str, Any] = {
    "queries": np.array([[1, 2], [-2, 1]], np.float32),
    "relevant": csr([[0, 8_191, 8_192, 19_999], [5]]),
    "query_languages": ["en", "de"],
    "candidate_languages": LANGUAGES,
    "measures": ["AP"],
}
BLOCKS = [(8_192, 20_000), (16_384, 20_000), (20_000, 20_000)]


def found(result: Evaluation) -> list[Any]:
    return [as_rows(result.ranks), result.ranks.languages, result.ties, result["multilingual"]]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    return found(evaluate(candidates=ROWS, **TASK))


# Progress


def test_a_function_is_told_after_each_block(expected: list[Any]) -> None:
    told: list[tuple[int, int]] = []
    result = evaluate(candidates=ROWS, **TASK, progress=lambda *at: told.append(at))
    assert told == BLOCKS
    assert found(result) == expected


def test_a_bar_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    evaluate(candidates=ROWS, **TASK, progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert re.search(r"candidates .*20000/20000", shown.err)
    evaluate(candidates=ROWS, **TASK)
    assert capfd.readouterr() == ("", "")


def test_a_bar_needs_rich_before_the_encoder_is_set_to_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def encoder() -> Iterator[Float32]:
        raise AssertionError("encoded in vain")
        yield

    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with refusal(
        "progress=True needs rich: pip install 'hybridsampler[train]', or give a function that is "
        "called with (done, total)",
        ImportError,
    ):
        evaluate(candidates=encoder(), **TASK, progress=True)


# Interrupts


class Stopped(BaseException):
    """Stands for KeyboardInterrupt, which pytest would take for its own."""


@contextmanager
def interrupted_at(moment: int) -> Iterator[list[str]]:
    """Raise at one of the moments at which Python may raise KeyboardInterrupt in the counter."""
    passed: list[str] = []

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if Path(frame.f_code.co_filename).name != "ranking.py":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            passed.append(frame.f_code.co_name)
            if len(passed) > moment:
                raise Stopped
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield passed
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("how", ["add", "merge_bytes"])
def test_an_interrupt_at_any_moment_leaves_the_counter_whole(how: str) -> None:
    """What it has counted, it knows by name; the rest can be counted as if nothing had been."""
    task = dataclasses.replace(FIVE, languages=["en", "de", "en", "de", "fr"])
    rows = whole(task)
    other = counter_of(task)
    anchor(other, task, rows)
    other.add(task.candidates[2:], task.ids[2:], task.languages[2:])
    data = other.to_bytes()
    outcomes = set()
    for moment in range(10_000):
        counter = counter_of(task)
        anchor(counter, task, rows)
        counter.add(task.candidates[:2], task.ids[:2], task.languages[:2])
        try:
            with interrupted_at(moment):
                if how == "add":
                    counter.add(task.candidates[2:], task.ids[2:], task.languages[2:])
                else:
                    counter.merge_bytes(data)
            ended = True
        except Stopped:
            ended = False
        outcomes.add((ended, counter.candidates))
        if counter.candidates == 2:
            assert counter.to_bytes()
            # Names of a block that was not counted leave no trace.
            counter.add(task.candidates[2:], task.ids[2:], ["de", "en", "fr"][::-1])
            again = counter_of(task)
            again.merge_bytes(counter.to_bytes())
            assert again.ranks().languages == ("en", "de", "fr")
            continue
        assert_exact(counter, task)
        again = counter_of(task)
        again.merge_bytes(counter.to_bytes())
        assert_exact(again, task)
        if ended:
            break
    assert outcomes == {(False, 2), (False, 5), (True, 5)}


# Checkpoints

SOURCES: dict[str, Callable[[Path], Any]] = {
    "array": lambda folder: ROWS,
    "parquet": lambda folder: [
        write_parquet(folder / f"{n}.parquet", as_lists(part, ".lists"), 3_000)
        for n, part in enumerate(np.split(ROWS, [11_000]))
    ],
    "npy": lambda folder: [
        save(folder / f"{n}.npy", part) for n, part in enumerate(np.split(ROWS, [16_384, 16_400]))
    ],
    "encoder": lambda folder: iter(np.split(ROWS, 20)),
}


def save(path: Path, rows: Any) -> Path:
    np.save(path, rows)
    return path


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_count_goes_on(
    tmp_path: Path, kind: str, stop: int, expected: list[Any]
) -> None:
    """The interrupt saves; what was counted is not counted again."""
    told: list[int] = []

    def tell(done: int, total: int) -> None:
        told.append(done)
        if len(told) == stop:
            raise Stopped

    path = tmp_path / "counter"
    with pytest.raises(Stopped):
        evaluate(candidates=SOURCES[kind](tmp_path), **TASK, progress=tell, checkpoint=path)
    result = evaluate(candidates=SOURCES[kind](tmp_path), **TASK, progress=tell, checkpoint=path)
    assert found(result) == expected
    assert told == sorted(set(told))
    assert told[-1] == 20_000
    seen = len(told)
    again = evaluate(candidates=SOURCES[kind](tmp_path), **TASK, progress=tell, checkpoint=path)
    assert found(again) == expected
    assert len(told) == seen
    assert list(tmp_path.glob(".*")) == []


def test_what_was_counted_before_an_error_is_kept(tmp_path: Path, expected: list[Any]) -> None:
    told: list[int] = []
    broken = ROWS.copy()
    broken[17_000] = np.nan
    path = tmp_path / "counter"
    with pytest.raises(ValueError, match=r"^candidate 17000 \(row 616 of its block\) holds NaN"):
        evaluate(candidates=broken, **TASK, checkpoint=path)
    result = evaluate(
        candidates=ROWS, **TASK, checkpoint=path, progress=lambda done, _: told.append(done)
    )
    assert told == [20_000]
    assert found(result) == expected


def test_a_checkpoint_is_written_now_and_then(tmp_path: Path) -> None:
    """The time that has to pass between two saves is the caller's."""
    path = tmp_path / "counter"
    sizes: dict[float, list[bool]] = {0: [], 1e9: []}
    for every, written in sizes.items():
        evaluate(
            candidates=ROWS,
            **TASK,
            checkpoint=Checkpoint(path, every),
            progress=lambda *_, written=written: written.append(path.exists()),
        )
        assert path.exists()
        path.unlink()
    assert sizes == {0: [False, True, True], 1e9: [False, False, False]}


def test_a_counter_of_ones_own_goes_on_as_the_documentation_says(
    tmp_path: Path, expected: list[Any]
) -> None:
    path = tmp_path / "counter"
    for stop in (1, 2, 9):
        counter = RankCounter(TASK["queries"], TASK["relevant"])
        with open_candidates(SOURCES["parquet"](tmp_path)) as candidates:
            for ids, block in candidates.rows(counter.judged):
                counter.anchor(block, ids)
            if path.exists():
                counter.load(path)
            rest = candidates.blocks(start=counter.candidates)
            for ids, block in itertools.islice(rest, stop):
                counter.add(block, ids, LANGUAGES[ids[0] : ids[-1] + 1])
                counter.save(path)
    measures = [Measure.parse("AP")]
    assert found(Evaluation(counter, TASK["query_languages"], measures)) == expected


# Real processes

PROGRAM = """
import json, os, signal, sys
import numpy as np
from hybridsampler import evaluate
from hybridsampler.candidates import open_candidates
from hybridsampler.measures import Measure
from hybridsampler.passes import Checkpoint, count

folder, moment, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
# A shell starts what it sends to the background with interrupts ignored, and tests inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
rows = rng.integers(-9, 10, (40_000, 2)).astype(np.float32)
told = []

def tell(done, total):
    told.append(done)
    print(done, flush=True)
    if len(told) == moment:
        os.kill(os.getpid(), getattr(signal, how))

result = evaluate(
    rows[:50], f"{folder}/rows.npy", (np.arange(51), np.arange(50) * 799), measures=["AP"],
    query_languages=["en", "de"] * 25, candidate_languages=["en", "de", "fr", "zh"] * 10_000,
    progress=tell, checkpoint=Checkpoint(f"{folder}/counter", every=0),
)
found = [told, repr(result["multilingual"]["AP"]), result.ranks.overall.tolist()]
open(f"{folder}/found.json", "w").write(json.dumps(found))
"""


def started(folder: Path, moment: int, how: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(moment), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(folder: Path) -> None:
    with started(folder, 0, "SIGINT") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def digits(folder: Path) -> tuple[list[int], Any]:
    told, *digits = json.loads((folder / "found.json").read_text("utf-8"))
    return told, digits


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("undisturbed")
    forty_thousand(folder)
    finished(folder)
    told, found = digits(folder)
    assert told == [8_192, 16_384, 24_576, 32_768, 40_000]
    return found


def forty_thousand(folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(folder / "rows.npy", rng.integers(-9, 10, (40_000, 2)).astype(np.float32))


@pytest.mark.parametrize(("how", "kept"), [("SIGKILL", 2), ("SIGINT", 3)])
def test_a_process_that_ends_in_the_middle(
    tmp_path: Path, how: str, kept: int, undisturbed: Any
) -> None:
    """In its third block: a kill loses what follows the last save, an interrupt saves once more."""
    forty_thousand(tmp_path)
    with started(tmp_path, 3, how) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == -getattr(signal, how), errors
    assert ("KeyboardInterrupt" in errors) == (how == "SIGINT")
    finished(tmp_path)
    told, found = digits(tmp_path)
    assert told == [24_576, 32_768, 40_000][kept - 2 :]
    assert found == undisturbed


def test_a_process_that_is_killed_again_and_again(tmp_path: Path, undisturbed: Any) -> None:
    """From outside, at whatever moment the signal finds it."""
    forty_thousand(tmp_path)
    for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGINT):
        with started(tmp_path, 0, how.name) as process:
            assert process.stdout is not None
            if not process.stdout.readline():
                break  # all was counted, so nothing is told
            process.send_signal(how)
            process.communicate(timeout=60)
    finished(tmp_path)
    assert digits(tmp_path)[1] == undisturbed


# Bad input


def counted_once(path: Path) -> None:
    evaluate(candidates=ROWS, **TASK, checkpoint=path)


DELETE = "name another file, or delete it to count anew"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"queries": -TASK["queries"]}, f"does not fit ({DIFFER}): {DELETE}"),
        ({"similarity": "cosine"}, f"does not fit ({DIFFER}): {DELETE}"),
        (
            {"candidate_languages": [*LANGUAGES[:-1], "xx"]},
            "is of other candidates (their number, dimension, languages or share differ): "
            + DELETE,
        ),
        (
            {"candidates": ROWS[:-1], "candidate_languages": LANGUAGES[:-1],
             "relevant": TASK["relevant"]},
            "candidate 19999 is judged but the candidates are 0 to 19998, as candidate_languages "
            "has 19999 entries",
        ),
        (
            {"candidates": ROWS * np.float32(2)},
            f"does not fit ({CHANGED.format(0)}): {DELETE}",
        ),
    ],
    ids=["queries", "similarity", "languages", "number", "vectors"],
)  # fmt: skip
def test_a_checkpoint_of_another_evaluation(
    tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    path = tmp_path / "counter"
    counted_once(path)
    before = path.read_bytes()
    if message.startswith(("does", "is")):
        message = f"the checkpoint {path} {message}"
    with refusal(message):
        evaluate(**{"candidates": ROWS, **TASK, **other}, checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_of_a_part_whatever_integers_it_was_cut_with(tmp_path: Path) -> None:
    told: list[int] = []
    numbers: list[Any] = [int, np.int64, np.int32]
    for number in numbers:
        with open_candidates(ROWS) as candidates:
            part = candidates.part(number(0), number(20_000))
            assert repr(part.shape) == "(20000, 2)"
            evaluate(
                candidates=part,
                **TASK,
                checkpoint=tmp_path / "a",
                progress=lambda done, _: told.append(done),
            )
    assert told == [done for done, _ in BLOCKS]


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "counter"
    counted_once(path)
    data = path.read_bytes()
    told = f"{path} is no checkpoint of a count: name another file"
    counter = counted(FIVE).to_bytes()
    for other in (b"", b"hello", counter, data[:7], data[:39]):
        path.write_bytes(other)
        with refusal(told):
            counted_once(path)
    path.write_bytes(data[:-1])
    with pytest.raises(
        ValueError, match=rf"^the checkpoint {path} does not fit \(the counter is d"
    ):
        counted_once(path)


def test_a_checkpoint_is_checked_before_the_encoder_is_set_to_work(tmp_path: Path) -> None:
    def encoder() -> Iterator[Float32]:
        raise AssertionError("encoded in vain")
        yield

    folder = tmp_path / "none"
    with refusal(
        f"checkpoint {folder / 'a'}: there is no such folder: create it", FileNotFoundError
    ):
        evaluate(candidates=encoder(), **TASK, checkpoint=folder / "a")
    counted_once(tmp_path / "a")
    with pytest.raises(ValueError, match="does not fit"):
        evaluate(
            candidates=encoder(),
            **TASK | {"queries": TASK["queries"] + np.float32(1)},
            checkpoint=tmp_path / "a",
        )


def test_a_checkpoint_that_could_not_be_written_is_refused_before_anything_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all that was counted would be lost at the first save."""

    def in_vain(done: int, total: int) -> None:
        raise AssertionError("counted in vain")

    link = tmp_path / "link"
    link.symlink_to(tmp_path / "none" / "counter")
    with refusal(f"checkpoint {link}: there is no such folder: create it", FileNotFoundError):
        evaluate(candidates=ROWS, **TASK, checkpoint=link, progress=in_vain)
    # The superuser, as whom tests may run, may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    path = tmp_path / "counter"
    told = f"checkpoint {path}: its folder may not be written to: name a file in one that may"
    with refusal(told, PermissionError):
        evaluate(candidates=ROWS, **TASK, checkpoint=path, progress=in_vain)


def test_a_language_that_is_no_text_is_named_with_a_checkpoint_too(tmp_path: Path) -> None:
    languages = [*LANGUAGES[:-1], "\ud800"]
    told = r"candidate_languages: '\ud800' has half of a surrogate pair and is no text: change it"
    for checkpoint in (None, tmp_path / "a"):
        with refusal(told):
            evaluate(
                candidates=ROWS,
                **TASK | {"candidate_languages": languages},
                checkpoint=checkpoint,
            )


def test_a_counter_that_has_counted_is_refused() -> None:
    """What it knows would pass for the first of the candidates."""
    counter = RankCounter(np.ones((1, 2), np.float32), ([0, 1], [7]))
    counter.anchor(ROWS[7:8], [7])
    counter.add(ROWS[7:9], [7, 8], LANGUAGES[7:9])
    told = (
        "the counter has counted 2 candidates: give one that knows nothing, as counter.blank() is"
    )
    with open_candidates(ROWS) as candidates, refusal(told):
        count(counter, candidates, LANGUAGES)
    assert counter.candidates == 2


@pytest.mark.parametrize("every", [-1.0, float("nan"), "60"])
def test_seconds_between_saves(tmp_path: Path, every: Any) -> None:
    with refusal(f"every={every!r}: give seconds, 0 or more"):
        Checkpoint(tmp_path / "a", every)


def test_judged_ids_are_those_of_all_queries() -> None:
    task: Task = FIVE
    judged: NDArray[np.int64] = counter_of(task).judged
    assert judged.tolist() == [10, 11, 13, 14]
    assert RankCounter(task.queries[:1], ([0, 0], [])).judged.tolist() == []

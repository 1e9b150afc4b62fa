"""The temporary file that keeps an encoder's blocks."""

import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from counting import refusal
from hybridsampler.candidates import open_candidates
from naive_ranking import (
    Float32,
)


def open_files(folder: Path) -> list[str]:
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_the_temporary_file_lies_in_the_folder_and_goes_in_every_case(tmp_path: Path) -> None:
    blocks = [np.ones((2, 3), np.float32)] * 2
    with open_candidates(blocks, spool_folder=tmp_path) as candidates:
        assert len(open_files(tmp_path)) == 1
        assert len(candidates) == 4
    assert open_files(tmp_path) == []

    def failing() -> Iterator[Float32]:
        yield blocks[0]
        assert len(open_files(tmp_path)) == 1
        raise RuntimeError("out of memory")

    with (
        pytest.raises(RuntimeError, match=r"^out of memory$"),
        open_candidates(failing(), spool_folder=str(tmp_path)),
    ):
        pass
    with pytest.raises(KeyboardInterrupt), open_candidates(blocks, spool_folder=tmp_path):
        raise KeyboardInterrupt
    assert open_files(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_candidates_whose_file_has_gone() -> None:
    with open_candidates([np.ones((2, 3), np.float32)]) as candidates:
        blocks = candidates.blocks()
    for read in (blocks, candidates.rows(np.array([1]))):
        with refusal(
            "the candidates' temporary file has gone: read it inside with open_candidates(...)"
        ):
            next(read)


def test_threads_may_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One comes between the moments at which another seeks and reads."""
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    read, others = np.fromfile, []

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(np, "fromfile", read)
        others.append(threading.Thread(target=lambda: list(candidates.rows(np.array([3])))))
        others[0].start()
        others[0].join(timeout=0.5)  # as long as it may take if it need not wait
        return read(*arguments)

    with open_candidates([rows]) as candidates:
        monkeypatch.setattr(np, "fromfile", interrupted)
        found = [block for _, block in candidates.part(10, 15).blocks()]
        others[0].join()
    assert np.array_equal(np.concatenate(found), rows[10:15])


def test_a_spool_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with (
        refusal(f"spool_folder={str(folder)!r} is no folder: create it", FileNotFoundError),
        open_candidates([np.ones((2, 3), np.float32)], spool_folder=folder),
    ):
        pass


def test_a_spool_folder_that_is_full(tmp_path: Path) -> None:
    blocks = [np.ones((2, 3), np.float32), np.ones((900, 3), np.float32)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with (
            pytest.raises(
                OSError,
                match=r"block 1 does not go into the temporary file \(File too large\): choose a "
                "folder with more room by spool_folder=",
            ),
            open_candidates(blocks, spool_folder=tmp_path),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("convert", "kept"),
    [
        (lambda rows: rows, "float32"),
        (lambda rows: rows.astype(np.float16), "float16"),
        (lambda rows: torch.tensor(rows).half(), "float16"),
        (lambda rows: torch.tensor(rows).bfloat16(), "float32"),
        (lambda rows: np.asfortranarray(rows), "float32"),
        (lambda rows: np.repeat(rows, 2, 0)[::2], "float32"),
    ],
    ids=["float32", "float16", "half", "bfloat16", "Fortran", "every other row"],
)
def test_blocks_are_kept_as_they_are_given(convert: Callable[[Float32], Any], kept: str) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    with open_candidates(convert(block) for block in (rows[:3], rows[3:])) as candidates:
        ((_, block),) = candidates.blocks()
    assert block.dtype == kept
    assert (block == rows).all()

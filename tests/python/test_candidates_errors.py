"""Candidates: what is refused, by which words."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from candidate_files import ROWS, write
from counting import refusal
from hybridsampler import evaluate
from hybridsampler.candidates import open_candidates
from naive_ranking import (
    generators,
)

TYPES = "{} has dtype {}: give float32, float16 or bfloat16"
CAST = (
    f"{TYPES}; rounding float64 would change the ranking unseen, so round it yourself with "
    ".astype(numpy.float32)"
)
CODES = (
    f"{TYPES}; such vectors are codes, as of a quantised index, so give the ones that they were "
    "made of"
)
TURNED = (
    f"{TYPES}; its bytes stand in the order of other processors, so turn them around with "
    ".astype(numpy.float32), which changes no number"
)
PLAIN = "give a plain array, (n, d), with a value everywhere"
SINGLE = (
    "block {} is a single vector, of 3 numbers: give (n, d) blocks, or all vectors as one array, "
    "which numpy.stack makes of a list"
)
STACK = f"{TYPES}; its rows are Python objects, so make them one array with numpy.stack(rows)"


def refused(source: Any, message: str, kind: type[Exception] = ValueError) -> None:
    with refusal(message, kind), open_candidates(source):
        pass


@pytest.mark.parametrize(
    ("source", "message", "kind"),
    [
        ([], "the list of candidates is empty: name at least one file", ValueError),
        (iter([]), "the candidates are an iterable without a block: give (n, d) blocks",
         ValueError),
        (np.ones(3, np.float32), "candidates has shape (3,): give one row a vector, (n, d)",
         ValueError),
        (torch.ones(3, 2, 1), "candidates has shape (3, 2, 1): give one row a vector, (n, d)",
         ValueError),
        (np.ones((3, 2)), CAST.format("candidates", "float64"), TypeError),
        (np.ones((3, 2), ">f8"), CAST.format("candidates", ">f8"), TypeError),
        (np.ones((3, 2), ">f2"), TURNED.format("candidates", ">f2"), TypeError),
        (np.ones((3, 2), np.int8), CODES.format("candidates", "int8"), TypeError),
        (np.ones((3, 2), bool), CODES.format("candidates", "bool"), TypeError),
        (np.ones((3, 2), object), STACK.format("candidates", "object"), TypeError),
        (np.ones((3, 2), complex), TYPES.format("candidates", "complex128"), TypeError),
        (torch.ones(3, 2).int(), CODES.format("candidates", "int32"), TypeError),
        (torch.ones(3, 2, dtype=torch.float8_e4m3fn), TYPES.format("candidates", "float8_e4m3fn"),
         TypeError),
        ([torch.ones(3, 2, dtype=torch.float8_e5m2)], TYPES.format("block 0", "float8_e5m2"),
         TypeError),
        (torch.ones(3, 2).to_sparse(), f"candidates is a sparse_coo tensor: {PLAIN}", TypeError),
        ([torch.ones(3, 2).to_sparse()], f"block 0 is a sparse_coo tensor: {PLAIN}", TypeError),
        ([ROWS, ROWS[:, :2]],
         "block 1 has dimension 2 but those before it 3: encode all candidates with one model in "
         "one way", ValueError),
        ([ROWS, ROWS, ROWS.astype(np.float16)],
         "block 2 has dtype float16 but those before it float32: encode all candidates with one "
         "model in one way", ValueError),
        ([ROWS, ROWS[0]], SINGLE.format(1), ValueError),
        (list(torch.ones(3, 3, requires_grad=True)), SINGLE.format(0), ValueError),
        (np.ones((3, 3)).tolist(), SINGLE.format(0), ValueError),
        ([ROWS[None]], "block 0 has shape (1, 4, 3): give one row a vector, (n, d)", ValueError),
        ([ROWS, ROWS.astype(np.float64)], CAST.format("block 1", "float64"), TypeError),
        (iter([Path("a.npy")]),
         "block 0 is 'a.npy': give paths, and nothing else, as a list", TypeError),
        ([ROWS, "a.npy"],
         "block 1 is 'a.npy': give paths, and nothing else, as a list", TypeError),
        ({"part-1": ROWS},
         "candidates are of type dict: give an array, the paths of .npy, .safetensors or .parquet "
         "files, or an iterable of (n, d) blocks", TypeError),
        (7,
         "candidates are of type int: give an array, the paths of .npy, .safetensors or .parquet "
         "files, or an iterable of (n, d) blocks", TypeError),
    ],
)  # fmt: skip
def test_a_source_is_refused(source: Any, message: str, kind: type[Exception]) -> None:
    refused(source, message, kind)


def npy(path: Path, rows: Any) -> Path:
    np.save(path, rows, allow_pickle=True)
    return path


def cut(path: Path, length: int) -> Path:
    path.write_bytes(path.read_bytes()[:length])
    return path


def test_files_that_are_refused(tmp_path: Path) -> None:
    a, b = tmp_path / "a.npy", tmp_path / "b.npy"
    write(a, ROWS)
    refused([a, b], f"{b} is no file: check the path", FileNotFoundError)
    c = tmp_path / "c.safetensors"
    refused([c], f"{c} is no file: check the path", FileNotFoundError)
    for folder in (tmp_path / "d.npy", tmp_path / "d.safetensors"):
        folder.mkdir()
        refused([folder], f"{folder} is no file: check the path", FileNotFoundError)
    refused(
        [tmp_path],
        f"{tmp_path} is a folder: list its files in the order of their rows, which "
        "sorted(pathlib.Path(folder).glob('*.npy')) does where their numbers have one length: 02 "
        "and 10, not 2 and 10",
    )
    for other in (tmp_path / "a.pt", "rows"):
        refused(
            [other],
            f"{other} is neither .npy nor .safetensors nor .parquet: convert it, or where it holds "
            "bare numbers give numpy.memmap(path, numpy.float16, 'r', shape=(n, d))",
        )
    write(c, ROWS[:, :2])
    refused([a, c], f"{c} has dimension 2 but {a} has 3: encode all candidates with one model")
    for path in (b, c):
        names = ("float64", "int32") if path == b else ("F64", "I32")
        write(path, ROWS.astype(np.float64))
        refused([a, path], CAST.format(path, names[0]), TypeError)
        write(path, ROWS.astype(np.int32))
        refused(path, CODES.format(path, names[1]), TypeError)
        write(path, ROWS[0])
        refused(path, f"{path} has shape (3,): give one row a vector, (n, d)")
        write(path, ROWS[None])
        refused(str(path), f"{path} has shape (1, 4, 3): give one row a vector, (n, d)")
    write(b, ROWS.astype(">f4"))
    refused(b, TURNED.format(b, ">f4"), TypeError)
    write(b, ROWS[0, 0])
    refused(b, f"{b} has shape (): give one row a vector, (n, d)")
    write(b, np.asfortranarray(ROWS))
    refused(
        b,
        f"{b} is in Fortran order, in which a row is spread over the whole file: save "
        "numpy.ascontiguousarray(rows)",
    )
    with b.open("wb") as file:
        np.save(file, ROWS)
        np.save(file, ROWS)
    refused(b, f"{b} has 352 bytes but its array ends at 176: write one array into one file")
    save_file({"one": ROWS, "two": ROWS}, c)
    refused(c, f"{c} holds 2 tensors (one, two): write the vectors alone into a file")
    save_file({}, c)
    refused(c, f"{c} holds 0 tensors (none): write the vectors alone into a file")


class Unpickled:
    """Tells when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = npy(tmp_path / "a.npy", np.array([[Unpickled()]], object))
    refused(
        path,
        f"{path} is no sound .npy file (Array can't be memory-mapped: Python objects in dtype.): "
        "write it again, with numpy.save, or fetch it again",
    )


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_files_that_end_too_early(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", ROWS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with (
            pytest.raises(ValueError, match=f"^{path} is no sound {suffix} file .*again"),
            open_candidates(path),
        ):
            pass


@given(rng=generators(), suffix=st.sampled_from([".npy", ".safetensors"]))
def test_a_damaged_header_is_an_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, rng: np.random.Generator, suffix: str
) -> None:
    path = write(tmp_path_factory.mktemp("damaged") / f"a{suffix}", ROWS)
    data = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(len(data) - ROWS.nbytes)] = rng.integers(256)
    path.write_bytes(data)
    try:
        with open_candidates(path) as candidates:
            assert sum(np.asarray(block).size for _, block in candidates.blocks()) == ROWS.size
    except (ValueError, TypeError) as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", ROWS)
    with open_candidates(path) as candidates:
        cut(path, len(path.read_bytes()) - 1)
        with pytest.raises(ValueError, match=str(path)):
            list(candidates.blocks())
        with pytest.raises(ValueError, match=str(path)):
            list(candidates.rows(np.array([3])))


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".fixed.parquet"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, suffix: str) -> None:
    """Of another model, as long as it was or longer: else some rows would be of one, some of it."""
    path = tmp_path / f"a{suffix}"
    for others in (ROWS + 1, np.tile(ROWS, (9, 1)), ROWS[:1]):
        write(path, ROWS)
        os.utime(path, ns=(0, 0))  # clocks of file systems are coarse
        with open_candidates([path, path]) as candidates:
            ids = np.array([3])
            assert [(i.tolist(), block.tolist()) for i, block in candidates.rows(ids)] == [
                ([3], ROWS[3:].tolist())
            ]
            write(path, others)
            for read in (candidates.blocks(), candidates.rows(ids)):
                with refusal(
                    f"{path} has changed since it was opened: leave it alone while it is read, and "
                    "start anew"
                ):
                    list(read)
            path.unlink()
            with pytest.raises(FileNotFoundError, match=str(path)):
                list(candidates.blocks())


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".fixed.parquet"])
def test_a_file_that_may_not_be_read(tmp_path: Path, suffix: str) -> None:
    """Run by somebody else where this user may read everything."""
    path = write(tmp_path / f"a{suffix}", ROWS)
    path.chmod(0)
    program = f"""
import os, numpy, pyarrow.parquet, safetensors
from hybridsampler import candidates, parquet, shards
os.chdir({str(tmp_path)!r})  # whose parents others may not enter
if os.geteuid() == 0:
    os.chmod(".", 0o755)
    os.setuid(65534)
try:
    with candidates.open_candidates({path.name!r}):
        pass
except PermissionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert path.name in done.stdout, done.stderr
    assert "Permission denied" in done.stdout


def test_what_a_safetensors_file_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.safetensors", ROWS)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with (
        refusal(f"{path} needs safetensors: pip install 'hybridsampler[train]'", ImportError),
        open_candidates(path),
    ):
        pass


def test_numbers_that_are_not_finite_are_named(tmp_path: Path) -> None:
    rows = np.ones((9_000, 2), np.float32)
    rows[8_500, 1] = np.nan
    paths = [write(tmp_path / f"{n}.npy", part) for n, part in enumerate(np.split(rows, [8_400]))]
    languages: Sequence[str] = ["en"] * 9_000
    with pytest.raises(ValueError, match=r"^candidate 8500 \(row 308 of its block\) holds NaN"):
        evaluate(
            rows[:1],
            paths,
            ([0, 1], [0]),
            query_languages=["en"],
            candidate_languages=languages,
        )

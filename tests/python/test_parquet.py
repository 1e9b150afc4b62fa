"""Candidates in Parquet files: the digits of one array, a part of one row group held at a time."""

import re
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.candidates import open_candidates
from naive_ranking import Float32, generators
from parquet_files import as_lists, write_parquet

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
KINDS = (".fixed", ".lists", ".large")


def refusal(message: str, kind: type[Exception] = ValueError) -> AbstractContextManager[object]:
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def read(path: Path) -> Float32:
    with open_candidates(path) as candidates:
        return np.concatenate([np.zeros((0, 3), np.float32), *(b for _, b in candidates.blocks())])


@given(
    rng=generators(),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(["f2", "f4"]),
    groups=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    page=st.sampled_from([20, 1 << 20]),
)
def test_any_row_groups_and_pages(
    tmp_path_factory: pytest.TempPathFactory,
    rng: np.random.Generator,
    kind: str,
    dtype: str,
    groups: list[int],
    page: int,
) -> None:
    """Rows from anywhere to anywhere, and any rows; empty row groups among them."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows = rng.standard_normal((sum(groups), 3)).astype(dtype)
    column = as_lists(rows, kind)
    schema = pa.schema({"embedding": column.type})
    with pq.ParquetWriter(path, schema, data_page_size=page, write_batch_size=2) as writer:
        for part in np.split(rows, np.cumsum(groups)[:-1]):
            writer.write_table(pa.table([as_lists(part, kind)], schema))
    with open_candidates(path) as candidates:
        assert len(candidates) == len(rows)
        for _ in range(3):
            start, stop = np.sort(rng.integers(0, len(rows), 2, endpoint=True)).tolist()
            at = start
            for ids, block in candidates.blocks(start, stop):
                assert block.dtype == rows.dtype
                assert ids.tolist() == list(range(at, at + len(block)))
                assert (block == rows[ids]).all()
                at += len(ids)
            assert at == stop
            wanted = np.flatnonzero(rng.random(len(rows)) < rng.random())
            found = list(candidates.rows(wanted))
            assert [i for ids, _ in found for i in ids.tolist()] == wanted.tolist()
            assert all((block == rows[ids]).all() for ids, block in found)


def test_dictionaries_and_compression(tmp_path: Path) -> None:
    rows = np.ones((30_000, 3), np.float32) * np.arange(30_000, dtype=np.float32)[:, None] % 7
    kinds: list[dict[str, Any]] = [{"use_dictionary": True}, {"compression": "zstd"}]
    for number, options in enumerate(kinds):
        path = tmp_path / f"{number}.parquet"
        table = pa.table({"a.b": as_lists(rows, ".lists")})
        pq.write_table(table, path, row_group_size=12_345, data_page_version="2.0", **options)
        assert (read(path) == rows).all()


def test_slices_and_masked_values_are_what_they_show(tmp_path: Path) -> None:
    """A column may begin in the middle of its memory."""
    for kind in KINDS:
        path = write_parquet(tmp_path / f"a{kind}.parquet", as_lists(ROWS, kind)[1:3])
        assert (read(path) == ROWS[1:3]).all()


def test_a_file_without_rows(tmp_path: Path) -> None:
    """It need not know its dimension."""
    full = write_parquet(tmp_path / "full.parquet", as_lists(ROWS, ".lists"))
    for kind in KINDS:
        empty = write_parquet(tmp_path / f"empty{kind}.parquet", as_lists(ROWS[:0], kind))
        assert len(read(empty)) == 0
        for paths in ([empty, full], [full, empty], [empty, full, empty, full]):
            with open_candidates(paths) as candidates:
                found = np.concatenate([block for _, block in candidates.blocks()])
            assert (found == np.tile(ROWS, (paths.count(full), 1))).all()


# Memory and what is read


def grown(path: Path, work: str) -> int:
    """By how many bytes the peak of a process grows that works on the candidates."""
    code = f"""
import resource, sys
import numpy as np, pyarrow, pyarrow.parquet
from hybridsampler.candidates import open_candidates
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
with open_candidates({str(path)!r}) as candidates:
    next(candidates.blocks())
    before = peak()
    {work}
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 MiB in two row groups, as a writer with default options makes them or larger."""
    rows = np.random.default_rng(0).standard_normal((1 << 17, 256), np.float32)
    path = tmp_path_factory.mktemp("large") / "rows.parquet"
    return write_parquet(path, as_lists(rows, ".fixed"), len(rows) // 2 + 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in bytes elsewhere")
def test_a_pass_holds_a_part_of_a_row_group(large: Path) -> None:
    assert grown(large, "assert sum(len(ids) for ids, _ in candidates.blocks()) == 1 << 17") < (
        24 << 20
    )
    assert grown(large, "assert len(list(candidates.rows(np.arange(0, 1 << 17, 99)))) > 1") < (
        24 << 20
    )


def test_row_groups_without_a_row_asked_for_are_not_read(tmp_path: Path) -> None:
    """The first of three is damaged, and so is what follows the last row asked for."""
    rows = np.random.default_rng(0).standard_normal((30_000, 64)).astype(np.float32)
    path = write_parquet(tmp_path / "rows.parquet", as_lists(rows, ".fixed"), 10_000)
    data = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path)
    for group in (0, 2):
        chunk = metadata.row_group(group).column(1)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        data[start : start + 64] = bytes(64)
    path.write_bytes(data)
    with open_candidates(path) as candidates:
        ids = np.array([10_000, 12_345, 19_999])
        found = list(candidates.rows(ids))
        assert (np.concatenate([block for _, block in found]) == rows[ids]).all()
        second = [block for _, block in candidates.blocks(10_000, 20_000)]
        assert (np.concatenate(second) == rows[10_000:20_000]).all()
        for damaged in (0, 20_000):
            with pytest.raises(ValueError, match=f"^{path} is no sound Parquet file .*again$"):
                list(candidates.blocks(damaged))


def test_a_pass_opens_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its footer tells of every row group: read anew for each, it takes time by their square."""
    rows = np.arange(300, dtype=np.float32).reshape(100, 3)
    path = write_parquet(tmp_path / "rows.parquet", as_lists(rows, ".fixed"), 1)
    opened: list[Path] = []

    class Counted(pq.ParquetFile):  # type: ignore[misc]  # pyarrow has no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            opened.append(arguments[0])
            super().__init__(*arguments, **options)

    with open_candidates(path) as candidates:
        monkeypatch.setattr(pq, "ParquetFile", Counted)
        assert sum(len(ids) for ids, _ in candidates.rows(np.arange(0, 100, 2))) == 50
        assert opened == [path]
        assert sum(len(ids) for ids, _ in candidates.blocks()) == 100
    assert opened == [path] * 2


# Bad input


def lists(*values: Any, kind: Any = None) -> pa.Array:
    return pa.array(values, kind or pa.list_(pa.float32()))


FIXED = pa.list_(pa.float32(), 2)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (lists([1, 2], None), "row 1 of 'embedding' is null: give every row one vector of the same "
         "model"),
        (lists(None, [1, 2]), "row 0 of 'embedding' is null: give every row one vector of the same "
         "model"),
        (lists([1, 2], None, kind=FIXED),
         "row 1 of 'embedding' is null: give every row one vector of the same model"),
        (lists([1, 2], [1], [1]), "row 1 of 'embedding' has 1 numbers, not 2: give every row one "
         "vector of the same model"),
        (lists([1, 2], [1, 2], [1, 2, 3]), "row 2 of 'embedding' has 3 numbers, not 2: give every "
         "row one vector of the same model"),
        (lists([1, 2], []), "row 1 of 'embedding' has 0 numbers, not 2: give every row one vector "
         "of the same model"),
        (lists([], [1, 2]), "'embedding' has empty lists: give vectors"),
        (lists([1, 2], [1, None]),
         "row 1 of 'embedding' has a null at 1: give every row a whole vector"),
        (lists([1, 2], [None, 1], kind=FIXED),
         "row 1 of 'embedding' has a null at 0: give every row a whole vector"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("row_group", [1, 9])
def test_rows_that_are_no_vectors(
    tmp_path: Path, column: pa.Array, message: str, row_group: int
) -> None:
    path = write_parquet(tmp_path / "a.parquet", column, row_group)
    with refusal(f"{path}: {message}"):
        read(path)


def test_the_row_is_numbered_in_the_file(tmp_path: Path) -> None:
    rows = [[1.0, 2.0]] * 20_000
    path = write_parquet(tmp_path / "a.parquet", lists(*rows, None, *rows), 7_000)
    message = f"{path}: row 20000 of 'embedding' is null: give every row one vector of the same "
    with open_candidates([path, path]) as candidates:
        with refusal(message + "model"):
            list(candidates.blocks(60_000, 60_002))
        with refusal(message + "model"):
            list(candidates.rows(np.array([3, 40_001 + 20_000])))


def test_files_that_are_refused(tmp_path: Path) -> None:
    path, vectors = tmp_path / "a.parquet", as_lists(ROWS, ".fixed")
    write_parquet(path, vectors, other=as_lists(ROWS.astype("f8"), ".lists"))
    with refusal(
        f"{path} has 2 columns of lists of floats ('embedding', 'other'): leave the vectors to "
        "rank as the only one"
    ):
        read(path)
    write_parquet(path, as_lists(ROWS.astype("f8"), ".lists"))
    with refusal(
        f"{path}: 'embedding' has dtype float64: give float32, float16 or bfloat16; rounding "
        "float64 would change the ranking unseen, so round it yourself with "
        ".astype(numpy.float32)",
        TypeError,
    ):
        read(path)
    for column, kind in (
        (pa.array([1.5]), "double"),
        (pa.array([[1]], pa.list_(pa.int8())), "list<element: int8>"),
        (pa.array([[[1.5]]]), "list<element: list<element: double>>"),
    ):
        write_parquet(path, column)
        with refusal(
            f"{path} has no column of lists of floats (its columns: 'id' (string), 'embedding' "
            f"({kind}), 'tokens' (list<element: int32>)): write the vectors as lists of float32 "
            "or float16, one a row"
        ):
            read(path)
    pq.write_table(pa.table({str(n): pa.array([1.5], pa.float32()) for n in range(768)}), path)
    shown = ", ".join(f"'{n}' (float)" for n in range(8))
    with refusal(
        f"{path} has no column of lists of floats (its columns: {shown} and 760 more): write the "
        "vectors as lists of float32 or float16, one a row"
    ):
        read(path)
    pq.write_table(pa.table([vectors, pa.array([1] * 4)], ["v", "v"]), path)
    with refusal(f"{path} has several columns 'v': rename the others"):
        read(path)
    write_parquet(path, vectors)
    other = tmp_path / "b.parquet"
    write_parquet(other, as_lists(ROWS[:, :2], ".lists"))
    with (
        refusal(f"{other} has dimension 2 but {path} has 3: encode all candidates with one model"),
        open_candidates([path, other]),
    ):
        pass
    with (
        refusal(f"{tmp_path / 'c.parquet'} is no file: check the path", FileNotFoundError),
        open_candidates(tmp_path / "c.parquet"),
    ):
        pass


def test_files_that_end_too_early(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", as_lists(ROWS, ".fixed"))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"^{path} is no sound Parquet file .*again$"):
            read(path)


@given(rng=generators(), kind=st.sampled_from(KINDS))
def test_damage_is_an_error_that_names_the_file(
    tmp_path_factory: pytest.TempPathFactory, rng: np.random.Generator, kind: str
) -> None:
    path = write_parquet(tmp_path_factory.mktemp("damaged") / "a.parquet", as_lists(ROWS, kind), 3)
    data = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(len(data))] = rng.integers(256)
    path.write_bytes(data)
    try:
        read(path)
    except (ValueError, TypeError) as error:
        assert str(path) in str(error)  # noqa: PT017


def test_a_row_group_that_ends_too_early(tmp_path: Path) -> None:
    """Arrow reads such a file without a word: this one it has written itself, with no page."""
    path, column = tmp_path / "a.parquet", as_lists(ROWS[:1], ".fixed")
    schema = pa.schema({"embedding": column.type})
    with pq.ParquetWriter(path, schema, data_page_size=1) as writer:
        writer.write_table(pa.table([column], schema))
    assert pq.read_metadata(path).num_rows == 1
    if len(pq.read_table(path)):
        pytest.skip("this release of pyarrow writes a page")
    with refusal(
        f"{path} is no sound Parquet file (row group 0 ends before row 0): write or fetch it again"
    ):
        read(path)


def test_what_a_parquet_file_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "a.parquet", as_lists(ROWS, ".fixed"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refusal(f"{path} needs pyarrow: pip install 'hybridsampler[train]'", ImportError):
        read(path)

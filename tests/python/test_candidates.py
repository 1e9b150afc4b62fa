"""Candidates in parts: the digits of one array, whatever holds them, and never all in memory."""

import dataclasses
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from candidate_files import ROWS, write
from counting import refusal
from hybridsampler import Evaluation, evaluate
from hybridsampler.candidates import open_candidates
from hybridsampler.evaluation import SETTINGS
from naive_ranking import (
    FAMILIES,
    SIMILARITIES,
    Float32,
    Task,
    as_evaluation_task,
    as_rows,
    generators,
    oracle_ranks,
    random_task,
    task_scores,
)

NAMES = ("AP", "R@2", "RR")


def everything(result: Evaluation) -> list[Any]:
    """All that an evaluation tells, to compare two of them to the last digit."""
    return [
        as_rows(result.ranks),
        result.ranks.languages,
        result.ties,
        result.zero_rows,
        result.rank_distance_by_language,
        [[repr(result[setting]) for setting in SETTINGS]],
        [[result.per_query(s, name).tobytes() for s in SETTINGS] for name in NAMES],
        [repr(result.matrix(name)) for name in NAMES],
    ]


def evaluated(task: Task, candidates: Any, **options: Any) -> Evaluation:
    return evaluate(
        task.queries,
        candidates,
        task.judged_lists(),
        query_languages=[task.languages[q % len(task.ids)] for q in range(len(task.queries))],
        candidate_languages=task.languages,
        measures=NAMES,
        **options,
    )


def parts(rng: np.random.Generator, rows: Float32, count: int) -> list[Float32]:
    """Neighbouring rows, cut at random; some parts may be empty."""
    return np.split(rows, np.sort(rng.integers(0, len(rows), count - 1, endpoint=True)))


# What each kind keeps of float32, as the scorer sees it, and how a file of it is written.
KINDS: dict[str, tuple[str, Callable[[Float32], Any]]] = {
    "npy float32": (".npy", lambda rows: rows),
    "npy float16": (".npy", lambda rows: rows.astype(np.float16)),
    "safetensors float32": (".safetensors", lambda rows: rows),
    "safetensors float16": (".safetensors", lambda rows: rows.astype(np.float16)),
    "safetensors bfloat16": (".safetensors", lambda rows: torch.tensor(rows).bfloat16()),
    "parquet float32": (".fixed.parquet", lambda rows: rows),
    "parquet float16": (".fixed.parquet", lambda rows: rows.astype(np.float16)),
    "parquet float32 lists": (".lists.parquet", lambda rows: rows),
    "parquet float16 lists": (".large.parquet", lambda rows: rows.astype(np.float16)),
}


def widened(rows: Any) -> Float32:
    return rows.float().numpy() if isinstance(rows, torch.Tensor) else rows.astype(np.float32)


# The digits of one array


@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    candidates=st.integers(1, 40),
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5),
    similarity=st.sampled_from(SIMILARITIES),
)
def test_shards_give_what_one_array_gives(
    tmp_path_factory: pytest.TempPathFactory,
    rng: np.random.Generator,
    family: str,
    candidates: int,
    kinds: list[str],
    similarity: Any,
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    dimension = int(rng.integers(1, 70, endpoint=True))
    task = as_evaluation_task(
        rng, random_task(rng, family, queries=5, candidates=candidates, dimension=dimension)
    )
    most = 6e4 if any("float16" in kind.split() for kind in kinds) else 1e38
    kept, paths = [], []
    for number, (kind, rows) in enumerate(
        zip(kinds, parts(rng, np.clip(task.candidates, -most, most), len(kinds)), strict=True)
    ):
        suffix, convert = KINDS[kind]
        paths.append(write(folder / f"{number}{suffix}", convert(rows)))
        kept.append(widened(convert(rows)))
    task = dataclasses.replace(task, candidates=np.concatenate(kept))
    expected = evaluated(task, task.candidates, similarity=similarity)
    assert as_rows(expected.ranks) == oracle_ranks(
        task, task_scores(task, similarity), "pessimistic"
    )
    found = evaluated(task, [str(path) for path in paths], similarity=similarity)
    assert everything(found) == everything(expected)
    if len(paths) == 1:
        assert everything(evaluated(task, paths[0], similarity=similarity)) == everything(expected)


@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    candidates=st.integers(1, 40),
    count=st.integers(1, 8),
    given_as=st.sampled_from(["float32", "float16", "torch", "torch half", "torch bfloat16"]),
)
def test_an_encoders_blocks_give_what_one_array_gives(
    tmp_path_factory: pytest.TempPathFactory,
    rng: np.random.Generator,
    family: str,
    candidates: int,
    count: int,
    given_as: str,
) -> None:
    convert: Callable[[Float32], Any] = {
        "float32": lambda rows: rows,
        "float16": lambda rows: rows.astype(np.float16),
        "torch": torch.tensor,
        "torch half": lambda rows: torch.tensor(rows).half(),
        "torch bfloat16": lambda rows: torch.tensor(rows).bfloat16(),
    }[given_as]
    task = as_evaluation_task(
        rng, random_task(rng, family, queries=5, candidates=candidates, dimension=7)
    )
    most = 6e4 if given_as in ("float16", "torch half") else 1e38
    rows = np.clip(task.candidates, -most, most)
    task = dataclasses.replace(task, candidates=widened(convert(rows)))
    folder = tmp_path_factory.mktemp("spool")
    given = 0

    def encoder() -> Iterator[Any]:
        nonlocal given
        for block in parts(rng, rows, count):
            given += 1
            yield convert(block)

    found = evaluated(task, encoder(), spool_folder=folder)
    assert given == count
    assert everything(found) == everything(evaluated(task, task.candidates))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".fixed.parquet", ".lists.parquet"])
def test_shards_of_many_blocks(tmp_path: Path, suffix: str) -> None:
    """25,000 candidates: judged ones stand at the borders of blocks and shards."""
    rng = np.random.default_rng(0)
    rows = rng.integers(-3, 4, (25_000, 3)).astype(np.float32)
    judged = [dict.fromkeys([0, 8_191, 8_192, 20_999, 21_000, 24_999], 1), {21_001: 2, 5: 0}]
    languages = rng.choice(["de", "en", "fr"], 25_000).tolist()
    queries = np.array([[1, 2, 3], [2, -1, 2]], np.float32)
    task = Task(queries, rows, list(range(25_000)), languages, judged)
    paths = [
        write(tmp_path / f"{n}{suffix}", part)
        for n, part in enumerate(np.split(rows, [21_000, 21_000, 21_001]))
    ]
    expected = everything(evaluated(task, rows))
    assert everything(evaluated(task, paths)) == expected
    assert everything(evaluated(task, tuple(map(str, paths)))) == expected
    assert everything(evaluated(task, np.split(rows, [7, 9_000]))) == expected


# Blocks and rows


@pytest.mark.parametrize("kind", ["array", "tensor", "blocks", *KINDS])
def test_blocks_and_rows_are_those_of_the_source(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((20_000, 3)).astype(np.float32)
    source: Any = rows
    if kind in KINDS:
        suffix, convert = KINDS[kind]
        source = [
            write(tmp_path / f"{n}{suffix}", convert(part))
            for n, part in enumerate(parts(rng, rows, 4))
        ]
        rows = widened(convert(rows))
    elif kind == "tensor":
        source = torch.tensor(rows)
    elif kind == "blocks":
        source = iter(parts(rng, rows, 4))
    with open_candidates(source) as candidates:
        assert len(candidates) == 20_000
        for _ in range(2):  # an encoder's blocks can be read again
            found = list(candidates.blocks())
            most = 65_536 if kind in ("array", "tensor") else 8192
            assert max(len(ids) for ids, _ in found) <= most
            assert np.concatenate([ids for ids, _ in found]).tolist() == list(range(20_000))
            assert (np.concatenate([np.asarray(b) for _, b in found]) == rows).all()
        for start, stop in ((0, 0), (0, None), (8_191, 8_193), (7, 20_000), (20_000, None)):
            some = list(candidates.blocks(start, stop))
            wanted = np.arange(start, 20_000 if stop is None else stop)
            assert [i for ids, _ in some for i in ids.tolist()] == wanted.tolist()
            assert all((np.asarray(block) == rows[ids]).all() for ids, block in some)
        for count in (0, 1, 50, 20_000):
            wanted = np.sort(rng.choice(20_000, count, replace=False))
            some = list(candidates.rows(wanted))
            assert [i for ids, _ in some for i in ids.tolist()] == wanted.tolist()
            assert all((np.asarray(block) == rows[ids]).all() for ids, block in some)
            some = list(candidates.rows(wanted, more=True))
            assert set(wanted.tolist()) <= {i for ids, _ in some for i in ids.tolist()}
            assert all((np.diff(ids) > 0).all() for ids, _ in some)
            assert all((np.asarray(block) == rows[ids]).all() for ids, block in some)


def test_blocks_are_large_where_they_need_no_copy() -> None:
    def sizes(source: Any) -> list[int]:
        with open_candidates(source) as candidates:
            found = [block for _, block in candidates.blocks()]
            assert all(np.shares_memory(np.asarray(block), np.asarray(source)) for block in found)
            return [len(block) for block in found]

    narrow, wide = np.zeros((70_000, 1), np.float32), np.zeros((20_000, 1024), np.float32)
    for whole in (narrow, torch.from_numpy(narrow)):
        assert sizes(whole) == [65_536, 4_464]
    assert sizes(wide) == [16_384, 3_616]  # 64 MiB
    for copied in (narrow.astype(np.float16), np.zeros((140_000, 1), np.float32)[::2]):
        assert sizes(copied) == [8_192] * 8 + [4_464]


@pytest.mark.parametrize("kinds", [[".npy"], [".lists.parquet"], [".safetensors", ".npy"]], ids=str)
def test_small_shards_and_row_groups_share_blocks(tmp_path: Path, kinds: list[str]) -> None:
    """A block costs a look at all queries; what fills half of one is given as it is."""
    sizes = [700] * 9 + [8_000, 1, 4_096, 4_095, 4_096, 3]
    rows = np.arange(sum(sizes), dtype=np.float16)[:, None].astype(np.float32) % 1_000
    paths = [
        write(tmp_path / f"{number}{kinds[number % len(kinds)]}", part)
        for number, part in enumerate(np.split(rows, np.cumsum(sizes)[:-1]))
    ]
    with open_candidates(paths) as candidates:
        found = list(candidates.blocks(100, len(rows) - 1))
        assert np.concatenate([ids for ids, _ in found]).tolist() == [*range(100, len(rows) - 1)]
        assert all((block == rows[ids]).all() for ids, block in found)
        assert max(len(ids) for ids, _ in found) <= 8_192
        assert len(found) <= 9


def test_shards_of_several_types_share_blocks(tmp_path: Path) -> None:
    rows = np.array([[1 / 3], [0.1], [2.5]], np.float32)
    half = rows.astype(np.float16)
    paths = [write(tmp_path / "a.npy", half), write(tmp_path / "b.npy", rows)]
    with open_candidates(paths) as candidates:
        ((ids, block),) = candidates.blocks()
    assert ids.tolist() == list(range(6))
    assert (block == np.concatenate([half.astype(np.float32), rows])).all()


def test_rows_between_come_with_others_where_that_spares_a_copy() -> None:
    rows = np.arange(3_000 * 768, dtype=np.float32).reshape(3_000, 768)
    third = np.arange(0, 3_000, 3)
    most = np.delete(np.arange(3_000), third)
    with open_candidates(rows) as candidates:
        for wanted, viewed in ((most, True), (third, False)):
            some = list(candidates.rows(wanted, more=True))
            assert [np.shares_memory(block, rows) for _, block in some] == [viewed] * len(some)
            assert max(block.nbytes for _, block in some) <= (64 if viewed else 1) << 20
            found = [i for ids, _ in some for i in ids.tolist()]
            assert sorted(set(found) & set(wanted.tolist())) == wanted.tolist()
            assert (len(found) > len(wanted)) is viewed


@pytest.mark.parametrize(
    "ids",
    [*([-1, 2], [0, 3], [2, 1], [1, 1]), np.array([2, 1], np.uint64), np.array([2, 0], np.uint8)],
    ids=str,
)
def test_rows_that_are_not_there(ids: Any) -> None:
    with (
        open_candidates(np.ones((3, 2), np.float32)) as candidates,
        refusal("give ids from 0 to 2, ascending, each once"),
    ):
        list(candidates.rows(np.array(ids)))


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 1), (0, 4), (4, None)])
def test_blocks_that_are_not_there(start: int, stop: int | None) -> None:
    with (
        open_candidates(np.ones((3, 2), np.float32)) as candidates,
        refusal(
            f"start={start}, stop={3 if stop is None else stop}: give 0 <= start <= stop <= 3, the "
            "numbers of the candidates"
        ),
    ):
        list(candidates.blocks(start, stop))


def test_blocks_of_long_vectors_have_fewer_rows() -> None:
    rows = np.zeros((7, 1 << 19), np.float16)
    with open_candidates(rows) as candidates:
        assert [len(ids) for ids, _ in candidates.blocks()] == [2, 2, 2, 1]
    with open_candidates(np.zeros((3, 1 << 21), np.float16)) as candidates:
        assert [len(ids) for ids, _ in candidates.blocks()] == [1, 1, 1]


@pytest.mark.parametrize("kind", ["array", "blocks", "npy float32", "parquet float32 lists"])
def test_a_part_keeps_its_numbers(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((20_000, 3)).astype(np.float32)
    source: Any = rows
    if kind in KINDS:
        cut = enumerate(parts(rng, rows, 4))
        source = [write(tmp_path / f"{n}{KINDS[kind][0]}", part) for n, part in cut]
    elif kind == "blocks":
        source = np.split(rows, [7, 9_000])
    with open_candidates(source) as whole:
        part = whole.part(100, 19_000).part(5_000, 15_000)
        assert (len(part), part.shape, part.numbers) == (10_000, (10_000, 3), range(5_000, 15_000))
        blocks = list(part.blocks())
        assert np.concatenate([ids for ids, _ in blocks]).tolist() == list(part.numbers)
        assert np.array_equal(np.concatenate([block for _, block in blocks]), rows[5_000:15_000])
        ids = np.array([5_000, 14_998, 14_999])
        picked = list(part.rows(ids))
        assert np.concatenate([some for some, _ in picked]).tolist() == ids.tolist()
        assert np.array_equal(np.concatenate([block for _, block in picked]), rows[ids])
        assert [len(block) for _, block in whole.part(9, 9).blocks()] == []
        with refusal(
            "start=4999, stop=6000: give 5000 <= start <= stop <= 15000, the numbers of the "
            "candidates"
        ):
            part.part(4_999, 6_000)
        with refusal("give ids from 5000 to 14999, ascending, each once"):
            list(part.rows(np.array([4_999])))


def test_a_part_is_evaluated_by_its_numbers() -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((20, 3)).astype(np.float32)
    names = [*"de" * 5, *"fr" * 5]
    options: Any = {
        "query_languages": ["d", "e"],
        "candidate_languages": names[7:],
        "measures": (*NAMES, "Judged@20"),
    }
    lists = ([0, 1, 2], [0, 9]), ([0, 2, 3], [1, 2, 3])
    moved = [(indptr, [i + 7 for i in ids]) for indptr, ids in lists]
    expected = evaluate(rows[:2], rows[7:], lists[0], exclude=lists[1], **options)
    with open_candidates(rows) as whole, open_candidates(whole.part(7, 20)) as part:
        found = evaluate(rows[:2], part, moved[0], exclude=moved[1], **options)
        for outside in (6, 20):
            message = f"candidate {outside} is judged but the candidates are 7 to 19"
            with refusal(f"{message}, as candidate_languages has 13 entries"):
                evaluate(rows[:2], part, ([0, 1, 2], sorted([8, outside])), **options)
    with open_candidates(iter([rows[7:9], rows[9:]]), first=7) as spooled:
        numbered = evaluate(rows[:2], spooled, moved[0], exclude=moved[1], **options)
    assert everything(numbered) == everything(found)
    assert found.ranks.id.tolist() == [7, 16]
    assert everything(found)[1:] == everything(expected)[1:]
    assert found["multilingual"] == expected["multilingual"]


def test_numbers_go_as_far_as_64_bits() -> None:
    rows, most = np.ones((6, 2), np.float32), np.iinfo(np.int64).max - 6
    with open_candidates(rows, first=most) as candidates:
        assert [ids.tolist() for ids, _ in candidates.blocks()] == [list(range(most, most + 6))]
    for first in (-1, most + 1, 2**63):
        message = f"first={first}: give the number of the first candidate, 0 to {most}"
        with refusal(message), open_candidates(rows, first=first):
            pass


def sparse(path: Path, rows: int, dtype: str = "F32") -> Path:
    """A file of zeros of 256 numbers a row that takes no room on the disk."""
    size = rows * 256 * (4 if dtype == "F32" else 2)
    with path.open("wb") as file:
        if path.suffix == ".npy":
            header = {"descr": "<f4", "fortran_order": False, "shape": (rows, 256)}
            np.lib.format.write_array_header_1_0(file, header)
        else:
            tensor = f'{{"dtype":"{dtype}","shape":[{rows},256],"data_offsets":[0,{size}]}}'
            header = f'{{"rows":{tensor}}}'.ljust(128).encode()  # type: ignore[assignment]
            file.write(len(header).to_bytes(8, "little") + header)  # type: ignore[operator]
        file.truncate(file.tell() + size)
    return path


@pytest.mark.parametrize(
    ("suffix", "dtype"), [(".npy", "F32"), (".safetensors", "F32"), (".safetensors", "BF16")]
)
def test_only_the_rows_asked_for_are_read(tmp_path: Path, suffix: str, dtype: str) -> None:
    """Two shards of 512 GiB each: to read one whole would take minutes and no memory holds it."""
    rows = 512 << 20
    paths = [sparse(tmp_path / f"{n}{suffix}", rows, dtype) for n in range(2)]
    ids = np.array([0, 1, 12_345_678, rows - 1, rows, 2 * rows - 2, 2 * rows - 1])
    before = bytes_read()
    with open_candidates(paths) as candidates:
        assert len(candidates) == 2 * rows
        found = list(candidates.rows(ids))
    assert [i for got, _ in found for i in got.tolist()] == ids.tolist()
    assert all(block.shape == (len(got), 256) and not block.any() for got, block in found)
    assert bytes_read() - before < 1 << 20


def bytes_read() -> int:
    """What this process has read by read()."""
    if not sys.platform.startswith("linux"):
        return 0
    found = re.search(r"^rchar: (\d+)$", Path("/proc/self/io").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_a_pass_holds_blocks_only(tmp_path: Path, suffix: str) -> None:
    path = sparse(tmp_path / f"rows{suffix}", 1 << 17)  # 128 MiB
    assert held(lambda: path) < 20 << 20


def test_an_encoders_blocks_are_not_held() -> None:
    assert held(lambda: (np.zeros((4096, 256), np.float32) for _ in range(32))) < 20 << 20


def held(source: Callable[[], Any]) -> int:
    """Most memory of Python and NumPy while all blocks are read."""
    tracemalloc.start()
    try:
        with open_candidates(source()) as candidates:
            assert sum(len(ids) for ids, _ in candidates.blocks()) == 1 << 17
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Tables, types and ids


def test_the_queries_are_checked_before_the_encoder_is_set_to_work() -> None:
    def encoder() -> Iterator[Float32]:
        raise AssertionError("encoded in vain")
        yield

    sound: dict[str, Any] = {
        "queries": np.ones((1, 2), np.float32),
        "relevant": ([0, 1], [0]),
        "query_languages": ["en"],
        "candidate_languages": ["en"],
    }
    for wrong in (
        {"queries": np.full((1, 2), np.nan, np.float32)},
        {"relevant": ([0, 1], [-1])},
        {"query_languages": ["en", "de"]},
        {"measures": ["nothing"]},
    ):
        with pytest.raises(ValueError, match=":"):
            evaluate(candidates=encoder(), **sound | wrong)


@pytest.mark.parametrize(
    "table",
    [
        lambda rows: pandas.DataFrame(rows, columns=[4, 2, 0]),
        lambda rows: pyarrow.table(dict(zip("abc", rows.T, strict=True))),
        lambda rows: pyarrow.record_batch(dict(zip("abc", rows.T, strict=True))),
    ],
)
@pytest.mark.parametrize("more", [True, False])
def test_a_table_is_its_rows(table: Callable[[Float32], Any], more: bool) -> None:
    """Its [] takes columns."""
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    with open_candidates(table(rows)) as opened:
        assert opened.shape == (10, 3)
        for some in ([3, 4], [0, 2, 4], [1, 9]):  # close together or not
            ((ids, block),) = opened.rows(np.array(some), more=more)
            assert set(some) <= set(ids.tolist())
            assert np.asarray(block).tolist() == rows[ids].tolist()
        ((_, block),) = opened.blocks()
        assert block.tolist() == rows.tolist()


def test_bfloat16_shards_need_no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.safetensors", torch.tensor(ROWS).bfloat16())
    monkeypatch.setitem(sys.modules, "torch", None)
    with open_candidates(path) as candidates:
        ((_, block),) = candidates.blocks()
    assert block.dtype == np.float32
    assert (block == ROWS).all()


def test_ids_are_numbers_of_rows(tmp_path: Path) -> None:
    ids: NDArray[np.int64] = np.array([1, 2])
    with open_candidates(write(tmp_path / "a.npy", ROWS)) as candidates:
        ((found, block),) = candidates.rows(ids)
    assert found.tolist() == [1, 2]
    assert (block == ROWS[1:3]).all()

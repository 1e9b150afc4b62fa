"""Several real processes find, digit for digit, what one finds."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from numpy.typing import NDArray

import simulated_device
from counting import (
    CHANGED,
    DIFFER,
    FIVE,
    add,
    anchor,
    assert_exact,
    blocks,
    counted,
    counter_of,
    whole,
)
from hybridsampler import evaluate
from hybridsampler.candidates import open_candidates
from hybridsampler.distributed import all_merge, count_shares
from hybridsampler.passes import Checkpoint
from naive_ranking import (
    FAMILIES,
    SIMILARITIES,
    Task,
    as_rows,
    oracle_ranks,
    random_task,
    task_scores,
)
from parquet_files import as_lists, write_parquet

PATIENCE = 120  # seconds; a rank that waits in vain fails its test instead of hanging it


def tasks() -> list[Task]:
    rng = np.random.default_rng(0)
    return [random_task(rng, family, queries=7, candidates=25, dimension=19) for family in FAMILIES]


def part(number: int, rank: int, world: int) -> NDArray[np.int64]:
    """Uneven parts of the candidates, in any order; in every third task one rank has none."""
    rng = np.random.default_rng(number)
    owner = rng.integers(0, world, 25)
    if number % 3 == 0:
        owner[owner == number % world] = (number + 1) % world
    return rng.permutation(np.flatnonzero(owner == rank))


# What each rank does. The results go to the test as JSON.


def shares(rank: int, world: int) -> list[Any]:
    """Both phases over each task."""
    found = []
    for number, task in enumerate(tasks()):
        similarity = SIMILARITIES[number % 2]
        counter, own = counter_of(task, similarity), part(number, rank, world)
        anchor(counter, task, own)
        counter = all_merge(counter)
        for rows in blocks(own, 4):
            add(counter, task, rows)
        before = counter.to_bytes()
        merged = all_merge(counter)
        assert counter.to_bytes() == before
        assert_exact(merged, task, similarity)
        found.append([as_rows(merged.ranks()), merged.ranks().languages, merged.to_bytes().hex()])
    return found


def shards(rank: int, world: int) -> list[Any]:
    """Files of 0, 40 or so and 80 or so rows, as the documentation reads them."""
    task = files_task()
    first, end = [(0, 41), (41, 120), (120, 120)][(rank + 1) % world]
    judged = np.unique([c for grades in task.judged for c in grades])
    judged = judged[(judged >= first) & (judged < end)]
    languages = task.languages[first:end]
    with TemporaryDirectory() as folder:
        path = Path(folder, "rows.npy")
        np.save(path, task.candidates[first:end])
        counter = counter_of(task)
        with open_candidates(path) as candidates:
            for rows, block in candidates.rows(judged - first):
                counter.anchor(block, first + rows)
            counter = all_merge(counter)
            for rows, block in candidates.blocks():
                counter.add(block, first + rows, languages[rows[0] : rows[-1] + 1])
        counter = all_merge(counter)
    assert_exact(counter, task)
    return as_rows(counter.ranks())


def files_task() -> Task:
    """Ids are numbers of rows; all languages, ties, no exclusions."""
    rng = np.random.default_rng(1)
    task = random_task(rng, "duplicated", queries=7, candidates=120, dimension=9)
    return dataclasses.replace(
        task,
        ids=list(range(120)),
        judged=[{int(c): 1 for c in rng.choice(120, 3, replace=False)} for _ in range(7)],
        excluded=[],
    )


def write_files(task: Task, folder: str) -> list[Path]:
    """Shards of 41, 0, 78 and 1 rows: what a rank reads begins and ends within them."""
    paths = []
    cuts = [41, 41, 119]
    for rows, name in zip(
        np.split(task.candidates, cuts),
        ("a.fixed.parquet", "b.lists.parquet", "c.lists.parquet", "d.npy"),
        strict=True,
    ):
        path = Path(folder, name)
        if path.suffix == ".npy":
            np.save(path, rows)
        else:
            write_parquet(path, as_lists(rows, path.suffixes[0]), 7)
        paths.append(path)
    return paths


class StoppedError(Exception):
    """Stands for whatever ends a run."""


def shares_of_files(rank: int, world: int) -> list[Any]:
    """All ranks name the same files; after an interrupt each goes on from its own checkpoint."""
    task = files_task()
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        raise StoppedError

    with (
        TemporaryDirectory() as folder,
        mock.patch("hybridsampler.candidates._BLOCK_ROWS", 8),  # so that shares have several
        open_candidates(write_files(task, folder)) as candidates,
    ):
        checkpoint = Checkpoint(Path(folder, f"counter-{rank}"))
        with pytest.raises(StoppedError):
            count_shares(
                counter_of(task), candidates, task.languages, progress=stop, checkpoint=checkpoint
            )
        dist.barrier()  # all were interrupted after their first block
        counter = count_shares(
            counter_of(task),
            candidates,
            task.languages,
            progress=lambda done, total: told.append((done, total)),
            checkpoint=checkpoint,
        )
        path = checkpoint.path  # as evaluate takes it
        again = count_shares(counter_of(task), candidates, task.languages, checkpoint=path)
        assert again.to_bytes() == counter.to_bytes()
    assert_exact(counter, task)
    whole_share = 120 * (rank + 1) // world - 120 * rank // world
    assert {total for _, total in told} <= {whole_share}
    assert told[0][0] > 8  # not from the start
    return as_rows(counter.ranks())


def error_in_a_share(rank: int, world: int) -> list[str]:
    """Rank 1 fails before the first pass, in it, in the second; the others must not wait for it."""
    task = files_task()

    def stop(done: int, total: int) -> None:
        if rank == 1:
            raise StoppedError("the disk has gone")

    def told(languages: list[str], own: type[Exception], file: str | None = None) -> str:
        with pytest.raises(own if rank == 1 else ValueError) as caught:
            count_shares(counter_of(task), candidates, languages, progress=stop, checkpoint=file)
        assert str(caught.value).startswith("rank 1: ") == (rank != 1)
        return str(caught.value).removeprefix("rank 1: ")

    with TemporaryDirectory() as folder, open_candidates(write_files(task, folder)) as candidates:
        found = [
            told(task.languages, FileNotFoundError, "nowhere/counter" if rank == 1 else None),
            told(task.languages[: 119 if rank == 1 else 120], ValueError),
            told(task.languages, StoppedError),
        ]
        assert_exact(count_shares(counter_of(task), candidates, task.languages), task)
    return found


def paths_in_place_of_candidates(rank: int, world: int) -> str:
    """Rank 1 names a file and has not opened it."""
    task = files_task()
    with open_candidates(task.candidates) as candidates:
        given: Any = "candidates.npy" if rank == 1 else candidates
        with pytest.raises(TypeError if rank == 1 else ValueError) as caught:
            count_shares(counter_of(task), given, task.languages)
        return str(caught.value).removeprefix("rank 1: ")


def bar_that_one_rank_cannot_show(rank: int, world: int) -> str:
    """Rank 1 alone has no rich, which other ranks do not need."""
    task = files_task()
    with (
        open_candidates(task.candidates) as candidates,
        mock.patch.dict(sys.modules, {"rich.progress": None}),
        pytest.raises(ImportError if rank == 1 else ValueError) as caught,
    ):
        count_shares(counter_of(task), candidates, task.languages, progress=rank == 1)
    return str(caught.value).removeprefix("rank 1: ")


def error_that_is_no_text(rank: int, world: int) -> str:
    """Rank 1 names a folder whose name is no UTF-8, as some file systems have them."""
    task, file = files_task(), os.fsdecode(b"nowhere\xff/counter") if rank == 1 else None
    with (
        open_candidates(task.candidates) as candidates,
        pytest.raises(FileNotFoundError if rank == 1 else ValueError) as caught,
    ):
        count_shares(counter_of(task), candidates, task.languages, checkpoint=file)
    return str(caught.value).encode(errors="backslashreplace").decode().removeprefix("rank 1: ")


def share_that_nobody_counts(rank: int, world: int) -> str:
    """The others make the calls of a count, and count nothing."""
    task = files_task()
    counter = counter_of(task)
    if rank > 0:
        anchor(counter, task, whole(task))
        all_merge(all_merge(counter))
        return ""
    with (
        TemporaryDirectory() as folder,
        open_candidates(write_files(task, folder)) as candidates,
        pytest.raises(ValueError, match="candidates were counted") as caught,
    ):
        count_shares(counter, candidates, task.languages)
    return str(caught.value)


def shares_of_a_part(rank: int, world: int) -> list[Any]:
    """The ranks share some of the candidates, which keep the numbers that they have among all."""
    whole, rng = files_task(), np.random.default_rng(2)
    numbers = slice(30, 100)
    task = dataclasses.replace(
        whole,
        candidates=whole.candidates[numbers],
        ids=whole.ids[numbers],
        languages=whole.languages[numbers],
        judged=[{int(c): 1 for c in rng.choice(whole.ids[numbers], 3, False)} for _ in range(7)],
    )
    with TemporaryDirectory() as folder, open_candidates(write_files(whole, folder)) as candidates:
        counter = count_shares(counter_of(task), candidates.part(30, 100), task.languages)
    assert_exact(counter, task)
    return as_rows(counter.ranks())


def message(call: Callable[[], object]) -> str:
    with pytest.raises(ValueError, match=r"^rank \d: ") as caught:
        call()
    return str(caught.value)


def counted_twice(rank: int, world: int) -> str:
    """The last rank counts a candidate that the first has counted too."""
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    rows = np.arange(5)[rank::world]
    add(counter, FIVE, np.append(rows, 0) if rank == world - 1 else rows)
    before = counter.to_bytes()
    told = message(lambda: all_merge(counter))
    assert counter.to_bytes() == before
    return told


def another_evaluation(rank: int, world: int) -> str:
    other = dataclasses.replace(FIVE, queries=FIVE.queries * np.float32(1 + (rank == world - 1)))
    return message(lambda: all_merge(counter_of(other)))


def another_vector(rank: int, world: int) -> str:
    counter = counter_of(FIVE)
    changed = dataclasses.replace(FIVE, candidates=FIVE.candidates + np.float32(rank == 1))
    anchor(counter, changed, whole(FIVE))
    return message(lambda: all_merge(counter))


def no_counter(rank: int, world: int) -> str:
    """One rank has an error of its own; the others must not wait for it."""
    counter: Any = None if rank == 1 else counter_of(FIVE)
    return message(lambda: all_merge(counter))


def some_ranks_only(rank: int, world: int) -> list[Any]:
    """The first and the last rank share; the group numbers them anew."""
    members = sorted({0, world - 1})
    group: Any = dist.new_group(members)
    if rank not in members:
        with pytest.raises(
            ValueError,
            match=r"^this process is not in the group: make collective calls on its ranks only$",
        ):
            all_merge(counter_of(FIVE), group)
        return []
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE)[members.index(rank) :: 2])
    counter = all_merge(counter, group)
    add(counter, FIVE, whole(FIVE)[members.index(rank) :: 2])
    counter = all_merge(counter, group)
    assert_exact(counter, FIVE)
    return as_rows(counter.ranks())


def counts_merged_twice(rank: int, world: int) -> str:
    """The counts of all are no rank's own: merged again, they would count double."""
    counter = counter_of(FIVE)
    anchor(counter, FIVE, whole(FIVE))
    add(counter, FIVE, np.arange(5)[rank::world])
    merged = all_merge(counter)
    return message(lambda: all_merge(merged))


WORK = (
    shares,
    shards,
    shares_of_files,
    shares_of_a_part,
    error_in_a_share,
    paths_in_place_of_candidates,
    error_that_is_no_text,
    bar_that_one_rank_cannot_show,
    share_that_nobody_counts,
    counted_twice,
    another_evaluation,
    another_vector,
    no_counter,
    some_ranks_only,
    counts_merged_twice,
    shares,  # after all these errors the group works as before
)


@contextmanager
def meeting(
    rank: int, world: int, folder: Path | str, backend: str = "gloo", patience: float = PATIENCE
) -> Iterator[None]:
    dist.init_process_group(
        backend,
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=patience),
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def test_a_tensor_that_is_spread_over_processes_is_refused(tmp_path: Path) -> None:
    """Each process holds a part, and no other can be read without a collective call."""
    tensor = pytest.importorskip("torch.distributed.tensor")
    with meeting(0, 1, tmp_path):
        mesh = tensor.init_device_mesh("cpu", (1,))
        spread = tensor.distribute_tensor(torch.tensor(FIVE.candidates), mesh)
        counter = counter_of(FIVE)
        told = (
            "is a DTensor, of which each process holds a part: give full_tensor(), or to_local() "
            "with the ids of that part"
        )
        for call in (
            lambda: counter_of(FIVE, queries=spread),
            lambda: counter.anchor(spread, FIVE.ids),
            lambda: counter.add(spread, FIVE.ids, FIVE.languages),
            lambda: open_candidates(spread).__enter__(),
        ):
            with pytest.raises(TypeError) as caught:
                call()
            assert str(caught.value).endswith(told)


class Sending(simulated_device.Simulated):  # type: ignore[no-untyped-call]  # torch's
    """Groups take tensors of the simulated device alone, as NCCL takes those of GPUs."""

    sent = 0
    where = torch.device(simulated_device.NAME)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.c10d.allreduce_.default, torch.ops.c10d.broadcast_.default):
            assert all(isinstance(tensor, simulated_device.OnDevice) for tensor in args[0])
            assert all(tensor.device == self.where for tensor in args[0])
            self.sent += 1
        return super().__torch_dispatch__(func, types, args, kwargs)


@contextmanager
def sending() -> Iterator[Sending]:
    config = f"{simulated_device.NAME}:nccl"
    with mock.patch.object(dist, "get_backend_config", return_value=config):
        mode = Sending()  # type: ignore[no-untyped-call]  # torch's
        with mode:
            yield mode
        assert mode.sent > 0


def test_a_group_that_is_bound_to_a_device_gets_its_tensors_there(tmp_path: Path) -> None:
    """By init_process_group(device_id=...), whatever the current device is."""
    with meeting(0, 1, tmp_path), sending() as mode:
        assert dist.group.WORLD is not None
        dist.group.WORLD.bound_device_id = mode.where = torch.device(simulated_device.NAME, 1)
        try:
            all_merge(counter_of(FIVE))
        finally:
            dist.group.WORLD.bound_device_id = None  # gloo knows no such device


def alone(rank: int, folder: str, gone: bool) -> None:
    """Rank 1 ends, or does something else for longer than the others wait."""
    with meeting(rank, 2, folder, patience=2):
        if rank == 1:
            if not gone:
                time.sleep(6)
            os._exit(0)
        with pytest.raises(RuntimeError) as caught:
            all_merge(counter_of(FIVE))
        Path(folder, "told").write_text(str(caught.value), encoding="utf-8")
        os._exit(0)


@pytest.mark.parametrize("gone", [True, False])
def test_a_rank_that_is_waited_for_in_vain(tmp_path: Path, gone: bool) -> None:
    context = torch.multiprocessing.spawn(  # type: ignore[attr-defined,no-untyped-call]
        alone, (str(tmp_path), gone), 2, join=False
    )
    for one in context.processes:
        one.join(PATIENCE)
    told = Path(tmp_path, "told").read_text("utf-8")
    assert told.startswith(
        "rank 0 of 2 waited in vain: another rank has ended, and printed why, makes other calls, "
        "or takes longer than the timeout= that init_process_group() was given ("
    )


def process(rank: int, world: int, folder: str, simulated: bool) -> None:
    torch.set_num_threads(1)
    with meeting(rank, world, folder), sending() if simulated else nullcontext():
        found = [work(rank, world) for work in WORK]
    Path(folder, f"{rank}.json").write_text(json.dumps(found), encoding="utf-8")
    os._exit(0)  # as_rank.py says why


@pytest.fixture(scope="module", params=[(2, False), (3, False), (2, True)], ids=str)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What each rank found: by rank, then by work."""
    (world, simulated), folder = request.param, tmp_path_factory.mktemp("ranks")
    context = torch.multiprocessing.spawn(  # type: ignore[attr-defined,no-untyped-call]
        process, (world, str(folder), simulated), world, join=False
    )
    end = time.monotonic() + PATIENCE
    try:
        while not context.join(timeout=1):
            assert time.monotonic() < end, "a rank hangs"
    finally:
        for one in context.processes:
            one.kill()
    return [json.loads((folder / f"{rank}.json").read_text("utf-8")) for rank in range(world)]


def of(found: Any, work: Callable[..., Any]) -> Any:
    """What the ranks found, which must be the same on all."""
    results = [rank[WORK.index(work)] for rank in found]
    assert all(result == results[0] for result in results)
    return results[0]


def test_all_ranks_find_what_one_process_finds(found: Any) -> None:
    again = [rank[-1] for rank in found]
    assert all(results == again[0] for results in again)
    for results in (of(found, shares), again[0]):
        for number, (task, (rows, languages, data)) in enumerate(
            zip(tasks(), results, strict=True)
        ):
            similarity = SIMILARITIES[number % 2]
            expected = oracle_ranks(task, task_scores(task, similarity), "pessimistic")
            assert rows == [list(row) for row in expected]
            assert set(languages) == set(task.languages)
            read = counter_of(task, similarity)
            read.merge_bytes(bytes.fromhex(data))
            assert_exact(read, task, similarity)


def test_each_rank_reads_a_file_of_its_own(found: Any) -> None:
    assert len(of(found, shards)) == 21


def test_ranks_share_files_that_all_of_them_name(found: Any) -> None:
    assert of(found, shares_of_files) == of(found, shards)


def test_ranks_share_a_part_of_the_candidates(found: Any) -> None:
    assert len(of(found, shares_of_a_part)) == 21


def test_an_error_in_one_share_is_raised_on_all(found: Any) -> None:
    before, first, second = of(found, error_in_a_share)
    assert before == "checkpoint nowhere/counter: there is no such folder: create it"
    assert first == "candidate_languages has 119 entries for 120 rows: give one each"
    assert second == "the disk has gone"


def test_candidates_that_are_not_opened(found: Any) -> None:
    assert of(found, paths_in_place_of_candidates) == (
        "candidates are of type str: open them, with open_candidates(...) as candidates"
    )


def test_an_error_that_is_no_text_is_raised_on_all(found: Any) -> None:
    assert of(found, error_that_is_no_text) == (
        r"checkpoint nowhere\udcff/counter: there is no such folder: create it"
    )


def test_a_bar_that_cannot_be_shown_is_an_error_on_all(found: Any) -> None:
    assert of(found, bar_that_one_rank_cannot_show).startswith("progress=True needs rich: pip ins")


def test_shares_that_nobody_counts_are_told(found: Any) -> None:
    world = len(found)
    assert found[0][WORK.index(share_that_nobody_counts)] == (
        f"{120 // world} of 120 candidates were counted: one rank has made other calls than the "
        "rest, as after an interrupt: start all of them anew"
    )


SCRIPT = """
import torch.distributed as dist
from hybridsampler import Evaluation, RankCounter
from hybridsampler import evaluate
from hybridsampler.candidates import open_candidates
from hybridsampler.distributed import count_shares
from hybridsampler.measures import Measure
import json, numpy as np, os, sys

task = json.load(open(sys.argv[1]))
dist.init_process_group("gloo")
counter = RankCounter(np.array(task["queries"], np.float32), tuple(task["judged"]))
with open_candidates(task["paths"]) as candidates:
    counter = count_shares(counter, candidates, task["languages"])
languages = ["en", "de"] * 3 + ["en"]
result = Evaluation(counter, languages, [Measure.parse("AP")])
found = [result["multilingual"]["AP"], result.ranks.overall.tolist()]
open(f"{sys.argv[1]}.{dist.get_rank()}", "w").write(json.dumps(found))
dist.destroy_process_group()
os._exit(0)  # as_rank.py says why
"""


@pytest.mark.parametrize("world", [2, 3])
def test_torchrun(tmp_path: Path, world: int) -> None:
    task = files_task()
    described = {
        "queries": task.queries.tolist(),
        "judged": [column.tolist() for column in task.judged_lists()],
        "languages": task.languages,
        "paths": [str(path) for path in write_files(task, str(tmp_path))],
    }
    Path(tmp_path, "task.json").write_text(json.dumps(described), encoding="utf-8")
    Path(tmp_path, "script.py").write_text(SCRIPT, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(world), str(tmp_path / "script.py"), str(tmp_path / "task.json")),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=environment()
    )
    assert done.returncode == 0, done.stderr
    found = [
        json.loads(Path(tmp_path, f"task.json.{rank}").read_text("utf-8")) for rank in range(world)
    ]
    result = evaluate(
        task.queries,
        task.candidates,
        task.judged_lists(),
        query_languages=["en", "de"] * 3 + ["en"],
        candidate_languages=task.languages,
        measures=["AP"],
    )
    assert found == [[result["multilingual"]["AP"], result.ranks.overall.tolist()]] * world


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def test_some_rank_has_no_candidate() -> None:
    for world in (2, 3):
        sizes = [
            [len(part(number, rank, world)) for rank in range(world)]
            for number in range(len(FAMILIES))
        ]
        assert all(sum(of_ranks) == 25 for of_ranks in sizes)
        assert any(0 in of_ranks for of_ranks in sizes)
        assert any(len(set(of_ranks)) == world and 0 not in of_ranks for of_ranks in sizes)


def test_a_candidate_that_two_ranks_have_counted(found: Any) -> None:
    assert of(found, counted_twice) == (
        f"rank {len(found) - 1}: candidate 10 was added to both counters: add each candidate to one"
    )


def test_a_rank_with_other_queries(found: Any) -> None:
    """Every rank sees it in another turn; all tell what the first of them saw."""
    assert of(found, another_evaluation) == f"rank {len(found) - 1}: {DIFFER}"


def test_a_rank_that_encodes_otherwise(found: Any) -> None:
    assert of(found, another_vector) == f"rank 1: {CHANGED.format(10)}"


def test_an_error_of_one_rank_is_raised_on_all(found: Any) -> None:
    assert of(found, no_counter) == "rank 1: 'NoneType' object has no attribute 'to_bytes'"


def test_a_group_of_some_ranks(found: Any) -> None:
    first, last = found[0][WORK.index(some_ranks_only)], found[-1][WORK.index(some_ranks_only)]
    assert first == last == [list(row) for row in as_rows(counted(FIVE).ranks())]


def test_counts_are_merged_once(found: Any) -> None:
    assert of(found, counts_merged_twice) == (
        "rank 1: candidate 10 was added to both counters: add each candidate to one"
    )


@pytest.mark.parametrize(
    "backend",
    [
        "gloo",
        pytest.param(
            "nccl",
            marks=pytest.mark.skipif(
                not torch.cuda.is_available(),
                reason="NO GPU HERE: tensors of a simulated device were sent",
            ),
        ),
    ],
)
def test_one_rank_alone(tmp_path: Path, backend: str) -> None:
    with meeting(0, 1, tmp_path, backend):
        counter = counter_of(FIVE)
        anchor(counter, FIVE, whole(FIVE))
        counter = all_merge(counter)
        add(counter, FIVE, whole(FIVE))
        merged = all_merge(counter)
    assert merged is not counter
    assert merged.to_bytes() == counter.to_bytes()
    assert_exact(merged, FIVE)

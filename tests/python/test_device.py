"""Screening on a device: on CPU tensors everywhere, on a GPU where there is one."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler import device as on_device
from hybridsampler.device import Screen, Screened
from hybridsampler.ranking import Similarity
from naive_ranking import (
    FAMILIES,
    SIMILARITIES,
    Float32,
    Float64,
    Task,
    generators,
    normalised,
    random_task,
    scores,
    task_scores,
)

CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(
            not torch.cuda.is_available(), reason="NO GPU HERE: the device path ran on CPU tensors"
        ),
    ),
]


def as_scored(rows: Float32, similarity: Similarity) -> Float32:
    return normalised(rows) if similarity == "cosine" else rows


def screened(
    task: Task, score: Float64, similarity: Similarity, device: str, codes: NDArray[np.uint32]
) -> Screened:
    """What the device says, with the oracle's thresholds and queries."""
    indptr, _, _ = task.judged_lists()
    judged = [task.ids.index(i) for grades in task.judged for i in grades]
    queries = np.repeat(np.arange(len(task.judged)), np.diff(indptr))
    screen = Screen(
        as_scored(task.queries, similarity),
        indptr,
        score[queries, judged],
        similarity == "cosine",
        torch.device(device),
    )
    block = torch.tensor(task.candidates, device=device)
    assert screen.takes(block, len(task.ids))
    return screen.block(block, codes)


def assert_sound(task: Task, score: Float64, found: Screened, codes: NDArray[np.uint32]) -> None:
    """What is settled is right, every tie is open, and every pair is in one place."""
    opened = set(zip(found.open_queries.tolist(), found.open_rows.tolist(), strict=True))
    assert len(opened) == len(found.open_queries)
    position = 0
    for q, grades in enumerate(task.judged):
        for judged in grades:
            threshold = score[q, task.ids.index(judged)]
            closed = [c for c in range(len(task.ids)) if (q, c) not in opened]
            assert not (score[q, closed] == threshold).any()
            for language in range(len(found.higher)):
                higher = [c for c in closed if score[q, c] > threshold and codes[c] == language]
                assert found.higher[language, position] == len(higher)
            position += 1
    assert found.higher.shape == (int(codes.max()) + 1, position)


@pytest.mark.parametrize("device", DEVICES)
@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    similarity=st.sampled_from(SIMILARITIES),
    candidates=st.integers(1, 40),
)
def test_what_is_settled_is_right(
    device: str,
    rng: np.random.Generator,
    family: str,
    similarity: Similarity,
    candidates: int,
) -> None:
    dimension = int(rng.integers(1, 140, endpoint=True))
    task = random_task(rng, family, queries=6, candidates=candidates, dimension=dimension)
    score = task_scores(task, similarity)
    codes = rng.integers(0, 4, candidates).astype(np.uint32)
    found = screened(task, score, similarity, device, codes)
    assert_sound(task, score, found, codes)
    zero = sum(not row.any() for row in task.candidates) if similarity == "cosine" else 0
    assert found.zero_rows == zero


@pytest.mark.parametrize("device", DEVICES)
def test_few_pairs_are_left_open(device: str) -> None:
    """On vectors without ties the judged candidates alone."""
    rng = np.random.default_rng(0)
    task = random_task(rng, "random", queries=40, candidates=500, dimension=256)
    found = screened(task, task_scores(task), "dot", device, np.zeros(500, np.uint32))
    judged = {(q, task.ids.index(i)) for q, grades in enumerate(task.judged) for i in grades}
    assert set(zip(found.open_queries.tolist(), found.open_rows.tolist(), strict=True)) == judged


@pytest.mark.parametrize("device", DEVICES)
@given(rng=generators(), family=st.sampled_from(FAMILIES))
def test_scores_and_normalised_rows_have_the_bits_of_the_contract(
    device: str, rng: np.random.Generator, family: str
) -> None:
    task = random_task(
        rng, family, queries=4, candidates=9, dimension=int(rng.integers(1, 100, endpoint=True))
    )
    queries = torch.tensor(task.queries, device=device).double()
    rows = torch.tensor(task.candidates, device=device).double()
    for q, row in enumerate(queries):
        found = on_device.scores(row.expand_as(rows), rows).cpu().numpy()
        assert found.tobytes() == scores(task.queries, task.candidates)[q].tobytes()
    divided, zero = on_device.normalised(rows)
    assert divided.float().cpu().numpy().tobytes() == normalised(task.candidates).tobytes()
    assert zero == sum(not row.any() for row in task.candidates)


@pytest.mark.parametrize("device", DEVICES)
@given(rng=generators(), family=st.sampled_from(FAMILIES))
def test_runs_and_tiles_change_nothing(device: str, rng: np.random.Generator, family: str) -> None:
    """With room for a few numbers at a time."""
    task = random_task(rng, family, queries=7, candidates=11, dimension=5, most_judged=9)
    score = task_scores(task)
    codes = rng.integers(0, 3, 11).astype(np.uint32)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for entries, rows in ((1 << 21, 4096), (60, 7), (1, 3)):
            patch.setattr(on_device, "_ENTRIES", entries)
            patch.setattr(on_device, "_ROWS", rows)
            one = screened(task, score, "dot", device, codes)
            assert_sound(task, score, one, codes)
            found.append(one)
    assert all((one.higher == found[0].higher).all() for one in found)


def test_which_devices_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    other = torch.device("meta")
    assert not on_device.screens(CPU)
    assert on_device.screens(other)
    assert not on_device.screens(torch.device("mps"))  # has no float64, where it is at all
    monkeypatch.setenv("CUBLAS_EMULATE_DOUBLE_PRECISION", "1")
    assert not on_device.screens(other)
    monkeypatch.setenv("CUBLAS_EMULATE_DOUBLE_PRECISION", "0")
    assert on_device.screens(other)


@pytest.mark.parametrize(
    ("block", "rows", "takes"),
    [
        (torch.ones(3, 2), 3, True),
        (torch.ones(3, 2).half(), 3, True),
        (torch.ones(3, 2).bfloat16(), 3, True),
        (torch.ones(3, 2).double(), 3, False),
        (torch.ones(3, 2).int(), 3, False),
        (torch.ones(3, 2), 4, False),
        (torch.ones(3, 1), 3, False),
        (torch.ones(3), 3, False),
        (torch.tensor([[1.0, torch.nan]]), 1, False),
        (torch.tensor([[1.0, torch.inf]]), 1, False),
    ],
)
def test_which_blocks_are_screened(block: Any, rows: int, takes: bool) -> None:
    indptr, nothing = np.array([0, 0]), np.zeros(0)
    screen = Screen(np.ones((1, 2), np.float32), indptr, nothing, False, CPU)
    assert screen.takes(block, rows) == takes

"""Screening on a device: on CPU tensors and a simulated device, on a GPU where there is one."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import simulated_device
from counting import FIVE, assert_exact, blocks, counted, counter_of, refused_type, whole
from hybridsampler import RankCounter, evaluate
from hybridsampler import device as on_device
from hybridsampler.candidates import open_candidates
from hybridsampler.device import Screen, Screened
from hybridsampler.ranking import Similarity
from naive_ranking import (
    FAMILIES,
    SIMILARITIES,
    Float32,
    Float64,
    Task,
    as_rows,
    csr,
    generators,
    normalised,
    random_task,
    scores,
    task_scores,
)

CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param(simulated_device.NAME, id="simulated"),
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(
            not torch.cuda.is_available(), reason="NO GPU HERE: this ran on a simulated device"
        ),
    ),
]


@pytest.fixture(autouse=True)
def there(request: pytest.FixtureRequest) -> Iterator[None]:
    """The simulated device is there for the tests that are told its name."""
    told = getattr(request.node, "callspec", None)
    if told is not None and told.params.get("device") == simulated_device.NAME:
        with simulated_device.Simulated():  # type: ignore[no-untyped-call]  # torch's
            yield
    else:
        yield


def as_scored(rows: Float32, similarity: Similarity) -> Float32:
    return normalised(rows) if similarity == "cosine" else rows


def screened(
    task: Task, score: Float64, similarity: Similarity, device: str, codes: NDArray[np.uint32]
) -> Screened:
    """What the device says, with the oracle's thresholds and queries."""
    indptr, ids, _ = task.judged_lists()
    left_out = np.array([i for ids in task.excluded for i in ids], np.int64)
    judged = [task.ids.index(i) for grades in task.judged for i in grades]
    queries = np.repeat(np.arange(len(task.judged)), np.diff(indptr))
    screen = Screen(
        as_scored(task.queries, similarity),
        (indptr, ids, score[queries, judged]),
        left_out,
        cosine=similarity == "cosine",
        device=torch.device(device),
    )
    block = torch.tensor(task.candidates).to(device)
    ids = np.array(task.ids)
    assert screen.takes(block, ids, codes)
    found = screen.block(block, ids, codes)
    assert found is not None
    return found


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
    named = {i for lists in (task.judged, task.excluded) for ids in lists for i in ids}
    rows = {c for _, c in opened} | {c for c, i in enumerate(task.ids) if i in named}
    assert found.rows.tolist() == sorted(rows)
    assert found.vectors.cpu().numpy().tobytes() == task.candidates[found.rows].tobytes()


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
    queries = torch.tensor(task.queries).to(device).double()
    rows = torch.tensor(task.candidates).to(device).double()
    for q, row in enumerate(queries):
        found = on_device.scores(row.expand_as(rows), rows).cpu().numpy()
        assert found.tobytes() == scores(task.queries, task.candidates)[q].tobytes()
    divided, zero = on_device.normalised(rows)
    assert divided.float().cpu().numpy().tobytes() == normalised(task.candidates).tobytes()
    assert zero == sum(not row.any() for row in task.candidates)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=settings().max_examples // 3)
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


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_vectors_that_are_not_finite_are_left_to_the_core(
    device: str, wrong: float, similarity: Similarity
) -> None:
    """NaN lies behind all thresholds, of which one query has more than the other."""
    indptr, ids = np.array([0, 3, 4]), np.array([0, 1, 2, 0])
    screen = Screen(
        np.ones((2, 2), np.float32),
        (indptr, ids, np.array([1.0, 2.0, 3.0, 1.0])),
        np.empty(0, np.int64),
        cosine=similarity == "cosine",
        device=torch.device(device),
    )
    rows = torch.ones(3, 2)
    rows[1, 0] = wrong
    codes = np.zeros(3, np.uint32)
    assert screen.block(rows.to(device), np.arange(3), codes) is None
    assert screen.block(torch.ones(3, 2).to(device), np.arange(3), codes) is not None


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
def test_a_block_of_many_ties_is_left_to_the_core(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of whose pairs would be held at once, here and there."""
    rng = np.random.default_rng(0)
    task = random_task(rng, "duplicated", queries=6, candidates=40, dimension=5)
    rows = np.ones_like(task.candidates)
    rows[20:] = [(-9, 0, 0, 0, 0)]
    task = dataclasses.replace(task, queries=np.abs(task.queries) + 1, candidates=rows)
    for most, there in ((1 << 20, True), (20, False)):
        monkeypatch.setattr(on_device, "_OPEN", most)
        counter = count_on(device, task, "dot", 40, torch.float32)
        assert_exact(counter, task)
        assert (counter.report.elsewhere > 0) == there


def count_on(device: str, task: Task, similarity: Similarity, size: int, dtype: Any) -> RankCounter:
    counter = counter_of(task, similarity)
    rows = torch.tensor(task.candidates).to(device).to(dtype)
    counter.anchor(rows, task.ids)
    for at in blocks(whole(task), size):
        ids, languages = [task.ids[c] for c in at], [task.languages[c] for c in at]
        counter.add(rows[at[0] : at[-1] + 1], ids, languages)
    return counter


@pytest.fixture
def cpu_screens(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """Tensors of the CPU take the way of a device's, where that is what is tested."""
    if device == "cpu":
        monkeypatch.setattr(on_device, "screens", lambda device: True)


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    similarity=st.sampled_from(SIMILARITIES),
    size=st.integers(1, 40),
    dtype=st.sampled_from([torch.float32, torch.float32, torch.float16, torch.bfloat16]),
)
def test_the_digits_are_those_of_the_cpu(
    device: str,
    rng: np.random.Generator,
    family: str,
    similarity: Similarity,
    size: int,
    dtype: torch.dtype,
) -> None:
    dimension = int(rng.integers(1, 70, endpoint=True))
    task = random_task(rng, family, queries=6, candidates=25, dimension=dimension)
    most = 6e4 if dtype == torch.float16 else 1e38
    rows = torch.tensor(np.clip(task.candidates, -most, most)).to(dtype)
    task = dataclasses.replace(task, candidates=rows.float().numpy())
    counter = count_on(device, task, similarity, size, dtype)
    assert_exact(counter, task, similarity)
    assert as_rows(counter.ranks()) == as_rows(counted(task, similarity).ranks())


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
def test_evaluate_takes_candidates_where_they_are(device: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(-3, 4, (20_000, 3)).astype(np.float32)
    told: dict[str, Any] = {
        "relevant": csr([[0, 8_191, 19_999], [5]]),
        "query_languages": ["en", "de"],
        "candidate_languages": rng.choice(["de", "en", "fr"], 20_000).tolist(),
        "exclude": csr([[3, 8_192], []]),
    }
    expected = evaluate(rows[:2], rows, **told)
    there = torch.tensor(rows).to(device)
    found = evaluate(there[:2], there, **told)
    assert as_rows(found.ranks) == as_rows(expected.ranks)
    assert found["multilingual"] == expected["multilingual"]
    assert found.ties == expected.ties > 0


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float16)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "state",
    [
        lambda device: torch.inference_mode(),
        lambda device: deterministic(),
        lambda device: default_dtype(),
        lambda device: torch.autocast("cuda", torch.bfloat16),
        lambda device: torch.autocast("cpu", torch.bfloat16),
        torch.device,  # where torch is to make what it makes
    ],
    ids=["inference", "deterministic", "dtype", "autocast", "autocast-cpu", "default-device"],
)
@pytest.mark.filterwarnings("ignore:CUDA is not available:UserWarning")
def test_what_torch_is_told_changes_nothing(
    device: str, state: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch asks for it
    rng = np.random.default_rng(0)
    task = random_task(rng, "random", queries=6, candidates=25, dimension=40)
    with state(device):
        counter = count_on(device, task, "cosine", 9, torch.float32)
    assert_exact(counter, task, "cosine")


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
def test_tensors_of_any_kind(device: str) -> None:
    rng = np.random.default_rng(0)
    task = random_task(rng, "random", queries=6, candidates=24, dimension=40)
    with torch.inference_mode():
        made = torch.tensor(task.candidates).to(device)
    across = torch.tensor(task.candidates.T.copy()).to(device).T
    apart = torch.tensor(task.candidates.repeat(2, 0)).to(device)[::2]
    learnt = torch.nn.Parameter(torch.tensor(task.candidates).to(device))
    for rows in (made, across, apart, learnt):
        counter = counter_of(task)
        counter.anchor(rows, task.ids)
        counter.add(rows[:10], task.ids[:10], task.languages[:10])
        counter.add(rows[10:], task.ids[10:], task.languages[10:])
        assert_exact(counter, task)


@pytest.mark.parametrize("device", DEVICES[1:])
def test_blocks_of_a_device_are_large_and_what_leaves_it_small(device: str) -> None:
    """Each block costs a look at all queries; it is a view, and its judged rows are fetched."""
    rows = torch.zeros(70_000, 256).to(device)
    with open_candidates(rows) as candidates:
        assert [len(block) for _, block in candidates.blocks()] == [65_536, 4_464]
        every = np.arange(70_000)
        assert max(len(block) for _, block in candidates.rows(every, more=True)) == 1_024
    with open_candidates(rows.half()) as candidates:
        assert [len(block) for _, block in candidates.blocks()] == [65_536, 4_464]


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
def test_what_is_refused_is_refused_there_too(device: str) -> None:
    """With the same words, and nothing of the block is counted."""
    rows = torch.tensor(FIVE.candidates).to(device)
    ids, languages = FIVE.ids, FIVE.languages
    counter = counter_of(FIVE)
    with pytest.raises(ValueError, match="judged candidate 11 has no anchor"):
        counter.add(rows, ids, languages)
    counter.anchor(rows, ids)
    nan = rows.clone()
    nan[2, 1] = torch.nan
    for block, name, numbers, message in (
        (nan, languages, ids, r"^candidate 12 \(row 2 of its block\) holds NaN or infinity"),
        (rows, languages[:4], ids, "^5 candidates have 4 languages"),
        (rows, languages[:4], ids[:4], "^a block of 5 candidates has 4 ids"),
        (rows[:, :1], languages, ids, "^the candidates have dimension 1 but the queries 2"),
        (rows, languages, [10, 11, 12, 13, 10], "^candidate 10 was added twice"),
        (rows, languages, [10, 11, 12, 13, -1], "^candidate id -1 is negative"),
        (rows + 1, languages, ids, "^the vector of judged candidate 10 changed"),
    ):
        with pytest.raises(ValueError, match=message):
            counter.add(block, numbers, name)
        assert counter.candidates == 0
    with refused_type("block", "float64"):
        counter.add(rows.double(), ids, languages)
    counter.add(rows, ids, languages)
    with pytest.raises(ValueError, match=r"^candidate 10 was added twice"):
        counter.add(rows, ids, languages)
    assert_exact(counter, FIVE)


@pytest.mark.usefixtures("cpu_screens")
@pytest.mark.parametrize("device", DEVICES)
def test_another_counter_of_the_evaluation_has_thresholds_of_its_own(device: str) -> None:
    counter = count_on(device, FIVE, "dot", 2, torch.float32)
    other = dataclasses.replace(FIVE, candidates=FIVE.candidates[::-1] + np.float32(1))
    blank = counter.blank()
    blank.anchor(other.candidates, other.ids)
    blank.add(torch.tensor(other.candidates).to(device), other.ids, other.languages)
    assert_exact(blank, other)


def test_which_devices_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_device, "_has_float64", on_device._has_float64.__wrapped__)
    other = torch.device(simulated_device.NAME)
    assert not on_device.screens(CPU)
    assert not on_device.screens(torch.device("mps"))  # has no float64, where it is at all
    with simulated_device.Simulated():  # type: ignore[no-untyped-call]  # torch's
        assert on_device.screens(other)
        with other:  # where torch is to make what it makes
            assert on_device.screens(other)
        for name in ("CUBLAS_EMULATE_DOUBLE_PRECISION", "HIPBLASLT_EMULATE_DOUBLE_PRECISION"):
            monkeypatch.setenv(name, "1")
            assert not on_device.screens(other)
            monkeypatch.setenv(name, "0")
            assert on_device.screens(other)


def fewer_bits(result: torch.Tensor) -> torch.Tensor:
    """What a pair of float32 holds of it, as TPUs have it in place of float64."""
    high = result.float().double()
    return high + (result - high).float().double()


@pytest.mark.parametrize(
    ("operation", "inexact"),
    [
        ("div.Tensor", fewer_bits),
        ("sqrt.default", lambda root: torch.nextafter(root, 2 * root)),
        ("mm.default", fewer_bits),
    ],
)
def test_a_device_whose_float64_is_another_does_not_screen(
    monkeypatch: pytest.MonkeyPatch, operation: str, inexact: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    monkeypatch.setattr(on_device, "_has_float64", on_device._has_float64.__wrapped__)
    name, overload = operation.split(".")
    exact = getattr(getattr(torch.ops.aten, name), overload)
    own = {exact: lambda *given: inexact(exact(*given))}
    monkeypatch.setattr(simulated_device, "OWN", own)
    with simulated_device.Simulated():  # type: ignore[no-untyped-call]  # torch's
        assert not on_device.screens(torch.device(simulated_device.NAME))
        own.clear()
        assert on_device.screens(torch.device(simulated_device.NAME))


def test_a_full_device_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    other = torch.device(simulated_device.NAME, 1)

    def full(numbers: torch.Tensor) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError("no room")

    with simulated_device.Simulated():  # type: ignore[no-untyped-call]  # torch's
        with monkeypatch.context() as patch:
            patch.setattr(on_device, "_trial", full)
            with pytest.raises(torch.OutOfMemoryError):
                on_device.screens(other)
        assert on_device.screens(other)


@pytest.mark.parametrize(
    ("block", "ids", "takes"),
    [
        (torch.ones(3, 2), [0, 1, 2], True),
        (torch.ones(3, 2).half(), [0, 1, 2], True),
        (torch.ones(3, 2).bfloat16(), [0, 1, 2], True),
        (torch.ones(3, 2).double(), [0, 1, 2], False),
        (torch.ones(3, 2).int(), [0, 1, 2], False),
        (torch.ones(3, 2), [0, 1], False),
        (torch.ones(3, 2), [0, 1, -2], False),
        (torch.ones(3, 1), [0, 1, 2], False),
        (torch.ones(3), [0, 1, 2], False),
    ],
)
def test_which_blocks_are_screened(block: torch.Tensor, ids: list[int], takes: bool) -> None:
    nothing = np.empty(0, np.int64)
    judged = np.array([0, 0]), nothing, np.empty(0)
    screen = Screen(np.ones((1, 2), np.float32), judged, nothing, cosine=False, device=CPU)
    codes = np.zeros(len(ids), np.uint32)
    assert screen.takes(block, np.array(ids), codes) == takes
    assert not screen.takes(block, np.array(ids), codes[1:])

"""Counters as bytes and files: what one process knows, another takes over to the last digit."""

import copy
import dataclasses
import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

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
    refusal,
    whole,
)
from hybridsampler import RankCounter
from hybridsampler.ranking import Similarity
from naive_ranking import FAMILIES, SIMILARITIES, Task, as_rows, generators, random_task

DAMAGED = "the counter is damaged (its {} bytes do not fit its checksum): write or send it again"


@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    shards=st.integers(1, 5),
    similarity=st.sampled_from(SIMILARITIES),
    size=st.integers(1, 12),
)
def test_shards_that_share_bytes_only(
    rng: np.random.Generator, family: str, shards: int, similarity: Similarity, size: int
) -> None:
    task = random_task(rng, family, queries=6, candidates=24, dimension=9)
    owner = rng.integers(0, shards, 24)  # some shards may be empty
    parts = [rng.permutation(np.flatnonzero(owner == shard)) for shard in range(shards)]
    counters = [counter_of(task, similarity) for _ in parts]
    for counter, part in zip(counters, parts, strict=True):
        anchor(counter, task, part)
    anchors = [counter.to_bytes() for counter in counters]
    for counter in counters:
        for data in anchors:
            counter.merge_bytes(data)  # its own too: an anchor is known twice and stays the same
    for counter, part in zip(counters, parts, strict=True):
        for rows in blocks(part, size):
            add(counter, task, rows)
    merged = counter_of(task, similarity)
    for shard in rng.permutation(shards):
        merged.merge_bytes(counters[shard].to_bytes())
    assert_exact(merged, task, similarity)


@given(
    rng=generators(),
    family=st.sampled_from(FAMILIES),
    similarity=st.sampled_from(SIMILARITIES),
    cut=st.integers(0, 20),
)
def test_a_saved_counter_goes_on(
    tmp_path_factory: pytest.TempPathFactory,
    rng: np.random.Generator,
    family: str,
    similarity: Similarity,
    cut: int,
) -> None:
    """What a run that is killed has saved, another adds to."""
    path = tmp_path_factory.mktemp("saved") / "counter"
    task = random_task(rng, family, queries=6, candidates=20, dimension=5)
    order = rng.permutation(20)
    first = counter_of(task, similarity)
    anchor(first, task, whole(task))
    add(first, task, order[:cut])
    first.save(path)
    second = counter_of(task, similarity)
    second.load(str(path))
    assert second.to_bytes() == first.to_bytes() == path.read_bytes()
    assert second.candidates == cut
    if cut:
        with pytest.raises(ValueError, match="was added twice"):
            add(second, task, order[:1])
    for counter in (first, second):
        add(counter, task, order[cut:])
        assert_exact(counter, task, similarity)
    assert second.ranks().languages == first.ranks().languages
    assert second.to_bytes() == first.to_bytes()


def test_languages_go_by_name() -> None:
    """Each of the two has numbered them in its own order."""
    task = dataclasses.replace(FIVE, languages=["en", "ß語", "", "ß語", "en"])
    a, b = counter_of(task), counter_of(task)
    for counter, rows in ((a, [0, 1]), (b, [3, 4, 2])):
        anchor(counter, task, whole(task))
        add(counter, task, np.array(rows))
    a.merge_bytes(b.to_bytes())
    assert_exact(a, task)
    assert a.ranks().languages == ("en", "ß語", "")


def test_languages_are_known_where_there_is_no_query() -> None:
    """As on a rank that is left without queries."""
    counter = RankCounter(np.ones((0, 1), np.float32), ([0], []))
    counter.add(np.ones((3, 1), np.float32), [4, 5, 6], ["en", "de", "en"])
    others = [counter.blank(), counter.blank()]
    others[0].merge(counter)
    others[1].merge_bytes(counter.to_bytes())
    for other in others:
        assert other.candidates == 3
        assert other.ranks().languages == counter.ranks().languages == ("en", "de")
        assert other.to_bytes() == counter.to_bytes()


def test_a_counter_is_not_copied_unawares() -> None:
    """A copy would share the counts but number languages for itself."""
    counter = RankCounter(np.ones((1, 1), np.float32), ([0, 1], [0]))
    message = (
        "a RankCounter cannot be copied or pickled: blank() makes another of the same queries, and "
        "to_bytes() or save() gives what this one counted"
    )
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with refusal(message, TypeError):
            attempt(counter)


def test_a_blank_counter_knows_the_queries_and_nothing_else() -> None:
    for similarity in SIMILARITIES:
        task = dataclasses.replace(FIVE, queries=FIVE.queries * np.array([[0], [1], [2]], "f4"))
        counter = counted(task, similarity)
        blank = counter.blank()
        assert blank.to_bytes() == counter_of(task, similarity).to_bytes()
        assert (blank.candidates, blank.ties, blank.queries) == (0, 0, 3)
        assert blank.zero_rows == (similarity == "cosine")
        with pytest.raises(ValueError, match="judged candidate 11 has no anchor"):
            add(blank, task, whole(task))
        anchor(blank, task, whole(task))
        add(blank, task, whole(task))
        assert_exact(blank, task, similarity)
        assert_exact(counter, task, similarity)


def test_bytes_do_not_depend_on_the_path_to_what_is_known() -> None:
    task = random_task(
        np.random.default_rng(1), "duplicated", queries=9, candidates=30, dimension=4
    )
    task = dataclasses.replace(task, languages=["en"] * 30)
    rng = np.random.default_rng(2)
    known = set()
    for size in (1, 7, 30):
        counter = counter_of(task, threads=2)
        anchor(counter, task, rng.permutation(30))
        for rows in blocks(rng.permutation(30), size):
            add(counter, task, rows)
        known.add(counter.to_bytes())
    assert len(known) == 1


def test_the_format_is_the_one_that_saved_counters_have() -> None:
    """Another hash here means another format: give it a new version number."""
    found = hashlib.sha256(counted(FIVE).to_bytes()).hexdigest()
    assert found == "bf0a4e69cfc458f178505948310ec0c09c57ccac7bee3c2bfd4be9603b62eeb0"


def test_ids_in_runs_take_no_room() -> None:
    rows = np.ones((100_000, 1), np.float32)
    counter = RankCounter(rows[:1], ([0, 1], [0]))
    counter.anchor(rows[:1], [0])
    counter.add(rows, np.arange(100_000), ["en"] * 100_000)
    assert len(counter.to_bytes()) < 300
    other = counter.blank()
    other.merge_bytes(counter.to_bytes())
    assert other.ranks().overall.tolist() == counter.ranks().overall.tolist() == [100_000]


def test_identities_are_the_same_though_the_caller_flushes_denormals() -> None:
    task = random_task(np.random.default_rng(3), "denormal", queries=9, candidates=9, dimension=4)
    saved = {similarity: counted(task, similarity).to_bytes() for similarity in SIMILARITIES}
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        flushed = {similarity: counted(task, similarity).to_bytes() for similarity in SIMILARITIES}
    finally:
        torch.set_flush_denormal(False)
    assert flushed == saved


# Bad input


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the 0 bytes are no counter: give what to_bytes() or save() wrote"),
        (b"\x80\x04N.", "the 4 bytes are no counter: give what to_bytes() or save() wrote"),
        (counted(FIVE).to_bytes()[:-1], DAMAGED.format(len(counted(FIVE).to_bytes()) - 1)),
        (counted(FIVE).to_bytes()[:9], DAMAGED.format(9)),
        (counted(FIVE).to_bytes() + b"\0", DAMAGED.format(len(counted(FIVE).to_bytes()) + 1)),
    ],
    ids=["nothing", "a pickle", "cut", "cut in the header", "longer"],
)
def test_other_bytes_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    counter = counted(FIVE)
    with refusal(message):
        counter.merge_bytes(data)
    path = tmp_path / "counter"
    path.write_bytes(data)
    with refusal(f"{path}: {message}"):
        counter.load(path)
    assert_exact(counter, FIVE)


@given(rng=generators())
def test_every_changed_bit_is_found(rng: np.random.Generator) -> None:
    data = bytearray(counted(FIVE).to_bytes())
    at = int(rng.integers(len(data)))
    data[at] ^= 1 << int(rng.integers(8))
    with pytest.raises(ValueError, match=r"is damaged|are no counter"):
        counter_of(FIVE).merge_bytes(bytes(data))


@pytest.mark.parametrize("data", [bytearray(b"hsranks\0"), "hsranks", None])
def test_bytes_are_bytes(data: Any) -> None:
    with pytest.raises(TypeError):
        counter_of(FIVE).merge_bytes(data)


@pytest.mark.parametrize(
    ("other", "similarity"),
    [
        (dataclasses.replace(FIVE, queries=FIVE.queries * np.float32(1.5)), "dot"),
        (dataclasses.replace(FIVE, queries=np.repeat(FIVE.queries, 2, 1)), "dot"),
        (dataclasses.replace(FIVE, judged=[{11: 1, 13: 1}, {}, {14: 1, 10: 0}]), "dot"),
        (dataclasses.replace(FIVE, judged=[{11: 1}, {13: 2}, {14: 1, 10: 0}]), "dot"),
        (dataclasses.replace(FIVE, excluded=[]), "dot"),
        (dataclasses.replace(FIVE, excluded=[set(), {12}, set()]), "dot"),
        (FIVE, "cosine"),
    ],
    ids=["queries", "dimension", "grade", "judged", "no exclusion", "exclusion", "similarity"],
)
def test_a_counter_of_another_evaluation(
    tmp_path: Path, other: Task, similarity: Similarity
) -> None:
    counter = counted(FIVE)
    path = tmp_path / "counter"
    counter_of(other, similarity).save(path)
    with refusal(DIFFER):
        counter.merge_bytes(path.read_bytes())
    with refusal(f"{path}: {DIFFER}"):
        counter.load(path)
    assert_exact(counter, FIVE)


def test_what_merging_refuses_is_refused_of_bytes_too() -> None:
    counter = counted(FIVE)
    with refusal("candidate 10 was added to both counters: add each candidate to one"):
        counter.merge_bytes(counter.to_bytes())
    other = counter.blank()
    other.anchor(np.array([[9, 9], [2, 2.5]], np.float32), [14, 13])
    for _ in range(5):  # always the lowest, whatever the order of a hash map
        with refusal(CHANGED.format(13)):
            counter.merge_bytes(other.to_bytes())
    assert_exact(counter, FIVE)
    assert as_rows(counter.ranks()) == as_rows(counted(FIVE).ranks())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "none")):
        counter_of(FIVE).load(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "none")):
        counter_of(FIVE).save(tmp_path / "none" / "counter")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "counter"
    counter_of(FIVE).save(path)
    counted(FIVE).save(path)
    assert path.read_bytes() == counted(FIVE).to_bytes()
    assert list(tmp_path.iterdir()) == [path]

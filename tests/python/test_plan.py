"""BatchPlan: pure, free of false negatives, even in its coverage."""

import hashlib
import math
import os
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import LANGUAGES, Columns, columns, joined, read, regular
from hybridsampler import BatchPlan, HybridBatchSampler, Mix, ParallelCorpus
from hybridsampler.pairs import decode
from plans import SEED, Case, assert_no_false_negatives, cases, copy_of, one_stream, passes

# Pure


@given(cases(), st.data())
def test_steps_in_any_order_are_the_slices(case: Case, draw: st.DataObject) -> None:
    plan, start = case.plan(), draw.draw(st.integers(0, 100))
    batches = plan[start : start + 30]
    assert batches.shape == (30, plan.batch_size, 2)
    assert batches.dtype == np.int64
    for step in draw.draw(st.permutations(range(30))):
        assert (plan[start + step] == batches[step]).all()
    first, last = sorted((draw.draw(st.integers(0, 30)), draw.draw(st.integers(0, 30))))
    assert (plan[start + first : start + last] == batches[first:last]).all()


@given(cases(), st.integers(0, 300), st.data())
def test_codes_are_the_pairs_as_integers(case: Case, first: int, draw: st.DataObject) -> None:
    plan = case.plan()
    begin = draw.draw(st.integers(0, plan.batch_size))
    end = draw.draw(st.integers(begin, plan.batch_size))
    codes = plan.codes(slice(first, first + 9), range(begin, end))
    pairs = plan[first : first + 9][:, begin:end]
    assert codes.dtype == np.int64
    decoded = [[decode(code, len(plan.corpus)) for code in batch] for batch in codes.tolist()]
    assert decoded == [list(map(tuple, batch)) for batch in pairs.tolist()]


@given(cases(random_draws=False), st.data())
def test_steps_far_out_are_the_slices(case: Case, draw: st.DataObject) -> None:
    plan = case.plan()
    start = draw.draw(st.integers(0, 2**63 // case.batch_size - 5))
    batches = plan[start : start + 5]
    for step, batch in enumerate(batches, start):
        assert (plan[step] == batch).all()
    assert_no_false_negatives(case.data, batches)


@given(cases())
def test_other_instances_give_the_same_batches(case: Case) -> None:
    again = ParallelCorpus.from_columns(
        group=np.array(case.data.group), language=iter(case.data.language), source=case.data.source
    )
    plan, other = case.plan(), BatchPlan(again, copy_of(case.mix), case.batch_size, case.seed)
    assert (other[0:40] == plan[0:40]).all()
    assert other.identity == plan.identity
    assert other.shares == plan.shares


@given(cases())
def test_what_was_asked_before_changes_nothing(case: Case) -> None:
    fresh, used = case.plan(), case.plan()
    used[20:40].fill(-1)  # the caller may overwrite what it was given
    used[3].fill(-1)
    used.stream(7)
    assert (used[0:40] == fresh[0:40]).all()


def test_threads_of_the_caller_change_nothing() -> None:
    plan = four_sources()
    batches = plan[0:400]
    with ThreadPoolExecutor(8) as pool:
        singles = list(pool.map(plan.__getitem__, range(400)))
        slices = list(pool.map(lambda start: plan[start : start + 50], range(0, 400, 50)))
    assert (np.array(singles) == batches).all()
    assert (np.concatenate(slices) == batches).all()


@pytest.mark.parametrize("draws", ["balanced", "random"])
def test_slices_long_enough_for_many_threads_are_the_singles(draws: Any) -> None:
    plan = four_sources(draws=draws)
    batches = plan[0:25_000]
    assert batches.size > 4 * 2**15
    for start in range(0, 25_000, 97):
        assert (plan[start : start + 1] == batches[start : start + 1]).all()
    assert (np.concatenate([plan[0:12_345], plan[12_345:25_000]]) == batches).all()


def test_long_slices_are_the_short_ones() -> None:
    plan = BatchPlan(regular(50, ["de", "en"]).corpus, Mix(monolingual=1, cross_lingual=1), 1)
    batches = plan[0:150_000]
    for start in range(0, 150_000, 10_001):
        assert (plan[start : start + 5_000] == batches[start : start + 5_000]).all()
    drawn = BatchPlan(plan.corpus, Mix(monolingual=1, cross_lingual=1, draws="random"), 1)
    assert (drawn[140_000:150_000] == drawn[0:150_000][140_000:]).all()


CHILD = """
import hashlib, os, sys
from hybridsampler import BatchPlan, Mix, ParallelCorpus
if sys.argv[1:] and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
rows = [(f"g{g * 7 % 23}", l, s) for s in ("b", "a") for g in range(23) for l in ("en", "de", "fr")]
corpus = ParallelCorpus.from_columns(
    group=[s + g for g, l, s in rows], language=[l for g, l, s in rows],
    source=[s for g, l, s in rows],
)
mix = Mix(monolingual=1, cross_lingual=0.7, mixed=0.3, languages={"fr": 1, "en": 3.3, "de": 2})
plan = BatchPlan(corpus, mix, 16, seed=5)
print(hashlib.sha256(plan[0:3000].tobytes()).hexdigest(), corpus.fingerprint)
print("torch" in sys.modules)
"""


def test_other_processes_give_the_same_batches_without_torch() -> None:
    """Whatever their hash seed and number of processors."""
    told = []
    for hash_seed, arguments in (("0", []), ("1", ["one processor"]), ("random", [])):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", CHILD, *arguments]
        child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        told.append(child.stdout)
    assert len(set(told)) == 1
    assert told[0].endswith("False\n")


def four_sources(seed: int = 1, draws: Any = "balanced") -> BatchPlan:
    data = joined(
        regular(31, ("ar", "de", "en"), "wiki", prefix="w"),
        regular(17, ("en", "es"), "news", prefix="n"),
        regular(10, ("fr", "de", "en", "hi", "ru", "th"), "law", prefix="l"),
        regular(12, ("vi",), "talks", prefix="t"),
        order=3,
    )
    mix = Mix(monolingual=0.5, cross_lingual=0.3, mixed=0.2, draws=draws)
    return BatchPlan(data.corpus, mix, 5, seed)


def xquad_like() -> BatchPlan:
    mix = Mix(monolingual=0.5, cross_lingual=0.5)
    return BatchPlan(regular(1190, LANGUAGES[:11]).corpus, mix, 100)


def skewed() -> BatchPlan:
    weights = {name: 1.0 + k * k for k, name in enumerate(LANGUAGES)}
    data = regular(200, LANGUAGES, order=4)
    return BatchPlan(data.corpus, Mix(monolingual=2, mixed=1, languages=weights), 32, 2**64 - 1)


def out_of_english() -> BatchPlan:
    pairs = {("en", name): 1.0 for name in LANGUAGES if name != "en"}
    data = regular(77, LANGUAGES, order=5)
    return BatchPlan(data.corpus, Mix(cross_lingual=1, pairs=pairs), 10, seed=42)


def uneven(**options: Any) -> BatchPlan:
    """700 groups, a third without German and some without Thai, five to a passage key."""
    rows = [
        (group, language)
        for group in range(700)
        for language in ("de", "en", "es", "th")
        if not (language == "de" and group % 3 == 0) and not (language == "th" and group % 7 == 0)
    ]
    lengths = options.pop("length", False)
    if options.pop("shuffled", False):
        rows.sort(key=lambda row: row[0] * 389 % 701)
    corpus = ParallelCorpus.from_columns(
        group=[group for group, _ in rows],
        language=[language for _, language in rows],
        passage_key={"para": [group // 5 for group, _ in rows]},
        length=[5 + 7 * group % 90 for group, _ in rows] if lengths else None,
        negatives=[[(row * 3 + k) % len(rows) for k in range(row % 5)] for row in range(len(rows))],
    )
    return BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), 64, seed=11, **options)


# Changing one of these means that saved states no longer give the batches they gave: raise
# PLAN_VERSION in hybridsampler/plan.py with it.
GOLDEN = {
    "xquad like": (xquad_like, "f1243040ea7503913afb08150caef0f0"),
    "four sources": (four_sources, "63c4ff46d36be6df09f8d609128e62c1"),
    "random draws": (
        lambda: four_sources(seed=9, draws="random"),
        "56bf5cbfa4875a39c861a4afa3148f61",
    ),
    "skewed": (skewed, "48d7f4726930ab2c531a8c56bb26b7c8"),
    "uneven": (uneven, "ec5ededd974d2f977357068283504e70"),
    "uneven, shuffled": (lambda: uneven(shuffled=True), "d64e05837fb5872ceb0858e465e6427c"),
    "uneven by length": (lambda: uneven(length=True), "da50cf60d2c67ac592e30ae55851e0fe"),
    "with negatives": (lambda: uneven(negatives=3), "7f4cc4e648a865375e918ab6cb8e2b7d"),
    "rotating": (
        lambda: BatchPlan(uneven().corpus, Mix(monolingual=1), 130, excess="rotate"),
        "1107d88a09fd4c400b1f4e06048bbc9d",
    ),
    "out of English": (out_of_english, "24d66e117b4e3b1f3181d1c592137fa1"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_hashes(name: str) -> None:
    build, expected = GOLDEN[name]
    plan = build()
    assert plan.identity["plan_version"] == 2
    assert hashlib.sha256(plan[0:50].astype("<i8").tobytes()).hexdigest()[:32] == expected


@pytest.mark.parametrize("level", ["portable", "avx2", "avx512"])
def test_every_width_of_registers_gives_the_same_batches(level: str) -> None:
    """A level that the processor lacks falls back to the next lower."""
    code = (
        "import hashlib; from test_plan import GOLDEN\n"
        "for build, _ in GOLDEN.values():\n"
        "    print(hashlib.sha256(build()[0:50].astype('<i8').tobytes()).hexdigest()[:32])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parent,
        env=os.environ | {"HYBRIDSAMPLER_SIMD": level},
    )
    assert done.stdout.split() == [expected for _, expected in GOLDEN.values()]


# The plan's word on a step


@given(cases(), st.integers(0, 300))
def test_stream_tells_what_the_rows_tell(case: Case, start: int) -> None:
    plan = case.plan()
    for step, batch in enumerate(plan[start : start + 20], start):
        seen, told = case.data.classify(batch), plan.stream(step)
        if told.kind == "mixed" and seen.kind == "monolingual":
            seen = seen._replace(kind="mixed", language=None)
        assert tuple(told) == tuple(seen)


# No false negatives


@given(cases(), st.integers(0, 300))
def test_no_two_pairs_of_a_batch_share_a_group(case: Case, start: int) -> None:
    assert_no_false_negatives(case.data, case.plan()[start : start + 200])


@given(st.integers(1, 300), st.integers(1, 300), SEED)
def test_no_two_rows_of_a_batch_are_one(groups: int, batch_size: int, seed: int) -> None:
    plan = one_stream(max(groups, batch_size), min(groups, batch_size), seed)
    batches = np.sort(plan[0:50][..., 0], axis=1)
    assert (np.diff(batches, axis=1) > 0).all()


@given(columns(groups=(2, 2)), SEED)
def test_a_batch_may_hold_every_group(data: Columns, seed: int) -> None:
    for batch in BatchPlan(data.corpus, Mix(monolingual=1, mixed=1), 2, seed)[0:60]:
        source = data.classify(batch).source
        own = {group for row, group in enumerate(data.group) if data.source_of(row) == source}
        assert set(data.groups_of(batch)) == own


@given(columns(), SEED)
def test_a_batch_may_be_one_pair(data: Columns, seed: int) -> None:
    batches = BatchPlan(data.corpus, Mix(monolingual=1), 1, seed)[0:60]
    assert batches.shape == (60, 1, 2)
    assert_no_false_negatives(data, batches)


# Coverage


@given(cases())
def test_every_stream_goes_through_its_groups_evenly(case: Case) -> None:
    """Streams are taken apart by what their batches are, passes counted from there."""
    data, plan = case.data, case.plan()
    batches = plan[0:300]
    streams = defaultdict(list)
    for label, batch in zip(read(plan, data, batches), batches, strict=True):
        streams[label].append(data.groups_of(batch))
    for label, own in streams.items():
        whole = data.sizes[label.source].groups // plan.batch_size
        groups = [g for row, g in enumerate(data.group) if data.source_of(row) == label.source]
        counts = Counter(dict.fromkeys(groups, 0))
        for first in range(0, len(own), whole):
            one_pass = [group for batch in own[first : first + whole] for group in batch]
            assert len(set(one_pass)) == len(one_pass)
            counts.update(one_pass)
            if len(one_pass) == whole * plan.batch_size:
                assert max(counts.values()) - min(counts.values()) <= 1


@given(st.integers(1, 200), st.integers(1, 40), SEED, st.integers(0, 2**40))
def test_passes_are_even_and_their_left_out_rows_move(
    groups: int, batch_size: int, seed: int, start: int
) -> None:
    groups = max(groups, batch_size)
    left_over = groups % batch_size
    # As many passes as bring every row back to the same count, from any pass on.
    turn = groups // math.gcd(groups, left_over)
    taken = passes(one_stream(groups, batch_size, seed), min(turn, 60), start).reshape(
        min(turn, 60), -1
    )
    counts = np.zeros(groups, dtype=np.int64)
    before: set[int] = set()
    for one_pass in taken:
        assert len(np.unique(one_pass)) == len(one_pass) == groups - left_over
        counts[one_pass] += 1
        left_out = set(range(groups)) - set(one_pass.tolist())
        if left_over:
            assert left_out != before
            if 2 * left_over <= groups:
                assert not left_out & before
        before = left_out
        if start == 0:
            assert np.ptp(counts) <= 1
    assert np.ptp(counts) <= 2
    if len(taken) == turn:
        assert np.ptp(counts) == 0


def test_cross_lingual_and_mixed_streams_count_groups_not_rows() -> None:
    """All kinds of one source go through the same groups, each in its own passes."""
    data = regular(13, ["de", "en", "fr"], order=1)
    for mix in (Mix(cross_lingual=1), Mix(mixed=1)):
        batches = BatchPlan(data.corpus, mix, 4)[0 : 3 * 13]
        counts: Counter[str | int] = Counter()
        for first in range(0, 3 * 13, 3):
            one_pass = data.groups_of(batches[first : first + 3].reshape(-1, 2))
            assert len(set(one_pass)) == 12
            counts.update(one_pass)
        assert set(counts.values()) == {12}


# What a plan tells of itself


def test_repr_tells_what_the_plan_depends_on() -> None:
    told = repr(one_stream(30, 4, 7))
    for part in ("30 rows", "monolingual=1", "batch_size=4", "seed=7"):
        assert part in told


def test_state_names_the_plan() -> None:
    plan = one_stream(30, 4, 7)
    assert HybridBatchSampler(plan).state_dict()["plan"] == plan.identity

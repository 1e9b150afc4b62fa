"""What a plan promises where groups lack languages and rows share passage keys."""

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corpora import KINDS, Label, Rough, mixes, read, rough, worst_prefix
from hybridsampler import BatchPlan, Mix

Ints = NDArray[np.int64]
TRAIN = Path(__file__).parents[2] / "examples/data/train.parquet"


@dataclass(frozen=True)
class Case:
    """A plan that can be built, with the largest batch size for which it can."""

    data: Rough
    mix: Mix
    batch_size: int
    largest: int
    seed: int

    def plan(self, excess: Literal["error", "rotate"] = "error") -> BatchPlan:
        return BatchPlan(
            self.data.corpus, self.mix, batch_size=self.batch_size, seed=self.seed, excess=excess
        )


def streams(data: Rough, mix: Mix) -> dict[Label, dict[Any, int]]:
    """The members, with their classes, of every stream that the mix gives a weight."""
    found = {}
    for kind, weight in zip(KINDS, mix.kinds, strict=True):
        for source, size in data.sizes.items():
            given_sources = mix.sources if not isinstance(mix.sources, str) else {}
            parallel = any(
                len(data.versions[group]) > 1
                for row, group in enumerate(data.group)
                if data.source_of(row) == source
            )
            if not weight or given_sources.get(source, 1) == 0:
                continue
            if kind == "cross_lingual" and not parallel:
                continue
            given_languages = mix.languages if not isinstance(mix.languages, str) else {}
            spoken = [name for name in size.languages if given_languages.get(name, 1) > 0]
            for language in spoken if kind == "monolingual" else [None]:
                label = Label(kind, source, language)
                found[label] = data.members(label, mix)
    return found


def most(members: dict[Any, int]) -> int:
    """Copies of the most frequent class."""
    return max(Counter(members.values()).values(), default=0)


@st.composite
def cases(draw: st.DrawFn, *, lengths: bool = False) -> Case:
    data = draw(rough(lengths=lengths))
    mix = draw(mixes(data))
    members = streams(data, mix)
    assume(members)
    # Fails when a source is left with nothing to draw, which other tests are about.
    assume(all(members.values()))
    largest = min(len(own) // most(own) for own in members.values())
    batch_size = draw(st.just(largest) | st.integers(1, largest))
    return Case(data, mix, batch_size, largest, draw(st.integers(0, 2**64 - 1)))


def buildable(case: Case) -> BatchPlan:
    """The plan, unless weights leave a source without anything to draw."""
    try:
        return case.plan()
    except ValueError as error:
        assume("have weight 0" not in str(error) and "two or more languages" not in str(error))
        raise


def classes_of(data: Rough, batch: Ints) -> list[int]:
    return [data.classes[group] for group in data.groups_of(batch)]


@given(cases(), st.integers(0, 2**40))
def test_no_two_pairs_of_a_batch_share_a_class(case: Case, start: int) -> None:
    for batch in buildable(case)[start : start + 30]:
        classes = classes_of(case.data, batch)
        assert len(set(classes)) == len(classes)


@given(cases(lengths=True), st.integers(0, 2**40))
def test_nor_with_length_buckets(case: Case, start: int) -> None:
    plan = buildable(case)
    batches = plan[start : start + 30]
    for step, batch in enumerate(batches, start):
        classes = classes_of(case.data, batch)
        assert len(set(classes)) == len(classes)
        assert (plan[step] == batch).all()


@given(cases())
def test_every_prefix_keeps_the_mix(case: Case) -> None:
    plan = buildable(case)
    labels = read(plan, case.data, plan[0:300])
    shares = plan.shares
    assert worst_prefix((label.kind for label in labels), shares.kinds) < 1 + 1e-9
    for kind in {label.kind for label in labels}:
        own = [label for label in labels if label.kind == kind]
        assert worst_prefix((label.source for label in own), shares.sources[kind]) < 1 + 1e-9
        for source in {label.source for label in own}:
            spoken = [label.language for label in own if label.source == source]
            if kind == "monolingual":
                assert worst_prefix(spoken, shares.languages[source]) < 1 + 1e-9


@given(cases(lengths=False) | cases(lengths=True))
def test_streams_go_evenly_through_their_members(case: Case) -> None:
    plan, members = buildable(case), streams(case.data, case.mix)
    passes = defaultdict(list)
    for label, batch in zip(read(plan, case.data, batches := plan[0:400]), batches, strict=True):
        drawn = batch[:, 0].tolist() if label.language else case.data.groups_of(batch)
        passes[label].append(drawn)
    for label, batches_ in passes.items():
        own = members[label]
        per_pass = len(own) // case.batch_size
        counts = dict.fromkeys(own, 0)
        for first in range(0, len(batches_), per_pass):
            one = [member for batch in batches_[first : first + per_pass] for member in batch]
            assert len(set(one)) == len(one)
            for member in one:
                counts[member] += 1
            if first + per_pass <= len(batches_):
                assert max(counts.values()) - min(counts.values()) <= 1


@given(cases())
def test_groups_take_turns_at_their_own_pairs(case: Case) -> None:
    plan = buildable(case)
    reached: dict[tuple[str, Any], Counter[tuple[str, str]]] = defaultdict(Counter)
    for label, batch in zip(read(plan, case.data, batches := plan[0:400]), batches, strict=True):
        if label.language is None:
            languages = case.data.languages_of(batch)
            for group, pair in zip(case.data.groups_of(batch), languages, strict=True):
                reached[label.kind, group][pair] += 1
    for (kind, group), counts in reached.items():
        choices = case.data.choices(group, kind, case.mix)
        assert set(counts) <= choices
        source = case.data.source_of(next(iter(case.data.versions[group].values())))
        if len(case.data.versions[group]) < len(case.data.sizes[source].languages):
            every = [counts[choice] for choice in choices]
            assert max(every) - min(every) <= 1


# The limit on copies


@given(cases())
def test_one_above_the_limit_is_refused_and_the_remedy_works(case: Case) -> None:
    buildable(case)
    members = streams(case.data, case.mix)
    above = case.largest + 1
    with pytest.raises(ValueError) as caught:  # noqa: PT011  whole: below
        BatchPlan(case.data.corpus, case.mix, batch_size=above, seed=case.seed)
    message = str(caught.value)
    named = {
        label: own
        for label, own in members.items()
        if f"{label.kind} batches of source '{label.source}'" in message
        and (f"in '{label.language}'" in message or "' in '" not in message)
    }
    assert f"batch_size={above}" in message
    small = {len(own) for own in named.values() if len(own) < above}
    if any(f"it has {count}: use a batch size of at most" in message for count in small):
        return
    assert any(
        f"{most(own)} of {len(own)} members" in message and most(own) > len(own) // above
        for own in named.values()
    )
    keys = {key for keys in case.data.keys.values() for key in keys}
    assert any(repr(key) in message for key in keys)
    assert 'excess="rotate"' in message


@given(rough(), st.data())
def test_surplus_copies_are_left_out_in_turn(data: Rough, draw: st.DataObject) -> None:
    mix = draw.draw(mixes(data))
    members = streams(data, mix)
    assume(members)
    assume(all(members.values()))
    limit = min(len(set(own.values())) for own in members.values())
    batch_size = draw.draw(st.integers(1, limit))
    case = Case(data, mix, batch_size, limit, 0)
    try:
        plan = case.plan("rotate")
    except ValueError as error:
        assume("have weight 0" not in str(error) and "two or more languages" not in str(error))
        raise
    counts: dict[Label, Counter[Any]] = defaultdict(Counter)
    for label, batch in zip(read(plan, data, batches := plan[0:400]), batches, strict=True):
        classes = classes_of(data, batch)
        assert len(set(classes)) == len(classes)
        counts[label].update(batch[:, 0].tolist() if label.language else data.groups_of(batch))
    for label, own in counts.items():
        by_class = defaultdict(list)
        for member, class_ in members[label].items():
            by_class[class_].append(own[member])
        for reached in by_class.values():
            assert max(reached) - min(reached) <= 2  # in the middle of a pass


@given(cases())
def test_rotating_changes_nothing_where_nothing_is_too_large(case: Case) -> None:
    assert (buildable(case)[0:40] == case.plan("rotate")[0:40]).all()


@given(cases())
def test_the_largest_batch_size_that_an_error_names_works(case: Case) -> None:
    buildable(case)
    with pytest.raises(ValueError, match="use a batch size of at most") as caught:
        BatchPlan(case.data.corpus, case.mix, batch_size=case.largest + 1, seed=case.seed)
    named = re.search(r"use a batch size of at most (\d+)", str(caught.value))
    assert named
    assert int(named[1]) == case.largest


def test_the_key_that_an_error_names_is_one() -> None:
    """English rows share a passage; the German ones, first in each group, have no key."""
    group = [number for number in range(6) for _ in "de"]
    data = Rough(group, ["de", "en"] * 6, None, {"para": [None, "a"] * 3 + [None, None] * 3})
    with pytest.raises(ValueError, match=r"joined by passage key 'a' \(row 1\)"):
        BatchPlan(data.corpus, Mix(cross_lingual=1), 3)


def test_the_key_that_an_error_names_is_one_of_several_columns() -> None:
    """No key was known by one column alone, and of two columns "None, None" was named."""
    group = [number for number in range(6) for _ in "de"]
    keys = [None, "a"] * 3 + [None, None] * 3
    data = Rough(group, ["de", "en"] * 6, None, {"para": keys, "page": [None] * 12})
    with pytest.raises(ValueError, match=r"joined by passage key para='a' \(row 1\)"):
        BatchPlan(data.corpus, Mix(cross_lingual=1), 3)


def test_too_few_classes_cannot_be_rotated() -> None:
    data = Rough(list(range(6)), ["en"] * 6, None, {"para": ["a", "a", "a", "b", "b", "c"]})
    with pytest.raises(
        ValueError, match="passage keys leave 3 classes for batches of batch_size=4"
    ):
        BatchPlan(data.corpus, Mix(monolingual=1), 4, excess="rotate")
    BatchPlan(data.corpus, Mix(monolingual=1), 3, excess="rotate")


def test_the_error_of_a_class_says_all_that_helps() -> None:
    data = Rough(list(range(12)), ["en"] * 12, None, {"para": ["a"] * 5 + list("bcdefgh")})
    with pytest.raises(ValueError) as caught:  # noqa: PT011  whole: below
        BatchPlan(data.corpus, Mix(monolingual=1), 3)
    assert str(caught.value) == (
        "monolingual batches of source 'all' in 'en': 5 of 12 members are joined by passage key "
        "'a' (row 0), but a pass has only 4 batches of batch_size=3 to keep them apart: use a "
        'batch size of at most 2, drop some of them, or pass excess="rotate" to leave surplus '
        "copies out in turn"
    )


@pytest.mark.parametrize("excess", ["drop", None, True])
def test_unknown_words_for_excess(excess: Any) -> None:
    data = Rough([1, 2], ["en"] * 2, None, {})
    with pytest.raises(ValueError, match=r"excess=.*: choose 'error' or 'rotate'"):
        BatchPlan(data.corpus, Mix(monolingual=1), 1, excess=excess)


# Length buckets


def padding(plan: BatchPlan, length: Ints, steps: int) -> float:
    """Real tokens over padded ones."""
    tokens = length[plan[0:steps][..., 0]]
    return float(tokens.sum() / (tokens.max(axis=1).sum() * tokens.shape[1]))


def lessons() -> Ints:
    """Tokens of the lessons, about: a word or a Chinese character has four bytes and more."""
    table = pq.read_table(TRAIN, columns=["source", "query", "passage"]).to_pylist()
    return np.array(
        [
            len((row["query"] + row["passage"]).encode()) // 4 + 2
            for row in table
            if row["source"] == "lessons"
        ]
    )


def test_padding_falls() -> None:
    length = np.random.default_rng(0).choice(lessons(), 3 * 64 * 128)
    built = {
        name: BatchPlan(
            Rough(list(range(len(length))), ["en"] * len(length), None, {}, own).corpus,
            Mix(monolingual=1),
            128,
        )
        for name, own in (("plain", None), ("bucketed", length.tolist()))
    }
    assert padding(built["plain"], length, 192) < 0.4
    assert padding(built["bucketed"], length, 192) >= 0.85


def test_batches_of_a_window_come_in_random_order() -> None:
    length = list(range(640))
    plan = BatchPlan(Rough(length, ["en"] * 640, None, {}, length).corpus, Mix(monolingual=1), 10)
    batches = plan[0 : 64 * 20][..., 0]
    # One window holds all rows, and their lengths alone decide who meets.
    expected = {tuple(range(first, first + 10)) for first in range(0, 640, 10)}
    for first in range(0, len(batches), 64):
        assert {tuple(sorted(batch)) for batch in batches[first : first + 64].tolist()} == expected
    longest = batches.max(axis=1).astype(float)
    # The length of a batch tells nothing of the next one's.
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 5 / math.sqrt(len(longest))
    # Nor does the length of a row of its place in the batch.
    assert len({tuple(np.argsort(batch)) for batch in batches}) > 1000

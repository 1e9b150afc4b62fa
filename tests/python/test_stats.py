"""BatchPlan.stats: what it counts is what the rows say, and what it expects comes true."""

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import Rough, read, regular
from hybridsampler import BatchPlan, Mix, ParallelCorpus
from hybridsampler.stats import Share
from test_plan_promises import Case, buildable, cases, most, streams


def counts(shares: Mapping[Any, Share]) -> dict[Any, int]:
    return {name: share.count for name, share in shares.items() if share.count}


def test_pairs_of_many_languages_take_no_room_where_none_are_drawn() -> None:
    """A thousand languages have a million pairs."""
    languages = [f"language {number}" for number in range(1000)]
    corpus = ParallelCorpus.from_columns(group=np.arange(4000), language=languages * 4)
    tracemalloc.start()
    try:
        plan = BatchPlan(corpus, Mix(monolingual=1), batch_size=2)
        stats = plan.stats(2000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    [spoken] = stats.languages.values()
    assert {share.count for share in spoken.values()} == {2}
    assert (stats.pairs, plan.shares.pairs) == ({}, {})
    assert peak < 4e6, peak


@given(cases() | cases(lengths=True), st.integers(1, 60))
def test_counts_what_the_rows_say(case: Case, steps: int) -> None:
    plan, data = buildable(case), case.data
    batches = plan[0:steps]
    labels = read(plan, data, batches)
    stats = plan.stats(steps)
    assert stats.steps == steps
    assert counts(stats.kinds) == Counter(label.kind for label in labels)
    for kind, shares in stats.sources.items():
        assert counts(shares) == Counter(label.source for label in labels if label.kind == kind)
    for source, spoken in stats.languages.items():
        own = (label.language for label in labels if label.source == source and label.language)
        assert counts(spoken) == Counter(own)

    def drawn(kind: str, source: str) -> Iterable[tuple[str, str]]:
        for label, batch in zip(labels, batches, strict=True):
            if (label.kind, label.source) == (kind, source):
                yield from data.languages_of(batch)

    for source, pairs in stats.pairs.items():
        assert counts(pairs) == Counter(drawn("cross_lingual", source))
    for source, mixed in stats.mixed.items():
        assert counts(mixed) == Counter(own for own, _ in drawn("mixed", source))
    every: list[Mapping[Any, Share]] = [stats.kinds]
    for nested in (stats.sources, stats.languages, stats.mixed, stats.pairs):
        every += nested.values()
    for one in every:
        assert sum(share.expected for share in one.values()) == pytest.approx(1)
        total = sum(share.count for share in one.values())
        assert all(share.reached == share.count / total for share in one.values())
    if data.length is None:
        assert stats.padding is None
    else:
        tokens = np.array(data.length)[batches].sum(axis=2)
        padded = tokens.max(axis=1).sum() * case.batch_size
        assert stats.padding == (tokens.sum() / padded if padded else 1.0)
    assert stats.random_negatives is None


@given(cases())
def test_names_the_largest_class_of_every_stream(case: Case) -> None:
    stats = buildable(case).stats(1)
    members = streams(case.data, case.mix)
    told = {tuple(copies.stream): copies for copies in stats.copies}
    assert set(told) == {label for label, own in members.items() if most(own) > 1}
    for label, own in members.items():
        if most(own) > 1:
            copies = told[label]
            assert copies.members == most(own)
            assert copies.limit == len(own) // case.batch_size
    ratios = [copies.members / copies.limit for copies in stats.copies]
    assert ratios == sorted(ratios, reverse=True)


def uneven() -> Rough:
    """de en fr in half of the groups, else two of them; de en most often."""
    spoken = ["de en fr", "de en", "de en fr", "de en", "de en fr", "en fr"] * 20
    rows = [(group, name) for group, names in enumerate(spoken) for name in names.split()]
    return Rough([group for group, _ in rows], [name for _, name in rows], None, {})


@pytest.mark.parametrize("pairs", ["uniform", {("en", "de"): 1, ("fr", "en"): 1, ("de", "fr"): 1}])
def test_expected_pairs_are_those_reached_in_the_long_run(pairs: Any) -> None:
    plan = BatchPlan(uneven().corpus, Mix(cross_lingual=1, mixed=1, pairs=pairs), 8)
    stats = plan.stats(20_000)
    for shares in (stats.pairs["all"], stats.mixed["all"]):
        for share in shares.values():
            assert share.reached == pytest.approx(share.expected, abs=2e-3)
    if pairs == "uniform":
        # 60 of 120 groups share out six pairs, 40 two and 20 two others.
        expected = {pair: share.expected for pair, share in stats.pairs["all"].items()}
        assert expected["de", "en"] == pytest.approx(1 / 12 + 1 / 6)
        assert expected["en", "fr"] == pytest.approx(1 / 12 + 1 / 12)
        assert expected["de", "fr"] == pytest.approx(1 / 12)


def test_expected_pairs_where_copies_take_turns() -> None:
    """One passage for two thirds of the groups, which then come less often than the others."""
    spoken = ["de en", "en fr", "de fr"] * 20
    rows = [(group, name) for group, names in enumerate(spoken) for name in names.split()]
    keys = [0 if group % 3 < 2 else group for group, _ in rows]
    group, language = [group for group, _ in rows], [name for _, name in rows]
    data = Rough(group, language, None, {"para": keys})
    plan = BatchPlan(data.corpus, Mix(cross_lingual=1), 4, excess="rotate")
    for share in plan.stats(20_000).pairs["all"].values():
        assert share.reached == pytest.approx(share.expected, abs=2e-3)


def test_what_has_no_weight_is_left_out() -> None:
    plan = BatchPlan(regular(20, ["de", "en"]).corpus, Mix(monolingual=1), 4)
    stats = plan.stats(10)
    assert list(stats.kinds) == ["monolingual"]
    assert (stats.pairs, stats.mixed, stats.copies, stats.padding) == ({}, {}, [], None)


@pytest.mark.parametrize("steps", [0, -1])
def test_at_least_one_step(steps: int) -> None:
    plan = BatchPlan(regular(20, ["de", "en"]).corpus, Mix(monolingual=1), 4)
    with pytest.raises(ValueError, match=f"steps={steps}: count at least 1 step"):
        plan.stats(steps)


def test_repr_tells_the_kinds_and_no_more() -> None:
    plan = BatchPlan(regular(20, ["de", "en"]).corpus, Mix(monolingual=1, cross_lingual=3), 4)
    assert repr(plan.stats(4000)) == (
        "<Stats of 4,000 steps: monolingual 0.2500, cross_lingual 0.7500>"
    )

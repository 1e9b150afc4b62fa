"""Hard negatives: from the list of the query in turn, in the language, outside the batch."""

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from corpora import Rough, chi_square, mixes, most, regular, rough
from hybridsampler import BatchPlan, HybridBatchSampler, Mix, PairDataset, ParallelCorpus


@dataclass(frozen=True)
class Case:
    """Columns with lists of negatives, and a plan over them."""

    data: Rough
    lists: list[list[int]]
    plan: BatchPlan
    negatives: int


def built(data: Rough, negatives: Any) -> ParallelCorpus:
    return ParallelCorpus.from_columns(
        group=data.group,
        language=data.language,
        source=data.source,
        passage_key=data.keys or None,
        length=data.length,
        negatives=negatives,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    data = draw(rough())
    seeded = random.Random(draw(st.integers(0, 2**32 - 1)))
    peers: dict[str, list[int]] = {}
    for row in range(len(data)):
        peers.setdefault(data.source_of(row), []).append(row)
    longest = draw(st.integers(0, 8))
    lists = [
        seeded.choices(peers[data.source_of(row)], k=seeded.randint(0, longest))
        for row in range(len(data))
    ]
    batch_size, negatives = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    mix, seed = draw(mixes(data)), draw(st.integers(0, 99))
    excess: Any = draw(st.sampled_from(["error", "rotate"]))
    try:
        plan = BatchPlan(
            built(data, lists), mix, batch_size, seed, excess=excess, negatives=negatives
        )
    except ValueError:
        assume(False)
    return Case(data, lists, plan, negatives)


def possible(case: Case, batch: Any, pair: Any) -> set[int]:
    """Rows that may be negatives of a pair from its query's list: naively."""
    data, (query, passage) = case.data, pair[:2].tolist()
    ruled_out = {data.classes[data.group[row]] for row in batch[:, 0].tolist()}
    found = set()
    for listed in case.lists[query]:
        group = data.group[listed]
        row = data.versions[group].get(data.language[passage])
        if row is not None and data.classes[group] not in ruled_out:
            found.add(row)
    return found


@given(cases(), st.integers(0, 2**40))
def test_negatives_are_in_the_language_and_no_answer(case: Case, start: int) -> None:
    batches = case.plan[start : start + 20]
    assert batches.shape[2] == 2 + case.negatives
    data = case.data
    for batch in batches:
        ruled_out = {data.classes[data.group[row]] for row in batch[:, 0].tolist()}
        for pair in batch:
            _, passage, *negatives = pair.tolist()
            assert len(set(negatives)) == case.negatives
            for row in negatives:
                assert data.language[row] == data.language[passage]
                assert data.source_of(row) == data.source_of(passage)
                assert data.classes[data.group[row]] not in ruled_out


@given(cases())
def test_listed_negatives_come_before_random_ones_and_the_stats_count_these(case: Case) -> None:
    batches, filled = case.plan[0:40], 0
    for batch in batches:
        for pair in batch:
            listed, negatives = possible(case, batch, pair), pair[2:].tolist()
            wanted = min(len(listed), case.negatives)
            assert len(listed & set(negatives[:wanted])) == wanted
            # What fills in is random, and may by chance stand in the list when all of it is used.
            filled += case.negatives - wanted
    assert case.plan.stats(40).random_negatives == filled / (batches[..., 2:].size)


def test_a_list_is_gone_through_in_turn() -> None:
    # One batch a pass would rule out the others, so give the listed rows classes of their own.
    rows = 400
    lists = [[(row + 100 + k) % rows for k in range(6)] for row in range(rows)]
    data = Rough(list(range(rows)), ["en"] * rows, None, {})
    plan = BatchPlan(built(data, lists), Mix(monolingual=1), 1, seed=3, negatives=2)
    seen: dict[int, list[int]] = {row: [] for row in range(rows)}
    for batch in plan[0 : 3 * rows]:
        for query, _, *negatives in batch.tolist():
            seen[query] += negatives
    assert all(sorted(own) == sorted(lists[row]) for row, own in seen.items())


@pytest.mark.parametrize("kind", ["monolingual", "cross_lingual", "mixed"])
def test_queries_of_groups_that_lack_languages_go_through_their_lists_in_turn(kind: Any) -> None:
    spoken = [("de", "en", "fr") if group < 5 else ("de", "en") for group in range(45)]
    rows = [(group, language) for group in range(45) for language in spoken[group]]
    english = {group: row for row, (group, language) in enumerate(rows) if language == "en"}
    lists = [[english[(group + step) % 45] for step in (3, 7, 19)] for group, _ in rows]
    group, language = [group for group, _ in rows], [language for _, language in rows]
    data = Rough(group, language, None, {})
    weights: Any = {kind: 1, "languages": {"de": 1, "en": 1, "fr": 0}}
    plan = BatchPlan(built(data, lists), Mix(**weights), 1, seed=1, negatives=1)
    used: dict[int, Counter[int]] = {}
    for batch in plan[0 : 45 * 60]:
        for query, _, negative in batch.tolist():
            used.setdefault(query, Counter())[data.versions[group[negative]]["en"]] += 1
    for query, counts in used.items():
        if len(spoken[group[query]]) == 2:
            each = [counts[listed] for listed in lists[query]]
            assert sum(each) > 20
            assert max(each) - min(each) <= 1


def listed_in_turn(case: Case, batch: Any, pair: Any, turn: int) -> list[int]:
    """What a query gets from its list at a turn, when each goes on where the last stopped."""
    data, (query, passage) = case.data, pair[:2].tolist()
    listed, allowed = case.lists[query], possible(case, batch, pair)
    found: list[int] = []
    begin = turn * case.negatives
    for at in range(begin, begin + len(listed)):
        other = data.group[listed[at % len(listed)]]
        row = data.versions[other].get(data.language[passage])
        if row in allowed and row not in found and len(found) < case.negatives:
            found.append(row)
    return found


@given(cases())
def test_each_turn_goes_on_where_the_last_stopped(case: Case) -> None:
    """Turns of the query; but in cross-lingual and mixed batches of a group with all languages."""
    data, plan, turns = case.data, case.plan, Counter[Any]()
    for step, batch in enumerate(plan[0:80]):
        stream = plan.stream(step)
        spoken = data.sizes[stream.source].languages
        for pair in batch:
            query = int(pair[0])
            group = data.group[query]
            of_group = stream.kind != "monolingual" and len(data.versions[group]) == len(spoken)
            counted = (stream, "group", group) if of_group else (stream, "query", query)
            expected = listed_in_turn(case, batch, pair, turns[counted])
            assert pair[2 : 2 + len(expected)].tolist() == expected
            turns[counted] += 1


@pytest.mark.parametrize("kind", ["cross_lingual", "mixed"])
@pytest.mark.parametrize(("negatives", "longest"), [(1, 5), (2, 3), (3, 7), (4, 4)])
def test_groups_use_every_place_of_their_lists_equally_often(
    kind: Any, negatives: int, longest: int
) -> None:
    """Exactly, over all languages; each query meets them at random, as often in the long run."""
    groups, spoken, passes = 40, ("de", "en", "fr"), 120
    rows = [(group, language) for group in range(groups) for language in spoken]
    # The lists of a group's versions have the same groups in the same places.
    lists = [
        [3 * ((group + 5 * place + 1) % groups) for place in range(longest)] for group, _ in rows
    ]
    data = Rough([group for group, _ in rows], [language for _, language in rows], None, {})
    weights: Any = {kind: 1}
    plan = BatchPlan(built(data, lists), Mix(**weights), 1, seed=2, negatives=negatives)
    by_group = {group: Counter[Any]() for group in range(groups)}
    by_query = {row: Counter[Any]() for row in range(len(rows))}
    for batch in plan[0 : passes * groups]:
        for query, _, *others in batch.tolist():
            for row in others:
                by_group[rows[query][0]][rows[row][0]] += 1
                by_query[query][rows[row][0]] += 1
    for counts in by_group.values():
        assert counts.total() == passes * negatives
        assert len(counts) == longest
        assert max(counts.values()) - min(counts.values()) <= 1
    if negatives % longest:
        statistic = sum(
            chi_square([counts[other] for other in counts], [counts.total() / longest] * longest)
            for counts in by_query.values()
        )
        assert statistic <= most(len(by_query) * (longest - 1))


def test_random_rows_are_spread_evenly() -> None:
    rows = 50
    data = Rough(list(range(rows)), ["en"] * rows, None, {})
    plan = BatchPlan(built(data, [[]] * rows), Mix(monolingual=1), 5, negatives=3)
    counts = Counter(plan[0:4000][..., 2:].ravel().tolist())
    expected = 4000 * 5 * 3 / rows
    assert sum((counts[row] - expected) ** 2 / expected for row in range(rows)) < 49 + 2 * 28 + 32


def test_csr_lists_are_the_same_lists() -> None:
    data = Rough(list(range(6)), ["en"] * 6, None, {})
    lists = [[1, 2], [], [0], [5, 4, 3], [], [0]]
    indptr, entries = [0, 2, 2, 3, 6, 6, 7], [1, 2, 0, 5, 4, 3, 0]
    for other in ((indptr, entries), (np.array(indptr), np.array(entries, np.uint8))):
        assert built(data, other).fingerprint == built(data, lists).fingerprint
    assert built(data, [[]] * 6).fingerprint != built(data, lists).fingerprint


def test_loaders_deliver_them() -> None:
    data = regular(60, ["de", "en"])
    corpus = ParallelCorpus.from_columns(
        group=data.group,
        language=data.language,
        negatives=[[(row + 2) % 120] for row in range(120)],
    )
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1), 6, negatives=3)
    texts = [(f"q{row}", f"p{row}") for row in range(120)]
    named = [{"query": query, "passage": passage} for query, passage in texts]
    sampler = HybridBatchSampler(plan, num_replicas=2, rank=1, steps_per_epoch=20)

    def collate(items: list[Any]) -> list[Any]:
        return items

    for rows in (texts, named):
        pairs: Any = PairDataset(rows, corpus)
        loader = DataLoader(pairs, batch_sampler=sampler, collate_fn=collate)
        sampler.set_epoch(1)
        sampler.set_epoch(0)
        for items, batch in zip(loader, plan[0:20], strict=True):
            for item, (query, passage, *negatives) in zip(items, batch[3:].tolist(), strict=True):
                expected = [f"q{query}", f"p{passage}", *(f"p{row}" for row in negatives)]
                assert (list(item.values()) if isinstance(item, dict) else list(item)) == expected
    keys = ["query", "passage", "negative_1", "negative_2", "negative_3"]
    assert list(PairDataset(named, corpus)[(0, 1, 2, 3, 4)]) == keys


# What is refused


@pytest.mark.parametrize("negatives", [-1, 65])
def test_how_many(negatives: int) -> None:
    corpus = built(Rough(list(range(9)), ["en"] * 9, None, {}), [[]] * 9)
    with pytest.raises(ValueError, match=f"negatives={negatives}: give 0 to 64 hard negatives"):
        BatchPlan(corpus, Mix(monolingual=1), 2, negatives=negatives)


def test_pairs_with_negatives_have_no_integers() -> None:
    corpus = built(Rough(list(range(9)), ["en"] * 9, None, {}), [[]] * 9)
    plan = BatchPlan(corpus, Mix(monolingual=1), 2, negatives=1)
    with pytest.raises(ValueError, match="pairs with hard negatives have no integers: take the"):
        plan.codes(slice(0, 3), range(2))


def test_a_corpus_without_lists() -> None:
    with pytest.raises(ValueError, match=r"no lists of them: give them to ParallelCorpus"):
        BatchPlan(regular(9, ["en"]).corpus, Mix(monolingual=1), 2, negatives=1)


def test_too_few_rows_outside_a_batch() -> None:
    keys = {"para": ["a", "a", "a", "b", "b", "c", "d", "e", "f"]}
    corpus = built(Rough(list(range(9)), ["en"] * 9, None, keys), [[]] * 9)
    # Two classes of a batch may be a and b, five rows of the nine.
    BatchPlan(corpus, Mix(monolingual=1), 2, negatives=4)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  whole: below
        BatchPlan(corpus, Mix(monolingual=1), 2, negatives=5)
    assert str(caught.value) == (
        "negatives=5: source 'all' has 9 rows in 'en', and a batch of 2 may rule out 5 of them: "
        "use a smaller batch size or fewer negatives"
    )


def test_only_languages_that_passages_are_in_need_rows() -> None:
    # One row is in French, too few to draw negatives from, and no passage is drawn in it.
    group, language = [*range(9), 0], [*["en"] * 9, "fr"]
    data = Rough(group, language, None, {})
    corpus = built(data, [[]] * 10)
    mix = Mix(monolingual=1, languages={"en": 1, "fr": 0})
    BatchPlan(corpus, mix, 2, negatives=3)

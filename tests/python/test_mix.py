"""Mix: the shares it stands for, and that every prefix of a plan keeps them."""

import math
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import (
    KINDS,
    LANGUAGES,
    Columns,
    Label,
    assert_drawn_by,
    columns,
    joined,
    least,
    mixes,
    most,
    ordered_pairs,
    read,
    regular,
    worst_prefix,
)
from hybridsampler import BatchPlan, HybridBatchSampler, Mix

# A share of a balanced plan is a multiple of this at worst.
FINEST = Fraction(1, 16384)
# Shares are floats and so is the arithmetic of these tests.
SLACK = 1e-9
# What matters most is tried more often than the rest, in every profile.
OFTEN = 5 * settings().max_examples


# The naive oracle: shares from the mix and the columns, as the documentation has it


@dataclass(frozen=True)
class Naive:
    """Exact shares; categories that are not drawn have none."""

    kinds: dict[str, Fraction]
    sources: dict[str, dict[str, Fraction]]
    languages: dict[str, dict[str, Fraction]]
    pairs: dict[str, dict[tuple[str, str], Fraction]]


def normal(weights: Mapping[Any, float]) -> dict[Any, Fraction]:
    total = sum(map(Fraction, weights.values()))
    return {name: Fraction(weight) / total for name, weight in weights.items() if weight > 0}


def by_size(sizes: Mapping[str, int], temperature: float) -> dict[str, float]:
    return {name: size ** (1 / temperature) for name, size in sizes.items()}


def naive_shares(mix: Mix, data: Columns) -> Naive:
    kinds = {"monolingual": mix.monolingual, "cross_lingual": mix.cross_lingual, "mixed": mix.mixed}
    if isinstance(mix.sources, Mapping):
        sources = dict(mix.sources)
    elif mix.sources == "uniform":
        sources = dict.fromkeys(data.sizes, 1.0)
    else:
        rows = {name: size.groups * len(size.languages) for name, size in data.sizes.items()}
        sources = by_size(rows, mix.source_temperature)
    several = {
        name: weight for name, weight in sources.items() if len(data.sizes[name].languages) > 1
    }
    if isinstance(mix.languages, Mapping):
        languages = dict(mix.languages)
    elif mix.languages == "uniform":
        languages = dict.fromkeys(data.language, 1.0)
    else:
        spoken = {name: list(data.language).count(name) for name in data.language}
        languages = by_size(spoken, mix.language_temperature)
    pairs: Mapping[tuple[str, str], float] = (
        mix.pairs
        if isinstance(mix.pairs, Mapping)
        else dict.fromkeys(ordered_pairs(list(languages)), 1.0)
    )
    return Naive(
        kinds=normal(kinds),
        sources={
            kind: normal(several if kind == "cross_lingual" else sources)
            for kind in KINDS
            if kinds[kind] > 0
        },
        languages={
            name: normal({language: languages[language] for language in size.languages})
            for name, size in data.sizes.items()
            if sources[name] > 0
        },
        pairs={
            name: normal({pair: pairs.get(pair, 0.0) for pair in ordered_pairs(size.languages)})
            for name, size in data.sizes.items()
            if several.get(name, 0.0) > 0
        }
        if mix.cross_lingual > 0
        else {},
    )


def stated(told: Mapping[Any, float], exact: Mapping[Any, Fraction]) -> dict[Any, float]:
    """What the plan is held to: the exact shares, or with many unequal ones what it tells."""
    if len(told) <= 4 or len(set(exact.values())) == 1:
        return {name: float(share) for name, share in exact.items()}
    return {name: share for name, share in told.items() if share > 0}


# The shares that a plan states


@settings(max_examples=OFTEN)
@given(st.data())
def test_stated_shares_are_those_of_the_mix(draw: st.DataObject) -> None:
    data = draw.draw(columns(languages=(1, 12), groups=(1, 12)))
    mix = draw.draw(mixes(data))
    naive, told = naive_shares(mix, data), BatchPlan(data.corpus, mix, 1).shares
    close_to(told.kinds, naive.kinds)
    for kind, sources in naive.sources.items():
        close_to(told.sources[kind], sources)
    for source, languages in naive.languages.items():
        close_to(told.languages[source], languages)
    if not mix.cross_lingual:
        assert told.pairs == {}
        return
    for source, pairs in naive.pairs.items():
        close_to(told.pairs[source], pairs)


def close_to(told: Mapping[Any, float], exact: Mapping[Any, Fraction]) -> None:
    """Exact for up to four categories or equal weights, else off by a few units of 1/16384."""
    assert {name for name, share in told.items() if share > 0} == set(exact)
    assert math.isclose(sum(told.values()), 1, rel_tol=SLACK)
    few = len(told) <= 4 or len(set(exact.values())) == 1
    # Every positive share is at least one unit, for which the largest one pays.
    lifted = sum(share < FINEST for share in exact.values())
    for name, share in exact.items():
        units = Fraction(1, 10**10) if few else FINEST * (1 + lifted)
        assert abs(Fraction(told[name]) - share) < units


@pytest.mark.parametrize("zeros", [0, 1, 2, 8])
@pytest.mark.parametrize("positive", [1, 2, 3, 4])
def test_shares_of_up_to_four_categories_are_exact(positive: int, zeros: int) -> None:
    data = regular(2, LANGUAGES[: positive + zeros])
    roots = [math.sqrt(prime) for prime in (2, 3, 5, 7)[:positive]] + [0.0] * zeros
    weights = dict(zip(LANGUAGES, roots, strict=False))
    told = BatchPlan(data.corpus, Mix(monolingual=1, languages=weights), 1).shares
    for name, share in normal(weights).items():
        assert math.isclose(told.languages["all"][name], share, rel_tol=SLACK)


def test_shares_are_the_nearest_multiples_of_the_finest() -> None:
    """A share below the finest is raised to it, and not beyond by the rounding of the others."""
    units = [0.9, 4095.775, 4000.775, 4100.775, 4185.775]
    weights = dict(zip(LANGUAGES, units, strict=False))
    told = BatchPlan(regular(2, LANGUAGES[:5]).corpus, Mix(monolingual=1, languages=weights), 1)
    for name, share in told.shares.languages["all"].items():
        assert abs(share / FINEST - weights[name]) < 1


def test_shares_do_not_depend_on_the_scale_of_the_weights() -> None:
    data = regular(4, LANGUAGES)
    roots = {name: math.sqrt(2 + k) for k, name in enumerate(LANGUAGES)}
    told = [
        BatchPlan(
            data.corpus,
            Mix(monolingual=scale, languages={name: w * scale for name, w in roots.items()}),
            2,
        ).shares
        for scale in (1.0, 2.0**-900, 2.0**900, 2.0**40)
    ]
    assert all(shares == told[0] for shares in told)


def test_more_categories_than_places_are_a_value_error_or_work() -> None:
    """16,385 sources of unequal size do not fit a period of 16,384."""
    count = 16_385
    data = Columns(
        list(range(count + 1)), ["en"] * (count + 1), [f"s{max(k, 1):05}" for k in range(count + 1)]
    )
    try:
        plan = BatchPlan(data.corpus, Mix(monolingual=1), 1)
    except ValueError:
        return
    except BaseException as error:  # a panic of the core is no Exception
        pytest.fail(f"{type(error).__name__}: {error}")
    assert len(plan[0]) == 1


# Balanced draws: EVERY prefix keeps every share


def assert_balanced(data: Columns, mix: Mix, batch_size: int, steps: int, seed: int = 0) -> None:
    plan = BatchPlan(data.corpus, mix, batch_size, seed)
    naive, told = naive_shares(mix, data), plan.shares
    batches = plan[0:steps]
    labels = read(plan, data, batches)
    kinds = [label.kind for label in labels]
    assert worst_prefix(kinds, stated(told.kinds, naive.kinds)) <= 1 + SLACK
    for kind, shares in naive.sources.items():
        drawn = [label.source for label in labels if label.kind == kind]
        assert worst_prefix(drawn, stated(told.sources[kind], shares)) <= 1 + SLACK
    for source, spoken in naive.languages.items():
        own = stated(told.languages[source], spoken)
        languages = [x.language for x in labels if x[:2] == ("monolingual", source)]
        assert worst_prefix(languages, own) <= 1 + SLACK
        mixed = rows_of(data, batches, labels, ("mixed", source))
        assert worst_prefix([query for query, _ in mixed], own, each=batch_size) <= batch_size
    for source, pairs in naive.pairs.items() if mix.cross_lingual else ():
        rows = rows_of(data, batches, labels, ("cross_lingual", source))
        own = stated(told.pairs[source], pairs)
        assert worst_prefix(rows, own, each=batch_size) <= batch_size


def rows_of(
    data: Columns, batches: Any, labels: list[Label], stream: tuple[str, str]
) -> list[tuple[str, str]]:
    """(query language, passage language) of all pairs of a kind and source, in turn."""
    return [
        pair
        for batch, label in zip(batches, labels, strict=True)
        if label[:2] == stream
        for pair in data.languages_of(batch)
    ]


@settings(max_examples=OFTEN)
@given(st.data())
def test_every_prefix_keeps_every_share(draw: st.DataObject) -> None:
    data = draw.draw(columns())
    mix = draw.draw(mixes(data))
    batch_size = draw.draw(st.integers(1, data.smallest))
    assert_balanced(data, mix, batch_size, 250, draw.draw(st.integers(0, 2**64 - 1)))


@settings(max_examples=OFTEN)
@given(st.data())
def test_every_prefix_keeps_every_share_as_the_rows_alone_tell(draw: st.DataObject) -> None:
    """Without mixed batches the plan's own word on a step is not needed."""
    data = draw.draw(columns(languages=(2, 5), groups=(2, 30)))
    mix = draw.draw(mixes(data, kinds=("monolingual", "cross_lingual")))
    assert_balanced(data, mix, draw.draw(st.integers(1, data.smallest)), 400)


def weight_lists() -> list[Any]:
    """2 to 12 weights: equal, whole, irrational, with zeros, far apart."""
    primes = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    cases = []
    for count in range(2, 13):
        roots = [math.sqrt(prime) for prime in primes[:count]]
        cases += [
            pytest.param([0.1] * count, id=f"{count} equal"),
            pytest.param(list(range(1, count + 1)), id=f"{count} whole"),
            pytest.param(roots, id=f"{count} irrational"),
            pytest.param([math.exp(-k) for k in range(count)], id=f"{count} far apart"),
            pytest.param([*roots[:-1], 0.0], id=f"{count} with a 0"),
            pytest.param([w if k % 2 else 0.0 for k, w in enumerate(roots)], id=f"{count} half 0"),
        ]
    return cases


LONG = 17_000  # beyond the period of 16,384 in which unequal shares repeat


@pytest.mark.parametrize("weights", weight_lists())
def test_long_runs_keep_the_shares_of_languages(weights: list[float]) -> None:
    named = dict(zip(LANGUAGES, weights, strict=False))
    data = regular(1, list(named), order=5)
    plan = BatchPlan(data.corpus, Mix(monolingual=1, languages=named), 1, seed=3)
    drawn = [data.language[row] for row in plan[0:LONG][:, 0, 0].tolist()]
    shares = stated(plan.shares.languages["all"], normal(named))
    assert worst_prefix(drawn, shares) <= 1 + SLACK


@pytest.mark.parametrize("weights", weight_lists())
def test_long_runs_keep_the_shares_of_sources(weights: list[float]) -> None:
    named = {f"s{k:02}": weight for k, weight in enumerate(weights)}
    data = Columns(list(range(len(named))), ["en"] * len(named), list(named))
    plan = BatchPlan(data.corpus, Mix(monolingual=1, sources=named), 1, seed=4)
    drawn = [data.source_of(row) for row in plan[0:LONG][:, 0, 0].tolist()]
    shares = stated(plan.shares.sources["monolingual"], normal(named))
    assert worst_prefix(drawn, shares) <= 1 + SLACK


@pytest.mark.parametrize("weights", weight_lists())
def test_long_runs_keep_the_shares_of_pairs(weights: list[float]) -> None:
    """All of the pairs of 4 languages, or the first of them: the others have weight 0."""
    spoken, batch_size = LANGUAGES[:4], 3
    named = dict(zip(ordered_pairs(spoken), weights, strict=False))
    data = regular(5, spoken, order=6)
    plan = BatchPlan(data.corpus, Mix(cross_lingual=1, pairs=named), batch_size, seed=5)
    rows = data.languages_of(plan[0 : LONG // batch_size].reshape(-1, 2))
    shares = stated(plan.shares.pairs["all"], normal(named))
    assert worst_prefix(rows, shares, each=batch_size) <= batch_size


@pytest.mark.parametrize(
    "weights",
    [(1, 1, 0), (0.5, 0.3, 0.2), (math.pi, math.e, math.sqrt(2)), (1, 1e-3, 1e3), (0.2, 0.2, 0.2)],
)
def test_long_runs_keep_every_share_at_once(weights: tuple[float, float, float]) -> None:
    data = joined(
        regular(9, ("ar", "de", "en"), "wiki", prefix="w"),
        regular(5, ("en", "es"), "news", prefix="n"),
        regular(4, ("fr", "de", "en", "hi", "ru", "th"), "law", prefix="l"),
        regular(11, ("vi",), "talks", prefix="t"),
        order=7,
    )
    kinds: dict[str, Any] = dict(zip(KINDS, weights, strict=True))
    mix = Mix(**kinds, source_temperature=1.5)
    assert_balanced(data, mix, 4, 4000, seed=6)


def test_with_equal_weights_the_paper_s_defaults_repeat_exactly() -> None:
    """In K batches of one kind each of K languages comes once; rows of X-Y likewise."""
    data = regular(24, LANGUAGES[:4])
    plan = BatchPlan(data.corpus, Mix(monolingual=1, cross_lingual=1), 12, seed=1)
    labels = [data.classify(batch) for batch in plan[0:80]]
    spoken = [label.language for label in labels if label.kind == "monolingual"]
    assert len(spoken) == 40
    for block in range(0, 40, 4):
        assert sorted(filter(None, spoken[block : block + 4])) == sorted(LANGUAGES[:4])
    for batch, label in zip(plan[0:80], labels, strict=True):
        if label.kind == "cross_lingual":
            assert sorted(data.languages_of(batch)) == ordered_pairs(LANGUAGES[:4])


@pytest.mark.parametrize("start", [999, 10**6, 2**31 - 100, 2**32 - 100, 10**12 + 7, 2**53, 2**60])
@pytest.mark.parametrize("count", [3, 7])
def test_shares_hold_far_out(start: int, count: int) -> None:
    """Both ends of a window are within 1 of the share, so the window is within 2."""
    names, batch_size, steps = LANGUAGES[:count], 4, 600
    data = regular(9, names, order=8)
    weights = {name: math.sqrt(2 + k) for k, name in enumerate(names)}
    pairs = {pair: 1.0 + k % 3 for k, pair in enumerate(ordered_pairs(names))}
    mix = Mix(monolingual=2, cross_lingual=1, languages=weights, pairs=pairs)
    plan = BatchPlan(data.corpus, mix, batch_size)
    batches = plan[start : start + steps]
    naive, told = naive_shares(mix, data), plan.shares
    labels = read(plan, data, batches, start)
    kinds = [label.kind for label in labels]
    assert worst_prefix(kinds, stated(told.kinds, naive.kinds)) <= 2 + SLACK
    spoken = [label.language for label in labels if label.kind == "monolingual"]
    own = stated(told.languages["all"], naive.languages["all"])
    assert worst_prefix(spoken, own) <= 2 + SLACK
    rows = rows_of(data, batches, labels, ("cross_lingual", "all"))
    own = stated(told.pairs["all"], naive.pairs["all"])
    assert worst_prefix(rows, own, each=batch_size) <= 2 * batch_size


def test_what_has_weight_0_never_comes() -> None:
    data = joined(
        regular(6, LANGUAGES[:6], "wiki", prefix="w"), regular(6, LANGUAGES[:6], "law", prefix="l")
    )
    mix = Mix(
        monolingual=1,
        cross_lingual=1,
        languages={name: float(k < 2) for k, name in enumerate(LANGUAGES[:6])},
        sources={"wiki": 0, "law": 3},
        pairs={("ar", "de"): 1, ("de", "ar"): 0},
    )
    for batch in BatchPlan(data.corpus, mix, 4)[0:500]:
        label = data.classify(batch)
        assert label in {
            Label("monolingual", "law", "ar"),
            Label("monolingual", "law", "de"),
            Label("cross_lingual", "law", None),
        }
        if label.kind == "cross_lingual":
            assert set(data.languages_of(batch)) == {("ar", "de")}


# Random draws


def test_stated_shares_of_random_draws_are_exact() -> None:
    data = regular(2, LANGUAGES)
    weights = {name: math.sqrt(2 + k) for k, name in enumerate(LANGUAGES)}
    mix = Mix(monolingual=1, mixed=2, languages=weights, draws="random")
    told = BatchPlan(data.corpus, mix, 2).shares
    for name, share in normal(weights).items():
        assert math.isclose(told.languages["all"][name], share, rel_tol=SLACK)
    assert math.isclose(told.kinds["mixed"], 2 / 3)


def random_case() -> tuple[Columns, Mix]:
    data = joined(
        regular(9, ("ar", "de", "en"), "wiki", prefix="w"),
        regular(5, ("en", "es"), "news", prefix="n"),
        regular(10, ("fr", "de", "en", "hi", "ru"), "law", prefix="l"),
        order=9,
    )
    mix = Mix(
        monolingual=0.5,
        cross_lingual=0.3,
        mixed=0.2,
        languages={name: 1.0 + k % 3 for k, name in enumerate(sorted(set(data.language)))},
        pairs={
            pair: 1.0 + k % 2 for k, pair in enumerate(ordered_pairs(sorted(set(data.language))))
        },
        draws="random",
    )
    return data, mix


@pytest.mark.parametrize("seed", [0, 2**63])
def test_random_draws_have_the_shares_of_the_mix(seed: int) -> None:
    data, mix = random_case()
    plan, naive = BatchPlan(data.corpus, mix, 4, seed), naive_shares(mix, data)
    batches = plan[0:17_000]
    labels = read(plan, data, batches)
    assert_drawn_by([label.kind for label in labels], floats(naive.kinds))
    for kind, shares in naive.sources.items():
        assert_drawn_by([x.source for x in labels if x.kind == kind], floats(shares))
    for source, spoken in naive.languages.items():
        languages = [x.language for x in labels if x[:2] == ("monolingual", source)]
        assert_drawn_by(languages, floats(spoken))
        mixed = rows_of(data, batches, labels, ("mixed", source))
        assert_drawn_by([query for query, _ in mixed], floats(spoken))
    for source, pairs in naive.pairs.items():
        rows = rows_of(data, batches, labels, ("cross_lingual", source))
        assert_drawn_by(rows, floats(pairs))
        # Neighbours in a batch are independent.
        assert_drawn_by(zip(rows[::2], rows[1::2], strict=True), twice(floats(pairs)))


def floats(shares: Mapping[Any, Fraction]) -> dict[Any, float]:
    return {name: float(share) for name, share in shares.items()}


def twice(shares: Mapping[Any, float]) -> dict[Any, float]:
    """The shares of two independent draws."""
    return {(a, b): p * q for a, p in shares.items() for b, q in shares.items()}


def streams_case() -> tuple[Columns, Mix, dict[Any, float]]:
    """Six streams and their shares, of which the rarest has 1/10."""
    data = joined(regular(6, ("de", "en"), "wiki"), regular(4, ("de", "en"), "law", prefix="l"))
    mix = Mix(monolingual=0.5, cross_lingual=0.5, draws="random")
    shares: dict[Any, float] = {}
    for source, share in (("wiki", 0.6), ("law", 0.4)):
        shares[Label("cross_lingual", source, None)] = 0.5 * share
        for language in ("de", "en"):
            shares[Label("monolingual", source, language)] = 0.25 * share
    return data, mix, shares


@pytest.mark.parametrize("lag", [1, 2, 3, 6])
def test_random_draws_of_neighbouring_steps_are_independent(lag: int) -> None:
    data, mix, shares = streams_case()
    labels = [data.classify(batch) for batch in BatchPlan(data.corpus, mix, 2, seed=lag)[0:12_000]]
    # Steps that share no draw: t and t + lag for t in every second block of lag steps.
    first = [t for t in range(len(labels) - lag) if t // lag % 2 == 0]
    assert_drawn_by([(labels[t], labels[t + lag]) for t in first], twice(shares))


@pytest.mark.parametrize("other", [1, 2, 2**32, 2**63])
def test_random_draws_of_neighbouring_seeds_are_independent(other: int) -> None:
    data, mix, shares = streams_case()
    one, two = (
        [data.classify(batch) for batch in BatchPlan(data.corpus, mix, 2, seed)[0:6000]]
        for seed in (0, other)
    )
    assert_drawn_by(zip(one, two, strict=True), twice(shares))


def test_random_draws_scatter_as_independent_ones_do() -> None:
    """The counts of 400 runs of 25 steps have the variance n p (1 - p): not less, not more."""
    data, mix, _ = streams_case()
    kinds = [data.classify(batch).kind for batch in BatchPlan(data.corpus, mix, 2)[0:10_000]]
    runs = np.array([kind == "monolingual" for kind in kinds]).reshape(400, 25).sum(axis=1)
    statistic = float(((runs - 12.5) ** 2 / (25 * 0.25)).sum())
    assert least(400) <= statistic <= most(400)


# Bad mixes


def refused(arguments: dict[str, Any], *parts: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Mix(**arguments)
    for part in parts:
        assert part in str(caught.value)


BAD: list[Any] = [-1, -1e-300, math.nan, math.inf, -math.inf, "1", None, [1.0]]


@pytest.mark.parametrize("weight", BAD)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_weight_of_a_kind(kind: str, weight: Any) -> None:
    arguments = dict.fromkeys(KINDS, 1.0) | {kind: weight}
    refused(arguments, f"weight {weight!r} of {kind!r}", "give a number of 0 or more")


@pytest.mark.parametrize("weight", BAD)
@pytest.mark.parametrize("level", ["languages", "sources"])
def test_bad_weight_of_a_name(level: str, weight: Any) -> None:
    refused(
        {"monolingual": 1, level: {"a": 1.0, "b": weight}},
        f"{level}: weight {weight!r} of 'b'",
        "give a number of 0 or more",
    )


@pytest.mark.parametrize("weight", BAD)
def test_bad_weight_of_a_pair(weight: Any) -> None:
    refused(
        {"cross_lingual": 1, "pairs": {("de", "en"): weight}},
        f"pairs: weight {weight!r} of ('de', 'en')",
        "give a number of 0 or more",
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "Mix"),
        ({"monolingual": 0, "cross_lingual": 0.0, "mixed": 0}, "Mix"),
        ({"monolingual": 1, "languages": {"de": 0, "en": 0.0}}, "languages"),
        ({"monolingual": 1, "languages": {}}, "languages"),
        ({"monolingual": 1, "sources": {"wiki": 0}}, "sources"),
        ({"cross_lingual": 1, "pairs": {("de", "en"): 0}}, "pairs"),
    ],
)
def test_weights_that_sum_to_0(arguments: dict[str, Any], name: str) -> None:
    refused(arguments, f"{name}: all weights are 0", "give at least one a positive weight")


@pytest.mark.parametrize("value", [0, 0.0, -1.0, math.nan, math.inf, 10**400, "2", None])
@pytest.mark.parametrize("name", ["language_temperature", "source_temperature"])
def test_bad_temperature(name: str, value: Any) -> None:
    refused({"monolingual": 1, name: value}, f"{name}={value!r}", "a positive number")


@pytest.mark.parametrize("given", ["uniform", {"de": 1.0}])
@pytest.mark.parametrize("name", ["language", "source"])
def test_temperatures_are_of_sizes(name: str, given: Any) -> None:
    arguments = {"monolingual": 1, f"{name}s": given, f"{name}_temperature": 3}
    refused(arguments, f"{name}_temperature=3 changes sizes alone: give {name}s='size', or leave")
    assert Mix(**arguments | {f"{name}_temperature": 1}) == Mix(
        monolingual=1, **{f"{name}s": given}
    )


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("languages", "uniform, size, a mapping of weights"),
        ("sources", "uniform, size, a mapping of weights"),
        ("pairs", "uniform, a mapping of weights"),
        ("draws", "balanced, random"),
    ],
)
def test_unknown_word(name: str, known: str) -> None:
    refused({"monolingual": 1, name: "sise"}, f"{name}='sise'", f"choose one of {known}")


# A mix is a value


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Mix(monolingual=1).monolingual = 2  # type: ignore[misc]


def test_keeps_copies_of_the_caller_s_weights() -> None:
    languages, pairs = {"de": 1.0, "en": 2.0}, {("de", "en"): 1.0}
    mix = Mix(monolingual=1, languages=languages, pairs=pairs)
    languages["de"], pairs["en", "de"] = 5.0, 5.0
    assert mix == Mix(monolingual=1, languages={"de": 1.0, "en": 2.0}, pairs={("de", "en"): 1.0})


def test_any_real_number_is_a_weight() -> None:
    data = regular(2, ["de", "en"])
    expected = BatchPlan(data.corpus, Mix(monolingual=2, cross_lingual=1), 2)
    for number in (float, np.float64, np.float32, np.int64, Fraction):
        mix = Mix(monolingual=number(2), cross_lingual=number(1))  # type: ignore[arg-type]
        assert (BatchPlan(data.corpus, mix, 2)[0:9] == expected[0:9]).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Mix(monolingual=1), Mix(monolingual=1.0)),
        (Mix(monolingual=0.5), Mix(monolingual=np.float64(0.5))),
        (
            Mix(monolingual=1, languages={"de": 1, "en": 2}),
            Mix(monolingual=1, languages={"en": 2, "de": 1}),
        ),
    ],
    ids=["int and float", "float and numpy", "order of names"],
)
def test_a_state_fits_every_equal_mix(one: Mix, other: Mix) -> None:
    assert one == other
    corpus = regular(4, ["de", "en"]).corpus
    state = HybridBatchSampler(BatchPlan(corpus, one, 2)).state_dict()
    HybridBatchSampler(BatchPlan(corpus, other, 2)).load_state_dict(state)


def test_equal_mixes_look_equal() -> None:
    plain = Mix(monolingual=1, languages={"en": 1}, pairs={("en", "de"): 1})
    numpy_names: Any = {np.str_("en"): np.int64(1)}, {(np.str_("en"), np.str_("de")): 1}
    same = Mix(monolingual=1, mixed=-0.0, languages=numpy_names[0], pairs=numpy_names[1])
    assert repr(same) == repr(plain)
    assert hash(same) == hash(plain)


def test_a_plan_does_not_change_with_its_mix() -> None:
    mix = Mix(monolingual=1, languages={"de": 1.0, "en": 1.0})
    plan = BatchPlan(regular(9, ["de", "en"]).corpus, mix, 2)
    mix.languages["en"] = 7.0  # type: ignore[index]
    again = pickle.loads(pickle.dumps(plan))
    assert again.identity == plan.identity
    assert (again[0:20] == plan[0:20]).all()


@pytest.mark.parametrize("name", ["languages", "sources", "pairs"])
def test_weights_without_names(name: str) -> None:
    refused({"monolingual": 1, name: np.array([1.0, 2.0])}, f"{name}=array", "a mapping of weights")


def test_weights_beyond_any_float() -> None:
    with pytest.raises(ValueError, match="give a number of 0 or more"):
        Mix(monolingual=10**400)
    mix = Mix(monolingual=1, languages="size", language_temperature=5e-324)
    with pytest.raises(ValueError, match="temperature 5e-324"):
        BatchPlan(regular(9, ["de", "en"]).corpus, mix, 2)

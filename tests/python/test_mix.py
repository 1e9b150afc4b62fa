"""Mix: the shares it stands for, and that every prefix of a plan keeps them."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora import (
    KINDS,
    LANGUAGES,
    Columns,
    Label,
    columns,
    joined,
    mixes,
    ordered_pairs,
    read,
    regular,
    worst_prefix,
)
from hybridsampler import BatchPlan, Mix
from naive_mix import SLACK, naive_shares, normal, rows_of, stated

# A share of a balanced plan is a multiple of this at worst.
FINEST = Fraction(1, 16384)


# What matters most is tried more often than the rest, in every profile.
OFTEN = 5 * settings().max_examples


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

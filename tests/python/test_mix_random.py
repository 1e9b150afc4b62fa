"""Random draws have the shares of the mix, and no more in common."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from corpora import (
    LANGUAGES,
    Columns,
    Label,
    assert_drawn_by,
    joined,
    least,
    most,
    ordered_pairs,
    read,
    regular,
)
from hybridsampler import BatchPlan, Mix
from naive_mix import SLACK, naive_shares, normal, rows_of


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

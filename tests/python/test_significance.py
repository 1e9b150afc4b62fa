"""Comparison of two systems: counted one by one, symmetric, blind to order, honest under chance."""

import itertools
import math
import re
import subprocess
import sys
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.significance import Comparison, compare
from naive_ranking import generators
from processes import ROOT

# Values that float64 holds with room to spare, so that an oracle in fractions sees the same sums.
EIGHTHS = st.integers(0, 8).map(lambda n: n / 8)


def oracle_means(
    first: Sequence[float], second: Sequence[float], groups: Sequence[Hashable]
) -> list[Fraction]:
    rows: dict[Hashable, list[Fraction]] = {}
    for a, b, group in zip(first, second, groups, strict=True):
        rows.setdefault(group, []).append(Fraction(a) - Fraction(b))
    return [sum(found, Fraction(0)) / len(found) for found in rows.values()]


def oracle_p(means: Sequence[Fraction]) -> float:
    """Every assignment of signs, one after the other."""
    observed = abs(sum(means, Fraction(0)))
    flips = list(itertools.product((1, -1), repeat=len(means)))
    sums = [sum((s * d for s, d in zip(signs, means, strict=True)), Fraction(0)) for signs in flips]
    return sum(abs(total) >= observed for total in sums) / len(flips)


@given(values=st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=2, max_size=9))
def test_few_groups_are_enumerated(values: list[tuple[float, float]]) -> None:
    first, second = zip(*values, strict=True)
    means = oracle_means(first, second, range(len(values)))
    found = compare(first, second)
    assert (found.exact, found.groups) == (True, len(values))
    assert found.p_value == oracle_p(means)
    assert found.difference == float(sum(means) / len(means))


@given(
    values=st.lists(st.tuples(EIGHTHS, EIGHTHS, st.sampled_from("abcde")), min_size=5, max_size=16)
)
def test_groups_are_averaged_and_flipped_as_one(values: list[tuple[float, float, str]]) -> None:
    values += [(0.5, 0.5, "a"), (0.25, 0.5, "b")]
    first, second, groups = zip(*values, strict=True)
    means = oracle_means(first, second, groups)
    found = compare(first, second, groups)
    assert found.groups == len(means)
    assert found.p_value == oracle_p(means)
    assert math.isclose(found.difference, float(sum(means) / len(means)), abs_tol=1e-15)


def test_translations_are_no_evidence_of_their_own() -> None:
    """Ten questions in eleven languages are ten observations."""
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 10))
    alone = compare(first, second)
    copies = compare(np.repeat(first, 11), np.repeat(second, 11), np.repeat(np.arange(10), 11))
    assert copies == alone
    assert compare(np.repeat(first, 11), np.repeat(second, 11)).p_value < copies.p_value


def test_the_difference_is_that_of_macro_means_where_every_group_has_all_languages() -> None:
    rng = np.random.default_rng(7)
    first, second = rng.random((2, 11, 30))  # languages x questions
    questions = np.tile(np.arange(30), 11)
    found = compare(first.ravel(), second.ravel(), questions)
    macro = [float(np.mean(values.mean(axis=1))) for values in (first, second)]
    assert math.isclose(found.difference, macro[0] - macro[1], abs_tol=1e-15)


def test_worked_out_by_hand() -> None:
    # Differences 1, 1, 1, 1: of 16 assignments two are as far from 0.
    found = compare([1, 1, 1, 1], [0, 0, 0, 0])
    assert found == Comparison(1.0, 2 / 16, (1.0, 1.0), 4, True, 0.05)
    assert found.verdict == "not separable"
    assert compare([1] * 6, [0] * 6).p_value == 2 / 64
    assert compare([1] * 6, [0] * 6).verdict == "first is higher"
    assert compare([0] * 6, [1] * 6).verdict == "second is higher"
    assert compare([0] * 6, [1] * 6, level=0.01).verdict == "not separable"
    # Differences 3, 1: |sum| is 4 2 2 4.
    assert compare([3, 1], [0, 0]).p_value == 1 / 2


@pytest.mark.parametrize("times", [1, 6, 40])
def test_sums_that_are_equal_are_seen_as_equal(times: int) -> None:
    """.1 + .2 - .3 is 0, so that every assignment is at least as far; in float64 it is 5.6e-17."""
    found = compare([0.1, 0.2, 0.0] * times, [0.0, 0.0, 0.3] * times, resamples=200)
    assert found.p_value == 1


HUNDREDTHS = st.integers(0, 9)


@pytest.mark.parametrize("base", [0, 50, 123_450])
@given(rows=st.lists(st.tuples(HUNDREDTHS, HUNDREDTHS, st.integers(0, 8)), min_size=1))
def test_differences_of_decimals_are_those_that_are_written(
    base: int, rows: list[tuple[int, int, int]]
) -> None:
    """.56 - .55 and .57 - .56 are equal, though they are not in float64."""
    rows = [*rows, (6, 5, 9), (7, 6, 10)]
    first, second, groups = zip(*rows, strict=True)
    one, other = ([(base + value) / 100 for value in column] for column in (first, second))
    found = compare(one, other, groups, resamples=40)
    assert found.p_value == oracle_p(oracle_means(first, second, groups))


def test_many_differences_of_decimals_are_those_that_are_written() -> None:
    """Of 24 groups 16 win in the fifth decimal and 8 lose in it: p as with whole numbers."""
    lower = np.arange(24) + 80_000
    first, second = np.where(np.arange(24) % 3 < 2, [lower + 1, lower], [lower, lower + 1])
    expected = compare(first, second).p_value
    assert compare(first / 100_000, second / 100_000).p_value == expected


@pytest.mark.parametrize("groups", [2, 20, 21, 300])
def test_equal_systems_are_not_separable(groups: int) -> None:
    values = np.linspace(0, 1, groups)
    found = compare(values, values)
    assert (found.difference, found.p_value, found.interval) == (0, 1, (0, 0))
    assert found.verdict == "not separable"


def test_more_groups_than_are_enumerated() -> None:
    """The sampled p value is near the exact one where both are known."""
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 20))
    exact = compare(first, second)
    # A group without a difference changes no sum.
    sampled = compare([*first, 0.5], [*second, 0.5], resamples=40_000)
    assert (exact.exact, sampled.exact) == (True, False)
    # Four standard deviations of a share of 40,000.
    allowed = 4 * math.sqrt(exact.p_value * (1 - exact.p_value) / 40_000)
    assert abs(sampled.p_value - exact.p_value) < allowed


def test_the_sampled_p_value_is_never_zero() -> None:
    found = compare([1.0] * 200, [0.0] * 200, resamples=999)
    assert found.p_value == 1 / 1000
    assert found.verdict == "first is higher"


def systems() -> st.SearchStrategy[tuple[list[float], list[float], list[int]]]:
    values = st.lists(
        st.tuples(st.floats(0, 1) | EIGHTHS, st.floats(0, 1) | EIGHTHS, st.integers(0, 40)),
        max_size=60,
    )
    return values.map(
        lambda rows: [*rows, (0.25, 0.5, 50), (1.0, 0.0, 51)]  # two groups at least
    ).map(lambda rows: ([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]))


@given(of=systems(), rng=generators())
def test_symmetric_and_blind_to_the_order_of_rows(
    of: tuple[list[float], list[float], list[int]], rng: np.random.Generator
) -> None:
    first, second, groups = (np.array(column) for column in of)
    found = compare(first, second, groups, resamples=200)
    turned = compare(second, first, groups, resamples=200)
    assert turned.p_value == found.p_value
    assert turned.difference == -found.difference
    assert turned.interval == (-found.interval[1], -found.interval[0])
    order = rng.permutation(len(first))
    assert compare(first[order], second[order], groups[order], resamples=200) == found
    names = np.array([f"question {group}" for group in groups[order]])
    assert compare(first[order], second[order], names, resamples=200) == found


@given(of=systems(), seed=st.integers(0, 50))
def test_systems_that_differ_alike_both_ways_have_an_interval_that_does(
    of: tuple[list[float], list[float], list[int]], seed: int
) -> None:
    first, second, _ = of
    both = [*first, *second], [*second, *first]
    low, high = compare(*both, resamples=200, seed=seed).interval
    assert -low == high
    # As wide as that of a column that is hardly another.
    nearly = [value + (at == 0) * 2**-30 for at, value in enumerate(both[0])]
    about = compare(nearly, both[1], resamples=200, seed=seed).interval
    assert math.isclose(high - low, about[1] - about[0], abs_tol=1e-6)


def test_the_example_of_the_docs_prints_what_it_says() -> None:
    text = (ROOT / "docs/measures.md").read_text(encoding="utf-8")
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout == printed


def test_the_seed_decides() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.random((2, 100))
    assert compare(first, second, seed=7) == compare(first, second, seed=7)
    assert compare(first, second, seed=7) != compare(first, second, seed=8)
    large = [0, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]
    assert len({compare(first, second, seed=seed).interval for seed in large}) == len(large)


def test_the_digits_stay_the_same() -> None:
    """Over versions of NumPy too: raw words of Philox, exact sums."""
    values = np.arange(50) / 64
    assert compare(values, values[::-1] * 0.75) == Comparison(
        difference=0.095703125,
        p_value=0.09419058094190581,
        interval=(-0.011484375, 0.206171875),
        groups=50,
        exact=False,
        level=0.05,
    )


def test_p_values_are_uniform_under_chance() -> None:
    """2,000 pairs of alike systems: the Kolmogorov-Smirnov distance from uniform stays small."""
    rng = np.random.default_rng(3)
    count = 2_000
    for groups in (12, 40):
        p = np.sort(
            [
                compare(*rng.random((2, groups)), resamples=400, seed=seed).p_value
                for seed in range(count)
            ]
        )
        distance = np.abs(p - (np.arange(count) + 0.5) / count).max()
        # 1.95 / sqrt(n) is exceeded once in 1,000 times; the steps of p are 1 / 401 or finer.
        assert distance < 1.95 / math.sqrt(count) + 1 / 401


@pytest.mark.parametrize(
    ("level", "resamples", "out"), [(0.57, 10_000, 2_850), (0.58, 100, 29), (2 / 161, 161, 1)]
)
def test_the_interval_leaves_out_the_level_as_it_is_written(
    level: float, resamples: int, out: int
) -> None:
    """In float64 100 * .58 / 2 is below 29, and 161 * (2 / 161) below 2."""
    first, zeros = np.random.default_rng(6).random(40), np.zeros(40)
    found = compare(first, zeros, level=level, resamples=resamples)
    near = compare(first, zeros, level=(2 * out + 1) / resamples, resamples=resamples)
    assert found.interval == near.interval
    before = compare(first, zeros, level=(2 * out + 2) / resamples, resamples=resamples)
    assert found.interval != before.interval


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    count, covered = 1_000, 0
    for seed in range(count):
        first = rng.normal(0.1, 1, 60)
        low, high = compare(first, np.zeros(60), level=0.1, resamples=400, seed=seed).interval
        covered += low <= 0.1 <= high
    # 90 %, less the few percent that a percentile interval is known to lack with 60 groups.
    assert 0.86 < covered / count < 0.92


@pytest.mark.parametrize(("groups", "share"), [(5, 0.84), (12, 0.91)])
def test_the_interval_is_too_narrow_for_few_groups_and_the_p_value_is_right(
    groups: int, share: float
) -> None:
    """As often as the docs say, which is how often Student's t is within 1.96 sqrt(1 - 1 / n)."""
    rng = np.random.default_rng(groups)
    count, covered, found = 1_000, 0, 0
    for seed in range(count):
        result = compare(rng.normal(size=groups), np.zeros(groups), resamples=400, seed=seed)
        covered += result.interval[0] <= 0 <= result.interval[1]
        found += result.p_value <= 0.05
    assert abs(covered / count - share) < 0.03
    assert found / count < 0.07


def test_the_interval_is_that_of_the_means() -> None:
    """As wide as the normal approximation says, where it holds."""
    rng = np.random.default_rng(5)
    first = rng.random(4_000)
    low, high = compare(first, np.full(4_000, 0.5)).interval
    width = 2 * 1.96 * first.std() / math.sqrt(4_000)
    assert abs((high - low) / width - 1) < 0.05
    assert low < first.mean() - 0.5 < high


def test_tiny_and_huge_values() -> None:
    for scale in (1e-300, 1e200, 2e307):
        found = compare([scale * 3, scale * 2, scale * 2], [scale, scale, scale])
        assert found.p_value == 2 / 8
        assert found.interval[0] >= scale


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"second": [1.0]},
            "first, second and groups have 3, 1 and 3 entries: give one for each query",
        ),
        (
            {"groups": [1, 2]},
            "first, second and groups have 3, 3 and 2 entries: give one for each query",
        ),
        (
            {"first": [[1.0, 2.0, 3.0]]},
            "first has 2 dimensions: give one value for each query",
        ),
        (
            {"first": [1.0, math.nan, math.nan]},
            "first has the value nan for query 1 (2 queries have none): leave out queries that do "
            "not count in the setting",
        ),
        (
            {"second": [1.0, 2.0, math.inf]},
            "second has the value inf for query 2 (1 queries have none): leave out queries that do "
            "not count in the setting",
        ),
        (
            {"first": [0.0, 1e308, -1.0], "second": [1.0, -1e308, 0.0]},
            "first and second have 1e+308 and -1e+308 for query 1: 3 such differences add up to "
            "more than float64 holds; divide both columns by the same number",
        ),
        (
            {"first": [0.0, 1.0, 7e307], "second": [0.0, 2.0, 1.0]},
            "first and second have 7e+307 and 1.0 for query 2: 3 such differences add up to more "
            "than float64 holds; divide both columns by the same number",
        ),
        *(
            (
                {"groups": groups},
                f"groups has {dimensions} dimensions: give one label for each query",
            )
            for groups, dimensions in (
                ([("q1", "en"), ("q1", "de"), ("q2", "en")], 2),
                ({"q1", "q2", "q3"}, 0),
                ("abc", 0),
            )
        ),
        ({"groups": ["a", "a", "a"]}, "there are 1 groups: a comparison needs at least 2"),
        (
            {"groups": ["a", None, "b"]},
            "groups has no label for query 1: give each query its group",
        ),
        (
            {"groups": [1.0, 2.0, math.nan]},
            "groups has no label for query 2: give each query its group",
        ),
        *(
            ({"groups": groups}, "groups has no label for query 1: give each query its group")
            for groups in (
                [1, pd.NA, 3],
                [pd.Timestamp(0), pd.NaT, pd.Timestamp(1)],
                [np.datetime64("2020-01-01"), np.datetime64("NaT"), np.datetime64("2020-01-02")],
                np.array([1, "NaT", "NaT"], "m8[s]"),
                np.array([1, complex("nan"), 3]),
                [Decimal(1), Decimal("nan"), Decimal(3)],
                pd.to_datetime(pd.Series(["2020-01-01", None, None])),
                pd.Series(["a", None, "c"], dtype="string"),
                pd.Series([1, None, 3], dtype="Int64"),
                pyarrow.array(["a", None, "c"]),
            )
        ),
        (
            {"groups": np.ma.masked_array([1, 2, 3], [True, False, False])},
            "groups has no label for query 0: give each query its group",
        ),
        (
            {"first": np.ma.masked_array([1.0, 2.0, 3.0], [False, False, True])},
            "first has the value nan for query 2 (1 queries have none): leave out queries that do "
            "not count in the setting",
        ),
        ({"first": [], "second": []}, "there are 0 groups: a comparison needs at least 2"),
        ({"level": 0}, "level=0: give a number between 0 and 1"),
        ({"level": math.nan}, "level=nan: give a number between 0 and 1"),
        *(
            (
                {"level": tiny},
                f"level={tiny}: no float64 counts the resamples that it needs: give a larger one, "
                "such as 0.05",
            )
            for tiny in (1e-309, np.float64(5e-324), Decimal("1e-400"), Fraction(1, 10**400))
        ),
        ({"resamples": 39}, "resamples=39: level 0.05 needs at least 40"),
        ({"seed": -1}, "seed=-1: give 0 or more, below 2^64"),
        ({"seed": 1 << 64}, f"seed={1 << 64}: give 0 or more, below 2^64"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    sound = {"first": [1.0, 2.0, 3.0], "second": [1.0, 2.0, 2.0]}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        compare(**sound | arguments)


def test_values_that_are_no_numbers() -> None:
    with pytest.raises(
        TypeError, match=r"^second holds no numbers \(.*\): give one for each query, as result\.per"
    ):
        compare([1.0, 2.0], ["a", "b"])


@pytest.mark.parametrize("level", ["0.05", None])
def test_a_level_is_a_number(level: Any) -> None:
    message = f"level={level!r}: give a number between 0 and 1"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        compare([1.0, 2.0], [2.0, 1.0], level=level)


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    message = f"seed={seed!r}: give a whole number from 0, below 2^64"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        compare([1.0, 2.0], [2.0, 1.0], seed=seed)


@pytest.mark.parametrize("resamples", [1e4, "10000", None])
def test_resamples_are_a_whole_number(resamples: Any) -> None:
    message = f"resamples={resamples!r}: give a whole number of at least 40"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        compare([1.0, 2.0], [2.0, 1.0], resamples=resamples)


@pytest.mark.parametrize(
    "groups", [[1, "1", 2], [2**63, 2**63 + 1, -1], [2**53, 2**53 + 1, 0.5], ["a", "a\0", "b"]]
)
def test_labels_that_numpy_takes_for_one(groups: list[Any]) -> None:
    assert compare([1.0, 0.5, 0.0], [0.0, 0.0, 0.0], groups).groups == 3
    assert compare([1.0, 0.5, 0.0], [0.0, 0.0, 0.0], tuple(groups)).groups == 3


@pytest.mark.parametrize(
    ("form", "each"),
    [
        *(
            (form, each)
            for form in (list, tuple)
            for each in (int, np.int64, np.array, torch.tensor)
        ),
        *((form, int) for form in (np.array, pyarrow.array, torch.tensor, pd.Series)),
    ],
)
def test_labels_are_told_by_what_they_hold(
    form: Callable[[Any], Any], each: Callable[[int], Any]
) -> None:
    labels = form([each(i // 2) for i in range(6)])
    values = [0.5, 0.25, 1.0, 0.0, 0.75, 0.5]
    found = compare(values, np.zeros(6), labels)
    assert found == compare(values, np.zeros(6), [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("unit", ["M8[D]", "M8[ns]", "m8[s]"])
def test_labels_may_be_times(unit: str) -> None:
    values = [0.5, 0.25, 1.0, 0.0, 0.75, 0.5]
    found = compare(values, np.zeros(6), np.array([7, 7, 5, 5, 6, 6], unit))
    assert found == compare(values, np.zeros(6), [0, 0, 1, 1, 2, 2])


def test_labels_may_be_of_several_kinds() -> None:
    """NumPy cannot sort them."""
    first, second = [1.0, 2.0, 4.0, 3.0], [1.0, 2.5, 2.0, 0.0]
    mixed = np.array(["a", 1, ("b", 2), 1], object)
    assert compare(first, second, mixed) == compare(first, second, [0, 1, 2, 1])

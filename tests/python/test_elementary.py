"""log2 is the nearest float64, exp is near it, and neither has the platform in it."""

import math

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler.elementary import exp_minus, log2


def nearest(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    with mpmath.workprec(200):
        return np.array([float(mpmath.log(number, 2)) for number in numbers.tolist()])


def test_log2_of_small_numbers_is_the_nearest_float() -> None:
    numbers = np.arange(1, 5_000)
    assert np.array_equal(log2(numbers), nearest(numbers))


def test_log2_of_larger_numbers_is_the_nearest_float() -> None:
    rng = np.random.default_rng(0)
    powers = 2 ** np.arange(54)
    around = [powers, powers[2:] - 1, powers[2:-1] + 1, powers[3:-1] * 3 // 2]
    root = np.array([math.isqrt(2 * 4**k) for k in range(26)])  # where the reduction changes sides
    drawn = [rng.integers(1, most, 2_000) for most in (10**6, 10**9, 2**53)]
    numbers = np.concatenate([*around, root, root + 1, *drawn])
    assert np.array_equal(log2(numbers), nearest(numbers))
    assert np.array_equal(log2(powers), np.arange(54))


# The numbers below three million whose logarithms come closest to the middle between two float64,
# to 10^-7 of their distance: a search over all, by the remainder that log2 rounds off.
HARDEST = (145_985, 946_175, 1_321_597, 567_989, 28_599, 551_155, 1_493_689, 1_181_581, 420_613)


def test_log2_of_the_hardest_numbers_is_the_nearest_float() -> None:
    numbers = np.array([number << shift for number in HARDEST for shift in range(8)])
    with mpmath.workprec(200):
        for number, value in zip(numbers.tolist(), log2(numbers).tolist(), strict=True):
            distance = (mpmath.log(number, 2) - value) / math.ulp(value)
            assert abs(distance) < 0.5


@given(st.lists(st.integers(1, 2**53), min_size=1, max_size=20))
def test_log2_is_the_nearest_float(numbers: list[int]) -> None:
    array = np.array(numbers)
    assert np.array_equal(log2(array), nearest(array))


def test_log2_rises() -> None:
    """Whatever the rank, the next one is worth no more."""
    numbers = np.concatenate([np.arange(1, 300_000), 10**9 + np.arange(1_000)])
    assert (np.diff(log2(numbers)) >= 0).all()


def test_log2_of_nothing() -> None:
    assert log2(np.empty(0, np.int64)).tolist() == []


@given(st.lists(st.floats(0, 2) | st.floats(0, 800) | st.floats(0, 2.0**31), min_size=1))
def test_exp_is_within_two_units_in_the_last_place(numbers: list[float]) -> None:
    mantissa, exponent = exp_minus(np.array(numbers))
    with mpmath.workprec(200):
        for x, m, n in zip(numbers, mantissa.tolist(), exponent.tolist(), strict=True):
            assert 0.5 < m <= 1
            right = mpmath.exp(-mpmath.mpf(x)) * mpmath.mpf(2) ** n
            assert abs(right - m) <= 2 * math.ulp(m), x


def test_exp_of_zero_is_one() -> None:
    mantissa, exponent = exp_minus(np.zeros(1))
    assert (mantissa.tolist(), exponent.tolist()) == ([1], [0])

"""The chi-square tail against mpmath's incomplete gamma function."""

import math

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.chi_square import upper_tail


def oracle(x: float, degrees: int) -> float:
    with mpmath.workprec(200):
        half = mpmath.mpf(x) / 2
        return float(mpmath.gammainc(mpmath.mpf(degrees) / 2, half, regularized=True))


def check(pairs: list[tuple[float, int]]) -> None:
    x, degrees = np.array([x for x, _ in pairs]), np.array([degrees for _, degrees in pairs])
    for found, pair in zip(upper_tail(x, degrees).tolist(), pairs, strict=True):
        right = oracle(*pair)
        # Below the smallest normal number there are fewer digits to be right.
        assert math.isclose(found, right, rel_tol=1e-13, abs_tol=2.0**-1022), pair


@given(
    st.lists(
        st.tuples(st.floats(0, 8) | st.floats(0, 200) | st.floats(0, 3_000), st.integers(1, 24)),
        min_size=1,
        max_size=20,
    )
)
def test_tails_equal_those_of_mpmath(pairs: list[tuple[float, int]]) -> None:
    check(pairs)


def test_tails_of_many_degrees_neither_overflow_nor_vanish() -> None:
    check([(scale * d, d) for d in (99, 100, 501, 1_000, 3_001) for scale in (0.5, 1, 1.2, 2)])


def test_tails_worked_out_by_hand() -> None:
    """Two degrees: exp(-x/2). The table's 5 % points, to their three decimals."""
    assert upper_tail(np.zeros(3), np.array([1, 2, 9])).tolist() == [1, 1, 1]
    points = np.array([3.841, 5.991, 7.815, 9.488, 18.307])
    tails = upper_tail(points, np.array([1, 2, 3, 4, 10]))
    assert (abs(tails - 0.05) < 2e-5).all()
    assert math.isclose(upper_tail(np.array([2 * math.log(3)]), np.array([2]))[0], 1 / 3)


def test_where_the_series_hands_over_to_the_fraction() -> None:
    check([(x, 1) for x in np.linspace(3.9, 4.1, 41).tolist()])
    x = np.sort(np.concatenate([np.linspace(0, 40, 2_000), np.linspace(3.999, 4.001, 201)]))
    for degrees in (1, 3):
        tails = upper_tail(x, np.full(len(x), degrees))
        assert (np.diff(tails) <= 1e-15).all()


def test_no_tails() -> None:
    assert upper_tail(np.empty(0), np.empty(0, np.int64)).tolist() == []

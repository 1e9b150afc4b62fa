"""A logarithm and an exponential that have the same bits on every machine.

The platform's ``log2`` and ``exp`` differ from one library to the next in the last digit. These are
made of additions, subtractions, multiplications and divisions of float64, which IEEE 754 rounds in
one way; NumPy carries out each on its own, so none is fused with the next. Constants are worked out
in integers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def _pair(numerator: int, denominator: int) -> tuple[float, float]:
    high = numerator / denominator  # of integers, so rounded once
    top, bottom = high.as_integer_ratio()
    return high, (numerator * bottom - top * denominator) / (denominator * bottom)


# ln 2 = 2 atanh(1/3) = 2 (1/3 + 1/(3 * 3^3) + 1/(5 * 3^5) + ...), in units
# of 2^-300; 80 terms leave less than 2^-250.
_ONE = 1 << 300
_LN2 = sum(2 * _ONE // ((2 * k + 1) * 3 ** (2 * k + 1)) for k in range(80))
_LN2_PAIR = _pair(_LN2, _ONE)
_TWO_OVER_LN2 = _pair(2 * _ONE, _LN2)
# The coefficients of atanh. Its argument is below .172, so the terms from 22 on are below 2^-111 of
# the sum, and those from 11 on below 2^-55: one float64 is enough for them.
_ATANH = [_pair(1, 2 * k + 1) for k in range(22)]
_ATANH_PAIRS = 11
# Those of exp; below ln 2 the terms from 19 on are below 2^-66.
_EXP = [1 / math.factorial(n) for n in range(19)]
_SPLIT = 2.0**27 + 1  # Veltkamp's: cuts 53 bits into 26 and 26


def log2(numbers: NDArray[np.int64]) -> Float64:
    """Base-2 logarithms of integers from 1 to 2^53, rounded to the nearest float64.

    Worked out in pairs of float64 (Dekker 1971) to about 2^-102: rounded correctly unless the
    logarithm comes that close to the middle between two float64. Powers of two are exact.
    """
    mantissa, exponent = np.frexp(numbers.astype(np.float64))
    low = mantissa * mantissa < 0.5  # to [sqrt(1/2), sqrt(2)), where the series is shortest
    mantissa = np.where(low, 2 * mantissa, mantissa)
    whole = (exponent - low).astype(np.float64)
    # log2(m) = 2 / ln 2 * atanh(z) with z = (m - 1) / (m + 1); m - 1 is exact.
    z = _divided(mantissa - 1, _sum(mantissa, np.ones_like(mantissa)))
    square = _product(z, z)
    tail = np.full_like(mantissa, _ATANH[-1][0])
    for coefficient, _ in reversed(_ATANH[_ATANH_PAIRS:-1]):
        tail = tail * square[0] + coefficient
    series = tail, np.zeros_like(tail)
    for high, rest in reversed(_ATANH[:_ATANH_PAIRS]):
        product = _product(series, square)
        total, error = _sum(np.full_like(tail, high), product[0])
        series = _renormalised(total, error + (product[1] + rest))
    fraction = _product(_product(series, z), _TWO_OVER_LN2)
    total, error = _sum(whole, fraction[0])
    result: Float64 = total + (error + fraction[1])
    return result


def exp_minus(x: Float64) -> tuple[Float64, NDArray[np.int64]]:
    """exp(-x) for x from 0 to 2^31 as m and n with exp(-x) = m 2^-n, so that nothing underflows.

    m is in (1/2, 1] and within some units in its last place.
    """
    count = np.floor(x / _LN2_PAIR[0])
    # x - count ln 2, in a pair: count has 31 bits at most, so its error is far below that of exp.
    high, error = _times(count, np.full_like(count, _LN2_PAIR[0]))
    rest = (x - high) - (error + count * _LN2_PAIR[1])
    # By its reciprocal, whose terms all have one sign.
    series = np.full_like(rest, _EXP[-1])
    for coefficient in reversed(_EXP[:-1]):
        series = series * rest + coefficient
    return 1 / series, count.astype(np.int64)


# Pairs: an unevaluated sum of two float64, the second at most half a last place of the first.

_Pair = tuple[Float64, Float64]


def _sum(a: Float64, b: Float64) -> _Pair:
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


def _renormalised(high: Float64, low: Float64) -> _Pair:
    total = high + low
    return total, low - (total - high)


def _times(a: Float64, b: Float64) -> _Pair:
    def halves(x: Float64) -> _Pair:
        scaled = _SPLIT * x
        high = scaled - (scaled - x)
        return high, x - high

    product = a * b
    (a_high, a_low), (b_high, b_low) = halves(a), halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _product(a: _Pair, b: _Pair | tuple[float, float]) -> _Pair:
    high, error = _times(a[0], np.broadcast_to(b[0], a[0].shape))
    return _renormalised(high, error + (a[0] * b[1] + a[1] * b[0]))


def _divided(a: Float64, b: _Pair) -> _Pair:
    quotient = a / b[0]
    product, error = _times(quotient, b[0])
    rest = ((a - product) - error) - quotient * b[1]
    return _renormalised(quotient, rest / b[0])

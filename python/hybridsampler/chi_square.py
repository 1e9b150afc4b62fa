"""The upper tail of the chi-square distribution, with the same bits on every machine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hybridsampler.elementary import exp_minus

Float64 = NDArray[np.float64]

_SERIES_BELOW = 2.0  # where 1 - erf loses five bits and the continued fraction still converges fast
_SERIES_TERMS = 40  # 4^n / (2n + 1)!! is below 2^-68 from n = 33 on
_FRACTION_TERMS = 120
_LARGE = 2.0**500


def upper_tail(x: Float64, degrees: NDArray[np.int64]) -> Float64:
    """P(X >= x) of a chi-square variable with that many degrees of freedom.

    With h = x / 2: exp(-h) (1 + h + h^2 / 2! + ...), a terms, for 2 a degrees, and erfc(sqrt(h)) +
    exp(-h) (h^(1/2) / Gamma(3/2) + h^(3/2) / Gamma(5/2) + ...), a terms, for 2 a + 1 (Abramowitz
    and Stegun 26.4.4 and 26.4.5). All terms are positive, so no digits are lost.

    Args:
        x: (n,) numbers from 0 to 2^32.
        degrees: (n,) integers from 1.

    Returns:
        (n,) probabilities, within some units in the last place for each term.
    """
    half = x / 2
    mantissa, exponent = exp_minus(half)
    odd = degrees % 2 == 1
    root = np.sqrt(half)
    terms = degrees // 2
    term = np.where(odd, root * (2 / math.sqrt(math.pi)), 1.0)
    total = np.where(odd, _scaled_erfc(root, np.ldexp(mantissa, -exponent)), 0.0)
    total = np.where(terms > 0, total + term, total)
    scale = np.zeros(len(x), np.int64)
    for j in range(1, int(terms.max(initial=0))):
        going = j < terms
        term = np.where(going, term * half / np.where(odd, j + 0.5, float(j)), term)
        total = np.where(going, total + term, total)
        large = total > _LARGE
        term, total = (np.where(large, part / _LARGE, part) for part in (term, total))
        scale += np.where(large, 500, 0)
    probability: Float64 = np.ldexp(total * mantissa, scale - exponent)
    return np.minimum(probability, 1.0)


def _scaled_erfc(y: Float64, exponential: Float64) -> Float64:
    """exp(y^2) erfc(y), with exp(-y^2) given."""
    square = y * y
    # Abramowitz and Stegun 7.1.6.
    small = np.minimum(square, _SERIES_BELOW)
    series = np.ones_like(y)
    for n in range(_SERIES_TERMS, 0, -1):
        series = 1 + series * (2 * small) / (2 * n + 1)
    error = 2 / math.sqrt(math.pi) * np.minimum(y, math.sqrt(_SERIES_BELOW)) * exponential * series
    near = (1 - error) / np.where(square < _SERIES_BELOW, exponential, 1.0)
    # Abramowitz and Stegun 7.1.14.
    far = np.maximum(y, math.sqrt(_SERIES_BELOW))
    fraction = far
    for n in range(_FRACTION_TERMS, 0, -1):
        fraction = far + n / 2 / fraction
    return np.where(square < _SERIES_BELOW, near, 1 / (fraction * math.sqrt(math.pi)))

"""Comparison of two systems on the same queries: randomisation test and bootstrap over groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import index
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridsampler.columns import is_missing

Float64 = NDArray[np.float64]
Verdict = Literal["first is higher", "second is higher", "not separable"]

_EXACT_GROUPS = 20
# A level needs twice its inverse in resamples.
_LEAST_LEVEL = 2.0**-1022
_CHUNK = 1 << 22
_FLIPS, _RESAMPLES = 0, 1  # the two streams of random words


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`compare` found."""

    difference: float
    """Mean over the groups of first minus second."""
    p_value: float
    """How often flipped signs give a mean at least as far from 0: two-sided."""
    interval: tuple[float, float]
    """Bootstrap interval of the difference, at the confidence 1 - ``level``; with few groups it is
    too narrow, where ``p_value`` is right."""
    groups: int
    """How many groups there are."""
    exact: bool
    """Whether every assignment of signs was counted, and not a sample of them."""
    level: float
    """The significance level of the verdict."""

    @property
    def verdict(self) -> Verdict:
        """Which system has the higher values; ``"not separable"`` where chance explains them."""
        if self.p_value > self.level:
            return "not separable"
        return "first is higher" if self.difference > 0 else "second is higher"


def compare(
    first: ArrayLike,
    second: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.05,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Compare two systems by their per-query values.

    Queries that are translations of each other are no independent observations. So the values of a
    group are averaged first, and groups are what is flipped and resampled; each counts once.

    - Randomisation test (Fisher 1935; Smucker et al. 2007): were the systems alike, the sign of
      each group's difference would be chance. With up to 20 groups the p value is the share of all
      2^n assignments of signs whose mean is at least as far from 0; with more, (b + 1) / (m + 1)
      with b such among m random ones.
    - Percentile bootstrap (Efron 1979): groups are drawn with replacement; the interval leaves out
      the same number of means at both ends.

    Differences are rounded to 51 bits below the largest sum that there can be, so that all sums are
    exact and neither the order of rows nor the machine matters; sums that this rounding and that of
    the values cannot tell apart count as equal. Exchanging the systems changes signs and nothing
    else. Random words are those of NumPy's Philox bit generator.

    Args:
        first: (Q,) values of one system.
        second: (Q,) values of the other for the same queries.
        groups: (Q,) numbers or names, equal for queries that are translations of each other;
            ``None``: each query is a group.
        level: the significance level, and 1 minus the confidence of the interval.
        resamples: how many random assignments and samples are drawn.
        seed: of the random words, from 0.

    Raises:
        TypeError: values that are no numbers, a level that is none, a seed or resamples that are no
            whole number.
        ValueError: columns of different lengths or not of one dimension, a value that is NaN or
            infinite, a group without a label, differences whose sum may be beyond float64, fewer
            than two groups, a level outside (0, 1), fewer resamples than the level needs, a
            negative seed.
    """
    values = [_column("first", first), _column("second", second)]
    labels = np.arange(len(values[0])) if groups is None else _labels(groups)
    lengths = len(values[0]), len(values[1]), len(labels)
    if len(set(lengths)) > 1:
        raise ValueError(
            f"first, second and groups have {lengths[0]}, {lengths[1]} and {lengths[2]} entries: "
            "give one for each query"
        )
    try:
        between = 0 < level < 1
    except TypeError as error:
        raise TypeError(f"level={level!r}: give a number between 0 and 1") from error
    if not between:
        raise ValueError(f"level={level}: give a number between 0 and 1")
    if float(level) < _LEAST_LEVEL:
        raise ValueError(
            f"level={level}: no float64 counts the resamples that it needs: give a larger one, "
            "such as 0.05"
        )
    least = math.ceil(_as_written(2 / level))
    try:
        resamples = index(resamples)
    except TypeError as error:
        raise TypeError(
            f"resamples={resamples!r}: give a whole number of at least {least}"
        ) from error
    if resamples < least:
        raise ValueError(f"resamples={resamples}: level {level} needs at least {least}")
    try:
        seed = index(seed)
    except TypeError as error:
        raise TypeError(f"seed={seed!r}: give a whole number from 0, below 2^64") from error
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed={seed}: give 0 or more, below 2^64")
    differences = _by_group(_differences(*values), labels)
    blur = math.fsum(_by_group(_blurs(*values), labels))
    # The same for both orders of the systems; random words then meet the same groups.
    differences, turned = _oriented(differences)
    grid, unit = _on_grid(differences)
    # From here on a sum is as far from 0 as that of the grid. Each entry was rounded by half a unit
    # at most, so sums that were equal before, such as .1 + .2 and .3, are within a unit for each.
    far = abs(float(grid.sum())) - len(grid) - blur / unit
    exact = len(grid) <= _EXACT_GROUPS
    mean = math.fsum(differences) / len(differences)
    low, high = _interval(grid, level, resamples, seed)
    if turned is None:
        low, high = (low - high) / 2, (high - low) / 2
    low, high = low * unit / len(grid), high * unit / len(grid)
    return Comparison(
        difference=-mean if turned else mean,
        p_value=_exact_p(grid, far) if exact else _sampled_p(grid, far, resamples, seed),
        interval=(-high, -low) if turned else (low, high),
        groups=len(grid),
        exact=exact,
        level=level,
    )


def _labels(groups: Any) -> NDArray[Any]:
    """(Q,) labels that NumPy can sort."""
    labels = np.asarray(groups.tolist() if hasattr(groups, "filled") else groups)  # masked: None
    if labels.ndim != 1:
        raise ValueError(f"groups has {labels.ndim} dimensions: give one label for each query")
    if isinstance(groups, list | tuple):
        # As they are: NumPy makes one type of all, and 1 and "1" or two large numbers one label.
        plain = (label.item() if hasattr(label, "item") else label for label in groups)
        labels = np.fromiter(plain, object, len(labels))
    if labels.dtype.kind in "biuSU":
        return labels
    numbers: dict[Any, int] = {}
    for query, label in enumerate(labels.tolist()):  # of NaT: None
        if is_missing(label) or label != label:  # a Decimal may be NaN too
            raise ValueError(f"groups has no label for query {query}: give each query its group")
        numbers.setdefault(label, len(numbers))
    return np.array([numbers[label] for label in labels.tolist()], int)


def _column(name: str, values: ArrayLike) -> Float64:
    try:
        column = np.asarray(values, np.float64)
        if hasattr(values, "filled"):  # a masked array, of which NumPy takes what lies below
            column = np.asarray(values.filled(np.nan), np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} holds no numbers ({error}): give one for each query, as "
            "result.per_query('multilingual', 'AP') of evaluate does"
        ) from error
    if column.ndim != 1:
        raise ValueError(f"{name} has {column.ndim} dimensions: give one value for each query")
    wrong = np.flatnonzero(~np.isfinite(column))
    if len(wrong):
        raise ValueError(
            f"{name} has the value {column[wrong[0]]} for query {wrong[0]} ({len(wrong)} queries "
            "have none): leave out queries that do not count in the setting"
        )
    return column


def _differences(first: Float64, second: Float64) -> Float64:
    with np.errstate(over="ignore"):
        differences = first - second
        if not len(differences):
            return differences
        largest = int(np.argmax(np.abs(differences)))
        if not np.isfinite(differences[largest] * len(differences)):
            raise ValueError(
                f"first and second have {first[largest]} and {second[largest]} for query "
                f"{largest}: {len(differences)} such differences add up to more than float64 "
                "holds; divide both columns by the same number"
            )
    return differences


def _blurs(first: Float64, second: Float64) -> Float64:
    """By how much the rounding of a row's values may move two sums apart that were equal.

    In both sums each value, the difference and the mean of the group are rounded by a 2^-53rd of
    the values at most, which is more than 51 bits below where they differ by little: .56 - .55 and
    .57 - .56 do not lie within one unit. Equal values differ by 0 whatever they were rounded from.
    """
    blurs = np.ldexp(np.abs(first), -50) + np.ldexp(np.abs(second), -50)
    return np.where(first == second, 0.0, blurs)


def _by_group(rows: Float64, labels: NDArray[Any]) -> Float64:
    """The mean of each group, correctly rounded."""
    _, which, count = np.unique(labels, return_inverse=True, return_counts=True)
    if len(count) < 2:
        raise ValueError(f"there are {len(count)} groups: a comparison needs at least 2")
    parts = np.split(rows[np.argsort(which, kind="stable")], np.cumsum(count)[:-1])
    return np.array([math.fsum(part) / len(part) for part in parts])


def _oriented(differences: Float64) -> tuple[Float64, bool | None]:
    """Sort the differences, or their opposites if those are the larger column, and say which.

    ``None``: they are their own opposites, so an interval has to be its own as well.
    """
    straight, turned = np.sort(differences), np.sort(-differences)
    differ = np.flatnonzero(straight != turned)
    if len(differ) and straight[differ[0]] < turned[differ[0]]:
        return turned, True
    return straight, False if len(differ) else None


def _on_grid(differences: Float64) -> tuple[Float64, float]:
    """Integers k and a unit u with differences k u, so that every sum of n of them is exact."""
    largest = float(np.abs(differences).max())
    _, exponent = math.frexp(largest * len(differences))
    unit = math.ldexp(1.0, max(exponent - 51, -1074))
    return np.rint(differences / unit), unit


def _exact_p(grid: Float64, far: float) -> float:
    sums = np.zeros(1)
    for value in grid:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= far))


def _sampled_p(grid: Float64, far: float, resamples: int, seed: int) -> float:
    words = -(-len(grid) // 64)
    found = 0
    for raw in _words(resamples, words, seed, _FLIPS):
        bits = np.unpackbits(raw.view(np.uint8), axis=1, count=len(grid), bitorder="little")
        sums = 2 * (bits @ grid) - grid.sum()
        found += int((np.abs(sums) >= far).sum())
    return (found + 1) / (resamples + 1)


def _interval(grid: Float64, level: float, resamples: int, seed: int) -> tuple[float, float]:
    words = -(-len(grid) // 2)
    parts = []
    for raw in _words(resamples, words, seed, _RESAMPLES):
        halves = raw.view("<u4")[:, : len(grid)].astype(np.uint64)
        # A 32-bit word times n, shifted: each group is drawn with probability 1/n to n/2^32.
        parts.append(grid[(halves * np.uint64(len(grid))) >> np.uint64(32)].sum(axis=1))
    sums = np.sort(np.concatenate(parts))
    out = int(_as_written(resamples * level / 2))
    return float(sums[out]), float(sums[-1 - out])


def _as_written(number: float) -> float:
    """What the level was multiplied or divided to: 10,000 * .57 / 2 is 2,850, in float64 less."""
    return round(number, 6)


def _words(rows: int, columns: int, seed: int, stream: int) -> Iterator[NDArray[np.uint64]]:
    """(n, columns) random words, ``rows`` rows in all.

    The raw words of a bit generator stay the same over NumPy's versions; those of its Generator
    need not.
    """
    # As an array: NumPy would take a list of 2^63 or more and 0 for one of float64.
    source = np.random.Philox(key=np.array([seed, stream], np.uint64))
    step = max(1, _CHUNK // (64 * columns))
    for start in range(0, rows, step):
        count = min(step, rows - start)
        raw = np.asarray(source.random_raw(count * columns), "<u8")
        yield raw.reshape(count, columns)

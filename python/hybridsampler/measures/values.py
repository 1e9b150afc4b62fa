"""What becomes of values: their mean, and what stands in for those that are not there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

Policy = Literal["zero", "skip", "error"]
"""For a query that has nothing to measure: count 0, leave it out of the mean, or refuse."""


def known_policy(name: str, policy: str) -> Policy:
    """Return the policy that was given for ``name``.

    Raises:
        ValueError: it is none of the three.
    """
    if policy not in get_args(Policy):
        raise ValueError(f"{name}={policy!r}: choose 'zero', 'skip' or 'error'")
    return cast("Policy", policy)


def filled(
    values: NDArray[np.float64], where: NDArray[np.bool_], policy: Policy
) -> NDArray[np.float64]:
    """Put in, where nothing was there to measure, what the policy says: 0 or NaN.

    With ``"error"`` the caller has refused before; NaN stands here too.
    """
    return np.where(where, 0.0 if policy == "zero" else np.nan, values)


def mean(values: Iterable[float]) -> float:
    """The correctly rounded sum of the values, divided by their number; NaN for none."""
    listed = list(values)
    return math.fsum(listed) / len(listed) if listed else math.nan

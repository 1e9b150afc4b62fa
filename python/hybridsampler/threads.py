"""How many threads a caller asks for."""

from __future__ import annotations

import sys
from operator import index


def known_threads(threads: int | None) -> int | None:
    """Return how many threads to ask the core for; ``None``: one for each processor.

    Raises:
        ValueError: fewer than one.
        TypeError: no whole number.
    """
    if threads is None:
        return None
    try:
        number = index(threads)
    except TypeError as error:
        raise TypeError(
            f"threads={threads!r}: give a whole number of at least 1, or None for all processors"
        ) from error
    if number < 1:
        raise ValueError(f"threads={threads}: give at least 1, or None for all processors")
    return min(number, sys.maxsize)  # the core, which starts fewer, holds no larger number

"""What a RankCounter found: the ranks of judged candidates, and what decided them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ranks:
    """The rank of each judged candidate of each query, as columns of equal length (J,).

    Sorted by query, inside a query as given.
    """

    query: NDArray[np.int64]
    """Number of the query."""
    id: NDArray[np.int64]
    """Id of the candidate."""
    grade: NDArray[np.int64]
    """Its grade; 0 is judged and not relevant."""
    language: NDArray[np.int64]
    """Its language, an index into ``languages``."""
    within: NDArray[np.int64]
    """Its rank, from 1, among the candidates of its own language."""
    overall: NDArray[np.int64]
    """Its rank, from 1, among all candidates."""
    languages: tuple[str, ...]
    """Names of the candidates' languages, in the order in which they were first added."""


@dataclass(frozen=True, slots=True)
class Report:
    """What decided the comparisons of queries with candidates.

    A comparison is a query that judges some candidate, and a candidate. It is decided by the first
    arithmetic whose proven bound lets it; what none settles is scored in full. Which arithmetic
    looks first is chosen for each block, and does not change a rank.
    """

    int8: int
    """Decided by int8 products."""
    int16: int
    """Decided by int16 products: of the screen, or of the look after int8."""
    float32: int
    """Decided by float32 products: of the screen, or of the look after integers."""
    elsewhere: int
    """Decided by a screen on another device."""
    reference: int
    """Decided by the score itself, in float64; so are equal scores."""
    simd: str
    """The instructions that this process uses: portable, avx2, avxvnni, avx512 or avx512vnni. The
    variable ``HYBRIDSAMPLER_SIMD`` asks for a lower level than the best."""

    @property
    def comparisons(self) -> int:
        """All of them."""
        return self.int8 + self.int16 + self.float32 + self.elsewhere + self.reference

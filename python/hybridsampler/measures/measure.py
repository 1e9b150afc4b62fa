"""Measure: AP, nDCG, RR, R, P, Success and Judged, as trec_eval and ir_measures define them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridsampler import elementary
from hybridsampler.measures import names
from hybridsampler.measures.judgements import Judgements, positions

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_TAKES = {
    **dict.fromkeys(("AP", "RR", "R", "P", "Success"), ("rel",)),
    "nDCG": ("dcg",),
    "Judged": (),
}
_NEEDS_CUTOFF = {"R", "P", "Success"}
_GAINS = ("log2", "exp-log2")
_MOST_DOUBLINGS = 53
_MOST_CUTOFF = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of a query, by name: ``AP``, ``AP(rel=2)@100``, ``nDCG@10``, ``Judged@10``.

    A candidate is relevant when its grade is ``rel`` or more (1 if nothing is said). With R
    relevant candidates, of which those retrieved have the ranks r_1 < r_2 < ..., and cutoff k:

    - AP: sum of i / r_i over r_i <= k, divided by R (Buckley and Voorhees; trec_eval's map and
      map_cut).
    - R: how many r_i <= k, divided by R.  P: the same divided by k.
    - RR: 1 / r_1, or 0 where r_1 > k.  Success: 1 where r_1 <= k, else 0.
    - nDCG: DCG divided by the DCG of the best ranking of all judged candidates; DCG is the sum of
      gain / log2(rank + 1) over ranks <= k. The gain is the grade (``dcg='log2'``, as trec_eval's
      ndcg and ndcg_cut) or 2^grade - 1 (``dcg='exp-log2'``, Burges et al. 2005).
    - Judged: how many ranks <= k belong to judged candidates, grade 0 included, divided by k, or by
      the size of the pool where that is smaller.

    Without a cutoff the whole ranking counts. Terms are added in order of rank, each rounded, so
    the digits do not depend on the machine. Every measure but Judged is undefined for a query
    without a relevant candidate, Judged for a query without a pool.

    Raises:
        ValueError: a name that does not exist, a cutoff that is missing, below 1 or too large, a
            parameter that the measure does not take or a value that the parameter does not.
    """

    name: str
    cutoff: int | None = None
    rel: int = 1
    dcg: str = "log2"

    @classmethod
    def parse(cls, text: str | Measure) -> Measure:
        """Read a name in the syntax of ir_measures, in any case, or one of trec_eval.

        A measure stays as it is; one of ir_measures itself is taken by its name.

        Raises:
            ValueError: as for the class.
            TypeError: neither a str nor a measure.
        """
        if isinstance(text, Measure):
            return text
        if type(text).__module__.partition(".")[0] == "ir_measures":
            text = str(text)
        if not isinstance(text, str):
            raise TypeError(f"measure {text!r} is of type {type(text).__name__}: give names as str")
        name, parameters = names.split(text)
        known = ("cutoff", *_TAKES[name])
        for parameter in parameters:
            if parameter not in known:
                raise ValueError(
                    f"measure {text!r}: {name} takes {' and '.join(known)}, not {parameter}"
                )
        given: dict[str, Any] = parameters
        return cls(name, **given)

    def __post_init__(self) -> None:
        """Check the parameters."""
        if self.name not in _TAKES:
            raise ValueError(f"unknown measure {self.name!r}: choose from {', '.join(_TAKES)}")
        for parameter in ("cutoff", "rel"):
            if isinstance(given := getattr(self, parameter), np.integer):
                object.__setattr__(self, parameter, int(given))  # which names show as 10
        text = str(self)
        if not _whole(self.rel) or self.rel < 1:
            raise ValueError(f"measure {text!r}: rel={self.rel!r}; give a grade of at least 1")
        if self.dcg not in _GAINS:
            raise ValueError(f"measure {text!r}: dcg={self.dcg!r}; choose 'log2' or 'exp-log2'")
        for parameter, default in (("rel", 1), ("dcg", "log2")):
            if parameter not in _TAKES[self.name] and getattr(self, parameter) != default:
                raise ValueError(f"measure {text!r}: {self.name} takes no {parameter}")
        cutoff = self.cutoff
        missing = cutoff is None and self.name in _NEEDS_CUTOFF
        if missing or (cutoff is not None and not (_whole(cutoff) and cutoff >= 1)):
            raise ValueError(f"measure {text!r} needs a cutoff of at least 1, as in {self.name}@10")
        if cutoff is not None and cutoff > _MOST_CUTOFF:
            raise ValueError(f"measure {text!r}: cutoffs are below 2^63: give a smaller one")

    def __str__(self) -> str:
        """Write the name as ir_measures does; :meth:`parse` reads it."""
        rel = f"(rel={self.rel!r})" if self.rel != 1 else ""
        dcg = f"(dcg={self.dcg!r})" if self.dcg != "log2" else ""
        return f"{self.name}{rel}{dcg}" + ("" if self.cutoff is None else f"@{self.cutoff}")

    def per_query(self, judgements: Judgements) -> Float64:
        """Compute the measure for each query.

        Returns:
            (queries,) values; NaN where it is undefined.

        Raises:
            ValueError: as :meth:`check`.
        """
        self.check(judgements)
        match self.name:
            case "nDCG":
                total = self._dcg(judgements.retrieved, judgements.queries)
                divisor = self._dcg(judgements.ideal, judgements.queries)
            case "Judged":
                total, divisor = self._judged(judgements)
            case _:
                total, divisor = self._relevant(judgements)
        values = np.full(judgements.queries, np.nan)
        np.divide(total, divisor, out=values, where=(divisor > 0) & ~self.empty(judgements))
        return values

    def check(self, judgements: Judgements) -> None:
        """Refuse judgements that the measure cannot take; ranks may be unknown (0) as yet.

        Raises:
            ValueError: Judged without the sizes of the pools; exponential gain of a grade above 53.
        """
        if self.name == "Judged" and judgements.pool is None:
            raise ValueError(
                f"measure {str(self)!r} needs to know how many candidates were ranked for each "
                "query: give their pools"
            )
        grade = judgements.grade
        if self.dcg == "exp-log2" and len(grade) and grade.max() > _MOST_DOUBLINGS:
            at = int(np.argmax(grade))
            raise ValueError(
                f"measure {str(self)!r}: query {judgements.name(at)} has the grade {grade[at]}, "
                f"and 2^grade - 1 is exact up to grade {_MOST_DOUBLINGS}: give grades on a smaller "
                "scale"
            )

    def empty(self, judgements: Judgements) -> NDArray[np.bool_]:
        """(queries,) where nothing is relevant, so that there is nothing to measure; never Judged.

        This is what the policy ``empty`` is about.
        """
        if self.name == "Judged":
            return np.zeros(judgements.queries, bool)
        return np.asarray(judgements.relevant(self.rel) == 0)

    def _relevant(self, judgements: Judgements) -> tuple[Float64, Float64]:
        query, rank, grade = judgements.retrieved
        found = grade >= self.rel
        query, rank = query[found], rank[found]
        position = positions(query, judgements.queries)
        hit = self._within(rank).astype(np.float64)
        first = (position == 1).astype(np.float64)
        relevant = judgements.relevant(self.rel).astype(np.float64)
        each = np.ones(judgements.queries)
        match self.name:
            case "AP":
                gain, divisor = hit * position / rank, relevant
            case "R":
                gain, divisor = hit, relevant
            case "P":
                gain, divisor = hit, each * float(self.cutoff or 1)
            case "RR":
                gain, divisor = hit * first / rank, each
            case _:
                gain, divisor = hit * first, each
        return _added(query, gain, judgements.queries), divisor

    def _dcg(self, ranked: tuple[Int64, Int64, Int64], queries: int) -> Float64:
        query, rank, grade = ranked
        counts = self._within(rank) & (grade > 0)
        query, rank, grade = query[counts], rank[counts], grade[counts]
        gain = grade.astype(np.float64)
        if self.dcg == "exp-log2":
            gain = np.ldexp(1.0, grade.astype(np.int32)) - 1
        # The same ranks come again and again: each logarithm is worked out once.
        ranks, which = np.unique(rank, return_inverse=True)
        return _added(query, gain / elementary.log2(ranks + 1)[which.reshape(-1)], queries)

    def _judged(self, judgements: Judgements) -> tuple[Float64, Float64]:
        query, rank, _ = judgements.retrieved
        found = np.bincount(query[self._within(rank)], minlength=judgements.queries)
        pool = np.asarray(judgements.pool)
        depth = pool if self.cutoff is None else np.minimum(pool, self.cutoff)
        return found.astype(np.float64), depth.astype(np.float64)

    def _within(self, rank: Int64) -> NDArray[np.bool_]:
        return np.ones(len(rank), bool) if self.cutoff is None else rank <= self.cutoff


def parse_measures(names: Sequence[str | Measure]) -> list[Measure]:
    """Read the names of several measures, or take measures, each once.

    Raises:
        TypeError: a string or nothing in place of a list; an entry that is neither a str nor a
            measure.
        ValueError: no name; else as :meth:`Measure.parse`.
    """
    if isinstance(names, str):
        raise TypeError(f"measures={names!r}: give a list of names, as in [{names!r}]")
    if not isinstance(names, Iterable):
        raise TypeError(f"measures={names!r}: give a list of names, as in ['AP']")
    parsed = list(dict.fromkeys(map(Measure.parse, names)))
    check_some(parsed)
    return parsed


def check_some(measures: Sequence[Measure]) -> None:
    """Refuse to measure nothing, which is what a list that was built and came out empty asks for.

    Raises:
        ValueError: no measure.
    """
    if not measures:
        raise ValueError("measures is empty: name at least one, such as 'AP'")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _added(query: Int64, gain: Float64, queries: int) -> Float64:
    # bincount adds one after the other, so the digits do not depend on the machine.
    total: Float64 = np.bincount(query, weights=gain, minlength=queries).astype(np.float64)
    return total

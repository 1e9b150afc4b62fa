"""What an evaluation refuses before it ranks: judgements that have no measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridsampler.lists import Lists
from hybridsampler.measures import Judgements, Measure, Policy, known_policy
from hybridsampler.ranking import RankCounter


def check_judgements(
    relevant: Lists,
    queries: int,
    measures: Sequence[Measure],
    empty: Policy,
    names: Sequence[str] | None = None,
) -> None:
    """Refuse, before anything is ranked, judgements that cannot be measured.

    Args:
        relevant: as for :func:`hybridsampler.evaluate`.
        queries: how many queries there are.
        measures: what will be measured.
        empty: what becomes of a query without a relevant candidate.
        names: what errors call the queries; ``None``: their numbers.

    Raises:
        ValueError: such a query, where ``empty`` is ``"error"``; what :meth:`Measure.check`
            refuses.
    """
    check_measurable(_unranked(relevant, queries, names), measures, empty)


def _unranked(relevant: Lists, queries: int, names: Sequence[str] | None) -> Judgements:
    indptr, ids = (np.asarray(column, np.int64) for column in relevant[:2])
    grade = np.asarray(relevant[2], np.int64) if len(relevant) == 3 else np.ones_like(ids)
    query = np.repeat(np.arange(queries), indptr[1:] - indptr[:-1])
    return Judgements(query, grade, np.zeros_like(ids), queries, np.zeros(queries, np.int64), names)


def check_measurable(judgements: Judgements, measures: Sequence[Measure], empty: Policy) -> None:
    """Refuse as :func:`check_judgements`, given the judgements of all candidates together."""
    for measure in measures:
        measure.check(judgements)
    if known_policy("empty", empty) != "error":
        return
    for level in sorted({1} | {measure.rel for measure in measures}):
        relevant = judgements.relevant(level)
        if not relevant.all():
            first, count = int(np.argmin(relevant)), int((relevant == 0).sum())
            name = str(first) if judgements.names is None else repr(judgements.names[first])
            wanted = "relevant candidate" if level == 1 else f"candidate of grade {level} or more"
            raise ValueError(
                f"query {name} has no {wanted} ({count} queries have none): leave such queries "
                "out, or give empty='zero' or empty='skip'"
            )


def check_there(counter: RankCounter, numbers: range, known_by: str = "") -> None:
    """Refuse, with ``ValueError``, judgements of candidates that do not exist."""
    judged = counter.judged
    outside = judged[(judged < numbers.start) | (judged >= numbers.stop)]
    if len(outside):
        there = f"are {numbers[0]} to {numbers[-1]}" if numbers else "are none at all"
        raise ValueError(f"candidate {outside[-1]} is judged but the candidates {there}{known_by}")

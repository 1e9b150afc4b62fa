"""Plans to test, and what no batch of them may hold."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from corpora import Columns, columns, mixes, regular
from hybridsampler import BatchPlan, Mix

Ints = NDArray[np.int64]

SEED = st.integers(0, 2**64 - 1)


@dataclass(frozen=True)
class Case:
    """What a plan depends on."""

    data: Columns
    mix: Mix
    batch_size: int
    seed: int

    def plan(self) -> BatchPlan:
        return BatchPlan(self.data.corpus, self.mix, self.batch_size, self.seed)


@st.composite
def cases(draw: st.DrawFn, *, random_draws: bool = True) -> Case:
    data = draw(columns())
    mix = draw(mixes(data))
    if random_draws and draw(st.booleans()):
        mix = copy_of(mix, draws="random")
    return Case(data, mix, draw(st.integers(1, data.smallest)), draw(SEED))


def copy_of(mix: Mix, **changes: Any) -> Mix:
    return Mix(**{field.name: getattr(mix, field.name) for field in fields(mix)} | changes)


def one_stream(groups: int, batch_size: int, seed: int = 0) -> BatchPlan:
    """One language and one source: group g is row g, pass p is every M-th run of M batches."""
    return BatchPlan(regular(groups, ["de"]).corpus, Mix(monolingual=1), batch_size, seed)


def passes(plan: BatchPlan, count: int, start: int = 0) -> Ints:
    """(count, M, B) groups of whole passes of a plan of one stream."""
    batches = len(plan.corpus) // plan.batch_size
    rows = plan[start * batches : (start + count) * batches][..., 0]
    return rows.reshape(count, batches, plan.batch_size)


def assert_no_false_negatives(data: Columns, batches: Iterable[Ints]) -> None:
    for batch in batches:
        groups = data.groups_of(batch)
        assert len(set(groups)) == len(groups)
        data.classify(batch)

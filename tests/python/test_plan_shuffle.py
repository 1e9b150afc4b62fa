"""The orders in which a plan goes through its rows.

Limits: most chi-square tests are derived in corpora.py. For two orders that share nothing the
number of positions where they agree is close to Poisson distributed with mean 1, so 15 or more have
the probability 3e-13.
"""

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from corpora import assert_drawn_by, joined, regular
from hybridsampler import BatchPlan, Mix
from plans import Ints, one_stream, passes

AGREE = 14


def most_agreements(orders: Ints, groups: int) -> int:
    """In how many places any two orders agree, at most, once all of one is moved by any shift."""
    worst = 0
    for k in range(len(orders) - 1):
        shifts = (orders[k + 1 :] - orders[k]) % groups
        places = np.arange(len(shifts))[:, None] * groups + shifts
        worst = max(worst, int(np.bincount(places.ravel()).max()))
    return worst


def test_agreements_are_counted() -> None:
    order = np.random.default_rng(0).permutation(60)
    assert most_agreements(np.array([order, (order + 17) % 60]), 60) == 60


def test_neighbouring_seeds_and_passes_share_nothing() -> None:
    """With seeds that are added to passes, (1, 1) and (2, 0) would be one order."""
    assert not (passes(one_stream(60, 6, 1), 2)[1] == passes(one_stream(60, 6, 2), 1)[0]).all()
    seeds = (*range(16), 2**32, 2**63, 2**64 - 1)
    for batch_size in (6, 7):
        orders = [passes(one_stream(60, batch_size, seed), 16).reshape(16, -1) for seed in seeds]
        assert most_agreements(np.concatenate(orders), 60) <= AGREE


def test_orders_beyond_a_table_share_nothing_either() -> None:
    orders = [passes(one_stream(300, 10, seed), 12).reshape(12, -1) for seed in range(12)]
    assert most_agreements(np.concatenate(orders), 300) <= AGREE


def test_streams_share_nothing() -> None:
    """Languages, kinds and sources of equal size, from one seed."""
    data = joined(*(regular(60, ("de", "en", "fr"), name, prefix=name) for name in ("wiki", "law")))
    plan = BatchPlan(data.corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), 6, seed=3)
    streams: defaultdict[Any, list[int]] = defaultdict(list)
    for step, batch in enumerate(plan[0:600]):
        numbers = [int(str(group)[-6:]) for group in data.groups_of(batch)]
        streams[plan.stream(step)] += numbers
    assert len(streams) == 2 * (3 + 1 + 1)
    orders = [np.array(own[: len(own) // 60 * 60]).reshape(-1, 60) for own in streams.values()]
    assert all(len(own) >= 2 for own in orders)
    assert most_agreements(np.concatenate(orders), 60) <= AGREE


@pytest.mark.parametrize(("groups", "batch_size"), [(40, 4), (128, 16), (129, 16), (300, 30)])
def test_positions_are_uniform_over_seeds(groups: int, batch_size: int) -> None:
    """Up to 128 groups are shuffled by a table, more by a network."""
    corpus = regular(groups, ["de"]).corpus
    used = groups // batch_size * batch_size
    orders = np.array(
        [
            BatchPlan(corpus, Mix(monolingual=1), batch_size, seed)[0 : groups // batch_size]
            for seed in range(1500)
        ]
    )[..., 0].reshape(1500, used)
    assert_uniform_positions(orders, groups, batch_size)


@pytest.mark.parametrize(("groups", "batch_size"), [(40, 4), (128, 16), (129, 16), (300, 30)])
def test_positions_are_uniform_over_passes(groups: int, batch_size: int) -> None:
    orders = passes(one_stream(groups, batch_size, 8), 1500).reshape(1500, -1)
    assert_uniform_positions(orders, groups, batch_size)


def assert_uniform_positions(orders: Ints, groups: int, batch_size: int) -> None:
    """Each row falls in each batch and each slot of a batch equally often; so do two neighbours."""
    count, used = orders.shape
    place = np.full((count, groups), -1)
    np.put_along_axis(place, orders, np.arange(used)[None, :].repeat(count, axis=0), axis=1)
    batch, slot = place // batch_size, place % batch_size
    batches = dict.fromkeys(range(used // batch_size), batch_size / used)
    slots = dict.fromkeys(range(batch_size), 1 / batch_size)
    left_out = groups % batch_size  # in the first pass these are the first rows, whatever the seed
    for row in (left_out, left_out + 1, groups // 2, groups - 2):
        taken = place[:, row] >= 0
        assert_drawn_by(batch[taken, row].tolist(), batches)
        assert_drawn_by(slot[taken, row].tolist(), slots)
        both = taken & (place[:, row + 1] >= 0)
        apart = (place[both, row + 1] - place[both, row]) % used
        distances = dict.fromkeys(range(1, used), 1 / (used - 1))
        assert_drawn_by((apart * 10 // used).tolist(), binned(distances, 10, used))


def binned(shares: dict[int, float], bins: int, used: int) -> dict[int, float]:
    summed: dict[int, float] = defaultdict(float)
    for distance, share in shares.items():
        summed[distance * bins // used] += share
    return dict(summed)


@pytest.mark.parametrize(("groups", "batch_size"), [(120, 12), (1000, 20), (5000, 250)])
def test_neighbours_in_the_file_do_not_stay_together(groups: int, batch_size: int) -> None:
    """In a fair shuffle rows i and i + d meet in a batch with probability (B - 1) / (N - 1).

    Over N - d pairs in 40 passes that is a mean of about 40 (B - 1), and nearly Poisson; it is
    missed by 6 roots of the mean with probability 2e-9.
    """
    orders = passes(one_stream(groups, batch_size, 11), 40)
    batch = np.zeros((40, groups), dtype=np.int64)
    for number in range(orders.shape[1]):
        np.put_along_axis(batch, orders[:, number], number, axis=1)
    for distance in (1, 2, 3, 10):
        met = int((batch[:, distance:] == batch[:, :-distance]).sum())
        mean = 40 * (groups - distance) * (batch_size - 1) / (groups - 1)
        assert abs(met - mean) <= 6 * math.sqrt(mean)


def test_rows_that_met_once_do_not_meet_again() -> None:
    """The company of a row in one pass says nothing about its company in the next."""
    groups, batch_size, count = 600, 20, 40
    orders = passes(one_stream(groups, batch_size, 12), count)
    met: list[set[tuple[int, int]]] = [
        {
            (a, b)
            for batch in np.sort(one_pass, axis=1).tolist()
            for i, a in enumerate(batch)
            for b in batch[i + 1 :]
        }
        for one_pass in orders
    ]
    again = sum(len(one & other) for one, other in pairwise(met))
    mean = (count - 1) * len(met[0]) * (batch_size - 1) / (groups - 1)
    assert abs(again - mean) <= 6 * math.sqrt(mean)

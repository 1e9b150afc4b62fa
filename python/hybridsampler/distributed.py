"""all_merge: what the counters of all processes of a group know, on each of them."""

from __future__ import annotations

import numpy as np
import torch
import torch.distributed as dist

from hybridsampler.ranking import RankCounter


def all_merge(counter: RankCounter, group: dist.ProcessGroup | None = None) -> RankCounter:
    """Return a counter that knows and has counted what the counters of all ranks have.

    Each rank reads its own shards of the candidates. Called once after the judged candidates are
    anchored, this shares their scores; called once after all candidates are added, it adds up the
    counts, and every rank has the ranks that one process would have found::

        counter = RankCounter(queries, judged)       # the same on every rank
        with open_candidates(paths) as candidates:   # of this rank, from number `first` on
            for rows, block in candidates.rows(judged_rows):
                counter.anchor(block, first + rows)
            counter = all_merge(counter)
            for rows, block in candidates.blocks():
                counter.add(block, first + rows, languages[rows[0] : rows[-1] + 1])
        counter = all_merge(counter)

    A collective call: every rank of the group makes it. The ranks send what they know in turn, as
    plain bytes, so that a rank holds its own counter, the new one and the bytes of one other,
    however many there are. An error on one rank is raised on all; the given counters stay as
    they are in every case.

    Args:
        counter: the counter of this rank; languages are matched by their names.
        group: ``None``: all ranks.

    Raises:
        ValueError: what :meth:`RankCounter.merge` refuses, naming the rank in whose turn it was
            found; a process outside the group.
    """
    rank, ranks = dist.get_rank(group), dist.get_world_size(group)
    if rank < 0:
        raise ValueError("this process is not in the group: call all_merge() on its ranks only")
    mine, merged, failure = b"", None, ""
    try:
        mine, merged = counter.to_bytes(), counter.blank()
    except Exception as error:  # any: the others are waiting
        failure = f"rank {rank}: {error}"
    _fail_together(failure, group)
    assert merged is not None
    for source in range(ranks):
        data = _broadcast(mine, source, group)
        if not failure:
            # Every rank merges in the same order, its own part too, and so gives languages the same
            # numbers and finds the same errors.
            try:
                merged.merge_bytes(data)
            except Exception as error:
                failure = f"rank {source}: {error}"
    _fail_together(failure, group)
    return merged


def _fail_together(failure: str, group: dist.ProcessGroup | None) -> None:
    """Raise on every rank the error of the first rank that has one."""
    rank, ranks = dist.get_rank(group), dist.get_world_size(group)
    first = torch.tensor([rank if failure else ranks], device=_device(group))
    dist.all_reduce(first, dist.ReduceOp.MIN, group)
    source = int(first.item())
    if source < ranks:
        raise ValueError(_broadcast(failure.encode(), source, group).decode())


def _broadcast(data: bytes, source: int, group: dist.ProcessGroup | None) -> bytes:
    """Return the data of one rank."""
    device = _device(group)
    sender = source if group is None else dist.get_global_rank(group, source)
    length = torch.tensor([len(data)], device=device)
    dist.broadcast(length, sender, group)
    if dist.get_rank(group) == source:
        buffer = torch.from_numpy(np.frombuffer(data, np.uint8).copy()).to(device)
    else:
        buffer = torch.empty(int(length.item()), dtype=torch.uint8, device=device)
    dist.broadcast(buffer, sender, group)
    return buffer.cpu().numpy().tobytes()


def _device(group: dist.ProcessGroup | None) -> str:
    """Return where the tensors of the group's backend live: "cpu" wherever it takes them there."""
    kinds = [part.partition(":")[0] for part in dist.get_backend_config(group).split(",")]
    return "cpu" if "cpu" in kinds else kinds[0]

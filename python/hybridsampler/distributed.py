"""Several processes count shares of the candidates; each of them knows the whole in the end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist

from hybridsampler.candidates import Candidates, check_opened
from hybridsampler.passes import Checkpoint, count, telling
from hybridsampler.progress import Tell, shown
from hybridsampler.ranking import RankCounter


def count_shares(
    counter: RankCounter,
    candidates: Candidates,
    languages: Sequence[str],
    group: dist.ProcessGroup | None = None,
    *,
    progress: bool | Tell = False,
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
) -> RankCounter:
    """Count all candidates, each rank its share of neighbouring rows, and return the whole.

    A collective call, to be made by every rank with the same arguments::

        counter = RankCounter(queries, relevant)
        with open_candidates(paths) as candidates:
            counter = count_shares(counter, candidates, candidate_languages)
        result = Evaluation(counter, query_languages, measures)

    A rank reads its share alone, so all open the same shards. Ranks that hold candidates of their
    own, as those that encode them do, call :func:`all_merge` after each phase instead. An error on
    one rank is raised on all, once the others have gone through their shares. Who is through waits
    for the slowest, so give ``init_process_group`` a ``timeout`` above what a share takes: one that
    goes on from a checkpoint may take no time, and NCCL ends a process after ten minutes.

    Args:
        counter: one that knows nothing yet.
        candidates: (N, d), the same on every rank.
        languages: (N,) names.
        group: ``None``: all ranks.
        progress: as for :func:`hybridsampler.evaluate`, of this rank's share.
        checkpoint: as for :func:`hybridsampler.evaluate`, another file for each rank.

    Raises:
        ValueError: as :func:`hybridsampler.passes.count` and :func:`all_merge`; an error of another
            rank, which is named; candidates that no rank has counted.
        TypeError, OSError: as :func:`hybridsampler.passes.count`.
        RuntimeError: as :func:`all_merge`.
        ImportError: as :func:`hybridsampler.progress.shown`.
    """
    rank, ranks = _place(group)
    others = _OtherRanks(group)
    with ExitStack() as stack:
        with telling(others):
            check_opened(candidates)
            saved = Checkpoint.of(checkpoint)
            tell = stack.enter_context(shown(progress, f"candidates of rank {rank}"))
        first = candidates.numbers.start
        start, stop = (first + len(candidates) * r // ranks for r in (rank, rank + 1))
        whole = count(
            counter,
            candidates,
            languages,
            share=(start, stop),
            others=others,
            tell=tell,
            checkpoint=saved,
        )
    if whole.candidates != len(candidates):
        raise ValueError(
            f"{whole.candidates:,} of {len(candidates):,} candidates were counted: one rank has "
            "made other calls than the rest, as after an interrupt: start all of them anew"
        )
    return whole


@dataclass(frozen=True, slots=True)
class _OtherRanks:
    """The other ranks of a group, as :func:`hybridsampler.passes.count` meets them."""

    group: dist.ProcessGroup | None

    def merge(self, counter: RankCounter) -> RankCounter:
        return all_merge(counter, self.group)

    def hear(self, error: Exception) -> None:
        # The error itself is raised here, whatever becomes of those who should hear of it.
        with suppress(ValueError, RuntimeError):
            _fail_together(f"rank {dist.get_rank(self.group)}: {error}", self.group)


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
        RuntimeError: a rank that has ended, or that does something else until the group's timeout.
    """
    _, ranks = _place(group)
    mine, merged, failure = b"", None, ""
    try:
        mine, merged = counter.to_bytes(), counter.blank()
    except Exception as error:  # any: the others are waiting
        failure = f"rank {dist.get_rank(group)}: {error}"
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


def _place(group: dist.ProcessGroup | None) -> tuple[int, int]:
    """Return the rank of this process and the number of ranks."""
    rank = dist.get_rank(group)
    if rank < 0:
        raise ValueError(
            "this process is not in the group: make collective calls on its ranks only"
        )
    return rank, dist.get_world_size(group)


def _fail_together(failure: str, group: dist.ProcessGroup | None) -> None:
    """Raise on every rank the error of the first rank that has one."""
    rank, ranks = dist.get_rank(group), dist.get_world_size(group)
    with _patience(group):
        first = torch.tensor([rank if failure else ranks]).to(_device(group))
        dist.all_reduce(first, dist.ReduceOp.MIN, group)
        source = int(first.item())
    if source < ranks:
        # A path in it may be no UTF-8.
        told = failure.encode(errors="backslashreplace")
        raise ValueError(_broadcast(told, source, group).decode())


def _broadcast(data: bytes, source: int, group: dist.ProcessGroup | None) -> bytes:
    """Return the data of one rank."""
    device = _device(group)
    sender = source if group is None else dist.get_global_rank(group, source)
    with _patience(group):
        length = torch.tensor([len(data)]).to(device)
        dist.broadcast(length, sender, group)
        size = int(length.item())
    if dist.get_rank(group) == source:
        buffer = torch.from_numpy(np.frombuffer(data, np.uint8).copy()).to(device)
    else:
        buffer = torch.empty(size, dtype=torch.uint8, device=device)
    with _patience(group):
        dist.broadcast(buffer, sender, group)
        return buffer.cpu().numpy().tobytes()


@contextmanager
def _patience(group: dist.ProcessGroup | None) -> Iterator[None]:
    """Say what it means when a collective call fails: a backend tells of sockets and seconds."""
    try:
        yield
    except RuntimeError as error:
        rank, ranks = dist.get_rank(group), dist.get_world_size(group)
        raise RuntimeError(
            f"rank {rank} of {ranks} waited in vain: another rank has ended, and printed why, "
            "makes other calls, or takes longer than the timeout= that init_process_group() was "
            f"given ({error})"
        ) from error


def _device(group: dist.ProcessGroup | None) -> str | torch.device:
    """Return where the tensors of the group's backend live: "cpu" wherever it takes them there.

    Else the device that the group was bound to, by ``init_process_group(device_id=...)``, or the
    current one.
    """
    kinds = [part.partition(":")[0] for part in dist.get_backend_config(group).split(",")]
    if "cpu" in kinds:
        return "cpu"
    bound = getattr(group or dist.group.WORLD, "bound_device_id", None)
    return kinds[0] if bound is None else bound

"""count: both passes over opened candidates, continued where a checkpoint left off."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Protocol

import numpy as np

from hybridsampler.candidates import Candidates, check_opened
from hybridsampler.files import readable, written_whole
from hybridsampler.lists import check_names
from hybridsampler.progress import Tell
from hybridsampler.ranking import RankCounter
from hybridsampler.refusals import check_there

_MARK = b"hspass1\0"
_DIGEST = 32  # bytes of SHA-256


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that keeps what was counted, for a run that is killed.

    It is written while counting, when that is interrupted and at the end, each time whole or not at
    all. A run that finds it goes on from there, or ends at once where all is counted; it is never
    deleted. It belongs to one evaluation: queries, lists and similarity, number, dimension and
    languages of the candidates and, among several processes, the share. The vectors of the judged
    candidates are read again and compared with those that were counted.

    Args:
        path: the file; its folder exists.
        every: seconds between two saves. What was counted since the last one is counted again after
            a kill that cannot be caught.

    Raises:
        ValueError: ``every`` that is below 0 or no number.
        FileNotFoundError: a folder that does not exist.
        PermissionError: a folder that may not be written to.
    """

    path: str | os.PathLike[str]
    every: float = 300.0

    def __post_init__(self) -> None:
        """Check what can be checked before hours of work."""
        if not (isinstance(self.every, Real) and self.every >= 0):
            raise ValueError(f"every={self.every!r}: give seconds, 0 or more")
        folder = Path(os.path.realpath(self.path)).parent  # of a link, where it leads to
        if not folder.is_dir():
            raise FileNotFoundError(f"checkpoint {self.path}: there is no such folder: create it")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(
                f"checkpoint {self.path}: its folder may not be written to: name a file in one "
                "that may"
            )

    @classmethod
    def of(cls, given: str | os.PathLike[str] | Checkpoint | None) -> Checkpoint | None:
        """Return what callers give as ``checkpoint=``, a path or more, as a checkpoint."""
        return given if given is None or isinstance(given, Checkpoint) else cls(given)

    def load(self, counter: RankCounter, candidates: bytes | None = None) -> None:
        """Let the counter take over what the file holds, if there is one.

        Args:
            counter: one that has counted nothing.
            candidates: a hash of what the candidates are; ``None`` where that is not known yet.

        Raises:
            ValueError: a file of another kind, of another evaluation, or damaged.
            OSError: as the file system does.
        """
        path = Path(self.path)
        if not path.exists():
            return
        with readable(path, "name the file of a checkpoint, or one that is not there yet"):
            data = path.read_bytes()
        head = len(_MARK) + _DIGEST
        if not data.startswith(_MARK) or len(data) < head:
            raise ValueError(f"{path} is no checkpoint of a count: name another file")
        if candidates is not None and data[len(_MARK) : head] != candidates:
            raise ValueError(
                f"the checkpoint {path} is of other candidates (their number, dimension, languages "
                "or share differ): name another file, or delete it to count anew"
            )
        try:
            counter.merge_bytes(data[head:])
        except ValueError as error:
            raise ValueError(
                f"the checkpoint {path} does not fit ({error}): name another file, or delete it to "
                "count anew"
            ) from None

    def save(self, counter: RankCounter, candidates: bytes) -> None:
        """Write the file, whole or not at all; ``OSError`` as the file system does."""
        with written_whole(Path(self.path)) as draft:
            draft.write_bytes(_MARK + candidates + counter.to_bytes())


class Others(Protocol):
    """Those that count the other shares of the candidates."""

    def merge(self, counter: RankCounter) -> RankCounter:
        """Return a counter that knows and has counted what those of all shares have."""

    def hear(self, error: Exception) -> None:
        """Be told of an error of this share in place of the next :meth:`merge`."""


def count(
    counter: RankCounter,
    candidates: Candidates,
    languages: Sequence[str],
    *,
    share: tuple[int, int] | None = None,
    others: Others | None = None,
    tell: Tell | None = None,
    checkpoint: Checkpoint | None = None,
) -> RankCounter:
    """Anchor the judged candidates, then add all, and return the counter that knows them.

    An interrupt is heeded between blocks. The counter then has counted whole blocks, in order:
    ``counter.candidates`` of them.

    Args:
        counter: one that knows nothing yet.
        candidates: (N, d), their ids their numbers.
        languages: (N,) names.
        share: ``(start, stop)``: the candidates that are read here; ``None``: all.
        others: those that count the other shares; met after each pass.
        tell: called after each block with the number of candidates counted and to count.
        checkpoint: where to go on and what to write.

    Raises:
        TypeError: candidates that are not opened, languages that are no sequence of names.
        ValueError: a counter that has counted; more or fewer languages than candidates; a judged
            candidate that is none of them; what :meth:`RankCounter.anchor`,
            :meth:`RankCounter.add`, the candidates or the checkpoint refuse.
        OSError: as the file system does.
    """
    with telling(others):
        check_opened(candidates)
        if counter.candidates:  # they would pass for the first of these
            raise ValueError(
                f"the counter has counted {counter.candidates:,} candidates: give one that knows "
                "nothing, as counter.blank() is"
            )
        check_names("candidate_languages", languages, len(candidates))
        numbers = candidates.numbers
        check_there(counter, numbers)
        start, stop = (numbers.start, numbers.stop) if share is None else share
        identity = b"" if checkpoint is None else _identity(candidates, languages, start, stop)
        judged = counter.judged
        here = judged[slice(*np.searchsorted(judged, [start, stop]))]
        for ids, block in candidates.rows(here, more=True):
            counter.anchor(block, ids)
    if others is not None:
        counter = others.merge(counter)
    with telling(others):
        if checkpoint is not None:
            checkpoint.load(counter, identity)
        known, saved = counter.candidates, time.monotonic()
        try:
            for ids, block in candidates.blocks(start + counter.candidates, stop):
                own = slice(ids[0] - numbers.start, ids[-1] + 1 - numbers.start)
                counter.add(block, ids, languages[own])
                if tell is not None:
                    tell(counter.candidates, stop - start)
                if checkpoint is not None and time.monotonic() - saved >= checkpoint.every:
                    checkpoint.save(counter, identity)
                    known, saved = counter.candidates, time.monotonic()
        finally:
            if checkpoint is not None and counter.candidates > known:
                checkpoint.save(counter, identity)
    return counter if others is None else others.merge(counter)


@contextmanager
def telling(others: Others | None) -> Iterator[None]:
    """Tell the others of an error, who would else wait in vain."""
    try:
        yield
    except Exception as error:
        if others is not None:
            others.hear(error)
        raise


def _identity(candidates: Candidates, languages: Sequence[str], start: int, stop: int) -> bytes:
    """Return a hash of what the candidates are, as far as it is known without reading them."""
    import hashlib  # for checkpoints alone

    digest = hashlib.sha256(f"{candidates.shape} {start} {stop}".encode())
    for name in languages:
        text = str(name)
        # What is no text add() refuses, and says why.
        digest.update(f" {len(text)} {text}".encode(errors="surrogatepass"))
    return digest.digest()

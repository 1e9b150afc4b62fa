"""Contestants that take turns, each in a process of its own, so that a slow moment hits them all.

A contestant's process stays: neither its start nor its imports count, and memory is what the work
adds. It is bound to as many processors as it may use threads.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import multiprocessing
import os
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from peers import Peak

Environment = Mapping[str, str | None]
"""Variables that a process gets; ``None``: that it does not have."""

POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
"""Whose ``..._NUM_THREADS`` say how many threads a library takes."""

REST = 0.1
"""Seconds before a turn. Threads of a BLAS keep their processors busy for a while after their work,
and would take them from whoever comes next."""


class Contestant(ABC):
    name: ClassVar[str]
    package: ClassVar[str]
    note: ClassVar[str] = ""
    environment: ClassVar[Environment] = {}

    def __init__(self, threads: int) -> None:
        """Import what the work needs, so that who lacks it fails alone."""
        self.threads = threads

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Take the work into memory, in the contestant's own form; this is not timed."""

    @abstractmethod
    def run(self) -> Any:
        """Do the work and return what it found; this is timed."""

    def facts(self) -> dict[str, Any]:
        """What a record tells of the last run besides."""
        return {}


class Child:
    """A contestant in its process."""

    def __init__(self, kind: type[Contestant], threads: int) -> None:
        """Start the process.

        Raises:
            ImportError: something that the contestant needs is not installed.
            NotImplementedError: something that it needs of the processor is not there.
            MemoryError: the process was ended from outside, or by what its processor cannot do.
        """
        self.kind = kind
        fresh = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=fresh)
        pools = {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
        try:
            with _environment({**pools, **kind.environment}):
                self._do(_make, kind, threads)
        except BaseException:
            self._pool.shutdown()
            raise

    def ask(self, method: str, *given: Any) -> Any:
        """Call a method of the contestant in its process."""
        return self._do(_ask, method, *given)

    def remember_memory(self) -> None:
        """Count memory from here on."""
        self._do(_remember)

    def grown_memory(self) -> int | None:
        """The peak since, in bytes, beyond what there was."""
        grown: int | None = self._do(_grown)
        return grown

    def turn(self) -> tuple[float, Any]:
        """Seconds of a run, and what it found."""
        time.sleep(REST)
        took: tuple[float, Any] = self._do(_turn)
        return took

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()

    def _do(self, work: Any, *given: Any) -> Any:
        try:
            return self._pool.submit(work, *given).result()
        except BrokenProcessPool as error:
            raise MemoryError("the process was ended, as when memory is short") from error


@contextmanager
def children(
    kinds: Iterable[type[Contestant]], threads: int, prepare: Callable[[Child], object]
) -> Iterator[tuple[list[Child], dict[str, str]]]:
    """Start and prepare all that can be; the others by name, with the reason."""
    there: list[Child] = []
    missing: dict[str, str] = {}
    try:
        for kind in kinds:
            started = _started(kind, threads, prepare)
            if isinstance(started, Child):
                there.append(started)
            else:
                missing[kind.name] = started
                print(f"  {kind.name} is left out, {started}")
        yield there, missing
    finally:
        for child in there:
            child.close()


def _started(
    kind: type[Contestant], threads: int, prepare: Callable[[Child], object]
) -> Child | str:
    """A contestant that is ready, or why it cannot be."""
    try:
        child = Child(kind, threads)
    except ImportError as error:
        return f"not installed: {error}"
    except (MemoryError, NotImplementedError) as error:
        return str(error)
    try:
        prepare(child)
    except MemoryError as error:
        child.close()
        return str(error)
    return child


def take_turns(
    there: Sequence[Child], rounds: int, budget: float
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds of every run by name, and what the last one found.

    All run in turn, ``rounds`` times; who has spent ``budget`` seconds runs no more.
    """
    seconds: dict[str, list[float]] = {child.kind.name: [] for child in there}
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for child in there:
            name = child.kind.name
            if sum(seconds[name]) < budget:
                took, found[name] = child.turn()
                seconds[name].append(took)
    return seconds, found


def result(child: Child, seconds: Sequence[float]) -> dict[str, Any]:
    """What a record says of any contestant that ran."""
    return {
        **_head(child.kind),
        "version": version(child.kind.package),
        "seconds": min(seconds),
        "median_seconds": median(seconds),
        "runs": len(seconds),
    }


def absent(kind: type[Contestant], reason: str) -> dict[str, Any]:
    """What a record says of one that could not run, by the same keys."""
    nothing = dict.fromkeys(("version", "seconds", "median_seconds", "runs"))
    return {**_head(kind), **nothing, "missing": reason}


def _head(kind: type[Contestant]) -> dict[str, Any]:
    return {"name": kind.name, "package": kind.package, "note": kind.note, "missing": None}


@contextmanager
def _environment(changes: Environment) -> Iterator[None]:
    """What a process that starts now has for its environment."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Environment) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


# What follows runs in a contestant's process.

_held: dict[str, Any] = {}


def _make(kind: type[Contestant], threads: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    # Of peers that miss what they do not need here, or find a rule of their own out of date.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    _held["contestant"] = kind(threads)


def _ask(method: str, *given: Any) -> Any:
    return getattr(_held["contestant"], method)(*given)


def _remember() -> None:
    gc.collect()
    # What was freed and not given back would hide what comes.
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    _held["peak"] = Peak()


def _grown() -> int | None:
    grown: int | None = _held["peak"].grown()
    return grown


def _turn() -> tuple[float, Any]:
    gc.collect()
    start = time.perf_counter()
    found = _held["contestant"].run()
    return time.perf_counter() - start, found

"""A signal while a huge block is counted: nothing of the block counts, and all else stays."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from hybridsampler import RankCounter

Float32 = NDArray[np.float32]

DIMENSION, FEW, MANY = 64, 100, 500_000  # 128 MB
RNG = np.random.default_rng(0)
QUERIES = RNG.integers(-9, 10, (300, DIMENSION)).astype(np.float32)
JUDGED = (np.arange(301), np.arange(300) % FEW)


class Stopped(BaseException):
    """Stands for KeyboardInterrupt, which pytest would take for its own."""


def stop(number: int, frame: object) -> None:
    raise Stopped


@contextmanager
def signalled_once_the_interpreter_is_let_go(
    handler: Callable[[int, object], None],
) -> Iterator[None]:
    """Send SIGINT from a thread that can run no sooner than the main thread lets others run.

    As long as Python's own code runs, the interval between switches keeps the thread waiting; the
    first that lets go is the core, when it begins to count.
    """
    main = threading.main_thread().ident
    assert main is not None
    gate = threading.Lock()

    def send() -> None:
        with gate:
            signal.pthread_kill(main, signal.SIGINT)

    interval, before = sys.getswitchinterval(), signal.signal(signal.SIGINT, handler)
    gate.acquire()
    thread = threading.Thread(target=send)
    thread.start()
    sys.setswitchinterval(1000)
    try:
        gate.release()
        yield
    finally:
        sys.setswitchinterval(interval)
        thread.join()
        signal.signal(signal.SIGINT, before)


def test_a_huge_block_is_given_up_and_not_counted() -> None:
    rows = RNG.integers(-9, 10, (FEW + MANY, DIMENSION)).astype(np.float32)
    ids = np.arange(len(rows))
    languages = ["en", "de"] * (len(rows) // 2)
    counter = RankCounter(QUERIES, JUDGED, threads=1)
    counter.anchor(rows[:FEW], ids[:FEW])
    counter.add(rows[:FEW], ids[:FEW], languages[:FEW])
    before = counter.to_bytes()
    late = ["fr"] * MANY
    with pytest.raises(Stopped) as caught, signalled_once_the_interpreter_is_let_go(stop):
        counter.add(rows[FEW:], ids[FEW:], late)
    assert "_core.add" in str(caught.traceback[-2].statement)  # and not before it, nor after
    assert counter.to_bytes() == before
    assert counter.candidates == FEW
    # It goes on as if nothing had happened.
    counter.add(rows[FEW:], ids[FEW:], languages[FEW:])
    whole = RankCounter(QUERIES, JUDGED)
    whole.anchor(rows[:FEW], ids[:FEW])
    whole.add(rows, ids, languages)
    assert counter.ranks().languages == ("en", "de")
    assert np.array_equal(counter.ranks().overall, whole.ranks().overall)
    assert np.array_equal(counter.ranks().within, whole.ranks().within)


def test_whoever_calls_a_counter_at_work_is_refused() -> None:
    rows = RNG.integers(-9, 10, (FEW + MANY, DIMENSION)).astype(np.float32)
    ids, languages = np.arange(len(rows)), ["en"] * len(rows)
    counter = RankCounter(QUERIES, JUDGED, threads=1)
    counter.anchor(rows[:FEW], ids[:FEW])
    refused = []

    def ask(number: int, frame: object) -> None:
        for call in (lambda: counter.candidates, counter.ranks, counter.to_bytes):
            with pytest.raises(RuntimeError, match="borrowed"):
                call()
            refused.append(call)

    with signalled_once_the_interpreter_is_let_go(ask):
        counter.add(rows, ids, languages)
    assert len(refused) == 3
    assert counter.candidates == len(rows)
    quiet = RankCounter(QUERIES, JUDGED)
    quiet.anchor(rows[:FEW], ids[:FEW])
    quiet.add(rows, ids, languages)
    assert np.array_equal(counter.ranks().overall, quiet.ranks().overall)

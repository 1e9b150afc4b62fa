"""What every bench needs: timing in one run, peak memory, a dated record."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

RECORDS = Path(__file__).parent / "record"

P = ParamSpec("P")
T = TypeVar("T")


def parser(description: str | None, *, contestants: bool = False) -> argparse.ArgumentParser:
    """A parser that shows the bench's own words and knows what all benches take."""
    words = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument(
        "--record", type=Path, default=RECORDS, metavar="FOLDER", help="where the record goes"
    )
    if contestants:
        words.add_argument(
            "--only", nargs="+", default=[""], metavar="WORD", help="contestants named so; all"
        )
    return words


def chosen(name: str, only: list[str]) -> bool:
    """Whether ``--only`` names a contestant."""
    return any(word in name for word in only)


def in_child(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Run ``work`` in a fresh process, on one processor where the system can bind it to one.

    Raises:
        MemoryError: the process was ended from outside.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=_bind) as pool:
        try:
            return pool.submit(work, *given, **named).result()
        except BrokenProcessPool as error:
            raise MemoryError("the process was ended, as when memory is short") from error


def _bind() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class Peak:
    """The most memory that this process held since now, beyond what it holds now.

    Linux alone tells (VmHWM in /proc/self/status, reset through /proc/self/clear_refs).
    """

    def __init__(self) -> None:
        self._before: int | None = None
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._before = _status("VmRSS")
        except OSError:
            return

    def grown(self) -> int | None:
        """In bytes; ``None`` where the system does not tell."""
        return None if self._before is None else max(0, _status("VmHWM") - self._before)

    def held(self) -> int | None:
        """What the process holds now beyond what it held, in bytes."""
        return None if self._before is None else max(0, _status("VmRSS") - self._before)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def least(
    work: Callable[[], object], budget: float = float("inf"), already: float | None = None
) -> float:
    """The least seconds of three times, of which none begins when the budget is over.

    What is short is done up to thirty times in a second: on a machine that is shared, three times
    may all be slow ones. ``already`` are the seconds of a first time.
    """
    deadline = time.perf_counter() + budget
    seconds = [] if already is None else [already]
    while not seconds or (
        time.perf_counter() < deadline
        and (len(seconds) < 3 or (len(seconds) < 30 and sum(seconds) < 1))
    ):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def ratio(value: float | None, first: float | None) -> str:
    """How many times the first one's: ``3.4`` or, below 1, ``1/3.4``."""
    if value is None or not first:
        return "-"
    times = value / first
    if times >= 1:
        return f"{times:,.{2 if times < 10 else 0}f}"
    return f"1/{1 / times:,.{2 if 1 / times < 10 else 0}f}" if times else "0"


def processor() -> str:
    """The processor's name and the number of threads it shows."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} processors"


def commit() -> str | None:
    """The commit of what was measured, with ``+`` where files differ from it; else ``None``."""
    told = ("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+")
    try:
        done = subprocess.run(
            told, cwd=RECORDS.parent, capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def write(folder: Path, bench: str, work: str, **found: Any) -> Path:
    """Write what a bench found, when, where and with which versions, as JSON."""
    today = datetime.now(UTC).date().isoformat()
    record = {
        "bench": bench,
        "work": work,
        "date": today,
        "processor": processor(),
        "system": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "commit": commit(),
        "versions": {name: version(name) for name in ("hybridsampler", "numpy", "torch")},
        **found,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{today}-{bench}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"  written to {path}")
    return path

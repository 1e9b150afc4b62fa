"""What every bench needs: timing in one run, peak memory, a dated record."""

from __future__ import annotations

import json
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RECORDS = Path(__file__).parent / "record"


@dataclass(frozen=True, slots=True)
class Timing:
    """One way to do the work."""

    name: str
    seconds: float
    """Least of the repetitions."""
    note: str = ""


def timed(name: str, work: Callable[[], object], repeat: int = 3, note: str = "") -> Timing:
    """Run ``work`` once to warm up and ``repeat`` times more; keep the least time."""
    work()
    least = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
    return Timing(name, least, note)


def processor() -> str:
    """The processor's name and the number of threads it shows."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} processors"


def report(bench: str, work: str, timings: list[Timing], amount: float, unit: str) -> None:
    """Print the timings as a table, the ratio to the first of them, and write a dated record."""
    first = timings[0].seconds
    width = max(len(timing.name) for timing in timings)
    print(f"{bench}: {work}")
    for timing in timings:
        print(
            f"  {timing.name:<{width}}  {timing.seconds:9.4f} s  "
            f"{amount / timing.seconds:12.4g} {unit}/s  {timing.seconds / first:8.2f} x  "
            f"{timing.note}"
        )
    today = datetime.now(UTC).date().isoformat()
    record = {
        "bench": bench,
        "work": work,
        "date": today,
        "processor": processor(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("hybridsampler", "numpy", "torch")},
        "threads": threading.active_count(),
        "amount": amount,
        "unit": unit,
        "timings": [asdict(timing) for timing in timings],
    }
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{today}-{bench}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"  written to {path}")

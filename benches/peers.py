"""What every bench needs: timing in one run, peak memory, a dated record."""

from __future__ import annotations

import json
import platform
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
    amount: float
    """How much work it did, in the bench's unit."""
    note: str = ""


def timed(
    name: str, work: Callable[[], object], amount: float, repeat: int = 3, note: str = ""
) -> Timing:
    """Run ``work`` once to warm up and ``repeat`` times more; keep the least time."""
    work()
    least = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - start)
    return Timing(name, least, amount, note)


def processor() -> str:
    """The processor's name and the number of threads it shows."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} processors"


def report(bench: str, work: str, timings: list[Timing], unit: str) -> None:
    """Print the rates and their ratio to the first one's, and write a dated record."""
    first = timings[0].amount / timings[0].seconds
    width = max(len(timing.name) for timing in timings)
    print(f"{bench}: {work}")
    print(f"  {'':<{width}}  {'seconds':>10}  {unit + '/s':>14}  {'rate, ours = 1':>14}")
    for timing in timings:
        rate = timing.amount / timing.seconds
        print(
            f"  {timing.name:<{width}}  {timing.seconds:10.6f}  {rate:14,.0f}  "
            f"{rate / first:14.3f}  {timing.note}".rstrip()
        )
    today = datetime.now(UTC).date().isoformat()
    record = {
        "bench": bench,
        "work": work,
        "date": today,
        "processor": processor(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("hybridsampler", "numpy", "torch")},
        "unit": unit,
        "timings": [asdict(timing) for timing in timings],
    }
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{today}-{bench}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"  written to {path}")

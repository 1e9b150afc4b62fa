"""Seconds that `import hybridsampler` takes, beside numpy's, which it needs.

    python benches/imports.py [--rounds 30]

Each import is timed in a fresh process of its own, the start of Python not counted; both in turn.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from statistics import median
from typing import Any

from peers import parser, write

MODULES = ("hybridsampler", "numpy")


def seconds(module: str) -> float:
    """Of one import, in a fresh process."""
    code = (
        f"import time; at = time.perf_counter(); import {module}; print(time.perf_counter() - at)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout)


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--rounds", type=int, default=30)
    given = words.parse_args()
    rounds = given.rounds
    work = f"import in a fresh process, {rounds} times"
    print(f"imports: {work}")
    # A first time, for the files that are not in memory and the bytecode that is not written yet.
    for module in MODULES:
        seconds(module)
    taken: dict[str, list[float]] = {module: [] for module in MODULES}
    for _ in range(rounds):
        for module in MODULES:
            taken[module].append(seconds(module))
    results: list[dict[str, Any]] = [
        {
            "name": module,
            "version": version(module),
            "seconds": min(every),
            "median_seconds": median(every),
            "runs": rounds,
        }
        for module, every in taken.items()
    ]
    for one in results:
        least, middle = one["seconds"] * 1e3, one["median_seconds"] * 1e3
        print(f"  {one['name']:<14}{least:8.1f} ms, median {middle:.1f} ms")
    path = write(given.record, "imports", work, results=results)
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

"""Seconds that `import hybridsampler` takes, and all its public names, beside numpy's.

    python benches/imports.py [--rounds 30]

The package brings each name with its room when it is first used; every name needs numpy. Each
import is timed in a fresh process of its own, the start of Python not counted; all in turn.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from statistics import median
from typing import Any

from peers import parser, write

IMPORTS = {
    "hybridsampler": "import hybridsampler",
    "hybridsampler, all names": "from hybridsampler import *",
    "numpy": "import numpy",
}


def seconds(statement: str) -> float:
    """Of one import, in a fresh process."""
    code = f"import time; at = time.perf_counter(); {statement}; print(time.perf_counter() - at)"
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
    for statement in IMPORTS.values():
        seconds(statement)
    taken: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        for name, statement in IMPORTS.items():
            taken[name].append(seconds(statement))
    results: list[dict[str, Any]] = [
        {
            "name": name,
            "version": version(name.partition(",")[0]),
            "seconds": min(every),
            "median_seconds": median(every),
            "runs": rounds,
        }
        for name, every in taken.items()
    ]
    for one in results:
        least, middle = one["seconds"] * 1e3, one["median_seconds"] * 1e3
        print(f"  {one['name']:<26}{least:8.1f} ms, median {middle:.1f} ms")
    path = write(given.record, "imports", work, results=results)
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

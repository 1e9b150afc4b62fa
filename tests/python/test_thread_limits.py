"""Threads that the system does not let start: the others do the work, to the same digits."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

GIGABYTE = 1 << 30
PROGRAM = """
import sys
import numpy as np
from hybridsampler import BatchPlan, Mix, ParallelCorpus, RankCounter, evaluate
from hybridsampler.trec import read_qrels, read_run, score_run

room, threads, files = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rng = np.random.default_rng(0)
queries = rng.standard_normal((2000, 32), dtype=np.float32)
candidates = rng.standard_normal((40_000, 32), dtype=np.float32)
names = np.array(["de", "en"])[rng.integers(0, 2, 40_000)].tolist()
corpus = ParallelCorpus.from_columns(group=np.arange(4000) // 2, language=["de", "en"] * 2000)
plan = BatchPlan(corpus, Mix(monolingual=1), batch_size=100, seed=0)
if room:
    import resource
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))
result = evaluate(
    queries,
    candidates,
    (np.arange(2001), rng.integers(0, 40_000, 2000)),
    query_languages=["en"] * 2000,
    candidate_languages=names,
    measures=["AP", "RR"],
    threads=threads,
)
run = read_run(files + "/run.trec", threads=threads)
qrels = read_qrels(files + "/qrels.txt", threads=threads)
scores = score_run(run, qrels, ["AP"], threads=threads)
print({s: result[s] for s in ("monolingual", "multilingual")}, scores["AP"], plan[0:2000].sum())
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run and qrels of some thousand lines."""
    folder = tmp_path_factory.mktemp("runs")
    pairs = [(q, d) for q in range(60) for d in range(80)]
    run = "".join(f"q{q} Q0 d{d} 1 {(q * 31 + d * 17) % 97} tag\n" for q, d in pairs)
    (folder / "run.trec").write_text(run)
    (folder / "qrels.txt").write_text("".join(f"q{q} 0 d{d} {d % 3}\n" for q, d in pairs))
    return str(folder)


def printed(files: str, room: int, threads: int, stack: int) -> str:
    """What the program prints if each of its threads takes so much of the address space."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(room), str(threads), files],
        env=os.environ | {"RUST_MIN_STACK": str(stack), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


@pytest.mark.skipif(
    sys.platform != "linux" or resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY,
    reason="the address space is limited as Linux does it, and it is to be free of other limits",
)
def test_where_few_threads_or_none_can_start_they_do_the_work(files: str) -> None:
    alone = printed(files, 0, 1, 2 << 20)
    # Room for the stacks of two, of none; and stacks that no machine has.
    assert printed(files, 5 * GIGABYTE // 2, 8, GIGABYTE) == alone
    assert printed(files, GIGABYTE // 2, 8, GIGABYTE) == alone
    assert printed(files, 0, 3, 1 << 46) == alone

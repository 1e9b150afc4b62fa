"""Programs in real processes: the ranks of one group."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 150  # Nothing takes a fifth of it; on a machine with other work it may.


def run_ranks(world: int, program: str, folder: Path = ROOT) -> list[str]:
    """Run a Python program as torchrun would, one process a rank; return what each printed.

    When one rank fails the others are ended, because they would wait for it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    of_group = {
        "WORLD_SIZE": world,
        "LOCAL_WORLD_SIZE": world,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "test",  # Lightning knows torchrun by it.
    }
    ranks = [
        _start(
            program,
            folder,
            {**of_group, "RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in range(world)
    ]
    with ThreadPoolExecutor(world) as pool:
        waiting = [pool.submit(rank.communicate, timeout=SECONDS) for rank in ranks]
        try:
            for done in as_completed(waiting):
                done.result()
                failed = [rank for rank in ranks if rank.poll() not in (None, 0)]
                if failed:
                    break
        finally:
            for rank in ranks:
                rank.kill()
    outputs = [done.result() for done in waiting]
    errors = "\n".join(error for _, error in outputs)
    assert all(rank.returncode == 0 for rank in ranks), errors
    return [output for output, _ in outputs]


def _start(program: str, folder: Path, variables: dict[str, object]) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        # What `accelerate launch --cpu` sets: without it two processes on CPUs are two programs.
        "ACCELERATE_USE_CPU": "true",
        "HF_HOME": str(folder / "huggingface"),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **{name: str(value) for name, value in variables.items()},
    }
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("as_rank.py"), program],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

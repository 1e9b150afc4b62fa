"""Runs a program as one rank of a group: python as_rank.py PROGRAM.

The process ends without taking the interpreter down. A thread of torch's gloo backend may still
hold the last collective's tensors when the program is through; if it drops them while Python below
3.14 finalises, it is made to exit inside C++, which aborts the process ("terminate called without
an active exception"), mostly on a busy machine.
"""

import multiprocessing
import os
import runpy
import sys
from pathlib import Path

program = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path[0] = str(Path(program).parent)  # as if Python had been started with it
runpy.run_path(program, run_name="__main__")
for worker in multiprocessing.active_children():  # of loaders; an exit would end them too
    worker.terminate()
    worker.join()
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)

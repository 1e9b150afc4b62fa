"""Shards of candidates, of every kind."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from parquet_files import as_lists, write_parquet

ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


def write(path: Path, rows: Any) -> Path:
    """A shard of the kind that the name says, with the numbers as they are."""
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".parquet":
        write_parquet(path, as_lists(rows, path.suffixes[-2]), max(1, len(rows) // 3))
    elif isinstance(rows, torch.Tensor):
        save_torch({"rows": rows}, path)
    else:
        save_file({"rows": rows}, path)
    return path

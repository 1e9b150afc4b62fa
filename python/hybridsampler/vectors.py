"""Rows of numbers as the scorer takes them, from whatever holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_rows(name: str, values: Any) -> NDArray[np.float32] | NDArray[np.float16]:
    """Return (n, d) vectors as an array of float32 or float16; bfloat16 is widened.

    Args:
        name: what the vectors are, for the errors.
        values: (n, d) float32, float16 or bfloat16: an array, a memory map or a torch tensor.

    Raises:
        ValueError: no two dimensions.
        TypeError: numbers of another type; a masked or sparse array.
    """
    if hasattr(values, "detach"):  # a torch tensor; NumPy has no bfloat16 of its own
        values = values.detach().cpu()
        values = (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()
    array = np.asarray(values)
    # What is masked would count, and NumPy does not see into sparse arrays.
    if hasattr(values, "filled") or (array.ndim == 0 and hasattr(values, "shape")):
        kind = type(values).__name__
        raise TypeError(f"{name} is a {kind}: give a plain array, (n, d), with a value everywhere")
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}: give one row a vector, (n, d)")
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype not in (np.float32, np.float16):
        raise wrong_type(name, array.dtype)
    return array


def wrong_type(name: str, dtype: object) -> TypeError:
    """Return the error that says which types the scorer takes."""
    return TypeError(
        f"{name} has dtype {dtype}: give float32, float16 or bfloat16; rounding float64 would "
        "change the ranking unseen, so round it yourself with .astype(numpy.float32)"
    )

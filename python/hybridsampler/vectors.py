"""Rows of numbers as the scorer takes them, from whatever holds them."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Names of types, those of safetensors among them, and what to do about each.
_REMEDIES = (
    (
        r"float64|[<>]f8|F64",
        "rounding float64 would change the ranking unseen, so round it yourself with "
        ".astype(numpy.float32)",
    ),
    (
        r"[<>]f[24]",
        "its bytes stand in the order of other processors, so turn them around with "
        ".astype(numpy.float32), which changes no number",
    ),
    (
        r"u?int\d+|[<>][iu]\d|[IU]\d+|bool|BOOL",
        "such vectors are codes, as of a quantised index, so give the ones that they were made of",
    ),
    (r"object", "its rows are Python objects, so make them one array with numpy.stack(rows)"),
)


def as_rows(name: str, values: Any) -> NDArray[np.float32] | NDArray[np.float16]:
    """Return (n, d) vectors as an array of float32 or float16; bfloat16 is widened.

    Args:
        name: what the vectors are, for the errors.
        values: (n, d) float32, float16 or bfloat16: an array, a memory map or a torch tensor.

    Raises:
        ValueError: no two dimensions, or rows of different lengths.
        TypeError: numbers of another type, text or a path; a masked or sparse array; a list of
            tensors that NumPy cannot read.
    """
    if hasattr(values, "detach"):  # a torch tensor; NumPy has no bfloat16 of its own
        check_dense(name, values)
        kind = str(values.dtype).removeprefix("torch.")
        if kind not in ("float32", "float16", "bfloat16"):  # NumPy lacks others too
            raise wrong_type(name, kind)
        values = values.detach().cpu()
        values = (values.float() if kind == "bfloat16" else values).numpy()
    try:
        array = np.asarray(values)
    except (TypeError, RuntimeError) as error:  # of tensors: bfloat16, on a device, with gradients
        raise TypeError(
            f"{name} is a {type(values).__name__} that is no array ({error}): make one tensor of "
            "several, with torch.stack"
        ) from error
    except ValueError as error:  # as NumPy calls lists of different lengths
        raise ValueError(
            f"{name} is no array ({error}): give one row a vector, (n, d), all of one length"
        ) from error
    if array.dtype.kind == "U" or isinstance(values, os.PathLike):
        raise TypeError(
            f"{name} holds text: give vectors, of texts those of an encoder, of a file "
            "numpy.load(path)"
        )
    # What is masked would count, and NumPy does not see into sparse arrays.
    sparse = array.ndim == 0 and array.dtype == object and hasattr(values, "shape")
    if hasattr(values, "filled") or sparse:
        raise _not_plain(name, type(values).__name__)
    if array.ndim != 2 and not (array.ndim == 1 and array.dtype == object):  # of rows
        raise ValueError(f"{name} has shape {array.shape}: give one row a vector, (n, d)")
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    if array.dtype not in (np.float32, np.float16):
        raise wrong_type(name, array.dtype)
    return array


def check_dense(name: str, values: Any) -> None:
    """Refuse, with ``TypeError``, a torch tensor that can be neither sliced nor read.

    That is a sparse one, or one that is spread over processes.
    """
    if hasattr(values, "full_tensor"):
        raise TypeError(
            f"{name} is a DTensor, of which each process holds a part: give full_tensor(), or "
            "to_local() with the ids of that part"
        )
    layout = str(values.layout).removeprefix("torch.")
    if layout != "strided":
        raise _not_plain(name, f"{layout} tensor")


def _not_plain(name: str, kind: str) -> TypeError:
    return TypeError(f"{name} is a {kind}: give a plain array, (n, d), with a value everywhere")


def wrong_type(name: str, dtype: object) -> TypeError:
    """Return the error that says which types the scorer takes, and what to do about this one."""
    fitting = [remedy for names, remedy in _REMEDIES if re.fullmatch(names, str(dtype))]
    told = "; ".join(["give float32, float16 or bfloat16", *fitting])
    return TypeError(f"{name} has dtype {dtype}: {told}")

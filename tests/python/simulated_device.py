"""A device that is none: its tensors lie on the CPU and may not be mixed with the CPU's.

What a test finds on it holds for the placing of tensors (whatever is not moved, or read without
being fetched, is an error, as on a GPU) and for products and sums, which are as far off on it as
any order of additions and any rounding can make them. It says nothing of a GPU's own kernels.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

# Torch knows this device everywhere, and has no numbers on it that could be taken for ours.
NAME = "meta"
aten = torch.ops.aten


class OnDevice(torch.Tensor):
    """A tensor of the device, which holds one of the CPU."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, device: torch.device) -> "OnDevice":
        made: OnDevice = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=device,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch's stub has it as no method of a class
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise AssertionError("a tensor of the simulated device has outlived it")


class Simulated(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types for it
    """While this is entered, the device is there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        given = [x for x in tree_iter((args, kwargs)) if isinstance(x, torch.Tensor)]
        own = {id(x.held): x for x in given if isinstance(x, OnDevice)}
        mixed = own and any(x.dim() and not isinstance(x, OnDevice) for x in given)
        if mixed and func not in COPIES:
            raise RuntimeError(f"{func} mixes tensors of the device with the CPU's")
        device = next((x.device for x in own.values()), torch.device("cpu"))
        if (target := kwargs.get("device")) is not None:
            device, kwargs["device"] = torch.device(target), "cpu"
        args, kwargs = tree_map(lambda x: x.held if isinstance(x, OnDevice) else x, (args, kwargs))
        if device.type != NAME:
            return func(*args, **kwargs)

        def placed(x: Any) -> Any:
            if not isinstance(x, torch.Tensor):
                return x
            # Some are changed in place.
            return own[id(x)] if id(x) in own else OnDevice(x, device)

        return tree_map(placed, OWN.get(func, func)(*args, **kwargs))


# Copies between devices, which a tensor of the CPU may have a part in.
COPIES = {aten.copy_.default, aten._to_copy.default}


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return added(a.T[:, :, None] * b[:, None])


def total(x: torch.Tensor, dims: list[int]) -> torch.Tensor:
    return added(x.movedim(dims[0], 0))


def added(terms: torch.Tensor) -> torch.Tensor:
    """Return the sums of float64 terms along the first dimension, as far off as may be.

    Large terms come first, and all additions of a sum are rounded up or all of them down.
    """
    generator = torch.Generator().manual_seed(terms.numel())
    sums = torch.zeros_like(terms[0])
    up = torch.rand(sums.shape, generator=generator) < 0.5
    for term in terms[terms.abs().flatten(1).sum(1).argsort(descending=True)]:
        nearest = sums + term
        # What rounding took away, exactly (Knuth's TwoSum).
        part = nearest - sums
        rest = (sums - (nearest - part)) + (term - part)
        above, below = torch.nextafter(nearest, INFINITE), torch.nextafter(nearest, -INFINITE)
        sums = torch.where(up & (rest > 0), above, torch.where(~up & (rest < 0), below, nearest))
    return sums


INFINITE = torch.tensor(torch.inf, dtype=torch.float64)
OWN: dict[Any, Callable[..., torch.Tensor]] = {
    aten.mm.default: product,
    aten.sum.dim_IntList: total,
}

"""A training run on disk: one safetensors file, written whole, checked when read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from hybridsampler.files import written_whole
from hybridsampler.states import differences

FORMAT = "hybridsampler-checkpoint-2"


def check_plain(name: str, values: Any) -> None:
    """Refuse, before hours of training, values that a checkpoint cannot hold.

    Raises:
        ValueError: anything but text, numbers, ``None`` and lists and dictionaries of them.
    """
    try:
        json.dumps(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is {values!r}, which a checkpoint cannot hold ({error}): give plain values, "
            "such as text, int and float"
        ) from error


def save_checkpoint(
    path: Path,
    encoder: nn.Module,
    optimizer: Optimizer,
    *,
    losses: list[float],
    sampler: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    """Write all that a run needs to go on: weights, optimiser, random state, sampler, losses.

    Raises:
        OSError: the file cannot be written; an older one stays as it was.
    """
    tensors = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    state = optimizer.state_dict()
    plain: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    tensors["random.cpu"] = torch.get_rng_state()
    for device in range(torch.cuda.device_count()):
        tensors[f"random.cuda.{device}"] = torch.cuda.get_rng_state(device)
    header = json.dumps(
        {
            "sampler": sampler,
            "settings": settings,
            "optimizer": {"plain": plain, "param_groups": state["param_groups"]},
        }
    )
    metadata = {"format": FORMAT, "header": header, "checksum": _checksum(header, tensors)}
    with written_whole(path) as draft:
        save_file(_apart(tensors), draft, metadata)


def _checksum(header: str, tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of all that a checkpoint holds: safetensors checks shapes, but no values."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give tied weights, and views, a copy each: safetensors refuses what shares memory."""
    seen = set()
    apart = {}
    for name, value in tensors.items():
        memory = value.untyped_storage().data_ptr()
        value = value.clone() if memory in seen else value
        apart[name] = value.contiguous()
        seen.add(memory)
    return apart


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What :func:`read_checkpoint` found."""

    losses: list[float]
    """Of the steps done."""
    sampler: dict[str, Any]
    """The state of the sampler."""
    _tensors: dict[str, Tensor]
    _optimizer: dict[str, Any]

    def restore(self, encoder: nn.Module, optimizer: Optimizer) -> None:
        """Bring encoder, optimiser and torch's random state to where they were saved."""
        state: dict[int, dict[str, Any]] = {
            int(index): dict(values) for index, values in self._optimizer["plain"].items()
        }
        weights = {}
        for name, value in self._tensors.items():
            part, _, rest = name.partition(".")
            if part == "encoder":
                weights[rest] = value
            elif part == "optimizer":
                index, _, key = rest.partition(".")
                state.setdefault(int(index), {})[key] = value
        encoder.load_state_dict(weights)
        groups = self._optimizer["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(self._tensors["random.cpu"])
        for device in range(torch.cuda.device_count()):
            if f"random.cuda.{device}" in self._tensors:
                torch.cuda.set_rng_state(self._tensors[f"random.cuda.{device}"], device)


def read_checkpoint(path: Path, settings: dict[str, Any]) -> Checkpoint:
    """Read what :func:`save_checkpoint` wrote.

    Raises:
        ValueError: not a checkpoint, a damaged one, or one of a run with other settings (the
            message says which differ).
        OSError: a folder, or a file that cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"{path} is not a checkpoint of this version ({FORMAT})")
            # safe_open has keys() but cannot be iterated.
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = metadata.get("header", "")
            if metadata.get("checksum") != _checksum(header, tensors):
                raise ValueError(
                    f"{path} is damaged (it does not fit its checksum): delete it to start over"
                )
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to start over") from error
    except OSError as error:  # safetensors names no file
        raise OSError(f"{path} cannot be read ({error}): name the file of a checkpoint") from error
    told = json.loads(header)
    # As JSON gives them back: tuples are lists there.
    differing = differences(told["settings"], json.loads(json.dumps(settings)))
    if differing:
        raise ValueError(
            f"{path} belongs to a run with other settings ({differing}): delete it to start over"
        )
    return Checkpoint(tensors["losses"].tolist(), told["sampler"], tensors, told["optimizer"])

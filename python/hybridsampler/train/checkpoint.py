"""A training run on disk: one safetensors file, written whole, checked when read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from hybridsampler.files import written_whole
from hybridsampler.states import differences

FORMAT = "hybridsampler-checkpoint-1"


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
    header = {
        "sampler": sampler,
        "settings": settings,
        "optimizer": {"plain": plain, "param_groups": state["param_groups"]},
    }
    metadata = {"format": FORMAT, "header": json.dumps(header)}
    with written_whole(path) as draft:
        save_file({name: value.contiguous() for name, value in tensors.items()}, draft, metadata)


def load_checkpoint(
    path: Path, encoder: nn.Module, optimizer: Optimizer, *, settings: dict[str, Any]
) -> tuple[list[float], dict[str, Any]]:
    """Bring encoder, optimiser and random state to where :func:`save_checkpoint` left them.

    Returns:
        The losses of the steps done, and the state of the sampler.

    Raises:
        ValueError: not a checkpoint, a damaged one, or one of a run with other settings (the
            message says which differ). Nothing has been changed then.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"{path} is not a checkpoint of this version ({FORMAT})")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to start over") from error
    header = json.loads(metadata["header"])
    differing = differences(header["settings"], settings)
    if differing:
        raise ValueError(
            f"{path} belongs to a run with other settings ({differing}): delete it to start over"
        )
    state: dict[int, dict[str, Any]] = {
        int(index): dict(values) for index, values in header["optimizer"]["plain"].items()
    }
    weights = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part == "encoder":
            weights[rest] = value
        elif part == "optimizer":
            index, _, key = rest.partition(".")
            state.setdefault(int(index), {})[key] = value
    encoder.load_state_dict(weights)
    optimizer.load_state_dict({"state": state, "param_groups": header["optimizer"]["param_groups"]})
    torch.set_rng_state(tensors["random.cpu"])
    for device in range(torch.cuda.device_count()):
        if f"random.cuda.{device}" in tensors:
            torch.cuda.set_rng_state(tensors[f"random.cuda.{device}"], device)
    return tensors["losses"].tolist(), header["sampler"]

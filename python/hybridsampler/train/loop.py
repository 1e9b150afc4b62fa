"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from hybridsampler.pairs import PairDataset, check_pairs
from hybridsampler.plan import BatchPlan, whole
from hybridsampler.sampler import HybridBatchSampler
from hybridsampler.train.checkpoint import check_plain, read_checkpoint, save_checkpoint
from hybridsampler.train.losses import info_nce


@dataclass(frozen=True, slots=True)
class Training:
    """How long and how to train.

    Args:
        steps: batches to train on.
        temperature: of InfoNCE.
        decay: ``True``: the learning rate falls linearly from the optimiser's to 0.
        checkpoint: file to go on from, if it exists, and to save to. ``None``: no checkpoints.
        checkpoint_every: steps between two checkpoints.

    Raises:
        ValueError: a number that is not positive, or infinite.
        TypeError: steps that are no whole number.
    """

    steps: int
    temperature: float = 0.05
    decay: bool = True
    checkpoint: Path | None = None
    checkpoint_every: int = 1000

    def __post_init__(self) -> None:
        """Check the numbers, and keep Python's own: a checkpoint holds no others."""
        for name in ("steps", "checkpoint_every"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        for name in ("steps", "temperature", "checkpoint_every"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)!r}: give a positive number")
        object.__setattr__(self, "temperature", float(self.temperature))


def train(
    encoder: nn.Module,
    pairs: PairDataset,
    plan: BatchPlan,
    optimizer: Optimizer,
    training: Training,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    depends_on: Mapping[str, Any] | None = None,
) -> list[float]:
    """Train ``encoder`` on the batches of ``plan`` with InfoNCE and in-batch negatives.

    The same arguments give the same losses on one machine. A run that is killed and started again
    with its checkpoint goes on as if nothing had happened: step, weights, optimiser and random
    state are in it.

    Args:
        encoder: maps a list of what ``pairs`` holds (texts, say) to (n, d) vectors; used for both
            queries and passages.
        pairs: items are ``(query, passage)``, or mappings with these keys; the hard negatives of a
            plan that has some follow, as :class:`PairDataset` gives them.
        plan: the global batches.
        optimizer: over the encoder's parameters, at the initial learning rate.
        training: how long, and where to save.
        on_step: called with the number of steps done and the loss of the last.
        depends_on: what else the run depends on and cannot be seen from here, such as the files
            that the texts come from; plain values. A checkpoint where it differs is refused, as
            one of another encoder (by its ``repr``), optimiser, plan or training is.

    Returns:
        The loss of every step, those before a resume included.

    Raises:
        ValueError: pairs of another number of rows than the plan's; several processes of
            ``torch.distributed``; a checkpoint of another run; what no checkpoint can hold in
            ``depends_on`` or the optimizer, where one is to be written.
        FloatingPointError: a loss that is NaN or infinite.
    """
    check_pairs(pairs, plan.corpus)
    sampler = HybridBatchSampler(plan, steps_per_epoch=training.steps)
    if sampler.num_replicas > 1:
        raise ValueError(
            f"train works in one process, and this is one of {sampler.num_replicas}: their batches "
            "would not be gathered. Call it in one, or use a trainer with HybridBatchSampler"
        )
    rates = [group["lr"] for group in optimizer.param_groups]
    groups = [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    settings = {
        "steps": training.steps,
        "temperature": training.temperature,
        "decay": training.decay,
        "encoder": repr(encoder),
        "optimizer": f"{type(optimizer).__name__} {groups!r}",
        "depends_on": dict(depends_on or {}),
    }
    if training.checkpoint is not None:
        check_plain("depends_on", settings["depends_on"])
        check_plain("optimizer.param_groups", groups)
    losses: list[float] = []
    if training.checkpoint is not None and training.checkpoint.exists():
        saved = read_checkpoint(training.checkpoint, settings)
        try:
            sampler.load_state_dict(saved.sampler)
        except ValueError as error:
            raise ValueError(
                f"{training.checkpoint}: {error}, or delete it to start over"
            ) from error
        saved.restore(encoder, optimizer)
        losses = saved.losses
        if len(losses) == training.steps:
            return losses

    # A generator of its own: the loader would draw from the one that dropout uses.
    loader: DataLoader[Any] = DataLoader(
        pairs,  # type: ignore[arg-type]  # map-style by protocol, not by inheritance
        batch_sampler=sampler,
        collate_fn=_columns,
        generator=torch.Generator(),
    )
    encoder.train()
    for queries, passages in loader:
        left = 1 - len(losses) / training.steps if training.decay else 1.0
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * left
        loss = info_nce(encoder(queries), encoder(passages), training.temperature)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

        losses.append(loss.item())
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss of step {len(losses) - 1} is {losses[-1]}: lower the learning rate or "
                "raise the temperature"
            )
        on_step(len(losses), losses[-1])
        last = len(losses) == training.steps
        if training.checkpoint and (last or len(losses) % training.checkpoint_every == 0):
            save_checkpoint(
                training.checkpoint,
                encoder,
                optimizer,
                losses=losses,
                sampler=sampler.state_at(len(losses)),
                settings=settings,
            )
    return losses


def _columns(items: list[Any]) -> tuple[list[Any], list[Any]]:
    """Queries, and the passages of all of them followed by their hard negatives."""
    if isinstance(items[0], Mapping):
        negatives = [name for name in items[0] if name.startswith("negative_")]
        items = [tuple(item[name] for name in ("query", "passage", *negatives)) for item in items]
    queries, *passages = zip(*items, strict=True)
    return list(queries), [passage for column in passages for passage in column]

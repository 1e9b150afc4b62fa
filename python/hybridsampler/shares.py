"""Streams, and the shares that a plan promises them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Stream(NamedTuple):
    """Where a step takes its batch from."""

    kind: str
    """``"monolingual"``, ``"cross_lingual"`` or ``"mixed"``."""
    source: str
    """The one source of the batch."""
    language: str | None
    """The one language of a monolingual batch, else ``None``."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares that a balanced plan keeps at every step.

    A category of weight 0 has share 0; a kind or source from which nothing is drawn has no entry.
    """

    kinds: dict[str, float]
    """Of all batches."""
    sources: dict[str, dict[str, float]]
    """By kind: of the batches of that kind."""
    languages: dict[str, dict[str, float]]
    """By source: of its monolingual batches, and of the rows of its mixed batches."""
    pairs: dict[str, dict[tuple[str, str], float]]
    """By source: of its cross-lingual rows, by (query language, passage language).

    Where groups lack languages, each takes turns at its own pairs instead, and only groups that
    lack none keep these shares.
    """

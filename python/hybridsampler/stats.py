"""What a plan reaches: its mix, padding, copies and random negatives, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from hybridsampler.mix import KINDS
from hybridsampler.shares import Shares, Stream
from hybridsampler.weights import ordered_pairs

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a category."""

    expected: float
    """What the mix promises in the long run."""
    reached: float
    """What was counted."""
    count: int
    """Batches, or pairs where pairs are shared out."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The passage key with the most rows, or groups, of a stream."""

    stream: Stream
    """Kind, source and language."""
    key: str
    """The key, or one of the chain that joins the rows."""
    members: int
    """Rows, or groups, of the stream that it joins."""
    limit: int
    """Batches in a pass: the most that can be kept apart."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the first ``steps`` steps of a plan hold. Categories of share 0 are left out."""

    steps: int
    kinds: dict[str, Share]
    """Of all batches."""
    sources: dict[str, dict[str, Share]]
    """By kind: of the batches of that kind."""
    languages: dict[str, dict[str, Share]]
    """By source: of its monolingual batches."""
    pairs: dict[str, dict[tuple[str, str], Share]]
    """By source: of its cross-lingual pairs, by (query language, passage language)."""
    mixed: dict[str, dict[str, Share]]
    """By source: of the pairs of its mixed batches."""
    copies: list[Copies]
    """The largest of each stream that has copies, nearest to its limit first."""
    padding: float | None
    """Real tokens over tokens with every pair as long as the longest of its batch; ``None`` without
    lengths. A cross-lingual pair counts half the tokens of each of its rows."""
    random_negatives: float | None
    """Share of the hard negatives that are random rows, for want of listed ones; ``None`` without
    negatives."""

    def __repr__(self) -> str:
        """Tell the kinds, where all shares would be shown."""
        kinds = (f"{kind} {share.reached:.4f}" for kind, share in self.kinds.items())
        return f"<Stats of {self.steps:,} steps: {', '.join(kinds)}>"


class Expected(NamedTuple):
    """What a plan promises, and what to expect of pairs."""

    shares: Shares
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]]
    """By source: of its ordered pairs in cross-lingual batches, of its languages in mixed ones."""


Counts = tuple[
    Sequence[int],
    Sequence[Sequence[int]],
    Sequence[Sequence[int]],
    Sequence[Sequence[int]],
    Sequence[Sequence[int]],
]


def count(
    steps: int,
    spoken: Mapping[str, Sequence[str]],
    expected: Expected,
    counts: Counts,
    tokens: tuple[int, int] | None,
    copies: list[Copies],
    negatives: tuple[int, int],
) -> Stats:
    """Put names to the numbers of the core.

    Args:
        steps: that were counted.
        spoken: for each source, in order, its languages.
        expected: what the counts stand beside.
        counts: batches of the kinds; of the sources by kind; of the languages by source; pairs of
            cross-lingual, and of mixed, batches by source.
        tokens: real and padded ones.
        copies: of the streams that have some.
        negatives: the random ones, and all.
    """
    kinds, by_kind, languages, pairs, mixed = counts
    shares, names = expected.shares, list(spoken)
    random, wanted = negatives
    return Stats(
        steps=steps,
        kinds=_shares(KINDS, list(shares.kinds.values()), kinds),
        sources=_drawn(
            (kind, _shares(names, list(shares.sources.get(kind, {}).values()), own))
            for kind, own in zip(KINDS, by_kind, strict=True)
        ),
        languages=_drawn(
            (name, _shares(spoken[name], list(shares.languages.get(name, {}).values()), own))
            for name, own in zip(names, languages, strict=True)
        ),
        pairs=_drawn(
            (name, _shares(ordered_pairs(spoken[name]) if own else (), of_pairs, own))
            for name, (of_pairs, _), own in zip(names, expected.pairs, pairs, strict=True)
        ),
        mixed=_drawn(
            (name, _shares(spoken[name], of_languages, own))
            for name, (_, of_languages), own in zip(names, expected.pairs, mixed, strict=True)
        ),
        copies=sorted(copies, key=lambda own: own.members / own.limit, reverse=True),
        padding=None if tokens is None else tokens[0] / tokens[1] if tokens[1] else 1.0,
        random_negatives=random / wanted if wanted else None,
    )


def _shares(
    names: Iterable[Name], expected: Sequence[float], counts: Sequence[int]
) -> dict[Name, Share]:
    """Leave out what is neither expected nor there; nothing is expected where nothing is drawn."""
    total = sum(counts)
    return {
        name: Share(share, number / total if total else 0.0, number)
        for name, share, number in zip(names, expected or [0.0] * len(counts), counts, strict=True)
        if share or number
    }


def _drawn(
    shares: Iterable[tuple[str, dict[Name, Share]]],
) -> dict[str, dict[Name, Share]]:
    """Leave out what nothing was drawn from."""
    return {name: own for name, own in shares if any(share.count for share in own.values())}

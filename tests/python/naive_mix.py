"""The naive oracle of a mix: its shares from the columns, as the documentation has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from corpora import (
    KINDS,
    Columns,
    Label,
    ordered_pairs,
)
from hybridsampler import Mix

# Shares are floats and so is the arithmetic of these tests.
SLACK = 1e-9


@dataclass(frozen=True)
class Naive:
    """Exact shares; categories that are not drawn have none."""

    kinds: dict[str, Fraction]
    sources: dict[str, dict[str, Fraction]]
    languages: dict[str, dict[str, Fraction]]
    pairs: dict[str, dict[tuple[str, str], Fraction]]


def normal(weights: Mapping[Any, float]) -> dict[Any, Fraction]:
    total = sum(map(Fraction, weights.values()))
    return {name: Fraction(weight) / total for name, weight in weights.items() if weight > 0}


def by_size(sizes: Mapping[str, int], temperature: float) -> dict[str, float]:
    return {name: size ** (1 / temperature) for name, size in sizes.items()}


def naive_shares(mix: Mix, data: Columns) -> Naive:
    kinds = {"monolingual": mix.monolingual, "cross_lingual": mix.cross_lingual, "mixed": mix.mixed}
    if isinstance(mix.sources, Mapping):
        sources = dict(mix.sources)
    elif mix.sources == "uniform":
        sources = dict.fromkeys(data.sizes, 1.0)
    else:
        rows = {name: size.groups * len(size.languages) for name, size in data.sizes.items()}
        sources = by_size(rows, mix.source_temperature)
    several = {
        name: weight for name, weight in sources.items() if len(data.sizes[name].languages) > 1
    }
    if isinstance(mix.languages, Mapping):
        languages = dict(mix.languages)
    elif mix.languages == "uniform":
        languages = dict.fromkeys(data.language, 1.0)
    else:
        spoken = {name: list(data.language).count(name) for name in data.language}
        languages = by_size(spoken, mix.language_temperature)
    pairs: Mapping[tuple[str, str], float] = (
        mix.pairs
        if isinstance(mix.pairs, Mapping)
        else dict.fromkeys(ordered_pairs(list(languages)), 1.0)
    )
    return Naive(
        kinds=normal(kinds),
        sources={
            kind: normal(several if kind == "cross_lingual" else sources)
            for kind in KINDS
            if kinds[kind] > 0
        },
        languages={
            name: normal({language: languages[language] for language in size.languages})
            for name, size in data.sizes.items()
            if sources[name] > 0
        },
        pairs={
            name: normal({pair: pairs.get(pair, 0.0) for pair in ordered_pairs(size.languages)})
            for name, size in data.sizes.items()
            if several.get(name, 0.0) > 0
        }
        if mix.cross_lingual > 0
        else {},
    )


def stated(told: Mapping[Any, float], exact: Mapping[Any, Fraction]) -> dict[Any, float]:
    """What the plan is held to: the exact shares, or with many unequal ones what it tells."""
    if len(told) <= 4 or len(set(exact.values())) == 1:
        return {name: float(share) for name, share in exact.items()}
    return {name: share for name, share in told.items() if share > 0}


def rows_of(
    data: Columns, batches: Any, labels: list[Label], stream: tuple[str, str]
) -> list[tuple[str, str]]:
    """(query language, passage language) of all pairs of a kind and source, in turn."""
    return [
        pair
        for batch, label in zip(batches, labels, strict=True)
        if label[:2] == stream
        for pair in data.languages_of(batch)
    ]

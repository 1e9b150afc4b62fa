"""A mix by names -> weights by numbers, over a given corpus."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hybridsampler.corpus import ParallelCorpus
from hybridsampler.mix import Mix


@dataclass(frozen=True, slots=True)
class Weights:
    """The numbers of a mix over a corpus.

    ``kinds`` has one weight for each kind; ``sources`` for each kind one for each source;
    ``languages`` for each source one for each of its languages; ``pairs`` for each source one for
    each ordered pair of its languages, query first, in the order of :func:`ordered_pairs`, and none
    where no batch is cross-lingual: many languages have very many pairs.
    """

    kinds: tuple[float, float, float]
    sources: tuple[list[float], list[float], list[float]]
    languages: list[list[float]]
    pairs: list[list[float]]


def ordered_pairs(languages: Iterable[str]) -> list[tuple[str, str]]:
    """All (query language, passage language) of different languages, query first."""
    names = list(languages)
    return [(query, passage) for query in names for passage in names if query != passage]


def resolve(mix: Mix, corpus: ParallelCorpus) -> Weights:
    """Weigh the languages, sources and pairs of ``corpus`` as ``mix`` says.

    Raises:
        ValueError: a name that the corpus lacks, a language or source without a weight, or a
            source that is left with nothing to draw.
    """
    spoken, rows = corpus.source_languages, corpus.source_rows
    parallel = {
        name for name, groups in corpus.source_groups.items() if sum(rows[name].values()) > groups
    }
    languages = _by_name(mix, corpus)
    sources = _source_weights(mix, corpus)
    pairs = _pair_weights(mix, corpus)
    resolved = Weights(
        kinds=mix.kinds,
        sources=(
            list(sources.values()),
            [sources[name] if name in parallel else 0.0 for name in corpus.sources],
            list(sources.values()),
        ),
        languages=[[languages[name] for name in spoken[source]] for source in corpus.sources],
        pairs=[
            [1.0 if pairs is None else pairs[pair] for pair in ordered_pairs(spoken[source])]
            if mix.cross_lingual > 0
            else []
            for source in corpus.sources
        ],
    )
    _check_drawable(mix, corpus, resolved)
    return resolved


def _by_name(mix: Mix, corpus: ParallelCorpus) -> dict[str, float]:
    if isinstance(mix.languages, Mapping):
        _check_names("language", mix.languages, corpus.languages)
        return {name: float(mix.languages[name]) for name in corpus.languages}
    if mix.languages == "uniform":
        return dict.fromkeys(corpus.languages, 1.0)
    rows = corpus.source_rows.values()
    return {
        name: _tempered(sum(source.get(name, 0) for source in rows), mix.language_temperature)
        for name in corpus.languages
    }


def _source_weights(mix: Mix, corpus: ParallelCorpus) -> dict[str, float]:
    if isinstance(mix.sources, Mapping):
        _check_names("source", mix.sources, corpus.sources)
        return {name: float(mix.sources[name]) for name in corpus.sources}
    if mix.sources == "uniform":
        return dict.fromkeys(corpus.sources, 1.0)
    return {
        name: _tempered(sum(rows.values()), mix.source_temperature)
        for name, rows in corpus.source_rows.items()
    }


def _pair_weights(mix: Mix, corpus: ParallelCorpus) -> dict[tuple[str, str], float] | None:
    """By pair; ``None``: all weigh the same."""
    if not isinstance(mix.pairs, Mapping):
        return None
    every = ordered_pairs(corpus.languages)
    known = set(every)
    for pair in mix.pairs:
        if pair not in known:
            raise ValueError(
                f"pairs: {pair!r} is not an ordered pair of two of the languages "
                f"{', '.join(corpus.languages)}"
            )
    return {pair: float(mix.pairs.get(pair, 0.0)) for pair in every}


def _check_names(what: str, given: Mapping[str, float], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}: the corpus has {', '.join(known)}")
    for name in known:
        if name not in given:
            raise ValueError(f"{what} {name!r} has no weight: name every {what}, if need be with 0")


def _check_drawable(mix: Mix, corpus: ParallelCorpus, weights: Weights) -> None:
    """A kind with a weight needs a source, and a source with a weight something to draw."""
    inner = (weights.languages, weights.pairs, weights.languages)
    words = ("languages", "pairs", "languages")
    for kind, wanted, sources, drawn, word in zip(
        ("monolingual", "cross_lingual", "mixed"),
        mix.kinds,
        weights.sources,
        inner,
        words,
        strict=True,
    ):
        if wanted == 0:
            continue
        if not any(sources):
            raise ValueError(
                f"{kind} batches need a source of two or more languages with a positive weight, "
                f"but the languages are {', '.join(corpus.languages)}: give {kind} weight 0"
            )
        for name, weight, each in zip(corpus.sources, sources, drawn, strict=True):
            if weight > 0 and not any(each):
                raise ValueError(
                    f"source {name!r} has weight {weight:g} in {kind} batches but all its {word} "
                    f"have weight 0: give one of {', '.join(corpus.source_languages[name])} a "
                    "positive weight or the source weight 0"
                )


def _tempered(size: int, temperature: float) -> float:
    """``size ** (1 / temperature)``, to 12 digits: the last ones differ between platforms."""
    if temperature == 1:
        return float(size)
    try:
        if math.isinf(1 / temperature):
            raise OverflowError
        return float(f"{size ** (1 / temperature):.12g}")
    except OverflowError as error:
        raise ValueError(
            f"temperature {temperature}: {size} ** (1 / temperature) is beyond float64; give one "
            "nearer to 1"
        ) from error

"""Which kinds of batches, languages and sources come, and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

KINDS = ("monolingual", "cross_lingual", "mixed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """The weights of a hybrid batch mix. Only ratios matter: they need not sum to 1.

    ``Mix(monolingual=0.5, cross_lingual=0.5)`` is the hybrid of arXiv 2408.10536 with alpha 0.5,
    ``Mix(monolingual=1)`` its X-X-mono and ``Mix(cross_lingual=1)`` its X-Y.

    Args:
        monolingual: weight of batches in one language (X-X-mono).
        cross_lingual: weight of batches whose pairs have query and passage in different
            languages (X-Y).
        mixed: weight of batches whose pairs are each in one language, which varies (X-X).
        languages: of monolingual and mixed batches: ``"uniform"`` (the paper's), ``"size"`` (by
            the rows of a language in the corpus) or a weight for each language of the corpus.
        language_temperature: with ``"size"``: weights are size ** (1 / temperature).
        sources: ``"size"`` (by rows, the paper's), ``"uniform"`` or a weight for each source.
            A source without groups in two languages takes no part in cross-lingual batches.
        source_temperature: with ``"size"``: weights are size ** (1 / temperature).
        pairs: of cross-lingual batches: ``"uniform"`` over the ordered pairs (query language,
            passage language), or weights; pairs that are not named have weight 0.
        draws: ``"balanced"``: at every step each share is met to within one batch.
            ``"random"``: independent draws, as the paper's text has it.

    Raises:
        ValueError: a weight that is negative, NaN, infinite or no number, weights that are all 0, a
            temperature that is not positive or of no sizes, an unknown word.
    """

    monolingual: float = 0.0
    cross_lingual: float = 0.0
    mixed: float = 0.0
    languages: Literal["uniform", "size"] | Mapping[str, float] = "uniform"
    language_temperature: float = 1.0
    sources: Literal["uniform", "size"] | Mapping[str, float] = "size"
    source_temperature: float = 1.0
    pairs: Literal["uniform"] | Mapping[tuple[str, str], float] = "uniform"
    draws: Literal["balanced", "random"] = "balanced"

    def __post_init__(self) -> None:
        """Check every value and take copies of the mappings."""
        check_weights("Mix", dict(zip(KINDS, self.kinds, strict=True)))
        for name, words in (
            ("languages", ("uniform", "size")),
            ("sources", ("uniform", "size")),
            ("pairs", ("uniform",)),
        ):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                check_weights(name, value)
                # Equal mixes look equal, in a saved state too.
                plain = {_plain(key): float(weight) + 0.0 for key, weight in value.items()}
                ordered = {key: plain[key] for key in sorted(plain, key=repr)}
                object.__setattr__(self, name, ordered)
            elif not isinstance(value, str) or value not in words:
                raise ValueError(_unknown(name, value, (*words, "a mapping of weights")))
        for name, tempered in (
            ("language_temperature", "languages"),
            ("source_temperature", "sources"),
        ):
            value = getattr(self, name)
            if not (_finite(value) and value > 0):
                raise ValueError(f"{name}={value!r}: a temperature is a positive number")
            if value != 1 and getattr(self, tempered) != "size":
                raise ValueError(
                    f"{name}={value!r} changes sizes alone: give {tempered}='size', or leave it out"
                )
            object.__setattr__(self, name, float(value))
        for name in KINDS:
            object.__setattr__(self, name, float(getattr(self, name)) + 0.0)
        if self.draws not in ("balanced", "random"):
            raise ValueError(_unknown("draws", self.draws, ("balanced", "random")))

    def __hash__(self) -> int:
        """Hash by value: equal mixes look equal."""
        return hash(repr(self))

    @property
    def kinds(self) -> tuple[float, float, float]:
        """The weights of the kinds, in the order of :data:`KINDS`."""
        return (self.monolingual, self.cross_lingual, self.mixed)


Named = Mapping[str, float] | Mapping[tuple[str, str], float]


def check_weights(name: str, weights: Named) -> None:
    """Raise ``ValueError`` unless all weights are finite and not negative, and one is positive."""
    for key, weight in weights.items():
        if not (_finite(weight) and weight >= 0):
            raise ValueError(f"{name}: weight {weight!r} of {key!r}: give a number of 0 or more")
    if not any(weight > 0 for weight in weights.values()):
        raise ValueError(f"{name}: all weights are 0: give at least one a positive weight")


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except (OverflowError, TypeError):  # an integer beyond any float; no number
        return False


def _plain(key: Any) -> Any:
    """Names as plain strings: NumPy's look different in a saved state."""
    if isinstance(key, tuple):
        return tuple(map(_plain, key))
    return str(key) if isinstance(key, str) else key


def _unknown(name: str, value: object, known: tuple[str, ...]) -> str:
    return f"{name}={value!r}: choose one of {', '.join(known)}"

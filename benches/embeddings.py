"""The vectors that the scorer's benches rank: three seeded sets, and what belongs together in them.

A retriever's vectors are not Gaussian: they share a mean and a few dimensions that are large in
every row, their spectrum decays, and what is confused is what is related. So a candidate is the sum
of its article, its topic, its language, noise of its own and the shared mean; a query is the same
of its topic; both are divided by their norms. Eleven translations make a topic, five topics an
article. What the sets are named after is their mAP at 2,000 queries and 13,000 candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

LANGUAGES = 11
TOPICS_AN_ARTICLE = 5
OUTLIERS = 3

Kind = Literal["gaussian", "retriever", "hard"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Integers = NDArray[np.int64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How far vectors lie from what they are about; standard deviations, an article's being 1."""

    topic: float
    """Of the topics of an article."""
    candidate: float
    """Of the translations of a topic."""
    query: float
    """Of the queries of a topic."""


# Chosen once for an mAP of .6 and .2.
RETRIEVER = Encoder(topic=0.5, candidate=1.1, query=2.0)
HARD = Encoder(topic=0.05, candidate=1.1, query=2.4)
LANGUAGE = 0.3
MEAN = 1.5
OUTLIER = 10.0
DECAY = 0.35


@dataclass(frozen=True)
class Work:
    """Vectors and relevance: every query has the same number of relevant candidates."""

    queries: Vectors
    """(Q, d)."""
    candidates: Vectors
    """(N, d)."""
    relevant: Integers
    """(Q, R), candidates."""

    @classmethod
    def make(cls, kind: Kind, queries: int, candidates: int, dimension: int) -> Work:
        """One of the three sets; a topic lacks no translation, so up to 10 candidates have none."""
        random = np.random.default_rng(0)
        if kind == "gaussian":
            relevant = [random.choice(candidates, LANGUAGES, replace=False) for _ in range(queries)]
            return cls(
                random.standard_normal((queries, dimension), np.float32),
                random.standard_normal((candidates, dimension), np.float32),
                np.array(relevant, np.int64),
            )
        topic = np.arange(queries) % (candidates // LANGUAGES)
        vectors = encoded(
            RETRIEVER if kind == "retriever" else HARD,
            (topic, random.integers(LANGUAGES, size=queries)),
            (np.arange(candidates) // LANGUAGES, np.arange(candidates) % LANGUAGES),
            dimension,
        )
        return cls(*vectors, topic[:, None] * LANGUAGES + np.arange(LANGUAGES))

    def save(self, folder: Path) -> None:
        folder.mkdir()
        for name in ("queries", "candidates", "relevant"):
            np.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Work:
        return cls(
            *(np.load(folder / f"{name}.npy") for name in ("queries", "candidates", "relevant"))
        )

    @cached_property
    def languages(self) -> list[str]:
        """(N,), one for each translation of a topic."""
        names = [f"language {number}" for number in range(LANGUAGES)]
        return [names[number % LANGUAGES] for number in range(len(self.candidates))]


def encoded(
    encoder: Encoder,
    queries: tuple[Integers, Integers],
    candidates: tuple[Integers, Integers],
    dimension: int,
) -> tuple[Vectors, Vectors]:
    """Vectors of queries and candidates, each given as the topic and the language of every row."""
    random = np.random.default_rng(1)
    spectrum = random.permutation((1.0 + np.arange(dimension)) ** -DECAY).astype(np.float32)
    spectrum /= np.sqrt((spectrum**2).mean())

    def drawn(rows: int) -> Vectors:
        return random.standard_normal((rows, dimension), np.float32) * spectrum

    centre = MEAN * drawn(1)
    centre[0, random.choice(dimension, OUTLIERS, replace=False)] += OUTLIER
    topics = 1 + max(int(queries[0].max()), int(candidates[0].max()))
    articles = drawn(-(-topics // TOPICS_AN_ARTICLE))
    topic = articles[np.arange(topics) // TOPICS_AN_ARTICLE] + encoder.topic * drawn(topics)
    language = LANGUAGE * drawn(1 + max(int(queries[1].max()), int(candidates[1].max())))

    def rows(of: tuple[Integers, Integers], noise: float) -> Vectors:
        vectors: Vectors = topic[of[0]] + language[of[1]] + noise * drawn(len(of[0])) + centre
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    return rows(queries, encoder.query), rows(candidates, encoder.candidate)

"""BatchPlan: step -> the pairs of its global batch."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from hybridsampler import _core
from hybridsampler.corpus import ParallelCorpus
from hybridsampler.mix import KINDS, Mix
from hybridsampler.shares import Shares, Stream
from hybridsampler.stats import Copies, Expected, Stats, count
from hybridsampler.weights import ordered_pairs, resolve

# Raised whenever a plan of the same inputs would give other batches.
PLAN_VERSION = 2


class BatchPlan:
    """Step -> pairs: a pure function of (corpus, mix, batch size, seed, step).

    ``plan[t]`` is a ``(batch_size, 2)`` int64 array of query rows and passage rows, for any step
    ``t >= 0`` in any order; ``plan[a:b]`` is ``(b - a, batch_size, 2)``, the same batches at full
    speed. The plan has no end. Nothing else changes a batch: not workers, ranks, processes or what
    was asked before. With ``negatives=k`` a pair takes ``2 + k`` numbers: its hard negatives
    follow.

    A batch has one kind and one source, and no two of its pairs share a group or a passage key.

    Args:
        corpus: what there is to draw.
        mix: what to draw, and how often.
        batch_size: pairs of a global batch, over all ranks.
        seed: ``0 <= seed < 2**64``.
        excess: what to do when more rows of a stream share a passage key than a pass over the
            stream has batches: ``"error"``, or ``"rotate"``: leave the surplus out, in turn.
        negatives: hard negatives of each pair, at most 64: the next of the list of its query that
            are outside the classes of the batch. A query's place in its list moves on by as many
            with each of its turns in a stream; in cross-lingual and mixed batches of a group that
            lacks no language, with each turn of the group. Where the list has too few, random rows
            of the passage's language fill in; :meth:`stats` counts them.

    Raises:
        ValueError: a mix that the corpus cannot serve (unknown names, one language and a
            cross-lingual mix, a stream with fewer rows or groups than the batch size), a passage
            key with too many rows, a seed out of range; negatives of a corpus without lists of
            them, or more than rows are left for.
        TypeError: what is no corpus or no mix; a batch size, seed or number of negatives that is no
            whole number.
    """

    def __init__(
        self,
        corpus: ParallelCorpus,
        mix: Mix,
        batch_size: int,
        seed: int = 0,
        *,
        excess: Literal["error", "rotate"] = "error",
        negatives: int = 0,
    ) -> None:
        """Resolve the mix and check that every stream fills a batch and keeps its keys apart."""
        if not isinstance(corpus, ParallelCorpus):
            raise TypeError(
                f"the corpus is a {type(corpus).__name__}: give "
                "ParallelCorpus.from_columns(group=..., language=...)"
            )
        if not isinstance(mix, Mix):
            raise TypeError(
                f"the mix is a {type(mix).__name__}: give Mix(monolingual=0.5, cross_lingual=0.5)"
            )
        seed, batch_size = whole("seed", seed), whole("batch_size", batch_size)
        negatives = whole("negatives", negatives)
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed={seed}: a seed is an integer from 0 to 2**64 - 1")
        if not 1 <= batch_size < 2**63:
            raise ValueError(f"batch_size={batch_size}: give at least 1 and less than 2**63")
        if excess not in ("error", "rotate"):
            raise ValueError(f"excess={excess!r}: choose 'error' or 'rotate'")
        if not 0 <= negatives <= 64:
            raise ValueError(f"negatives={negatives}: give 0 to 64 hard negatives a pair")
        self._corpus = corpus
        # A copy: the mappings that the caller's mix holds can be changed.
        self._mix = dataclasses.replace(mix)
        self._excess = excess
        self._negatives = negatives
        self._lent = corpus._lent(negatives=negatives > 0)
        self._batch_size = batch_size
        self._seed = seed
        # Up to here positions inside a stream, which count pairs, fit 64 bits.
        self._end = 2**63 // self._batch_size
        self._mix_text = repr(mix)
        weights = resolve(mix, corpus)
        self._core = _core.Plan(
            corpus._core,
            weights.kinds,
            weights.sources,
            weights.languages,
            weights.pairs,
            mix.draws == "random",
            self._batch_size,
            self._seed,
            excess == "rotate",
            self._negatives,
            lambda _, row: corpus.passage_key_of(row),
        )

    def __getitem__(self, step: SupportsIndex | slice) -> NDArray[np.int64]:
        """Return the pairs of a step, or of a run of steps.

        Raises:
            IndexError: a step below 0, or so far that pairs no longer count in 63 bits; a slice
                without an end, or with a stride.
            ValueError: negatives that were changed to what is no list of rows of the source.
            MemoryError: more batches than fit.
        """
        if isinstance(step, slice):
            first, last = self._bounds(step)
            return self._batches(first, last - first)
        batch: NDArray[np.int64] = self._batches(self._checked(step), 1)[0]
        return batch

    def codes(self, steps: slice, places: range) -> NDArray[np.int64]:
        """Return the pairs at some places of a run of steps, each as the integer for PairDataset.

        A list of integers is four times as fast to make, and to send to workers, as one of tuples.

        Args:
            steps: ``slice(a, b)``.
            places: which pairs of a batch, ``range(begin, end)``; a rank's own are a part.

        Returns:
            ``(b - a, end - begin)`` integers. Of one row, query and passage, it is the row; of two
            it is the rows of the corpus, plus query row times these, plus passage row.

        Raises:
            IndexError: as for ``plan[a:b]``; places outside a batch.
            ValueError: a plan with negatives; more than 3,037,000,499 rows, whose pairs would leave
                64 bits.
            MemoryError: more batches than fit.
        """
        first, last = self._bounds(steps)
        if not 0 <= places.start <= places.stop <= self._batch_size or places.step != 1:
            raise IndexError(f"{places}: the places of a batch are in range(0, {self._batch_size})")
        codes = _empty(last - first, len(places))
        own = (places.start, places.stop)
        self._core.fill_codes(first, own, self._lent, codes.reshape(-1), None)
        return codes

    def _batches(self, first: int, count: int) -> NDArray[np.int64]:
        pairs = _empty(count, self._batch_size, self.width)
        self._core.fill(first, self._lent, pairs.reshape(-1), None)
        return pairs

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of."""
        given = (self._corpus, self._mix, self._batch_size, self._seed)
        return _rebuilt, (given, self._excess, self._negatives)

    def __repr__(self) -> str:
        """Describe the inputs."""
        return (
            f"BatchPlan({self._corpus!r}, {self._mix!r}, batch_size={self._batch_size}, "
            f"seed={self._seed}, excess={self._excess!r}, negatives={self._negatives})"
        )

    @property
    def corpus(self) -> ParallelCorpus:
        """The corpus it draws from."""
        return self._corpus

    @property
    def batch_size(self) -> int:
        """Pairs of a global batch."""
        return self._batch_size

    @property
    def width(self) -> int:
        """Numbers of a pair: query row, passage row and hard negatives."""
        return 2 + self._negatives

    @property
    def shares(self) -> Shares:
        """The shares in force, after rounding."""
        kinds, sources, languages, pairs = self._core.shares()
        names, spoken = self._corpus.sources, self._corpus.source_languages
        return Shares(
            kinds=dict(zip(KINDS, kinds, strict=True)),
            sources={
                kind: dict(zip(names, shares, strict=True))
                for kind, shares in zip(KINDS, sources, strict=True)
                if shares
            },
            languages={
                name: dict(zip(spoken[name], shares, strict=True))
                for name, shares in zip(names, languages, strict=True)
                if shares
            },
            pairs={
                name: dict(zip(ordered_pairs(spoken[name]), shares, strict=True))
                for name, shares in zip(names, pairs, strict=True)
                if shares
            },
        )

    def stream(self, step: SupportsIndex) -> Stream:
        """Return the kind, source and language of a step's batch."""
        return self._named(*self._core.stream(self._checked(step)))

    def _named(self, kind: str, source: int, slot: int | None) -> Stream:
        name = self._corpus.sources[source]
        spoken = self._corpus.source_languages[name]
        return Stream(kind, name, None if slot is None else spoken[slot])

    def stats(self, steps: int) -> Stats:
        """Count what the first ``steps`` steps hold, beside what is to be expected.

        Where groups lack languages, the expected shares of pairs follow from what they have.

        Raises:
            ValueError: a number of steps below 1.
            IndexError: more steps than there are.
        """
        steps = whole("steps", steps)
        if steps < 1:
            raise ValueError(f"steps={steps}: count at least 1 step")
        self._checked(steps - 1)
        copies = [
            Copies(self._named(*stream), self._corpus.passage_key_of(row), members, limit)
            for stream, members, limit, row in self._core.limits()
        ]
        counts, tokens, random = self._core.reached(steps, self._lent)
        expected = Expected(self.shares, self._core.expected())
        spoken = self._corpus.source_languages
        negatives = steps * self._batch_size * self._negatives
        return count(steps, spoken, expected, counts, tokens, copies, (random, negatives))

    @property
    def identity(self) -> dict[str, Any]:
        """What the batches depend on, besides the step: saved with a sampler's state."""
        return {
            "plan_version": PLAN_VERSION,
            "corpus": self._corpus.fingerprint,
            "mix": self._mix_text,
            "batch_size": self._batch_size,
            "seed": self._seed,
            "excess": self._excess,
            "negatives": self._negatives,
        }

    def _checked(self, step: SupportsIndex) -> int:
        number = operator.index(step)
        if not 0 <= number < self._end:
            raise IndexError(
                f"step {number}: steps count from 0 and have no end before {self._end}"
            )
        return number

    def _bounds(self, steps: slice) -> tuple[int, int]:
        first = 0 if steps.start is None else operator.index(steps.start)
        if steps.stop is None or steps.step not in (None, 1):
            raise IndexError(f"plan[{steps.start}:{steps.stop}:{steps.step}]: ask for plan[a:b]")
        last = operator.index(steps.stop)
        if not (0 <= first <= self._end and 0 <= last <= self._end):
            raise IndexError(
                f"plan[{first}:{last}]: steps count from 0 and have no end before {self._end}"
            )
        return first, max(first, last)


def whole(name: str, value: SupportsIndex) -> int:
    """Return a whole number as Python's own.

    Raises:
        TypeError: a number of another kind, such as 128 / 2.
    """
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name}={value!r}: give a whole number, as int") from error


def _empty(*shape: int) -> NDArray[np.int64]:
    try:
        return np.empty(shape, np.int64)
    except ValueError as error:  # NumPy's for more bytes than an address can have
        raise MemoryError(f"{shape[0]} batches are more than any memory holds") from error


def _rebuilt(given: tuple[Any, ...], excess: Any, negatives: int) -> BatchPlan:
    return BatchPlan(*given, excess=excess, negatives=negatives)

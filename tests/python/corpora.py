"""Random complete corpora, the naive reading of a batch from the rows' own columns, statistics."""

import math
import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler import BatchPlan, Mix, ParallelCorpus

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh", "fr")
KINDS = ("monolingual", "cross_lingual", "mixed")
SOURCES = ("wiki", "news", "law", "talks")


class Label(NamedTuple):
    """What a batch is, read from its rows."""

    kind: str
    source: str
    language: str | None


class Size(NamedTuple):
    """The groups and languages of a source."""

    groups: int
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The columns of a complete corpus, one entry a row."""

    group: Sequence[str] | Sequence[int]
    language: Sequence[str]
    source: Sequence[str] | None

    @cached_property
    def corpus(self) -> ParallelCorpus:
        return ParallelCorpus.from_columns(
            group=self.group, language=self.language, source=self.source
        )

    def __len__(self) -> int:
        return len(self.group)

    def source_of(self, row: int) -> str:
        return "all" if self.source is None else self.source[row]

    @cached_property
    def sizes(self) -> dict[str, Size]:
        """Each source with its groups and languages."""
        groups: dict[str, set[str | int]] = {}
        languages: dict[str, set[str]] = {}
        for row in range(len(self)):
            groups.setdefault(self.source_of(row), set()).add(self.group[row])
            languages.setdefault(self.source_of(row), set()).add(self.language[row])
        return {
            name: Size(len(groups[name]), tuple(sorted(languages[name]))) for name in sorted(groups)
        }

    @property
    def smallest(self) -> int:
        """The groups of the smallest source: the largest batch size that every stream fills."""
        return min(size.groups for size in self.sizes.values())

    def groups_of(self, batch: NDArray[np.int64]) -> list[str | int]:
        """The groups of a batch in its order; checks the pairs are translations."""
        groups = []
        for query, passage in batch.tolist():
            assert self.group[query] == self.group[passage]
            groups.append(self.group[query])
        return groups

    def languages_of(self, batch: NDArray[np.int64]) -> list[tuple[str, str]]:
        """(query language, passage language) of each pair."""
        return [(self.language[query], self.language[passage]) for query, passage in batch.tolist()]

    def classify(self, batch: NDArray[np.int64]) -> Label:
        """Kind, source and language of a batch; fails unless it has exactly one of each.

        A mixed batch whose rows happen to be of one language reads as monolingual.
        """
        sources = {self.source_of(row) for row in batch.ravel().tolist()}
        assert len(sources) == 1
        source = sources.pop()
        languages = self.languages_of(batch)
        if all(query != passage for query, passage in languages):
            return Label("cross_lingual", source, None)
        assert (batch[:, 0] == batch[:, 1]).all()
        if len(set(languages)) > 1:
            return Label("mixed", source, None)
        return Label("monolingual", source, languages[0][0])


def regular(
    groups: int,
    languages: Sequence[str],
    source: str | None = None,
    *,
    order: int | None = None,
    prefix: str = "g",
) -> Columns:
    """One source: sorted by group, or shuffled by the seed ``order``."""
    rows = [(f"{prefix}{g:06}", language) for g in range(groups) for language in languages]
    if order is not None:
        random.Random(order).shuffle(rows)
    return Columns(
        [group for group, _ in rows],
        [language for _, language in rows],
        None if source is None else [source] * len(rows),
    )


def joined(*parts: Columns, order: int | None = None) -> Columns:
    """Several sources in one corpus, shuffled by the seed ``order``."""
    rows = [
        (str(part.group[row]), part.language[row], part.source_of(row))
        for part in parts
        for row in range(len(part))
    ]
    if order is not None:
        random.Random(order).shuffle(rows)
    return Columns(*(list(column) for column in zip(*rows, strict=True)))


@st.composite
def columns(
    draw: st.DrawFn,
    *,
    sources: tuple[int, int] = (1, 4),
    languages: tuple[int, int] = (1, 6),
    groups: tuple[int, int] = (1, 24),
) -> Columns:
    """1-4 sources of different languages and sizes; rows shuffled, by group or by language."""
    sizes = [
        (draw(st.integers(*groups)), draw(_languages(*languages)))
        for _ in range(draw(st.integers(*sources)))
    ]
    seeded = random.Random(draw(st.integers(0, 2**32 - 1)))
    count = sum(size for size, _ in sizes)
    numbers = seeded.sample(range(-5 * count, 5 * count), count)
    rows: list[tuple[int, str, str]] = []
    for name, (size, spoken) in zip(SOURCES, sizes, strict=False):
        own = [numbers.pop() for _ in range(size)]
        rows += [(number, language, name) for number in own for language in spoken]
    order = draw(st.sampled_from(("shuffled", "shuffled", "by group", "by language")))
    if order == "shuffled":
        seeded.shuffle(rows)
    else:
        rows.sort(key=lambda row: (row[2], row[order == "by language"]))
    group: list[int] = [number for number, _, _ in rows]
    strings = draw(st.booleans())
    return Columns(
        [f"group {number}" for number in group] if strings else group,
        [language for _, language, _ in rows],
        None if len(sizes) == 1 and draw(st.booleans()) else [source for _, _, source in rows],
    )


@dataclass(frozen=True)
class Rough(Columns):
    """A corpus whose groups may lack languages and share passage keys."""

    keys: Mapping[str, Sequence[Any]]
    length: Sequence[int] | None = None

    @cached_property
    def corpus(self) -> ParallelCorpus:
        return ParallelCorpus.from_columns(
            group=self.group,
            language=self.language,
            source=self.source,
            passage_key=self.keys or None,
            length=self.length,
        )

    @cached_property
    def classes(self) -> dict[Any, int]:
        """The conflict class of each group: naively, joining until nothing changes."""
        class_of = {group: number for number, group in enumerate(dict.fromkeys(self.group))}
        joined_rows: dict[Any, list[int]] = {}
        for name, keys in self.keys.items():
            for row, key in enumerate(keys):
                if key is not None:
                    joined_rows.setdefault((name, self.source_of(row), key), []).append(row)
        while True:
            before = dict(class_of)
            for rows in joined_rows.values():
                lowest = min(class_of[self.group[row]] for row in rows)
                for row in rows:
                    class_of[self.group[row]] = lowest
            if class_of == before:
                return class_of

    @cached_property
    def versions(self) -> dict[Any, dict[str, int]]:
        """The row of each group by language."""
        versions: dict[Any, dict[str, int]] = {}
        for row, (group, language) in enumerate(zip(self.group, self.language, strict=True)):
            versions.setdefault(group, {})[language] = row
        return versions

    def members(self, label: Label, mix: Mix) -> dict[Any, int]:
        """What a stream draws from: each row, or each group, with its class."""
        return {
            (row if label.language else group): self.classes[group]
            for row, group in enumerate(self.group)
            if self.source_of(row) == label.source
            and (
                self.language[row] == label.language
                if label.language
                else self.choices(group, label.kind, mix)
            )
        }

    def choices(self, group: Any, kind: str, mix: Mix) -> set[tuple[str, str]]:
        """The pairs of languages that a group may be drawn in."""
        spoken = self.versions[group]
        if kind == "cross_lingual":
            weight = dict(mix.pairs) if isinstance(mix.pairs, Mapping) else None
            return {
                pair
                for pair in ordered_pairs(list(spoken))
                if weight is None or weight.get(pair, 0) > 0
            }
        weights = dict(mix.languages) if isinstance(mix.languages, Mapping) else None
        return {(own, own) for own in spoken if weights is None or weights[own] > 0}


@st.composite
def rough(draw: st.DrawFn, *, lengths: bool = False) -> Rough:
    """Columns without some of their rows, with up to two columns of passage keys."""
    data = draw(columns(sources=(1, 3), groups=(2, 24)))
    seeded = random.Random(draw(st.integers(0, 2**32 - 1)))
    missing = draw(st.sampled_from([0.0, 0.2, 0.6]))
    kept = [row for row in range(len(data)) if seeded.random() >= missing] or [0]
    group = [data.group[row] for row in kept]
    names = draw(st.sampled_from([(), ("para",), ("para", "title")]))
    kinds = [draw(st.sampled_from([2, 10, 40])) for _ in names]
    keys = {
        name: [
            None if seeded.random() < 0.5 else f"{seeded.randrange(kind * len(kept)) % (3 * kind)}"
            for _ in kept
        ]
        for name, kind in zip(names, kinds, strict=True)
    }
    return Rough(
        group,  # type: ignore[arg-type]
        [data.language[row] for row in kept],
        None if data.source is None else [data.source[row] for row in kept],
        keys,
        [min(int(seeded.expovariate(1 / 40)), 400) for _ in kept] if lengths else None,
    )


def _languages(fewest: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(LANGUAGES), min_size=fewest, max_size=most, unique=True)


def ordered_pairs(languages: Sequence[str]) -> list[tuple[str, str]]:
    return [(query, passage) for query in languages for passage in languages if query != passage]


# Random mixes that a corpus can serve

WEIGHT = (
    st.sampled_from([1, 2, 3, 7, 1000, 0.5, 0.1, 0.001, 1 / 3, math.pi, math.e, math.sqrt(2)])
    | st.integers(1, 50)
    | st.floats(1e-3, 1e3)
)
WEIGHT_OR_0 = st.just(0.0) | WEIGHT
TEMPERATURE = st.sampled_from([1.0, 1.0, 0.5, 2.0, 3.3, 10.0])


@st.composite
def mixes(draw: st.DrawFn, data: Columns, *, kinds: Sequence[str] = KINDS) -> Mix:
    several = [name for name, size in data.sizes.items() if len(size.languages) > 1]
    possible = [kind for kind in kinds if kind != "cross_lingual" or several]
    weights: dict[str, Any] = {kind: draw(WEIGHT_OR_0) for kind in possible}
    if not any(weights.values()):
        weights[draw(st.sampled_from(possible))] = draw(WEIGHT)
    languages: Any = draw(st.sampled_from(["uniform", "uniform", "size", "given", "given"]))
    sources: Any = draw(st.sampled_from(["size", "size", "uniform", "given", "given"]))
    pairs: Any = draw(st.just("uniform") | _given_pairs(data))
    return Mix(
        **weights,
        languages=draw(_given_languages(data)) if languages == "given" else languages,
        language_temperature=draw(TEMPERATURE) if languages == "size" else 1,
        sources=draw(_given_sources(data, several)) if sources == "given" else sources,
        source_temperature=draw(TEMPERATURE) if sources == "size" else 1,
        pairs=pairs,
    )


@st.composite
def _given_languages(draw: st.DrawFn, data: Columns) -> dict[str, float]:
    weights = {name: draw(WEIGHT_OR_0) for name in sorted(set(data.language))}
    for size in data.sizes.values():
        if not any(weights[name] for name in size.languages):
            weights[draw(st.sampled_from(size.languages))] = draw(WEIGHT)
    return weights


@st.composite
def _given_sources(draw: st.DrawFn, data: Columns, several: Sequence[str]) -> dict[str, float]:
    weights = {name: draw(WEIGHT_OR_0) for name in data.sizes}
    if not any(weights[name] for name in several or weights):
        weights[draw(st.sampled_from(several or list(weights)))] = draw(WEIGHT)
    return weights


@st.composite
def _given_pairs(draw: st.DrawFn, data: Columns) -> Any:
    weights: dict[tuple[str, str], float] = {}
    for size in data.sizes.values():
        own = ordered_pairs(size.languages)
        for pair in own:
            # Not again for the next source that has it: it may be the one positive weight of this.
            if pair not in weights and draw(st.booleans()):
                weights[pair] = draw(WEIGHT_OR_0)
        if own and not any(weights.get(pair) for pair in own):
            weights[draw(st.sampled_from(own))] = draw(WEIGHT)
    return weights or "uniform"


def mix_of(kind: str, **others: Any) -> Mix:
    """Batches of one kind only."""
    weights: dict[str, Any] = {kind: 1}
    return Mix(**weights, **others)


# Reading a plan


def read(plan: BatchPlan, data: Columns, batches: Any, start: int = 0) -> list[Label]:
    """What each batch is, from its rows; the plan is asked only what its rows cannot tell."""
    labels, mixed = [], plan.shares.kinds["mixed"] > 0
    for step, batch in enumerate(batches, start):
        label = data.classify(batch)
        if mixed and label.kind == "monolingual":
            kind = plan.stream(step).kind
            assert kind in ("monolingual", "mixed")
            label = label if kind == "monolingual" else Label("mixed", label.source, None)
        labels.append(label)
    return labels


def worst_prefix(
    labels: Iterable[Hashable], shares: Mapping[Any, float], *, each: int = 1
) -> float:
    """How many labels any category is off its share, over the prefixes of each, 2 each, ...

    A label without a share is infinitely far.
    """
    numbers = {label: k for k, label in enumerate(shares)}
    drawn = [numbers.get(label, len(numbers)) for label in labels]
    if not drawn:
        return 0.0
    seen = np.zeros((len(drawn), len(numbers) + 1))
    seen[np.arange(len(drawn)), drawn] = 1
    if seen[:, -1].any():
        return math.inf
    reached = seen[:, :-1].cumsum(axis=0)[each - 1 :: each]
    lengths = each * np.arange(1, len(reached) + 1)
    return float(np.abs(reached - lengths[:, None] * np.array(list(shares.values()))).max())


# Statistics. For X chi-square distributed with k degrees of freedom (Laurent and Massart 2000):
#     P(X >= k + 2 sqrt(k x) + 2 x) <= exp(-x)     and     P(X <= k - 2 sqrt(k x)) <= exp(-x).
# With x = 16 a fair draw fails a test with probability 1.2e-7. Seeds are fixed, so a test that
# passes once passes for ever.
TAIL = 16.0


def chi_square(observed: Sequence[float], expected: Sequence[float]) -> float:
    """Pearson's statistic."""
    assert min(expected) >= 5
    assert math.isclose(sum(observed), sum(expected), rel_tol=1e-6)
    return sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))


def most(degrees: int) -> float:
    return degrees + 2 * math.sqrt(degrees * TAIL) + 2 * TAIL


def least(degrees: int) -> float:
    return degrees - 2 * math.sqrt(degrees * TAIL)


def assert_drawn_by(labels: Iterable[Hashable], shares: Mapping[Any, float]) -> None:
    """Chi-square test that independent draws with ``shares`` could have given ``labels``."""
    drawn = list(labels)
    observed = dict.fromkeys(shares, 0)
    for label in drawn:
        observed[label] += 1  # a KeyError: drawn without a share
    positive = [label for label in shares if shares[label] > 0]
    assert all(observed[label] == 0 for label in shares if shares[label] == 0)
    statistic = chi_square(
        [observed[label] for label in positive], [len(drawn) * shares[label] for label in positive]
    )
    assert statistic <= most(len(positive) - 1)

"""The rows that all contestants of a bench take their batches from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hybridsampler import BatchPlan, Mix, ParallelCorpus

LANGUAGES = 10
BATCH = 128
ROWS_A_KEY = 5
EXPONENT = 1.3

Keys = Literal["none", "five", "zipf"]
KEYS: dict[Keys, str] = {
    "none": "no shared passages",
    "five": f"{ROWS_A_KEY} rows of a language share a passage",
    "zipf": f"rows a passage by Zipf {EXPONENT}, at most one a batch",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in 10 languages, group by group; row ``i`` is language ``i % 10`` of group ``i // 10``.

    The translations of a passage share its key: in each language, as many rows as groups do.
    """

    count: int
    """A multiple of 10."""
    keys: Keys = "none"

    def group(self) -> NDArray[np.int32]:
        return np.repeat(np.arange(self.count // LANGUAGES, dtype=np.int32), LANGUAGES)

    def language(self) -> Any:
        """Arrow's dictionary column: a byte a row."""
        codes = np.tile(np.arange(LANGUAGES, dtype=np.int8), self.count // LANGUAGES)
        names = [f"language {number}" for number in range(LANGUAGES)]
        return pa.DictionaryArray.from_arrays(codes, names)

    def passage_key(self) -> NDArray[np.int32] | None:
        groups = self.count // LANGUAGES
        if self.keys == "none":
            return None
        if self.keys == "five":
            return np.repeat(np.arange(groups, dtype=np.int32) // ROWS_A_KEY, LANGUAGES)
        return np.repeat(_zipf(groups), LANGUAGES)

    def texts(self) -> Any:
        """The rows as a table of texts, for those who compare texts.

        All rows of a key have the same passage, in every language, so that who keeps equal texts
        apart keeps the same promise as who keeps keys apart.
        """

        def named(word: str, numbers: NDArray[np.int64]) -> Any:
            return pc.binary_join_element_wise(word, pa.array(numbers).cast(pa.string()), " ")

        rows = np.arange(self.count)
        key = self.passage_key()
        passages = rows if key is None else key.astype(np.int64)
        return pa.table({"query": named("question", rows), "passage": named("passage", passages)})


def _zipf(groups: int) -> NDArray[np.int32]:
    """Keys of groups by Zipf's law, none with more groups than a pass over them has batches.

    What a frequent key has beyond that gets keys of its own: no sampler could keep it apart.
    """
    drawn = np.random.default_rng(0).zipf(EXPONENT, groups)
    _, key = np.unique(drawn, return_inverse=True)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    beyond = np.arange(groups) - np.searchsorted(ordered, ordered) >= groups // BATCH
    key[order[beyond]] = key.max() + 1 + np.arange(np.count_nonzero(beyond))
    return key.astype(np.int32)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the rows, as our corpus takes them."""

    group: NDArray[np.int32]
    language: Any
    passage_key: NDArray[np.int32] | None

    @classmethod
    def of(cls, rows: Rows) -> Columns:
        return cls(rows.group(), rows.language(), rows.passage_key())

    def corpus(self) -> ParallelCorpus:
        return ParallelCorpus.from_columns(
            group=self.group, language=self.language, passage_key=self.passage_key
        )


def hybrid_plan(corpus: ParallelCorpus) -> BatchPlan:
    """Half of the batches monolingual, half cross-lingual."""
    return BatchPlan(corpus, Mix(monolingual=0.5, cross_lingual=0.5), BATCH)

"""ParallelCorpus: what it tells of the columns, in this process and in others."""

import hashlib
import pickle
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import Columns, Rough, columns, regular, rough
from corpus_columns import mapped
from hybridsampler import BatchPlan, Mix, ParallelCorpus

# What it tells


@given(columns())
def test_tells_the_size_of_everything(data: Columns) -> None:
    corpus = data.corpus
    assert len(corpus) == len(data)
    assert corpus.languages == tuple(sorted(set(data.language)))
    assert corpus.sources == tuple(data.sizes)
    assert corpus.source_groups == {name: size.groups for name, size in data.sizes.items()}
    assert corpus.source_languages == {name: size.languages for name, size in data.sizes.items()}


@given(columns())
def test_any_kind_of_column_gives_the_same_corpus(data: Columns) -> None:
    def built(kind: Any) -> ParallelCorpus:
        return ParallelCorpus.from_columns(
            group=kind(data.group),
            language=kind(data.language),
            source=None if data.source is None else kind(data.source),
        )

    expected = data.corpus.fingerprint
    for kind in (list, tuple, iter, np.array, pa.array, lambda c: pa.chunked_array([c, c[:0]])):
        assert built(kind).fingerprint == expected


def test_integer_columns_of_any_width() -> None:
    values = [5, 1, 120, 7]
    expected = ParallelCorpus.from_columns(group=values, language=["en"] * 4).fingerprint
    for width in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64):
        group = np.array(values, dtype=width)
        built = ParallelCorpus.from_columns(group=group, language=["en"] * 4)
        assert built.fingerprint == expected


def test_large_integers_are_told_apart() -> None:
    group = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    assert ParallelCorpus.from_columns(group=group, language=["en"] * 4).source_groups["all"] == 4


def test_one_source_is_called_all() -> None:
    corpus = regular(3, ["en", "de"]).corpus
    assert corpus.sources == ("all",)
    named = regular(3, ["en", "de"], "all").corpus
    assert named.fingerprint == corpus.fingerprint


def test_repr_tells_the_size() -> None:
    assert repr(regular(1200, ["en", "de"]).corpus) == (
        "ParallelCorpus(2,400 rows, 1,200 groups, languages=['de', 'en'], sources=['all'])"
    )


# The fingerprint


@given(columns(groups=(2, 12)), st.data())
def test_fingerprint_changes_with_any_two_rows_that_change_places(
    data: Columns, draw: st.DataObject
) -> None:
    rows = list(range(len(data)))
    pair = st.lists(st.sampled_from(rows), min_size=2, max_size=2, unique=True)
    one, other = draw.draw(pair)
    rows[one], rows[other] = other, one
    swapped = Columns(
        [data.group[row] for row in rows],  # type: ignore[arg-type]
        [data.language[row] for row in rows],
        None if data.source is None else [data.source[row] for row in rows],
    )
    assert swapped.corpus.fingerprint != data.corpus.fingerprint


@given(columns())
def test_fingerprint_is_of_the_columns_alone(data: Columns) -> None:
    again = Columns(list(data.group), list(data.language), data.source)  # type: ignore[arg-type]
    assert again.corpus.fingerprint == data.corpus.fingerprint


def test_fingerprint_changes_with_names_and_size() -> None:
    fingerprints = [
        regular(4, ["de", "en"]).corpus.fingerprint,
        regular(4, ["de", "es"]).corpus.fingerprint,
        regular(4, ["de", "en"], "wiki").corpus.fingerprint,
        regular(5, ["de", "en"]).corpus.fingerprint,
        regular(8, ["en"]).corpus.fingerprint,
    ]
    assert len(set(fingerprints)) == len(fingerprints)


# How rows are stored does not matter: sorted files need no table, others do


@given(
    st.integers(1, 20),
    st.integers(1, 5),
    st.sampled_from(["group", "language", "backwards", "language backwards", "shuffled"]),
)
def test_every_order_of_the_file_reaches_every_row(groups: int, spoken: int, order: str) -> None:
    rows = [(group, f"l{language}") for group in range(groups) for language in range(spoken)]
    if order == "shuffled":
        random.Random(groups).shuffle(rows)
    elif "language" in order:
        rows.sort(key=lambda row: row[1])
    if "backwards" in order:
        rows.reverse()
    data = Columns([group for group, _ in rows], [language for _, language in rows], None)
    # A batch of all groups in one language, for each language.
    batches = BatchPlan(data.corpus, Mix(monolingual=1), batch_size=groups)[0:spoken]
    for batch in batches:
        data.classify(batch)
        assert sorted(data.groups_of(batch)) == list(range(groups))
    assert sorted(batches[..., 0].ravel().tolist()) == list(range(len(rows)))


# Groups that lack languages


@given(rough())
def test_tells_which_languages_groups_have(data: Rough) -> None:
    corpus = data.corpus
    rows: dict[str, dict[str, int]] = {name: {} for name in data.sizes}
    for row, language in enumerate(data.language):
        counts = rows[data.source_of(row)]
        counts[language] = counts.get(language, 0) + 1
    assert corpus.source_rows == {name: dict(sorted(rows[name].items())) for name in rows}
    assert corpus.source_groups == {name: size.groups for name, size in data.sizes.items()}
    assert corpus.complete_sources == {
        name: sum(rows[name].values()) == size.groups * len(size.languages)
        for name, size in data.sizes.items()
    }


@given(rough())
def test_another_process_has_the_same_corpus(data: Rough) -> None:
    again = pickle.loads(pickle.dumps(data.corpus))
    assert again.fingerprint == data.corpus.fingerprint
    assert again.source_rows == data.corpus.source_rows


# In other processes


CHILD = """
import hashlib, multiprocessing, pickle, sys
from hybridsampler import BatchPlan, Mix

def batches(corpus):
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), 4, negatives=2)
    stats = plan.stats(50)
    told = hashlib.sha256(plan[0:200].tobytes()).hexdigest()
    return told, stats.padding, stats.random_negatives

if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        corpus = pickle.load(file)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(batches, (corpus,)) == batches(corpus), *batches(corpus))
"""


@pytest.mark.parametrize("regular_file", [True, False])
def test_other_processes_make_the_same_batches(regular_file: bool, tmp_path: Path) -> None:
    """A program that was sent a corpus, and a process that it spawns and sends it to."""
    rows = [(g, language) for g in range(60) for language in ("de", "en") if regular_file or g % 7]
    if not regular_file:
        random.Random(5).shuffle(rows)
    count = len(rows)
    length = np.arange(count, dtype=np.int16) % 50
    corpus = ParallelCorpus.from_columns(
        group=[group for group, _ in rows],
        language=pa.array([language for _, language in rows]),
        passage_key=[group // 3 for group, _ in rows],
        length=pa.chunked_array([length[:9], length[9:]]),
        negatives=(mapped(np.arange(count + 1), tmp_path)[0], (np.arange(count) + 13) % count),
    )
    (tmp_path / "corpus").write_bytes(pickle.dumps(corpus))
    (tmp_path / "child.py").write_text(CHILD)
    command = [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "corpus")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    plan = BatchPlan(corpus, Mix(monolingual=1, cross_lingual=1, mixed=1), 4, negatives=2)
    stats = plan.stats(50)
    told = hashlib.sha256(plan[0:200].tobytes()).hexdigest()
    assert done.stdout.split() == [
        "True",
        told,
        repr(stats.padding),
        repr(stats.random_negatives),
    ]
    assert pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(plan))))[7].tolist() == (
        plan[7].tolist()
    )


def test_a_corpus_that_was_damaged_on_its_way_is_refused() -> None:
    corpus = ParallelCorpus.from_columns(
        group=[1, 2], language=["en"] * 2, length=np.array([3, 4]), negatives=[[1], [0]]
    )
    make, (core, *names, length, lists) = corpus.__reduce__()
    assert make(core, *names, length, lists).fingerprint == corpus.fingerprint
    with pytest.raises(ValueError, match="not the bytes of a corpus of this version"):
        make(core[:-20] + b"\0" + core[-19:], *names, length, lists)
    for other in ([np.array([3, 5])], [np.array([4, 3])]):
        with pytest.raises(ValueError, match="not the lengths and negatives that the corpus was"):
            make(core, *names, other, lists)
    with pytest.raises(ValueError, match="length: 1 are lent, and the corpus was built from 2"):
        make(core, *names, [np.array([3])], lists)

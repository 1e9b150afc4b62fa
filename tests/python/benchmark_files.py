"""Benchmarks in small, written as they were published, and as users write their own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def as_json(rows: Iterable[Mapping[str, str]]) -> Iterator[str]:
    return (json.dumps(row, ensure_ascii=False) for row in rows)


TOPICS = {
    "sw": {"0": "Mji mkuu ni upi?", "12": "Nani aliandika?"},
    "yo": {"0": "Kí ni olú-ìlú?"},
}
JUDGED = {
    "sw": [("0", "7#1", 1), ("0", "3#0", 0), ("12", "7#0", 1), ("12", "7#1", 1)],
    "yo": [("0", "3#0", 1)],
}
# By shard.
PASSAGES = {
    "sw": {
        0: [("3#0", "Dodoma", "ni mji."), ("7#0", "Kitabu", "ni  kizuri\u2028.")],
        1: [("7#1", "Kitabu", "kiliandikwa.")],
        2: [("9#0", "", "Bila jina.")],
    },
    "yo": {0: [("3#0", "Abuja", "ni olú-ìlú.")]},
}


def miracl(root: Path) -> Path:
    """The data sets miracl/miracl and miracl/miracl-corpus side by side."""
    for code in TOPICS:
        folder, stem = root / f"miracl-v1.0-{code}", f"miracl-v1.0-{code}-dev"
        write_lines(folder / f"topics/topics.{stem}.tsv", map("\t".join, TOPICS[code].items()))
        qrels = (f"{query}\tQ0\t{passage}\t{grade}" for query, passage, grade in JUDGED[code])
        write_lines(folder / f"qrels/qrels.{stem}.tsv", qrels)
        for number, shard in PASSAGES[code].items():
            rows = [{"docid": key, "title": title, "text": text} for key, title, text in shard]
            path = root / f"miracl-corpus-v1.0-{code}" / f"docs-{number}.jsonl.gz"
            write_lines(path, as_json(rows))
    return root


def mr_tydi(root: Path, *, archive: bool) -> Path:
    """The unpacked archives, or the two data sets of the hub each in a folder."""
    for code, language in {"sw": "swahili", "te": "telugu"}.items():
        source = "sw" if code == "sw" else "yo"
        name = f"mrtydi-v1.1-{language}"
        folder = root / name if archive else root / "mr-tydi" / name / "ir-format-data"
        topics = "topic.test.tsv" if archive else "topics.test.txt"
        write_lines(folder / topics, map("\t".join, TOPICS[source].items()))
        relevant = [(query, key) for query, key, grade in JUDGED[source] if grade]
        write_lines(folder / "qrels.test.txt", (f"{query} Q0 {key} 1" for query, key in relevant))
        shards = [row for shard in PASSAGES[source].values() for row in shard]
        if archive:
            joined = [{"id": key, "contents": f"{a}\n\n{b}"} for key, a, b in shards]
            write_lines(folder / "collection" / "docs.jsonl.gz", as_json(joined))
        else:
            rows = [{"docid": key, "title": a, "text": b} for key, a, b in shards]
            write_lines(root / "mr-tydi-corpus" / name / "corpus.jsonl.gz", as_json(rows))
    return root


# A user's own tables

QUERIES = [
    {"id": "q1", "text": "Who digs?", "language": "en"},
    {"id": "q1", "text": "Wer gräbt?", "language": "de"},
    {"id": "q2", "text": "Who flies?", "language": "en"},
]
CANDIDATES: list[dict[str, Any]] = [
    {"id": "c1", "text": "Ants dig.", "language": "en"},
    {"id": "c2", "text": "Ameisen graben.", "language": "de"},
    {"id": "c3", "text": "Bees fly.", "language": "en"},
]
QRELS: list[dict[str, Any]] = [
    {"query_id": "q2", "candidate_id": "c3"},
    {"query_id": "q1", "candidate_id": "c2", "grade": 2},
    {"query_id": "q1", "candidate_id": "c1", "grade": 0},
]

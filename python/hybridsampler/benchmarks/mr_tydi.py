"""Mr. TyDi 1.1: retrieval for questions in 11 languages (arXiv 2108.08787, Apache-2.0)."""

from collections.abc import Iterable
from pathlib import Path

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.passages import (
    Layout,
    docid_title_text,
    id_contents,
    load_passages,
)

MR_TYDI = Layout(
    name="Mr. TyDi",
    languages={
        "ar": "arabic",
        "bn": "bengali",
        "en": "english",
        "fi": "finnish",
        "id": "indonesian",
        "ja": "japanese",
        "ko": "korean",
        "ru": "russian",
        "sw": "swahili",
        "te": "telugu",
        "th": "thai",
    },
    # Of the archives, and of the data sets of the hub.
    topics=("mrtydi-v1.1-{0}/topic.test.tsv", "mrtydi-v1.1-{0}/ir-format-data/topics.test.txt"),
    qrels=("mrtydi-v1.1-{0}/qrels.test.txt", "mrtydi-v1.1-{0}/ir-format-data/qrels.test.txt"),
    corpus={
        "mrtydi-v1.1-{0}/collection/docs.jsonl.gz": id_contents,
        "mrtydi-v1.1-{0}/corpus.jsonl.gz": docid_title_text,
    },
    repositories=("castorini/mr-tydi", "castorini/mr-tydi-corpus"),
)


def load_mr_tydi(
    source: str | Path | None = None, languages: Iterable[str] | None = None
) -> Benchmark:
    """Read the test queries of Mr. TyDi and its corpora.

    Args:
        source: a folder that holds the unpacked archives `mrtydi-v1.1-LANGUAGE`, or the files of
            the data sets `castorini/mr-tydi` and `castorini/mr-tydi-corpus` of the hub, each in a
            folder; None: fetch them.
        languages: codes such as `["fi", "sw"]`; None takes all that are there.

    Returns:
        A monolingual benchmark, as :func:`load_miracl` does.

    Raises:
        FileNotFoundError, OSError, ValueError: as :func:`load_miracl`.
    """
    return load_passages(MR_TYDI, source, languages)

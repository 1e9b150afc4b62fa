"""MIRACL dev: ad hoc retrieval in 18 languages (arXiv 2210.09984, Apache-2.0)."""

from collections.abc import Iterable
from pathlib import Path

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.passages import Layout, docid_title_text, load_passages

_CODES = "ar bn de en es fa fi fr hi id ja ko ru sw te th yo zh"
MIRACL = Layout(
    name="MIRACL dev",
    languages={code: code for code in _CODES.split()},
    topics=("miracl-v1.0-{0}/topics/topics.miracl-v1.0-{0}-dev.tsv",),
    qrels=("miracl-v1.0-{0}/qrels/qrels.miracl-v1.0-{0}-dev.tsv",),
    corpus={"miracl-corpus-v1.0-{0}/docs-*.jsonl.gz": docid_title_text},
    repositories=("miracl/miracl", "miracl/miracl-corpus"),
)


def load_miracl(
    source: str | Path | None = None, languages: Iterable[str] | None = None
) -> Benchmark:
    """Read the dev queries of MIRACL and its corpora; the measures are nDCG@10 and R@100.

    Args:
        source: a folder that holds the files of the data sets `miracl/miracl` and
            `miracl/miracl-corpus` of the hub, side by side or each in a folder; None: fetch
            them (English alone is 33 million passages).
        languages: codes such as `["sw", "yo"]`; None takes all that are there.

    Returns:
        A monolingual benchmark. Passages are read from their files when they are gone through; a
        candidate's text is its title, a space and its text.

    Raises:
        FileNotFoundError: `source` is no folder, or lacks files of a language.
        OSError: the hub cannot be reached.
        ValueError: a language that the folder lacks, a broken file, an id that comes twice, a
            judgement of an unknown query or passage. The message names file and line.
    """
    return load_passages(MIRACL, source, languages)

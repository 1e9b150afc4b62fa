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

# Dev queries and passages by language. Shards are numbered, and nothing says how many there are.
PUBLISHED = {
    "ar": (2_896, 2_061_414),
    "bn": (411, 297_265),
    "de": (305, 15_866_222),
    "en": (799, 32_893_221),
    "es": (648, 10_373_953),
    "fa": (632, 2_207_172),
    "fi": (1_271, 1_883_509),
    "fr": (343, 14_636_953),
    "hi": (350, 506_264),
    "id": (960, 1_446_315),
    "ja": (860, 6_953_614),
    "ko": (213, 1_486_752),
    "ru": (1_252, 9_543_918),
    "sw": (482, 131_924),
    "te": (828, 518_079),
    "th": (733, 542_166),
    "yo": (119, 49_043),
    "zh": (393, 4_934_368),
}


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

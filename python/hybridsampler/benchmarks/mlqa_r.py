"""MLQA-R: the dev questions of MLQA with the sentences of their articles (LAReQA, CC BY-NC 4.0).

Unlike XQuAD-R it is not parallel: a question is asked and answered in two to four of the seven
languages, and the articles of a language are its own.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.lareqa import load_lareqa

_MOST = 4  # LAReQA's README: "a variable number (2-4) of correct answers across the corpus"


def load_mlqa_r(source: str | Path, languages: Iterable[str] | None = None) -> Benchmark:
    """Read MLQA-R from the official folder, mlqa-dev-r, or from one with its files compressed.

    Args:
        source: a folder that holds LANG.json, LANG.json.gz or LANG.json.xz, one form per language;
            or `owner/name` of a data set of the hub that does.
        languages: which to read, in any order; None takes every language file (7 in an official
            folder).

    Returns:
        Queries and candidates by language name, then in file order: of the 7 languages 4,199
        queries and 20,534 candidates.

    Raises:
        FileNotFoundError: `source` is no folder, or has no language file.
        OSError: a data set of the hub that cannot be fetched.
        ValueError: a language that the folder lacks, one in two forms, a broken file, or a question
            without two to four answers (one to four, where `languages` leaves some out). The
            message names the place.
    """
    benchmark = load_lareqa("MLQA-R", source, languages)
    least = 2 if languages is None else 1
    answers = np.diff(benchmark.indptr)
    wrong = np.flatnonzero((answers < least) | (answers > _MOST))
    if len(wrong):
        q = int(wrong[0])
        raise ValueError(
            f"{source}: question {benchmark.query_ids[q]!r}, asked in "
            f"{benchmark.query_languages[q]!r}, has {answers[q]} relevant sentences; MLQA-R has "
            f"{least} to {_MOST}, take its files from "
            "https://github.com/google-research-datasets/lareqa"
        )
    return benchmark

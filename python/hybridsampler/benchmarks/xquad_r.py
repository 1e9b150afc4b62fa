"""XQuAD-R: 1,190 questions asked and answered in each of 11 languages (LAReQA, CC BY-SA 4.0).

What makes it XQuAD-R among the data sets of LAReQA's layout is that it is parallel: a question has
exactly one relevant sentence in every language. That is checked, since the paper's figures and the
rank distance mean nothing where it does not hold.
"""

from collections.abc import Iterable
from pathlib import Path

from hybridsampler.benchmarks.benchmark import Benchmark
from hybridsampler.benchmarks.lareqa import load_lareqa


def load_xquad_r(source: str | Path, languages: Iterable[str] | None = None) -> Benchmark:
    """Read XQuAD-R from the official folder, or from one with its files compressed.

    Args:
        source: a folder that holds LANG.json, LANG.json.gz or LANG.json.xz, one form per language;
            or `owner/name` of a data set of the hub that does. (That of google-research-datasets
            lacks the sentences.)
        languages: which to read, in any order; None takes every language file in the folder
            (11 in an official one).

    Returns:
        Queries and candidates by language name, then in file order: of the 11 languages 13,090
        queries, 13,014 candidates and 143,990 relevance pairs.

    Raises:
        FileNotFoundError: `source` is no folder, or has no language file.
        OSError: a data set of the hub that cannot be fetched.
        ValueError: a language that the folder lacks, one in two forms, a broken file, or a question
            without exactly one relevant sentence in each language. The message names the place.
    """
    benchmark = load_lareqa("XQuAD-R", source, languages)
    expected = benchmark.languages
    bounds = benchmark.indptr.tolist()
    answered = [benchmark.candidate_languages[index] for index in benchmark.indices.tolist()]
    for q, question_id in enumerate(benchmark.query_ids):
        found = answered[bounds[q] : bounds[q + 1]]
        if found != expected:
            raise ValueError(
                f"{source}: question {question_id!r}, asked in {benchmark.query_languages[q]!r}, "
                f"has relevant sentences in {found}; XQuAD-R has exactly one in each of "
                f"{expected}, take its files from "
                "https://github.com/google-research-datasets/lareqa"
            )
    return benchmark

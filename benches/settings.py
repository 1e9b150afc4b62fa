"""All settings of XQuAD-R in one pass against the multilingual pool alone, both ours.

    python benches/settings.py [--dimension 768] [--threads 2] [--rounds 7]

13,090 queries and 13,014 candidates in 11 languages, with XQuAD-R's languages and relevance
(examples/data) and seeded vectors of a retriever. "all settings" labels the candidates with their
languages and reads the mAP of 11 monolingual, 110 cross-lingual and 11 multilingual settings, and
language bias as rank distance; "multilingual pool alone" gives all candidates one label and reads
the multilingual mAP by query language, which comes out the same. Both run in turn, each in a
process of its own. The ratio is that of the least seconds; beside it stands the median of the
rounds' own ratios.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from embeddings import RETRIEVER, Integers, encoded
from hybridsampler import Evaluation, evaluate
from hybridsampler.benchmarks import Benchmark, load_xquad_r
from peers import parser, write
from turns import Child, Contestant, children, result, take_turns

XQUAD_R = Path(__file__).parents[1] / "examples/data/xquad-r"


def save(xquad: Benchmark, dimension: int, folder: Path) -> None:
    """Write vectors, relevance and languages of the benchmark."""
    topic = _topics(xquad)
    # Relevance goes across languages, so one relevant candidate tells a query's topic.
    of_query = topic[xquad.indices[xquad.indptr[:-1]]]
    numbers = {name: number for number, name in enumerate(xquad.languages)}
    queries, candidates = encoded(
        RETRIEVER,
        (of_query, np.array([numbers[name] for name in xquad.query_languages])),
        (topic, np.array([numbers[name] for name in xquad.candidate_languages])),
        dimension,
    )
    np.savez(
        folder / "work.npz",
        queries=queries,
        candidates=candidates,
        indptr=xquad.indptr,
        indices=xquad.indices,
    )
    languages = [xquad.query_languages, xquad.candidate_languages]
    (folder / "languages.json").write_text(json.dumps(languages), encoding="utf-8")


def _topics(xquad: Benchmark) -> Integers:
    """The topic of every candidate: translations share it, through the queries they answer."""
    topic = np.full(len(xquad.candidates), -1)
    for query, start in enumerate(xquad.indptr[:-1]):
        together = xquad.indices[start : xquad.indptr[query + 1]]
        known = topic[together].max(initial=-1)
        topic[together] = query if known < 0 else known
    alone = topic < 0
    topic[alone] = len(xquad.queries) + np.arange(np.count_nonzero(alone))
    return np.unique(topic, return_inverse=True)[1].astype(np.int64)


class _Ours(Contestant):
    package = "hybridsampler"

    def load(self, folder: Path) -> None:
        with np.load(folder / "work.npz") as arrays:
            self.queries, self.candidates = arrays["queries"], arrays["candidates"]
            self.relevant = arrays["indptr"], arrays["indices"]
        languages = json.loads((folder / "languages.json").read_text(encoding="utf-8"))
        self.query_languages, self.candidate_languages = languages

    def evaluated(self, labels: Sequence[str]) -> Evaluation:
        return evaluate(
            self.queries,
            self.candidates,
            self.relevant,
            query_languages=self.query_languages,
            candidate_languages=labels,
            measures=["AP"],
            threads=self.threads,
        )


class AllSettings(_Ours):
    name, note = "hybridsampler, all settings", "132 settings and rank distance"

    def run(self) -> dict[str, float]:
        found = self.evaluated(self.candidate_languages)
        cells = found.matrix("AP")
        multilingual = found.by_language("multilingual", "AP")
        return {
            "settings": len(cells) + len(multilingual),
            "monolingual": found["monolingual"]["AP"],
            "cross_lingual": found["cross_lingual"]["AP"],
            "multilingual": found["multilingual"]["AP"],
            "rank_distance": found.rank_distance,
        }


class PoolAlone(_Ours):
    name, note = "hybridsampler, multilingual pool alone", "one label for all candidates"

    def run(self) -> dict[str, float]:
        found = self.evaluated(["all"] * len(self.candidates))
        return {
            "settings": len(found.by_language("multilingual", "AP")),
            "multilingual": found["multilingual"]["AP"],
        }


def measured(
    there: Sequence[Child], rounds: int
) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """What both did, and the seconds of all rounds."""
    for child in there:
        child.remember_memory()
    seconds, found = take_turns(there, rounds, float("inf"))
    results = [
        {
            **result(child, seconds[child.kind.name]),
            "peak_bytes": child.grown_memory(),
            "found": found[child.kind.name],
        }
        for child in there
    ]
    return results, seconds


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--dimension", type=int, default=768)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--rounds", type=int, default=7)
    given = words.parse_args()
    xquad = load_xquad_r(XQUAD_R)
    work = (
        f"XQuAD-R, {len(xquad.queries):,} queries x {len(xquad.candidates):,} candidates x "
        f"{given.dimension} dimensions, {given.threads} threads"
    )
    print(f"settings: {work}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save(xquad, given.dimension, folder)
        with children(
            (AllSettings, PoolAlone), given.threads, lambda child: child.ask("load", folder)
        ) as (there, _):
            results, seconds = measured(there, given.rounds)
    every, alone = seconds[AllSettings.name], seconds[PoolAlone.name]
    ratio = min(every) / min(alone)
    by_round = median(one / other for one, other in zip(every, alone, strict=True))
    for one in results:
        values = ", ".join(f"{name} {value:.6g}" for name, value in one["found"].items())
        print(f"  {one['name']:<39}{one['seconds']:9.3f} s{one['median_seconds']:9.3f} s  {values}")
    print(f"  ratio {ratio:.3f}, by rounds {by_round:.3f}")
    path = write(
        given.record,
        "settings",
        work,
        dimension=given.dimension,
        threads=given.threads,
        ratio=ratio,
        median_ratio=by_round,
        results=results,
    )
    # Not above: the processes that measure import this module too.
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

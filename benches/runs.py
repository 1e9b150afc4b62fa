"""Three measures of a run against its qrels, from files and from dicts: ours against its peers.

    python benches/runs.py [--queries 1000] [--documents 1000] [--threads 2] [--rounds 7]
                           [--budget 6] [--only hybridsampler pytrec_eval]

1,000 queries with 1,000 documents each, some judged documents among them with grades 0 to 3 and
some that the run lacks. From TREC files, reading them is part of the work; from dicts, these are
there. For each, in a process of its own, imports not counted:

  first ms  the first time in the process, with what a library compiles then
  ms        the least and the median of later times; all run in turn
  peak MB   beyond modules and, for dicts, run and qrels

A peer that is not installed is named as such; "make bench" installs all.
"""

from __future__ import annotations

import json
import os
import tempfile
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hybridsampler import score_run
from peers import chosen, parser, ratio, write
from turns import Child, Contestant, absent, children, result, take_turns

MEASURES = ("AP", "nDCG@10", "R@100")
JUDGED = 50
LACKING = 10
"""Judged documents that the run does not have."""

Run = dict[str, dict[str, float]]
Grades = dict[str, dict[str, int]]


def made(queries: int, documents: int) -> tuple[Run, Grades]:
    """A seeded run and its qrels; higher documents are judged more often."""
    random = np.random.default_rng(0)
    run: Run = {}
    qrels: Grades = {}
    weights = 1 / (10.0 + np.arange(documents))
    weights /= weights.sum()
    inside = min(JUDGED - LACKING, documents)
    for query in range(queries):
        # All ids have one length, or ranx compiles anew.
        ids = [f"d{number:07}" for number in random.choice(10**6, documents + LACKING, False)]
        scores = np.sort(random.standard_normal(documents).round(6))[::-1]
        places = [*random.choice(documents, inside, False, weights), *range(documents, len(ids))]
        name = f"q{query:07}"
        run[name] = dict(zip(ids, scores.tolist(), strict=False))
        grades = random.integers(4, size=len(places)).tolist()
        qrels[name] = {ids[place]: grade for place, grade in zip(places, grades, strict=True)}
    return run, qrels


def save(run: Run, qrels: Grades, folder: Path) -> None:
    """As TREC files and as JSON, for those who take dicts."""
    with (folder / "run.trec").open("w", encoding="ascii") as file:
        for query, scores in run.items():
            for rank, (document, score) in enumerate(scores.items()):
                file.write(f"{query} Q0 {document} {rank} {score:.6f} bench\n")
    with (folder / "qrels.trec").open("w", encoding="ascii") as file:
        for query, grades in qrels.items():
            for document, grade in grades.items():
                file.write(f"{query} 0 {document} {grade}\n")
    (folder / "dicts.json").write_text(json.dumps([run, qrels]), encoding="ascii")


class _Contestant(Contestant):
    """Who is given the folder that :func:`save` wrote."""

    def load(self, folder: Path) -> None:
        self.run_file, self.qrels_file = str(folder / "run.trec"), str(folder / "qrels.trec")

    @abstractmethod
    def run(self) -> Mapping[str, float]:
        """The means by measure."""


class _FromDicts(_Contestant):
    def load(self, folder: Path) -> None:
        dicts = json.loads((folder / "dicts.json").read_text(encoding="ascii"))
        self.run_dict: Run = dicts[0]
        self.qrels_dict: Grades = dicts[1]


class _Ours(_Contestant):
    package = "hybridsampler"

    def means(self, run: Any, qrels: Any) -> Mapping[str, float]:
        found = score_run(run, qrels, MEASURES, threads=self.threads)
        return {measure: found[measure] for measure in MEASURES}


class OursFiles(_Ours):
    name, note = "hybridsampler, files", ""

    def run(self) -> Mapping[str, float]:
        return self.means(self.run_file, self.qrels_file)


class OursDicts(_FromDicts, _Ours):
    name, note = "hybridsampler, dicts", ""

    def run(self) -> Mapping[str, float]:
        return self.means(self.run_dict, self.qrels_dict)


class _PytrecEval(_Contestant):
    package = "pytrec_eval-terrier"
    names: ClassVar[tuple[str, ...]] = ("map", "ndcg_cut_10", "recall_100")

    def __init__(self, threads: int) -> None:
        import pytrec_eval

        super().__init__(threads)
        self._module: Any = pytrec_eval

    def means(self, run: Run, qrels: Grades) -> Mapping[str, float]:
        asked = {"map", "ndcg_cut.10", "recall.100"}
        found = self._module.RelevanceEvaluator(qrels, asked).evaluate(run).values()
        return {
            measure: float(np.mean([values[name] for values in found]))
            for measure, name in zip(MEASURES, self.names, strict=True)
        }


class PytrecEvalFiles(_PytrecEval):
    name = "pytrec_eval, files"

    def run(self) -> Mapping[str, float]:
        with open(self.run_file) as run, open(self.qrels_file) as qrels:  # noqa: PTH123
            return self.means(self._module.parse_run(run), self._module.parse_qrel(qrels))


class PytrecEvalDicts(_FromDicts, _PytrecEval):
    name = "pytrec_eval, dicts"

    def run(self) -> Mapping[str, float]:
        return self.means(self.run_dict, self.qrels_dict)


class _IrMeasures(_Contestant):
    package = "ir_measures"

    def __init__(self, threads: int) -> None:
        import ir_measures

        super().__init__(threads)
        self._module: Any = ir_measures
        self._measures = [ir_measures.parse_measure(name) for name in MEASURES]

    def means(self, run: Any, qrels: Any) -> Mapping[str, float]:
        found = self._module.calc_aggregate(self._measures, qrels, run)
        return {str(measure): value for measure, value in found.items()}


class IrMeasuresFiles(_IrMeasures):
    name = "ir_measures, files"

    def run(self) -> Mapping[str, float]:
        return self.means(
            self._module.read_trec_run(self.run_file), self._module.read_trec_qrels(self.qrels_file)
        )


class IrMeasuresDicts(_FromDicts, _IrMeasures):
    name = "ir_measures, dicts"

    def run(self) -> Mapping[str, float]:
        return self.means(self.run_dict, self.qrels_dict)


class _Ranx(_Contestant):
    package, note = "ranx", "compiles the first time"
    names: ClassVar[tuple[str, ...]] = ("map", "ndcg@10", "recall@100")

    def __init__(self, threads: int) -> None:
        # Empty, so that the first time is one: else it finds what was compiled long ago.
        self._compiled = tempfile.TemporaryDirectory()
        os.environ["NUMBA_CACHE_DIR"] = self._compiled.name
        import ranx

        super().__init__(threads)
        self._module: Any = ranx

    def means(self, run: Any, qrels: Any) -> Mapping[str, float]:
        found = self._module.evaluate(qrels, run, list(self.names))
        return {
            measure: float(found[name]) for measure, name in zip(MEASURES, self.names, strict=True)
        }


class RanxFiles(_Ranx):
    name = "ranx, files"

    def run(self) -> Mapping[str, float]:
        return self.means(
            self._module.Run.from_file(self.run_file, kind="trec"),
            self._module.Qrels.from_file(self.qrels_file, kind="trec"),
        )


class RanxDicts(_FromDicts, _Ranx):
    name = "ranx, dicts"

    def run(self) -> Mapping[str, float]:
        return self.means(self._module.Run(self.run_dict), self._module.Qrels(self.qrels_dict))


class RanxPlainDicts(_FromDicts, _Ranx):
    """Without a ``Qrels`` and a ``Run``, which pay for who measures the same run again."""

    name, note = "ranx unconverted, dicts", "compiles the first time; takes the dicts as they are"

    def run(self) -> Mapping[str, float]:
        return self.means(self.run_dict, self.qrels_dict)


CONTESTANTS: tuple[type[_Contestant], ...] = (
    OursFiles,
    PytrecEvalFiles,
    IrMeasuresFiles,
    RanxFiles,
    OursDicts,
    PytrecEvalDicts,
    IrMeasuresDicts,
    RanxDicts,
    RanxPlainDicts,
)
NOT_MEASURED: dict[str, Any] = dict.fromkeys(("first_seconds", "peak_bytes", "means"))


def measured(there: list[Child], rounds: int, budget: float) -> list[dict[str, Any]]:
    """What all contestants did."""
    for child in there:
        child.remember_memory()
    first, _ = take_turns(there, 1, float("inf"))
    seconds, means = take_turns(there, rounds, budget)
    return [
        {
            **result(child, seconds[child.kind.name]),
            "first_seconds": first[child.kind.name][0],
            "peak_bytes": child.grown_memory(),
            "means": means[child.kind.name],
        }
        for child in there
    ]


def show(results: list[dict[str, Any]]) -> None:
    """Print the table; the first of each form is what the others are measured by."""
    heads = ("first ms", "ms", "median", "ours = 1", "peak MB", *MEASURES)
    print(f"  {'':<24}{''.join(f'{head:>11}' for head in heads)}")
    for found in results:
        if found["missing"]:
            print(f"  {found['name']:<24}  {found['missing']}")
            continue
        form = found["name"].split(", ")[1]
        ours = next(one["seconds"] for one in results if one["name"].endswith(form))
        peak = found["peak_bytes"]
        cells = [
            *(f"{found[key] * 1e3:,.1f}" for key in ("first_seconds", "seconds", "median_seconds")),
            ratio(found["seconds"], ours),
            "-" if peak is None else f"{peak / 1e6:,.1f}",
            *(f"{found['means'][measure]:.6f}" for measure in MEASURES),
        ]
        print(f"  {found['name']:<24}{''.join(f'{cell:>11}' for cell in cells)}  {found['note']}")


def main() -> None:
    words = parser(__doc__, contestants=True)
    words.add_argument("--queries", type=int, default=1000)
    words.add_argument("--documents", type=int, default=1000)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("--budget", type=float, default=6.0, help="seconds for each")
    given = words.parse_args()
    work = (
        f"{', '.join(MEASURES)} of {given.queries:,} queries x {given.documents:,} documents, "
        f"{given.threads} threads"
    )
    print(f"runs: {work}")
    kinds = [kind for kind in CONTESTANTS if chosen(kind.name, given.only)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save(*made(given.queries, given.documents), folder)
        with children(kinds, given.threads, lambda child: child.ask("load", folder)) as (
            there,
            missing,
        ):
            done = {one["name"]: one for one in measured(there, given.rounds, given.budget)}
    results = [
        done.get(kind.name) or {**absent(kind, missing[kind.name]), **NOT_MEASURED}
        for kind in kinds
    ]
    show(results)
    path = write(
        given.record,
        "runs",
        work,
        queries=given.queries,
        documents=given.documents,
        threads=given.threads,
        results=results,
    )
    # Not above: the processes that measure import this module too.
    from plot import draw

    draw(path)


if __name__ == "__main__":
    main()

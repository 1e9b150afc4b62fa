"""Values of single queries, as JSON lines: what two systems are compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridsampler.benchmarks import Benchmark
from hybridsampler.evaluation import SETTINGS, Evaluation
from hybridsampler.files import written_whole

Row = dict[str, str | float]
# No measure has this name.
_DISTANCE = "rank_distance"


def query_rows(
    arm: str, benchmark: Benchmark, queries: NDArray[np.int64], evaluation: Evaluation
) -> Iterator[Row]:
    """Give a row for each setting and each query that counts there, by setting.

    Args:
        arm: what was scored.
        benchmark: whose queries they are.
        queries: their numbers in the benchmark, those of the evaluation in its order.
        evaluation: their values. A measure for which a query does not count is not in its row.
    """
    # Where queries meet one language a pool of several is the same, and has no bias.
    settings = SETTINGS[:1] if benchmark.monolingual else SETTINGS
    biased = not benchmark.monolingual and len(evaluation.ranks.languages) > 1
    for setting in settings:
        columns = {name: evaluation.per_query(setting, name) for name in evaluation.measures}
        if biased and setting == "multilingual":
            columns[_DISTANCE] = evaluation.rank_distance_per_query
        values = {name: column.tolist() for name, column in columns.items()}
        for at, query in enumerate(queries.tolist()):
            found = {name: column[at] for name, column in values.items()}
            if found := {name: value for name, value in found.items() if value == value}:  # no NaN
                yield {
                    "arm": arm,
                    "setting": setting,
                    "query_id": benchmark.query_ids[query],
                    "query_language": benchmark.query_languages[query],
                    **found,
                }


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write one JSON object a line, numbers to the last digit; ``OSError`` names the file."""
    with written_whole(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")

"""hybridsampler evaluate in a test: the command, and benchmarks that are small."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from benchmark_files import as_json, write_lines
from hybridsampler.cli import app

SHIPPED = Path(__file__).parents[2] / "examples/data/xquad-r"
LANGUAGES = ("de", "en")


def run_evaluate(*arguments: object, columns: int = 80) -> Result:
    environment = {"COLUMNS": str(columns)}
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env=environment)


def two_articles(folder: Path) -> Path:
    """Write two articles of XQuAD-R in two languages."""
    for name in LANGUAGES:
        whole = json.loads(lzma.decompress((SHIPPED / f"{name}.json.xz").read_bytes()))
        part = json.dumps({"data": whole["data"][:2]})
        (folder / f"{name}.json").write_text(part, encoding="utf-8")
    return folder


def own_benchmark(folder: Path, queries: list[str], candidates: list[str]) -> list[object]:
    """Options for a benchmark of queries and candidates in these languages, and their vectors."""
    for table, there in (("queries", queries), ("candidates", candidates)):
        rows = [{"id": f"{at}", "text": "a", "language": each} for at, each in enumerate(there)]
        write_lines(folder / f"{table}.jsonl", as_json(rows))
        np.save(folder / f"{table}.npy", np.eye(len(there), dtype=np.float32))
    judged = [{"query_id": f"{at}", "candidate_id": f"{at}"} for at in range(len(queries))]
    write_lines(folder / "qrels.jsonl", as_json(judged))
    vectors = (("--queries", "queries.npy"), ("--candidates", "candidates.npy"))
    saved = [part for option, name in vectors for part in (option, folder / name)]
    return ["--benchmark", "plain", "--data", folder, *saved]

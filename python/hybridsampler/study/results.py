"""What a study found: one record for each arm, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hybridsampler.evaluation import SETTINGS, Evaluation
from hybridsampler.files import written_whole

MEASURES = ("AP", "R@1", "R@10")


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One trained (or untrained) encoder on one benchmark.

    Holds what is the same on every run; times are elsewhere.
    """

    arm: str
    steps: int
    """Training steps; 0 for the untrained encoder."""
    macro: dict[str, dict[str, float]]
    """By setting and measure: the macro mean."""
    by_language: dict[str, dict[str, dict[str, float]]]
    """By setting, measure and query language."""
    matrix: dict[str, dict[str, float]]
    """AP by query language and candidate language."""
    rank_distance: float
    rank_distance_by_language: dict[str, float]
    ties: int
    """How many (query, relevant candidate, other candidate) had equal scores."""
    zero_rows: int
    """Texts whose vector is zero."""

    @classmethod
    def of(cls, arm: str, steps: int, evaluation: Evaluation) -> ArmResult:
        """Take the numbers of an evaluation."""
        matrix: dict[str, dict[str, float]] = {}
        for (query, candidate), value in evaluation.matrix("AP").items():
            matrix.setdefault(query, {})[candidate] = value
        return cls(
            arm=arm,
            steps=steps,
            macro={setting: evaluation[setting] for setting in SETTINGS},
            by_language={
                setting: {name: evaluation.by_language(setting, name) for name in MEASURES}
                for setting in SETTINGS
            },
            matrix=matrix,
            rank_distance=evaluation.rank_distance,
            rank_distance_by_language=evaluation.rank_distance_by_language,
            ties=evaluation.ties,
            zero_rows=evaluation.zero_rows,
        )


def write_results(results: Sequence[ArmResult], path: Path) -> None:
    """Write one JSON object a line, numbers to the last digit."""
    lines = [json.dumps(asdict(result), ensure_ascii=False, allow_nan=False) for result in results]
    with written_whole(path) as draft:
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_results(path: Path) -> list[ArmResult]:
    """Read what :func:`write_results` wrote.

    Raises:
        ValueError: a line that is not such a record; file and line are named.
    """
    results = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            results.append(ArmResult(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}:{number}: not a result of a study: {error}") from error
    return results

"""What an encoder reached on a benchmark: one record each, as JSON lines."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hybridsampler.evaluation import SETTINGS, Evaluation
from hybridsampler.files import readable, shown, written_whole
from hybridsampler.measures import mean

# Objects within objects that hold numbers, by field.
_DEPTHS = {"macro": 2, "by_language": 3, "matrix": 2, "rank_distance_by_language": 1}


@dataclass(frozen=True, slots=True)
class Result:
    """One encoder on one benchmark.

    Holds what is the same on every run; times are elsewhere. A setting in which no query counts,
    as :class:`Evaluation` has it, is absent.
    """

    arm: str
    """What was compared: a mix of a study, or a model."""
    steps: int | None
    """Training steps; 0 for an untrained encoder, None where it was not trained here."""
    macro: dict[str, dict[str, float]]
    """By setting and measure: the macro mean."""
    by_language: dict[str, dict[str, dict[str, float]]]
    """By setting, measure and query language."""
    matrix: dict[str, dict[str, float]]
    """The first measure by query language and candidate language."""
    rank_distance: float | None
    """None where no query is ranked against several languages."""
    rank_distance_by_language: dict[str, float]
    ties: int
    """How many (query, relevant candidate, other candidate) had equal scores."""
    zero_rows: int
    """Texts whose vector is zero."""

    @classmethod
    def of(cls, arm: str, steps: int | None, evaluation: Evaluation) -> Result:
        """Take the numbers of an evaluation."""
        measures = evaluation.measures
        matrix: dict[str, dict[str, float]] = {}
        for (query, candidate), value in evaluation.matrix(measures[0]).items():
            matrix.setdefault(query, {})[candidate] = value
        found = {
            setting: {measure: evaluation.by_language(setting, measure) for measure in measures}
            for setting in SETTINGS
        }
        there = [setting for setting in SETTINGS if any(found[setting].values())]
        # Among candidates of one language a distance of ranks is none of languages.
        biased = len(evaluation.ranks.languages) > 1 and not math.isnan(evaluation.rank_distance)
        return cls(
            arm=arm,
            steps=steps,
            macro={setting: _known(evaluation[setting]) for setting in there},
            by_language={setting: found[setting] for setting in there},
            matrix=matrix,
            rank_distance=evaluation.rank_distance if biased else None,
            rank_distance_by_language=evaluation.rank_distance_by_language if biased else {},
            ties=evaluation.ties,
            zero_rows=evaluation.zero_rows,
        )

    @classmethod
    def of_languages(cls, arm: str, evaluations: Mapping[str, Evaluation]) -> Result:
        """Put together evaluations of one language each, whose queries met no other."""
        measures = next(iter(evaluations.values())).measures
        values = {
            measure: _known(
                {name: found["monolingual"][measure] for name, found in evaluations.items()}
            )
            for measure in measures
        }
        return cls(
            arm=arm,
            steps=None,
            macro={"monolingual": _known({m: mean(each.values()) for m, each in values.items()})},
            by_language={"monolingual": values},
            matrix={language: {language: v} for language, v in values[measures[0]].items()},
            rank_distance=None,
            rank_distance_by_language={},
            ties=sum(found.ties for found in evaluations.values()),
            zero_rows=sum(found.zero_rows for found in evaluations.values()),
        )

    def __repr__(self) -> str:
        """Show the macro means, where all numbers would be."""
        lines = [f"<Result of {self.arm!r}"]
        for setting, means in self.macro.items():
            told = ", ".join(f"{name} {value:.6f}" for name, value in means.items())
            lines.append(f"{setting:<13} {told}")
        if self.rank_distance is not None:
            lines.append(f"rank distance {self.rank_distance:.3f}")
        return "\n".join(lines) + ">"

    @property
    def measures(self) -> list[str]:
        """What was measured, in the order in which it was asked for; the matrix has the first."""
        asked = dict.fromkeys(name for each in self.by_language.values() for name in each)
        there = {name for each in self.macro.values() for name in each}
        return [name for name in asked if name in there]


def _known(values: Mapping[str, float]) -> dict[str, float]:
    """What has a value: where no query counts there is none."""
    return {name: value for name, value in values.items() if not math.isnan(value)}


def write_results(results: Sequence[Result], path: str | os.PathLike[str]) -> None:
    """Write one JSON object a line, numbers to the last digit."""
    lines = [json.dumps(asdict(result), ensure_ascii=False, allow_nan=False) for result in results]
    with written_whole(Path(path)) as draft:
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_results(path: str | os.PathLike[str]) -> list[Result]:
    """Read what :func:`write_results` wrote.

    Raises:
        ValueError: a line that is not such a record; file and line are named.
        OSError: a file that cannot be read.
    """
    results = []
    path, expected = Path(path), "give a file that write_results has written"
    # As bytes: names may hold other ends of lines, and what is no UTF-8 is known by its line.
    with readable(path, expected), path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                results.append(_checked(Result(**json.loads(line.decode("utf-8")))))
            except (ValueError, TypeError, RecursionError) as error:
                raise ValueError(f"{shown(path)}:{number}: not a result: {error}") from error
    return results


def _checked(result: Result) -> Result:
    """A result whose fields hold what tables count on; else TypeError or ValueError."""
    for name, depth in _DEPTHS.items():
        if not _numbers(getattr(result, name), depth):
            within = f"an object of {'objects of ' * (depth - 1)}numbers"
            raise TypeError(f"{name} is not {within}")
    for setting in (*result.macro, *result.by_language):
        if setting not in SETTINGS:
            raise ValueError(f"{setting!r} is none of the settings {', '.join(SETTINGS)}")
    measured = dict.fromkeys(name for means in result.macro.values() for name in means)
    for setting in result.macro:
        for measure in measured:
            if measure not in result.by_language.get(setting, {}):
                raise ValueError(f"by_language lacks {measure} of the setting {setting!r} of macro")
    for name in ("steps", "ties", "zero_rows"):
        if not (type(value := getattr(result, name)) is int or (name == "steps" and value is None)):
            raise TypeError(f"{name} is {value!r} and not a whole number")
    if not (result.rank_distance is None or _numbers(result.rank_distance, 0)):
        raise TypeError(f"rank_distance is {result.rank_distance!r} and not a number")
    if not isinstance(result.arm, str):
        raise TypeError(f"arm is {result.arm!r} and not text")
    return result


def _numbers(value: object, depth: int) -> bool:
    """Whether a value is a finite number, or such numbers so many objects deep."""
    if depth == 0:
        return type(value) is int or (type(value) is float and math.isfinite(value))
    return isinstance(value, dict) and all(_numbers(each, depth - 1) for each in value.values())

"""A study's TOML file -> a checked configuration."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt
from pydantic import ValidationError as PydanticError
from pydantic_core import ErrorDetails

from hybridsampler.mix import Mix


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(_Strict):
    """What to train on."""

    train: str | Annotated[list[str], Field(min_length=1)]
    """Parquet, one file or several: columns group_id, lang, query, passage and, unless each file is
    one source, source. Relative to the TOML."""
    languages: Annotated[list[str], Field(min_length=1)] | None = None
    """Languages to train on; all by default."""
    passage_key: list[str] = []
    """Columns that are equal for rows with the same passage; such rows never share a batch."""
    length: str | None = None
    """Column with the tokens of a row; rows of like length then share a batch."""


class BenchmarkChoice(_Strict):
    """What to evaluate on."""

    name: Literal["xquad-r"]
    folder: str
    """The official files, as they are or compressed; relative to the TOML."""


class Encoder(_Strict):
    """The encoder to train, the same initial weights for every mix."""

    kind: Literal["ngram"]
    buckets: Annotated[int, Field(ge=1, le=2**22)]
    dimension: Annotated[int, Field(ge=1, le=2**12)]
    shortest: Annotated[int, Field(ge=1, le=64)] = 3
    longest: Annotated[int, Field(ge=1, le=64)] = 4


class TrainingChoice(_Strict):
    """How to train."""

    steps: PositiveInt
    batch_size: PositiveInt
    excess: Literal["error", "rotate"] = "error"
    """What to do with more copies of a passage key than can be kept apart."""
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    threads: PositiveInt = 2
    """Threads of torch. Part of the configuration: the last digits depend on it."""
    checkpoint_every: PositiveInt | None = None
    """Steps between checkpoints in the output folder; none by default."""


class Arm(_Strict):
    """One batch mix of the comparison."""

    name: str
    monolingual: NonNegativeFloat = 0.0
    cross_lingual: NonNegativeFloat = 0.0
    mixed: NonNegativeFloat = 0.0
    languages: Literal["uniform", "size"] | dict[str, NonNegativeFloat] = "uniform"
    language_temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    sources: Literal["uniform", "size"] | dict[str, NonNegativeFloat] = "size"
    source_temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    pairs: Literal["uniform"] | dict[str, NonNegativeFloat] = "uniform"
    """Weights of ordered pairs, as ``"en->de" = 1.0``."""
    draws: Literal["balanced", "random"] = "balanced"

    @property
    def mix(self) -> Mix:
        """The mix; raises ``ValueError`` when all weights are 0 or a pair is no pair."""
        given = self.model_dump(exclude={"name", "pairs"})
        if isinstance(self.pairs, str):
            return Mix(**given)
        pairs = {}
        for pair, weight in self.pairs.items():
            query, arrow, passage = pair.partition("->")
            if not arrow:
                raise ValueError(f'pairs: {pair!r} is no pair: write "en->de", query first')
            pairs[query.strip(), passage.strip()] = weight
        return Mix(**given, pairs=pairs)


class StudyConfig(_Strict):
    """One study: data, benchmark, encoder, training, and the mixes to compare."""

    title: str
    data: Data
    benchmark: BenchmarkChoice
    encoder: Encoder
    training: TrainingChoice
    mix: Annotated[list[Arm], Field(min_length=1)]


def read_config(path: Path) -> StudyConfig:
    """Read and check a study's TOML file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not TOML, an unknown key, a value of the wrong type or range, two mixes of one
            name; one line that names the file, the key and the remedy.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; examples/quick.toml is a study to copy")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from error
    try:
        config = StudyConfig.model_validate(raw)
    except PydanticError as error:
        raise ValueError(f"{path}: {_explain(min(error.errors(), key=_rank))}") from error
    names = ["untrained", *(arm.name for arm in config.mix)]
    for arm in config.mix:
        if names.count(arm.name) > 1:
            raise ValueError(f"{path}: {arm.name!r} names two rows of the tables: give each a name")
        try:
            _ = arm.mix
        except ValueError as error:
            raise ValueError(f"{path}: mix {arm.name!r}: {error}") from error
    return config


def _rank(problem: ErrorDetails) -> tuple[bool, bool, int]:
    """What the user wants to see first."""
    kind, value = problem["type"], problem["input"]
    # Of a value that may be of several kinds every kind tells what is wrong; what is wrong with
    # another than was meant is of no use.
    other = kind in ("dict_type", "list_type", "string_type")
    other |= kind == "literal_error" and not isinstance(value, str)
    # A misspelt key is also a missing one: the misspelling tells more.
    return kind == "missing", other, -len(problem["loc"]) if other else 0


# Keys whose values may be of several kinds; pydantic names the kind behind them.
_SEVERAL = ("train", "languages", "sources", "pairs")


def _explain(problem: ErrorDetails) -> str:
    """One line for the first thing that is wrong."""
    loc = problem["loc"]
    *table, key = (
        part
        for before, part in zip((None, *loc), loc, strict=False)
        if before not in _SEVERAL or isinstance(part, int)
    )
    where = " in " + "".join(_bracketed(table)) if table else ""
    if problem["type"] == "extra_forbidden":
        known = _fields(table)
        close = difflib.get_close_matches(str(key), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key {key!r}{where}: {hint}"
    if problem["type"] == "missing":
        return f"key {key!r}{where} is missing"
    name = repr(key) if isinstance(key, str) else f"number {key + 1}"
    return f"{name}{where} is {problem['input']!r}: {problem['msg']}"


def _bracketed(table: list[Any]) -> Iterator[str]:
    for part in table:
        yield f"[{part}]" if isinstance(part, str) else f" number {part + 1}"


def _fields(table: list[Any]) -> list[str]:
    model: type[BaseModel] = StudyConfig
    for part in table:
        if isinstance(part, str):
            annotation: Any = model.model_fields[part].annotation
            # list[Arm] -> Arm
            model = getattr(annotation, "__args__", (annotation,))[0]
    return list(model.model_fields)

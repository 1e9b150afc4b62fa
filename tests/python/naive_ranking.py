"""The naive oracle of ranks and measures, so simple that it cannot be wrong; and what to try it on.

Written from the text of the contract, not from the code that it judges.
"""

import dataclasses
import decimal
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hybridsampler.measures import Policy
from hybridsampler.ranking import Similarity, Ties
from hybridsampler.ranks import Ranks

POLICIES: tuple[Ties, ...] = ("pessimistic", "optimistic", "trec", "docid")
SIMILARITIES: tuple[Similarity, ...] = ("dot", "cosine")

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Scorer = Callable[[Float32, Float32], Float64]


# The score


def scores(queries: Float32, candidates: Float32) -> Float64:
    """(Q, N) scores: lane j of 32 adds the products of components j, j + 32, ... in order from +0.

    Lanes are then added in halves: 16, 8, 4, 2, 1.
    """
    lanes = np.zeros((32, len(queries), len(candidates)))
    for k in range(queries.shape[1]):
        q, d = queries[:, k].astype(np.float64), candidates[:, k].astype(np.float64)
        lanes[k % 32] += q[:, None] * d[None, :]
    for half in (16, 8, 4, 2, 1):
        lanes = lanes[:half] + lanes[half:]
    return np.asarray(lanes[0])


def normalised(rows: Float32) -> Float32:
    """Each row divided once by its norm, rounded to float32; a zero row stays zero."""
    out = rows.copy()
    for i, row in enumerate(rows):
        norm = math.sqrt(scores(row[None], row[None])[0, 0])
        if norm > 0:
            out[i] = [np.float32(float(x) / norm) for x in row]
    return out


# The ranks


@dataclass(frozen=True)
class Task:
    """Candidates to rank, and what each query knows of them."""

    queries: Float32
    candidates: Float32
    ids: list[int]
    languages: list[str]
    """Of the candidates."""
    judged: list[dict[int, int]]
    """For each query, grades by id."""
    excluded: list[set[int]] = field(default_factory=list)
    """For each query, ids; an empty list excludes nothing."""

    def judged_lists(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        indptr, ids = csr(self.judged)
        grades = [grade for grades in self.judged for grade in grades.values()]
        return indptr, ids, np.array(grades, np.int64)

    def excluded_lists(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        return csr(self.excluded) if self.excluded else None


class Row(NamedTuple):
    """One judged candidate of one query."""

    query: int
    id: int
    grade: int
    language: str
    within: int
    overall: int


def csr(lists: Iterable[Iterable[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    listed = [list(ids) for ids in lists]
    indptr = np.cumsum([0, *map(len, listed)])
    return indptr, np.array([i for ids in listed for i in ids], np.int64)


def task_scores(task: Task, similarity: Similarity = "dot", scorer: Scorer = scores) -> Float64:
    if similarity == "cosine":
        return scorer(normalised(task.queries), normalised(task.candidates))
    return scorer(task.queries, task.candidates)


def oracle_ranks(task: Task, score: Float64, ties: Ties) -> list[Row]:
    """Sort the pool of every query, whole and by language, and look where the judged ones stand."""
    rows = []
    for q, grades in enumerate(task.judged):
        excluded = task.excluded[q] if task.excluded else set()
        pool = [c for c, i in enumerate(task.ids) if i not in excluded]
        pool.sort(key=lambda c: (-score[q, c], tie_key(ties, task.ids[c], grades)))
        for judged, grade in grades.items():
            language = task.languages[task.ids.index(judged)]
            overall = [task.ids[c] for c in pool]
            within = [task.ids[c] for c in pool if task.languages[c] == language]
            rows.append(
                Row(q, judged, grade, language, within.index(judged) + 1, overall.index(judged) + 1)
            )
    return rows


def tie_key(ties: Ties, candidate: int, grades: Mapping[int, int]) -> tuple[int, int]:
    """What stands first among equal scores sorts first; an unjudged candidate is below grade 0."""
    grade = grades.get(candidate, -1)
    match ties:
        case "pessimistic":
            return (grade, candidate)
        case "optimistic":
            return (-grade, candidate)
        case "trec":
            return (-candidate, 0)
        case "docid":
            return (candidate, 0)


def oracle_ties(task: Task, score: Float64) -> int:
    """How many (query, judged candidate, other candidate) have equal scores."""
    found = 0
    for q, grades in enumerate(task.judged):
        excluded = task.excluded[q] if task.excluded else set()
        for judged in grades:
            own = task.ids.index(judged)
            for c, i in enumerate(task.ids):
                found += i != judged and i not in excluded and score[q, c] == score[q, own]
    return found


def as_rows(ranks: Ranks) -> list[Row]:
    """The columns of the ranks as rows of plain Python numbers, to compare with the oracle's."""
    language = [ranks.languages[number] for number in ranks.language.tolist()]
    query, judged, grade = ranks.query.tolist(), ranks.id.tolist(), ranks.grade.tolist()
    within, overall = ranks.within.tolist(), ranks.overall.tolist()
    columns = zip(query, judged, grade, language, within, overall, strict=True)
    return [Row(*row) for row in columns]


# The measures


class Found(NamedTuple):
    """A judged candidate of a pool."""

    rank: int
    """0: not retrieved."""
    grade: int = 1


def oracle_measure(name: str, judged: Iterable[Found], pool: int = 0) -> float:
    """The measure of one query in a pool of so many candidates; NaN where it is undefined."""
    match = re.fullmatch(r"(\w+?)(?:\((?:rel=(\d+)|dcg='(.+)')\))?(?:@(\d+))?", name)
    assert match is not None, name
    kind, rel, dcg, cutoff = match[1], int(match[2] or 1), match[3], int(match[4] or 10**18)
    ordered = sorted(judged)
    if kind == "Judged":
        depth = min(cutoff, pool)
        return sum(1 <= d.rank <= cutoff for d in ordered) / depth if depth else math.nan
    relevant = [d for d in ordered if d.grade >= rel]
    if not relevant:
        return math.nan
    if kind == "nDCG":
        best = sorted((d.grade for d in relevant), reverse=True)
        ideal = [Found(rank, grade) for rank, grade in enumerate(best, start=1)]
        return discounted(relevant, cutoff, dcg) / discounted(ideal, cutoff, dcg)
    hits, precisions, first = 0, 0.0, math.inf
    retrieved = [d for d in relevant if d.rank > 0]
    for position, d in enumerate(retrieved, start=1):
        if d.rank <= cutoff:
            hits += 1
            precisions += position / d.rank
            first = min(first, d.rank)
    return {
        "AP": precisions / len(relevant),
        "R": hits / len(relevant),
        "P": hits / cutoff,
        "RR": 1 / first,
        "Success": float(hits > 0),
    }[kind]


def discounted(ranked: Iterable[Found], cutoff: int, dcg: str | None) -> float:
    """The gains over the logarithms of their ranks, added in order of rank."""
    total = 0.0
    for d in ranked:
        if 1 <= d.rank <= cutoff:
            gain = d.grade if dcg is None else 2**d.grade - 1
            total += gain / log2(d.rank + 1)
    return total


@cache
def log2(number: int) -> float:
    """Correctly rounded: from 60 digits."""
    with decimal.localcontext(decimal.Context(prec=60)):
        return float(decimal.Decimal(number).ln() / decimal.Decimal(2).ln())


def oracle_mean(values: Iterable[float]) -> float:
    """The correctly rounded sum divided by the number of values; NaN for none."""
    exact = [Fraction(value) for value in values]
    return float(sum(exact, Fraction(0))) / len(exact) if exact else math.nan


@dataclass(frozen=True)
class Expected:
    """What an evaluation has to find for one measure."""

    per_query: dict[str, list[float]]
    """By setting; NaN where the query does not count."""
    matrix: dict[tuple[str, str], float]
    by_language: dict[str, dict[str, float]]
    """By setting."""
    setting: dict[str, float]


def oracle_evaluation(
    rows: Sequence[Row],
    query_languages: Sequence[str],
    name: str,
    task: Task | None = None,
    empty: Policy = "error",
) -> Expected:
    """Macro means of one measure in every setting, one query and one pool at a time.

    Without a task the languages are those of the rows, and pools have no sizes.
    """
    pools = sorted({row.language for row in rows} if task is None else set(task.languages))
    spoken = sorted(set(query_languages))
    queries = range(len(query_languages))

    own: list[list[Row]] = [[] for _ in queries]
    for row in rows:
        own[row.query].append(row)

    def size(q: int, language: str | None) -> int:
        if task is None:
            return 0
        excluded = task.excluded[q] if task.excluded else set()
        of = zip(task.ids, task.languages, strict=True)
        return sum(language in (None, spoken) and i not in excluded for i, spoken in of)

    def in_all(q: int) -> float:
        found = [Found(row.overall, row.grade) for row in own[q]]
        return oracle_measure(name, found, size(q, None))

    def within(q: int, y: str) -> float:
        found = [Found(row.within, row.grade) for row in own[q] if row.language == y]
        return oracle_measure(name, found, size(q, y))

    whole = [in_all(q) for q in queries]
    cell = {(q, y): within(q, y) for q in queries for y in pools}
    if empty == "zero" and not name.startswith("Judged"):
        nothing = [q for q in queries if math.isnan(whole[q]) and size(q, None)]
        for q in nothing:
            whole[q] = 0.0
            cell |= {(q, y): 0.0 for y in pools if size(q, y)}
    matrix = {
        (x, y): known_mean(cell[q, y] for q in queries if query_languages[q] == x)
        for x in spoken
        for y in pools
    }
    matrix = {pair: mean for pair, mean in matrix.items() if not math.isnan(mean)}
    by_language = {
        "monolingual": {x: mean for (x, y), mean in matrix.items() if x == y},
        "cross_lingual": {
            x: known_mean(mean for (a, y), mean in matrix.items() if a == x != y) for x in spoken
        },
        "multilingual": {
            x: known_mean(whole[q] for q in queries if query_languages[q] == x) for x in spoken
        },
    }
    return Expected(
        per_query={
            "monolingual": [cell.get((q, query_languages[q]), math.nan) for q in queries],
            "cross_lingual": [
                known_mean(cell[q, y] for y in pools if y != query_languages[q]) for q in queries
            ],
            "multilingual": whole,
        },
        matrix=matrix,
        by_language={
            setting: {x: mean for x, mean in means.items() if not math.isnan(mean)}
            for setting, means in by_language.items()
        },
        setting={
            "monolingual": oracle_mean(mean for (x, y), mean in matrix.items() if x == y),
            "cross_lingual": oracle_mean(mean for (x, y), mean in matrix.items() if x != y),
            "multilingual": known_mean(by_language["multilingual"].values()),
        },
    )


def known_mean(values: Iterable[float]) -> float:
    return oracle_mean(value for value in values if not math.isnan(value))


def oracle_rank_distance(
    rows: Sequence[Row], query_languages: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Largest minus smallest rank of the relevant in the whole pool: by language, macro mean."""
    by_language: dict[str, list[float]] = {}
    for q, language in enumerate(query_languages):
        ranks = [row.overall for row in rows if row.query == q and row.grade > 0]
        if ranks:
            by_language.setdefault(language, []).append(max(ranks) - min(ranks))
    means = {language: oracle_mean(found) for language, found in sorted(by_language.items())}
    return means, oracle_mean(means.values())


# What to try it on

FAMILIES = (
    "random",
    "clustered",
    "duplicated",
    "one-hot",
    "signs",
    "near-tied",
    "shuffled",
    "absorbing",
    "denormal",
    "huge",
    "tiny",
    "largest",
    "any scale",
    "zeros",
)


def vectors(
    rng: np.random.Generator, family: str, queries: int, candidates: int, dimension: int
) -> tuple[Float32, Float32]:
    """Queries and candidates of a family that once was, or could be, trouble to somebody."""
    rows = queries + candidates
    normal = rng.standard_normal((rows, dimension)).astype(np.float32)
    match family:
        case "random":
            found = normal
        case "clustered":
            found = normal[rng.integers(0, min(3, rows), rows)] + normal * np.float32(1e-3)
        case "duplicated":
            found = normal[rng.integers(0, min(3, rows), rows)]
        case "one-hot":
            found = np.zeros_like(normal)
            found[np.arange(rows), rng.integers(0, dimension, rows)] = 1
        case "signs":
            found = np.where(normal < 0, np.float32(-1), np.float32(1))
        case "near-tied":  # to both sides of one candidate, by one unit in one last place
            found = normal.copy()
            found[queries:] = normal[-1]
            at = np.arange(queries, rows), rng.integers(0, dimension, candidates)
            towards = rng.choice(np.array([-np.inf, 0, np.inf], np.float32), candidates)
            moved = np.nextafter(found[at], towards)
            found[at] = np.where(rng.random(candidates) < 0.8, moved, found[at])
        case "shuffled":  # one sum in another order: the rounding alone decides
            found = np.repeat(normal[:, :1], dimension, axis=1)
            found[queries:] = rng.permuted(np.repeat(normal[-1:], candidates, axis=0), axis=1)
        case "absorbing":  # the same with powers of two too far apart for one float64
            powers = np.ldexp(np.sign(normal[-1:]), rng.integers(-30, 31, (1, dimension)))
            found = np.ones_like(normal)
            found[queries:] = rng.permuted(np.repeat(powers, candidates, axis=0), axis=1)
        case "denormal":
            found = rng.integers(-3, 4, (rows, dimension)).astype(np.float32) * np.float32(2**-149)
        case "huge":
            found = normal * np.float32(1e30)
        case "tiny":
            found = normal * np.float32(1e-30)
        case "largest":
            found = np.where(normal < 0, -1, 1).astype(np.float32) * np.finfo(np.float32).max
        case "any scale":
            found = normal * np.power(10, rng.uniform(-37, 37, normal.shape)).astype(np.float32)
        case "zeros":
            found = normal * rng.choice(np.array([0, -0.0, 0, 1], np.float32), (rows, 1))
        case _:
            raise AssertionError(family)
    found = np.ascontiguousarray(found, np.float32)
    return found[:queries], found[queries:]


def random_task(
    rng: np.random.Generator,
    family: str,
    *,
    queries: int,
    candidates: int,
    dimension: int,
    most_judged: int = 6,
) -> Task:
    """A task with graded lists, some empty or of grade 0 alone, exclusions and any ids."""
    found_queries, found_candidates = vectors(rng, family, queries, candidates, dimension)
    ids = some_ids(rng, candidates)
    judged: list[dict[int, int]] = []
    excluded: list[set[int]] = []
    for _ in range(queries):
        known = int(rng.integers(0, min(most_judged, candidates), endpoint=True))
        order = rng.permutation(candidates).tolist()
        top = int(rng.integers(0, 3, endpoint=True))
        judged.append({ids[c]: int(rng.integers(0, top, endpoint=True)) for c in order[:known]})
        left_out = int(rng.integers(0, 3, endpoint=True))
        excluded.append({ids[c] for c in order[known : known + left_out]})
    return Task(
        found_queries,
        found_candidates,
        ids,
        rng.choice(["en", "de", "fr", "zh"][: int(rng.integers(1, 5))], candidates).tolist(),
        judged,
        excluded if rng.random() < 0.8 else [],
    )


def renumbered(task: Task) -> Task:
    """The same with ids 0 to N - 1."""
    number = {i: c for c, i in enumerate(task.ids)}
    judged = [{number[i]: grade for i, grade in grades.items()} for grades in task.judged]
    excluded = [{number[i] for i in ids} for ids in task.excluded]
    return dataclasses.replace(task, ids=list(range(len(number))), judged=judged, excluded=excluded)


def as_evaluation_task(rng: np.random.Generator, task: Task) -> Task:
    """The same with ids 0 to N - 1, no exclusions and a relevant candidate for each query."""
    task = dataclasses.replace(renumbered(task), excluded=[])
    for grades in task.judged:
        if not any(grades.values()):
            grades[int(rng.integers(len(task.ids)))] = int(rng.integers(1, 4))
    return task


def some_ids(rng: np.random.Generator, count: int) -> list[int]:
    if rng.random() < 0.3:
        return list(range(count))
    most = int(rng.choice([count - 1, np.iinfo(np.int64).max]))
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[int(rng.integers(most, endpoint=True))] = None
    return list(drawn)


def generators() -> st.SearchStrategy[np.random.Generator]:
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)

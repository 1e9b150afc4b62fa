"""Tables in several files: in the order of their numbers, and none of them missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# How shards are numbered, from 0; the second form tells how many there are.
COUNTED = re.compile(r"(.*-)(\d+)(\..*)")
OF_ALL = re.compile(r"(.*-)(\d+)(-of-(\d+)\..*)")


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Return files in the order of their names, where numbers count: docs-2 before docs-10."""
    return sorted(paths, key=lambda path: (_natural(path.name), path))


def _natural(name: str) -> list[str | int]:
    """The text of a name and its numbers in turn, text first."""
    return [int(part) if odd % 2 else part for odd, part in enumerate(re.split(r"(\d+)", name))]


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path
    name: str
    digits: str
    rest: str
    of: int | None = None

    def place(self, number: int) -> Path:
        """Where the shard of another number would be."""
        return self.path.with_name(f"{self.name}{number:0{len(self.digits)}}{self.rest}")


def check_shards(paths: Iterable[Path], form: re.Pattern[str]) -> None:
    """Refuse shards that are not all there; files with names of another form may be anything.

    Args:
        paths: the files, whose shards may be those of several names.
        form: `COUNTED` or `OF_ALL`.

    Raises:
        ValueError: a shard that is missing, there twice or of another set.
    """
    sets: dict[str, dict[int, _Shard]] = {}
    for path in paths:
        if (parts := form.fullmatch(path.name)) is None:
            continue
        name, digits, rest, *of = parts.groups()
        shard = _Shard(path, name, digits, rest, *map(int, of))
        there = sets.setdefault(name, {}).setdefault(int(digits), shard)
        if there is not shard:
            raise ValueError(
                f"shard {int(digits)} is there twice, as {there.path} and {path}: keep one"
            )
    for shards in sets.values():
        _check_whole(shards)


def _check_whole(shards: dict[int, _Shard]) -> None:
    first = next(iter(shards.values()))
    for shard in shards.values():
        if shard.of != first.of:
            raise ValueError(
                f"{first.path} is one of {first.of} shards but {shard.path} one of {shard.of}: "
                "keep those of one set"
            )
    count = max(shards) + 1 if first.of is None else first.of
    for number, shard in shards.items():
        if number >= count:
            raise ValueError(
                f"{shard.path} is none of {count} shards: number them from 0 to {count - 1}"
            )
    for number in range(count):
        if number not in shards:
            raise ValueError(f"{first.place(number)} is missing: fetch or write it")

"""What stands in the place of a run or of qrels: the other of the two, or a packed file.

Other tools take the qrels first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from hybridsampler.files import shown

_ORDER = "the run comes first, then the qrels"
_OTHER = {"score": "relevance", "relevance": "score"}
_LIKE = {"score": "qrels, not like a run", "relevance": "a run, not like qrels"}
# First bytes, the program that writes them, and the one that unpacks them. The first four of bzip2
# could be a query.
_PACKED = (
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bzip2", "bunzip2"),
    (rb"\xfd7zXZ\x00", "xz", "unxz"),
    (rb"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
    (rb"PK\x03\x04", "zip", "unzip"),
)


def check_start(path: Path, start: bytes, more: bool, value: str) -> None:
    """Refuse a packed file, and one whose first line is one of the other kind.

    Any other line is left to who reads it.

    Args:
        path: of the file.
        start: its first bytes.
        more: whether others follow, so that its last line may not be whole.
        value: what its lines end in: ``"score"`` or ``"relevance"``.

    Raises:
        ValueError: what is packed otherwise than with gzip; a line of qrels in place of a run, or
            the reverse.
    """
    for magic, name, unpack in _PACKED:
        if re.match(magic, start):
            raise ValueError(
                f"{shown(path)} is packed with {name}, and gzip alone is read: unpack it, as with "
                f"{unpack}"
            )
    whole = start[: start.rfind(b"\n") + 1] if more else start
    lines = (line.removeprefix(b"\xef\xbb\xbf").strip() for line in whole.split(b"\n"))
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    columns = first.split()
    if value == "score":
        other = len(columns) == 4 and _is_number(int, columns[3])
    else:  # after lone carriage returns the columns of many lines would follow one another
        other = len(columns) >= 6 and b"\r" not in first and _is_number(float, columns[4])
    if other:
        raise _mistaken(shown(path), value)


def check_columns(name: str, names: Sequence[str], ids: Sequence[str], value: str) -> None:
    """Refuse a table with scores where it is to have grades, or the reverse.

    One without the ids says nothing of it: BEIR's qrels call the grade ``score``.

    Raises:
        ValueError: as above.
    """
    if value not in names and {*ids, _OTHER[value]} <= {*names}:
        raise _mistaken(name, value)


@contextmanager
def if_scores(qrels: dict[str, Any]) -> Iterator[None]:
    """Let an error about grades in a dictionary say what fractions are, which may be meant."""
    try:
        yield
    except TypeError as error:
        lists = [documents for documents in qrels.values() if isinstance(documents, dict)]
        grades = (grade for documents in lists for grade in documents.values())
        # Whole numbers have no fraction, and may be too large for a float.
        others = (each for each in grades if not isinstance(each, Integral))
        fractions = (each % 1 for each in others if isinstance(each, Real) and isfinite(each))
        if "the grade" in str(error) and any(fractions):
            raise TypeError(f"{error}; if these are scores: {_ORDER}") from error
        raise


def _is_number(kind: type[int] | type[float], text: bytes) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _mistaken(name: str, value: str) -> ValueError:
    return ValueError(f"{name} looks like {_LIKE[value]}: {_ORDER}")

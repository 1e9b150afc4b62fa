"""Files that are written whole or not at all, and what is said of those that cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as text that can be written: what is no UTF-8 in it as ``\\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


Stamp = tuple[int, int]
"""What another file in the place of one does not share: its size, and when it was written."""


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of a file as it is now; ``OSError`` as the file system does."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def check_unchanged(path: Path, stamp: Stamp) -> None:
    """Refuse, with ``ValueError``, a file that is not the one that it was when it was opened."""
    if stamp_of(path) != stamp:
        raise ValueError(
            f"{shown(path)} has changed since it was opened: leave it alone while it is read, and "
            "start anew"
        )


@contextmanager
def readable(path: str | os.PathLike[str], expected: str) -> Iterator[None]:
    """Let errors of the file system, while ``path`` is read, say what was expected of it.

    Raises:
        OSError: of the type and number that the file system gave.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # not the system's, so it says what is wrong
            raise
        told = f"{shown(path)} cannot be read ({error.strerror}): {expected}"
        raise _saying(told, error) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; move it there when the block succeeds.

    A reader, and a run that is killed at any moment, sees the old file or the new one, never a
    part. Of a link the file that it leads to is written; who may read and write a file stays.

    Raises:
        OSError: of the type and number that the file system gave; ``path`` is named.
    """
    import tempfile  # and with it much that who writes nothing does not need

    draft, target = None, Path(os.path.realpath(path))
    try:
        # Of a name as long as may be there is no longer one.
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:32]}.", dir=target.parent)
        os.close(handle)
        draft = Path(name)
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.chmod(_mode(target))  # mkstemp makes files that only their owner may read
        draft.replace(target)
    except OSError as error:
        if error.errno is None:
            raise
        remedy = "name a file in a folder that is there, has room and may be written to"
        told = f"{shown(path)} cannot be written ({error.strerror}): {remedy}"
        raise _saying(told, error) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """The mode of a file, or of one that a plain open() would make, which follows the umask."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def _saying(message: str, error: OSError) -> OSError:
    """The error with another message: the system's may name a draft, or no file at all."""
    told = type(error)(message)
    told.errno = error.errno
    return told

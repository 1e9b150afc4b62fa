"""What long work tells of itself: to a bar in the terminal, or to the caller's function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int], object]
"""Called with how much is done and how much there is."""


@contextmanager
def shown(progress: bool | Tell, what: str) -> Iterator[Tell]:
    """Give the function to tell of progress.

    Args:
        progress: ``True``: a bar on standard error, named ``what``; ``False``: nothing; else the
            function itself.
        what: what is counted.

    Raises:
        ImportError: ``True`` without the extra ``train``.
    """
    if callable(progress):
        yield progress
    elif progress:
        with _bar(what) as tell:
            yield tell
    else:
        yield lambda done, total: None


@contextmanager
def _bar(what: str) -> Iterator[Tell]:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError as error:
        raise ImportError(
            "progress=True needs rich: pip install 'hybridsampler[train]', or give a function that "
            "is called with (done, total)",
            name="rich",
        ) from error
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""RankCounter: the exact rank of every judged candidate, block by block."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridsampler import _core
from hybridsampler.files import readable, written_whole
from hybridsampler.lists import Lists, csr_columns, integers, numbered
from hybridsampler.ranks import Ranks, Report
from hybridsampler.threads import known_threads
from hybridsampler.vectors import as_rows, check_dense

if TYPE_CHECKING:
    from hybridsampler.device import Screen, Screened

Similarity = Literal["dot", "cosine"]
Ties = Literal["pessimistic", "optimistic", "trec", "docid"]

_MOST_LANGUAGES = 10_000  # more than people speak


class RankCounter:
    """Counts, block by block, what gives exact ranks; holds neither candidates nor scores.

    The score of a query and a candidate is the dot product of their float32 vectors in float64, in
    one defined order of additions, so it has the same bits everywhere. The rank of a judged
    candidate is its position in the total order of its pool: score descending, equal scores as
    :meth:`ranks` is told.

    Two phases: :meth:`anchor` the blocks that hold judged candidates, then :meth:`add` every
    candidate once, in any blocks and any order. Counters of disjoint candidates :meth:`merge`.

    A counter does one piece of work at a time: whoever calls it meanwhile, from another thread or a
    signal handler, gets a ``RuntimeError``. Threads of yours take one each, from :meth:`blank`.

    Args:
        queries: (Q, d) float32, float16 or bfloat16.
        judged: ``(indptr, ids)`` or ``(indptr, ids, grades)``, CSR lists of (Q + 1,), (J,), (J,)
            integers: query ``q`` judges ``ids[indptr[q]:indptr[q + 1]]``. Without grades all are 1.
        exclude: ``(indptr, ids)``: candidates left out of the ranking of each query.
        similarity: ``"dot"`` takes vectors as they are; ``"cosine"`` divides each once by its norm
            and rounds to float32. Zero vectors stay zero and are counted in ``zero_rows``.
        threads: ``None``: one for each processor. The result does not depend on it.
        borrow: keep the array of the queries instead of a copy. It must not change as long as the
            counter counts; else ranks are wrong.

    Raises:
        ValueError: NaN or infinity (the row is named), lists that do not fit, an id or grade below
            0, an id twice for a query.
        TypeError: float64 or other vectors that are not float32, float16 or bfloat16; lists that
            are no tuple of two or three, or masked; ``threads`` that are no whole number.
    """

    def __init__(
        self,
        queries: Any,
        judged: Lists,
        exclude: tuple[ArrayLike, ArrayLike] | None = None,
        *,
        similarity: Similarity = "dot",
        threads: int | None = None,
        borrow: bool = False,
    ) -> None:
        """Check the queries, and copy them unless they may be borrowed."""
        if similarity not in ("dot", "cosine"):
            raise ValueError(f"similarity={similarity!r}: choose 'dot' or 'cosine'")
        indptr, ids, *grades = csr_columns("relevant", judged, 2, 3)
        # Copies: the caller may go on using the arrays.
        self._indptr = integers("indptr", indptr).copy()
        self._ids = integers("ids", ids).copy()
        self._grades = integers("grades", grades[0]).copy() if grades else np.ones_like(self._ids)
        left_out = None
        if exclude is not None:
            first, second = csr_columns("exclude", exclude, 2)
            left_out = (integers("indptr", first), integers("ids", second).copy())
        self._left_out = np.empty(0, np.int64) if left_out is None else left_out[1]
        self._threads = known_threads(threads)
        self._cosine = similarity == "cosine"
        self._screen: Screen | None = None
        vectors = _vectors("queries", queries)
        # The core keeps this array; under the cosine what it makes of it.
        # What an object gives as its array it may go on using, as xarray does.
        made = isinstance(queries, np.ndarray) and vectors is not queries and vectors.flags.owndata
        self._core = _core.RankCounter(
            vectors if made or borrow or self._cosine else vectors.copy(),
            (self._indptr, self._ids, self._grades),
            left_out,
            self._cosine,
        )

    def anchor(self, block: Any, ids: ArrayLike) -> None:
        """First phase: compute the scores of the judged candidates in a block.

        Rows that no query judges are passed over, so a caller with a file needs to read only the
        judged rows.

        Args:
            block: (n, d) vectors, types as for the queries.
            ids: (n,) integers.

        Raises:
            ValueError: a judged id whose vector differs from an earlier one; NaN or infinity;
                shapes that do not fit. Nothing of the block is taken.
            TypeError: vectors of another type; masked ids.
        """
        self._core.anchor(_vectors("block", block), integers("ids", ids), self._threads)

    def add(self, block: Any, ids: ArrayLike, languages: Sequence[str]) -> None:
        """Second phase: count the candidates of a block.

        A tensor on a GPU is screened there; the digits are the same. Signals are heeded between
        parts of a block above 4 MiB: where their handler raises, as Ctrl-C does, nothing of the
        block is counted. It cannot use the counter then. Of other blocks they come afterwards.

        Args:
            block: (n, d) vectors, types as for the queries.
            ids: (n,) integers.
            languages: (n,) names.

        Raises:
            ValueError: an id that was added before; a judged id that was not anchored, or whose
                vector has changed since; NaN or infinity; shapes that do not fit; a block that
                changes meanwhile; more than 10,000 languages; one whose name is no text. Nothing of
                the block is counted, and what was counted stays.
            TypeError: a language that is no str; languages that are no sequence; vectors of another
                type; masked ids.
            RuntimeError: another caller has changed the counter meanwhile.
        """
        if isinstance(languages, str):
            raise ValueError(f"languages={languages!r}: give one name for each candidate")
        known = self._core.names
        names, codes = numbered("languages", languages, None, known)
        _check_few(names)
        numbers = integers("ids", ids)
        found = self._screened(block, numbers, codes)
        if found is None:
            rows = _vectors("block", block)
            self._core.add(rows, numbers, codes, (known, names), self._threads)
            return
        self._core.add_screened(
            numbers,
            codes,
            (known, names),
            found.rows,
            _vectors("block", found.vectors),
            found.higher,
            (found.open_queries, found.open_rows),
            found.zero_rows,
        )

    def merge(self, other: RankCounter) -> None:
        """Take over what a counter of the same queries and judged candidates knows and counted.

        Between the phases this shares the anchors; after the second it adds the counts.

        Raises:
            ValueError: different queries, judged candidates, exclusions or similarity; a candidate
                that both have counted. Nothing is taken over.
        """
        if other is self:
            raise ValueError("a counter cannot be merged into itself: its candidates count once")
        self._merge(other._core)

    def to_bytes(self) -> bytes:
        """Return what the counter knows and counted, for :meth:`merge_bytes` in any process.

        Queries and lists are not in it: a counter made from the same ones takes it over. Their hash
        is, and a checksum. Size: at most 28 bytes a judged candidate and 4 more for each language
        of candidates (12 where ties occur); ids that come in runs take next to nothing, others at
        most some bytes each.

        Raises:
            TypeError: a language whose name is no ``str``.
        """
        return self._core.to_bytes()

    def merge_bytes(self, data: bytes) -> None:
        """Take over, as :meth:`merge` does, what another counter's :meth:`to_bytes` returned.

        Raises:
            ValueError: as :meth:`merge`; data that is damaged, of another version or something
                else. Nothing is taken over.
        """
        self._merge(self._core.read_bytes(data))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what :meth:`to_bytes` returns to a file, whole or not at all.

        Raises:
            TypeError: as :meth:`to_bytes`.
            OSError: as the file system does.
        """
        with written_whole(Path(path)) as draft:
            draft.write_bytes(self.to_bytes())

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take over, as :meth:`merge` does, what a counter has written with :meth:`save`.

        Raises:
            ValueError: as :meth:`merge_bytes`; the file is named. Nothing is taken over.
            OSError: as the file system does.
        """
        with readable(path, "give a file that save() has written"):
            data = Path(path).read_bytes()
        try:
            self.merge_bytes(data)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def blank(self) -> RankCounter:
        """Return a counter of the same queries and lists that knows nothing yet.

        They are shared, not copied.
        """
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), _core=self._core.blank(), _screen=None)
        return twin

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled: the copy would share the counts, but not the names."""
        raise TypeError(
            "a RankCounter cannot be copied or pickled: blank() makes another of the same queries, "
            "and to_bytes() or save() gives what this one counted"
        )

    def ranks(self, ties: Ties = "pessimistic") -> Ranks:
        """Return the rank of every judged candidate.

        Args:
            ties: order of equal scores. ``"pessimistic"``: unjudged candidates and lower grades
                first, then ids ascending; ``"optimistic"``: higher grades first, then ids
                ascending; ``"trec"``: ids descending; ``"docid"``: ids ascending.

        Raises:
            ValueError: a judged candidate that was never added.
        """
        within, overall, language = self._core.ranks(ties)
        counts = np.diff(self._indptr)
        return Ranks(
            query=np.repeat(np.arange(len(counts)), counts),
            id=self._ids.copy(),
            grade=self._grades.copy(),
            language=language,
            within=within,
            overall=overall,
            languages=self._core.names,
        )

    @property
    def queries(self) -> int:
        """Number of queries."""
        return len(self._indptr) - 1

    @property
    def judged(self) -> NDArray[np.int64]:
        """The ids that any query judges, ascending, each once."""
        return self._core.judged

    @property
    def candidates(self) -> int:
        """Number of candidates counted so far."""
        return self._core.candidates

    @property
    def ties(self) -> int:
        """How many (query, judged candidate, other candidate) have equal scores so far."""
        return self._core.ties

    @property
    def zero_rows(self) -> int:
        """Queries and counted candidates that are zero and so have no direction (cosine only)."""
        return self._core.zero_rows

    @property
    def report(self) -> Report:
        """What decided the comparisons so far; :meth:`merge` and :meth:`load` add theirs."""
        int8, int16, float32, elsewhere, reference = self._core.decided
        return Report(int8, int16, float32, elsewhere, reference, _core.RankCounter.simd())

    def _merge(self, core: _core.RankCounter) -> None:
        known, theirs = self._core.names, core.names
        names, codes = _core.number_names(theirs, known)
        _check_few(names)
        self._core.merge(core, theirs, codes.tolist(), (known, names))

    def _screened(
        self, block: Any, ids: NDArray[np.int64], languages: NDArray[np.uint32]
    ) -> Screened | None:
        """Screen the block on the device where it lives; ``None``: the core counts it.

        The core also gets the blocks that it will refuse, because it says best why.
        """
        if not hasattr(block, "detach"):
            return None
        check_dense("block", block)
        from hybridsampler import device  # the block is a tensor, so torch is there

        if not device.screens(block.device):
            return None
        if self._screen is None or self._screen.device != block.device:
            thresholds = self._core.thresholds
            if np.isnan(thresholds).any():
                return None
            self._screen = device.Screen(
                self._core.queries,
                (self._indptr, self._ids, thresholds),
                self._left_out,
                cosine=self._cosine,
                device=block.device,
            )
        if not self._screen.takes(block, ids, languages):
            return None
        return self._screen.block(block, ids, languages)


def _check_few(languages: Sequence[str]) -> None:
    if len(languages) > _MOST_LANGUAGES:  # each costs 4 bytes a judged candidate
        raise ValueError(
            f"there are {len(languages):,} languages: give each candidate's language, not its id"
        )


def _vectors(name: str, values: Any) -> NDArray[np.float32]:
    # Numbers that begin at any byte, as in a map of a file behind its header, are copied too.
    return np.require(as_rows(name, values), np.float32, ["C", "A"])

"""Screening of candidates where they live: on a device that has float64.

A product ``f`` of a query and a candidate in float64, added up in any order, differs from their
score by at most ``E = (gamma_d + gamma_s) |q| |d|``, where ``d`` is the dimension, ``s`` the number
of additions on the longest way into the score, and ``gamma_m = m u / (1 - m u)`` (Higham, Accuracy
and Stability of Numerical Algorithms, section 3.1). Products of float32 are exact in float64 and
neither underflow nor overflow, so additions are all that rounds. Where ``f - E`` lies above a
threshold or ``f + E`` below it, the score does; the other pairs are left to the core.

TF32 and the other short cuts of matrix units concern float32 products, and none is made here. What
is no sum of products in some order is the emulation of float64 in cuBLAS and hipBLASLt; a process
that asks for it is not screened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

# Rounding of one addition. To nearest it would be half of it; this covers rounding either way.
_UNIT = 2.0**-52
# Variables that ask cuBLAS and hipBLASLt for products of integers in place of float64. Torch itself
# asks for none: it sets the mode of each product.
_EMULATION = ("CUBLAS_EMULATE_DOUBLE_PRECISION", "HIPBLASLT_EMULATE_DOUBLE_PRECISION")
# The lanes of the score.
_LANES = 32
# Numbers of a temporary tensor of the device; there are about three at a time, of 8 bytes each.
# With fewer, starting the device's work takes longer than the work.
_ENTRIES = 1 << 23
# Candidates of a product.
_ROWS = 8192
# Pairs of a block that may be open besides the judged ones.
_OPEN = 1 << 20

_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Screened:
    """What a block has to say about each query, and what the core needs to settle the rest."""

    rows: _Ints
    """(m,) rows of the block, ascending: all that are judged, left out or open for any query."""
    vectors: torch.Tensor
    """(m, d) as they were given."""
    higher: NDArray[np.uint32]
    """(languages, J): how many candidates of a language surely beat each judged score; of a query's
    open candidates none is counted."""
    open_queries: _Ints
    """(P,) queries of the pairs that are left open."""
    open_rows: _Ints
    """(P,) their rows in the block."""
    zero_rows: int
    """Rows that are zero and so have no direction (cosine only)."""


def screens(device: torch.device) -> bool:
    """Whether candidates on this device are screened there: it is none that Rust works on.

    Without float64 (mps, for one) or with an emulated one, they are handed over to the CPU.
    """
    emulated = any(os.environ.get(name, "0") != "0" for name in _EMULATION)
    return device.type != "cpu" and not emulated and _has_float64(device)


@cache
def _has_float64(device: torch.device) -> bool:
    """Whether a device computes with float64 as a CPU does, to the last bit.

    Some have pairs of float32 in its place (TPUs), and the cosine needs correctly rounded roots.
    """
    numbers = torch.arange(1, 65_537, dtype=torch.float64, device="cpu") * 40_503 % 4_194_301
    try:
        found = [part.cpu() for part in _trial(numbers.to(device))]
    except torch.OutOfMemoryError:  # says nothing of float64
        raise
    except (TypeError, RuntimeError):
        return False
    return all(torch.equal(*both) for both in zip(found, _trial(numbers), strict=True))


def _trial(numbers: torch.Tensor) -> list[torch.Tensor]:
    """Return what has one result where each operation is that of IEEE 754.

    All sums in the product are integers below 2^53, so their order is no matter.
    """
    square = numbers.view(256, 256)
    ratios = numbers / numbers.flip(0)  # by one number, torch multiplies with its reciprocal
    return [ratios, ratios + numbers.sqrt(), ratios.float(), square @ square.T]


class Screen:
    """The queries of one evaluation on a device, with their thresholds.

    Args:
        queries: (Q, d) as they are scored: normalised, for the cosine.
        judged: ``(indptr, ids, scores)``, of (Q + 1,), (J,), (J,): query ``q`` judges
            ``ids[indptr[q]:indptr[q + 1]]``, and their scores are its thresholds.
        left_out: ids that any query leaves out.
        cosine: whether candidates are to be normalised.
        device: where the candidates are.
    """

    def __init__(
        self,
        queries: NDArray[np.float32],
        judged: tuple[_Ints, _Ints, NDArray[np.float64]],
        left_out: _Ints,
        *,
        cosine: bool,
        device: torch.device,
    ) -> None:
        """Copy queries and thresholds to the device."""
        indptr, ids, thresholds = judged
        self.device = device
        self._cosine = cosine
        self._named = np.union1d(ids, left_out)
        self._indptr = indptr
        # A query has a bin for those who surely beat none of its thresholds, one, ..., all.
        self._firsts = indptr + np.arange(len(indptr))
        query = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        # Positions by query and, inside a query, by threshold.
        order = np.lexsort((thresholds, query))
        place = np.empty_like(order)
        place[order] = np.arange(len(order)) + query
        self._queries = torch.from_numpy(queries).to(device)
        self._thresholds = torch.from_numpy(thresholds[order]).to(device)
        self._starts = torch.from_numpy(indptr).to(device)
        self._bins = torch.from_numpy(self._firsts).to(device)
        # Of each position: the bin of those who beat the lower thresholds alone, and the last one.
        self._place = torch.from_numpy(place).to(device)
        self._last = torch.from_numpy(self._firsts[1:][query] - 1).to(device)
        self._one = torch.ones(1, dtype=torch.int32, device=device)
        dimension = queries.shape[1]
        additions = dimension + -(-dimension // _LANES) + 6
        # The product of the norms, f - E and f + E are rounded too.
        self._relative = (additions + 8) * _UNIT / (1 - additions * _UNIT)

    def takes(self, block: torch.Tensor, ids: _Ints, languages: NDArray[np.uint32]) -> bool:
        """Whether a block can be screened; what is wrong with others the core says best."""
        named = len(ids) == len(languages) and not (ids < 0).any()
        whole = named and block.shape == (len(ids), self._queries.shape[1])
        return whole and block.dtype in (torch.float32, torch.float16, torch.bfloat16)

    def block(
        self, block: torch.Tensor, ids: _Ints, languages: NDArray[np.uint32]
    ) -> Screened | None:
        """Screen a block that :meth:`takes` is true of.

        Args:
            block: (n, d) float32, float16 or bfloat16 on the device.
            ids: (n,) of the candidates.
            languages: (n,) their numbers.

        Returns:
            ``None`` where the core has to count the block: of vectors that are not finite it says
            which, and with all its threads it settles many ties sooner.
        """
        occurring = np.bincount(languages)
        met = np.flatnonzero(occurring)
        occurring[met] = np.arange(len(met))
        own = torch.from_numpy(occurring[languages]).to(self.device)
        higher = np.zeros((len(occurring), len(self._place)), np.uint32)
        opened, most_open = [np.zeros((2, 0), np.int64)], len(self._place) + _OPEN
        step = max(1, min(_ROWS, _ENTRIES // block.shape[1]))
        zero_rows = torch.zeros((), dtype=torch.int64, device=self.device)
        with torch.no_grad():
            for start, stop in self._groups(len(met)):
                base, end = self._firsts[start], self._firsts[stop]
                bins = torch.zeros(
                    (len(met), int(end - base)), dtype=torch.int32, device=self.device
                )
                for first in range(0, len(block), step):
                    rows = block[first : first + step].detach().double()
                    if self._cosine:
                        rows, zero = normalised(rows)
                        zero_rows += zero if start == 0 else 0
                    norms = _norms(rows)
                    if not norms.isfinite().all():  # NaN has no bin
                        return None
                    cells = own[first : first + step] * bins.shape[1] - int(base)
                    for run in self._runs(start, stop, len(rows)):
                        pairs = self._tile(bins, rows, norms, cells, *run)
                        most_open -= len(pairs)
                        if most_open < 0:
                            return None
                        opened.append(pairs.T.cpu().numpy() + np.array([[run[0]], [first]]))
                higher[met, self._indptr[start] : self._indptr[stop]] = self._higher(
                    bins, start, stop
                )
        open_queries, open_rows = np.concatenate(opened, axis=1)
        rows_named = np.union1d(np.flatnonzero(np.isin(ids, self._named)), open_rows)
        vectors = block.detach()[torch.from_numpy(rows_named).to(self.device)]
        return Screened(rows_named, vectors, higher, open_queries, open_rows, int(zero_rows))

    def _groups(self, languages: int) -> Iterator[tuple[int, int]]:
        """Give the queries in groups for whose bins in so many languages there is room."""
        start, queries = 0, len(self._indptr) - 1
        while start == 0 or start < queries:
            room = self._firsts[start] + _ENTRIES // max(1, languages)
            stop = int(np.searchsorted(self._firsts, room, side="right")) - 1
            stop = min(max(stop, start + 1), queries)
            yield start, stop
            start = max(stop, 1)

    def _runs(self, start: int, stop: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """Give queries in runs for which there is room, each with its most thresholds."""
        counts = np.diff(self._indptr)
        step = max(1, _ENTRIES // max(rows, self._queries.shape[1]))
        while start < stop:
            end = min(start + step, stop)
            while (most := int(counts[start:end].max())) * (end - start) > _ENTRIES:
                if end == start + 1:
                    break
                end = (start + end) // 2
            if most:
                yield start, end, most
            start = end

    def _tile(
        self,
        bins: torch.Tensor,
        rows: torch.Tensor,
        norms: torch.Tensor,
        cells: torch.Tensor,
        start: int,
        stop: int,
        most: int,
    ) -> torch.Tensor:
        """Count a run of queries and some rows into the bins, and return (P, 2) open pairs.

        Nothing here is fetched but the number of open pairs: each wait leaves the device idle.
        """
        sure, reached = self._placed(rows, norms, start, stop, most)
        undecided = sure != reached
        # In the first bin nobody is looked for.
        sure.masked_fill_(undecided, 0)
        cells = self._bins[start:stop, None] + cells
        cells += sure
        bins.view(-1).scatter_add_(0, cells.view(-1), self._one.expand(cells.numel()))
        return undecided.nonzero()

    def _placed(
        self, rows: torch.Tensor, norms: torch.Tensor, start: int, stop: int, most: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return how many thresholds each candidate surely beats, and how many it may reach."""
        places = torch.arange(most, device=self.device) + self._starts[start:stop, None]
        lacking = places >= self._starts[start + 1 : stop + 1, None]
        places.clamp_(max=len(self._thresholds) - 1)
        thresholds = self._thresholds[places].masked_fill_(lacking, torch.inf)
        queries = self._queries[start:stop].double()
        products = queries @ rows.T
        errors = self._relative * _norms(queries)
        low = products.addr(errors, norms, alpha=-1)
        sure = torch.searchsorted(thresholds, low, out_int32=True)
        high = torch.addr(products, errors, norms, out=low)
        return sure, torch.searchsorted(thresholds, high, out_int32=True, right=True)

    def _higher(self, bins: torch.Tensor, start: int, stop: int) -> NDArray[np.int32]:
        """Return (languages, positions of the group): who beats more thresholds beats this one."""
        positions = slice(self._indptr[start], self._indptr[stop])
        base = int(self._firsts[start])
        below = bins.cumsum(1)
        lower = below[:, self._place[positions] - base]
        higher = below[:, self._last[positions] - base] - lower
        return higher.to(torch.int32).cpu().numpy()


def normalised(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Divide each row once by its norm and round it to float32, bit for bit as the core does.

    That takes a device whose float64 roots and quotients are correctly rounded, as CUDA's are (CUDA
    C++ Programming Guide, mathematical functions) and :func:`screens` tries.

    Args:
        rows: (n, d) float32 numbers, as float64.

    Returns:
        The rows, as float64 again, and how many of them are zero and stay so, on the device.
    """
    norms = scores(rows, rows).sqrt()
    zero = norms == 0
    return (rows / torch.where(zero, 1.0, norms)[:, None]).float().double(), zero.sum()


def scores(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return (n,) scores of the rows of ``a`` with those of ``b``, in the order of the contract.

    Args:
        a: (n, d) float32 numbers, as float64.
        b: the same.
    """
    products = torch.nn.functional.pad(a * b, (0, -a.shape[1] % _LANES))
    lanes = torch.zeros((len(a), _LANES), dtype=torch.float64, device=a.device)
    for first in range(0, products.shape[1], _LANES):
        lanes = lanes + products[:, first : first + _LANES]
    width = _LANES
    while width > 1:
        width //= 2
        lanes = lanes[:, :width] + lanes[:, width:]
    return lanes[:, 0]


def _norms(rows: torch.Tensor) -> torch.Tensor:
    """Return (n,) norms, rounded up: squares of float32 are exact, additions and the root round."""
    return rows.square().sum(1).sqrt() * (1 + (rows.shape[1] + 4) * _UNIT)

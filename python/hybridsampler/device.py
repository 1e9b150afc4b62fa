"""Screening of candidates where they live: on a device that has float64.

A product ``f`` of a query and a candidate in float64, added up in any order, differs from their
score by at most ``E = (gamma_d + gamma_s) |q| |d|``, where ``d`` is the dimension, ``s`` the number
of additions on the longest way into the score, and ``gamma_m = m u / (1 - m u)`` (Higham, Accuracy
and Stability of Numerical Algorithms, section 3.1). Products of float32 are exact in float64 and
neither underflow nor overflow, so additions are all that rounds. Where ``f - E`` lies above a
threshold or ``f + E`` below it, the score does; the other pairs are left to the core.

TF32 and the other short cuts of matrix units concern float32 products, and none is made here. What
is no sum of products in some order is cuBLAS's emulation of float64; a process that asks for it is
not screened.
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
# The lanes of the score.
_LANES = 32
# Numbers of a temporary tensor of the device; there are about eight at a time, of 8 bytes each.
_ENTRIES = 1 << 21
# Candidates of a product.
_ROWS = 4096

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
    if device.type == "cpu" or os.environ.get("CUBLAS_EMULATE_DOUBLE_PRECISION", "0") != "0":
        return False
    return _has_float64(device)


@cache
def _has_float64(device: torch.device) -> bool:
    try:
        torch.ones(1, dtype=torch.float64, device=device) + 1
    except (TypeError, RuntimeError):
        return False
    return True


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
        self._queries = torch.from_numpy(queries).to(device)
        self._indptr = indptr
        counts = np.diff(indptr)
        # Positions by query and, inside a query, by threshold.
        self._order = np.lexsort((thresholds, np.repeat(np.arange(len(counts)), counts)))
        self._thresholds = torch.from_numpy(thresholds[self._order]).to(device)
        self._counts = torch.from_numpy(counts).to(device)
        dimension = queries.shape[1]
        additions = dimension + -(-dimension // _LANES) + 6
        # The product of the norms, f - E and f + E are rounded too.
        self._relative = (additions + 8) * _UNIT / (1 - additions * _UNIT)

    def takes(self, block: torch.Tensor, ids: _Ints, languages: NDArray[np.uint32]) -> bool:
        """Whether a block can be screened; what is wrong with others the core says best."""
        named = len(ids) == len(languages) and not (ids < 0).any()
        whole = named and block.shape == (len(ids), self._queries.shape[1])
        known = block.dtype in (torch.float32, torch.float16, torch.bfloat16)
        return whole and known and bool(block.isfinite().all())

    def block(self, block: torch.Tensor, ids: _Ints, languages: NDArray[np.uint32]) -> Screened:
        """Screen a block that :meth:`takes` is true of.

        Args:
            block: (n, d) float32, float16 or bfloat16 on the device, finite.
            ids: (n,) of the candidates.
            languages: (n,) their numbers.
        """
        met, codes = np.unique(languages, return_inverse=True)
        own = torch.from_numpy(codes).to(self.device)
        counted = np.zeros((len(met), len(self._order)), np.uint32)
        opened, zero_rows = [np.zeros((2, 0), np.int64)], 0
        step = max(1, min(_ROWS, _ENTRIES // block.shape[1]))
        with torch.no_grad():
            for first in range(0, len(block), step):
                rows = block[first : first + step].detach().double()
                if self._cosine:
                    rows, zero = normalised(rows)
                    zero_rows += zero
                norms, of_rows = _norms(rows), own[first : first + step]
                for start, stop, most in self._runs(len(rows), len(met)):
                    higher, pairs = self._tile(rows, norms, of_rows, len(met), start, stop, most)
                    at = self._order[self._indptr[start] : self._indptr[stop]]
                    counted[:, at] += higher.astype(np.uint32)
                    opened.append(pairs + np.array([[start], [first]]))
        by_number = np.zeros((int(met[-1]) + 1 if len(met) else 0, len(self._order)), np.uint32)
        by_number[met] = counted
        open_queries, open_rows = np.concatenate(opened, axis=1)
        rows_named = np.union1d(np.flatnonzero(np.isin(ids, self._named)), open_rows)
        vectors = block.detach()[torch.from_numpy(rows_named).to(self.device)]
        return Screened(rows_named, vectors, by_number, open_queries, open_rows, zero_rows)

    def _runs(self, rows: int, languages: int) -> Iterator[tuple[int, int, int]]:
        """Give the queries in runs for which there is room, each with its most thresholds."""
        counts, start = np.diff(self._indptr), 0
        step = max(1, _ENTRIES // max(rows, self._queries.shape[1]))
        while start < len(counts):
            stop = min(start + step, len(counts))
            while (most := int(counts[start:stop].max())) * languages * (stop - start) > _ENTRIES:
                if stop == start + 1:
                    break
                stop = (start + stop) // 2
            if most:
                yield start, stop, most
            start = stop

    def _tile(
        self,
        rows: torch.Tensor,
        norms: torch.Tensor,
        languages: torch.Tensor,
        count: int,
        start: int,
        stop: int,
        most: int,
    ) -> tuple[_Ints, _Ints]:
        """Return (languages, thresholds of the run) counts and (2, P) open pairs."""
        queries = self._queries[start:stop].double()
        products = queries @ rows.T
        error = self._relative * _norms(queries)[:, None] * norms
        there = torch.arange(most, device=self.device) < self._counts[start:stop, None]
        thresholds = torch.full(there.shape, torch.inf, dtype=torch.float64, device=self.device)
        thresholds[there] = self._thresholds[self._indptr[start] : self._indptr[stop]]
        # How many thresholds a candidate surely beats, and how many it may reach.
        sure = torch.searchsorted(thresholds, products - error)
        undecided = sure != torch.searchsorted(thresholds, products + error, right=True)
        sure[undecided] = 0
        cells = torch.arange(stop - start, device=self.device)[:, None] * count + languages
        bins = torch.bincount(
            (cells * (most + 1) + sure).flatten(), minlength=(stop - start) * count * (most + 1)
        )
        bins = bins.view(stop - start, count, most + 1)[..., 1:]
        # Who beats more thresholds beats this one.
        higher = bins.flip(-1).cumsum(-1).flip(-1).transpose(0, 1)
        return higher[:, there].cpu().numpy(), undecided.nonzero().T.cpu().numpy()


def normalised(rows: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Divide each row once by its norm and round it to float32, bit for bit as the core does.

    That takes a device whose float64 roots and quotients are correctly rounded, as CUDA's are (CUDA
    C++ Programming Guide, mathematical functions).

    Args:
        rows: (n, d) float32 numbers, as float64.

    Returns:
        The rows, as float64 again, and how many of them are zero and stay so.
    """
    norms = scores(rows, rows).sqrt()
    zero = norms == 0
    return (rows / torch.where(zero, 1.0, norms)[:, None]).float().double(), int(zero.sum())


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

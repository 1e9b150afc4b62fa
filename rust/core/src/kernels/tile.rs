//! Products of twelve queries with candidates, 32 at a time: one loop for every arithmetic on every level.

#![expect(clippy::inline_always, reason = "what a kernel calls has to be compiled with its instructions")]

use crate::kernels::level::{Level, level};
use crate::kernels::portable::{Floats, Int8s, Int16s};
use crate::kernels::prefetch::Ahead;
use crate::kernels::register::Register;
#[cfg(target_arch = "x86_64")]
use crate::kernels::{avx2, avx512, avx512vnni, avxvnni};

/// Candidates whose products are computed together.
pub const TILE: usize = 32;
/// Queries whose products are computed together.
pub const QUERIES: usize = 12;
/// Float32 products that are summed before they join a total, so that few roundings are on the way of each.
pub const FLOAT32_CHUNK: usize = 128;
/// Cells of int16 that are summed before they join a total: the shorter, the larger the integers may be whose sums fit
/// into int32. With 32, Gaussian vectors of 768 components and 11 thresholds leave 1.9 % open instead of 2.6 % with 64,
/// which saves a 20th of the time and costs others a 100th.
pub const INT16_CHUNK: usize = 32;

/// Four bytes of a row: one float32, two int16 or four int8.
pub type Cell = u32;
/// A cell of each of the queries.
pub type QueryCells = [Cell; QUERIES];
/// A cell of each candidate of a tile.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub struct TileCells(pub [Cell; TILE]);
/// A number for each candidate of a tile: where lines of the cache start, which registers as long as a line have to meet.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub struct TileFloats(pub [f32; TILE]);

/// What rows are made of, and so how they are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// Four int8 a cell; those of queries uint8, 128 too high.
    Int8,
    /// Two int16 a cell.
    Int16,
    /// One float32 a cell.
    Float32,
}

/// One arithmetic in the registers of one level.
///
/// # Safety
/// The method may run on processors that have the features of the level alone.
pub(super) unsafe trait Multiply {
    /// What cells and sums are held in.
    type Register: Register;
    /// Cells that are summed before they join the total.
    const CHUNK: usize;
    /// The sums with the products of a cell of a query and one of each candidate.
    unsafe fn multiply_add(sums: Self::Register, query: Self::Register, candidates: Self::Register) -> Self::Register;
}

/// Writes to `out[q * tiles + t]` the products of query `q` with the candidates of tile `t`. `queries` has the cells of
/// all queries one after the other, `candidates` those of a tile, then those of the next; `starts` has for each tile the
/// cells that sums start with. Meanwhile what is wanted next is fetched, `ahead`.
///
/// Sums of int8 are exact, and those of [`INT16_CHUNK`] cells of int16, as far as they fit into int32; then they are rounded
/// and join the total in float32, in the same way on every level. A float32 product meets its own
/// rounding (unless the level fuses it), at most [`FLOAT32_CHUNK`] additions and one more for each chunk.
///
/// # Panics
/// When the sizes do not fit.
pub fn products(
    arithmetic: Arithmetic,
    queries: &[QueryCells],
    candidates: &[TileCells],
    starts: &[TileCells],
    ahead: Ahead,
    out: &mut [TileFloats],
) {
    let sizes = candidates.len() == queries.len() * starts.len() && out.len() == QUERIES * starts.len();
    assert!(sizes && !queries.is_empty(), "sizes that do not fit");
    // To write the first sums instead of adding them to zeros took a 20th longer with int16, and int8 gained nothing.
    out.fill(TileFloats::default());
    let whole = Whole { queries, candidates, starts, ahead };
    // SAFETY: `level` found that the processor has the features that each was compiled for.
    match level() {
        Level::Portable => match arithmetic {
            Arithmetic::Int8 => unsafe { whole.multiply::<Int8s, 1, 1>(out) },
            Arithmetic::Int16 => unsafe { whole.multiply::<Int16s, 1, 1>(out) },
            Arithmetic::Float32 => unsafe { whole.multiply::<Floats, 1, 1>(out) },
        },
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::products(arithmetic, whole, out) },
        #[cfg(target_arch = "x86_64")]
        Level::AvxVnni => unsafe { avxvnni::products(arithmetic, whole, out) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::products(arithmetic, whole, out) },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Vnni => unsafe { avx512vnni::products(arithmetic, whole, out) },
    }
}

/// What is multiplied, its sizes checked.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    queries: &'a [QueryCells],
    candidates: &'a [TileCells],
    starts: &'a [TileCells],
    ahead: Ahead,
}

impl Whole<'_> {
    /// Multiplies with sums of `N` queries in `V` registers each at a time: a part of a tile's products, so that all sums
    /// stay in registers.
    ///
    /// # Safety
    /// As [`Multiply`] says.
    #[inline(always)]
    pub(super) unsafe fn multiply<M: Multiply, const N: usize, const V: usize>(mut self, out: &mut [TileFloats]) {
        const {
            let fit = TILE.is_multiple_of(V * M::Register::LANES) && QUERIES.is_multiple_of(N);
            assert!(fit, "registers that do not fit");
        };
        let tiles = self.starts.len();
        self.ahead.in_turns(tiles * self.queries.len().div_ceil(M::CHUNK));
        for (t, (tile, start)) in self.candidates.chunks_exact(self.queries.len()).zip(self.starts).enumerate() {
            for (queries, tile) in self.queries.chunks(M::CHUNK).zip(tile.chunks(M::CHUNK)) {
                self.ahead.turn();
                for (first, lane) in parts(N, V * M::Register::LANES) {
                    // SAFETY: the caller vouches for the processor. `first` and the `N` queries behind it are among all,
                    // `lane` and the lanes of `V` registers behind it among those of a tile.
                    unsafe {
                        let sums = sums::<M, N, V>(queries, tile, start, first, lane);
                        for (n, sums) in sums.into_iter().enumerate() {
                            let totals = out[(first + n) * tiles + t].0.as_mut_ptr();
                            for (v, sums) in sums.into_iter().enumerate() {
                                sums.join(totals.add(lane + v * M::Register::LANES));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The first query and the first lane of every part.
#[inline(always)]
fn parts(queries: usize, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..QUERIES).step_by(queries).flat_map(move |first| (0..TILE).step_by(lanes).map(move |lane| (first, lane)))
}

/// The sums of `N` queries, from `first` on, with the candidates in `V` registers, from `lane` on.
///
/// # Safety
/// As [`Multiply`] says; the queries and the lanes are there.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "registers by their numbers")]
unsafe fn sums<M: Multiply, const N: usize, const V: usize>(
    queries: &[QueryCells],
    tile: &[TileCells],
    start: &TileCells,
    first: usize,
    lane: usize,
) -> [[M::Register; V]; N] {
    // SAFETY: the caller vouches for all of this.
    unsafe {
        let load = |cells: &TileCells| -> [M::Register; V] {
            std::array::from_fn(|v| M::Register::load(cells.0.as_ptr().add(lane + v * M::Register::LANES)))
        };
        let mut sums = [load(start); N];
        for (query, cells) in queries.iter().zip(tile) {
            let candidates = load(cells);
            let query = query.as_ptr().add(first);
            for n in 0..N {
                let x = M::Register::spread(*query.add(n));
                for v in 0..V {
                    sums[n][v] = M::multiply_add(sums[n][v], x, candidates[v]);
                }
            }
        }
        sums
    }
}

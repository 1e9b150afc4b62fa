//! Fast products that settle most comparisons with the judged candidates, under proven bounds.
//!
//! With integers: centres `n` of the queries and `m` of the candidates are taken off (`y = q - n`, `x = d - m`, each
//! rounded to float32), and rows become integers with a scale, `y = a Y + r` and `x = b X + t`. Then
//! `q.d = a b Y.X + n.x + q.m` but for `|aY| |t| + |r| |x|` (Cauchy-Schwarz), and for roundings that are proportional to
//! `|q| |x|`, `|y| |x|`, `|n| |x|` and `|q| |m|` (`bounds.rs` has them one by one). `Y.X` is computed exactly, so every
//! processor settles the same. All is divided by `a`, so that queries of any scale meet float32 bounds.
//!
//! In float32: a product of `m` roundings on the longest path is off by at most `gamma_m |q| |d|` and what underflow takes
//! away, where `gamma_m = m u / (1 - m u)`, `u = 2^-24` (Higham, Accuracy and Stability of Numerical Algorithms, section
//! 3.1).
//!
//! Norms are computed in float64 and rounded up; NaN and infinity settle nothing. Bounds by blocks of components, or
//! tightened by principal components, did not pay for the products that they save.

mod bounds;
mod float32_look;
mod int16_look;
mod levels;
mod rotation;
mod rows;

use crate::kernels::{
    Ahead, Cell, Factors, LANES, Line, QueryCells, SIDE, TileBounds, TileCells, TileFloats, interleave, judge,
    prefetch, products,
};
pub use crate::kernels::{Arithmetic, QUERIES, TILE, Verdict};
use bounds::{LARGEST, UNIT};
pub use float32_look::{Float32Look, beaten};
pub use int16_look::Int16Look;
use int16_look::{Factors as FineFactors, Fine};
pub use levels::Levels;
use rows::{Rows, lines, norm, steps, up};

/// Sums over at most this many components fit into int32 also where the integers of queries are 128 too high.
const INT8_DIMENSION: usize = 1 << 16;

/// How the comparisons of one block are screened.
#[derive(Debug, Clone)]
pub struct Screen<'a> {
    arithmetic: Arithmetic,
    dimension: usize,
    /// The centres of queries and candidates, and their norms; not used in float32.
    candidate_centre: &'a [f32],
    query_norm: f64,
    candidate_norm: f64,
    /// Shifts, `n.x`, are kept in this unit, a power of two near `|n|`, so that float32 holds them at any scale.
    shift_unit: f64,
    /// The centres, filled up, and that of the queries in that unit.
    query_lines: Vec<Line<f32>>,
    candidate_lines: Vec<Line<f32>>,
    axis: Vec<Line<f32>>,
}

/// Queries as cells, twelve side by side.
#[derive(Debug, Clone, Default)]
pub struct Queries {
    cells: Vec<QueryCells>,
    each: Vec<Query>,
    /// With int8, for the look in int16.
    fine: Fine,
}

#[derive(Debug, Clone, Copy)]
struct Query {
    factors: Factors,
    scale: f64,
    norm: f64,
    /// With int8, for the look in int16.
    fine: FineFactors,
}

/// Candidates as cells, 32 side by side, tile by tile.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    cells: Vec<TileCells>,
    /// Room for the cells of rows that are about to be put side by side.
    rows: Vec<Line<Cell>>,
    starts: Vec<TileCells>,
    bounds: Vec<TileBounds>,
    /// Norms of the rows themselves.
    lengths: Vec<f64>,
    longest: f64,
    /// With int8, for the look in int16.
    fine: Fine,
    count: usize,
}

impl<'a> Screen<'a> {
    /// A screen for vectors of one dimension with these centres. int8 takes up to 2^16 components; beyond, int16
    /// steps in.
    #[must_use]
    pub fn new(arithmetic: Arithmetic, query_centre: &[f32], candidate_centre: &'a [f32]) -> Self {
        let dimension = query_centre.len();
        let too_long = arithmetic == Arithmetic::Int8 && dimension > INT8_DIMENSION;
        let query_norm = norm(query_centre);
        let exponent = query_norm.to_bits() & f64::INFINITY.to_bits();
        let shift_unit = if query_norm == 0.0 { 1.0 } else { f64::from_bits(exponent) };
        let lines = lines(dimension);
        Self {
            arithmetic: if too_long { Arithmetic::Int16 } else { arithmetic },
            dimension,
            candidate_centre,
            query_norm,
            candidate_norm: norm(candidate_centre),
            shift_unit,
            query_lines: Line::of(query_centre.iter().copied(), lines),
            candidate_lines: Line::of(candidate_centre.iter().copied(), lines),
            axis: Line::of(query_centre.iter().map(|&x| (f64::from(x) / shift_unit) as f32), lines),
        }
    }

    /// How rows are multiplied.
    #[must_use]
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The bytes that a candidate takes.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        let fine = if self.arithmetic == Arithmetic::Int8 { int16_look::bytes(self.dimension) } else { 0 };
        4 * steps(self.arithmetic, self.dimension) + fine
    }

    /// Makes cells of queries.
    pub fn pack_queries(&self, queries: &[f32], out: &mut Queries) {
        let steps = steps(self.arithmetic, self.dimension);
        let mut rows = Rows::new(self.arithmetic, self.dimension);
        let queries = queries.chunks_exact(self.dimension);
        out.cells.clear();
        out.cells.resize(queries.len().div_ceil(QUERIES) * steps, [0; QUERIES]);
        out.each.clear();
        if self.arithmetic == Arithmetic::Int8 {
            out.fine.make_room(queries.len(), self.dimension);
        }
        // For the instruction that multiplies uint8 with int8.
        let offset = if self.arithmetic == Arithmetic::Int8 { 128 } else { 0 };
        let mut cells = vec![0; rows.cells()];
        for (q, query) in queries.enumerate() {
            let row = rows.take(query, &self.query_lines, &self.axis, offset, &mut cells);
            for (slot, &cell) in out.cells[q / QUERIES * steps..][..steps].iter_mut().zip(&cells) {
                slot[q % QUERIES] = cell;
            }
            let (length, rotated) = (norm(query), rows.rotation_error());
            let mut query = match self.arithmetic {
                Arithmetic::Float32 => self.float32_query(length),
                Arithmetic::Int8 | Arithmetic::Int16 => self.integer_query(length, row, rotated),
            };
            if self.arithmetic == Arithmetic::Int8 {
                let (values, largest) = rows.rotated();
                let form = out.fine.push(values, largest, row, 0.0);
                query.fine = self.fine_factors(length, form, rotated);
            }
            out.each.push(query);
        }
    }

    /// Makes cells of candidates, each of which `also` gets to see while it is in the first-level cache.
    pub fn pack<'r>(
        &self,
        candidates: impl ExactSizeIterator<Item = &'r [f32]>,
        mut also: impl FnMut(usize, &[f32]),
        out: &mut Candidates,
    ) {
        let steps = steps(self.arithmetic, self.dimension);
        let mut rows = Rows::new(self.arithmetic, self.dimension);
        let nothing = TileCells([0; TILE]);
        out.count = candidates.len();
        let tiles = out.count.div_ceil(TILE);
        // What is left there from before is written over, but in places behind the last candidate, which count for nothing.
        out.cells.resize(tiles * steps, nothing);
        let length = rows.cells().next_multiple_of(LANES);
        out.rows.resize(SIDE * length / LANES, Line::default());
        out.starts.clear();
        out.starts.resize(tiles, nothing);
        // Places behind the last candidate are below every threshold.
        let zeros = TileFloats::default();
        let lowest = TileFloats([f32::NEG_INFINITY; TILE]);
        out.bounds.clear();
        out.bounds.resize(tiles, TileBounds { scale: zeros, shift: lowest, residual: zeros, norm: zeros });
        out.lengths.clear();
        if self.arithmetic == Arithmetic::Int8 {
            out.fine.make_room(out.count, self.dimension);
        }
        // What underflow takes away of a float32 product: half a unit of each, and of the bounds.
        let underflow = (self.dimension + 8) as f32 * f32::from_bits(1);
        let mut candidates = candidates.enumerate().peekable();
        while let Some((c, candidate)) = candidates.next() {
            // In two parts, for there is room for half as many lines on their way.
            let next = candidates.peek().map_or((&[][..], &[][..]), |(_, next)| next.split_at(next.len() / 2));
            prefetch(next.0);
            let (tile, lane) = (c / TILE, c % TILE);
            let side = lane % SIDE;
            let cells = &mut Line::flat(&mut out.rows)[side * length..][..rows.cells()];
            let row = rows.take(candidate, &self.candidate_lines, &self.axis, 0, cells);
            prefetch(next.1);
            also(c, candidate);
            if side == SIDE - 1 || candidates.peek().is_none() {
                interleave(Line::flat(&mut out.rows), &mut out.cells[tile * steps..][..steps], lane - side);
            }
            let bounds = &mut out.bounds[tile];
            bounds.scale.0[lane] = row.scale;
            bounds.norm.0[lane] = up(row.norm);
            if self.arithmetic == Arithmetic::Float32 {
                (bounds.shift.0[lane], bounds.residual.0[lane]) = (0.0, underflow);
                out.lengths.push(row.norm);
                continue;
            }
            bounds.residual.0[lane] = up(row.residual);
            let sound = row.residual.is_finite();
            bounds.shift.0[lane] = row.along;
            // No longer than its parts, the centre and the rest, which was rounded once.
            let length = (row.norm + self.candidate_norm) * (1.0 + 2.0 * UNIT);
            out.lengths.push(if sound { length } else { norm(candidate) });
            if self.arithmetic == Arithmetic::Int8 {
                out.starts[tile].0[lane] = row.sum.wrapping_mul(-128) as u32;
                let (values, largest) = rows.rotated();
                out.fine.push(values, largest, row, f64::from(row.along) * self.shift_unit);
            }
        }
        out.longest = out.lengths.iter().fold(0.0, |longest, &length| longest.max(length));
    }

    /// Multiplies twelve queries, those of `group`, with the candidates. With int16 the rows of these queries are fetched
    /// meanwhile, for looks in float32; after int8, where rows are shorter and looks fewer, that changed nothing, nor did it
    /// to fetch those of looks in int16.
    pub fn multiply(
        &self,
        queries: &Queries,
        group: usize,
        rows: &[f32],
        candidates: &Candidates,
        out: &mut Vec<TileFloats>,
    ) {
        let steps = steps(self.arithmetic, self.dimension);
        out.resize(QUERIES * candidates.starts.len(), TileFloats::default());
        let cells = &queries.cells[group * steps..][..steps];
        let ahead = Ahead::of(if self.arithmetic == Arithmetic::Int16 { rows } else { &[] });
        products(self.arithmetic, cells, &candidates.cells, &candidates.starts, ahead, out);
    }

    /// Compares the candidates with the thresholds of query `q` of `queries`, given [`Self::multiply`]'s products of its
    /// group. Adds to `beaten[k]` how many of them surely beat the `k + 1` lowest thresholds and are known to beat no other.
    pub fn judge(
        &self,
        (queries, q): (&Queries, usize),
        levels: &Levels,
        candidates: &Candidates,
        products: &mut [TileFloats],
        beaten: &mut [u32],
        verdict: &mut Verdict,
    ) {
        let query = &queries.each[q];
        let tiles = candidates.starts.len();
        let products = &mut products[q % QUERIES * tiles..][..tiles];
        if self.arithmetic == Arithmetic::Float32 && query.norm * candidates.longest >= LARGEST {
            for (sums, lengths) in products.iter_mut().zip(candidates.lengths.chunks(TILE)) {
                for (product, length) in sums.0.iter_mut().zip(lengths) {
                    if query.norm * length >= LARGEST {
                        *product = f32::NAN;
                    }
                }
            }
        }
        judge(products, &candidates.bounds, query.factors, levels.of(q), candidates.count, beaten, verdict);
    }
}

impl Candidates {
    /// The norm of candidate `c`, rounded up.
    #[must_use]
    pub fn length(&self, c: usize) -> f64 {
        self.lengths[c]
    }
}

impl Queries {
    /// The norm of query `q`, rounded up.
    #[must_use]
    pub fn length(&self, q: usize) -> f64 {
        self.each[q].norm
    }
}

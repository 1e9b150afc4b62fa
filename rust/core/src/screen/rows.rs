//! Rows as cells: integers with a scale and the norm of what they leave out, or float32 as they are.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use super::spread::Spread;
use crate::kernels::{Arithmetic, Cell, INT16_CHUNK, Work, halved, widest};
use crate::score::dot;

/// The largest norm of the integers of a chunk, so that sums fit into int32 (Cauchy-Schwarz: no sum of any of the products
/// of two chunks is larger than the product of their norms, and 46,290 squared is below 2^31).
const INT16_NORM: f64 = 46_290.0;
/// Components of a chunk.
const CHUNK: usize = 2 * INT16_CHUNK;
/// Rows are filled up with zeros to a multiple of this.
const STEP: usize = 32;
/// Norms between which no operation of the bounds overflows, or underflows by more than they allow for: 2^-104 and 2^100.
const SOUND: std::ops::Range<f64> = 4.930_380_657_631_324e-32..1.267_650_600_228_229_4e30;

/// What the cells of a row stand for.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The row less the centre (with int8 turned) is this times its integers, and the residual.
    pub scale: f32,
    /// The norm of the row less the centre, turned or not, rounded up.
    pub norm: f64,
    /// The norm of what the integers leave out, rounded up; infinite where they are not to be used.
    pub residual: f64,
    /// The sum of the integers.
    pub sum: i32,
}

/// Makes cells of rows of one dimension.
#[derive(Debug)]
pub struct Rows {
    arithmetic: Arithmetic,
    dimension: usize,
    /// The row less the centre, filled up with zeros.
    centred: Vec<f32>,
    /// With int8, how that is turned, and the turned row.
    spread: Option<Spread>,
    turned: Vec<f32>,
    integers: Vec<i32>,
    cells: Vec<Cell>,
}

/// The cells of a row.
#[must_use]
pub fn steps(arithmetic: Arithmetic, dimension: usize) -> usize {
    match arithmetic {
        // Turned rows go to the end of the zeros that fill them up.
        Arithmetic::Int8 => dimension.next_multiple_of(STEP) / 4,
        Arithmetic::Int16 => dimension.div_ceil(2),
        Arithmetic::Float32 => dimension,
    }
}

/// The norm of a row, rounded up.
#[must_use]
pub fn norm(row: &[f32]) -> f64 {
    root(dot(row, row), row.len())
}

/// The square root of a float64 sum of squares, rounded up: each addition may have lost half a unit, and the root may.
fn root(sum: f64, terms: usize) -> f64 {
    sum.sqrt() * (1.0 + (terms + 8) as f64 * f64::EPSILON)
}

impl Rows {
    /// Room for rows of `dimension` components.
    #[must_use]
    pub fn new(arithmetic: Arithmetic, dimension: usize) -> Self {
        let padded = dimension.next_multiple_of(STEP);
        let spread = (arithmetic == Arithmetic::Int8).then(|| Spread::new(padded));
        Self {
            arithmetic,
            dimension,
            centred: vec![0.0; padded],
            turned: vec![0.0; spread.as_ref().map_or(0, |_| padded)],
            spread,
            integers: vec![0; padded],
            cells: vec![0; steps(arithmetic, dimension)],
        }
    }

    /// The cells of the row that was taken last.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The row that was taken last, less the centre.
    #[must_use]
    pub fn centred(&self) -> &[f32] {
        &self.centred[..self.dimension]
    }

    /// How far turned rows may be off, relative to their norm.
    #[must_use]
    pub fn turned_error(&self) -> f64 {
        self.spread.as_ref().map_or(0.0, Spread::error)
    }

    /// Whether no sum of products with another such row can overflow.
    fn sums_fit(&self) -> bool {
        let squares = |chunk: &[i32]| chunk.iter().map(|&x| i64::from(x) * i64::from(x)).sum::<i64>();
        self.arithmetic != Arithmetic::Int16
            || self.integers.chunks(CHUNK).all(|chunk| squares(chunk) as f64 <= INT16_NORM * INT16_NORM)
    }

    /// Makes cells of a row less the centre, integers higher by `offset`. The difference is one of float32 numbers, so it
    /// is off by half a unit in the last place; whoever uses it has to allow for that.
    pub fn take(&mut self, row: &[f32], centre: &[f32], offset: u8) -> Row {
        let most = match self.arithmetic {
            Arithmetic::Float32 => {
                for (cell, x) in self.cells.iter_mut().zip(row) {
                    *cell = x.to_bits();
                }
                return Row { scale: 1.0, norm: norm(row), residual: 0.0, sum: 0 };
            }
            Arithmetic::Int16 => i16::MAX.into(),
            Arithmetic::Int8 => i8::MAX.into(),
        };
        let mut seen = Seen::default();
        widest(Subtract { row, centre, out: &mut self.centred, seen: &mut seen });
        let norm = root(seen.squares, self.dimension) * (1.0 + self.turned_error());
        let mut taken = Row { scale: 0.0, norm, residual: 0.0, sum: 0 };
        if norm == 0.0 {
            self.integers.fill(0);
        } else if SOUND.contains(&norm) {
            let values = if let Some(spread) = &self.spread {
                self.turned.copy_from_slice(&self.centred);
                seen.largest = spread.turn(&mut self.turned);
                &self.turned
            } else {
                &self.centred
            };
            let mut scale = f64::from(seen.largest) / f64::from(most);
            if self.arithmetic == Arithmetic::Int16 {
                let largest = root(seen.chunk, CHUNK);
                // Rounding adds at most half a unit for each component.
                let room = (CHUNK as f64).sqrt() / 2.0 + 1.0;
                scale = scale.max(largest / (INT16_NORM - room));
            }
            taken.scale = up(scale);
            let (mut squares, mut sum) = (0.0, 0);
            widest(Quantise {
                values,
                scale: taken.scale,
                most,
                out: &mut self.integers,
                squares: &mut squares,
                sum: &mut sum,
            });
            (taken.residual, taken.sum) = (root(squares, self.dimension), sum);
            debug_assert!(self.sums_fit(), "integers whose products overflow");
        } else {
            taken = Row { scale: 0.0, norm: 0.0, residual: f64::INFINITY, sum: 0 };
            self.integers.fill(0);
        }
        widest(Pack { integers: &self.integers, bytes: most == i32::from(i8::MAX), offset, cells: &mut self.cells });
        taken
    }
}

/// The least float32 that is not below `x`.
#[must_use]
pub fn up(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) < x { near.next_up() } else { near }
}

/// The largest float32 that is not above `x`.
#[must_use]
pub fn down(x: f64) -> f32 {
    -up(-x)
}

struct Subtract<'a> {
    row: &'a [f32],
    centre: &'a [f32],
    out: &'a mut [f32],
    seen: &'a mut Seen,
}

/// What was seen of a row less the centre.
#[derive(Default)]
struct Seen {
    /// The largest absolute value.
    largest: f32,
    /// The sum of the squares, and the largest of a chunk.
    squares: f64,
    chunk: f64,
}

impl Work for Subtract<'_> {
    #[inline(always)]
    fn run(self) {
        for ((out, x), centre) in self.out.iter_mut().zip(self.row).zip(self.centre) {
            *out = x - centre;
        }
        // Absolute values are ordered as their bits.
        let mut largest = [0; LANES];
        for chunk in self.out.chunks(CHUNK) {
            let mut squares = [0.0_f64; LANES];
            for row in chunk.as_chunks::<LANES>().0 {
                for lane in 0..LANES {
                    largest[lane] = largest[lane].max(row[lane].to_bits() & !(1 << 31));
                    squares[lane] += f64::from(row[lane]) * f64::from(row[lane]);
                }
            }
            let squares = halved(squares);
            self.seen.squares += squares;
            self.seen.chunk = self.seen.chunk.max(squares);
        }
        self.seen.largest = f32::from_bits(largest.into_iter().max().unwrap_or(0));
    }
}

/// Lanes in which loops add up, so that compilers make vectors of them; [`STEP`] is a multiple.
const LANES: usize = 16;

struct Quantise<'a> {
    values: &'a [f32],
    scale: f32,
    most: i32,
    out: &'a mut [i32],
    /// The sum of the squares of what the integers leave out.
    squares: &'a mut f64,
    sum: &'a mut i32,
}

/// Added to a float32 number below 2^22, this leaves its nearest integer in the last bits: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;

impl Work for Quantise<'_> {
    #[inline(always)]
    fn run(self) {
        let (scale, inverse) = (f64::from(self.scale), 1.0 / self.scale);
        let (mut squares, mut sums) = ([0.0_f64; LANES], [0_i32; LANES]);
        let values = self.values.as_chunks::<LANES>().0;
        for (values, out) in values.iter().zip(self.out.as_chunks_mut::<LANES>().0) {
            for lane in 0..LANES {
                let integer = (values[lane] * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32;
                out[lane] = integer.max(-self.most).min(self.most);
                // Exact: 24 bits times 16.
                let left = f64::from(values[lane]) - scale * f64::from(out[lane]);
                squares[lane] += left * left;
                sums[lane] += out[lane];
            }
        }
        *self.squares = halved(squares);
        *self.sum = sums.iter().sum();
    }
}

struct Pack<'a> {
    integers: &'a [i32],
    bytes: bool,
    offset: u8,
    cells: &'a mut [Cell],
}

impl Work for Pack<'_> {
    #[inline(always)]
    fn run(self) {
        let offset = i32::from(self.offset);
        if self.bytes {
            for (cell, four) in self.cells.iter_mut().zip(self.integers.as_chunks::<4>().0) {
                let byte = |at: usize| Cell::from((four[at] + offset) as u8) << (8 * at);
                *cell = byte(0) | byte(1) | byte(2) | byte(3);
            }
        } else {
            for (cell, two) in self.cells.iter_mut().zip(self.integers.as_chunks::<2>().0) {
                *cell = Cell::from(two[0] as u16) | Cell::from(two[1] as u16) << 16;
            }
        }
    }
}

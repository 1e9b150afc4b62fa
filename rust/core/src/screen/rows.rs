//! Rows as cells: integers with a scale and the norm of what they leave out, or float32 as they are.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use super::spread::Spread;
use super::{UNIT, gamma};
use crate::kernels::{Arithmetic, Cell, Extent, INT16_CHUNK, Quantise, Work, widest};
use crate::score::dot;

/// The largest norm of the integers of a chunk, so that sums fit into int32 (Cauchy-Schwarz: no sum of any of the products
/// of two chunks is larger than the product of their norms, and 46,290 squared is below 2^31).
pub const INT16_NORM: f64 = 46_290.0;
/// Components of a chunk.
const CHUNK: usize = 2 * INT16_CHUNK;
/// Rows are filled up with zeros to a multiple of this.
const STEP: usize = 32;
/// Norms between which no operation of the bounds overflows, or underflows by more than they allow for: 2^-104 and 2^100.
const SOUND: std::ops::Range<f64> = 4.930_380_657_631_324e-32..1.267_650_600_228_229_4e30;
/// The largest component is not below this, so that the scale of its integers has an inverse: 2^-110.
const LEAST: f32 = f32::MIN_POSITIVE * 65_536.0;

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

/// The norm of what integers leave out, rounded up, given its squares in units of the scale.
pub fn residual(squares: f64, components: usize, scale: f32) -> f64 {
    // Squares that underflow take away less than the least normal number each.
    let underflow = components as f64 * f64::from(f32::MIN_POSITIVE);
    let squares = squares * (1.0 + gamma(Quantise::roundings(components), UNIT)) + underflow;
    root(squares, 16) * f64::from(scale)
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
    /// The largest absolute value of that.
    largest: f32,
    /// Those of a row that is filled up.
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
pub fn root(sum: f64, terms: usize) -> f64 {
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
            largest: 0.0,
            cells: vec![0; steps(arithmetic, if arithmetic == Arithmetic::Float32 { dimension } else { padded })],
        }
    }

    /// The cells of the row that was taken last.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells[..steps(self.arithmetic, self.dimension)]
    }

    /// The row that was taken last, less the centre.
    #[must_use]
    pub fn centred(&self) -> &[f32] {
        &self.centred[..self.dimension]
    }

    /// With int8, the row that was taken last, less the centre and turned, filled up, and its largest absolute value.
    #[must_use]
    pub fn turned(&self) -> (&[f32], f32) {
        (&self.turned, self.largest)
    }

    /// How far turned rows may be off, relative to their norm.
    #[must_use]
    pub fn turned_error(&self) -> f64 {
        self.spread.as_ref().map_or(0.0, Spread::error)
    }

    /// Whether no sum of products with another such row can overflow.
    fn sums_fit(&self) -> bool {
        let squares = |cell: &Cell| [*cell as i16, (*cell >> 16) as i16].map(|x| i64::from(x) * i64::from(x));
        let fits = |chunk: &[Cell]| chunk.iter().flat_map(squares).sum::<i64>() as f64 <= INT16_NORM * INT16_NORM;
        self.arithmetic != Arithmetic::Int16 || self.cells.chunks(INT16_CHUNK).all(fits)
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
        widest(Subtract { row, centre, out: &mut self.centred });
        let mut seen = Extent::of::<CHUNK>(&self.centred);
        let norm = root(seen.squares, self.dimension) * (1.0 + self.turned_error());
        let values = if let Some(spread) = &self.spread {
            seen.largest = spread.turn(&self.centred, &mut self.turned);
            &self.turned
        } else {
            &self.centred
        };
        if !SOUND.contains(&norm) || seen.largest < LEAST {
            let zero = Cell::from(offset);
            self.cells.fill(zero | zero << 8 | zero << 16 | zero << 24);
            return Row { scale: 0.0, norm: 0.0, residual: if norm == 0.0 { 0.0 } else { f64::INFINITY }, sum: 0 };
        }
        let mut scale = f64::from(seen.largest) / f64::from(most);
        if self.arithmetic == Arithmetic::Int16 {
            let largest = root(seen.chunk, CHUNK);
            // Rounding adds at most half a unit for each component.
            let room = (CHUNK as f64).sqrt() / 2.0 + 1.0;
            scale = scale.max(largest / (INT16_NORM - room));
        }
        self.largest = seen.largest;
        let quantise = Quantise::new(values, scale, most, offset.into());
        let (squares, sum) = quantise.cells(&mut self.cells);
        debug_assert!(self.sums_fit(), "integers whose products overflow");
        let scale = quantise.scale();
        Row { scale, norm, residual: residual(squares, values.len(), scale), sum }
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
}

impl Work for Subtract<'_> {
    #[inline(always)]
    fn run(self) {
        for ((out, x), centre) in self.out.iter_mut().zip(self.row).zip(self.centre) {
            *out = x - centre;
        }
    }
}

//! Rows as cells: integers with a scale and the norm of what they leave out, or float32 as they are.

use super::bounds::{UNIT, gamma};
use super::rotation::Rotation;
use crate::kernels::{Arithmetic, Cell, INT16_CHUNK, LANES, Line, Quantise, Sums, centre, largest_chunk};
use crate::score::dot;

/// The largest norm of the integers of a chunk, so that sums fit into int32 (Cauchy-Schwarz: no sum of any of the products
/// of two chunks is larger than the product of their norms, and 46,290 squared is below 2^31).
pub const INT16_NORM: f64 = 46_290.0;
/// Components of a chunk.
const CHUNK: usize = 2 * INT16_CHUNK;
/// Rows are filled up with zeros to a multiple of this.
const STEP: usize = 32;
/// The largest component is not below this, so that the scale of its integers has an inverse and no operation of the bounds
/// underflows by more than they allow for: 2^-104.
const LEAST: f32 = f32::MIN_POSITIVE * 4_194_304.0;
/// No norm reaches this, so that none overflows: 2^100.
const MOST: f64 = 1.267_650_600_228_229_4e30;

/// What the cells of a row stand for.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The row less the centre (with int8 rotated) is this times its integers, and the residual.
    pub scale: f32,
    /// The norm of the row less the centre, rotated or not, rounded up.
    pub norm: f64,
    /// The norm of what the integers leave out, rounded up; infinite where they are not to be used.
    pub residual: f64,
    /// The sum of the integers.
    pub sum: i32,
    /// The product of the row less the centre with the axis, in float32.
    pub along: f32,
}

/// The norms of what integers leave out of a row and of the row, rounded up, given how many components there are.
pub fn norms(sums: Sums, components: usize, scale: f32) -> (f64, f64) {
    let more = 1.0 + gamma(Quantise::roundings(components), UNIT);
    // Squares that underflow take away less than the least normal number each.
    let underflow = components as f64 * f64::from(f32::MIN_POSITIVE);
    let [residual, integers] =
        [sums.left * more + underflow, sums.squares * more].map(|squares| root(squares, LANES) * f64::from(scale));
    (residual, (integers + residual) * (1.0 + f64::EPSILON))
}

/// Makes cells of rows of one dimension.
#[derive(Debug)]
pub struct Rows {
    arithmetic: Arithmetic,
    dimension: usize,
    /// The row less the centre, filled up with zeros.
    centred: Vec<Line<f32>>,
    /// With int8, how that is rotated, and the rotated row.
    rotation: Option<Rotation>,
    rotated: Vec<Line<f32>>,
    /// The largest absolute value of what becomes integers.
    largest: f32,
}

/// The lines of a row of so many components, filled up.
#[must_use]
pub fn lines(dimension: usize) -> usize {
    dimension.next_multiple_of(STEP) / LANES
}

/// The cells of a row.
#[must_use]
pub fn steps(arithmetic: Arithmetic, dimension: usize) -> usize {
    match arithmetic {
        // Rotated rows go to the end of the zeros that fill them up.
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
        let lines = lines(dimension);
        let rotation = (arithmetic == Arithmetic::Int8).then(|| Rotation::new(lines * LANES));
        Self {
            arithmetic,
            dimension,
            centred: vec![Line::default(); lines],
            rotated: vec![Line::default(); if rotation.is_some() { lines } else { 0 }],
            rotation,
            largest: 0.0,
        }
    }

    /// The cells of a row that is filled up: with int16 these may be more than are multiplied.
    #[must_use]
    pub fn cells(&self) -> usize {
        match self.arithmetic {
            Arithmetic::Int8 => self.centred.len() * LANES / 4,
            Arithmetic::Int16 => self.centred.len() * LANES / 2,
            Arithmetic::Float32 => self.dimension,
        }
    }

    /// With int8, the row that was taken last, less the centre and rotated, filled up, and its largest absolute value.
    #[must_use]
    pub fn rotated(&self) -> (&[Line<f32>], f32) {
        (&self.rotated, self.largest)
    }

    /// How far rotated rows may be off, relative to their norm.
    #[must_use]
    pub fn rotation_error(&self) -> f64 {
        self.rotation.as_ref().map_or(0.0, Rotation::error)
    }

    /// Makes cells of a row less the centre, integers higher by `offset`, and multiplies the former with the axis. The
    /// difference is one of float32 numbers, so it is off by half a unit in the last place; whoever uses it has to allow for
    /// that.
    pub fn take(
        &mut self,
        row: &[f32],
        middle: &[Line<f32>],
        axis: &[Line<f32>],
        offset: u8,
        cells: &mut [Cell],
    ) -> Row {
        let most = match self.arithmetic {
            Arithmetic::Float32 => {
                for (cell, x) in cells.iter_mut().zip(row) {
                    *cell = x.to_bits();
                }
                return Row { scale: 1.0, norm: norm(row), residual: 0.0, sum: 0, along: 0.0 };
            }
            Arithmetic::Int16 => i16::MAX.into(),
            Arithmetic::Int8 => i8::MAX.into(),
        };
        let seen = centre(row, middle, axis, &mut self.centred);
        self.largest = seen.largest;
        let mut values = &self.centred;
        if let Some(rotation) = &self.rotation {
            self.largest = rotation.rotate(&self.centred, &mut self.rotated);
            values = &self.rotated;
        }
        let components = values.len() * LANES;
        let longest = f64::from(seen.largest) * (components as f64).sqrt();
        let zero = seen.largest == 0.0;
        // NaN is not sound: it is seen before rows are rotated.
        let sound = seen.largest >= LEAST && self.largest >= LEAST && longest < MOST;
        if !sound {
            let nothing = Cell::from(offset);
            cells.fill(nothing | nothing << 8 | nothing << 16 | nothing << 24);
            let residual = if zero { 0.0 } else { f64::INFINITY };
            return Row { scale: 0.0, norm: 0.0, residual, sum: 0, along: 0.0 };
        }
        let mut scale = f64::from(self.largest) / f64::from(most);
        if self.arithmetic == Arithmetic::Int16 {
            let lines = CHUNK / LANES;
            let squares = f64::from(largest_chunk(values, lines, 1.0 / self.largest));
            // The unit and the product with it are rounded, and enter twice.
            let norm = root(squares * (1.0 + gamma(lines + 10, UNIT)), 1) * f64::from(self.largest);
            // Rounding adds at most half a unit for each component.
            let room = (CHUNK as f64).sqrt() / 2.0 + 1.0;
            scale = scale.max(norm / (INT16_NORM - room));
        }
        let quantise = Quantise::new(values, scale, most, offset.into());
        let sums = quantise.cells(cells);
        debug_assert!(fits(self.arithmetic, cells), "integers whose products overflow");
        let scale = quantise.scale();
        let (residual, norm) = norms(sums, components, scale);
        // A row is not longer than it is when rotated by more than that may be off.
        Row { scale, norm: norm * (1.0 + 2.0 * self.rotation_error()), residual, sum: sums.sum, along: seen.along }
    }
}

/// Whether no sum of products with another such row can overflow.
fn fits(arithmetic: Arithmetic, cells: &[Cell]) -> bool {
    let squares = |cell: &Cell| [*cell as i16, (*cell >> 16) as i16].map(|x| i64::from(x) * i64::from(x));
    let fits = |chunk: &[Cell]| chunk.iter().flat_map(squares).sum::<i64>() as f64 <= INT16_NORM * INT16_NORM;
    arithmetic != Arithmetic::Int16 || cells.chunks(INT16_CHUNK).all(fits)
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

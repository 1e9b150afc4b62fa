//! The second look at what a screen in int8 leaves open: the same centred and turned rows in int16, whose steps are some
//! hundred times finer, and the same bound, all in float64.

use super::rows::{INT16_NORM, Row, residual};
use super::{Candidates, Levels, Queries, SLACK, Screen, UNIT, gamma_of_score};
use crate::kernels::{Cell, Int16Line, Int16Rows, Quantise, SLOTS, Work, int16_products, widest};

/// Rows as int16, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Fine {
    lines: Vec<Int16Line>,
    /// Of each row.
    length: usize,
    forms: Vec<Form>,
    /// Room for the cells of a row.
    cells: Vec<Cell>,
}

/// What the integers of a row stand for.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The row is this times its integers, and the residual.
    pub scale: f64,
    /// The norm of the row, rounded up.
    pub norm: f64,
    /// The norm of what the integers leave out, rounded up; infinite where they are not to be used.
    pub residual: f64,
}

/// The bytes that a row takes.
#[must_use]
pub fn bytes(dimension: usize) -> usize {
    dimension.div_ceil(Int16Line::COMPONENTS) * size_of::<Int16Line>()
}

impl Fine {
    /// Forgets the rows.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.forms.clear();
    }

    /// Adds a row of which `values` and `largest`, the largest absolute value, are given, and what the cells for int8 stand
    /// for.
    pub fn push(&mut self, values: &[f32], largest: f32, row: Row) -> Form {
        let first = self.lines.len();
        self.length = values.len().div_ceil(Int16Line::COMPONENTS);
        self.lines.resize(first + self.length, Int16Line::default());
        let mut form = Form { scale: 0.0, norm: row.norm, residual: row.residual };
        if row.scale > 0.0 {
            let mut slot = 0.0;
            widest(LargestSlot { values, unit: 1.0 / largest, largest: &mut slot });
            // Rounding adds at most half a unit for each component.
            let room = (values.len().div_ceil(SLOTS) as f64 * 2.0).sqrt() / 2.0 + 1.0;
            let scale = f64::from(largest) * (1.0 / f64::from(i16::MAX)).max(slot / (INT16_NORM - room));
            let quantise = Quantise::new(values, scale, i16::MAX.into(), 0);
            self.cells.resize(values.len() / 2, 0);
            let (squares, _) = quantise.cells(&mut self.cells);
            for (line, cells) in self.lines[first..].iter_mut().zip(self.cells.as_chunks().0) {
                line.0 = *cells;
            }
            let scale = quantise.scale();
            form = Form { scale: scale.into(), residual: residual(squares, values.len(), scale), ..form };
        }
        self.forms.push(form);
        form
    }

    /// What the integers of row `at` stand for.
    #[must_use]
    pub fn form(&self, at: usize) -> Form {
        self.forms[at]
    }

    fn rows(&self) -> Int16Rows<'_> {
        Int16Rows { lines: &self.lines, length: self.length }
    }
}

/// What the second look at a query multiplies with a candidate's residual, and what with its norm.
#[derive(Debug, Clone, Copy, Default)]
pub struct Factors {
    residual: f64,
    norm: f64,
}

impl Screen<'_> {
    /// The factors of a query with the norm `length`; `turned` is how far turned rows may be off, relative to their norm.
    pub(super) fn fine_factors(&self, length: f64, form: Form, turned: f64) -> Factors {
        // The roundings of q - n and d - m, and of both where they are turned; the score's, and that of n.x.
        let roundings = 2.0 * UNIT * (length + form.norm) + 2.1 * turned * form.norm;
        let score = 2.0 * gamma_of_score(self.dimension) * (length + self.query_norm);
        Factors { residual: form.norm + form.residual, norm: form.residual + roundings + score }
    }

    /// The products of pairs of a query and a candidate, packed for int8, as [`Look::score`] wants them.
    pub fn multiply_pairs(&self, queries: &Queries, candidates: &Candidates, pairs: &[(u32, u32)], out: &mut Vec<i64>) {
        out.clear();
        out.resize(pairs.len(), 0);
        int16_products(queries.fine.rows(), candidates.fine.rows(), pairs, out);
    }

    /// The second look at query `q` of `queries`.
    #[must_use]
    pub fn look<'c>(&self, (queries, q): (&Queries, usize), levels: &Levels, candidates: &'c Candidates) -> Look<'c> {
        let (centre, margin) = levels.centres[q];
        Look { candidates, scale: queries.fine.form(q).scale, factors: queries.each[q].fine, centre, margin }
    }
}

/// The second look at a query.
#[derive(Debug, Clone, Copy)]
pub struct Look<'c> {
    candidates: &'c Candidates,
    scale: f64,
    factors: Factors,
    centre: f64,
    margin: f64,
}

impl Look<'_> {
    /// The score of candidate `c`, whose product is given, and how far it may be off.
    #[must_use]
    pub fn score(self, c: usize, product: i64) -> (f64, f64) {
        let (candidate, shift) = (self.candidates.fine.form(c), self.candidates.shifts[c]);
        let product = product as f64 * (self.scale * candidate.scale);
        // The sums and products here and those of the bound meet few roundings, of some units each.
        let sums = product.abs() + shift.abs() + self.centre.abs();
        let error = (self.factors.residual * candidate.residual + self.factors.norm * candidate.norm) * SLACK;
        (product + shift + self.centre, error + self.margin + 8.0 * f64::EPSILON * sums)
    }
}

/// The largest norm of the components that share a slot, multiplied with a number that keeps their squares from the ends of
/// float32.
struct LargestSlot<'a> {
    values: &'a [f32],
    unit: f32,
    largest: &'a mut f64,
}

impl Work for LargestSlot<'_> {
    #[inline(always)]
    fn run(self) {
        const BOTH: usize = 2 * SLOTS;
        let mut squares = [0.0_f32; BOTH];
        for values in self.values.chunks(BOTH) {
            for (square, value) in squares.iter_mut().zip(values) {
                let value = value * self.unit;
                *square += value * value;
            }
        }
        // Numbers that are not negative are ordered as their bits.
        let slots = squares.as_chunks::<2>().0.iter().map(|[even, odd]| (even + odd).to_bits());
        let largest = f32::from_bits(slots.max().unwrap_or(0));
        // Each operation may have lost half a unit.
        *self.largest = f64::from(largest).sqrt() * (1.0 + (self.values.len() + 8) as f64 * f64::from(f32::EPSILON));
    }
}

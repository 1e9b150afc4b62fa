//! The look in int16 at what a screen in int8 leaves open: the same centred and rotated rows in int16, whose steps are some
//! hundred times finer, and the same bound, all in float64.

use super::bounds::{SLACK, shift_error};
use super::rows::{INT16_NORM, Row, norms};
use super::{Candidates, Levels, Queries, Screen};
use crate::kernels::{Cell, Int16Rows, LANES, Line, Quantise, SLOTS, int16_products};

/// The sums and products of a score and those of its bound meet few roundings, of some units each.
const ROUNDINGS: f64 = 8.0 * f64::EPSILON;

/// Rows as int16, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Fine {
    lines: Vec<Line<Cell>>,
    /// Of each row.
    length: usize,
    forms: Vec<Form>,
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
    /// What is added to its products: `n.x` of a candidate.
    pub shift: f64,
}

/// The bytes that a row takes.
#[must_use]
pub fn bytes(dimension: usize) -> usize {
    dimension.div_ceil(2 * LANES) * size_of::<Line<Cell>>()
}

impl Fine {
    /// Forgets the rows, and makes room for others. What is left there from before is written over: to fill the room first
    /// would take a 50th of the time, and to let it grow would copy rows into memory that was never touched.
    pub fn make_room(&mut self, rows: usize, dimension: usize) {
        self.length = bytes(dimension) / size_of::<Line<Cell>>();
        self.lines.resize(rows * self.length, Line::default());
        self.forms.clear();
        self.forms.reserve(rows);
    }

    /// Adds a row of which `values` and `largest`, the largest absolute value, are given, and what the cells for int8 stand
    /// for. There is room for it.
    pub fn push(&mut self, values: &[Line<f32>], largest: f32, row: Row, shift: f64) -> Form {
        let lines = &mut self.lines[self.forms.len() * self.length..][..self.length];
        let mut form = Form { scale: 0.0, norm: row.norm, residual: row.residual, shift };
        if row.scale > 0.0 {
            let components = values.len() * LANES;
            // No sum of the squares of those that share a slot is larger. To find out how large they are would make steps
            // half as long, and take longer than the looks that it saves.
            let slot = (2.0 * components.div_ceil(2 * SLOTS) as f64).sqrt();
            // Rounding adds at most half a unit for each component.
            let scale = f64::from(largest) * (1.0 / f64::from(i16::MAX)).max(slot / (INT16_NORM - slot));
            let quantise = Quantise::new(values, scale, i16::MAX.into(), 0);
            let sums = quantise.cells(Line::flat(lines));
            let scale = quantise.scale();
            let (residual, _) = norms(sums, components, scale);
            form = Form { scale: scale.into(), residual, ..form };
        } else {
            lines.fill(Line::default());
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

/// What the look at a query multiplies with a candidate's residual, and what with its norm.
#[derive(Debug, Clone, Copy, Default)]
pub struct Factors {
    residual: f64,
    norm: f64,
}

impl Screen<'_> {
    /// The factors of a query with the norm `length`; `rotated` is how far rotated rows may be off, relative to their norm.
    pub(super) fn fine_factors(&self, length: f64, form: Form, rotated: f64) -> Factors {
        // The shift is off as it is made.
        let shift = shift_error(self.dimension) * self.query_norm;
        let norm = form.residual + self.roundings(length, form.norm, rotated) + shift;
        Factors { residual: (form.norm + form.residual) * SLACK, norm: norm * SLACK }
    }

    /// The products of pairs of a query and a candidate, packed for int8, as [`Int16Look::score`] wants them.
    pub fn multiply_pairs(&self, queries: &Queries, candidates: &Candidates, pairs: &[(u32, u32)], out: &mut Vec<i64>) {
        out.clear();
        out.resize(pairs.len(), 0);
        int16_products(queries.fine.rows(), candidates.fine.rows(), pairs, out);
    }

    /// The look at query `q` of `queries`.
    #[must_use]
    pub fn look<'c>(
        &self,
        (queries, q): (&Queries, usize),
        levels: &Levels,
        candidates: &'c Candidates,
    ) -> Int16Look<'c> {
        let (centre, margin) = levels.centres[q];
        Int16Look {
            candidates: &candidates.fine.forms,
            scale: queries.fine.form(q).scale,
            factors: queries.each[q].fine,
            centre,
            margin: margin + ROUNDINGS * centre.abs(),
        }
    }
}

/// The look at a query.
#[derive(Debug, Clone, Copy)]
pub struct Int16Look<'c> {
    candidates: &'c [Form],
    scale: f64,
    factors: Factors,
    centre: f64,
    margin: f64,
}

impl Int16Look<'_> {
    /// The score of candidate `c`, whose product is given, and how far it may be off.
    #[must_use]
    pub fn score(self, c: usize, product: i64) -> (f64, f64) {
        let Form { scale, norm, residual, shift } = self.candidates[c];
        let product = product as f64 * (self.scale * scale);
        let error = self.factors.residual * residual + self.factors.norm * norm;
        (product + shift + self.centre, error + self.margin + ROUNDINGS * (product.abs() + shift.abs()))
    }
}

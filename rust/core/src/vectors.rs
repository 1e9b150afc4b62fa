//! Rows of numbers: checked, and normalised where the similarity asks for it.

#![expect(clippy::inline_always, reason = "what runs in `widest` has to be compiled with it")]

use crate::error::{Invalid, invalid};
use crate::kernels::{Loop, widest};
use crate::score::normalise;

/// Row-major vectors of one dimension.
#[derive(Debug, Clone, Copy)]
pub struct Vectors<'a> {
    /// `rows * dimension` numbers.
    pub values: &'a [f32],
    /// Numbers a row.
    pub dimension: usize,
}

/// How two vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Similarity {
    /// The dot product of the vectors as they are.
    Dot,
    /// The dot product of the vectors, each divided once by its norm.
    Cosine,
}

impl<'a> Vectors<'a> {
    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.dimension..][..self.dimension]
    }

    /// Some of the rows.
    #[must_use]
    pub fn some(self, rows: std::ops::Range<usize>) -> Self {
        Self { values: &self.values[rows.start * self.dimension..rows.end * self.dimension], ..self }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.dimension).unwrap_or(0)
    }

    /// An error that calls the first row with NaN or infinity by `name`.
    pub fn check_finite(&self, name: &dyn Fn(usize) -> String) -> Result<(), Invalid> {
        let Some(row) = (0..self.rows()).find(|&row| !finite(self.row(row))) else { return Ok(()) };
        invalid!("{} holds NaN or infinity: scores need finite vectors; check the encoder's output", name(row))
    }
}

/// Whether no number is NaN or infinite.
#[must_use]
pub fn finite(row: &[f32]) -> bool {
    let mut sound = true;
    widest(Finite { row, sound: &mut sound });
    sound
}

struct Finite<'a> {
    row: &'a [f32],
    sound: &'a mut bool,
}

impl Loop for Finite<'_> {
    #[inline(always)]
    fn run(self) {
        *self.sound = self.row.iter().fold(true, |sound, x| sound & x.is_finite());
    }
}

/// A block whose rows are ready to be scored.
#[derive(Debug)]
pub struct Prepared<'a> {
    given: Vectors<'a>,
    normalised: Option<Vec<f32>>,
    /// Rows that are all zero and so cannot be normalised.
    pub zero_rows: u64,
}

impl<'a> Prepared<'a> {
    /// Normalises a copy of the rows where `similarity` asks for it.
    #[must_use]
    pub fn new(given: Vectors<'a>, similarity: Similarity) -> Self {
        let mut prepared = Self { given, normalised: None, zero_rows: 0 };
        if similarity == Similarity::Cosine {
            let mut values = given.values.to_vec();
            let rows = values.chunks_exact_mut(given.dimension);
            prepared.zero_rows = rows.map(|row| u64::from(normalise(row))).sum();
            prepared.normalised = Some(values);
        }
        prepared
    }

    /// The rows as they are scored.
    #[must_use]
    pub fn vectors(&self) -> Vectors<'_> {
        Vectors { values: self.normalised.as_deref().unwrap_or(self.given.values), ..self.given }
    }
}

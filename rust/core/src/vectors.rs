//! Rows of numbers: checked, and made ready to be scored as the similarity asks for.

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

impl Similarity {
    /// Makes rows ready to be scored, and returns how many are all zero and so cannot be normalised.
    pub fn prepare(self, rows: &mut [f32], dimension: usize) -> u64 {
        match self {
            Self::Dot => 0,
            Self::Cosine => rows.chunks_exact_mut(dimension).map(|row| u64::from(normalise(row))).sum(),
        }
    }

    /// A row as it is scored, for which there may have to be room.
    pub fn prepared<'r>(self, row: &'r [f32], room: &'r mut Vec<f32>) -> &'r [f32] {
        if self == Self::Dot {
            return row;
        }
        room.clear();
        room.extend_from_slice(row);
        self.prepare(room, row.len());
        room
    }
}

impl<'a> Vectors<'a> {
    /// Row `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.dimension..][..self.dimension]
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

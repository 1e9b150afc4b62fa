//! Rows rotated so that no component stands out, which costs int8 its digits: the largest one sets the step of all.
//!
//! `z = R x` with an orthogonal `R`, the same for queries and candidates, so products and norms stay. A row is seen as
//! vectors of sixteen components, as many as `blocks * 4^quarterings`; signs change as a fixed pattern says, the vectors of
//! a block are added and subtracted as a Hadamard matrix says, and those in the same place of all blocks are reflected
//! (a randomised Hadamard transform and a Householder reflection). Each component is spread over all that share its place
//! modulo sixteen: of what the integers of 768 components leave out that took half. To spread it over the sixteen as well
//! would take shuffles, and another 10th.

use super::bounds::UNIT;
use crate::kernels::{LANES, Line, Rotate};

/// The rotation of rows of one length.
#[derive(Debug)]
pub struct Rotation(Rotate);

impl Rotation {
    /// For rows of `components`, a multiple of sixteen.
    #[must_use]
    pub fn new(components: usize) -> Self {
        let vectors = components / LANES;
        // The root of a power of four is a power of two, by which it is exact to divide.
        let quarterings = vectors.trailing_zeros() / 2;
        // Rows that follow a pattern shall not follow this one: bits of multiples of the golden ratio.
        let sign = |at: usize| if (at as u32).wrapping_mul(0x9e37_79b9) >> 18 & 1 == 0 { 1.0 } else { -1.0 };
        let signs = (0..vectors).map(|v| Line(std::array::from_fn(|lane| sign(v * LANES + lane)))).collect();
        Self(Rotate { signs, blocks: vectors >> (2 * quarterings), quarterings })
    }

    /// How far a rotated row may be off, relative to its norm.
    #[must_use]
    pub fn error(&self) -> f64 {
        // A unit for each addition and subtraction of the Hadamard matrix. The sum of all blocks, its factor and their
        // product are off by `blocks + 2` units of the sum of absolute values, at most the root of `blocks` times their
        // norm; times 2 / blocks, in all blocks: twice that in all. Then the last subtraction, what underflows, and what
        // is quadratic.
        (2.0 * f64::from(self.0.quarterings) + 2.0 * (self.0.blocks + 2) as f64 + 4.0) * UNIT
    }

    /// Rotates a row into `rotated`, and returns the largest absolute value of that.
    pub fn rotate(&self, row: &[Line<f32>], rotated: &mut [Line<f32>]) -> f32 {
        self.0.rotate(row, rotated)
    }
}

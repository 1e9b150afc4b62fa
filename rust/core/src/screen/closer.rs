//! The second look at what a screen with integers leaves open.

use super::{LARGEST, SLACK, UNIT, gamma, gamma_of_score};
use crate::kernels::{ROWS, SUMS, near};

/// Candidates that are looked at together, the second time.
pub const AT_ONCE: usize = ROWS;

/// The second look at a query and a candidate: one float32 product, on a short path.
#[derive(Debug, Clone, Copy)]
pub struct Closer {
    relative: f64,
    absolute: f64,
}

impl Closer {
    /// The bound for vectors with `dimension` components.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        let in_order = dimension % SUMS + dimension / SUMS;
        Self {
            relative: (gamma(in_order + 2 + SUMS.ilog2() as usize, UNIT) + gamma_of_score(dimension)) * SLACK,
            absolute: (dimension + 8) as f64 * f64::from(f32::from_bits(1)),
        }
    }

    /// The products of a query with at most [`AT_ONCE`] candidates, to be given to [`Self::beaten`]; `next` are those to be
    /// looked at next.
    #[must_use]
    pub fn products(query: &[f32], candidates: &[&[f32]], next: [&[f32]; AT_ONCE]) -> [f32; AT_ONCE] {
        near(query, candidates, next)
    }

    /// How many of the ascending thresholds a candidate beats, of which it is known to beat the `known` lowest; `None`
    /// where that is not certain. `norms` is the product of the norms of query and candidate, rounded up.
    #[must_use]
    pub fn beaten(self, product: f32, norms: f64, thresholds: &[f64], known: usize) -> Option<usize> {
        if norms >= LARGEST || norms.is_nan() {
            return None;
        }
        let error = self.relative * norms + self.absolute;
        let (low, high) = (f64::from(product) - error, f64::from(product) + error);
        // Most beat one more or none.
        let sure = known + thresholds[known..].iter().take_while(|&&threshold| threshold < low).count();
        let lower = thresholds.get(sure).is_none_or(|&threshold| high < threshold);
        lower.then_some(sure)
    }
}

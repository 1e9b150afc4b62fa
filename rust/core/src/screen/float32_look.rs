//! The look in float32 at what integers leave open.

use super::bounds::{LARGEST, SLACK, UNIT, gamma, gamma_of_score};
use crate::kernels::float32_roundings;

/// The look at a query and a candidate: one float32 product, on a short path.
#[derive(Debug, Clone, Copy)]
pub struct Float32Look {
    relative: f64,
    absolute: f64,
}

impl Float32Look {
    /// The bound for vectors with `dimension` components.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        let roundings = float32_roundings(dimension);
        Self {
            relative: (gamma(roundings, UNIT) + gamma_of_score(dimension)) * SLACK,
            absolute: (dimension + 8) as f64 * f64::from(f32::from_bits(1)),
        }
    }

    /// How far the product of a query and a candidate may be off. `norms` is the product of their norms, rounded up.
    #[must_use]
    pub fn error(self, norms: f64) -> f64 {
        if norms < LARGEST { self.relative * norms + self.absolute } else { f64::INFINITY }
    }
}

/// How many of the ascending thresholds a candidate beats, of which it is known to beat the `known` lowest, if its score is
/// `product` but for `error`; `None` where that is not certain.
#[must_use]
pub fn beaten(product: f64, error: f64, thresholds: &[f64], known: usize) -> Option<usize> {
    let (low, high) = (product - error, product + error);
    let beats = |at: usize| thresholds.get(at).is_some_and(|&threshold| threshold < low);
    // Most beat one more or none, and no processor can guess which: so this is no branch.
    let mut sure = known + usize::from(beats(known));
    while beats(sure) {
        sure += 1;
    }
    let lower = thresholds.get(sure).is_none_or(|&threshold| high < threshold);
    lower.then_some(sure)
}

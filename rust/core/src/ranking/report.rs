//! Which arithmetic decided how many comparisons.

use std::ops::AddAssign;

/// How many comparisons of a query that judges some candidate with a candidate were decided by what. Every comparison was
/// screened before by what stands above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// By int8 products.
    pub int8: u64,
    /// By int16 products: of the screen, or of the look after int8.
    pub int16: u64,
    /// By float32 products: of the screen, or of the look after integers.
    pub float32: u64,
    /// By a screen elsewhere.
    pub elsewhere: u64,
    /// By the score itself; a judged candidate's own score is known and counts here.
    pub reference: u64,
}

impl Report {
    /// How many counts there are.
    pub const COUNTS: usize = 5;

    /// The counts, in the order of the fields.
    #[must_use]
    pub fn counts(self) -> [u64; Self::COUNTS] {
        [self.int8, self.int16, self.float32, self.elsewhere, self.reference]
    }

    /// The report with these counts.
    #[must_use]
    pub fn from_counts([int8, int16, float32, elsewhere, reference]: [u64; Self::COUNTS]) -> Self {
        Self { int8, int16, float32, elsewhere, reference }
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        let theirs = other.counts();
        *self = Self::from_counts(std::array::from_fn(|at| self.counts()[at].saturating_add(theirs[at])));
    }
}

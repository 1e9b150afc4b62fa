//! Which arithmetic decided how many comparisons.

use std::ops::AddAssign;

/// How many comparisons of a query that judges some candidate with a candidate were decided by what. Every comparison was
/// screened before by what stands above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// By int8 products.
    pub int8: u64,
    /// By int16 products.
    pub int16: u64,
    /// By float32 products, the first or the second look.
    pub float32: u64,
    /// By a screen elsewhere.
    pub elsewhere: u64,
    /// By the score itself; a judged candidate's own score is known and counts here.
    pub reference: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.int8 += other.int8;
        self.int16 += other.int16;
        self.float32 += other.float32;
        self.elsewhere += other.elsewhere;
        self.reference += other.reference;
    }
}

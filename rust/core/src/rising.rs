//! Lists of ascending numbers in little more bits than tell them apart from all other such lists (Elias 1974, Fano 1971).

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::compact::Compact;
use crate::marks::Marks;

/// Ascending numbers, none twice: `n` of them below `m` take at most `2 + log2(m / n)` bits each, and a quarter to find
/// them by.
///
/// The lower bits of a number are kept as they are. The higher ones rise slowly: that of the number at `at` are told by
/// the set bit with `at` others before it, which stands `at` places behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rising {
    /// Of a number, in `low`.
    bits: u32,
    low: Compact,
    high: Marks,
}

impl Rising {
    /// Keeps numbers below `below`, at most 2^32.
    #[must_use]
    pub fn new(numbers: &[u32], below: u64) -> Self {
        let bits = (below / (numbers.len() as u64).max(1)).checked_ilog2().unwrap_or(0);
        let largest = ((1_u64 << bits) - 1) as u32;
        let mut high = Bits::new((below >> bits) + numbers.len() as u64 + 1);
        for (at, &number) in (0..).zip(numbers) {
            high.set((u64::from(number) >> bits) + at);
        }
        let low = Compact::new(largest, numbers.iter().map(|number| number & largest));
        Self { bits, low, high: Marks::new(high) }
    }

    /// The number with `at` others before it.
    #[must_use]
    pub fn get(&self, at: u64) -> u64 {
        (self.high.position(at) - at) << self.bits | u64::from(self.low.get(at))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        (0..).zip(self.high.iter()).map(|(at, place)| (place - at) << self.bits | u64::from(self.low.get(at)))
    }
}

//! Lists of numbers in as few bytes as the largest needs.

use serde::{Deserialize, Serialize};

/// Numbers below 2^32.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Compact {
    /// All below 2^8.
    U8(Vec<u8>),
    /// All below 2^16.
    U16(Vec<u16>),
    /// Any.
    U32(Vec<u32>),
}

impl Compact {
    /// Stores numbers of which `largest` is the largest possible.
    #[must_use]
    pub fn new(largest: u64, numbers: impl Iterator<Item = u32>) -> Self {
        let mut compact = if u8::try_from(largest).is_ok() {
            Self::U8(numbers.map(|number| number as u8).collect())
        } else if u16::try_from(largest).is_ok() {
            Self::U16(numbers.map(|number| number as u16).collect())
        } else {
            Self::U32(numbers.collect())
        };
        match &mut compact {
            Self::U8(numbers) => numbers.shrink_to_fit(),
            Self::U16(numbers) => numbers.shrink_to_fit(),
            Self::U32(numbers) => numbers.shrink_to_fit(),
        }
        compact
    }

    /// The number at a position.
    #[must_use]
    pub fn get(&self, at: u64) -> u32 {
        match self {
            Self::U8(numbers) => u32::from(numbers[at as usize]),
            Self::U16(numbers) => u32::from(numbers[at as usize]),
            Self::U32(numbers) => numbers[at as usize],
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::U8(numbers) => numbers.len() as u64,
            Self::U16(numbers) => numbers.len() as u64,
            Self::U32(numbers) => numbers.len() as u64,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map(|at| self.get(at))
    }
}

//! Lists of numbers in as few bits as the largest needs.

use serde::{Deserialize, Serialize};

/// Numbers below 2^32, one behind the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Compact {
    /// Of a number: at most 32.
    bits: u32,
    len: u64,
    /// The first number in the lowest bits of the first bytes; [`BEHIND`] bytes more than they need.
    bytes: Vec<u8>,
}

/// A number is read out of the eight bytes from its first on.
const BEHIND: usize = 8;

impl Compact {
    /// Stores numbers of which `largest` is the largest possible.
    #[must_use]
    pub fn new(largest: u32, numbers: impl Iterator<Item = u32>) -> Self {
        let bits = u32::BITS - largest.leading_zeros();
        let mut bytes = Vec::with_capacity(bytes_of(numbers.size_hint().0 as u64, bits) + BEHIND);
        let (mut len, mut waiting, mut filled) = (0, 0_u64, 0);
        for number in numbers {
            waiting |= u64::from(number) << filled;
            filled += bits;
            len += 1;
            if filled >= 32 {
                bytes.extend_from_slice(&(waiting as u32).to_le_bytes());
                waiting >>= 32;
                filled -= 32;
            }
        }
        bytes.extend_from_slice(&waiting.to_le_bytes());
        bytes.resize(bytes_of(len, bits) + BEHIND, 0);
        bytes.shrink_to_fit();
        Self { bits, len, bytes }
    }

    /// The number at a position.
    #[must_use]
    pub fn get(&self, at: u64) -> u32 {
        let first = at * u64::from(self.bits);
        let Some(eight) = self.bytes[(first / 8) as usize..].first_chunk::<BEHIND>() else {
            unreachable!("a position behind the numbers")
        };
        (u64::from_le_bytes(*eight) >> (first % 8) & ((1 << self.bits) - 1)) as u32
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len).map(|at| self.get(at))
    }
}

fn bytes_of(len: u64, bits: u32) -> usize {
    (len * u64::from(bits)).div_ceil(8) as usize
}

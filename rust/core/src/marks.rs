//! The set bits of a bit set by number: a list of ascending numbers in little more than a bit for each that could be one.

use serde::{Deserialize, Serialize};

use crate::bits::Bits;

/// Words of bits that are counted together.
const BLOCK: u64 = 8;
/// Set bits between two hints.
const STRIDE: u64 = 512;

/// A bit set with the search for its `k`-th set bit, and for how many stand before a position.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Bits", into = "Bits")]
pub struct Marks {
    bits: Bits,
    /// Set bits before each block, and in all.
    before: Vec<u32>,
    /// The block of every 512th set bit: where a search begins.
    hints: Vec<u32>,
}

impl Marks {
    /// Counts the bits, of which fewer than 2^32 are set.
    #[must_use]
    pub fn new(bits: Bits) -> Self {
        let (mut before, mut hints, mut count) = (Vec::new(), Vec::new(), 0_u64);
        for (block, words) in bits.words().chunks(BLOCK as usize).enumerate() {
            before.push(count as u32);
            count += words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
            while (hints.len() as u64) * STRIDE < count {
                hints.push(block as u32);
            }
        }
        before.push(count as u32);
        before.shrink_to_fit();
        hints.shrink_to_fit();
        Self { bits, before, hints }
    }

    /// How many bits are set.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.before.last().copied().unwrap_or(0).into()
    }

    /// Whether a bit is set.
    #[must_use]
    pub fn get(&self, at: u64) -> bool {
        self.bits.get(at)
    }

    /// The set bits, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.bits.ones()
    }

    /// The position of the set bit with `number` others before it.
    ///
    /// # Panics
    /// When there are not as many.
    #[must_use]
    pub fn position(&self, number: u64) -> u64 {
        let hint = (number / STRIDE) as usize;
        let first = self.hints[hint] as usize;
        let last = self.hints.get(hint + 1).map_or(self.before.len() - 1, |&block| block as usize + 1);
        // The last block with at most `number` set bits before it.
        let block = first + self.before[first..last].partition_point(|&before| u64::from(before) <= number) - 1;
        let mut left = number - u64::from(self.before[block]);
        let from = block * BLOCK as usize;
        for (word, &bits) in (from as u64..).zip(&self.bits.words()[from..]) {
            let ones = u64::from(bits.count_ones());
            if left < ones {
                return 64 * word + u64::from(nth_one(bits, left));
            }
            left -= ones;
        }
        unreachable!("more set bits than were counted")
    }

    /// How many bits are set before a position.
    #[must_use]
    pub fn number(&self, position: u64) -> u64 {
        let word = (position / 64) as usize;
        let block = word / BLOCK as usize;
        let whole = &self.bits.words()[block * BLOCK as usize..word];
        let part = self.bits.words().get(word).map_or(0, |bits| bits & ((1 << (position % 64)) - 1));
        u64::from(self.before[block])
            + whole.iter().chain([&part]).map(|bits| u64::from(bits.count_ones())).sum::<u64>()
    }

    /// Everything that batches depend on, as words.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.bits.words().iter().copied()
    }
}

impl From<Bits> for Marks {
    fn from(bits: Bits) -> Self {
        Self::new(bits)
    }
}

impl From<Marks> for Bits {
    fn from(marks: Marks) -> Self {
        marks.bits
    }
}

/// The place of the set bit of a word with `number` others below it.
fn nth_one(mut bits: u64, mut number: u64) -> u32 {
    let mut place = 0;
    for half in [32, 16, 8, 4, 2, 1] {
        let below = u64::from((bits & ((1 << half) - 1)).count_ones());
        if number >= below {
            number -= below;
            bits >>= half;
            place += half;
        }
    }
    place
}

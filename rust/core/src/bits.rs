//! A set of positions `0..n`, one bit each.

use serde::{Deserialize, Serialize};

/// Bits with the search for neighbours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bits {
    words: Vec<u64>,
    len: u64,
}

impl Bits {
    /// `len` bits, none set.
    #[must_use]
    pub fn new(len: u64) -> Self {
        Self { words: vec![0; len.div_ceil(64) as usize], len }
    }

    /// The number of bits, set or not.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bits at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits, 64 a word, lowest first.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Sets a bit.
    pub fn set(&mut self, at: u64) {
        self.words[(at / 64) as usize] |= 1 << (at % 64);
    }

    /// Whether a bit is set.
    #[must_use]
    pub fn get(&self, at: u64) -> bool {
        self.words[(at / 64) as usize] >> (at % 64) & 1 == 1
    }

    /// The last set bit at or before `at`, which must exist.
    #[must_use]
    pub fn last_at_or_before(&self, at: u64) -> u64 {
        let mut word = (at / 64) as usize;
        let mut bits = self.words[word] << (63 - at % 64) >> (63 - at % 64);
        while bits == 0 {
            word -= 1;
            bits = self.words[word];
        }
        64 * word as u64 + 63 - u64::from(bits.leading_zeros())
    }

    /// The first set bit after `at`, or the number of bits.
    #[must_use]
    pub fn first_after(&self, at: u64) -> u64 {
        let next = at + 1;
        let mut word = (next / 64) as usize;
        if word >= self.words.len() {
            return self.len;
        }
        let mut bits = self.words[word] >> (next % 64) << (next % 64);
        while bits == 0 {
            word += 1;
            if word == self.words.len() {
                return self.len;
            }
            bits = self.words[word];
        }
        64 * word as u64 + u64::from(bits.trailing_zeros())
    }

    /// The set bits, ascending.
    pub fn ones(&self) -> impl Iterator<Item = u64> {
        (0..).zip(&self.words).flat_map(|(word, &bits)| {
            let rest = std::iter::successors((bits != 0).then_some(bits), |&bits| {
                let rest = bits & (bits - 1);
                (rest != 0).then_some(rest)
            });
            rest.map(move |bits| 64 * word + u64::from(bits.trailing_zeros()))
        })
    }
}
